package payment

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Record is one verified statement of the gateway about one transaction: an opened webhook, or one
// element of a query's answer. The gateway's adapter fills it; nothing in it has been compared with
// a payment yet.
type Record struct {
	MerchantRef string `json:"merchant_ref"`
	// the gateway's number, kept as text
	TransactionRef string `json:"transaction_ref,omitempty"`
	// PAY, VOID, REFUND; a webhook has none and counts as PAY
	Type string `json:"type"`
	// the gateway's word: SUCCESS, DECLINED, EXPIRED, SENT or one we do not know
	Status       string `json:"status"`
	ResponseCode string `json:"response_code,omitempty"` // "00" = ok; "" = not stated
	// minor units; UnreadableAmount when the text is not an amount of the currency
	Amount int64 `json:"amount"`
	// as stated, when it could not be read
	AmountText string    `json:"amount_text,omitempty"`
	Currency   string    `json:"currency"`
	Scheme     string    `json:"scheme,omitempty"` // VISA, PAYNOW … an open set
	PaidAt     time.Time `json:"paid_at,omitzero"` // the gateway's clock
	// the gateway's own words, where the configuration has given them their meaning
	Said Said `json:"said,omitzero"`
}

// UnreadableAmount stands for an amount that could not be read: it equals no payment's amount.
const UnreadableAmount int64 = -1

// The gateway-neutral words of Record.Type and Record.Status.
const (
	TypePay    = "PAY"
	TypeVoid   = "VOID"
	TypeRefund = "REFUND"

	RecordSuccess  = "SUCCESS"
	RecordDeclined = "DECLINED"
	RecordExpired  = "EXPIRED"
	RecordSent     = "SENT" // a code was generated; not an outcome
)

// Content identifies what the record says, so that the same statement arriving twice is one fact.
// Two statements that differ in anything that Status looks at have different contents.
func (r Record) Content() string {
	return contentHash("record", r.MerchantRef, r.TransactionRef, r.Type, r.Status, r.ResponseCode,
		strconv.FormatInt(r.Amount, 10), r.AmountText, r.Currency)
}

// repeats reports whether two records of one answer state one payment: the same transaction at the
// same moment. Without a reference each is a payment of its own.
func (r Record) repeats(e Record) bool {
	return r.TransactionRef != "" && r.Content() == e.Content() && r.PaidAt.Equal(e.PaidAt)
}

// verdict is what a record means for one payment.
type verdict int

const (
	saysNothing       verdict = iota // SENT, or a word that we do not know: not an outcome
	saysPaid                         // guarantee 1 is satisfied
	saysUnread                       // SUCCESS with money or a response code that cannot be read
	saysMismatch                     // SUCCESS with another amount or currency
	saysContradictory                // SUCCESS with a response code that says otherwise
	saysDeclined
	saysExpired
	saysReversed // VOID or REFUND, unless it was refused
)

// judge compares a record with the money that the payment asked for. It is the one place where
// guarantee 1 is decided.
func judge(r Record, merchantRef string, m Money) verdict {
	if r.MerchantRef != merchantRef {
		return saysNothing
	}
	switch r.Type {
	case TypeVoid, TypeRefund:
		if r.Status == RecordDeclined || r.Status == RecordExpired {
			return saysNothing // a reversal that was refused reverses nothing
		}
		return saysReversed
	case TypePay:
	default:
		return saysNothing
	}
	switch r.Status {
	case RecordSuccess:
		if r.unread() != "" {
			return saysUnread
		}
		if r.Amount != m.Amount || r.Currency != string(m.Currency) {
			return saysMismatch
		}
		if r.ResponseCode != "" && r.ResponseCode != "00" {
			return saysContradictory
		}
		return saysPaid
	case RecordDeclined:
		return saysDeclined
	case RecordExpired:
		return saysExpired
	default:
		return saysNothing
	}
}

// Known reports whether it is known what the record says: its type and status are our words, and of
// a SUCCESS the money can be read. Only then does it say that no money moved.
func Known(r Record) bool {
	switch r.Type {
	case TypePay, TypeVoid, TypeRefund:
	default:
		return false
	}
	switch r.Status {
	case RecordSuccess:
		return r.Type != TypePay || r.unread() == ""
	case RecordDeclined, RecordExpired, RecordSent:
		return true
	default:
		return false
	}
}

// unread is what of a SUCCESS cannot be read, in words; "" = the verdict can be drawn. What cannot
// be read contradicts nothing: it says that there is money, and not how much.
func (r Record) unread() string {
	switch {
	case r.Amount == UnreadableAmount && !foreign(r.Currency):
		return "with the amount " + strconv.Quote(r.AmountText) + ", which cannot be read"
	case !currencyCode(r.Currency):
		return "with the currency " + strconv.Quote(r.Currency) + ", which cannot be read"
	case r.ResponseCode != "" && !responseCode(r.ResponseCode):
		return "with the response code " + strconv.Quote(r.ResponseCode) + ", which nobody knows"
	default:
		return ""
	}
}

// foreign reports whether s is the code of a currency that nobody takes here: its amount is of
// another sale, in whatever units.
func foreign(s string) bool {
	_, taken := Currency(s).Exponent()
	return currencyCode(s) && !taken
}

// currencyCode reports whether s has the form of an ISO 4217 code.
func currencyCode(s string) bool {
	return len(s) == 3 && !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// responseCode reports whether s has the form of a response code: two letters or digits.
func responseCode(s string) bool {
	return len(s) == 2 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// contentHash is the SHA-256, in hex, of the parts with their lengths, so that no two lists of
// parts collide by concatenation.
func contentHash(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(strconv.Itoa(len(p)))
		b.WriteByte(':')
		b.WriteString(p)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

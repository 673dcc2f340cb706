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

// Known reports whether the record's type and status are words whose meaning is known: only then
// does it say that no money moved.
func Known(r Record) bool {
	switch r.Type {
	case TypePay, TypeVoid, TypeRefund:
	default:
		return false
	}
	switch r.Status {
	case RecordSuccess, RecordDeclined, RecordExpired, RecordSent:
		return true
	default:
		return false
	}
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

package singapay

import (
	"slices"
	"strings"

	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

// kind is what a notification is about.
type kind int

const (
	kindUnknown    kind = iota
	kindLink            // money in by a payment link
	kindQR              // money in by a QRIS code
	kindInquiry         // a customer looks at a link, or an attempt has ended
	kindExpiry          // a list of what has ended
	kindReversal        // money that was paid goes back
	kindIrrelevant      // something of the merchant's that this agent never began
)

// events are SingaPay's names of events, in every spelling that its pages and its deliveries have.
var events = map[string]kind{
	"payment-link-transaction":  kindLink,
	"qris-acquirer-transaction": kindQR,

	"payment-link-inquiry": kindInquiry, "payment_link.inquiry": kindInquiry,
	"payment_link.inquiry.expired": kindInquiry, "transaction-expiration": kindExpiry,
	"transaction_expiration": kindExpiry, "product-expiration": kindExpiry,
	"product_expiration": kindExpiry,

	"settlement.refunded": kindReversal, "settlement.refund_cancelled": kindReversal,

	"va-transaction": kindIrrelevant, "ewallet-native-transaction": kindIrrelevant,
	"disbursement": kindIrrelevant, "ewallet-topup": kindIrrelevant,
	"qris-issuer": kindIrrelevant, "settlement.completed": kindIrrelevant,
}

// families are beginnings of events that this agent has nothing to do with.
var families = [...]string{"subscription.", "subscription-", "direct-debit", "direct_debit", "kyb"}

// kindOf goes by the event, and where that is missing or new by what the transaction says of
// itself; after that by the events of the configuration.
func (g *Gateway) kindOf(m object) kind {
	event := text(m["event"])
	if k, known := events[event]; known {
		return k
	}
	if text(at(m, "data", "transaction", "type")) == typeLink ||
		text(at(m, "data", "payment", "method")) == "payment_link" {
		return kindLink
	}
	for _, l := range g.cfg.Events.lists() {
		if slices.Contains(l.names, event) {
			return l.kind
		}
	}
	if slices.ContainsFunc(families[:],
		func(f string) bool { return strings.HasPrefix(event, f) }) {
		return kindIrrelevant
	}
	return kindUnknown
}

// statements are what an authentic body says about payments.
func (g *Gateway) statements(m object) ([]payment.Record, *OpenError) {
	switch g.kindOf(m) {
	case kindLink:
		return one(g.transaction(m, fromAttempt,
			at(m, "data", "payment", "additional_info", "payment_link", "reff_no")))
	case kindQR:
		ours := at(m, "data", "transaction", "merchant_reff_no")
		if g.nobodys(m, ours) {
			return nil, nil
		}
		return one(g.transaction(m, fromQR, ours))
	case kindInquiry:
		return g.inquiry(m), nil
	case kindExpiry:
		return g.ended(at(m, "data")), nil
	case kindReversal:
		return nil, refuse(ReasonReversal, "")
	case kindIrrelevant:
		return nil, nil
	default:
		return nil, refuse(ReasonEvent, plainName(text(m["event"]), ""))
	}
}

// nobodys reports whether a code's transaction says that it has no reference of ours: somebody else
// has made it. One that says nothing of it may be ours.
func (g *Gateway) nobodys(m object, known any) bool {
	said, twice := pick(m, known, g.cfg.Members.MerchantRef)
	if twice || said != nil && said != "" {
		return false
	}
	for _, path := range append([]string{"data.transaction.merchant_reff_no"},
		g.cfg.Members.MerchantRef...) {
		parts := strings.Split(path, ".")
		last := len(parts) - 1
		if o, ok := at(m, parts[:last]...).(object); ok {
			if _, there := o[parts[last]]; there {
				return true
			}
		}
	}
	return false
}

func one(r payment.Record, refused *OpenError) ([]payment.Record, *OpenError) {
	if refused != nil {
		return nil, refused
	}
	return []payment.Record{r}, nil
}

// transaction reads the notification of a transaction. What the verdict hangs on must be readable.
// A notification that calls itself no success decides nothing, whatever the transaction's word is.
func (g *Gateway) transaction(m object, from source, ours any) (r payment.Record, e *OpenError) {
	t, _ := at(m, "data", "transaction").(object)
	names, money := &g.cfg.Members, t["amount"]
	if from == fromQR {
		r.Scheme = methodQRIS
		if t["total_amount"] != nil {
			money = t["total_amount"] // with the tip: what was paid in all
		}
	}
	var said, value, code any
	for _, field := range []struct {
		key     string
		into    *any
		known   any
		further []string
	}{
		{"merchant_ref", &ours, ours, names.MerchantRef},
		{"status", &said, t["status"], names.Status},
		{"amount", &value, at(money, "value"), names.Amount},
		{"currency", &code, at(money, "currency"), names.Currency},
	} {
		var twice bool
		if *field.into, twice = pick(m, field.known, field.further); twice {
			return r, refuseMember(field.key, "twice", t)
		}
	}
	attempt, twice := pick(m, t["reff_no"], names.TransactionRef)
	r.MerchantRef, r.TransactionRef = reference(g.ours(text(ours))), reference(attempt)
	switch {
	case r.MerchantRef == "":
		return r, refuseMember("merchant_ref", "reference", at(m, "data"))
	case twice:
		return r, refuseMember("transaction_ref", "twice", t)
	case r.TransactionRef == "":
		return r, refuseMember("transaction_ref", "data.transaction.reff_no", t)
	case text(said) == "":
		return r, refuseMember("status", "data.transaction.status", t)
	}
	g.setType(&r, t["type"])
	g.setStatus(&r, from, stated{stored: text(said)})
	if inner := count(m["status"]); m["success"] != true || m["status"] != nil &&
		(inner < 200 || inner > 299) {
		r.Status, r.Said.Status = StatusRecheck, ""
	}
	r.Amount, r.AmountText = g.amount(value, "amount")
	r.Currency = text(code)
	if !webaddr.Printable(r.Currency, 3, 3) {
		r.Currency = "?"
	}
	if tip, _ := amount(at(t["tip"], "value")); from == fromAttempt && tip > 0 && r.Amount >= 0 {
		r.Amount += tip
	}
	if r.Status == payment.RecordSuccess {
		if r.PaidAt = moment(t["processed_timestamp"]); r.PaidAt.IsZero() {
			r.PaidAt = moment(t["post_timestamp"])
		}
	}
	return r, nil
}

// inquiry reads that a customer has opened a link or chosen how to pay, if it names the link. It is
// never a payment.
func (g *Gateway) inquiry(m object) []payment.Record {
	h, _ := at(m, "data", "payment_link_history").(object)
	owner, _, _ := g.ownerOf(h)
	if owner == "" {
		owner = g.ours(text(at(m, "data", "payment_link", "reff_no")))
	}
	said := text(h["status"])
	if h == nil { // the link was viewed
		said = "pending"
	}
	if strings.HasSuffix(text(m["event"]), "expired") {
		said = "expired"
	}
	return about(nil, owner, h, status(fromNotice, said))
}

// ended reads the lists of an expiry. An attempt that has ended, or a link, decides nothing: a
// later attempt may have paid, and only SingaPay's answer to a question says so.
func (g *Gateway) ended(data any) []payment.Record {
	var records []payment.Record
	for _, list := range []struct{ name, reff string }{
		{"payment_link_histories", ""}, {"payment_links", "reff_no"},
		{"qris_histories", "merchant_reff_no"}, {"qris_transactions", "merchant_reff_no"},
	} {
		items, _ := at(data, list.name).([]any)
		for _, item := range items {
			m, _ := item.(object)
			owner, _, _ := g.ownerOf(m)
			if list.reff != "" {
				owner = g.ours(text(m[list.reff]))
			}
			records = about(records, owner, nil, StatusRecheck)
		}
	}
	return records
}

// about adds a record that decides nothing, once, if it is known whose it is.
func about(records []payment.Record, owner string, attempt object, word string) []payment.Record {
	r := payment.Record{
		MerchantRef: reference(owner), TransactionRef: reference(attempt["reff_no"]),
		Type: payment.TypePay, Status: word, Currency: string(payment.IDR),
	}
	r.Amount, r.AmountText = amount(attempt["amount"])
	if attempt["amount"] == nil {
		r.Amount, r.AmountText = payment.UnreadableAmount, ""
	}
	if attempt != nil {
		r.Scheme = scheme(attempt["payment_method_name"])
	}
	if r.MerchantRef == "" || slices.ContainsFunc(records,
		func(other payment.Record) bool { return other.Content() == r.Content() }) {
		return records
	}
	return append(records, r)
}

package axs

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

// Open finds the tokens in a delivery and returns what those that open with our secret state, each
// statement once. The error is an *OpenError, which wraps payment.ErrUnopened: it is returned when
// not one token is a notification.
func (g *Gateway) Open(e payment.Envelope) ([]payment.Record, error) {
	f := findTokens(e, g.cfg.Members.Token...)
	var records []payment.Record
	var refused *OpenError
	for _, token := range f.tokens {
		r, why := g.notification(token)
		if why != nil {
			refused = further(refused, why)
			continue
		}
		same := func(other payment.Record) bool { return other.Content() == r.Content() }
		if !slices.ContainsFunc(records, same) {
			records = append(records, r)
		}
	}
	switch {
	case len(records) > 0:
		return records, nil
	case refused != nil:
		return nil, refused
	default:
		return nil, g.unlessOwn(f)
	}
}

// unlessOwn is the refusal of a delivery without a token where one is looked for. One that has a
// link of ours elsewhere, as a text around it, is no more than that.
func (g *Gateway) unlessOwn(f found) *OpenError {
	for _, token := range f.lost {
		if _, why := g.notification(token); why != nil && why.Reason == ReasonOwnLink {
			return why
		}
	}
	return f.refused
}

// Plausible reports whether a delivery carries what could be a notification of AXS, to whichever
// client and under whichever secret: a token whose header names the algorithms that AXS uses.
func Plausible(e payment.Envelope) bool {
	f := findTokens(e)
	return slices.ContainsFunc(f.tokens, plausible) ||
		len(f.tokens) == 0 && !f.refused.junk()
}

// plausible is whether some client could open the token under some secret and bound.
func plausible(token string) bool {
	refused := checkToken(token, anyClient, P2C)
	return refused == nil || !refused.junk()
}

// notification opens one token. A link of our own opens as well, since it has the same envelope: it
// is told apart by clientId, which no notification has.
func (g *Gateway) notification(token string) (payment.Record, *OpenError) {
	plaintext, refused := g.open(token)
	if refused != nil {
		return payment.Record{}, refused
	}
	m, err := strictjson.Object(plaintext, maxDepth)
	if err != nil {
		return payment.Record{}, refuse(ReasonPayload)
	}
	if _, has := m["clientId"]; has {
		return payment.Record{}, refuse(ReasonOwnLink)
	}
	return g.record(m)
}

// record reads one record of AXS: a notification's payload, or one element of a query's answer.
//
// What the verdict hangs on must be readable: status and merchantRef are required, and a
// transactionRef, responseCode, type or currency of a wrong JSON type refuses the record, because
// "not stated" would be a guess. An amount that cannot be read is kept as text, which equals no
// payment's amount: the evidence stays, the approval does not. The rest is for people; when it
// cannot be read it is left out.
//
// A currency that is absent, empty or null is the terminal's: AXS's page says that it "defaults to
// SGD", and an account of another currency would have that for a default.
func (g *Gateway) record(m map[string]json.RawMessage) (payment.Record, *OpenError) {
	m, refused := g.cfg.Members.named(m)
	if refused != nil {
		return payment.Record{}, refused
	}
	status, ok := text(m["status"])
	if !ok || status == "" {
		return payment.Record{}, &OpenError{ReasonNoStatus, membersOf(m)}
	}
	r := payment.Record{Type: payment.TypePay, Status: status}
	for _, field := range []struct {
		name string
		into *string
	}{
		{"merchantRef", &r.MerchantRef}, {"transactionRef", &r.TransactionRef},
		{"responseCode", &r.ResponseCode}, {"currency", &r.Currency}, {"transactionType", &r.Type},
	} {
		s, ok := scalar(m[field.name])
		if !ok {
			return payment.Record{}, &OpenError{ReasonField, field.name}
		}
		if s != "" {
			*field.into = s
		}
	}
	if r.MerchantRef == "" {
		return payment.Record{}, &OpenError{ReasonNoRef, membersOf(m)}
	}
	r.MerchantRef = g.read(r.MerchantRef)
	if strings.TrimSpace(r.Currency) == "" {
		r.Currency = string(g.cfg.Currency)
	}
	r.Amount, r.AmountText = amount(m["amount"], payment.Currency(r.Currency))
	r.Scheme, _ = text(m["paymentScheme"])
	if s, ok := text(m["paymentDateTime"]); ok {
		r.PaidAt = paidAt(s)
	}
	return g.cfg.Words.Read(r), nil
}

// membersOf names what came in place of what is needed, safe to show: names and no value.
func membersOf(m map[string]json.RawMessage) string {
	const most = 12
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, shown(name))
	}
	return "it has " + cmp.Or(strings.Join(names, ", "), "no member")
}

// shown is a member's name as it may be shown: letters, and nothing that could be a customer's.
func shown(name string) string {
	const longest = 24
	if name == "" || len(name) > longest || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-'
	}) {
		return "?"
	}
	return name
}

// amount reads dollars into cents, by value: see payment.ReadAmount. Should AXS ever mean cents by
// "1023", the amount is a hundredfold and matches no payment, so reading it as dollars cannot
// approve anything.
func amount(raw json.RawMessage, c payment.Currency) (cents int64, asStated string) {
	s, ok := scalar(raw)
	if !ok {
		s = string(raw)
	}
	read := payment.ReadAmount
	if isNumber(raw) {
		read = payment.ReadNumber
	}
	if minor, ok := read(s, c); ok {
		return minor, ""
	}
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return payment.UnreadableAmount, s
}

// paidAt reads the gateway's time; the zero time when it cannot be read, for a bad date is no
// reason to drop money evidence.
func paidAt(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999",
		"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		// A year outside these could not be written to the journal as JSON.
		if t = t.UTC(); t.Year() >= 1 && t.Year() <= 9999 {
			return t
		}
	}
	return time.Time{}
}

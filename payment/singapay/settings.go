package singapay

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"kiosk-agent/payment"
)

// What SingaPay's pages leave open, or say otherwise than it does, is mended by the settings here.
// None of them lets anything be believed that is not signed, or lets a list prove more than it
// shows.

// Members are further names of what SingaPay says. Each is a path with dots: in a notification
// below its body, such as data.transaction.state; in an answer below the link, code or attempt
// itself. A value is read only where exactly one of its names is there.
type Members struct {
	// of a transaction's notification: data.transaction.status, our reference, .reff_no, .amount's
	// value and currency
	Status, MerchantRef, TransactionRef, Amount, Currency []string
	// of an attempt in an answer: status, payment_link_reff_no, reff_no, amount
	AttemptStatus, AttemptLink, AttemptRef, AttemptAmount []string
	// of a link or code in an answer: id, reff_no or merchant_reff_no, total_amount or amount,
	// status, current_usage, payment_url, qr_data
	MadeID, MadeRef, MadeAmount, MadeStatus, MadeUsage, PaymentURL, QRData []string
	// of the answer with the access token
	AccessToken []string
}

// Events are further names of events. One whose transaction says type pl or method payment_link is
// a payment link's in any case.
type Events struct {
	Link  []string // a transaction of a payment link
	QR    []string // a transaction of a QRIS code
	Other []string // of the merchant's other business: passed over
}

// Answers are further shapes of SingaPay's answers.
type Answers struct {
	// Object and List are where the link or code, or the elements of a list, are: paths with dots
	// below the answer, beside data.
	Object, List []string
	// Single takes an object in place of a list for its one element, or for its elements, where
	// their names are numbers.
	Single bool
	// Unpaged takes the same page again for the end of a list of fewer than ten, or of one that
	// reaches back behind what is looked for.
	Unpaged bool
}

// Headers are further ways to carry what is signed.
type Headers struct {
	// further names of X-Signature, X-Timestamp and Authorization; exactly one may be there
	Signature, Timestamp, Token []string
	// BareToken takes a token without Bearer before it, and a delivery without one.
	BareToken bool
	// OtherTimes takes Unix milliseconds and ISO 8601 in X-Timestamp.
	OtherTimes bool
}

// The values of Config.Reference beside "".
const (
	ReferenceLoose = "loose" // it may come back in another case, or without its dash
	ReferencePlain = "plain" // and it is sent without its dash
)

const maxFurther = 8 // names in one list

func (c *Config) checkSettings(report reporter) {
	for _, f := range c.Words.Check(defined) {
		report(false, "singapay.words."+f.List, f.Problem, f.Hint)
	}
	for _, l := range c.Members.lists() {
		checkNames(report, "singapay.members."+l.key, l.names, memberPath(),
			"write member names with dots between them, such as data.transaction.state")
		for _, name := range l.names {
			report(!slices.Contains(l.known, name), "singapay.members."+l.key,
				fmt.Sprintf("has %q, which is read anyway", name), "leave it out")
		}
	}
	for _, l := range c.Answers.lists() {
		checkNames(report, "singapay.answers."+l.key, l.names, memberPath(),
			"write where it is below the answer, such as data.items")
		report(!slices.Contains(l.names, "data"), "singapay.answers."+l.key,
			"has data, which is read anyway", "leave it out")
	}
	for _, l := range c.Headers.lists() {
		checkNames(report, "singapay.headers."+l.key, l.names, headerName,
			"write the header's name, such as X-Forwarded-Authorization")
		report(!slices.ContainsFunc(l.names, func(name string) bool {
			return slices.ContainsFunc(signatureHeaders[:],
				func(known string) bool { return strings.EqualFold(name, known) })
		}), "singapay.headers."+l.key, "has a header that is read anyway", "leave it out")
	}
	c.checkEvents(report)
	report(c.Reference == "" || c.Reference == ReferenceLoose || c.Reference == ReferencePlain,
		"singapay.reference", "is neither empty, loose nor plain",
		"loose reads it in another form, plain sends it without its dash as well")
}

func (c *Config) checkEvents(report reporter) {
	seen := map[string]string{}
	for _, l := range c.Events.lists() {
		key := "singapay.events." + l.key
		checkNames(report, key, l.names, eventName, "write the event as it came")
		for _, name := range l.names {
			k, known := events[name]
			report(!known || k == l.kind, key, fmt.Sprintf("has %q, which is another event", name),
				"leave it out")
			report(seen[name] == "", key, fmt.Sprintf("has %q, which is in %s too", name,
				seen[name]),
				"write it into one list")
			seen[name] = key
		}
	}
}

var (
	memberPath = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}(\.[A-Za-z0-9_-]{1,40}){0,7}$`)
	})
	headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	eventName  = regexp.MustCompile(`^[!-~]{1,64}$`)
)

func checkNames(report reporter, key string, names []string, form *regexp.Regexp, hint string) {
	report(len(names) <= maxFurther, key, "has too many names", "write the one that came")
	for i, name := range names {
		report(form.MatchString(name), key, "has a name that is none", hint)
		report(!slices.Contains(names[:i], name), key, "has a name twice", "write each once")
	}
}

// defined is what SingaPay's own table says of a word.
func defined(list, word string) string {
	switch list {
	case "code_ok":
		if word == codeOK {
			return "00"
		}
		return codeWords[word]
	case "type_pay", "type_void", "type_refund":
		if word == typeLink || word == typeQR {
			return payment.TypePay
		}
		return ""
	}
	for _, w := range words {
		if w.word == word && w.source != fromNotice {
			return w.means
		}
	}
	return ""
}

// nameList is a list of further names: its key below its section, and what is read anyway.
type nameList struct {
	key          string
	names, known []string
	kind         kind
}

func (m *Members) lists() []nameList {
	const transaction = "data.transaction."
	return []nameList{
		{key: "status", names: m.Status, known: []string{transaction + "status"}},
		{key: "merchant_ref", names: m.MerchantRef, known: []string{
			transaction + "merchant_reff_no", "data.payment.additional_info.payment_link.reff_no"}},
		{key: "transaction_ref", names: m.TransactionRef, known: []string{transaction + "reff_no"}},
		{key: "amount", names: m.Amount, known: []string{transaction + "amount.value",
			transaction + "total_amount.value"}},
		{key: "currency", names: m.Currency, known: []string{transaction + "amount.currency",
			transaction + "total_amount.currency"}},
		{key: "attempt_status", names: m.AttemptStatus,
			known: []string{"status", "status_computed"}},
		{key: "attempt_link", names: m.AttemptLink,
			known: []string{"payment_link_reff_no", "payment_link.reff_no"}},
		{key: "attempt_ref", names: m.AttemptRef, known: []string{"reff_no"}},
		{key: "attempt_amount", names: m.AttemptAmount, known: []string{"amount"}},
		{key: "made_id", names: m.MadeID, known: []string{"id"}},
		{key: "made_ref", names: m.MadeRef, known: []string{"merchant_reff_no"}},
		{key: "made_amount", names: m.MadeAmount, known: []string{"total_amount"}},
		{key: "made_status", names: m.MadeStatus, known: []string{"status", "status_computed"}},
		{key: "made_usage", names: m.MadeUsage, known: []string{"current_usage"}},
		{key: "payment_url", names: m.PaymentURL, known: []string{"payment_url"}},
		{key: "qr_data", names: m.QRData, known: []string{"qr_data"}},
		{key: "access_token", names: m.AccessToken, known: []string{"access_token"}},
	}
}

func (a *Answers) lists() []nameList {
	return []nameList{{key: "object", names: a.Object}, {key: "list", names: a.List}}
}

func (h *Headers) lists() []nameList {
	return []nameList{{key: "signature", names: h.Signature},
		{key: "timestamp", names: h.Timestamp}, {key: "token", names: h.Token}}
}

func (e *Events) lists() []nameList {
	return []nameList{{key: "link", names: e.Link, kind: kindLink},
		{key: "qr", names: e.QR, kind: kindQR},
		{key: "other", names: e.Other, kind: kindIrrelevant}}
}

// pick is a value that may have further names; twice, where more than one is there. known is what
// is read anyway, nil = it is not there.
func pick(m any, known any, further []string) (v any, twice bool) {
	v = known
	for _, path := range further {
		if other := at(m, strings.Split(path, ".")...); other != nil {
			if v != nil {
				return nil, true
			}
			v = other
		}
	}
	return v, false
}

// sent is our reference as SingaPay is given it.
func (g *Gateway) sent(ref string) string {
	if g.cfg.Reference != ReferencePlain {
		return ref
	}
	return strings.ReplaceAll(ref, "-", "")
}

// tagLength is how many characters come before the ULID of a reference.
const tagLength = 8

// ours is our reference, out of what SingaPay says of it.
func (g *Gateway) ours(said string) string {
	if g.cfg.Reference == "" {
		return said
	}
	plain := strings.ToUpper(strings.ReplaceAll(said, "-", ""))
	if len(plain) < tagLength || !ulid.MatchString(plain[tagLength:]) {
		return said
	}
	return plain[:tagLength] + "-" + plain[tagLength:]
}

// plainName is a name as programs have them, else another one: what a stranger wrote may be about a
// customer.
func plainName(name, other string) string {
	if !programName.MatchString(name) || longestRun(name) > 4 {
		return other
	}
	return name
}

var programName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,39}$`)

// came are the names of the members of an object that SingaPay has sent, for people: a few, and no
// value.
func came(v any) string {
	m, ok := v.(object)
	if !ok {
		return "no object"
	}
	var names []string
	for name := range m {
		names = append(names, plainName(name, "?"))
	}
	slices.Sort(names)
	const most = 16
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

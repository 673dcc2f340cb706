package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kiosk-agent/internal/strictjson"
)

// The bounds of a link, from docs/protocols/axs.md.
const (
	maxAmount = 999_999_900        // cents
	maxRef    = 40                 // characters
	maxExpiry = 366 * 24 * 60 * 60 // seconds; our own bound, AXS names none
	currency  = "SGD"
)

// problem is one thing that is wrong with a request. Its text is safe to show and to log.
type problem struct {
	Field string `json:"field"`
	Text  string `json:"problem"`
}

func (p problem) String() string { return p.Field + " " + p.Text }

// checkoutLink is a checkout link that passed every check.
type checkoutLink struct {
	Amount      int64 // cents
	Currency    string
	MerchantRef string
	Schemes     []Scheme // what the customer may choose from
	TerminalID  string
	Expiry      time.Duration
	// The URLs in force: the link's own, else the merchant's preset, else "".
	WebhookURL, SuccessURL, FailURL, CancelURL string
	// Notes are remarks for the integrator about things that are allowed but unwise.
	Notes []string
}

// linkReader collects every problem of a payload instead of stopping at the first.
type linkReader struct {
	fields   map[string]json.RawMessage
	problems []problem
	notes    []string
}

// parseLink checks a decrypted checkout payload against the document.
func parseLink(plaintext []byte, m *Merchant, defaultExpiry time.Duration) (checkoutLink,
	[]problem) {
	fields, err := strictjson.Object(plaintext, maxDepth)
	if err != nil {
		return checkoutLink{}, []problem{{"payload", err.Error()}}
	}
	r := &linkReader{fields: fields}
	r.onlyKnown()
	if id := r.text("clientId", true); id != "" && id != m.ClientID {
		r.bad("clientId", "is not the client id of this payment link")
	}
	l := checkoutLink{
		Amount:      r.amount(),
		Currency:    r.text("currency", true),
		MerchantRef: r.text("merchantRef", true),
		Schemes:     r.schemes(),
		TerminalID:  r.text("terminalId", false),
		Expiry:      r.expiry(defaultExpiry),
		WebhookURL:  cmp.Or(r.url("webhookUrl"), m.WebhookURL),
		SuccessURL:  cmp.Or(r.url("successUrl"), m.SuccessURL),
		FailURL:     cmp.Or(r.url("failUrl"), m.FailURL),
		CancelURL:   r.url("cancelUrl"),
	}
	if l.Currency != "" && l.Currency != currency {
		r.bad("currency", "must be \"SGD\"")
	}
	if utf8.RuneCountInString(l.MerchantRef) > maxRef {
		r.bad("merchantRef", fmt.Sprintf("has more than %d characters", maxRef))
	}
	if l.WebhookURL == "" {
		r.notes = append(r.notes,
			"No webhookUrl and no preset: nobody will be told about this payment.")
	} else if u, err := url.Parse(l.WebhookURL); err == nil && u.RawQuery != "" {
		r.notes = append(r.notes,
			"webhookUrl has a query string; the token travels as a further query parameter.")
	}
	l.Notes = r.notes
	return l, r.problems
}

func (r *linkReader) bad(field, text string) {
	r.problems = append(r.problems, problem{field, text})
}

func (r *linkReader) onlyKnown() {
	known := []string{"clientId", "amount", "currency", "merchantRef", "scheme", "terminalId",
		"webhookUrl", "successUrl", "failUrl", "cancelUrl", "expiry"}
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		if slices.Contains(known, name) {
			continue
		}
		r.bad(fmt.Sprintf("%.40q", name),
			"is not a field of a checkout link (names are case sensitive)")
	}
}

// text reads a string without control characters. An empty optional field counts as absent and
// earns a note.
func (r *linkReader) text(name string, required bool) string {
	raw, there := r.fields[name]
	if !there {
		if required {
			r.bad(name, "is missing")
		}
		return ""
	}
	v, ok := stringField(r.fields, name)
	switch {
	case !ok:
		r.bad(name, fmt.Sprintf("must be a JSON string, not %.20s", raw))
	case v == "" && required:
		r.bad(name, "is empty")
	case v == "":
		r.notes = append(r.notes, name+" is sent empty; leave it out for a more scannable code.")
	case strings.ContainsFunc(v, unicode.IsControl):
		r.bad(name, "holds control characters")
		return ""
	}
	return v
}

// digits reads a positive whole number, as a JSON number or a string of digits, without sign,
// fraction or leading zero.
func (r *linkReader) digits(name, unit string, limit int64) int64 {
	text := string(r.fields[name])
	if v, ok := stringField(r.fields, name); ok {
		text = v
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text || n < 0 {
		r.bad(name, fmt.Sprintf("must be %s in digits only, as a string or a number: no sign, "+
			"point, exponent or leading zero", unit))
		return 0
	}
	if n < 1 || n > limit {
		r.bad(name, fmt.Sprintf("must be between 1 and %d %s", limit, unit))
		return 0
	}
	return n
}

func (r *linkReader) amount() int64 {
	if _, there := r.fields["amount"]; !there {
		r.bad("amount", "is missing")
		return 0
	}
	return r.digits("amount", "cents", maxAmount)
}

func (r *linkReader) expiry(otherwise time.Duration) time.Duration {
	if _, there := r.fields["expiry"]; !there {
		return otherwise
	}
	return time.Duration(r.digits("expiry", "seconds", maxExpiry)) * time.Second
}

// schemes reads the comma-separated scheme values; absent or "" means all.
func (r *linkReader) schemes() []Scheme {
	if _, there := r.fields["scheme"]; !there {
		return AllSchemes()
	}
	v, ok := stringField(r.fields, "scheme")
	if !ok {
		r.bad("scheme", "must be a JSON string")
		return nil
	}
	if v == "" {
		return AllSchemes()
	}
	var chosen []Scheme
	for name := range strings.SplitSeq(v, ",") {
		these := schemesOf(name)
		if these == nil {
			r.bad("scheme", fmt.Sprintf("%.40q is not one of credit_card, paynow, alipay, "+
				"wechatpay (comma-separated, no spaces)", name))
			continue
		}
		if slices.Contains(chosen, these[0]) {
			r.bad("scheme", name+" is named twice")
			continue
		}
		chosen = append(chosen, these...)
	}
	return chosen
}

func (r *linkReader) url(name string) string {
	v := r.text(name, false)
	if v != "" && !webURL(v) {
		r.bad(name, "must be an absolute http or https URL")
		return ""
	}
	return v
}

func webURL(v string) bool {
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.User == nil
}

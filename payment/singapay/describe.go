package singapay

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"kiosk-agent/payment"
)

// Describe says how a delivery is carried and what is in it, beside what SingaPay's pages say, line
// by line. It believes nothing and decides nothing, and repeats no value: no
// signature, no token, no path and nothing of a customer.
func (g *Gateway) Describe(e payment.Envelope) []payment.Observed {
	s := &sheet{path: "notification"}
	s.as("method", plainName(e.Method, "?"), "POST", e.Method == http.MethodPost)
	s.as("size", fmt.Sprintf("%d bytes", len(e.Body)), "at most 65536 bytes",
		len(e.Body) <= maxBody)
	kind, _, _ := strings.Cut(header(e, "Content-Type"), ";")
	s.as("content type", shownType(kind), "application/json", kind == "application/json")
	g.describeHeaders(s, e)
	m, err := parse(e.Body)
	if err != nil {
		s.add("body", "not one plain JSON object", "one JSON object", payment.FitUnknown)
		return s.lines
	}
	g.describeSignature(s, e, m)
	g.describeBody(s, m)
	return s.lines
}

func shownType(kind string) string {
	switch first, second, both := strings.Cut(kind, "/"); {
	case kind == "":
		return "none"
	case both && plainName(first, "") != "" && plainName(second, "") != "":
		return kind
	default:
		return "another"
	}
}

// describeHeaders says which headers came, and where what is signed may be.
func (g *Gateway) describeHeaders(s *sheet, e payment.Envelope) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		names = append(names, plainName(name, "?"))
	}
	s.add("headers", strings.Join(names, ", "), "", payment.FitOpen)
	for _, h := range []struct {
		name, key string
		further   []string
		like      func(string) bool
	}{
		{"X-Signature", "signature", g.cfg.Headers.Signature,
			func(v string) bool { return macOf(v) != nil }},
		{"X-Timestamp", "timestamp", g.cfg.Headers.Timestamp,
			func(v string) bool { _, ok := stampOf(v, true); return ok }},
		{"Authorization", "token", g.cfg.Headers.Token,
			func(v string) bool { return len(v) > 7 && strings.EqualFold(v[:7], "bearer ") }},
	} {
		switch {
		case header(e, h.name) != "":
			s.add("header "+h.name, "there", "there, once", payment.FitPaper)
		case header(e, h.name, h.further...) != "":
			s.add("header "+h.name, "under another name", "there, once", payment.FitMended,
				"headers."+h.key)
		case h.key == "token" && g.cfg.Headers.BareToken:
			s.add("header "+h.name, "missing", "there, once", payment.FitMended,
				"headers.bare_token", "true")
		default:
			found := ""
			for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
				if found == "" && headerName.MatchString(name) && h.like(header(e, name)) {
					found = name
				}
			}
			key := "headers." + h.key
			if found == "" && h.key == "token" {
				key, found = "headers.bare_token", "true"
			}
			s.add("header "+h.name, "missing, or more than once", "there, once",
				payment.FitDiffers, key, found)
		}
	}
	g.describeForms(s, e)
}

// describeForms says how signature, time and token are written.
func (g *Gateway) describeForms(s *sheet, e payment.Envelope) {
	h := &g.cfg.Headers
	if v := header(e, "X-Signature", h.Signature...); v != "" {
		form := "another form"
		if _, err := hex.DecodeString(v); err == nil {
			form = fmt.Sprintf("%d hex digits", len(v))
		} else if b, err := base64.StdEncoding.DecodeString(v); err == nil {
			form = fmt.Sprintf("base64 of %d bytes", len(b))
		}
		s.as("form of the signature", form, "128 hex digits", macOf(v) != nil)
	}
	if v := header(e, "X-Timestamp", h.Timestamp...); v != "" {
		_, plain := stampOf(v, false)
		at, any := stampOf(v, true)
		switch {
		case plain:
			s.add("form of the time", "Unix seconds", "Unix seconds", payment.FitPaper)
		case any && h.OtherTimes:
			s.add("form of the time", "milliseconds or ISO 8601", "Unix seconds",
				payment.FitMended, "headers.other_times", "true")
		case any:
			s.add("form of the time", "milliseconds or ISO 8601", "Unix seconds",
				payment.FitDiffers, "headers.other_times", "true")
		default:
			s.add("form of the time", "another form", "Unix seconds", payment.FitUnknown)
		}
		if any && !e.ReceivedAt.IsZero() {
			g.describeAge(s, e.ReceivedAt.Sub(at))
		}
	}
	if v := header(e, "Authorization", h.Token...); v != "" {
		bearer := len(v) > 7 && strings.EqualFold(v[:7], "bearer ")
		switch {
		case bearer:
			s.add("form of the token", "Bearer", "Bearer", payment.FitPaper)
		case h.BareToken:
			s.add("form of the token", "without Bearer", "Bearer", payment.FitMended,
				"headers.bare_token", "true")
		default:
			s.add("form of the token", "without Bearer", "Bearer", payment.FitDiffers,
				"headers.bare_token", "true")
		}
	}
}

// describeAge says how long before its receipt a delivery was signed.
func (g *Gateway) describeAge(s *sheet, age time.Duration) {
	is := fmt.Sprintf("signed %s before it was received", age.Round(time.Second))
	switch {
	case age.Abs() <= g.cfg.ReplayWindow:
		s.add("age", is, "within 5 minutes", payment.FitPaper)
	case age.Abs() <= maxWindow:
		s.add("age", is, "within 5 minutes", payment.FitDiffers, "replay_window",
			`"15m"`)
	default:
		s.add("age", is, "within 5 minutes; it is asked about", payment.FitUnknown)
	}
}

// describeSignature says whether the delivery is SingaPay's, by which form of the body and which
// secret.
func (g *Gateway) describeSignature(s *sheet, e payment.Envelope, m object) {
	sig, refused := g.signatureOf(e)
	const paper = "HMAC-SHA512 with client_secret over the path of the dashboard's URL"
	if refused != nil {
		s.add("signature", string(refused.Reason), paper, payment.FitUnknown)
		return
	}
	hashes := hashesOf(m, e.Body)
	if !g.authentic(sig, g.cfg.WebhookPath, hashes) {
		no := g.elsewhereSigned(sig, e, hashes)
		if no.Reason == ReasonPath {
			s.add("signature", "right, and "+no.Detail, paper, payment.FitDiffers, "webhook_path")
			return
		}
		s.add("signature", "does not match: another secret, path or body", paper,
			payment.FitDiffers, "client_secret")
		return
	}
	forms := []string{"keys sorted", "as PHP would write it", "as PHP, with lists sorted",
		"as PHP, escaped", "as PHP, with lists sorted, escaped"}
	form := "the raw body"
	for i, f := range allForms() {
		if g.authentic(sig, g.cfg.WebhookPath, []string{hashed(f.canonical(m))}) {
			form = forms[i]
			break
		}
	}
	s.add("signature", "right", paper, payment.FitPaper)
	fit := payment.FitOpen
	if form == forms[0] {
		fit = payment.FitPaper
	}
	s.add("what is hashed", form, forms[0], fit)
}

func allForms() []form { return forms[:] }

// describeBody says what is in it. Of the customer it has the names of the members alone.
func (g *Gateway) describeBody(s *sheet, m object) {
	s.members("the body", m, "status success event timestamp data")
	event := text(m["event"])
	switch k := g.kindOf(m); {
	case event == "":
		s.add("event", "none", "payment-link-transaction, or none", payment.FitOpen)
	case k == kindUnknown:
		key := "events.link"
		if text(at(m, "data", "payment", "method")) == typeQR ||
			text(at(m, "data", "transaction", "type")) == typeQR {
			key = "events.qr"
		}
		s.add("event", plainName(event, "?"), "one of SingaPay's pages", payment.FitDiffers, key,
			plainName(event, ""))
	default:
		key := map[kind]string{kindLink: "link", kindQR: "qr"}[k]
		switch _, known := events[event]; {
		case known:
			s.add("event", event, "one of SingaPay's pages", payment.FitPaper)
		case slices.Contains(slices.Concat(g.cfg.Events.Link, g.cfg.Events.QR,
			g.cfg.Events.Other), event) && key != "":
			s.add("event", plainName(event, "?"), "one of SingaPay's pages", payment.FitMended,
				"events."+key, plainName(event, ""))
		default: // known by what the transaction says of itself, or of other business
			s.add("event", plainName(event, "?"), "one of SingaPay's pages", payment.FitOpen)
		}
	}
	data, _ := m["data"].(object)
	s.members("data", m["data"], "transaction customer payment")
	t, ok := data["transaction"].(object)
	if !ok {
		return
	}
	s.as("success", kindOfValue(m["success"]), "true", m["success"] == true)
	s.members("data.transaction", t, "id reff_no merchant_reff_no type status amount tip "+
		"total_amount post_timestamp processed_timestamp")
	from, ours, money := fromAttempt, "data.payment.additional_info.payment_link.reff_no",
		"data.transaction.amount"
	if g.kindOf(m) == kindQR || text(t["type"]) == typeQR {
		from, ours = fromQR, "data.transaction.merchant_reff_no"
		if t["total_amount"] != nil {
			money = "data.transaction.total_amount"
		}
	}
	names := &g.cfg.Members
	s.refLine(g, s.member(m, "merchant_ref", ours, names.MerchantRef, "merchant_ref", likeOwnRef))
	s.member(m, "transaction_ref", "data.transaction.reff_no", names.TransactionRef,
		"transaction_ref", likeRef)
	s.wordLine(g, "status", from, text(s.member(m, "status", "data.transaction.status",
		names.Status, "status", g.likeWord)))
	s.typeLine(g, t["type"])
	s.amountLine(s.member(m, "amount", money+".value", names.Amount, "amount", likeAmount))
	currency := s.member(m, "currency", money+".currency", names.Currency, "currency",
		likeCurrency)
	s.as("currency", plainName(text(currency), "?"), "IDR", currency == string(payment.IDR))
	s.timeLine("processed_timestamp", t["processed_timestamp"])
}

// typeLine is a line about what kind of transaction it is.
func (s *sheet) typeLine(g *Gateway, v any) {
	var r payment.Record
	word, _ := scalar(v)
	switch g.setType(&r, v); {
	case r.Said.Type != "":
		s.add("type", plainName(word, "?"), "pl or qris", payment.FitMended,
			"words."+g.listOf(word),
			plainName(word, ""))
	case r.Type == payment.TypePay:
		s.add("type", word, "pl or qris", payment.FitPaper)
	default:
		lower := strings.ToLower(word)
		key, value := "words.type_pay", plainName(word, "")
		switch {
		case strings.Contains(lower, "refund"), strings.Contains(lower, "back"):
			key = "words.type_refund"
		case strings.Contains(lower, "void"), strings.Contains(lower, "revers"),
			strings.Contains(lower, "cancel"):
			key = "words.type_void"
		}
		s.add("type", plainName(word, "?"), "pl or qris", payment.FitDiffers, key, value)
	}
}

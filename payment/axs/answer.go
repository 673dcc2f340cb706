package axs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

const (
	maxRecords = 256     // of one reference: a customer has minutes for attempts
	maxRecord  = 8 << 10 // bytes of one record, as of a notification
)

// decodeAnswer reads the body of a 200: the array of records itself, or a token that opens as one,
// bare or as data of an object. All of it counts or none: a record that was left out because it
// could not be read might be the payment.
func (g *Gateway) decodeAnswer(body []byte) payment.QueryAnswer {
	body = stripped(body)
	token := answerToken(body, g.cfg.Members.Token...)
	if token != "" {
		plaintext, refused := g.openAnswer(token)
		if refused != nil {
			return unread("the encrypted answer is refused: " + refused.words())
		}
		body = stripped(plaintext)
	}
	list, problem := g.records(body)
	switch {
	case problem == "":
	case token != "":
		return unread("the encrypted " + strings.TrimPrefix(problem, "the "))
	case len(body) == 0:
		return unread("the answer is empty")
	case strings.HasPrefix(problem, notAList):
		return unread(problem + ": " + g.excerpt(body))
	default:
		return unread(problem)
	}
	records := make([]payment.Record, 0, len(list.all))
	for i, raw := range list.all {
		r, problem := g.transaction(raw)
		if problem != "" {
			return unread(fmt.Sprintf("record %d of %d %s", i+1, len(list.all), problem))
		}
		records = append(records, r)
	}
	if list.alone && silent(records[0]) {
		return unread("one record in place of a list, and it is no payment: that does not say " +
			"that there is no other")
	}
	return payment.QueryAnswer{Records: records, HTTPStatus: http.StatusOK}
}

func unread(why string) payment.QueryAnswer {
	const longest = 150 // characters; what stands last is an excerpt, or names
	if r := []rune(why); len(r) > longest {
		why = string(r[:longest-1]) + "…"
	}
	return failed(http.StatusOK, "HTTP 200, "+why)
}

// stripped is b without a byte order mark and the space around it.
func stripped(b []byte) []byte { return bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff"))) }

// answerToken is the token that a body is, or has as data or under a further name; "" when it has
// none.
func answerToken(body []byte, further ...string) string {
	s := trim(string(body))
	if !strings.HasPrefix(s, "{") {
		if shaped(s) {
			return s
		}
		return ""
	}
	m, err := strictjson.Object(body, maxDepth)
	if err != nil {
		return ""
	}
	for _, name := range append([]string{"data"}, further...) {
		if data, ok := text(m[name]); ok && shaped(trim(data)) {
			return trim(data)
		}
	}
	return ""
}

// openAnswer opens a token that may be as long as the answer.
func (g *Gateway) openAnswer(token string) ([]byte, *OpenError) {
	if refused := checkParts(token, g.cfg.ClientID, g.cfg.MaxP2C, g.cfg.KeyIDs...); refused != nil {
		return nil, g.ours(token, refused)
	}
	return g.decrypt(token)
}

// transaction reads one element. Unlike a notification it must state its transactionType: without
// one a refund could pass for a payment. Which reference it names is for the caller to judge.
func (g *Gateway) transaction(raw json.RawMessage) (payment.Record, string) {
	if len(raw) > maxRecord {
		return payment.Record{}, "is too long"
	}
	m, err := strictjson.Object(raw, maxDepth)
	if err != nil {
		return payment.Record{}, "is not a JSON object with each member once"
	}
	m, refused := g.cfg.Members.named(m)
	if refused != nil {
		return payment.Record{}, "has " + refused.words()
	}
	if _, has := m["transactionType"]; !has && g.cfg.QueryTypeDefault != "" {
		m["transactionType"] = json.RawMessage(strconv.Quote(g.cfg.QueryTypeDefault))
	}
	if s, ok := text(m["transactionType"]); !ok || s == "" {
		return payment.Record{}, "has no transactionType (axs.members.type, axs.query_type_default)"
	}
	r, refused := g.record(m)
	switch {
	case refused == nil:
		return r, ""
	case refused.Reason == ReasonNoStatus:
		return payment.Record{}, "has no status (axs.members.status): " + refused.Detail
	case refused.Reason == ReasonNoRef:
		return payment.Record{}, "has no merchantRef (axs.members.merchant_ref): " + refused.Detail
	default:
		return payment.Record{}, "has a malformed " + refused.Detail
	}
}

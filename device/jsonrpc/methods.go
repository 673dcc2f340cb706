package jsonrpc

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// Limits of the contract.
const (
	maxList        = 200
	defaultList    = 50
	minTimeout     = 30
	maxTimeout     = 900
	maxDescription = 200 // characters
	maxSchemes     = 20
	maxScheme      = 40 // characters
)

// infoMethod makes what is owed be sent again on a line.
const infoMethod = "terminal.info"

// param is one named param of a method.
type param struct {
	name     string
	required bool
}

// method is one row of the till API. docs/openrpc.json says the same in public; TestOpenRPC
// compares them.
type method struct {
	name     string
	params   []param
	answerer bool // has no use without an answer: a notification of it is not carried out
	result   any  // a zero value of the result's type
	bind     func(a *args) action
}

func (m *method) takes(name string) bool {
	for _, p := range m.params {
		if p.name == name {
			return true
		}
	}
	return false
}

// env is what an action works with.
type env struct {
	ctx         context.Context
	till        Till
	payments    device.Payments
	terminal    device.Terminal
	maxResponse int // bytes that an answer may have; 0 = any
	// registers the connection anew, so that owed outcomes are sent again; nil where connecting
	// does that
	resend func()
}

// action carries a call out. It calls done exactly once, now or later, from any goroutine. It runs
// on the session's worker.
type action func(e *env, done func(outcome))

// outcome is what came of an action.
type outcome struct {
	result  any
	err     error
	payment string // the id of the payment that the result describes
	tells   int64  // its revision
	again   action // carry this out instead: the answer was too large
}

func paymentOutcome(e *env, p payment.Payment, err error) outcome {
	if err != nil {
		return outcome{err: err}
	}
	return outcome{result: device.ViewFor(p, e.till.Name), payment: p.ID, tells: p.Revision}
}

// empty is the result of a method that only says that it is done.
type empty struct{}

// listResult is the result of payment.list.
type listResult struct {
	Payments   []device.View `json:"payments"`
	NextCursor string        `json:"next_cursor,omitempty"`
}

var keyParams = []param{{"reference", false}, {"id", false}}

// methods is the API; it is never written after its creation.
var methods = []method{
	{name: infoMethod, result: device.Info{}, bind: bindInfo},
	{name: "terminal.status", result: device.Status{}, bind: bindStatus},
	{name: "payment.start", answerer: true, result: device.Payment{}, bind: bindStart,
		params: []param{
			{"reference", true}, {"amount", true}, {"currency", false}, {"schemes", false},
			{"description", false}, {"timeout_s", false}}},
	{name: "payment.cancel", params: keyParams, result: device.Payment{}, bind: bindCancel},
	{name: "payment.get", params: keyParams, result: device.Payment{}, bind: bindGet},
	{name: "payment.last", result: device.Payment{}, bind: bindLast},
	{name: "payment.list", result: listResult{}, bind: bindList, params: []param{
		{"since", false}, {"unacknowledged", false}, {"limit", false}, {"cursor", false}}},
	{name: "payment.acknowledge", params: []param{{"id", true}, {"revision", true}},
		result: empty{}, bind: bindAcknowledge},
	{name: "payment.shown", params: []param{{"id", true}}, result: empty{}, bind: bindShown},
}

func methodNamed(name string) *method {
	for i := range methods {
		if methods[i].name == name {
			return &methods[i]
		}
	}
	return nil
}

func bindInfo(*args) action {
	return func(e *env, done func(outcome)) {
		done(outcome{result: e.terminal.Info(e.till.Name)})
		if e.resend != nil {
			e.resend()
		}
	}
}

func bindStatus(*args) action {
	return func(e *env, done func(outcome)) {
		s, err := e.terminal.Status(e.ctx, e.till.Name)
		done(outcome{result: s, err: err})
	}
}

func bindStart(a *args) action {
	r := payment.Request{
		Reference: a.text("reference"),
		Money: payment.Money{Amount: a.number("amount", payment.CodeAmountInvalid),
			Currency: payment.Currency(a.text("currency"))},
		Schemes:     a.texts("schemes", maxSchemes, maxScheme),
		Description: a.text("description"),
		Timeout:     time.Duration(a.between("timeout_s", minTimeout, maxTimeout, 0)) * time.Second,
	}
	if utf8.RuneCountInString(r.Description) > maxDescription {
		a.refuse("description", fmt.Sprintf("has more than %d characters", maxDescription))
	}
	if a.has("currency") && r.Money.Currency == "" {
		a.fail(payment.CodeAmountInvalid, "currency is empty")
	}
	return func(e *env, done func(outcome)) {
		r := r
		if r.Money.Currency == "" {
			r.Money.Currency = e.terminal.Info(e.till.Name).Currency
		}
		e.payments.Start(e.till.Name, r,
			func(p payment.Payment, err error) { done(paymentOutcome(e, p, err)) })
	}
}

func bindCancel(a *args) action {
	key := a.key()
	return func(e *env, done func(outcome)) {
		e.payments.Cancel(e.till.Name, key,
			func(p payment.Payment, err error) { done(paymentOutcome(e, p, err)) })
	}
}

func bindGet(a *args) action {
	key := a.key()
	return func(e *env, done func(outcome)) {
		e.payments.Get(e.till.Name, key,
			func(p payment.Payment, err error) { done(paymentOutcome(e, p, err)) })
	}
}

func bindLast(*args) action {
	return func(e *env, done func(outcome)) {
		e.payments.Last(e.till.Name, func(p payment.Payment, err error) {
			done(paymentOutcome(e, p, err))
		})
	}
}

func bindList(a *args) action {
	q := payment.ListQuery{
		Since:          a.at("since"),
		Unacknowledged: a.flag("unacknowledged"),
		Limit:          int(a.between("limit", 1, maxList, defaultList)),
	}
	if c := a.text("cursor"); a.has("cursor") && a.err == nil {
		before, ok := readCursor(c)
		if !ok {
			a.refuse("cursor", "is not one that payment.list gave")
		}
		q.Before = before
	}
	return list(q)
}

// list asks for a page, and for half of it again as long as the answer is larger than the transport
// takes.
func list(q payment.ListQuery) action {
	return func(e *env, done func(outcome)) {
		e.payments.Browse(e.till.Name, q, func(page payment.Page, err error) {
			if err != nil {
				done(outcome{err: err})
				return
			}
			res := listResult{Payments: make([]device.View, 0, len(page.Payments)),
				NextCursor: writeCursor(page.Next)}
			for _, p := range page.Payments {
				res.Payments = append(res.Payments, device.ViewFor(p, e.till.Name))
			}
			if e.maxResponse > 0 && q.Limit > 1 && len(encode(res)) > e.maxResponse-responseFrame {
				smaller := q
				smaller.Limit = q.Limit / 2
				done(outcome{again: list(smaller)})
				return
			}
			done(outcome{result: res})
		})
	}
}

func bindAcknowledge(a *args) action {
	id, revision := a.text("id"), a.number("revision", payment.CodeInvalid)
	return func(e *env, done func(outcome)) {
		e.payments.Acknowledge(e.till.Name, id, revision,
			func(err error) { done(outcome{result: empty{}, err: err}) })
	}
}

func bindShown(a *args) action {
	id := a.text("id")
	return func(e *env, done func(outcome)) {
		if !e.till.Display {
			done(outcome{err: &payment.Error{Code: payment.CodeInvalid, Op: "payment.shown",
				Message: "this till is not configured to show codes (display = false)",
				Hint: "leave the code to the customer display, or set display = true for this " +
					"till"}})
			return
		}
		e.payments.Shown(e.till.Name, id,
			func(err error) { done(outcome{result: empty{}, err: err}) })
	}
}

// A cursor is the place in the journal that the next page begins before. It is opaque so that this
// may change.

func writeCursor(before int64) string {
	if before <= 0 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, before, 10))
}

func readCursor(s string) (before int64, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil && n > 0 && writeCursor(n) == s
}

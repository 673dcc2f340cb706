package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

func start(ref string, amount int) string {
	return fmt.Sprintf(`{"reference":%q,"amount":%d}`, ref, amount)
}

func TestASale(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	g := till.call("terminal.info", `{}`)
	if !strings.Contains(g.raw, `"terminal_id":"K001","till":"till-1"`) {
		t.Fatal(g.raw)
	}
	p := till.payment("payment.start", `{"reference":"R1","amount":1023,"currency":"SGD",`+
		`"schemes":["paynow"],"description":"2 teas","timeout_s":60}`)
	if p.Status != "awaiting" || p.Final || p.QRPayload == "" || p.Amount != 1023 {
		t.Fatalf("%+v", p)
	}
	if c := till.changed(); c.ID != p.ID {
		t.Fatalf("%+v", c)
	}
	if in := r.payments.Payment(p.ID); in.Description != "2 teas" || len(in.Schemes) != 1 ||
		in.DeadlineAt.Sub(in.CreatedAt).Seconds() != 60 {
		t.Fatalf("%+v", in)
	}
	r.payments.Finish(p.ID, payment.StatusApproved)
	c := till.changed()
	if c.Status != "approved" || !c.Final || c.QRPayload != "" {
		t.Fatalf("%+v", c)
	}
	if g := till.call("payment.acknowledge",
		fmt.Sprintf(`{"id":%q,"revision":%d}`, c.ID, c.Revision)); string(g.Result) != "{}" {
		t.Fatal(g.raw)
	}
	for _, ask := range []view{
		till.payment("payment.get", `{"reference":"R1"}`),
		till.payment("payment.get", `{"id":"`+p.ID+`"}`), till.payment("payment.last", `{}`),
	} {
		if ask.ID != p.ID || !ask.Acknowledged {
			t.Errorf("%+v", ask)
		}
	}
}

func TestEveryErrorOfTheContract(t *testing.T) {
	methods := map[payment.Code]string{payment.CodeNotCancellable: "cancel",
		payment.CodeNotOwner: "acknowledge", payment.CodeNotFound: "get"}
	params := map[string]string{"start": start("R1", 1), "cancel": `{"id":"x"}`,
		"get": `{"id":"x"}`, "acknowledge": `{"id":"x","revision":1}`}
	r := newRig(t)
	till := r.dial(token1)
	for _, code := range payment.Codes() {
		method := methods[code]
		if method == "" {
			method = "start"
		}
		r.payments.Fail(method, fmt.Errorf("wrapped: %w",
			&payment.Error{Code: code, Op: method, Cause: errors.New("hidden")}))
		g := till.call("payment."+method, params[method])
		wantError(t, g, device.MappingOf(code).Number, string(code))
		if strings.Contains(g.raw, "hidden") {
			t.Errorf("the cause is shown: %s", g.raw)
		}
		r.payments.Fail(method, nil)
	}
	r.payments.Fail("get", errors.New("hidden"))
	if g := till.call("payment.get", `{"id":"x"}`); strings.Contains(g.raw, "hidden") ||
		g.Error.Code != device.CodeInternal {
		t.Error(g.raw)
	}
	if !strings.Contains(r.logs.String(), "hidden") {
		t.Error("an internal fault is not logged")
	}
	r.payments.Fail("start", &payment.Error{Code: payment.CodeNotReady,
		Reasons: []payment.Reason{{Code: "relay_unproven"}}})
	if g := till.call("payment.start", start("R1", 1)); len(g.Error.Data.Reasons) != 1 {
		t.Error(g.raw)
	}
	r.terminal.Set(device.Status{}, errors.New("hidden"))
	wantError(t, till.call("terminal.status", `{}`), device.CodeInternal, "internal")
}

// What the till's own request is about is shown to it; another till's sale is not.
func TestBusyShowsTheSaleToItsOwnerOnly(t *testing.T) {
	r := newRig(t)
	one, two := r.dial(token1), r.dial(token2)
	two.call("terminal.info", `{}`) // it is attached when it answers
	p := one.payment("payment.start", start("R1", 1023))
	g := one.call("payment.start", start("R2", 5))
	wantError(t, g, 1001, "busy")
	if v := g.Error.Data.Payment; v == nil || v.Reference != "R1" || v.Amount != 1023 ||
		v.QRPayload == "" {
		t.Error(g.raw)
	}
	c := two.changed()
	if c.ID != p.ID || c.Till != "till-1" || c.Status != "awaiting" || c.Reference != "" ||
		c.Amount != 0 || c.QRPayload != "" {
		t.Errorf("a stranger sees %+v", c)
	}
	g = two.call("payment.start", start("R1", 7))
	wantError(t, g, 1001, "busy")
	if v := g.Error.Data.Payment; v == nil || v.ID != p.ID || strings.Contains(g.raw, "1023") ||
		strings.Contains(g.raw, `"R1"`) {
		t.Error(g.raw)
	}
	wantError(t, two.call("payment.get", `{"id":"`+p.ID+`"}`), 1005, "not_found")
	wantError(t, two.call("payment.get", `{"reference":"R1"}`), 1005, "not_found")
	wantError(t, two.call("payment.cancel", `{"id":"`+p.ID+`"}`), 1009, "not_owner")
	wantError(t, two.call("payment.acknowledge", `{"id":"`+p.ID+`","revision":1}`), 1009,
		"not_owner")
	wantError(t, two.call("payment.last", `{}`), 1005, "not_found")
}

func TestSameReferenceSamePayment(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	p := till.payment("payment.start", start("R1", 1023))
	if again := till.payment("payment.start", start("R1", 1023)); again.ID != p.ID {
		t.Error("a second payment")
	}
	wantError(t, till.call("payment.start", start("R1", 1024)), 1004, "reference_conflict")
	if c := till.payment("payment.cancel", `{"reference":"R1"}`); c.Status != "cancelled" ||
		!c.Final {
		t.Errorf("%+v", c)
	}
	wantError(t, till.call("payment.cancel", `{"reference":"R1"}`), 1006, "not_cancellable")
	till.call("payment.acknowledge", `{"id":"`+p.ID+`","revision":3}`)
	g := till.call("payment.start", start("R1", 1023))
	wantError(t, g, 1004, "reference_reused")
	if g.Error.Data.Payment == nil || g.Error.Data.Payment.ID != p.ID {
		t.Error(g.raw)
	}
}

func TestAcknowledgeOfWhatWasNotSent(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	p := till.payment("payment.start", start("R1", 1))
	wantError(t, till.call("payment.acknowledge", `{"id":"`+p.ID+`","revision":2}`), -32602,
		"invalid")
	r.payments.Finish(p.ID, payment.StatusDeclined)
	wantError(t, till.call("payment.acknowledge", `{"id":"`+p.ID+`","revision":99}`), -32602,
		"invalid")
}

func TestShownIsForTillsWithADisplay(t *testing.T) {
	r := newRig(t)
	one, two := r.dial(token1), r.dial(token2)
	wantError(t, one.call("payment.shown", `{"id":"x"}`), -32602, "invalid")
	p := two.payment("payment.start", start("R1", 1))
	if g := two.call("payment.shown", `{"id":"`+p.ID+`"}`); string(g.Result) != "{}" {
		t.Error(g.raw)
	}
}

func TestListPages(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	for i := range 7 {
		p := till.payment("payment.start", start(fmt.Sprint("R", i), 1))
		r.payments.Finish(p.ID, payment.StatusExpired)
	}
	type page struct {
		Payments []view `json:"payments"`
		Next     string `json:"next_cursor"`
	}
	list := func(params string) (p page) {
		t.Helper()
		g := till.call("payment.list", params)
		if err := json.Unmarshal(g.Result, &p); err != nil {
			t.Fatal(g.raw)
		}
		return p
	}
	var refs []string
	cursor := ""
	for range 3 {
		p := list(`{"limit":3` + cursor + `}`)
		for _, v := range p.Payments {
			refs = append(refs, v.Reference)
		}
		if p.Next != "" {
			cursor = `,"cursor":"` + p.Next + `"`
		}
	}
	if got := strings.Join(refs, " "); got != "R6 R5 R4 R3 R2 R1 R0" {
		t.Error(got)
	}
	till.call("payment.acknowledge", `{"id":"`+r.last("till-1")+`","revision":3}`)
	if p := list(`{"unacknowledged":true}`); len(p.Payments) != 6 || p.Next != "" {
		t.Errorf("%+v", p)
	}
	if p := list(`{"since":"2026-11-05T17:30:05+08:00"}`); len(p.Payments) != 2 {
		t.Errorf("%d since", len(p.Payments))
	}
	if g := r.dial(token2).call("payment.list", `{}`); string(g.Result) != `{"payments":[]}` {
		t.Error(g.raw)
	}
	for _, bad := range []string{"x", "", "MDE", "LTE", "MQ==", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"} {
		wantError(t, till.call("payment.list", `{"cursor":"`+bad+`"}`), -32602, "invalid")
	}
}

func (r *rig) last(till string) (id string) {
	done := make(chan struct{})
	r.payments.Last(till, func(p payment.Payment, _ error) { id = p.ID; close(done) })
	<-done
	return id
}

func TestStatusAndItsChanges(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	const ready = `"ready":true,"reasons":[],"active":null`
	if g := till.call("terminal.status", `{}`); !strings.Contains(g.raw, ready) {
		t.Error(g.raw)
	}
	r.terminal.Set(device.Status{Reasons: []payment.Reason{
		{Code: "display_missing", Message: "m", Hint: "h"}},
		Active: device.ViewFor(payment.Payment{Till: "till-2", ID: "01J"}, "till-1")}, nil)
	r.payments.ReadinessChanged()
	g := till.read()
	if g.Method != "terminal.changed" ||
		!strings.Contains(g.raw,
			`"params":{"status":{"ready":false,"reasons":[{"code":"display_missing"`) {
		t.Error(g.raw)
	}
}

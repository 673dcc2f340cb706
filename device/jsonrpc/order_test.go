package jsonrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"kiosk-agent/payment"
)

func request(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)
}

func TestAnswerPrecedesTheFirstChange(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	for i := range 20 {
		till.send(request(i, "payment.start", start(fmt.Sprint("R", i), 1)))
		g := till.read()
		if string(g.ID) != fmt.Sprint(i) {
			t.Fatalf("first came %s", g.raw)
		}
		c := till.changed()
		r.payments.Finish(c.ID, payment.StatusDeclined)
		if c := till.changed(); c.Status != "declined" {
			t.Fatalf("%+v", c)
		}
	}
}

func TestPipelinedRequestsKeepTheirOrder(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	p := till.payment("payment.start", start("R0", 1))
	till.changed()
	r.payments.HoldCancel(true)
	till.send(request(1, "payment.cancel", `{"reference":"R0"}`))
	till.send(request(2, "payment.start", start("R1", 2)))
	till.send(`[` + request(3, "payment.get", `{"reference":"R1"}`) + `,` +
		request(4, "payment.cancel", `{"reference":"nobody"}`) + `]`)
	till.send(request(5, "payment.last", `{}`))
	if c := till.changed(); c.Final || c.QRPayload != "" {
		// the code is withdrawn while the cancel waits
		t.Fatalf("%+v", c)
	}
	r.payments.Finish(p.ID, payment.StatusApproved) // the payment won
	var order []string
	for len(order) < 4 {
		if g := till.read(); g.Method == "" {
			if g.ID == nil { // not an object
				t.Fatal(g.raw)
			}
			order = append(order, string(g.ID))
		}
		if len(order) == 2 {
			break
		}
	}
	for {
		raw := till.readRaw()
		if raw[0] != '[' {
			continue // the change of R1
		}
		var batch []got
		if err := json.Unmarshal(raw, &batch); err != nil || len(batch) != 2 ||
			string(batch[0].ID) != "3" || string(batch[1].ID) != "4" {
			t.Fatalf("%s", raw)
		}
		wantError(t, batch[1], 1005, "not_found")
		break
	}
	if g := till.read(); string(g.ID) != "5" {
		t.Fatal(g.raw)
	}
	if strings.Join(order, " ") != "1 2" {
		t.Errorf("answers came in order %q", order)
	}
	want := "start till-1 R0,cancel till-1 R0,start till-1 R1,get till-1 R1,cancel till-1 " +
		"nobody,last till-1"
	if got := strings.Join(r.payments.Calls(), ","); got != want {
		t.Errorf("carried out %s", got)
	}
}

// said is what goes to the peer, and the call that is to be carried out.
func said(effects []effect) (out [][]byte, next *call) {
	for _, e := range effects {
		switch e := e.(type) {
		case send:
			out = append(out, e.message)
		case run:
			next = e.call
		case count, free:
		}
	}
	return out, next
}

// Where the gateway makes the code, a payment changes before its start is answered: the newest of
// those changes waits for the answer, other payments' changes do not, and a start that is refused
// takes none with it, and what is older than the answer is not told.
func TestAnswerPrecedesEarlyChanges(t *testing.T) {
	told := func(till, ref string, s payment.Status, revision int64) payment.Payment {
		return payment.Payment{ID: till + ref, Till: till, Reference: ref, Status: s,
			Revision: revision}
	}
	answer := func(revision int64) outcome {
		return outcome{result: empty{}, payment: "till-1R0", tells: revision}
	}
	for _, tc := range []struct {
		name, open, close string
		over              outcome
		answer, change    string
	}{
		{"one", "", "", answer(2), `"id":7`, `"status":"awaiting"`},
		{"a batch", "[", "]", answer(2), `[{`, `"status":"awaiting"`},
		{"refused", "", "", outcome{err: &payment.Error{Code: payment.CodeBusy, Op: "start"}},
			`"error"`, `"status":"awaiting"`},
		{"the answer is newer", "", "", answer(3), `"id":7`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := machine{till: "till-1", maxBatchAnswer: maxBatchAnswer}
			if out, next := said(m.Step(received{decode(
				[]byte(tc.open + request(7, "payment.start", start("R0", 1)) +
					tc.close))})); out != nil || next == nil {
				t.Fatalf("%s, %v", out, next)
			}
			for i, s := range []payment.Status{payment.StatusCreated, payment.StatusAwaiting} {
				if out := m.Step(changed{told("till-1", "R0", s, int64(i)+1)}); out != nil {
					t.Errorf("before the answer: %s", out)
				}
			}
			for _, other := range []payment.Payment{told("till-1", "R9", payment.StatusApproved, 3),
				told("till-2", "R0", payment.StatusApproved, 3)} {
				if out, _ := said(m.Step(changed{other})); len(out) != 1 {
					t.Errorf("another payment's change waits: %+v", other)
				}
			}
			out, next := said(m.Step(replied{tc.over}))
			if next != nil || !strings.Contains(string(out[0]), tc.answer) {
				t.Fatalf("%s, %v", out, next)
			}
			if after := string(bytes.Join(out[1:], nil)); !strings.Contains(after, tc.change) ||
				(tc.change == "") != (after == "") {
				t.Errorf("after the answer: %q", after)
			}
			last := told("till-1", "R0", payment.StatusApproved, 4)
			if out, _ := said(m.Step(changed{last})); len(out) != 1 {
				t.Errorf("later: %s", out)
			}
		})
	}
}

// A batch answers all at once, at its end; the change of a payment that it started comes after
// that.
func TestBatchPrecedesItsChanges(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	till.send(`[` + request(1, "payment.start", start("R0", 1)) + `,` +
		request(2, "payment.start", start("R1", 1)) +
		`,{"jsonrpc":"2.0","method":"payment.cancel","params":{"reference":"R0"}},7,` +
		request(4, "payment.get", `{"reference":"R0"}`) + `]`)
	raw := till.readRaw()
	var batch []got
	if err := json.Unmarshal(raw, &batch); err != nil || len(batch) != 4 {
		t.Fatalf("%s", raw)
	}
	wantError(t, batch[1], 1001, "busy")
	wantError(t, batch[2], -32600, "invalid_request")
	if !strings.Contains(string(batch[3].Result), `"status":"cancelled"`) {
		t.Errorf("%s", raw)
	}
	if a, b := till.changed(), till.changed(); a.Status != "awaiting" || b.Status != "cancelled" {
		t.Errorf("%+v %+v", a, b)
	}
}

func TestNotificationsAreCarriedOutSilently(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	p := till.payment("payment.start", start("R0", 1))
	till.changed()
	r.payments.Finish(p.ID, payment.StatusApproved)
	c := till.changed()
	for _, n := range []string{
		fmt.Sprintf(
			`{"jsonrpc":"2.0","method":"payment.acknowledge","params":{"id":%q,"revision":%d}}`,
			c.ID, c.Revision),
		// nobody would hear that it is busy: not started
		`{"jsonrpc":"2.0","method":"payment.start","params":` + start("R1", 1) + `}`,
		`{"jsonrpc":"2.0","method":"nonsense"}`,
		`[{"jsonrpc":"2.0","method":"payment.last"}]`,
	} {
		till.send(n)
	}
	till.send(request(1, "payment.get", `{"reference":"R0"}`))
	if g := till.read(); string(g.ID) != "1" || !strings.Contains(g.raw, `"acknowledged":true`) {
		t.Error(g.raw)
	}
	if calls := strings.Join(r.payments.Calls(), ","); strings.Contains(calls, "R1") {
		t.Error(calls)
	}
	if !strings.Contains(r.logs.String(),
		`"method":"payment.start","kind":"invalid_request","notification":true`) {
		t.Error("a refused notification is not logged")
	}
}

// Acknowledge and close is a common way to leave: it must count.
func TestAcknowledgeAndLeave(t *testing.T) {
	r := newRig(t)
	for i := range 20 {
		till := r.dial(token1)
		p := till.payment("payment.start", start(fmt.Sprint("R", i), 1))
		r.payments.Finish(p.ID, payment.StatusApproved)
		for !till.changed().Final {
			// a socket closed with unread bytes would take back what it sent
		}
		till.send(request(1, "payment.acknowledge", `{"id":"`+p.ID+`","revision":3}`))
		till.c.Close()
		next := r.dial(token1)
		for r.connections("till-1") > 1 { // the old connection settles first
			next.call("terminal.info", `{}`)
		}
		if !r.payments.Payment(p.ID).Acknowledged {
			t.Fatal("lost")
		}
		next.c.Close()
	}
}

// TestNoSaleForATillThatHasGone: what it had sent is carried out, for it may have said
// "acknowledge" and closed; a sale that waited for its turn is not begun for nobody.
func TestNoSaleForATillThatHasGone(t *testing.T) {
	m := machine{till: "till-1", maxBatchAnswer: maxBatchAnswer}
	var next *call
	for _, msg := range []string{request(1, "payment.last", `{}`),
		request(2, "payment.start", start("R0", 1)),
		request(3, "payment.acknowledge", `{"id":"till-1R0","revision":3}`)} {
		if _, c := said(m.Step(received{decode([]byte(msg))})); c != nil {
			next = c
		}
	}
	m.Step(left{})
	if next == nil || next.method != "payment.last" {
		t.Fatalf("first runs %+v", next)
	}
	if _, next = said(m.Step(replied{outcome{result: empty{}}})); next == nil ||
		next.method != "payment.acknowledge" {
		t.Errorf("then runs %+v", next)
	}
}

func TestOwedOutcomesUntilAcknowledged(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	a := till.payment("payment.start", start("R0", 1))
	r.payments.Finish(a.ID, payment.StatusApproved)
	b := till.payment("payment.start", start("R1", 1))
	till.c.Close() // power cut
	r.payments.Finish(b.ID, payment.StatusExpired)

	for range 2 {
		till = r.dial(token1)
		if x, y := till.changed(), till.changed(); x.ID != a.ID || x.Status != "approved" ||
			y.ID != b.ID || y.Status != "expired" {
			t.Fatalf("%+v %+v", x, y)
		}
		till.c.Close()
	}
	till = r.dial(token1)
	till.changed()
	till.changed()
	till.call("payment.acknowledge", `{"id":"`+a.ID+`","revision":3}`)
	r.payments.Finish(b.ID, payment.StatusApproved, payment.FlagLate) // a correction
	if c := till.changed(); c.Status != "approved" || c.Revision != 4 {
		t.Fatalf("%+v", c)
	}
	// the older revision: the newer stays owed
	till.call("payment.acknowledge", `{"id":"`+b.ID+`","revision":3}`)
	till.c.Close()
	till = r.dial(token1)
	if c := till.changed(); c.ID != b.ID || c.Revision != 4 {
		t.Fatalf("%+v", c)
	}
	till.call("payment.acknowledge", `{"id":"`+b.ID+`","revision":4}`)
	till.c.Close()
	till = r.dial(token1)
	till.send(request(1, "terminal.info", `{}`))
	if g := till.read(); string(g.ID) != "1" {
		t.Errorf("still owed: %s", g.raw)
	}
	stranger := r.dial(token2)
	stranger.send(request(1, "terminal.info", `{}`))
	if g := stranger.read(); string(g.ID) != "1" {
		t.Errorf("a stranger is owed %s", g.raw)
	}
}

package engine_test

import (
	"testing"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// TestLineTillsAreToldBySessions: on a line nothing is booked as told but what a session is about
// to send, with its bytes.
func TestLineTillsAreToldBySessions(t *testing.T) {
	r := newRig(t)
	line := &payment.Line{ECN: "251210091401", Function: "Q1", Digest: "d"}
	a, _ := r.ask(func(to engine.Ticket) engine.Event {
		return engine.StartAsked{Till: till1, To: to,
			Request: payment.Request{Reference: "251210091401/1", Money: sgd10, Line: line}}
	})
	if a.Err != nil {
		t.Fatal(a.Err)
	}
	p := a.Payment
	offer := func(till string, revision int64, frame string) engine.Answer {
		a, _ := r.ask(func(to engine.Ticket) engine.Event {
			return engine.Offering{Till: till, ID: p.ID, Revision: revision, Frame: []byte(frame),
				To: to}
		})
		return a
	}
	wantCode(t, offer(till1, p.Revision, "x").Err, payment.CodeInvalid) // not final yet
	r.mustDeliver(paid(p))
	if a, _ = r.ask(func(to engine.Ticket) engine.Event {
		return engine.GetAsked{Till: till1,
			Newest: true, To: to}
	}); a.Err != nil {
		t.Fatal(a.Err)
	}
	p = a.Payment
	if p.Status != payment.StatusApproved || p.OfferedRev != 0 || p.Line == nil ||
		*p.Line != *line {
		t.Fatalf("read back: %+v", p)
	}
	wantCode(t, offer(till2, p.Revision, "x").Err, payment.CodeNotOwner)
	wantCode(t, offer(till1, p.Revision+1, "x").Err, payment.CodeInvalid)
	wantCode(t, offer(till1, p.Revision, "").Err, payment.CodeInvalid)
	for range 2 {
		if a := offer(till1, p.Revision, "frame"); a.Err != nil {
			t.Fatal(a.Err)
		}
	}
	a, _ = r.ask(func(to engine.Ticket) engine.Event {
		return engine.GetAsked{Till: till1, Newest: true, To: to}
	})
	if s := a.Payment.Sent; len(s) != 2 || string(s[1].Frame) != "frame" ||
		s[1].Status != payment.StatusApproved || s[1].Boot == "" || !a.Payment.Owed {
		t.Fatalf("sent: %+v", s)
	}
}

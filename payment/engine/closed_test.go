package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// badSecret is why the rig's terminal is closed.
var badSecret = payment.Reason{Code: "secret_invalid",
	Message: "config.toml:7: axs.secret: no such file", Hint: "put it there"}

// closeDown starts the machine anew as a terminal whose secret is gone.
func (r *rig) closeDown() {
	r.t.Helper()
	r.cfg.Closed, r.gw.fail = []payment.Reason{badSecret}, payment.ErrUnopened
	r.crash()
}

// TestClosedTerminal: no sale starts, for the reason that was given and no other; what earlier
// sales came to is told and acknowledged as ever; and it changes nothing that a display or a relay
// is there.
func TestClosedTerminal(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	r.pass(time.Hour)
	r.closeDown()
	r.wantScreen(payment.ScreenOutOfService)
	if r.screen.Reason != badSecret.Code {
		t.Errorf("the screen's reason is %q", r.screen.Reason)
	}
	r.makeReady()
	if got := r.inspect(); got.Ready || len(got.Reasons) != 1 || got.Reasons[0] != badSecret {
		t.Errorf("ready %v, reasons %+v", got.Ready, got.Reasons)
	}
	a, _ := r.ask(func(to engine.Ticket) engine.Event {
		return engine.StartAsked{Till: till1, To: to,
			Request: payment.Request{Reference: "R2", Money: sgd10}}
	})
	e := wantCode(t, a.Err, payment.CodeNotReady)
	if len(e.Reasons) != 1 || e.Reasons[0] != badSecret || e.Message != badSecret.Message ||
		e.Hint != badSecret.Hint {
		t.Errorf("refused with %+v", e)
	}
	r.attach(till1)
	a, _ = r.ask(func(to engine.Ticket) engine.Event {
		return engine.GetAsked{Till: till1, Key: payment.Key{Reference: "R1"}, To: to}
	})
	if a.Err != nil || a.Payment.Status != payment.StatusApproved {
		t.Fatalf("the sale before: %+v, %v", a.Payment, a.Err)
	}
	if a, _ = r.ask(func(to engine.Ticket) engine.Event {
		return engine.Acknowledged{Till: till1, ID: p.ID, Revision: a.Payment.Revision, To: to}
	}); a.Err != nil || !r.payment(p.ID).Acknowledged {
		t.Errorf("acknowledge: %v", a.Err)
	}
}

// TestClosedWithdrawsWhatIsOpen: nobody is asked to pay what could not be heard of. The till is
// answered in time, with unknown; the gateway's word, once it can be heard again, corrects that.
func TestClosedWithdrawsWhatIsOpen(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.closeDown()
	r.wantScreen(payment.ScreenChecking)
	r.wantFacts(p.ID, "requested minted shown display_lost withdrawn")
	r.pass(24 * time.Second)
	if r.payment(p.ID).Final {
		t.Error("decided without any evidence")
	}
	r.pass(time.Second)
	r.wantStatus(p.ID, payment.StatusUnknown)
	r.pass(time.Minute)
	r.wantScreen(payment.ScreenOutOfService)

	r.cfg.Closed, r.gw.fail = nil, nil
	r.crash()
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved)
}

// TestClosedKeepsWhatIsParked: a delivery that waits for the right secret goes on waiting.
func TestClosedKeepsWhatIsParked(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.gw.secret = "wrong"
	if err := r.deliverEnvelope(seal("right", paid(p))); err != nil {
		t.Fatal(err)
	}
	r.closeDown()
	if parked, err := r.j.Parked(); err != nil || len(parked) != 1 {
		t.Fatalf("parked: %v, %v", parked, err)
	}
	r.cfg.Closed, r.gw.fail, r.gw.secret = nil, nil, "right"
	r.crash()
	r.wantStatus(p.ID, payment.StatusApproved)
}

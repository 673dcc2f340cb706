package e2e_test

import (
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// never checks, over another restart, that an acknowledged outcome is told to nobody again, and
// that the journal is whole.
func (w *world) never(id string) {
	w.t.Helper()
	w.agent.kill()
	x := w.sells()
	x.owedNothing()
	if p := x.get(id); !p.Final || !p.Acknowledged {
		w.t.Errorf("after the restart: %+v", p)
	}
	w.agent.stop()
	w.verify()
}

// TestKillWhileAwaiting: the next process shows the same code, and the till that comes back hears
// approved.
func TestKillWhileAwaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	screen, x := w.opens()
	p := x.start("AWAITING", 1500)
	w.until(p.ID, payment.KindShown)
	screen.shows("pay", p.ID)
	w.agent.kill()

	w.startAgent("")
	screen.shows("pay", p.ID)
	x = w.connect()
	var again device.Payment
	x.do("payment.start", object{"reference": "AWAITING", "amount": 1500}, &again)
	if again.ID != p.ID || again.QRPayload != p.QRPayload ||
		again.Status != payment.StatusAwaiting {
		t.Errorf("after the restart: %+v", again)
	}
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))
	w.never(p.ID)
}

// TestKillBeforeTheWebhook: the customer pays while the agent is dead; the relay has answered 200
// for it.
func TestKillBeforeTheWebhook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, x := w.opens()
	p := x.start("DEAD", 1600)
	w.until(p.ID, payment.KindShown)
	w.agent.kill()
	pay(t, p.QRPayload)
	w.delivered()

	w.startAgent("")
	x = w.connect()
	x.acknowledge(x.approved(p.ID))
	if n := count(w.facts(p.ID), payment.KindNotified); n != 1 {
		t.Errorf("%d statements of the gateway in the journal", n)
	}
	w.never(p.ID)
}

// crash is one place at which the agent kills itself, and how a sale gets there.
type crash struct {
	after payment.Kind
	// provokes the crash; paid: the customer has paid by then
	reach  func(w *world, x *till) (paid bool)
	cancel bool // the till has asked to cancel
}

// begin starts the sale; the answer may be lost with the agent.
func (w *world) begin(x *till) {
	// its answer may be lost
	_ = x.Call(soon(w.t), "payment.start", object{"reference": "STEP", "amount": 1700}, nil)
}

func (w *world) beginAndCancel(x *till) bool {
	p := x.start("STEP", 1700)
	w.until(p.ID, payment.KindShown)
	_ = x.Call(soon(w.t), "payment.cancel", object{"id": p.ID}, nil) // lost with the agent
	return false
}

func (w *world) beginAndPay(x *till) bool {
	p := x.start("STEP", 1700)
	w.until(p.ID, payment.KindShown)
	pay(w.t, p.QRPayload)
	return true
}

func crashes() []crash {
	begin := func(w *world, x *till) bool { w.begin(x); return false }
	return []crash{
		{payment.KindRequested, begin, false},
		// one commit with requested; the place after it is another
		{payment.KindMinted, begin, false},
		{payment.KindShown, begin, false},
		{payment.KindNotified, (*world).beginAndPay, false},
		{payment.KindOffered, (*world).beginAndPay, false},
		{payment.KindAcknowledged, func(w *world, x *till) bool {
			p := x.start("STEP", 1700)
			w.until(p.ID, payment.KindShown)
			pay(w.t, p.QRPayload)
			done := x.approved(p.ID)
			// lost with the agent
			_ = x.Call(soon(w.t), "payment.acknowledge",
				object{"id": p.ID, "revision": done.Revision}, nil)
			return true
		}, false},
		{payment.KindCancelRequested, (*world).beginAndCancel, true},
		{payment.KindWithdrawn, (*world).beginAndCancel, true},
		{payment.KindPathProved, (*world).beginAndCancel, true},
	}
}

// TestKillAtEachStep: the agent kills itself right after each commit of a sale. Whatever the till
// had heard by then, it hears the truth from the next process, acknowledges, and is never told
// again.
func TestKillAtEachStep(t *testing.T) {
	t.Parallel()
	for _, c := range crashes() {
		t.Run(string(c.after), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.showScreen()
			w.startAgent(c.after)
			x := w.connect()
			x.ready()
			paid := c.reach(w, x)
			w.agent.crashed()

			w.startAgent("")
			x = w.connect()
			var p device.Payment
			x.do("payment.get", object{"reference": "STEP"}, &p)
			if c.after == payment.KindAcknowledged {
				if !p.Acknowledged || p.Status != payment.StatusApproved {
					t.Errorf("after the restart: %+v", p)
				}
				x.owedNothing()
				w.never(p.ID)
				return
			}
			if !c.cancel && !paid {
				if p.Status != payment.StatusAwaiting || p.QRPayload == "" {
					t.Errorf("after the restart: %+v", p)
				}
				pay(t, p.QRPayload)
			}
			done := x.outcome(p.ID)
			if c.cancel {
				checkOutcome(t, "cancelled", done, payment.StatusCancelled, unconfirmed,
					"cancelled")
			} else {
				checkOutcome(t, "paid", done, payment.StatusApproved, nil, "")
				if n := count(w.facts(p.ID), payment.KindNotified); n != 1 {
					t.Errorf("%d statements of the gateway in the journal", n)
				}
			}
			x.acknowledge(done)
			w.never(p.ID)
		})
	}
}

// TestPaidBetweenCancelAndRestart: the till cancels, the agent dies, the customer pays: the till
// hears approved.
func TestPaidBetweenCancelAndRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.showScreen()
	w.startAgent(payment.KindWithdrawn)
	x := w.connect()
	x.ready()
	p := x.start("STEP", 1800)
	w.until(p.ID, payment.KindShown)
	_ = x.Call(soon(t), "payment.cancel", object{"id": p.ID}, nil) // lost with the agent
	w.agent.crashed()
	pay(t, p.QRPayload)
	w.delivered()
	w.startAgent("")
	x = w.connect()
	x.acknowledge(x.approved(p.ID))
	w.never(p.ID)
}

package e2e_test

import (
	"errors"
	"testing"

	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

// once checks that exactly one sale of 10.23 came to be and was paid, and that the journal is
// whole.
func (r *rig) once(f *foreign) {
	r.t.Helper()
	cents, n := r.collected()
	if all := r.payments(); n != 1 || cents != 1023 || len(all) != 1 ||
		all[0].Status != payment.StatusApproved {
		r.t.Errorf("the gateway collected %d cents in %d payments; the journal: %+v", cents, n, all)
	}
	if n, cents := f.Book().Approved(); n != 1 || cents != 1023 {
		r.t.Errorf("the till's book has %d sales of %d cents", n, cents)
	}
	for _, s := range f.Book().Strays() {
		r.t.Errorf("stray: %s: %+v", s.Why, s.Message)
	}
	r.agent.stop()
	r.verify()
}

// TestLineKilledMidSale: kill -9 while the code is on the screen; the customer pays before or after
// the restart.
func TestLineKilledMidSale(t *testing.T) {
	t.Parallel()
	for name, paidWhileDead := range map[string]bool{"paid while dead": true,
		"paid after the restart": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, lineOptions{})
			f := r.turnOn(ecrtill.Config{Timers: impatient()})
			sale := f.sell("Q1", 1023)
			p := r.begun()
			r.agent.kill()
			if paidWhileDead {
				pay(t, p.QRPayload)
				r.delivered()
			}
			r.startAgent("")
			if !paidWhileDead {
				r.screen.shows("pay", p.ID)
				pay(t, p.QRPayload)
			}
			f.heard(sale, ecrtill.Approved)
			r.once(f)
		})
	}
}

// TestLineKilledAtEachStep: the agent kills itself right after a commit of a paid sale. The till
// hears the truth from the next process: by the response that is still due, or by asking for the
// last result.
func TestLineKilledAtEachStep(t *testing.T) {
	t.Parallel()
	for _, kind := range []payment.Kind{
		payment.KindRequested, payment.KindMinted, payment.KindShown, payment.KindNotified,
		payment.KindOffered, payment.KindAcknowledged,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, lineOptions{noAgent: true})
			r.startAgent(kind)
			r.ready(lineOptions{})
			f := r.turnOn(ecrtill.Config{Timers: impatient()})
			sale := f.sell("Q1", 1023)
			reached := kind == payment.KindRequested || kind == payment.KindMinted ||
				kind == payment.KindShown
			if !reached {
				p := r.begun()
				pay(t, p.QRPayload)
			}
			r.agent.crashed()
			r.startAgent("")
			if reached {
				p := r.begun()
				r.screen.shows("pay", p.ID)
				pay(t, p.QRPayload)
			}
			f.heard(sale, ecrtill.Approved)
			if last := f.ask("56"); last.Code != "00" || last.Amount != 1023 {
				t.Errorf("the last result is %s, %d cents", last.Code, last.Amount)
			}
			r.once(f)
		})
	}
}

// TestLineOldApproval: a till sells the same amount again. Whatever was lost before, the first
// sale's approval is not given for the second.
func TestLineOldApproval(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]ecrtill.Config{
		"a till":                 {},
		"a till without numbers": {ECN: ecrtill.Constant, Naive: true},
	} {
		t.Run(name+": the second is refused and its response is lost", func(t *testing.T) {
			t.Parallel()
			r := newRig(t, lineOptions{})
			cfg.Timers = impatient()
			f := r.turnOn(cfg)
			r.paid(f, "Q1")
			r.relay.kill()
			r.notReady()
			f.misbehave(ecrtill.Misbehaviour{Hear: ecrtill.Deaf(3, ecrtill.Frame)})
			second := f.heard(f.sell("Q1", 1023), ecrtill.NotPaid) // the last result is the refusal
			if !second.ByLast || second.Code != "E3" {
				t.Errorf("%+v", second)
			}
			if last := f.ask("56"); last.Code != "00" || last.Amount != 1023 {
				t.Errorf("after its ACK the last result is %s, %d cents", last.Code, last.Amount)
			}
			r.oneOfTwo(f)
		})
	}
	t.Run("the first's ACK is lost", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, lineOptions{})
		f := r.turnOn(ecrtill.Config{Timers: impatient()})
		f.misbehave(ecrtill.Misbehaviour{NeverACK: true})
		sale := f.sell("Q1", 1023)
		pay(t, r.begun().QRPayload)
		f.heard(sale, ecrtill.Approved)
		f.misbehave(ecrtill.Misbehaviour{})
		second := f.sell("Q1", 1023)
		pay(t, r.begun().QRPayload) // a payment of its own
		f.heard(second, ecrtill.Approved)
		if _, n := r.collected(); n != 2 || len(r.payments()) != 2 {
			t.Errorf("%d payments, %d in the journal", n, len(r.payments()))
		}
		r.bookOf(f, ecrtill.Approved, payment.StatusApproved)
	})
	for name, tc := range map[string]struct {
		noLast, rested bool
	}{
		"a till without numbers: the first's ACK is lost":         {noLast: true},
		"a till without numbers: the first's ACK is lost, and 56": {},
		"a till without numbers never acknowledges three transmissions": {noLast: true,
			rested: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, lineOptions{})
			f := r.turnOn(ecrtill.Config{ECN: ecrtill.Constant, Naive: true,
				NoLastResult: tc.noLast, Timers: impatient()})
			f.misbehave(ecrtill.Misbehaviour{NeverACK: true})
			sale := f.sell("Q1", 1023)
			p := r.begun()
			pay(t, p.QRPayload)
			f.heard(sale, ecrtill.Approved)
			if tc.rested {
				r.rested(f, true)
			} else {
				f.misbehave(ecrtill.Misbehaviour{})
			}
			second := f.heard(f.sell("Q1", 1023), ecrtill.Uncertain) // nobody pays
			if second.Code != "TO" {
				t.Errorf("%+v", second)
			}
			r.oneOfTwo(f)
		})
	}
}

// oneOfTwo checks that the till believes in one sale of two, and that one was paid.
func (r *rig) oneOfTwo(f *foreign) {
	r.t.Helper()
	cents, n := r.collected()
	sales, book := f.Book().Approved()
	if n != 1 || sales != 1 || book != cents || len(r.payments()) != 1 ||
		len(f.Book().Entries()) != 2 {
		r.t.Errorf("the gateway collected %d cents in %d payments, the till believes in %d of "+
			"%d cents\n%s", cents, n, sales, book, f.line())
	}
}

// notReady waits until the terminal takes no sales.
func (r *rig) notReady() {
	r.t.Helper()
	eventually(r.t, "the terminal is not ready", func() error {
		if ready, _ := r.ws.status(); ready {
			return errors.New("still ready")
		}
		return nil
	})
}

package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// requestedOnly puts a payment into the journal whose link was never made, as a remote mint leaves
// it.
func (r *rig) requestedOnly(more ...payment.Data) string {
	r.t.Helper()
	id := r.ids.NewID(r.now.Wall)
	data := append([]payment.Data{payment.Requested{
		Till: till1, Reference: "R1", MerchantRef: tag + "-" + id, Money: sgd10, Provider: "axs",
		Mode: "qr", DeadlineUp: payment.ToMillis(r.now.Up + time.Minute),
		DeadlineAt: r.now.Wall, Policy: r.cfg.Policy,
	}}, more...)
	for _, d := range data {
		f := []payment.Fact{{Payment: id, At: r.now.Wall, Boot: r.now.Boot, Up: r.now.Up, Data: d}}
		if err := r.j.Journal.Append(f, nil); err != nil {
			r.t.Fatal(err)
		}
	}
	return id
}

func TestRestartBeforeAnythingWasMinted(t *testing.T) {
	for name, more := range map[string][]payment.Data{"requested": nil,
		"mint sent": {payment.MintSent{}}} {
		for _, restart := range []func(*rig){(*rig).crash, (*rig).reboot} {
			r := newRig(t)
			id := r.requestedOnly(more...)
			restart(r)
			got := r.wantStatus(id, payment.StatusCancelled)
			if got.Reason.Code != "mint_failed" || !got.Owed {
				t.Errorf("%s: %+v", name, got)
			}
			r.makeReady()
			r.attach(till1)
			if len(r.owed) != 1 || r.owed[0].Payment.ID != id {
				t.Errorf("%s: owed %+v", name, r.owed)
			}
			if len(r.gw.minted) != 0 {
				t.Error("minted again")
			}
			r.pass(11 * time.Second)
			r.confirmIdle()
			r.sale(till1, "R2")
		}
	}
}

func (r *rig) confirmIdle() { r.step(engine.DisplayShows{Kind: payment.ScreenIdle}) }

func TestRestartInTheSameBootShowsTheSameCodeAgain(t *testing.T) {
	r := newRig(t)
	p := r.start(till1, "R1") // dies before the display confirms
	r.pass(2 * time.Second)
	r.crash()
	r.wantScreen(payment.ScreenPay)
	if r.screen.Payload != p.QRPayload || r.screen.Left != 178*time.Second {
		t.Errorf("screen %+v", r.screen)
	}
	r.confirm(p)
	r.pass(100 * time.Second)
	r.crash()
	r.wantScreen(payment.ScreenPay)
	if r.screen.Left != 78*time.Second || len(r.gw.minted) != 1 {
		t.Errorf("left %s, minted %d", r.screen.Left, len(r.gw.minted))
	}
	again := r.start(till1, "R1")
	if again.ID != p.ID {
		t.Error("the same request got another payment")
	}
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved)
	r.wantFacts(p.ID, "requested minted shown notified")
}

func TestRestartAndNoDisplayComesBack(t *testing.T) {
	r := newRig(t)
	p := r.start(till1, "R1")
	r.crash()
	r.pass(5 * time.Second)
	if got := r.payment(p.ID); got.EndedBy != payment.KindDisplayLost {
		t.Errorf("ended by %q", got.EndedBy)
	}
}

func TestRestartAfterTheDeadline(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.now.Up += 181 * time.Second
	r.crash()
	r.wantFacts(p.ID, "requested minted shown deadline_passed withdrawn")
	r.wantScreen(payment.ScreenChecking)
	r.pass(6 * time.Second)
	r.prove()
	r.wantStatus(p.ID, payment.StatusExpired, payment.FlagUnconfirmed)
}

func TestAnotherBootIsPastEveryDeadline(t *testing.T) {
	for _, shown := range []bool{false, true} {
		r := newRig(t)
		p := r.start(till1, "R1")
		if shown {
			r.confirm(p)
		}
		r.reboot()
		for _, v := range r.screens[len(r.screens)-1:] {
			if v.Payload != "" {
				t.Error("a code of an earlier boot is on the screen")
			}
		}
		r.wantScreen(payment.ScreenChecking)
		if got := r.payment(p.ID); got.EndedBy != payment.KindDeadlinePassed || !got.Withdrawn {
			t.Fatalf("%+v", got)
		}
		if d := all[payment.DeadlinePassed](r); d[0].Reason != "reboot" {
			t.Errorf("reason %q", d[0].Reason)
		}
		r.pass(6 * time.Second)
		r.prove()
		r.wantStatus(p.ID, payment.StatusExpired, payment.FlagUnconfirmed)
	}
}

func TestAnotherBootStillHearsOfTheMoney(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.reboot()
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved)
	r.attach(till1)
	if len(r.owed) != 1 || r.owed[0].Payment.Status != payment.StatusApproved {
		t.Errorf("owed %+v", r.owed)
	}
}

// Restarts while the truth is read: ended and undecided, in the same boot and in another.

func TestRestartSameBootProofStillToCome(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	withdrawn := r.now.Up
	r.pass(2 * time.Second)
	r.crash()
	r.wantScreen(payment.ScreenChecking)
	r.step(engine.CanaryReturned{SentUp: withdrawn + 5*time.Second - 1})
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.pass(2 * time.Second)
	if r.canary != 0 {
		t.Error("a canary was asked for before it can count")
	}
	r.pass(time.Second)
	if r.canary != 1 {
		t.Errorf("%d canaries were asked for", r.canary)
	}
	r.prove()
	r.wantStatus(p.ID, payment.StatusCancelled, payment.FlagUnconfirmed)
	r.wantFacts(p.ID, "requested minted shown cancel_requested withdrawn path_proved")
}

func TestRestartSameBootAnswerWithinGoesOn(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(20 * time.Second)
	r.crash()
	r.pass(5*time.Second - time.Millisecond)
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.pass(time.Millisecond)
	r.wantStatus(p.ID, payment.StatusUnknown)
}

func TestRestartSameBootAnswerWithinIsOver(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.now.Up += time.Minute
	r.crash()
	r.pass(0)
	r.wantStatus(p.ID, payment.StatusUnknown)
}

func TestRestartAnotherBootEnded(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.reboot()
	r.wantScreen(payment.ScreenChecking)
	r.forget()
	r.pass(time.Second)
	if r.canary != 1 {
		t.Errorf("%d canaries were asked for: a withdrawal of an earlier boot is long past",
			r.canary)
	}
	r.prove()
	r.wantStatus(p.ID, payment.StatusCancelled, payment.FlagUnconfirmed)
}

func TestRestartAnotherBootEndedAndDeaf(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.reboot()
	r.pass(25*time.Second - time.Millisecond)
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.pass(time.Millisecond)
	r.wantStatus(p.ID, payment.StatusUnknown)
}

// TestRestartWhenTheWithdrawalIsMissing: an older release may have committed the cause alone.
func TestRestartWhenTheWithdrawalIsMissing(t *testing.T) {
	r := newRig(t)
	id := r.requestedOnly(payment.Minted{Payload: "https://pay.test/x"},
		payment.CancelRequested{By: till1})
	r.crash()
	r.wantFacts(id, "requested minted cancel_requested withdrawn")
	r.step(engine.CanaryReturned{SentUp: r.now.Up + 4999*time.Millisecond})
	r.wantStatus(id, payment.StatusAwaiting)
	r.step(engine.CanaryReturned{SentUp: r.now.Up + 5*time.Second})
	r.wantStatus(id, payment.StatusCancelled, payment.FlagUnconfirmed)
}

// TestStartWithAJournalThatTakesNothing: what the restart rules want is not lost with the commit
// that failed.
func TestStartWithAJournalThatTakesNothing(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before func(*rig) string
		again  func(*rig)
		want   string // facts once the journal is well
	}{
		{"awaiting, another boot", func(r *rig) string { return r.sale(till1, "R1").ID },
			(*rig).reboot, "requested minted shown deadline_passed withdrawn"},
		{"nothing minted", func(r *rig) string { return r.requestedOnly() }, (*rig).crash,
			"requested mint_failed"},
		{"cancelling, another boot", func(r *rig) string {
			p := r.sale(till1, "R1")
			r.cancel(till1, p.ID)
			return p.ID
		}, (*rig).reboot, "requested minted shown cancel_requested withdrawn"},
		{"cancelling, the withdrawal is missing", func(r *rig) string {
			return r.requestedOnly(payment.Minted{Payload: "x"}, payment.CancelRequested{})
		}, (*rig).crash, "requested minted cancel_requested withdrawn"},
		{"a parked delivery that opens now", func(r *rig) string {
			p := r.sale(till1, "R1")
			r.gw.secret = "wrong"
			if err := r.deliverEnvelope(seal("right", paid(p))); err != nil {
				r.t.Fatal(err)
			}
			r.gw.secret = "right"
			return p.ID
		}, (*rig).crash, "requested minted shown notified"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			id := tc.before(r)
			r.j.refuse = always
			tc.again(r)
			r.pass(3 * time.Second)
			if r.screen.Payload != "" && r.payment(id).Boot != r.now.Boot {
				t.Error("a code of an earlier boot is on the screen")
			}
			r.j.refuse = nil
			r.pass(time.Second)
			r.wantFacts(id, tc.want)
		})
	}
}

package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// What the simulation found about mints.

// TestACodeThatComesTooLateIsClosed: whatever ended the sale, the gateway is told by the code's own
// name.
func TestACodeThatComesTooLateIsClosed(t *testing.T) {
	for name, end := range map[string]func(*rig, string){
		"nobody knew of it": func(r *rig, _ string) {
			r.pass(21 * time.Second)
			r.answerNext(nothing())
		},
		"the till cancelled": func(r *rig, id string) {
			r.cancel(till1, id)
			for range 2 {
				r.pass(5 * time.Second)
				r.answerNext(nothing())
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, remote)
			id, _ := r.begins("R1")
			end(r, id)
			p := r.wantStatus(id, payment.StatusCancelled)
			r.mintReturns(id, code)
			want := engine.CloseCode{MerchantRef: p.MerchantRef, ProviderRef: "77",
				Account: payment.Account{Provider: "axs", Endpoint: "endpoint-1"}}
			if len(r.closes) != 1 || r.closes[0] != want {
				t.Errorf("closed %+v, want %+v", r.closes, want)
			}
		})
	}
}

// TestMintedThoughItSaidNoAndTheJournalCannotBeAsked: the code may be in the journal, so that
// nothing is concluded from the silence.
func TestMintedThoughItSaidNoAndTheJournalCannotBeAsked(t *testing.T) {
	for name, change := range map[string]func(*engine.Config){
		"query": func(*engine.Config) {}, "no query": func(c *engine.Config) {
			c.QueryEndpoint = ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, remote, change)
			id, _ := r.begins("R1")
			r.j.lie = true
			r.mintReturns(id, code)
			r.j.lie, r.j.unread = false, true
			r.pass(21 * time.Second)
			if len(r.asked) > 0 {
				r.answerNext(nothing())
			}
			r.pass(20 * time.Second)
			if told := r.told(); told.Final {
				t.Fatalf("told %s, and the journal has %s", told.Status, r.facts(id))
			}
			r.j.unread = false
			r.pass(time.Second)
			r.wantFacts(id, "requested mint_sent minted")
			r.wantStatus(id, payment.StatusAwaiting)
			r.wantScreen(payment.ScreenPay)
		})
	}
}

// TestACancelAfterUnknownWasToldIsAnswered: the machine slept past the time to answer, told unknown
// without a commit, could then write the deadline down, and lost the disk again. Who asks in
// between is answered in time all the same.
func TestACancelAfterUnknownWasToldIsAnswered(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.now.Up += 210 * time.Second
	r.j.refuse = always
	r.step(engine.Ticked{})
	r.j.refuse = nil
	r.step(engine.Ticked{})
	_, waiter := r.cancel(till1, p.ID)
	r.j.refuse = always
	r.pass(26 * time.Second)
	if !r.answered(waiter) || r.answers[waiter].Payment.Status != payment.StatusUnknown {
		t.Errorf("answered %t %+v", r.answered(waiter), r.answers[waiter])
	}
}

// TestAStartIsAnsweredThoughTheJournalTakesNothing: the till that waits for its code hears unknown
// when the time to answer is over.
func TestAStartIsAnsweredThoughTheJournalTakesNothing(t *testing.T) {
	r := newRig(t, remote)
	_, to := r.begins("R1")
	r.j.refuse = always
	r.pass(206 * time.Second)
	if !r.answered(to) || r.answers[to].Payment.Status != payment.StatusUnknown {
		t.Errorf("answered %t %+v", r.answered(to), r.answers[to])
	}
}

// TestACodeIsClosedAfterARestart: the process ended between the end of the customer's time and the
// request to close.
func TestACodeIsClosedAfterARestart(t *testing.T) {
	r := newRig(t, remote)
	id, _ := r.begins("R1")
	r.mintReturns(id, code)
	r.confirm(r.payment(id))
	r.die = afterCommit
	r.cancel(till1, id)
	r.die, r.dead = alive, false
	r.crash()
	if len(r.closes) != 1 || r.closes[0].ProviderRef != "77" {
		t.Errorf("closed %+v", r.closes)
	}
}

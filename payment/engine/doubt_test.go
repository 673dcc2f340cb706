package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// A commit that said it failed and did not: the journal holds what the machine believes lost. It
// must believe the journal.

func TestNotifiedThoughItSaidNo(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	_, waiter := r.cancel(till1, p.ID)
	r.j.lie = true
	wantCode(t, r.deliver(paid(p)), payment.CodeJournalUnavailable)
	r.j.lie = false
	r.mustDeliver(paid(p))
	r.pass(10 * time.Second)
	r.prove()
	r.pass(30 * time.Second)
	r.wantStatus(p.ID, payment.StatusApproved)
	if a := r.answers[waiter]; a.Payment.Status != payment.StatusApproved {
		t.Errorf("the cancel was answered %+v", a)
	}
	for _, told := range r.changed {
		if told.Final && told.Status != payment.StatusApproved {
			t.Errorf("told %s", told.Status)
		}
	}
	r.pass(11 * time.Second)
	r.confirmIdle()
	r.sale(till1, "R2")
}

func TestNotifiedThoughItSaidNoAndTheJournalCannotBeAsked(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.j.lie = true
	r.deliver(paid(p))
	r.j.lie, r.j.unread = false, true
	r.pass(10 * time.Second)
	r.prove()
	if told := r.told(); told.Final {
		t.Errorf("told %s", told.Status)
	}
	r.j.unread = false
	r.pass(0)
	if told := r.told(); told.Status != payment.StatusApproved {
		t.Errorf("told %s", told.Status)
	}
}

func TestCancelledThoughItSaidNo(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.j.lie = true
	r.cancel(till1, p.ID)
	r.j.lie = false
	_, waiter := r.cancel(till1, p.ID)
	r.pass(6 * time.Second)
	r.prove()
	if a := r.answers[waiter]; a.Err != nil || a.Payment.Status != payment.StatusCancelled {
		t.Errorf("the second cancel was answered %+v", a)
	}
	r.wantFacts(p.ID, "requested minted shown cancel_requested withdrawn path_proved offered")
}

func TestRequestedThoughItSaidNo(t *testing.T) {
	r := newRig(t)
	r.j.lie = true
	_, err := r.tryStart(till1, request("R1"))
	wantCode(t, err, payment.CodeJournalUnavailable)
	r.j.lie = false
	_, err = r.tryStart(till1, request("R2"))
	wantCode(t, err, payment.CodeBusy)
	p := r.start(till1, "R1") // the same request again
	if n := len(all[payment.Requested](r)); n != 1 || p.ID == "" {
		t.Errorf("%d payments", n)
	}
	r.wantScreen(payment.ScreenPay)
	r.pass(5 * time.Second)
	if got := r.payment(p.ID); got.EndedBy != payment.KindDisplayLost {
		t.Errorf("nobody confirmed the code, and it goes on: %+v", got)
	}
}

func TestRequestedThoughItSaidNoAndNeverAgain(t *testing.T) {
	r := newRig(t)
	r.j.lie = true
	_, err := r.tryStart(till1, request("R1"))
	wantCode(t, err, payment.CodeJournalUnavailable)
	r.j.lie = false
	r.pass(6 * time.Second)
	r.pass(6 * time.Second)
	r.prove()
	r.wantStatus(newest(r, till1), payment.StatusCancelled, payment.FlagUnconfirmed)
}

func TestAcknowledgedThoughItSaidNo(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	r.j.lie = true
	wantCode(t, r.acknowledge(till1, p.ID, 3), payment.CodeJournalUnavailable)
	r.j.lie = false
	r.mustAcknowledge(till1, p.ID)
	r.wantFacts(p.ID, "requested minted shown notified offered acknowledged")
}

// TestMintFailedThoughItSaidNo: a code that comes for a sale of which nobody knows whether it has
// ended stays off the screen, and is closed at the gateway.
func TestMintFailedThoughItSaidNo(t *testing.T) {
	r := newRig(t, remote)
	id, _ := r.begins("R1")
	r.mintReturns(id, payment.MintAnswer{Failure: "timeout after 10s"})
	r.pass(0)
	r.j.lie = true
	r.answerNext(nothing())
	r.j.lie, r.j.unread = false, true
	r.mintReturns(id, code)
	r.wantFacts(id, "requested mint_sent mint_failed offered minted")
	if len(r.closes) != 1 || r.closes[0].ProviderRef != "77" {
		t.Errorf("closed: %+v", r.closes)
	}
	r.j.unread = false
	r.pass(0)
	r.wantStatus(id, payment.StatusCancelled)
	for _, v := range r.screens {
		if v.Payload != "" {
			t.Errorf("the code was shown: %+v", v)
		}
	}
}

// TestACancelIsAnsweredThoughTheEndCannotBeWritten: an entry that said it failed is there all the
// same, so the restart rules decide, and what they decide cannot be written either.
func TestACancelIsAnsweredThoughTheEndCannotBeWritten(t *testing.T) {
	r := newRig(t, remote)
	id, _ := r.begins("R1")
	_, waiter := r.cancel(till1, id)
	r.mintReturns(id, payment.MintAnswer{Failure: "timeout after 10s"})
	r.pass(time.Second)
	r.j.lie = true
	r.answerNext(payment.QueryAnswer{Failure: "HTTP 500", HTTPStatus: 500})
	r.j.lie, r.j.refuse = false, always
	r.pass(23 * time.Second)
	if r.answered(waiter) {
		t.Fatalf("answered too soon: %+v", r.answers[waiter])
	}
	r.pass(3 * time.Second)
	if a, ok := r.answers[waiter]; !ok || a.Payment.Status != payment.StatusUnknown {
		t.Errorf("the cancel was answered %t %+v", ok, a)
	}
}

// TestACodeIsNotGivenInDoubt: the cancel is in the journal, which nobody can read now.
func TestACodeIsNotGivenInDoubt(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	get := func() engine.Answer {
		a, _ := r.ask(func(to engine.Ticket) engine.Event {
			return engine.GetAsked{Till: till1, Key: payment.Key{ID: p.ID}, To: to}
		})
		return a
	}
	r.j.lie = true
	r.cancel(till1, p.ID)
	r.j.lie, r.j.unread = false, true
	if a := get(); a.Payment.QRPayload != "" {
		t.Errorf("the code is given after the end: %+v", a.Payment)
	} else {
		wantCode(t, a.Err, payment.CodeJournalUnavailable)
	}
	r.j.unread = false
	if a := get(); a.Err != nil || a.Payment.QRPayload != "" {
		t.Errorf("%+v, %v", a.Payment, a.Err)
	}
}

// TestSilenceIsNoneInDoubt: the payment is in the journal, though the commit was reported as failed
// and nothing can be read back. What the gateway's query does not show yet ends nothing meanwhile.
func TestSilenceIsNoneInDoubt(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	_, waiter := r.cancel(till1, p.ID)
	r.pass(0)
	r.j.lie = true
	if err := r.deliver(paid(p)); err == nil {
		t.Fatal("the commit was reported as made")
	}
	r.j.lie, r.j.unread = false, true
	for range 3 {
		for len(r.asked) > 0 {
			r.answerNext(nothing())
		}
		r.pass(6 * time.Second)
	}
	r.j.unread = false
	r.pass(time.Second)
	if n := len(all[payment.QueryEmpty](r)); n != 0 {
		t.Errorf("%d answers count as silence", n)
	}
	r.wantStatus(p.ID, payment.StatusApproved)
	if a := r.answers[waiter]; a.Payment.Status != payment.StatusApproved {
		t.Errorf("the cancel was answered %+v", a)
	}
}

package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// TestACancelIsAnsweredWhatTheDiskHadDenied: the disk has written the end of a sale and said that
// it had not, and cannot be read; the till cancels. When the end is found, the cancel is answered
// with it, also where it has the number of the revision that the cancel had made.
func TestACancelIsAnsweredWhatTheDiskHadDenied(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.pass(10 * time.Second)
	r.j.lie = true
	if err := r.deliver(paid(p, func(r *payment.Record) { r.ResponseCode = "91" })); err == nil {
		t.Fatal("the disk said that it had written")
	}
	r.j.lie, r.j.unread = false, true
	_, waiter := r.cancel(till1, p.ID)
	before := r.answered(waiter)
	r.j.unread = false
	r.pass(time.Second)
	a := r.answers[waiter]
	if before || !r.answered(waiter) || a.Err != nil || a.Payment.Status != payment.StatusUnknown {
		t.Errorf("answered before %t, now %t: %s %v", before, r.answered(waiter), a.Payment.Status,
			a.Err)
	}
}

// TestReadingAgainBuysNoTime: a sale of an earlier boot is answered within answer_within of the
// start, also where the disk denies what it has written meanwhile and the journal is read again.
func TestReadingAgainBuysNoTime(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.reboot()
	began := r.now.Up
	for within := p.Policy.AnswerWithin.Duration(); r.now.Up < began+within; r.pass(time.Second) {
		for len(r.asked) > 0 {
			r.j.lie = r.now.Up > began+within-8*time.Second
			r.answerNext(broken())
			r.j.lie = false
		}
	}
	r.pass(time.Second)
	r.wantStatus(p.ID, payment.StatusUnknown)
}

// TestAMintThatNobodyKnowsOfEndsByItself: also where the customer's time is over at that very
// moment, or just before it; nobody has seen a code, so the till that waits hears no later.
func TestAMintThatNobodyKnowsOfEndsByItself(t *testing.T) {
	for _, before := range []time.Duration{0, 5 * time.Second} {
		mintEndsByItself(t, before)
	}
}

func mintEndsByItself(t *testing.T, before time.Duration) {
	t.Helper()
	r := newRig(t, remote, func(c *engine.Config) {
		c.Timeout = 20*time.Second + c.Policy.AnswerWithin.Duration() - before
	})
	id, to := r.begins("R1")
	r.pass(20 * time.Second) // no answer, and none to the one question
	r.pass(25*time.Second - time.Millisecond)
	if r.answered(to) {
		t.Fatalf("answered %+v", r.answers[to])
	}
	r.pass(2 * time.Millisecond)
	r.wantStatus(id, payment.StatusCancelled)
	if a := r.answers[to]; a.Payment.Status != payment.StatusCancelled {
		t.Errorf("answered %+v", a)
	}
}

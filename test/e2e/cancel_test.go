package e2e_test

import (
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
)

// cancelling asks to cancel and returns a function that waits for the answer.
func (x *till) cancelling(id string) (answer func() device.Payment) {
	x.t.Helper()
	type result struct {
		p   device.Payment
		err error
	}
	got := make(chan result, 1)
	ctx := soon(x.t)
	go func() {
		var r result
		r.err = x.Call(ctx, "payment.cancel", object{"id": id}, &r.p)
		got <- r
	}()
	return func() device.Payment {
		x.t.Helper()
		r := <-got
		if r.err != nil {
			x.t.Fatalf("payment.cancel: %v", r.err)
		}
		return r.p
	}
}

var unconfirmed = []payment.Flag{payment.FlagUnconfirmed}

// TestCancel: the code is withdrawn at once, the answer comes within answer_within and says that no
// query confirmed it.
func TestCancel(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	p := x.start("CANCEL", 500)
	s.display.shows("pay", p.ID)
	s.until(p.ID, payment.KindShown)
	asked := time.Now()
	answer := x.cancelling(p.ID)
	s.until(p.ID, payment.KindWithdrawn)
	after := s.display.shows("checking", p.ID)
	if after.Amount != "5.00" {
		t.Errorf("the display shows %+v", after)
	}
	done := answer()
	if took := time.Since(asked); took < time.Second || took > 25*time.Second {
		t.Errorf("answered after %s, want settle (1 s) to answer_within (25 s)", took)
	}
	checkOutcome(t, "cancelled", done, payment.StatusCancelled, unconfirmed, "cancelled")
	if done.QRPayload != "" {
		t.Error("the answer still carries the link")
	}
	s.display.shows("cancelled", p.ID)
	x.refused(device.CodeNotCancellable, "not_cancellable", "payment.cancel", object{"id": p.ID})
	heard := x.outcome(p.ID)
	checkOutcome(t, "the change", heard, payment.StatusCancelled, unconfirmed, "cancelled")
	x.acknowledge(heard)
	checkOrder(t, s.facts(p.ID), payment.KindCancelRequested, payment.KindWithdrawn,
		payment.KindPathProved, payment.KindOffered, payment.KindAcknowledged)
}

// checkOrder checks that the facts contain these kinds in this order.
func checkOrder(t *testing.T, facts []payment.Fact, want ...payment.Kind) {
	t.Helper()
	rest := want
	for _, f := range facts {
		if len(rest) > 0 && f.Kind() == rest[0] {
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		t.Errorf("%v are missing, or out of order: %v", rest, kinds(facts))
	}
}

// TestCancelLosesToPayment: the customer pays while the cancel settles; the till that cancelled
// hears approved.
func TestCancelLosesToPayment(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	p := x.start("RACE", 600)
	s.until(p.ID, payment.KindShown)
	customer := scan(t, p.QRPayload)
	answer := x.cancelling(p.ID)
	s.until(p.ID, payment.KindWithdrawn)
	customer.press("pay", "ALIPAY")
	done := answer()
	checkOutcome(t, "the cancel's answer", done, payment.StatusApproved, nil, "")
	x.acknowledge(x.approved(p.ID))
	s.display.shows("approved", p.ID)
	s.till().owedNothing()
}

// TestPaidAfterCancelled: the customer pays when the till has stored "cancelled". The correction is
// owed like the answer itself.
func TestPaidAfterCancelled(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	p := x.start("LATE", 800)
	s.until(p.ID, payment.KindShown)
	customer := scan(t, p.QRPayload)
	cancelled := x.cancelling(p.ID)()
	checkOutcome(t, "cancelled", cancelled, payment.StatusCancelled, unconfirmed, "cancelled")
	x.acknowledge(cancelled)
	s.till().owedNothing()

	customer.press("pay", "PAYNOW")
	isLate := func(p device.Payment) bool { return p.Status == payment.StatusApproved }
	late := x.hear("the correction", p.ID, isLate)
	checkOutcome(t, "the correction", late, payment.StatusApproved,
		[]payment.Flag{payment.FlagLate}, "")
	if late.Revision <= cancelled.Revision || late.Acknowledged || late.ProviderRef == "" {
		t.Errorf("the correction is %+v", late)
	}
	again := s.till()
	if owed := again.owed(); len(owed) != 2 || !isLate(owed[0]) ||
		owed[0].Revision != late.Revision {
		// told, and listed
		t.Errorf("owed on the next connection: %s", statuses(owed))
	}
	// the old one again
	x.do("payment.acknowledge", object{"id": p.ID, "revision": cancelled.Revision}, nil)
	if now := x.get(p.ID); now.Acknowledged {
		t.Error("acknowledging the old revision covers the new one")
	}
	x.acknowledge(late)
	s.till().owedNothing()
}

// TestPaidTwice: a card, and then the code that was shown before it: one approved payment, flagged,
// and told again.
func TestPaidTwice(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	p := x.start("TWICE", 900)
	s.until(p.ID, payment.KindShown)
	scan(t, p.QRPayload).press("pay", "VISA")
	x.acknowledge(x.approved(p.ID))
	if _, err := s.h.Sandbox().Act(p.MerchantRef,
		sandbox.Action{Do: sandbox.PayAgain, Scheme: sandbox.PayNow}); err != nil {
		t.Fatal(err)
	}
	twice := x.hear("the second payment", p.ID,
		func(p device.Payment) bool { return len(p.Flags) > 0 })
	checkOutcome(t, "twice", twice, payment.StatusApproved, []payment.Flag{payment.FlagDuplicate},
		"")
	x.acknowledge(twice)
	s.till().owedNothing()
}

// TestDeadline waits the shortest time that a till may give its customer.
func TestDeadline(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	var p device.Payment
	x.do("payment.start", object{"reference": "DEADLINE", "amount": 300, "timeout_s": 30}, &p)
	s.until(p.ID, payment.KindShown)
	scan(t, p.QRPayload).press("decline", "VISA") // an attempt ends nothing
	attempt := x.hear("the attempt", p.ID,
		func(p device.Payment) bool { return len(p.Attempts) == 1 })
	if attempt.Final || attempt.Attempts[0].Status != "declined" ||
		attempt.QRPayload != p.QRPayload {
		t.Errorf("after an attempt: %+v", attempt)
	}
	next := x.outcome(p.ID)
	checkOutcome(t, "after the deadline", next, payment.StatusDeclined, unconfirmed, "")
	if early := time.Until(p.DeadlineAt.Time); early > 0 {
		t.Errorf("ended %s before the deadline", early)
	}
	x.acknowledge(next)
	checkOrder(t, s.facts(p.ID), payment.KindShown, payment.KindNotified,
		payment.KindDeadlinePassed, payment.KindWithdrawn, payment.KindPathProved)
}

// TestExpired is a deadline without any attempt.
func TestExpired(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	var p device.Payment
	x.do("payment.start", object{"reference": "EXPIRED", "amount": 300, "timeout_s": 30}, &p)
	s.display.shows("pay", p.ID)
	done := x.outcome(p.ID)
	checkOutcome(t, "expired", done, payment.StatusExpired, unconfirmed, "")
	if late := time.Since(p.DeadlineAt.Time); late < 0 || late > 25*time.Second {
		t.Errorf("answered %s after the deadline", late)
	}
	s.display.shows("expired", p.ID)
	x.acknowledge(done)
}

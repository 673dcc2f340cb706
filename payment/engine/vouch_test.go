package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// TestTheQueryOfAPreviousAccount: it says what became of that account's own sales. About any other
// it may say what it wants: nothing of that answer is booked, and it is no silence.
func TestTheQueryOfAPreviousAccount(t *testing.T) {
	r := newRig(t, sellsAt(first))
	old := r.sale(till1, "R1")
	r.switches(second, first)
	r.answersFor(20*time.Second, silent)
	r.wantStatus(old.ID, payment.StatusCancelled)
	now, lies := r.sale(till1, "R2"), 0
	forged := func(q engine.SendQuery) payment.QueryAnswer {
		if q.Account.Name == first.Name {
			lies++
			return found(paid(now), paid(old, status(payment.RecordSuccess, "9")))
		}
		return nothing()
	}
	r.answersFor(80*time.Second, forged)
	r.j.blind = "ByMerchantRef"
	r.answersFor(80*time.Second, forged)
	r.j.blind = ""
	r.wantStatus(now.ID, payment.StatusAwaiting)
	r.wantStatus(old.ID, payment.StatusCancelled)
	if n := len(all[payment.Notified](r)); n != 0 || lies < 2 {
		t.Errorf("%d statements are booked after %d lies", n, lies)
	}

	r.answersFor(2*time.Hour, func(q engine.SendQuery) payment.QueryAnswer {
		if q.Account.Name == first.Name {
			return found(paid(old))
		}
		return nothing()
	})
	r.wantStatus(old.ID, payment.StatusApproved, payment.FlagLate)
	// the present account is asked by the secrets of now, and may say what it knows of both
	r.makeReady()
	next := r.sale(till1, "R3")
	r.answersFor(time.Minute, func(q engine.SendQuery) payment.QueryAnswer {
		if q.Account.Name == second.Name {
			return found(paid(next), paid(old, status(payment.RecordSuccess, "again")))
		}
		return nothing()
	})
	r.wantStatus(next.ID, payment.StatusApproved)
	r.wantStatus(old.ID, payment.StatusApproved, payment.FlagLate, payment.FlagDuplicate)
}

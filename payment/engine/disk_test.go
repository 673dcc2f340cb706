package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
)

// TestADeliveryThatCannotBeLookedUpIsNotAcknowledged: booked as unmatched, the money would never find its payment.
func TestADeliveryThatCannotBeLookedUpIsNotAcknowledged(t *testing.T) {
	for _, open := range []bool{true, false} {
		r := newRig(t)
		p := r.sale(till1, "R1")
		if !open {
			r.cancel(till1, p.ID)
			r.pass(6 * time.Second)
			r.prove()
		}
		head, _ := r.j.Head()
		r.j.unread = true
		for _, e := range []payment.Envelope{seal("right", paid(p)), seal("wrong", paid(p))} {
			wantCode(t, r.deliverEnvelope(e), payment.CodeJournalUnavailable)
		}
		if after, _ := r.j.Head(); after != head {
			t.Error("something was committed")
		}
		r.j.unread = false
		r.mustDeliver(paid(p))
		if got := r.payment(p.ID); got.Status != payment.StatusApproved {
			t.Errorf("status %s", got.Status)
		}
	}
}

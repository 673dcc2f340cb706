package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// TestWhatWasNotHeardIsNoSilence: without a query a canary proves that nothing was said, and that
// is no proof where the relay may have lost something, or where something came that nobody here
// could read.
func TestWhatWasNotHeardIsNoSilence(t *testing.T) {
	another := func(r *rig) payment.Envelope {
		return seal("new secret", payment.Record{MerchantRef: r.position().ID})
	}
	takes := func(r *rig, e payment.Envelope) {
		if err := r.deliverEnvelope(e); err != nil {
			r.t.Fatal(err)
		}
	}
	full := func(r *rig, _ payment.Payment) {
		for range r.cfg.ParkedCap + 1 {
			takes(r, another(r))
		}
	}
	for _, tc := range []struct {
		name                 string
		before, while, after func(*rig, payment.Payment) // the sale; the code was shown
		want                 payment.Status
	}{
		{name: "all was heard", want: payment.StatusCancelled},
		{name: "a gap", while: gap, want: payment.StatusUnknown},
		{name: "a gap after the withdrawal", after: gap, want: payment.StatusUnknown},
		{name: "a gap before the sale", before: gap, want: payment.StatusCancelled},
		{name: "a gap and a restart", while: func(r *rig, p payment.Payment) {
			gap(r, p)
			r.crash()
			r.makeReady()
		}, want: payment.StatusUnknown},
		{name: "what does not open", while: func(r *rig, p payment.Payment) {
			takes(r, seal("new secret", paid(p)))
		}, want: payment.StatusUnknown},
		{name: "what did not open before the sale", before: func(r *rig, _ payment.Payment) {
			takes(r, another(r))
		}, want: payment.StatusCancelled},
		{name: "what staff have closed", while: func(r *rig, _ payment.Payment) {
			takes(r, another(r))
			r.closeParked()
		}, want: payment.StatusCancelled},
		{name: "what found no place", before: func(r *rig, _ payment.Payment) {
			for range r.cfg.ParkedCap {
				takes(r, another(r))
			}
		}, while: func(r *rig, p payment.Payment) {
			takes(r, seal("new secret", paid(p)))
		}, want: payment.StatusUnknown},
		{name: "what found no place behind others", before: full,
			while: func(r *rig, p payment.Payment) {
				takes(r, seal("new secret", paid(p)))
			}, want: payment.StatusUnknown},
		{name: "what found no place before the sale", before: full,
			want: payment.StatusCancelled},
		{name: "rubbish", while: func(r *rig, _ payment.Payment) {
			takes(r, payment.Envelope{Method: "GET", Body: []byte("?"), ReceivedAt: day})
		}, want: payment.StatusCancelled},
		{name: "a journal that cannot say", after: func(r *rig, _ payment.Payment) {
			r.j.blind = "Unheard"
		}, want: payment.StatusUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			does := func(f func(*rig, payment.Payment), p payment.Payment) {
				if f != nil {
					f(r, p)
				}
				r.pass(time.Second)
			}
			does(tc.before, payment.Payment{})
			p := r.sale(till1, "R1")
			does(tc.while, p)
			r.cancel(till1, p.ID)
			does(tc.after, p)
			r.pass(5 * time.Second)
			r.prove()
			r.pass(20 * time.Second)
			if got := r.payment(p.ID); got.Status != tc.want {
				t.Errorf("%s, want %s; facts: %s", got.Status, tc.want, r.facts(p.ID))
			}
		})
	}
}

func gap(r *rig, _ payment.Payment) { r.step(engine.GapFound{Reason: "epoch_changed"}) }

package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// TestLeastAnswerWithin: with the least time a sale that nobody paid ends as cancelled, though a
// question left just before the cancel and every answer takes nearly a second; with as much less as
// was left for answers it ends as unknown, however fast they are.
func TestLeastAnswerWithin(t *testing.T) {
	for _, settle := range []time.Duration{time.Second, 5 * time.Second, 20 * time.Second} {
		for _, query := range []bool{true, false} {
			least := engine.LeastAnswerWithin(settle, query)
			for _, tc := range []struct {
				within, answer time.Duration
				want           payment.Status
			}{
				{least, 900 * time.Millisecond, payment.StatusCancelled},
				{least - 2*time.Second, 0, payment.StatusUnknown},
			} {
				r := newRig(t, func(c *engine.Config) {
					c.Policy.Settle = payment.ToMillis(settle)
					c.Policy.AnswerWithin = payment.ToMillis(tc.within)
					if query {
						asking(c)
					}
				})
				p := r.sale(till1, "R1")
				if query {
					r.pass(30 * time.Second)
					r.answerNext(nothing())
				}
				_, waiter := r.cancel(till1, p.ID)
				r.untilAnswered(waiter, tc.answer)
				if got := r.answers[waiter].Payment.Status; got != tc.want {
					t.Errorf("settle %s, query %v: with %s the cancel was answered %s, want %s",
						settle, query, tc.within, got, tc.want)
				}
			}
		}
	}
}

// untilAnswered lets the time pass until a till has its answer, while gateway and relay take their
// time.
func (r *rig) untilAnswered(waiter engine.Ticket, takes time.Duration) {
	r.t.Helper()
	var due, canaryDue, sentUp time.Duration
	canaries := r.canary
	for range 1300 {
		r.pass(100 * time.Millisecond)
		if r.answered(waiter) {
			return
		}
		if len(r.asked) > 0 && due == 0 {
			due = r.now.Up + takes
		}
		if due != 0 && r.now.Up >= due {
			due = 0
			r.answerNext(nothing())
		}
		if r.canary > canaries && canaryDue == 0 {
			sentUp, canaryDue = r.now.Up, r.now.Up+2*takes
		}
		if canaryDue != 0 && r.now.Up >= canaryDue {
			r.step(engine.CanaryReturned{SentUp: sentUp})
			canaryDue = 0
		}
	}
	r.t.Fatal("the till was never answered")
}

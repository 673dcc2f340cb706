package foreign_test

import (
	"fmt"
	"testing"

	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/foreign"
)

// TestAnotherAmount: the gateway reports a payment of another amount, in its notification and when
// it is asked. The cashier of each till reads that nobody knows, also as the last result, and staff
// have a task that says why. The next customer pays as ever.
func TestAnotherAmount(t *testing.T) {
	each(t, all, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		for _, kind := range []sandbox.FaultKind{sandbox.FaultWrongAmount,
			sandbox.FaultQueryAmount} {
			if _, err := r.h.Sandbox().AddFault(sandbox.Fault{Kind: kind,
				Amount: 1023}); err != nil {
				t.Fatal(err)
			}
		}
		till := r.till(k, quickly(foreign.Habits{}))
		s := sells(till, foreign.Order{Tender: foreign.Any, Cents: 1023})
		p := r.shown(s)
		r.pays(p)
		reads(t, "another amount", r.end(s).Screen, "ASK STAFF: "+noAnswerFits)
		reads(t, "the last sale", till.Ask(foreign.Last).Screen, "TO "+noAnswerFits)
		r.becomes(p.ID, payment.StatusUnknown)
		r.eventually("staff have one task: to look at the amount", func() error {
			tasks := r.whole(p.ID).Tasks()
			if len(tasks) != 1 || tasks[0].Code != string(payment.FlagAmountMismatch) {
				return fmt.Errorf("%v", tasks)
			}
			return nil
		})
		r.sold(till, foreign.Order{Tender: foreign.Any, Cents: 500})
		if got := till.Taken(); got != 500 {
			t.Errorf("the till believes to have taken %d", got)
		}
	})
}

// noAnswerFits is what the cashier reads where what the gateway says is not this sale's.
const noAnswerFits = "OUTCOME UNKNOWN - CHECK BEFORE RETRY"

package till

import (
	"testing"
	"time"

	"kiosk-agent/payment"
)

// A number that the till used again after nothing was sold under it, or that is none, is the next
// customer's as well: nobody hears of an earlier customer's payment by it, and nobody is asked to
// pay while nobody knows.
func TestAReceiptNumberThatIsUsedAgain(t *testing.T) {
	for _, tc := range []struct {
		name, receipt string
		before        []string
		refused       error // of another request with the number
	}{
		{"after a declined sale", receipt, []string{numbers[1], numbers[2], receipt}, nil},
		{"after a declined sale, two sales ago", receipt, []string{numbers[1], receipt, numbers[2]},
			nil},
		{"after a refused sale", receipt, numbers,
			&payment.Error{Code: payment.CodeNotReady, Op: "start"}},
		{"zeros", "0000000000000", numbers, nil},
		{"dashes", "---", numbers, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "nets")
			r.acknowledged(tc.before...)
			if tc.refused != nil {
				r.desk.fail["start"] = tc.refused
				r.send(purchase(number(70), tc.receipt, 500))
				r.send([]byte{ack})
				r.wantAnswers(number(70) + " 30 HS")
				delete(r.desk.fail, "start")
			}
			p := r.startNets(number(80), tc.receipt, 1023)
			r.endsUnheard(p, payment.StatusApproved, 111*time.Second)
			r.send(purchase(number(90), tc.receipt, 1023))
			r.wantAnswers(number(90) + " 30 TO")
			r.send([]byte{ack})
			if p := r.desk.get(p.ID); p.AckedRev != 0 || len(r.desk.order) != 4 {
				t.Errorf("%d sales, acknowledged %d", len(r.desk.order), p.AckedRev)
			}
		})
	}
}

// The same, where the request that was refused came while the sale ran, for another bill.
func TestAReceiptNumberThatIsUsedForAnotherBill(t *testing.T) {
	r := newRig(t, "nets")
	r.acknowledged(numbers...)
	p := r.startNets(number(80), receipt, 1023)
	r.pass(30 * time.Second)
	r.send(purchase(number(81), receipt, 500))
	r.send([]byte{ack})
	r.wantAnswers(number(81) + " 30 HS")
	r.endsUnheard(p, payment.StatusApproved, 111*time.Second)
	r.send(purchase(number(90), receipt, 1023))
	r.wantAnswers(number(90) + " 30 TO")
}

// Where the ECN never changes a late answer to a receipt number makes no conflict of the next bill.
func TestTheNextBillAfterALateAnswerWithoutECNs(t *testing.T) {
	const ecn = "000000000000"
	r := newRig(t, "nets")
	for _, receipt := range numbers {
		r.finish(r.startNets(ecn, receipt, 500), payment.StatusDeclined)
		r.send([]byte{ack})
		r.pass(20 * time.Second)
		r.take()
	}
	r.endsUnheard(r.startNets(ecn, receipt, 1023), payment.StatusApproved, 111*time.Second)
	r.pass(15 * time.Second)
	r.take()
	r.send(purchase(ecn, receipt, 1023))
	r.wantAnswers(ecn + " 30 00")
	r.pass(20 * time.Second)
	r.take()
	r.startNets(ecn, "R000000000021", 700)
}

package till

import (
	"testing"
	"time"

	"kiosk-agent/payment"
)

// firstTransmission is a request that starts nothing, and what lets the same request start a sale
// a moment later, if it is judged anew.
type firstTransmission struct {
	name    string
	dialect string
	before  func(r *rig)
	request []byte
	meant   func(r *rig) // happens between the first transmission and the second
	want    string       // the code of the answer
	sales   int          // started before
}

// declinedUnheard ends a sale while nobody hears it, and lets its answer be given up.
func (r *rig) declinedUnheard(p payment.Payment) {
	r.finish(p, payment.StatusDeclined)
	r.pass(8 * time.Second)
	r.take()
}

func firstTransmissions() []firstTransmission {
	const older = "000000000001"
	waits := func(d time.Duration) func(*rig) { return func(r *rig) { r.pass(d) } }
	fails := func(what string, code payment.Code) func(*rig) {
		return func(r *rig) { r.desk.fail[what] = &payment.Error{Code: code} }
	}
	mends := func(r *rig) { clear(r.desk.fail) }
	return []firstTransmission{
		{"another request, the window ends", "paycube", func(r *rig) {
			r.declinedUnheard(r.start(ecn, 1023))
			r.pass(1900 * time.Millisecond)
		}, saleOn(ecn, 500), waits(200 * time.Millisecond), "02", 1},
		{"the same request, the window ends", "paycube", func(r *rig) {
			r.declinedUnheard(r.start(ecn, 1023))
			r.pass(1900 * time.Millisecond)
		}, saleOn(ecn, 1023), waits(200 * time.Millisecond), "51", 1},
		{"the same request, paid, the window ends", "paycube", func(r *rig) {
			r.finish(r.start(ecn, 1023), payment.StatusApproved)
			r.pass(9900 * time.Millisecond)
			r.take()
		}, saleOn(ecn, 1023), waits(200 * time.Millisecond), "TO", 1},
		{"an ECN that changes, paid, the window ends", "paycube", func(r *rig) {
			r.finish(r.start(older, 1023), payment.StatusDeclined)
			r.send([]byte{ack})
			r.take()
			r.finish(r.start(ecn, 1023), payment.StatusApproved)
			r.pass(119900 * time.Millisecond)
			r.take()
		}, saleOn(ecn, 1023), waits(200 * time.Millisecond), "00", 2},
		{"the sale before ends", "paycube", func(r *rig) {
			r.start(older, 1023)
		}, saleOn(ecn, 1023), func(r *rig) {
			r.finish(r.desk.get("P1"), payment.StatusCancelled)
		}, "E6", 1},
		{"another till's sale ends", "paycube", fails("start", payment.CodeBusy),
			saleOn(ecn, 1023), mends, "E6", 0},
		{"the terminal becomes ready", "nets", fails("start", payment.CodeNotReady),
			purchase(number(1), receipt, 1023), mends, "HS", 0},
		{"the journal takes entries again", "paycube",
			fails("start", payment.CodeJournalUnavailable), saleOn(ecn, 1023), mends, "XX", 0},
		{"the start fails, nobody knows how", "paycube", fails("start", payment.CodeInternal),
			saleOn(ecn, 1023), mends, "TO", 0},
		{"the receipt's number, its time ends", "nets", func(r *rig) {
			p := r.startNets(number(80), receipt, 1023)
			r.endsUnheard(p, payment.StatusApproved, 60*time.Second)
			r.pass(10*time.Minute - 100*time.Millisecond)
			r.take()
		}, purchase(number(90), receipt, 1023), waits(200 * time.Millisecond), "TO", 1},
		{"the receipt's number, and it hears, its time ends", "nets", func(r *rig) {
			r.acknowledged(numbers...)
			p := r.startNets(number(80), receipt, 1023)
			r.endsUnheard(p, payment.StatusApproved, 111*time.Second)
			r.pass(10*time.Minute - 100*time.Millisecond)
			r.take()
		}, purchase(number(90), receipt, 1023), waits(200 * time.Millisecond), "00", 4},
	}
}

// TestARetransmissionHasTheAnswerOfTheFirst: the till did not hear the ACK in time, and sends its
// request again, byte for byte, while the answer to the first is on its way: whatever has changed
// since, it is told the same, byte for byte, and no sale starts that it may believe refused.
func TestARetransmissionHasTheAnswerOfTheFirst(t *testing.T) {
	for _, tc := range firstTransmissions() {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, tc.dialect)
			tc.before(r)
			r.send(tc.request)
			first := r.take()
			if len(first) != 2 || len(r.desk.order) != tc.sales {
				t.Fatalf("%d sales, written:\n%s", len(r.desk.order), dump(first))
			}
			if got := parse(t, first[1]).code; got != tc.want {
				t.Fatalf("code %s, want %s", got, tc.want)
			}
			tc.meant(r)
			for range 2 {
				r.send(tc.request)
				r.want([]byte{ack}, first[1])
				r.pass(100 * time.Millisecond)
			}
			if len(r.desk.order) != tc.sales {
				t.Errorf("%d sales, want %d", len(r.desk.order), tc.sales)
			}
		})
	}
}

// TestTheSameRequestLater: when the till cannot be sending it again any more, the same request is
// judged by what is true now.
func TestTheSameRequestLater(t *testing.T) {
	for _, tc := range firstTransmissions() {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, tc.dialect)
			tc.before(r)
			r.send(tc.request)
			tc.meant(r)
			r.pass(time.Second)
			r.send(tc.request) // which prolongs nothing
			r.pass(time.Duration(r.m.timers.Transmissions)*r.m.timers.ACK - time.Second)
			r.take()
			r.send(tc.request)
			r.want([]byte{ack})
			if len(r.desk.order) != tc.sales+1 {
				t.Errorf("%d sales, want %d", len(r.desk.order), tc.sales+1)
			}
		})
	}
}

// TestARefusedRequestThatTheTillHeard: the ACK of the refusal may be one for something else, so the
// same request is told the same; another one is judged at once.
func TestARefusedRequestThatTheTillHeard(t *testing.T) {
	r := newRig(t, "paycube")
	r.desk.fail["start"] = &payment.Error{Code: payment.CodeBusy}
	r.send(saleOn(ecn, 1023))
	first := r.take()
	r.send([]byte{ack})
	clear(r.desk.fail)
	r.send(saleOn(ecn, 1023))
	r.want([]byte{ack}, first[1])
	r.send([]byte{ack})
	r.start("000000000099", 1023)
}

// TestTheNextCustomerAfterARepeat: a till whose ECN never changes repeats a declined sale, and
// acknowledges the answer. What comes then is the next customer's, as soon as it comes.
func TestTheNextCustomerAfterARepeat(t *testing.T) {
	r := newRig(t, "paycube")
	r.declinedUnheard(r.start(ecn, 1023))
	r.send(saleOn(ecn, 1023))
	r.wantAnswers(ecn + " Q1 51")
	r.send([]byte{ack})
	r.start(ecn, 1023)
}

// TestARefusalThatNobodyWasTold: the cable was out when the start failed. The till asks again and
// is no retransmission of anything that was answered.
func TestARefusalThatNobodyWasTold(t *testing.T) {
	r := newRig(t, "paycube")
	r.deferred["start"] = true
	r.desk.fail["start"] = &payment.Error{Code: payment.CodeBusy}
	r.send(saleOn(ecn, 1023))
	r.pull()
	r.release()
	clear(r.desk.fail)
	r.connect()
	r.take()
	r.start(ecn, 1023)
}

// TestARefusedSaleThatWasStarted: the journal has it after all. The same request is the sale's.
func TestARefusedSaleThatWasStarted(t *testing.T) {
	r := newRig(t, "paycube")
	r.deferred["start"] = true
	r.send(saleOn(ecn, 1023))
	r.late = nil // the engine's answer is lost
	r.deferred["start"] = false
	r.step(Started{To: r.m.startTo, Err: &payment.Error{Code: payment.CodeInternal}})
	r.take()
	r.pull()
	r.connect() // and reads the newest sale
	r.send(saleOn(ecn, 1023))
	r.want([]byte{ack})
	if len(r.desk.order) != 1 {
		t.Errorf("%d sales", len(r.desk.order))
	}
}

package till

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

func TestRestartInTheSameBoot(t *testing.T) {
	for _, tc := range []struct {
		name  string
		after time.Duration // of the restart, since the start
		final bool          // before the restart
		other bool          // another sale's frame comes after the restart
		want  string
	}{
		{"running", time.Minute, false, false, ecn + " Q1 00"},
		{"final while the program was away", time.Minute, true, false, ecn + " Q1 00"},
		{"running, then another sale", time.Minute, false, true, ""},
		{"deadline + answer_within has passed", 206 * time.Second, false, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "paycube")
			p := r.start(ecn, 1023)
			r.pull()
			r.pass(tc.after)
			if tc.final {
				r.desk.finish(p.ID, payment.StatusApproved)
				r.todo = nil
			}
			r.restart()
			if tc.other {
				r.send(saleOn("000000000002", 500))
				r.wantAnswers("000000000002 Q1 E6")
				r.send([]byte{ack})
			}
			if !tc.final {
				r.finish(p, payment.StatusApproved)
			}
			r.pass(2 * time.Second)
			r.want() // a till that wants something else says so first
			r.pass(time.Second)
			if tc.want == "" {
				r.wantAnswers()
				return
			}
			r.wantAnswers(tc.want)
		})
	}
}

func TestRestartAfterTheFirstTransmission(t *testing.T) {
	r := newRig(t, "paycube")
	r.finish(r.start("000000000001", 1), payment.StatusDeclined)
	r.send([]byte{ack})
	r.take()
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	response := r.take()[0]
	r.restart()
	r.pass(30 * time.Second)
	r.want() // only when it is asked for
	r.send(saleOn(ecn, 1023))
	r.want([]byte{ack}, response)
	r.send([]byte{ack})
	r.restart()
	r.start(ecn, 1023) // the ACK is on record too
}

func TestRestartCountsTransmissions(t *testing.T) {
	r := newRig(t, "paycube")
	r.approvedUnacked(ecn, 1023)
	r.restart()
	r.send(saleOn(ecn, 1023))
	w := r.take()
	if h := parse(t, w[len(w)-1]); h.code != "TO" || len(r.desk.order) != 1 {
		t.Errorf("%v", h)
	}
}

// TestRestartAfterAnotherSaleWasRefused: what the till asked last was refused before the restart,
// so the running sale's approval would be taken for the answer to that. It is told when it is asked
// for.
func TestRestartAfterAnotherSaleWasRefused(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.send(saleOn("000000000002", 500))
	r.wantAnswers("000000000002 Q1 E6")
	r.send([]byte{ack})
	if r.desk.count("supersede") != 1 {
		t.Errorf("booked %d times", r.desk.count("supersede"))
	}
	r.restart()
	r.finish(p, payment.StatusApproved)
	r.pass(5 * time.Second)
	r.wantAnswers()
	r.send(frame("000000000009", "56", "01"))
	r.wantAnswers(ecn + " 56 00")
}

// TestRestartAfterTOThatWasNotCommitted: the journal does not know that the till was told TO, so it
// must know that the till has moved on before another sale begins; else the old approval would be
// taken for its answer.
func TestRestartAfterTOThatWasNotCommitted(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.desk.fail["offer"] = broken("offer")
	r.finish(p, payment.StatusApproved)
	r.wantAnswers(ecn + " Q1 TO")
	r.send([]byte{ack})
	delete(r.desk.fail, "offer")
	r.pass(20 * time.Second)
	r.deferred["start"] = true
	r.desk.fail["start"] = broken("start") // the process ends before the start is committed
	r.send(saleOn(ecn, 500))
	if r.desk.count("supersede") != 1 {
		t.Errorf("booked %d times", r.desk.count("supersede"))
	}
	r.restart()
	r.take()
	r.pass(30 * time.Second)
	r.wantAnswers()
}

func TestRestartWhileTheSaleRunsAndARepeat(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.restart()
	r.send(saleOn(ecn, 1023))
	r.want([]byte{ack})
	r.finish(p, payment.StatusApproved)
	r.wantAnswers(ecn + " Q1 00")
	if len(r.desk.order) != 1 {
		t.Error("a second payment")
	}
}

func TestReboot(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.reboot()
	r.send(saleOn(ecn, 1023)) // nobody knows whether it means the old one
	r.wantAnswers(ecn + " Q1 E6")
	r.send([]byte{ack})
	r.finish(p, payment.StatusApproved)
	r.pass(time.Minute)
	r.want()
	r.start(ecn, 1023)

	r = newRig(t, "paycube")
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.take()
	r.reboot()
	r.start(ecn, 1023) // the window is over
}

func TestCablePulledMidSale(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(r *rig, p payment.Payment)
		want string
	}{
		{"put back before the end", func(r *rig, p payment.Payment) {
			r.connect()
			r.pass(time.Minute)
			r.finish(p, payment.StatusApproved)
		}, ecn + " Q1 00"},
		{"ended meanwhile", func(r *rig, p payment.Payment) {
			r.desk.finish(p.ID, payment.StatusApproved)
			r.todo = nil // nobody watches
			r.pass(time.Minute)
			r.connect()
			r.want()
			r.pass(3 * time.Second)
		}, ecn + " Q1 00"},
		{"asked again", func(r *rig, p payment.Payment) {
			r.desk.finish(p.ID, payment.StatusApproved)
			r.todo = nil
			r.connect()
			r.send(saleOn(ecn, 1023))
		}, ecn + " Q1 00"},
		{"asked for something else", func(r *rig, p payment.Payment) {
			r.desk.finish(p.ID, payment.StatusApproved)
			r.todo = nil
			r.connect()
			r.send(saleOn("000000000002", 500))
			r.pass(time.Minute)
		}, ""},
		{"too late", func(r *rig, p payment.Payment) {
			r.desk.finish(p.ID, payment.StatusApproved)
			r.todo = nil
			r.pass(211 * time.Second)
			r.connect()
			r.pass(time.Minute)
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "paycube")
			p := r.start(ecn, 1023)
			r.pull()
			tc.do(r, p)
			if tc.want == "" {
				r.wantAnswers()
			} else {
				r.wantAnswers(tc.want)
			}
		})
	}
}

func TestCablePulledWhileTheResponseGoesOut(t *testing.T) {
	for before, want := range map[string]string{"000000000001": "00", ecn: "TO"} {
		r := newRig(t, "paycube")
		r.finish(r.start(before, 700), payment.StatusDeclined)
		r.send([]byte{ack})
		r.take()
		p := r.start(ecn, 1023)
		r.stall = true
		r.finish(p, payment.StatusApproved)
		r.pull()
		r.stall = false
		r.take()
		r.pass(time.Second)
		r.connect()
		r.pass(5 * time.Second)
		r.want() // it may have arrived
		r.send(saleOn(ecn, 1023))
		r.wantAnswers(ecn + " Q1 " + want)
	}
}

func TestJournalFailsAtTheEnd(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.desk.fail["offer"] = broken("offer")
	r.finish(p, payment.StatusApproved)
	w := r.take()
	if h := parse(t, w[0]); h.code != "TO" ||
		!strings.HasPrefix(h.fields["02"], "OUTCOME UNKNOWN - DISK FAULT") {
		t.Errorf("%v %q", h, h.fields)
	}
	r.send([]byte{ack})
	if got := r.desk.get(p.ID); got.AckedRev != 0 || len(got.Sent) != 0 {
		t.Errorf("the ACK of a TO that promises nothing counts: %+v", got)
	}
	delete(r.desk.fail, "offer")
	r.send(saleOn(ecn, 1023)) // a repeat, or the next customer?
	r.wantAnswers(ecn + " Q1 TO")
	r.send([]byte{ack})
	r.send(frame(ecn, "56", "01")) // about which of the two?
	r.wantAnswers(ecn + " 56 TO")
	if !r.desk.get(p.ID).Owed {
		t.Error("nothing is owed")
	}
}

func TestJournalFailsBetweenTransmissions(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	r.wantAnswers(ecn + " Q1 00")
	r.desk.fail["offer"] = broken("offer")
	r.pass(time.Minute)
	r.want() // neither 00, which could not be committed, nor a TO after it
}

func TestTheAgentStopsAtTheEnd(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.desk.fail["offer"] = &payment.Error{Code: payment.CodeInternal, Op: "ask",
		Message: "the agent is stopping", Retryable: true}
	r.finish(p, payment.StatusApproved)
	r.pass(3 * time.Second)
	r.want()
	delete(r.desk.fail, "offer")
	r.restart()
	r.pass(3 * time.Second)
	r.wantAnswers(ecn + " Q1 00")
}

func TestAnAckThatCannotBeBookedIsTriedAgain(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	r.desk.fail["acknowledge"] = broken("acknowledge")
	r.send([]byte{ack})
	r.pass(10 * time.Second)
	delete(r.desk.fail, "acknowledge")
	r.pass(time.Second)
	if n := r.desk.count("acknowledge"); n < 5 || n > 15 || !r.desk.get(p.ID).Acknowledged {
		t.Errorf("%d tries", n)
	}
}

func TestTheJournalCannotBeReadAtTheStart(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.desk.fail["last"] = broken("last")
	r.restart()
	for _, tc := range []struct{ function, want string }{{"Q1", "XX"}, {"A5", "E6"}, {"56", "XX"},
		{"A1", "00"}} {
		r.send(frame(ecn, tc.function, "01", "40=000000001023"))
		r.wantAnswers(ecn + " " + tc.function + " " + tc.want)
		r.send([]byte{ack})
	}
	delete(r.desk.fail, "last")
	r.pass(time.Second)
	r.send(saleOn(ecn, 1023))
	r.want([]byte{ack})
	if len(r.desk.order) != 1 || r.desk.get(p.ID).Final {
		t.Error("a second payment, or a cancel")
	}
}

func TestBytesBeforeTheNewestSaleIsKnownWait(t *testing.T) {
	r := newRig(t, "paycube")
	r.start(ecn, 1023)
	r.deferred["last"] = true
	r.restart()
	r.send(saleOn(ecn, 1023)[:10])
	r.send(saleOn(ecn, 1023)[10:])
	r.want()
	r.release()
	r.want([]byte{ack})
	if len(r.desk.order) != 1 {
		t.Error("a second payment")
	}
}

func TestAStartThatFailedLateIsCancelled(t *testing.T) {
	r := newRig(t, "paycube")
	r.deferred["start"] = true
	r.send(saleOn(ecn, 1023))
	r.late, r.deferred = nil, map[string]bool{}
	r.step(Started{To: r.m.startTo, Err: broken("start")})
	r.wantAnswers(ecn + " Q1 XX")
	r.step(Changed{r.desk.get("P1")}) // it is in the journal all the same
	if got := r.desk.get("P1"); got.Status != payment.StatusCancelled {
		t.Errorf("%s", got.Status)
	}
}

// TestNoAckBeforeTheMoveIsOnRecord: a till whose new request got its ACK waits for a response to
// it. Until the journal knows that, a crash would let it hear the response to the sale before.
func TestNoAckBeforeTheMoveIsOnRecord(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.deferred["supersede"], r.desk.fail["supersede"] = true, broken("supersede")
	other := saleOn("000000000002", 500)
	r.send(other)
	r.want() // neither ACK nor E6
	delete(r.desk.fail, "supersede")
	r.deferred = map[string]bool{}
	r.restart() // before the entry was made
	r.finish(p, payment.StatusApproved)
	r.pass(time.Second)
	r.send(other) // it got no ACK
	r.pass(30 * time.Second)
	r.want([]byte{ack})
	if len(r.desk.order) != 2 || !r.desk.payment(p.ID).Superseded {
		t.Errorf("the other sale did not start: %q", r.desk.calls)
	}

	r = newRig(t, "paycube")
	r.start(ecn, 1023)
	r.deferred["supersede"] = true
	r.send(other)
	r.release()
	if w := r.take(); len(w) != 2 || !bytes.Equal(w[0], []byte{ack}) ||
		parse(t, w[1]).code != "E6" {
		t.Errorf("written: %s", dump(w))
	}
}

// TestTheMoveWhileASaleStarts: a sale whose start has no answer yet is left by its reference.
func TestTheMoveWhileASaleStarts(t *testing.T) {
	r := newRig(t, "paycube")
	r.deferred["start"] = true
	r.send(saleOn(ecn, 1023))
	r.want([]byte{ack})
	r.send(saleOn("000000000002", 500))
	r.wantAnswers("000000000002 Q1 E6")
	r.restart() // before the start was answered
	r.finish(r.desk.get(r.desk.order[0]), payment.StatusApproved)
	r.pass(30 * time.Second)
	r.wantAnswers()
}

// TestTheMoveCannotBeBooked: the till gets its ACK and its answer all the same, and the journal is
// asked until it takes the entry.
func TestTheMoveCannotBeBooked(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.desk.fail["supersede"] = broken("supersede")
	r.send(saleOn("000000000002", 500))
	r.wantAnswers("000000000002 Q1 E6")
	delete(r.desk.fail, "supersede")
	r.pass(2 * time.Second)
	if !r.desk.payment(p.ID).Superseded {
		t.Errorf("not booked: %q", r.desk.calls)
	}
}

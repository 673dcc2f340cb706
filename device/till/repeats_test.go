package till

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

func TestRepeatWindow(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before string // ECN of the sale before; "" = none
		after  time.Duration
		how    payment.Status
		want   string // response code, or "new"
	}{
		{"first sale, in 10 s", "", 9900 * time.Millisecond, payment.StatusDeclined, "51"},
		{"first sale, after 10 s", "", 10100 * time.Millisecond, payment.StatusDeclined, "new"},
		{"first sale, approved and sent thrice", "", 9 * time.Second, payment.StatusApproved, "TO"},
		{"constant ECN, in 10 s", ecn, 9 * time.Second, payment.StatusDeclined, "51"},
		{"constant ECN, unknown", ecn, 9 * time.Second, payment.StatusUnknown, "TO"},
		{"constant ECN, approved and sent thrice", ecn, 9 * time.Second, payment.StatusApproved,
			"TO"},
		{"constant ECN, after 10 s", ecn, 11 * time.Second, payment.StatusApproved, "new"},
		{"new ECN, in 10 s", "000000000001", 9 * time.Second, payment.StatusApproved, "00"},
		{"new ECN, in 120 s", "000000000001", 119 * time.Second, payment.StatusApproved, "00"},
		{"new ECN, after 120 s", "000000000001", 121 * time.Second, payment.StatusApproved, "new"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "paycube")
			if tc.before != "" {
				r.finish(r.start(tc.before, 1023), payment.StatusDeclined)
				r.send([]byte{ack})
				r.take()
			}
			p := r.start(ecn, 1023)
			r.finish(p, tc.how)
			r.pass(8 * time.Second)
			first := r.take()
			r.pass(tc.after - 8*time.Second)
			n := len(r.desk.order)
			r.send(saleOn(ecn, 1023))
			if tc.want == "new" {
				r.want([]byte{ack})
				if len(r.desk.order) != n+1 {
					t.Error("no new sale")
				}
				return
			}
			w := r.take()
			if len(w) != 2 || len(r.desk.order) != n {
				t.Fatalf("%d sales, written:\n%s", len(r.desk.order), dump(w))
			}
			if got := parse(t, w[1]).code; got != tc.want {
				t.Errorf("code %s, want %s", got, tc.want)
			}
			stored := bytes.Equal(w[1], first[0])
			if text := string(w[1]); stored == strings.Contains(text, "SAME REQUEST AGAIN") {
				t.Errorf("stored %v: %q", stored, text)
			}
		})
	}
}

func TestARepeatAfterTheAckIsANewSale(t *testing.T) {
	r := newRig(t, "paycube")
	r.finish(r.start("000000000001", 1023), payment.StatusDeclined)
	r.send([]byte{ack})
	r.take()
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.send([]byte{ack})
	r.take()
	r.start(ecn, 1023)
}

// Once the first byte of an approval is out, what looks like a repeat on a line whose ECN does not
// change may be the next customer.
func TestARepeatAfterTheFirstTransmissionOnALineWithoutECNs(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(r *rig)
		want string
	}{
		{"before the first byte", func(r *rig) {
			r.deferred["offer"] = true
			r.finish(r.desk.get("P1"), payment.StatusApproved)
			r.send(saleOn(ecn, 1023))
			r.release()
		}, "Q1 00, Q1 00, Q1 00"},
		{"while it waits for its ACK", func(r *rig) {
			r.finish(r.desk.get("P1"), payment.StatusApproved)
			r.pass(time.Second)
			r.send(saleOn(ecn, 1023))
		}, "Q1 00, Q1 TO, Q1 TO, Q1 TO"},
		{"after a NAK, while the second is being committed", func(r *rig) {
			r.finish(r.desk.get("P1"), payment.StatusApproved)
			r.deferred["offer"] = true
			r.send([]byte{nak})
			r.send(saleOn(ecn, 1023))
			r.release()
		}, "Q1 00, Q1 TO, Q1 TO, Q1 TO"},
		{"between two transmissions", func(r *rig) {
			r.finish(r.desk.get("P1"), payment.StatusApproved)
			r.pass(3 * time.Second)
			r.send(saleOn(ecn, 1023))
		}, "Q1 00, Q1 00, Q1 TO, Q1 TO, Q1 TO"},
		{"while it is going out", func(r *rig) {
			r.stall = true
			r.finish(r.desk.get("P1"), payment.StatusApproved)
			r.send(saleOn(ecn, 1023))
			r.stall = false
			r.drain()
		}, "Q1 00, Q1 TO, Q1 TO, Q1 TO"},
		{"in another process", func(r *rig) {
			r.finish(r.desk.get("P1"), payment.StatusApproved)
			r.restart()
			r.send(saleOn(ecn, 1023))
		}, "Q1 00, Q1 TO, Q1 TO, Q1 TO"},
		{"twice", func(r *rig) {
			r.finish(r.desk.get("P1"), payment.StatusApproved)
			for range 2 {
				r.pass(time.Second)
				r.send(saleOn(ecn, 1023))
			}
		}, "Q1 00, Q1 TO, Q1 TO, Q1 TO, Q1 TO"},
		{"told by the last result alone", func(r *rig) {
			r.desk.finish("P1", payment.StatusApproved)
			r.todo = nil
			r.pull()
			r.connect()
			r.send(frame(ecn, "56", "01"))
			r.send(saleOn(ecn, 1023))
		}, "56 00, Q1 TO, Q1 TO, Q1 TO"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "paycube")
			r.start(ecn, 1023)
			tc.do(r)
			r.pass(time.Minute)
			if got := strings.ReplaceAll(strings.Join(r.answers(), ", "), ecn+" ",
				""); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			r.send([]byte{ack})
			if p := r.desk.get("P1"); !p.Owed || p.AckedRev != 0 || len(r.desk.order) != 1 {
				t.Errorf("%d sales, %+v", len(r.desk.order), p)
			}
		})
	}
}

// The engine said the end, could not commit it, and takes it back: the till has heard TO and may be
// selling again.
func TestARepeatAfterAWordThatWasTakenBack(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	told := p
	told.Status, told.Final = payment.StatusUnknown, true
	r.step(Changed{told})
	r.wantAnswers(ecn + " Q1 TO")
	r.step(Changed{p})
	r.send(saleOn(ecn, 1023))
	r.wantAnswers(ecn + " Q1 TO")
	r.send([]byte{ack})
	r.finish(p, payment.StatusApproved)
	r.pass(time.Minute)
	r.wantAnswers()
	if len(r.desk.order) != 1 || !r.desk.get(p.ID).Owed {
		t.Error("a second payment, or nothing is owed")
	}
}

// An approval that is going out when its request comes again cannot be called back; its ACK is one.
func TestARepeatWhileTheResponseIsGoingOut(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.stall = true
	r.finish(p, payment.StatusApproved)
	r.send(saleOn(ecn, 1023))
	r.stall = false
	r.drain()
	r.send([]byte{ack})
	r.pass(time.Minute)
	r.wantAnswers(ecn + " Q1 00")
	if !r.desk.get(p.ID).Acknowledged {
		t.Error("not acknowledged")
	}
}

// The till has heard the response, never acknowledges, and asked for something else since: what
// looks like a repeat is a new customer.
func TestARepeatAfterAnotherSaleOnALineWithoutECNs(t *testing.T) {
	r := newRig(t, "paycube")
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.wantAnswers(ecn + " Q1 00")
	r.pass(time.Second)
	r.send(saleOn(ecn, 500))
	r.wantAnswers(ecn + " Q1 02")
	r.pass(time.Second)
	r.send(saleOn(ecn, 1023))
	r.wantAnswers(ecn + " Q1 TO")
	if len(r.desk.order) != 1 {
		t.Error("a second payment")
	}
}

func TestAStoredResponseIsSentThreeTimesAgain(t *testing.T) {
	r := newRig(t, "paycube")
	r.finish(r.start("000000000001", 1023), payment.StatusDeclined)
	r.send([]byte{ack})
	r.take()
	p, response := r.approvedUnacked(ecn, 1023)
	r.pass(20 * time.Second)
	r.send(saleOn(ecn, 1023))
	r.pass(20 * time.Second)
	r.want([]byte{ack}, response, response, response)
	r.send(saleOn(ecn, 1023))
	r.want([]byte{ack}, response)
	r.send([]byte{ack})
	if got := r.desk.get(p.ID); !got.Acknowledged || len(got.Sent) != 7 {
		t.Errorf("%d offered, %+v", len(got.Sent), got)
	}
}

func TestSameECNOtherAmount(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.send(saleOn(ecn, 500))
	r.wantAnswers(ecn + " Q1 02")
	r.send([]byte{ack})
	r.send(frame(ecn, "C1", "01", "40=000000001023"))
	r.wantAnswers(ecn + " C1 02")
	r.send([]byte{ack})
	r.finish(p, payment.StatusApproved)
	r.wantAnswers() // the till has asked for something else: 56 tells it, or its own request
	r.pass(9 * time.Second)
	r.send(saleOn(ecn, 500))
	r.wantAnswers(ecn + " Q1 02")
	r.send([]byte{ack})
	r.pass(2 * time.Second)
	r.send(saleOn(ecn, 500))
	r.wantAnswers(ecn + " Q1 02") // the window is over, and this may be sent for the second time
	r.pass(4 * time.Second)
	r.take()
	r.send(saleOn(ecn, 500))
	r.want([]byte{ack})
	if len(r.desk.order) != 2 {
		t.Error("after the window it is a new sale")
	}
}

func TestSameECNOtherAmountAfterTheAck(t *testing.T) {
	r := newRig(t, "paycube")
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.send([]byte{ack})
	r.take()
	r.start(ecn, 500)
}

func TestADifferentSaleWhileOneRuns(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.send(saleOn("000000000002", 500))
	r.want([]byte{ack}, refusal("000000000002", "Q1", "E6", "TERMINAL BUSY"))
	r.send([]byte{ack})
	r.finish(p, payment.StatusApproved)
	r.pass(time.Minute)
	r.want() // nothing is sent unasked
	if got := r.desk.get(p.ID); !got.Owed || len(got.Sent) != 0 {
		t.Errorf("%+v", got)
	}
	r.send(frame("000000000002", "56", "01"))
	r.wantAnswers(ecn + " 56 00")
}

func TestAskingAgainMakesTheResponseDueAgain(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.send(saleOn("000000000002", 500))
	r.send(saleOn(ecn, 1023)) // E6 was for the other one
	r.take()
	r.finish(p, payment.StatusApproved)
	r.pass(time.Minute)
	if got := r.answers(); len(got) == 0 || got[0] != ecn+" Q1 00" ||
		strings.Contains(strings.Join(got, ""), "E6") {
		t.Errorf("%q", got)
	}
}

func TestANewSaleEndsTheTransmissionsOfTheOneBefore(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	r.wantAnswers(ecn + " Q1 00")
	r.pass(time.Second)
	r.start("000000000002", 500)
	r.pass(time.Minute)
	r.want()
	if !r.desk.get(p.ID).Owed {
		t.Error("no longer owed")
	}
}

func TestUniqueECNs(t *testing.T) {
	unique := func(c *Config) {
		c.Timers.ACK, c.Timers.Gap, c.Timers.Quiet, c.Timers.Transmissions = 2*time.Second,
			time.Second/2, 2*time.Second, 3
		c.Timers.ECNUnique, c.Timers.StoredFor = true, 10*time.Minute
	}
	r := newRig(t, "paycube", unique)
	p, response := r.approvedUnacked(ecn, 1023)
	if p.Reference != ecn {
		t.Errorf("reference %q", p.Reference)
	}
	r.pass(5 * time.Minute)
	r.send(saleOn(ecn, 1023))
	r.want([]byte{ack}, response)
	r.send([]byte{ack})
	r.send(saleOn(ecn, 1023)) // the till crashed after its ACK
	r.want([]byte{ack}, response)
	r.send([]byte{ack})
	r.send(saleOn(ecn, 500))
	r.wantAnswers(ecn + " Q1 02")
	r.send([]byte{ack})
	r.finish(r.start("000000000002", 700), payment.StatusDeclined)
	r.send([]byte{ack})
	r.take()
	r.send(saleOn(ecn, 1023)) // an older one
	r.want([]byte{ack}, response)
	r.send([]byte{ack})
	r.pass(5 * time.Minute)
	for range 2 {
		r.send(saleOn(ecn, 1023))
		r.want([]byte{ack}, refusal(ecn, "Q1", "02", "ECN USED BEFORE"))
		r.send([]byte{ack})
		r.reboot()
	}
	if len(r.desk.order) != 2 {
		t.Error("a second payment")
	}
}

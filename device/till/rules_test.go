package till

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// Tests in this file are named for the rules of paycube-ecr.md.

// approvedUnacked is a sale whose response was sent three times and never acknowledged; 6 s have passed.
func (r *rig) approvedUnacked(ecn string, cents int) (p payment.Payment, response []byte) {
	r.t.Helper()
	p = r.start(ecn, cents)
	r.finish(p, payment.StatusApproved)
	r.pass(6 * time.Second)
	w := r.take()
	if len(w) != 3 || !bytes.Equal(w[0], w[1]) || !bytes.Equal(w[0], w[2]) {
		r.t.Fatalf("not three transmissions of one frame:\n%s", dump(w))
	}
	return p, w[0]
}

func TestResynchronises(t *testing.T) {
	good := saleOn("000000000001", 500)
	wrong := func(i int) []byte {
		b := bytes.Clone(good)
		b[i] ^= 0x40
		return b
	}
	for _, tc := range []struct {
		name  string
		bytes [][]byte // silence of 600 ms between them
		want  []byte   // ACKs and NAKs
	}{
		{"split into single bytes", split(good), []byte{ack}},
		{"noise before", [][]byte{append([]byte{0xff, 0x00, 0x31}, good...)}, []byte{ack}},
		{"noise and then silence", [][]byte{{0xff, 0x00, 0x31}, good}, []byte{ack}},
		{"cut in the middle", [][]byte{good[:20], good}, []byte{ack}},
		{"cut after STX", [][]byte{good[:1], good}, []byte{ack}},
		{"wrong LRC", [][]byte{wrong(len(good) - 1), good}, []byte{nak, ack}},
		{"wrong LRC thrice", [][]byte{wrong(len(good) - 1), wrong(len(good) - 1), wrong(len(good) - 1)}, []byte{nak, nak, nak}},
		{"wrong amount digit", [][]byte{wrong(30)}, []byte{nak}},
		{"wrong ETX", [][]byte{wrong(len(good) - 2), good}, []byte{nak, ack}},
		{"wrong LEN", [][]byte{wrong(1), {}, good}, []byte{nak, ack}},
		{"LEN that is no number", [][]byte{{stx, 0xff, 0xff, 0x30}, good}, []byte{nak, ack}},
		{"twice glued", [][]byte{append(bytes.Clone(good), good...)}, []byte{ack, ack}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "paycube")
			gap := 600 * time.Millisecond
			if tc.name == "split into single bytes" {
				gap = 400 * time.Millisecond
			}
			for _, b := range tc.bytes {
				if len(b) > 0 {
					r.send(b)
				}
				r.pass(gap)
			}
			if got := bytes.Join(r.take(), nil); !bytes.Equal(got, tc.want) {
				t.Errorf("written %x, want %x", got, tc.want)
			}
			if got, want := len(r.desk.order), bytes.Count(tc.want, []byte{ack}); got != min(want, 1) {
				t.Errorf("%d payments", got)
			}
		})
	}
}

func split(b []byte) (list [][]byte) {
	for i := range b {
		list = append(list, b[i:i+1])
	}
	return list
}

func TestNoBitFlipStartsAnotherSale(t *testing.T) {
	good := saleOn(ecn, 1023)
	for bit := range len(good) * 8 {
		r := newRig(t, "paycube")
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		r.send(bad)
		r.pass(time.Second)
		if len(r.desk.order) != 0 {
			t.Fatalf("bit %d: a sale was started", bit)
		}
		if w := bytes.Join(r.take(), nil); bytes.ContainsRune(w, ack) {
			t.Fatalf("bit %d: written %x", bit, w)
		}
		r.send(good) // the till repeats it
		if len(r.desk.order) != 1 || r.desk.get("P1").Money.Amount != 1023 {
			t.Fatalf("bit %d: the line is lost", bit)
		}
	}
}

func TestThreeTransmissionsThenOwed(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	for i, at := range []time.Duration{0, 2 * time.Second, 4 * time.Second} {
		r.pass(time.Hour + at - r.now.Up)
		if got := r.desk.get(p.ID); len(r.wrote) != i+1 || r.times[i] != time.Hour+at || len(got.Sent) != i+1 {
			t.Fatalf("transmission %d: written %v, %d offered", i+1, r.times, len(got.Sent))
		}
		if last := r.desk.get(p.ID).Sent[i]; !bytes.Equal(last.Frame, r.wrote[i]) {
			t.Fatal("the journal has other bytes")
		}
	}
	r.pass(time.Hour)
	if got := r.desk.get(p.ID); len(r.wrote) != 3 || !got.Owed || got.AckedRev != 0 {
		t.Errorf("%d written, %+v", len(r.wrote), got)
	}
}

func TestNakRepeatsAtOnceAtMostThreeTimes(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	r.send([]byte{nak})
	r.send([]byte{nak})
	r.send([]byte{nak})
	r.send([]byte{nak})
	if w := r.take(); len(w) != 3 || len(r.desk.get(p.ID).Sent) != 3 {
		t.Errorf("%d written, %d offered", len(w), len(r.desk.get(p.ID).Sent))
	}
	r.send([]byte{ack}) // too late
	if r.desk.get(p.ID).AckedRev != 0 {
		t.Error("an ACK after the end counts")
	}
}

func TestAckCountsAfterTheDrainOnly(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.stall = true
	r.finish(p, payment.StatusApproved)
	r.send([]byte{ack})
	r.send([]byte{nak})
	if len(r.wrote) != 1 || r.desk.get(p.ID).AckedRev != 0 {
		t.Fatal("it counts while the frame is going out")
	}
	r.pass(10 * time.Second) // the ACK timer does not run either
	r.drain()
	r.pass(1900 * time.Millisecond)
	r.send([]byte{ack})
	if len(r.wrote) != 1 || r.desk.get(p.ID).AckedRev == 0 {
		t.Errorf("%d written", len(r.wrote))
	}
}

func TestAckOfARequestWaitsForTheFrameBeforeIt(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.stall = true
	r.finish(p, payment.StatusApproved)
	r.take()
	r.send(frame(ecn, "A1", "01"))
	r.send(frame(ecn, "A1", "01")[:20])
	r.want()
	r.stall = false
	r.drain()
	r.want([]byte{ack})
}

func TestNothingGoesOutBeforeItIsCommitted(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.deferred["offer"] = true
	r.finish(p, payment.StatusApproved)
	r.pass(10 * time.Second)
	r.want()
	r.release()
	if w := r.take(); len(w) != 1 || !bytes.Equal(w[0], r.desk.get(p.ID).Sent[0].Frame) {
		t.Error(dump(w))
	}
	r.deferred["offer"] = true
	r.pass(5 * time.Second)
	r.want() // neither does the second transmission
	r.release()
	if w := r.take(); len(w) != 1 {
		t.Error(dump(w))
	}
}

// A late ACK must not acknowledge the next frame: quiet after a frame that was sent more than once.
func TestQuietAfterARetransmission(t *testing.T) {
	for _, late := range []byte{ack, nak} {
		r := newRig(t, "paycube")
		p, _ := r.approvedUnacked(ecn, 1023)
		r.send(frame(ecn, "56", "01"))
		r.want([]byte{ack})
		r.send([]byte{late}) // for the sale's response, within one ACK timer
		r.pass(1900 * time.Millisecond)
		r.want()
		if r.desk.get(p.ID).AckedRev != 0 {
			t.Fatal("the late ACK counted")
		}
		r.pass(200 * time.Millisecond)
		r.wantAnswers(ecn + " 56 00")
		r.send([]byte{ack})
		if r.desk.get(p.ID).AckedRev == 0 {
			t.Error("its own ACK does not count")
		}
	}
}

func TestQuietAlsoAfterAnAck(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	r.pass(2100 * time.Millisecond)
	r.send([]byte{ack})
	r.take()
	r.send(frame(ecn, "A1", "01"))
	r.pass(1900 * time.Millisecond)
	r.want([]byte{ack})
	r.pass(200 * time.Millisecond)
	r.wantAnswers(ecn + " A1 00")
}

func TestStatusAnswersWithoutAckAreDroppedWhileASaleWaits(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.send(frame("000000000009", "A1", "01"))
	r.wantAnswers("000000000009 A1 E6")
	r.finish(p, payment.StatusApproved)
	r.pass(1900 * time.Millisecond)
	r.want() // one outstanding frame
	r.pass(4 * time.Second)
	r.wantAnswers(ecn + " Q1 00") // and no second A1
}

func TestTheSameRequestWhileTheSaleRuns(t *testing.T) {
	for _, same := range []bool{true, false} {
		r := newRig(t, "paycube")
		if same {
			r.start("000000000001", 100)
			r.finish(r.desk.get("P1"), payment.StatusDeclined)
			r.send([]byte{ack})
			r.take()
		}
		p := r.start(ecn, 1023)
		for range 5 {
			r.pass(2 * time.Second)
			r.send(saleOn(ecn, 1023))
			r.want([]byte{ack})
		}
		r.finish(p, payment.StatusApproved)
		r.wantAnswers(ecn + " Q1 00")
		if n := r.desk.count("start"); n > 2 {
			t.Errorf("%d starts", n)
		}
	}
}

func TestTheSameRequestWhileTheEngineStartsIt(t *testing.T) {
	r := newRig(t, "paycube")
	r.deferred["start"] = true
	r.send(saleOn(ecn, 1023))
	r.send(saleOn(ecn, 1023))
	r.want([]byte{ack}, []byte{ack})
	r.send(saleOn("000000000002", 1023))
	r.wantAnswers("000000000002 Q1 E6")
	r.send([]byte{ack})
	r.send(frame(ecn, "56", "01"))
	r.wantAnswers(ecn + " 56 E6")
	r.send([]byte{ack})
	r.release()
	if r.desk.count("start") != 1 {
		t.Error(r.desk.calls)
	}
}

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
		{"constant ECN, approved and sent thrice", ecn, 9 * time.Second, payment.StatusApproved, "TO"},
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

func TestARepeatBeforeTheThirdTransmissionOnALineWithoutECNs(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	response := r.take()[0]
	r.pass(time.Second)
	r.send(saleOn(ecn, 1023)) // the response was lost
	r.want([]byte{ack}, response)
	r.pass(time.Minute)
	r.want(response) // three by all requests together
	if n := len(r.desk.get(p.ID).Sent); n != 3 {
		t.Errorf("%d offered", n)
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
	if got := r.answers(); len(got) == 0 || got[0] != ecn+" Q1 00" || strings.Contains(strings.Join(got, ""), "E6") {
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
		c.Timers.ACK, c.Timers.Gap, c.Timers.Quiet, c.Timers.Transmissions = 2*time.Second, time.Second/2, 2*time.Second, 3
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

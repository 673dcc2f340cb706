package till

import (
	"bytes"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// Tests in this file are named for the rules of docs/protocols/ecr-family.md.

// approvedUnacked is a sale whose response was sent three times and never acknowledged; 6 s have
// passed.
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
		{"wrong LRC thrice", [][]byte{wrong(len(good) - 1), wrong(len(good) - 1),
			wrong(len(good) - 1)}, []byte{nak, nak, nak}},
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
			if got, want := len(r.desk.order),
				bytes.Count(tc.want, []byte{ack}); got != min(want, 1) {
				t.Errorf("%d payments", got)
			}
		})
	}
}

// A till waits 2 s for ACK or NAK: a frame whose end is unknown is NAKed as soon as the line has
// been silent for the gap.
func TestNakComesAfterTheGap(t *testing.T) {
	r := newRig(t, "paycube")
	r.send([]byte{stx, 0xff, 0xff, 0x30})
	r.pass(499 * time.Millisecond)
	r.want()
	r.pass(time.Millisecond)
	r.want([]byte{nak})
	r.send(saleOn(ecn, 1023)[:20])
	r.pass(500 * time.Millisecond)
	r.want()
	if r.events[CounterCut] != 1 {
		t.Error("a frame that stopped is not dropped by then")
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
		if got := r.desk.get(p.ID); len(r.wrote) != i+1 || r.times[i] != time.Hour+at ||
			len(got.Sent) != i+1 {
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

// TestNoAnswerIntoARequest: while a request is coming in nothing begins to go out: it may make that
// the answer to something else.
func TestNoAnswerIntoARequest(t *testing.T) {
	other := saleOn("000000000002", 500)
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.send(other[:1])
	r.finish(p, payment.StatusApproved)
	r.want()
	r.send(other[1:])
	r.want([]byte{ack}) // it is another sale's
	r.pass(time.Minute)
	r.wantAnswers()

	r = newRig(t, "paycube")
	p = r.start(ecn, 1023)
	r.send(other[:20])
	r.finish(p, payment.StatusApproved)
	r.want()
	r.pass(r.m.timers.Gap)
	r.wantAnswers(ecn + " Q1 00") // that was none
}

// TestNoAnswerAfterARequestThatCouldNotBeRead: the till says it again, and it may make what would
// go out the answer to something else. A till that does not is answered all the same.
func TestNoAnswerAfterARequestThatCouldNotBeRead(t *testing.T) {
	other := saleOn("000000000002", 500)
	broken := bytes.Clone(other)
	broken[len(broken)-1] ^= 1
	for _, again := range []bool{true, false} {
		r := newRig(t, "paycube")
		r.finish(r.start(ecn, 1023), payment.StatusApproved)
		r.pass(time.Second)
		r.wantAnswers(ecn + " Q1 00")
		r.send(broken)
		r.want([]byte{nak})
		r.pass(2 * time.Second) // the ACK timers of both
		r.want()
		if again {
			r.send(other)
			r.want([]byte{ack}) // it is another sale's
			r.pass(time.Minute)
			r.wantAnswers()
			continue
		}
		r.send(broken)
		r.want([]byte{nak})
		r.pass(r.m.timers.Gap) // rubbish does not keep it for ever
		r.wantAnswers(ecn + " Q1 00")
	}
}

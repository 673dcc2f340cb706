package till

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

func TestCancelDuringASale(t *testing.T) {
	for _, tc := range []struct {
		name        string
		how         payment.Status
		unconfirmed bool
		want        string
	}{
		{"cancelled", payment.StatusCancelled, false, ecn + " Q1 51|000000000009 A5 00"},
		{"paid meanwhile", payment.StatusApproved, false, ecn + " Q1 00|000000000009 A5 E6"},
		{"declined", payment.StatusDeclined, false, ecn + " Q1 51|000000000009 A5 E6"},
		{"unknown", payment.StatusUnknown, false, ecn + " Q1 TO|000000000009 A5 E6"},
		{"cancelled, unconfirmed", payment.StatusCancelled, true,
			ecn + " Q1 TO|000000000009 A5 E6"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "paycube")
			r.desk.hold, r.desk.query = true, !tc.unconfirmed
			p := r.start(ecn, 1023)
			r.send(frame("000000000008", "A5", "01"))
			r.pass(2 * time.Second)
			r.send(frame("000000000009", "A5", "01")) // again: one cancel, one answer
			r.want([]byte{ack}, []byte{ack})
			r.pass(10 * time.Second)
			r.want()
			r.finish(p, tc.how)
			first := r.answers()
			r.send([]byte{ack})
			if got := strings.Join(append(first, r.answers()...), "|"); got != tc.want {
				t.Errorf("answers %s, want %s", got, tc.want)
			}
			if r.desk.count("cancel") != 1 {
				t.Error(r.desk.calls)
			}
		})
	}
}

func TestCancelBeforeTheEngineHasStartedTheSale(t *testing.T) {
	r := newRig(t, "paycube")
	r.deferred["start"] = true
	r.send(saleOn(ecn, 1023))
	r.send(frame(ecn, "A5", "01"))
	r.want([]byte{ack}, []byte{ack})
	r.release()
	got := r.answers()
	r.send([]byte{ack})
	if got := append(got, r.answers()...); strings.Join(got, "|") != ecn+" Q1 51|"+ecn+" A5 00" {
		t.Errorf("%q", got)
	}

	r = newRig(t, "paycube")
	r.desk.fail["start"] = &payment.Error{Code: payment.CodeBusy}
	r.deferred["start"] = true
	r.send(saleOn(ecn, 1023))
	r.send(frame(ecn, "A5", "01"))
	r.take()
	r.release()
	r.wantAnswers(ecn + " Q1 E6")
	r.send([]byte{ack})
	r.wantAnswers(ecn + " A5 00")
}

func TestCancelThatCannotBeCommitted(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.desk.fail["cancel"] = broken("cancel")
	r.send(frame(ecn, "A5", "01"))
	r.wantAnswers(ecn + " A5 E6")
	r.send([]byte{ack})
	delete(r.desk.fail, "cancel")
	r.send(frame(ecn, "A5", "01")) // another try reaches the engine
	r.wantAnswers(ecn + " Q1 51")
	if !r.desk.get(p.ID).Final {
		t.Error("not cancelled")
	}
}

func TestCancelAfterTheSale(t *testing.T) {
	for _, tc := range []struct {
		how   payment.Status
		acked bool
		after time.Duration
		want  string
	}{
		{payment.StatusApproved, true, time.Second, "00"},        // idle
		{payment.StatusApproved, false, time.Minute, "E6"},       // the till may wait for it still
		{payment.StatusApproved, false, 206 * time.Second, "00"}, // its time is over
		{payment.StatusUnknown, false, time.Minute, "E6"},
		{payment.StatusDeclined, false, time.Minute, "00"},
		{payment.StatusCancelled, false, time.Minute, "00"},
	} {
		t.Run(fmt.Sprint(tc.how, tc.acked, tc.after), func(t *testing.T) {
			r := newRig(t, "paycube")
			r.finish(r.start(ecn, 1023), tc.how)
			if tc.acked {
				r.send([]byte{ack})
			}
			r.pass(tc.after)
			r.take()
			r.send(frame(ecn, "A5", "01"))
			r.wantAnswers(ecn + " A5 " + tc.want)
		})
	}
	r := newRig(t, "paycube") // while the response is being given it goes first
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.send(frame(ecn, "A5", "01"))
	r.wantAnswers(ecn + " Q1 00")
	r.send([]byte{ack})
	r.wantAnswers(ecn + " A5 E6")
}

func TestATillThatPollsEachSecond(t *testing.T) {
	for _, acks := range []bool{true, false} {
		r := newRig(t, "paycube")
		p := r.start(ecn, 1023)
		var got []string
		poll := func(seconds int) {
			for range seconds {
				r.send(frame("000000000009", "A1", "01"))
				a := r.answers()
				if got = append(got, a...); len(a) > 0 && acks {
					r.send([]byte{ack})
				}
				r.pass(time.Second)
				got = append(got, r.answers()...)
			}
		}
		poll(30)
		if len(got) < 15 || strings.Count(strings.Join(got, "|"), "A1 E6") != len(got) {
			t.Fatalf("acks %v: while the sale runs: %q", acks, got)
		}
		got = nil
		r.finish(p, payment.StatusApproved)
		poll(10)
		if n := strings.Count(strings.Join(got, "|"), ecn+" Q1 00"); n < 1 || n > 3 {
			t.Errorf("acks %v: the response came %d times: %q", acks, n, got)
		}
		got = nil
		poll(10)
		if n := strings.Count(strings.Join(got, "|"), "A1 00"); n < 5 || n != len(got) {
			t.Errorf("acks %v: afterwards: %q", acks, got)
		}
	}
}

func TestASilentTill(t *testing.T) {
	r := newRig(t, "paycube")
	r.pass(100 * time.Hour)
	r.want()
	r.start(ecn, 1023)
}

func TestLastResult(t *testing.T) {
	r := newRig(t, "paycube")
	old := r.start("000000000001", 700)
	r.finish(old, payment.StatusApproved)
	r.pass(time.Minute)
	p := r.start2("000000000002", 800)
	r.send(frame("000000000009", "56", "01"))
	r.wantAnswers("000000000002 56 E6") // never the older one, which is owed
	r.send([]byte{ack})
	r.finish(p, payment.StatusDeclined)
	r.send([]byte{ack})
	r.take()
	r.send(saleOn("000000000003", 0)) // refused: it was never started
	r.wantAnswers("000000000003 Q1 02")
	r.send([]byte{ack})
	r.reboot()
	r.send(frame("000000000009", "56", "01"))
	w := r.take()
	h := parse(t, w[len(w)-1])
	if h.String() != "000000000002 56 51" || h.fields["40"] != "000000000800" {
		t.Errorf("%v %v", h, h.fields)
	}
	r.send([]byte{ack})
	r.desk.finish(p.ID, payment.StatusApproved) // a late correction: worklist, and whoever asks
	r.run()
	r.pass(time.Minute)
	r.want()
	r.send(frame("000000000009", "56", "01"))
	r.wantAnswers("000000000002 56 00")
	if got := r.desk.get(p.ID); got.Acknowledged {
		t.Error("acknowledged before the ACK")
	}
	r.send([]byte{ack})
	if got := r.desk.get(p.ID); !got.Acknowledged {
		t.Error("the ACK of the last result acknowledges it")
	}
}

// start2 is start where something was written before.
func (r *rig) start2(ecn string, cents int) payment.Payment {
	r.take()
	return r.start(ecn, cents)
}

func TestCorrections(t *testing.T) {
	t.Run("after the ACK: never", func(t *testing.T) {
		r := newRig(t, "paycube")
		p := r.start(ecn, 1023)
		r.finish(p, payment.StatusExpired)
		r.send([]byte{ack})
		r.take()
		r.finish(p, payment.StatusApproved)
		r.pass(time.Hour)
		r.want()
	})
	t.Run("a retransmission that is no longer true is not made", func(t *testing.T) {
		for before, want := range map[string]string{
			"000000000001": "00", // whoever asks again hears the truth
			ecn:            "TO", // but not who may have heard the answer and be selling again
		} {
			r := newRig(t, "paycube")
			r.finish(r.start(before, 700), payment.StatusDeclined)
			r.send([]byte{ack})
			r.take()
			p := r.start(ecn, 1023)
			r.finish(p, payment.StatusExpired)
			r.wantAnswers(ecn + " Q1 51")
			r.finish(p, payment.StatusApproved)
			r.pass(9 * time.Second)
			r.want()
			r.send(saleOn(ecn, 1023))
			r.wantAnswers(ecn + " Q1 " + want)
		}
	})
	t.Run("before the offer was read", func(t *testing.T) {
		r := newRig(t, "paycube")
		p := r.start(ecn, 1023)
		r.desk.finish(p.ID, payment.StatusExpired)
		// the engine is ahead of what the machine has read
		r.desk.finish(p.ID, payment.StatusApproved)
		r.run()
		r.wantAnswers(ecn + " Q1 00")
	})
	t.Run("told without a commit", func(t *testing.T) {
		r := newRig(t, "paycube")
		p := r.start(ecn, 1023)
		p.Status, p.Final = payment.StatusUnknown, true
		r.step(Changed{p}) // the journal knows nothing of it
		r.wantAnswers(ecn + " Q1 TO")
		r.send([]byte{ack})
		if got := r.desk.get(p.ID); got.AckedRev != 0 || got.Final {
			t.Errorf("%+v", got)
		}
		r.finish(p, payment.StatusApproved)
		r.pass(time.Hour)
		r.want() // a correction
		r.send(frame(ecn, "56", "01"))
		r.wantAnswers(ecn + " 56 00")
	})
	t.Run("before the first byte", func(t *testing.T) {
		r := newRig(t, "paycube")
		p := r.start(ecn, 1023)
		r.deferred["offer"] = true
		r.finish(p, payment.StatusExpired)
		r.finish(p, payment.StatusApproved)
		r.release()
		r.wantAnswers(ecn + " Q1 00")
		r.send([]byte{ack})
		if !r.desk.get(p.ID).Acknowledged {
			t.Error("not acknowledged")
		}
	})
}

func TestHostileConnections(t *testing.T) {
	network := func(c *Config) { c.Network = true }
	good := saleOn(ecn, 1023)
	for name, b := range map[string][]byte{
		"GET":    []byte("GET / HTTP/1.1\r\n\r\n"),
		"POST":   append([]byte("POST / HTTP/1.1\r\nHost: x\r\n\r\n"), good...),
		"TLS":    {0x16, 0x03, 0x01, 0x02, 0x00, 0x01},
		"noise":  append([]byte{1, 1, 1}, good...),
		"binary": {0, 0, 0, 0},
	} {
		for _, portions := range [][][]byte{{b}, split(b)} {
			r := newRig(t, "paycube", network)
			for _, p := range portions {
				r.send(p)
			}
			if !r.closed || len(r.desk.order) != 0 || r.events[CounterHostile] != 1 {
				t.Errorf("%s: closed %v, %d payments", name, r.closed, len(r.desk.order))
			}
			r.want()
			r.pull()
			r.connect() // the next connection is a till
			r.start(ecn, 1023)
		}
		r := newRig(t, "paycube") // on a serial line it is noise
		if r.send(b); r.closed {
			t.Errorf("%s: a serial line was closed", name)
		}
	}
	r := newRig(t, "paycube", network)
	r.send(append([]byte{1, 1}, good...))
	r.send([]byte{1, 1, 1, 1})
	if r.closed || len(r.desk.order) != 1 {
		t.Error("two bytes before the first STX, or noise after it, are a line's noise")
	}
}

func TestSchemes(t *testing.T) {
	for _, tc := range []struct {
		function string
		have     []string
		want     string
	}{
		{"Q1", nil, "paynow alipay wechatpay"},
		{"Q1", []string{"paynow", "credit_card"}, "paynow"},
		{"C1", nil, "credit_card"},
		{"C1", []string{"paynow", "credit_card"}, "credit_card"},
		{"C1", []string{"paynow"}, ""},
	} {
		r := newRig(t, "paycube", func(c *Config) { c.Schemes = tc.have })
		r.send(frame(ecn, tc.function, "01", "40=000000001023"))
		if tc.want == "" {
			r.wantAnswers(ecn + " " + tc.function + " 01")
			continue
		}
		if got := strings.Join(r.desk.get("P1").Schemes, " "); got != tc.want {
			t.Errorf("%s of %q: %q", tc.function, tc.have, got)
		}
	}
}

func TestReferences(t *testing.T) {
	r := newRig(t, "paycube")
	for i := range 3 {
		p := r.start2(ecn, 1023)
		if want := fmt.Sprintf("%s/%026d", ecn, i+1); p.Reference != want || len(p.Reference) > 40 {
			t.Errorf("reference %q, want %q", p.Reference, want)
		}
		if p.Line.ECN != ecn || p.Line.Function != "Q1" || len(p.Line.Digest) != 64 ||
			p.Line.ECNIsNew {
			t.Errorf("%+v", p.Line)
		}
		r.finish(p, payment.StatusDeclined)
		r.send([]byte{ack})
	}
	if p := r.start2("000000000002", 1); !p.Line.ECNIsNew {
		t.Errorf("%+v", p.Line)
	}
	long := strings.Repeat("E", 20) + strings.Repeat("9", 12)
	if got := r.m.reference(long, r.now); len(got) != 40 || !strings.HasPrefix(got, "E") &&
		!strings.HasPrefix(got, "9") {
		t.Errorf("%q", got)
	}
}

func TestAckAndResponseInOneRead(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	r.take()
	// the till's ACK and its next request
	r.send(append([]byte{ack}, saleOn("000000000002", 500)...))
	r.want([]byte{ack})
	if !r.desk.get(p.ID).Acknowledged || len(r.desk.order) != 2 {
		t.Error("one of the two was lost")
	}
	r.finish(r.desk.get("P2"), payment.StatusDeclined)
	r.send(append([]byte{0xff, ack, 0x7f}, frame(ecn, "A1", "01")...)) // with noise between
	if w := r.take(); len(w) != 3 || !bytes.Equal(w[1], []byte{ack}) {
		t.Error(dump(w))
	}
}

func TestAVoidStartsNothing(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	r.send([]byte{ack})
	r.take()
	r.send(frame(ecn, "C2", "01", "40=000000001023"))
	r.wantAnswers(ecn + " C2 XX")
	if len(r.desk.order) != 1 || r.desk.get(p.ID).Status != payment.StatusApproved {
		t.Error("something was started")
	}
}

func TestStatusReadTooLateIsDropped(t *testing.T) {
	r := newRig(t, "paycube")
	r.deferred["status"] = true
	r.send(frame("000000000008", "A1", "01"))
	r.send(frame("000000000009", "A1", "01"))
	r.take()
	r.status = device.Status{Ready: true}
	r.release()
	r.wantAnswers("000000000009 A1 00") // the newer took the older's place
}

// TestAQuestionWhoseAnswerWasTakenFromAnother: a till that takes whatever comes for the answer to
// what it asked last asks for the last result while its line is not proved clean; the sale's own
// response comes first, and it asks on. Were the first question still answered, each answer would
// be taken for that of the next question: READY for a payment, in the end.
func TestAQuestionWhoseAnswerWasTakenFromAnother(t *testing.T) {
	late, status := frame(ecn, "56", "01"), frame(ecn, "A1", "01")
	for _, tc := range []struct {
		name  string
		first []byte
		then  []byte // after the sale's response; nil: nothing
		want  string
	}{
		{"last result, status", late, status, ecn + " A1 00"},
		{"last result, a sale", late, saleOn("000000000009", 500), ""},
		{"last result, itself", late, late, ecn + " 56 00"},
		{"last result", late, nil, ecn + " 56 00"},
		{"settlement, status", frame(ecn, "30", "01"), status, ecn + " A1 00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "paycube", func(c *Config) { c.Schemes = nil })
			p := r.start(ecn, 1023)
			r.deferred["offer"] = true
			r.finish(p, payment.StatusApproved)
			r.send(tc.first)
			r.release()
			r.wantAnswers(ecn + " Q1 00")
			r.send([]byte{ack})
			if tc.then != nil {
				r.pass(100 * time.Millisecond)
				r.send(tc.then)
			}
			got := r.answers()
			for range 3 {
				r.pass(time.Second)
				r.send([]byte{ack})
				got = append(got, r.answers()...)
			}
			if strings.Join(got, "|") != tc.want {
				t.Errorf("answers %q, want %q", got, tc.want)
			}
		})
	}
}

// TestQuestionsInARow: a till that asks two things at once, and then a third, has an answer to
// each, in that order: none has been taken for another's.
func TestQuestionsInARow(t *testing.T) {
	r := newRig(t, "paycube")
	p := r.start(ecn, 1023)
	r.finish(p, payment.StatusApproved)
	r.wantAnswers(ecn + " Q1 00")
	r.send([]byte{ack})
	r.send(append(frame(ecn, "56", "01"), frame("000000000009", "A1", "01")...))
	got := r.answers()
	r.send(append([]byte{ack}, frame("000000000010", "A8", "01")...))
	got = append(got, r.answers()...)
	for range 3 {
		r.send([]byte{ack})
		got = append(got, r.answers()...)
	}
	if len(got) != 3 || got[0] != ecn+" 56 00" || got[1] != "000000000009 A1 00" {
		t.Errorf("answers %q", got)
	}
}

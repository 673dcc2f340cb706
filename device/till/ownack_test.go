package till

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// returning are the kinds of lines on which something of what the agent sends comes back.
var returning = []struct {
	name string
	back func(b []byte) []byte
}{
	{"all", func(b []byte) []byte { return b }},
	{"ACKs only", func(b []byte) []byte {
		if len(b) > 1 && b[0] == stx {
			return nil
		}
		return b
	}},
	{"frames only", func(b []byte) []byte {
		if b[0] != stx {
			return nil
		}
		return b
	}},
	{"the last byte", func(b []byte) []byte { return b[len(b)-1:] }},
	// 03 and 04 have six characters: their length is the byte of an ACK
	{"frames without their STX", func(b []byte) []byte {
		if b[0] != stx {
			return b
		}
		return b[1:]
	}},
	{"frames without their head", func(b []byte) []byte {
		if b[0] != stx {
			return b
		}
		return b[min(25, len(b)):]
	}},
	{"garbled frames", func(b []byte) []byte {
		if b[0] == stx {
			b[len(b)-3] ^= 0x41
		}
		return b
	}},
}

// owedAnswers are the ways in which an outcome is told while the agent's own ACK may still come
// back. Each begins on a line that nobody knows, and ends with the outcome told.
var owedAnswers = []struct {
	name string
	do   func(r *rig, unknown func())
}{
	{"the last result", func(r *rig, unknown func()) {
		r.approvedUnacked(ecn, 1023)
		unknown()
		r.send(frame("000000000056", "56", "01"))
	}},
	{"a repeat", func(r *rig, unknown func()) {
		r.start("000000000000", 100)
		r.finish(r.desk.get("P1"), payment.StatusDeclined)
		r.send([]byte{ack})
		r.take()
		r.approvedUnacked(ecn, 1023)
		unknown()
		r.send(saleOn(ecn, 1023))
	}},
	{"a sale that ends at once", func(r *rig, unknown func()) {
		unknown()
		r.send(saleOn(ecn, 1023))
		r.finish(r.desk.get("P1"), payment.StatusApproved)
	}},
	{"a sale that was garbled first", func(r *rig, unknown func()) {
		unknown()
		r.send(garbled(saleOn(ecn, 1023)))
		r.pass(1900 * time.Millisecond)
		r.send(saleOn(ecn, 1023))
		r.finish(r.desk.get("P1"), payment.StatusApproved)
	}},
	{"a sale that is cancelled", func(r *rig, unknown func()) {
		r.start(ecn, 1023)
		unknown()
		r.send(frame(ecn, "A5", "01"))
		r.finish(r.desk.get("P1"), payment.StatusCancelled)
	}},
	{"a sale that ends after a status", func(r *rig, unknown func()) {
		r.start(ecn, 1023)
		unknown()
		r.send(frame("000000000055", "A1", "01"))
		r.pass(50 * time.Millisecond)
		r.finish(r.desk.get("P1"), payment.StatusApproved)
	}},
	{"a status while it is told", func(r *rig, unknown func()) {
		r.start(ecn, 1023)
		unknown()
		r.finish(r.desk.get("P1"), payment.StatusApproved)
		r.pass(time.Second)
		r.send(frame("000000000055", "A1", "01"))
	}},
	{"many status while it is told", func(r *rig, unknown func()) {
		r.start(ecn, 1023)
		unknown()
		r.finish(r.desk.get("P1"), payment.StatusApproved)
		r.pass(time.Second)
		for range 20 {
			r.send(frame("000000000055", "A1", "01"))
		}
	}},
	{"a request that gets a NAK while it is told", func(r *rig, unknown func()) {
		r.start(ecn, 1023)
		unknown()
		r.finish(r.desk.get("P1"), payment.StatusApproved)
		r.pass(time.Second)
		r.send(garbled(frame("000000000055", "A1", "01")))
	}},
}

// garbled is f with a wrong LRC.
func garbled(f []byte) []byte {
	f[len(f)-1] ^= 1
	return f
}

// unknownLine is a new connection on which nobody knows what comes back, 10 s old.
func (r *rig) unknownLine(back func([]byte) []byte, after time.Duration) {
	r.pull()
	r.fresh, r.loop, r.loopAfter = true, back, after
	r.connect()
	r.pass(10 * time.Second)
	r.take()
}

// A till that never acknowledges has acknowledged nothing, whatever comes back of the agent's own
// bytes, and whenever.
func TestTheAgentsOwnACKAcknowledgesNothing(t *testing.T) {
	for _, line := range returning {
		for _, answer := range owedAnswers {
			for _, after := range []time.Duration{0, time.Millisecond, 16 * time.Millisecond,
				300 * time.Millisecond, time.Second, 1990 * time.Millisecond} {
				t.Run(fmt.Sprint(line.name, "/", answer.name, "/", after), func(t *testing.T) {
					r := newRig(t, "paycube")
					answer.do(r, func() { r.unknownLine(line.back, after) })
					r.pass(time.Minute)
					told := 0
					for _, w := range r.take() {
						if w[0] == stx && parse(t, w).fields["40"] != "" {
							told++
						}
					}
					for _, id := range r.desk.order {
						p := r.desk.get(id)
						if p.AckedRev != 0 && p.Status != payment.StatusDeclined {
							t.Errorf("%s is acknowledged: %v", id, r.events)
						}
					}
					if told == 0 {
						t.Error("and nobody was told")
					}
				})
			}
		}
	}
}

// A till that acknowledges each frame at once has acknowledged the outcome, on whichever line:
// after one transmission where nothing comes back.
func TestTheTillsACKAcknowledges(t *testing.T) {
	nothing := returning[0]
	nothing.name, nothing.back = "nothing", func([]byte) []byte { return nil }
	for _, line := range append(returning[:3:3], nothing) {
		for _, answer := range owedAnswers[:7] {
			for _, after := range []time.Duration{0, 16 * time.Millisecond} {
				name := fmt.Sprint(line.name, "/", answer.name, "/", after)
				r := newRig(t, "paycube")
				acks := func(b []byte) []byte {
					back := line.back(bytes.Clone(b))
					if b[0] == stx { // 5 ms after what came back
						r.loopDue = append(r.loopDue, tillAction{at: r.now.Up + after, bytes: back},
							tillAction{at: r.now.Up + after + 5*time.Millisecond,
								bytes: []byte{ack}})
						return nil
					}
					return back
				}
				answer.do(r, func() { r.unknownLine(acks, after) })
				r.pass(time.Minute)
				p := r.desk.get(r.desk.order[len(r.desk.order)-1])
				if p.AckedRev == 0 {
					t.Errorf("%s: not acknowledged: %v", name, r.events)
				}
				told := 0
				for _, w := range r.take() {
					if w[0] == stx && parse(t, w).fields["40"] != "" {
						told++
					}
				}
				if line.name == "nothing" && told != 1 {
					t.Errorf("%s: told %d times", name, told)
				}
			}
		}
	}
}

// What frames are made of, outside a frame, may be the rest of an echo: another adapter may be in.
func TestALineThatMayHaveChangedIsProvedAgain(t *testing.T) {
	for _, rest := range [][]byte{nil, {0xff, 0x00}, []byte("261105\x1c")} {
		r := newRig(t, "paycube")
		p, _ := r.approvedUnacked(ecn, 1023)
		r.send(rest)
		r.pass(3 * time.Second)
		r.send(frame("000000000056", "56", "01"))
		r.send([]byte{ack})
		if got, want := r.desk.get(p.ID).AckedRev > 0, len(rest) < 3; got != want {
			t.Errorf("after %q: acknowledged at once: %t", rest, got)
		}
		r.pass(3 * time.Second)
		r.send([]byte{ack})
		if r.desk.get(p.ID).AckedRev == 0 {
			t.Errorf("after %q: not acknowledged", rest)
		}
	}
}

// A refusal whose ACK may be the agent's own is heard when the line turns out to return nothing,
// and is not when it returns that very frame.
func TestARefusalThatMayBeHeard(t *testing.T) {
	for _, returns := range []bool{false, true} {
		r := newRig(t, "paycube")
		r.finish(r.start(ecn, 1023), payment.StatusApproved)
		r.send([]byte{ack})
		r.unknownLine(nil, 0)
		refusal := saleOn("000000000002", 0)
		r.send(refusal)
		w := r.take()
		r.send([]byte{ack})
		if returns {
			r.send(w[len(w)-1])
		}
		r.pass(10 * time.Second)
		r.take()
		r.send(frame("000000000056", "56", "01"))
		r.pass(3 * time.Second)
		want := ecn + " 56 00"
		if returns {
			want = "000000000002 56 02"
		}
		if got := r.answers(); len(got) == 0 || got[0] != want {
			t.Errorf("the line returns: %t: %q, want %q", returns, got, want)
		}
	}
}

// A proved line whose converter begins to return the agent's ACKs: the first one that nothing
// waited for takes the proof back, and none acknowledges the outcome.
func TestALineThatBeginsToReturnACKs(t *testing.T) {
	r := newRig(t, "paycube")
	r.loop, r.loopAfter = returning[1].back, time.Second
	p := r.start(ecn, 1023)
	r.pass(10 * time.Second)
	r.send(frame("000000000055", "A1", "01"))
	r.send([]byte{ack}) // the till's, of the answer
	r.pass(50 * time.Millisecond)
	r.finish(p, payment.StatusApproved)
	r.pass(time.Minute)
	told := 0
	for _, a := range r.answers() {
		if a == ecn+" Q1 00" {
			told++
		}
	}
	if p := r.desk.get(p.ID); p.AckedRev != 0 || told == 0 {
		t.Errorf("told %d times, acknowledged %d", told, p.AckedRev)
	}
}

// While a line over a network has no connection its converter may be changed for one that echoes. A
// till that connects for each command keeps the proof.
func TestAConverterThatIsChanged(t *testing.T) {
	for away, proved := range map[time.Duration]bool{time.Second: true, swapWithin: false} {
		r := newRig(t, "paycube", func(c *Config) { c.Network = true })
		p, _ := r.approvedUnacked(ecn, 1023)
		r.pass(10 * time.Second)
		r.pull()
		r.pass(away)
		r.dead = false
		r.step(Connected{})
		if r.m.clean != proved {
			t.Errorf("away %v: proved: %t", away, r.m.clean)
		}
		if proved {
			continue
		}
		r.loop, r.loopAfter = returning[0].back, 20*time.Millisecond
		r.take()
		r.send(frame("000000000056", "56", "01"))
		r.pass(time.Minute)
		if p := r.desk.get(p.ID); p.AckedRev != 0 || len(r.answers()) == 0 {
			t.Errorf("away %v: acknowledged %d", away, p.AckedRev)
		}
	}
}

// On a line that is known to echo, one echo that is lost proves nothing: the next ACK of the
// agent's that comes back acknowledges no outcome.
func TestALostEchoProvesNothing(t *testing.T) {
	r := newRig(t, "paycube", func(c *Config) { c.Network = true })
	lose := false
	r.unknownLine(func(b []byte) []byte {
		if lose && b[0] == ack {
			lose = false
			return nil
		}
		return b
	}, 20*time.Millisecond)
	r.send(frame("000000000055", "A1", "01"))
	r.pass(10 * time.Second)
	r.take()
	lose = true
	p := r.start(ecn, 1023)
	r.pass(10 * time.Second)
	r.desk.finish(p.ID, payment.StatusApproved)
	r.send(frame("000000000055", "A5", "01"))
	r.pass(time.Minute)
	if p := r.desk.get(p.ID); lose || p.AckedRev != 0 || r.m.Trouble(r.now.Up) != TroubleEcho {
		t.Errorf("acknowledged %d, trouble %q", p.AckedRev, r.m.Trouble(r.now.Up))
	}
}

// TestASuspendedMachineHasHeardNoSilence: the echo of the agent's ACK comes in while the machine is
// suspended. It is read after the time in which an echo comes is over: that nothing was heard until
// then proves nothing. The next ACK that returns acknowledges no outcome.
func TestASuspendedMachineHasHeardNoSilence(t *testing.T) {
	for _, slept := range []time.Duration{3 * time.Second, time.Minute} {
		r := newRig(t, "paycube")
		r.unknownLine(func(b []byte) []byte { return nil }, 0)
		p := r.start(ecn, 1023)
		r.now.Up += slept
		r.step(Ticked{}) // the timer is read before the line
		r.send([]byte{ack})
		r.send(saleOn(ecn, 1023))
		r.finish(p, payment.StatusApproved)
		r.pass(1430 * time.Millisecond)
		r.send([]byte{ack}) // the second one's
		r.pass(10 * time.Second)
		if got := r.desk.get(p.ID); got.AckedRev != 0 {
			t.Errorf("after %v the agent's own ACK acknowledges the outcome", slept)
		}
		if got := r.answers(); len(got) == 0 || got[len(got)-1] != ecn+" Q1 00" {
			t.Errorf("after %v the outcome is told: %q", slept, got)
		}
	}
}

package till

import (
	"fmt"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// FuzzSession plays a script of bytes, silences, ends of payments and disturbances. Whatever a line
// does: no panic, the machine rests, at most one payment is open, and an approval is one of the
// journal, committed before its first byte.
func FuzzSession(f *testing.F) {
	for _, seed := range [][]byte{
		script(sendOp, saleOn(ecn, 1023), endOp, nil, waitOp, []byte{3}, sendOp, []byte{ack}),
		script(sendOp, saleOn(ecn, 1023), sendOp, saleOn(ecn, 500), sendOp,
			saleOn("000000000002", 1), endOp, nil, waitOp, []byte{200}),
		script(sendOp, frame(ecn, "A1", "01"), sendOp, frame(ecn, "A5", "01"), sendOp,
			frame(ecn, "56", "01"), waitOp, []byte{9}),
		script(sendOp, saleOn(ecn, 7), sendOp, frame(ecn, "A5", "01"), disturbOp, []byte{0}, sendOp,
			saleOn(ecn, 7), endOp, nil),
		script(sendOp, saleOn(ecn, 7), disturbOp, []byte{1}, sendOp, saleOn(ecn, 7), endOp, nil,
			sendOp, []byte{nak, nak, nak, nak}),
		script(sendOp, []byte{stx, 0x99, 0x99, 1, 2, 3, ack, nak, etx}, waitOp, []byte{1}, sendOp,
			saleOn(ecn, 7)[:9], disturbOp, []byte{2}),
		script(frameOp, []byte{24}, frameOp, []byte{25}, endOp, nil, waitOp, []byte{5}, frameOp,
			[]byte{24}, disturbOp, []byte{0}, frameOp, []byte{24}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newRig(t, "paycube")
		for steps := 0; len(b) > 1 && steps < 60; steps++ {
			op, n := b[0]%ops, int(b[1])
			b = b[2:]
			n = min(n, len(b))
			r.play(op, b[:n])
			if op != endOp && op != failOp {
				b = b[n:]
			}
			r.audit()
		}
		r.pass(10 * time.Minute)
		r.audit()
	})
}

// The operations of a script: a byte, a length, and as many bytes.
const (
	sendOp byte = iota
	waitOp
	endOp
	disturbOp
	failOp
	frameOp
	ops
)

func script(parts ...any) (b []byte) {
	for i := 0; i < len(parts); i += 2 {
		data, _ := parts[i+1].([]byte)
		b = append(append(b, parts[i].(byte), byte(len(data))), data...)
	}
	return b
}

func (r *rig) play(op byte, data []byte) {
	x := 0
	for _, b := range data {
		x += int(b)
	}
	switch op {
	case sendOp:
		r.send(data)
	case waitOp:
		r.pass(min(time.Duration(x)*250*time.Millisecond, 3*time.Minute))
	case endOp:
		for _, id := range r.desk.order {
			if p := r.desk.get(id); !p.Final {
				r.finish(p, payment.StatusApproved)
			}
		}
	case disturbOp:
		switch x % 4 {
		case 0:
			r.restart()
		case 1:
			r.reboot()
		case 2:
			r.pull()
			r.connect()
		case 3: // frames drain late
			r.stall = !r.stall
			if !r.stall && r.m.link.busy {
				r.drain()
			}
		}
	case frameOp: // a frame that is right, from few enough numbers to meet again
		f := []string{"Q1", "Q1", "Q1", "C1", "A1", "A5", "56", "C2"}[x%8]
		r.send(frame(fmt.Sprintf("%012d", x/8%3), f, "01", fmt.Sprintf("40=%012d", x/24%3)))
	case failOp:
		clear(r.desk.fail)
		if len(data) > 0 {
			method := []string{"start", "offer", "acknowledge", "cancel", "last"}[x%5]
			r.desk.fail[method] = broken(method)
		}
	}
}

// audit compares what was written with the journal.
func (r *rig) audit() {
	r.t.Helper()
	for _, w := range r.take() {
		if w[0] != stx {
			continue
		}
		h := parse(r.t, w)
		if h.code != "00" || h.function != "Q1" && h.function != "C1" && h.function != "56" {
			continue
		}
		offered := false
		for _, id := range r.desk.order {
			p := r.desk.get(id)
			for _, s := range p.Sent {
				offered = offered || string(s.Frame) == string(w) &&
					p.Status == payment.StatusApproved && "TXN-"+id == h.fields["A1"]
			}
		}
		if !offered {
			r.t.Fatalf("an approval that nobody committed: %x", w)
		}
	}
	open := 0
	for _, id := range r.desk.order {
		if !r.desk.get(id).Final {
			open++
		}
	}
	if open > 1 {
		r.t.Fatalf("%d payments are open", open)
	}
}

// The fuzz seeds must stay seeds.
func TestFuzzSeedsDoSomething(t *testing.T) {
	r := newRig(t, "paycube")
	r.play(sendOp, saleOn(ecn, 1023))
	r.play(endOp, nil)
	if got := r.answers(); len(got) != 1 || got[0] != ecn+" Q1 00" {
		t.Errorf("%q", got)
	}
}

package sim

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

// ecnStyle is how a till numbers its requests.
type ecnStyle string

const (
	counting   ecnStyle = "counting"
	constant   ecnStyle = "constant"
	restarting ecnStyle = "restarting"
)

// The control bytes of the line.
const (
	ack = 0x06
	nak = 0x15
)

// ecrTill is a till on a serial line. Its bytes are those of ecrtill, which knows nothing of
// device/ecr; its ways are those of docs/protocols/ecr-family.md: three transmissions, then the
// last result.
type ecrTill struct {
	w       *World
	no      int // of World.ecrs
	name    string
	kind    lineKind
	style   ecnStyle
	d       ecrtill.Dialect
	parser  ecrtill.Parser
	ecn     int64
	cable   int // its number; bytes of another one are lost
	plugged bool

	sale   *sale    // being sold or asked about
	last   *sale    // the newest one
	sent   *request // not acknowledged yet
	asked  *request // acknowledged, not answered yet
	taken  []byte   // the newest response that was accepted
	polls  int
	rested time.Duration // no new sale before that
	// receipt numbers that it has given, and customers who stood in line
	receiptsMade, inLine int
	// what else is on the line, and what the till itself has said
	echo                 *echo
	said                 [][]byte // newest frames of the agent
	wroteAt, ackCame     time.Duration
	askedLast, cancelled bool
	turn                 int // number of the newest thing that is waited for
	gapAt                int
	// arrival of the newest bytes in each direction: on a line none overtakes another
	outAt  time.Duration
	inAt   time.Duration
	leftAt time.Duration // when the bytes that are being heard left the agent
}

// request is a frame of the till.
type request struct {
	m     ecrtill.Message
	frame []byte
	tries int
	s     *sale
}

const firstECN = 251210091401

func newECRTill(w *World, no int) *ecrTill {
	t := &ecrTill{w: w, no: no, name: lineKinds()[no].till, style: w.prof.styles[no], ecn: firstECN}
	t.learns()
	return t
}

// learns is the dialect that the till and the agent's configuration have for the line.
func (t *ecrTill) learns() {
	kinds := lineKinds()
	t.kind = kinds[t.no]
	if t.w.prof.crossed {
		t.kind = kinds[1-t.no]
	}
	t.d = t.kind.speaks()
}

// isReplaced: a till of the other make takes its place on the line; a sale that it was about is
// settled with its slip, if at all.
func (t *ecrTill) isReplaced() {
	if t.sale != nil {
		t.w.met(dialectChanged)
		t.sale.discarded = true
	}
	t.reboots()
	t.learns()
}

func (t *ecrTill) say(format string, args ...any) { t.w.say(t.name, format, args...) }

// session is the agent's end of the line.
func (t *ecrTill) session() *line { return t.w.agent.lines[t.no] }

// wants begins a sale, when none is under way.
func (t *ecrTill) wants() {
	w := t.w
	if t.sale != nil || t.sent != nil || t.asked != nil || w.t < t.rested {
		return
	}
	s := w.newSale(t.name)
	s.line = t
	if t.habits().same {
		s.money.Amount = 1500
	}
	if t.style == restarting {
		s.money.Amount = int64(10_000 + s.no) // its numbers come again: amounts do not
	}
	s.asksWith(t.number())
	s.receipt, s.function = t.receipt(), t.d.QR
	if w.chance(0.2) {
		s.function = t.d.Card
	}
	t.say("wants sale %d: ECN %s, receipt %q, %d", s.no, s.ecn, s.receipt, s.money.Amount)
	t.sale, t.last, t.polls = s, s, 0
	w.oracle.isAskedFor(s)
	t.send(&request{m: t.d.Sale(s.ecn, s.function, s.money.Amount, s.receipt), s: s})
	t.misses(s)
	if w.hit(lineAnswers) {
		t.hearsTerminal()
	}
	if w.hit(tillForgets) { // and the cashier types the next sale
		w.after(w.between(2*time.Second, 50*time.Second), func() {
			t.reboots()
			w.after(w.between(4*time.Second, 9*time.Second), t.wants)
		})
	}
	if t.d.Cancel != "" && w.hit(tillCancels) {
		w.after(w.between(3*time.Second, 90*time.Second), func() { t.cancels(s) })
	}
}

// number is the next ECN.
func (t *ecrTill) number() string {
	if t.style != constant {
		t.ecn++
	}
	return fmt.Sprintf("%012d", t.ecn)
}

// send begins to transmit a request.
func (t *ecrTill) send(r *request) {
	frame, err := r.m.Encode()
	if err != nil {
		t.w.fail("%v", err)
	}
	r.frame = frame
	t.sent = r
	t.transmit()
}

func (t *ecrTill) transmit() {
	r := t.sent
	r.tries++
	t.say("sends %s %s, transmission %d", r.m.Function, r.m.ECN, r.tries)
	t.put(r.frame)
	t.waitFor(2*time.Second, func() {
		if t.sent == r {
			t.again()
		}
	})
}

// waitFor lets something happen unless anything else is waited for by then.
func (t *ecrTill) waitFor(d time.Duration, do func()) {
	t.turn++
	n := t.turn
	t.w.after(d, func() {
		if n == t.turn {
			do()
		}
	})
}

// again transmits once more, or gives up.
func (t *ecrTill) again() {
	if t.sent.tries < 3 {
		t.transmit()
		return
	}
	r := t.sent
	t.sent = nil
	t.unanswered(r)
}

// unanswered is a request that got no answer: the last result tells, if anything does.
func (t *ecrTill) unanswered(r *request) {
	t.say("gets no answer to %s %s", r.m.Function, r.m.ECN)
	switch {
	case r.s != nil && r.s == t.sale && t.habits().again:
		t.givesUp(r.s)
		return
	case r.s != nil && r.s == t.sale:
		t.asksLast(t.w.between(2*time.Second, 6*time.Second))
		return
	}
	t.rests()
}

// asksLast asks for the last result some time later.
func (t *ecrTill) asksLast(d time.Duration) {
	s := t.sale
	if t.polls++; t.polls > 8 {
		t.say("leaves sale %d uncertain", s.no)
		t.decides(s, payment.StatusUnknown, "")
		return
	}
	t.waitFor(d, func() {
		if t.sale == s && t.sent == nil && t.asked == nil {
			t.askedLast = true
			t.send(&request{m: ecrtill.Request(t.number(), t.d.LastResult), s: s})
		}
	})
}

// cancels asks to cancel the sale that runs.
func (t *ecrTill) cancels(s *sale) {
	w := t.w
	if t.sale != s || t.asked == nil || t.asked.m.Function == t.d.LastResult || t.sent != nil {
		return
	}
	if l := w.linkOf(s); l != nil && l.exposed && w.hit(payAtCancel) {
		w.after(w.between(0, 12*time.Millisecond), func() { w.pays(l) })
	}
	t.say("cancels sale %d", s.no)
	t.cancelled = true
	waits := t.asked
	r := &request{m: ecrtill.Request(t.number(), t.d.Cancel)}
	t.sent = r
	frame, err := r.m.Encode()
	if err != nil {
		w.fail("%v", err)
	}
	r.frame = frame
	t.put(frame) // once: the sale's own response is what counts
	t.waitFor(2*time.Second, func() {
		t.sent = nil
		t.awaits(waits)
	})
}

// cancelsEarly cancels a sale while its code is made.
func (t *ecrTill) cancelsEarly(s *sale) {
	if t.d.Cancel != "" {
		t.cancels(s)
	}
}

// put sends bytes over the cable; they arrive in two portions.
func (t *ecrTill) put(b []byte) {
	w := t.w
	b, d := t.line(b)
	if len(b) == 0 {
		return
	}
	half := w.rng.IntN(pick(w, 4, len(b))) % len(b)
	began := max(t.outAt, w.t)
	t.outAt = max(t.outAt, w.t+d)
	t.arrives(b[:half], max(began, t.outAt-time.Duration(len(b)-half)*time.Millisecond))
	t.arrives(b[half:], t.outAt)
}

// arrives brings a portion to the agent.
func (t *ecrTill) arrives(b []byte, at time.Duration) {
	w, n, s := t.w, t.cable, t.sale
	w.inside(at-w.t, func() {
		if n != t.cable || !t.plugged || len(b) == 0 {
			return
		}
		if s != nil && (len(b) > 1 || b[0] != ack && b[0] != nak) {
			s.reaches(w.t)
		}
		if len(b) == 1 && b[0] == ack {
			t.ackCame = w.t
		}
		t.session().receives(b)
	})
}

// written is what the agent sends.
func (t *ecrTill) written(b []byte) {
	t.w.oracle.written(t, b)
	t.hasSent(b)
	t.comesBack(b)
	b, d := t.line(b)
	n, left := t.cable, t.w.t
	t.inAt = max(t.inAt, t.w.t+d)
	t.w.after(t.inAt-t.w.t, func() {
		if n == t.cable && t.plugged {
			t.leftAt = left
			t.hears(b)
		}
	})
}

// underWay reports whether what the till hears left the agent before the first byte of the request
// for a sale was there.
func (t *ecrTill) underWay(s *sale) bool { return s.reached == 0 || t.leftAt < s.reached }

// line is what becomes of bytes on the way, and how long they take.
func (t *ecrTill) line(b []byte) ([]byte, time.Duration) {
	w := t.w
	b = bytes.Clone(b)
	d := time.Duration(len(b))*time.Millisecond + w.between(0, 3*time.Millisecond)
	switch {
	case len(b) == 1 && w.hit(lineDropsACK):
		b = nil
	case len(b) > 1 && w.hit(lineLoses):
		i := w.rng.IntN(len(b))
		b = append(b[:i], b[min(len(b), i+1+w.rng.IntN(len(b))):]...)
	case len(b) > 1 && w.hit(lineGarbles):
		b[w.rng.IntN(len(b))] ^= byte(1 + w.rng.IntN(255))
	}
	return b, d
}

// plugs and pulls are the cable.
func (t *ecrTill) plugs() {
	t.plugged = true
	t.cable++
	t.mayEcho()
	if t.w.agent != nil {
		t.session().connects()
	}
}

func (t *ecrTill) pulls(away time.Duration) {
	t.say("loses its cable")
	t.plugged = false
	t.cable++
	t.parser = ecrtill.Parser{}
	if t.w.agent != nil {
		t.session().disconnects()
	}
	t.w.after(away, t.plugs)
}

func (t *ecrTill) agentGone() { t.cable++ }

func (t *ecrTill) agentStarts() {
	w := t.w
	w.inside(w.between(50*time.Millisecond, time.Second), func() {
		if t.plugged {
			t.session().connects()
		}
	})
}

// reboots makes the till forget what it was doing.
func (t *ecrTill) reboots() {
	t.say("restarts")
	if t.sale != nil {
		t.decides(t.sale, payment.StatusUnknown, "")
	}
	t.sale, t.sent, t.asked, t.taken = nil, nil, nil, nil
	t.parser = ecrtill.Parser{}
	t.turn++
	if t.style == restarting {
		t.ecn = firstECN
	}
	t.rests()
}

// rushes lets the till begin anew and ask for the next sale at once.
func (t *ecrTill) rushes() {
	t.reboots()
	t.rested = t.w.t
	t.wants()
}

// rests keeps the line quiet before the next sale: a till with one number for ever must.
func (t *ecrTill) rests() {
	d := 3 * time.Second
	if t.style == constant && t.w.prof.level > 0 {
		d = 20 * time.Second // its ACK may have been lost
	}
	t.rested = max(t.rested, t.w.t+d)
}

// asker is the sale that a request of the line's session is for.
func (t *ecrTill) asker(r payment.Request) *sale {
	ecn := strings.TrimSpace(r.Line.ECN)
	for i := len(t.w.sales) - 1; i >= 0; i-- {
		if s := t.w.sales[i]; s.line == t && s.attempted(ecn) != nil &&
			s.money.Amount == r.Money.Amount {
			s.askedWith = ecn
			if s.attempted(ecn).begun == 0 { // a frame names no currency: it is the terminal's
				s.money = r.Money
			}
			return s
		}
	}
	t.w.fail("the line's session starts a sale that no till asked for: ECN %q, %d", ecn,
		r.Money.Amount)
	return nil
}

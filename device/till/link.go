package till

import (
	"bytes"
	"slices"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// answer is a response that is to be sent, or is being sent.
type answer struct {
	kind   ecr.Kind
	s      *sale // the sale that it is about, if any
	own    bool  // it is the response to that sale's request
	repeat bool  // given because the till asked again
	// the till asked again while it was going out: it is not sent once more, TO takes its place
	last bool
	// it tells the sale's outcome: each transmission is offered before, and an ACK counts
	tell      bool
	asked     *asked     // the request, where it is not the sale's
	rejection *rejection // it tells that a sale's request started nothing
	frame     []byte     // nil: it is made when its turn comes
	rev       int64      // what frame tells
	status    payment.Status

	to    Ticket // of the offer
	tries int    // transmissions that have begun
}

func (a *answer) header() ecr.Message {
	if a.asked == nil {
		return a.s.header(a.s.line.Function)
	}
	return a.s.header(string(a.asked.header.Function))
}

// phase is where the outstanding answer stands.
type phase int

const (
	offering phase = iota // the engine is asked to commit the transmission
	ready                 // it has: the bytes go out as soon as the line is free
	writing               // they are going out
	waiting               // for ACK or NAK
)

// link is one connection: what is going out on it. The zero link is none.
type link struct {
	up      bool
	closing bool
	conn    uint64        // number of the connection
	heardAt time.Duration // when bytes were received last

	busy bool   // bytes are going out
	ctl  []byte // ACKs and NAKs that wait for that
	// ACKs that wait until an entry is on record, and what the engine was asked for it; no answer
	// goes before them
	acks  int
	ackTo Ticket

	out     *answer // the one outstanding answer
	phase   phase
	until   time.Duration // waiting: the ACK timer
	dropped bool          // writing: nobody waits for its ACK any more

	answers []*answer // in order

	quietUntil   time.Duration // no other frame before that
	quietFor     []byte        // than this one
	unackedUntil time.Duration // no outcome before that: an ACK may still come for something else
	ownSince     time.Duration // ACKs and NAKs went out since then that may come back yet
	ownUntil     time.Duration // no outcome before that: an ACK may be the agent's own that returns
	againUntil   time.Duration // no frame before that: the till says again what could not be read
	holdUntil    time.Duration // nothing on this connection that it did not ask for
	passedUntil  time.Duration // no answer before that which was passed: a new question may come
}

// pump sends what can be sent now: ACK and NAK first, then one frame at a time.
func (m *Machine) pump() {
	l := &m.link
	if !l.up || l.closing || l.busy {
		return
	}
	if len(l.ctl) > 0 {
		m.do(Write{l.ctl})
		for i := range l.ctl {
			m.maySend(l.ctl[i : i+1])
		}
		l.busy, l.ctl = true, nil
		return
	}
	if l.ackTo != 0 || m.scan.Pending() || m.now.Up < l.againUntil {
		return // what the till is saying may make it wrong to say this
	}
	if l.out == nil {
		m.begin()
	}
	if l.out != nil && l.phase == ready {
		m.send()
	}
}

// control queues an ACK or a NAK.
func (m *Machine) control(b byte) {
	if len(m.link.ctl) < maxControl {
		m.link.ctl = append(m.link.ctl, b)
	}
}

// waits reports whether there is something to send when the line's silence is over.
func (m *Machine) waits() bool {
	l := &m.link
	return l.out == nil && (len(l.answers) > 0 || m.sale != nil && m.sale.due && !m.sale.running())
}

// begin picks the next answer: the outcome of the sale goes before everything else.
func (m *Machine) begin() {
	l := &m.link
	if s := m.sale; s != nil && s.due && !s.running() {
		if m.now.Up > s.dueBy+answerSlack {
			s.due = false
			m.note("the till waits no longer for its response; it stays owed", "payment", s.p.ID)
		} else if m.beginOwn(s) {
			return
		}
	}
	if len(l.answers) > 0 && !m.silent(l.answers[0]) {
		l.out = l.answers[0]
		l.answers = slices.Delete(l.answers, 0, 1)
		m.transmit()
	}
}

// beginOwn reports whether the response to the sale's request was begun or goes before all others.
func (m *Machine) beginOwn(s *sale) bool {
	l := &m.link
	if s.conn != l.conn && m.now.Up < l.holdUntil {
		return false
	}
	a := &answer{kind: ecr.KindSale, s: s, own: true, tell: true}
	if !m.silent(a) {
		l.out = a
		m.transmit()
	}
	return true
}

// silent reports whether the line must still be left alone before a.
func (m *Machine) silent(a *answer) bool {
	l := &m.link
	if a.tell && !m.clean && m.now.Up < l.ownUntil {
		return true
	}
	if a.passed() && m.now.Up < l.passedUntil {
		return true
	}
	if a.frame != nil && bytes.Equal(a.frame, l.quietFor) {
		return false // an ACK that comes late is one for the same thing
	}
	return m.now.Up < l.quietUntil || a.tell && m.now.Up < l.unackedUntil
}

// transmit starts one transmission of the outstanding answer: what tells an outcome is committed
// first.
func (m *Machine) transmit() {
	a := m.link.out
	if a.frame == nil {
		m.make(a)
	}
	if a.own && a.s.running() { // the engine has taken back a word that it could not commit
		a.s.due = true
		m.over(false)
		return
	}
	if !a.tell {
		m.link.phase = ready
		return
	}
	m.link.phase = offering
	a.to = m.ticket()
	m.do(AskOffer{To: a.to, ID: a.s.p.ID, Revision: a.rev, Frame: a.frame})
}

// make gives an answer about a sale its bytes, from what is true now.
func (m *Machine) make(a *answer) {
	if a.repeat && m.wouldApprove(a.s) {
		*a = *m.uncertain(a.s)
		return
	}
	if a.kind == ecr.KindLast && m.makeLast(a) {
		return
	}
	outcome := ecr.OutcomeOf(a.s.p)
	a.rev, a.status, a.tell = a.s.p.Revision, a.s.p.Status, outcome != ecr.LastRunning
	a.frame = m.dialect.Respond(a.header(), outcome, m.data(a.s))
}

// send lets the bytes go.
func (m *Machine) send() {
	l, a := &m.link, m.link.out
	a.tries++
	l.phase, l.busy, l.dropped = writing, true, false
	if a.tries == 1 {
		m.count(CounterSent)
	} else {
		m.count(CounterRetransmit)
	}
	if a.s != nil && !a.s.running() && !a.s.told {
		a.s.told, a.s.toldUp = true, m.now.Up
	}
	if s := a.s; s != nil && a.own {
		s.sent++
		s.due = false
		if a.tell {
			s.frame, s.frameRev, s.frameStatus = a.frame, a.rev, a.status
		}
	}
	m.do(Write{a.frame})
	m.maySend(a.frame)
}

// drained: from now on an ACK counts.
func (m *Machine) drained() {
	l := &m.link
	l.busy = false
	m.gone()
	if l.out == nil || l.phase != writing {
		return
	}
	l.phase, l.until = waiting, m.now.Up+m.timers.ACK
	if l.dropped {
		m.count(CounterAbandoned)
		m.over(false)
	}
}

// ack takes an ACK. One that may be the agent's own acknowledges no outcome, which goes out again;
// another answer may have its ACK yet when it is over.
func (m *Machine) ack(own bool) {
	l := &m.link
	if l.out == nil || l.phase != waiting || own && (l.out.tell || m.trouble == TroubleEcho) {
		m.strayed(own)
		return
	}
	a := l.out
	m.count(CounterAcked)
	if own {
		if m.hears(a) {
			m.mayBeHeard = a.rejection
		}
		m.over(false)
		return
	}
	m.unechoed(a.frame)
	if m.hears(a) {
		m.rejection = nil
	}
	m.over(true)
	if a.own {
		m.pass()
	}
	if a.tell {
		a.s.acked = true
		m.note("the till has the outcome", "payment", a.s.p.ID, "status", a.status,
			"transmissions", a.tries)
		m.book(a.s.p.ID, a.rev)
	}
}

func (m *Machine) nak(own bool) {
	l := &m.link
	if l.out == nil || l.phase != waiting || own {
		m.strayed(own)
		return
	}
	m.count(CounterNaked)
	m.unanswered()
}

// unanswered: no ACK in time, or a NAK. The same bytes go out again, if they are still true and
// still may.
func (m *Machine) unanswered() {
	l, a := &m.link, m.link.out
	again := a.tries < m.timers.Transmissions && !a.last
	if a.tell && a.status != a.s.p.Status {
		again = false // what it says is no longer true
	}
	if a.kind == ecr.KindStatus && m.sale != nil && m.sale.due && !m.sale.running() {
		again = false // the sale's response waits
	}
	if again {
		l.phase = offering
		m.transmit()
		return
	}
	m.count(CounterUnacked)
	if a.tell {
		m.warn("an outcome was not acknowledged; it stays owed", "payment", a.s.p.ID,
			"status", a.status, "transmissions", a.tries)
	}
	m.over(false)
	if a.last {
		m.queue(m.uncertain(a.s))
	}
}

// pass marks the questions whose answers still wait when the till has acknowledged a sale's
// response, which goes before them: a till that takes whatever comes for the answer to what it
// asked last has its answer, and will not know what this one is to. It has a moment to ask
// something else. What becomes of a request to cancel is told all the same.
func (m *Machine) pass() {
	l := &m.link
	for _, q := range []*asked{m.status, m.sold} {
		if q != nil {
			q.passed = true
		}
	}
	for _, a := range l.answers {
		if a.asked != nil && a.kind != ecr.KindCancel {
			a.asked.passed = true
		}
	}
	l.passedUntil = m.now.Up + m.timers.Gap
}

// passed reports whether it is the answer to such a question.
func (a *answer) passed() bool { return a.asked != nil && a.asked.passed }

// dropPassed forgets them when it does: each answer would be taken for that of the next question,
// and READY for a payment in the end.
func (m *Machine) dropPassed() {
	for _, q := range []**asked{&m.status, &m.sold} {
		if *q != nil && (*q).passed {
			*q = nil
		}
	}
	m.drop((*answer).passed)
}

// over ends the outstanding answer.
func (m *Machine) over(acked bool) {
	l, a := &m.link, m.link.out
	l.out = nil
	switch {
	case a.tries > 1:
		l.quietUntil, l.quietFor = m.now.Up+m.timers.Quiet, a.frame
		l.unackedUntil = l.quietUntil
	case a.tries == 1 && !acked:
		l.unackedUntil, l.quietFor = m.now.Up+m.timers.Quiet, a.frame
	}
}

// queue puts an answer behind the others. A till that asks the same thing again wants one answer.
func (m *Machine) queue(a *answer) {
	m.dropKind(a.kind)
	m.link.answers = append(m.link.answers, a)
}

// reply queues a response that tells no sale's outcome.
func (m *Machine) reply(req ecr.Message, kind ecr.Kind, o ecr.Outcome, echo []ecr.Field) {
	m.answer(&asked{header: req, echo: echo}, kind, o)
}

// answer is reply to a request that has waited.
func (m *Machine) answer(q *asked, kind ecr.Kind, o ecr.Outcome) {
	if !m.link.up {
		return
	}
	m.queue(&answer{kind: kind, asked: q,
		frame: m.dialect.Respond(q.header, o, m.plain(payment.Money{}, q.echo))})
}

// dropKind forgets answers of that kind; the sale's own response is not one of a kind.
func (m *Machine) dropKind(k ecr.Kind) {
	m.drop(func(a *answer) bool { return a.kind == k && !a.own })
}

// dropAll forgets every answer but the response to this sale's request.
func (m *Machine) dropAll(s *sale) {
	m.drop(func(a *answer) bool { return !a.own || a.s != s })
}

func (m *Machine) drop(which func(*answer) bool) {
	l := &m.link
	l.answers = slices.DeleteFunc(l.answers, which)
	if l.out == nil || !which(l.out) {
		return
	}
	switch l.phase {
	case writing:
		l.dropped = true // its bytes cannot be called back
	default:
		m.count(CounterAbandoned)
		m.over(false)
	}
}

// telling reports whether the response to this sale's request is being given.
func (m *Machine) telling(s *sale) bool {
	is := func(a *answer) bool { return a != nil && a.own && a.s == s }
	return is(m.link.out) || slices.ContainsFunc(m.link.answers, is)
}

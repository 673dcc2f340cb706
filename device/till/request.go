package till

import (
	"errors"
	"slices"

	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// received takes bytes from the till.
func (m *Machine) received(b []byte) {
	if !m.link.up || m.link.closing || len(b) == 0 {
		return
	}
	if !m.known {
		room := 2*m.dialect.MaxFrame() - len(m.held)
		m.held = append(m.held, b[:min(len(b), max(0, room))]...)
		m.link.heardAt = m.now.Up
		return
	}
	m.scanAll(b)
}

func (m *Machine) scanAll(b []byte) {
	if len(b) == 0 {
		return
	}
	l := &m.link
	if m.scan.Pending() && m.now.Up >= l.heardAt+m.timers.Gap {
		m.found(m.scan.Gap())
	}
	l.heardAt = m.now.Up
	for len(b) > 0 && !l.closing {
		var ev ecr.Event
		ev, b = m.scan.Next(b)
		m.found(ev)
	}
}

// found takes what the scanner found.
func (m *Machine) found(ev ecr.Event) {
	switch ev.Kind {
	case ecr.Ack:
		m.ack(m.mayBeOwn(m.dialect.ACK()))
	case ecr.Nak:
		m.nak(m.mayBeOwn(m.dialect.NAK()))
	case ecr.Answer:
		m.answerCame(ev.Raw)
	case ecr.Noise:
		m.rubbish = m.now.Up
		if m.scan.Pending() { // more than what a line makes by itself
			m.soiled()
		}
		m.count(CounterNoise)
	case ecr.Bad:
		m.rubbish = m.now.Up
		if ev.Reason == ecr.Cut {
			m.count(CounterCut)
			break
		}
		m.soiled()
		m.count(CounterBad)
		if m.trouble != TroubleEcho { // else it may be what went out, and a NAK comes back, too
			m.control(m.dialect.NAK())
			m.awaitAgain()
		}
	case ecr.Frame:
		if m.echoed(ev.Raw) {
			break
		}
		m.count(CounterRequest)
		m.request(ev.Request, ev.Err)
		m.acknowledge()
	}
	if m.cfg.Network && m.scan.NoiseBeforeSTX() >= 3 && !m.link.closing {
		m.link.closing = true
		m.count(CounterHostile)
		m.warn("a connection began with bytes that no till sends; it is closed")
		m.do(Close{})
	}
}

// awaitAgain leaves the line to a till of which something came that could not be read: it says that
// again, and may not want any more what would go out now. Rubbish that comes on and on does not
// prolong it.
func (m *Machine) awaitAgain() {
	if l := &m.link; m.now.Up >= l.againUntil {
		l.againUntil = l.heardAt + m.timers.ACK + m.timers.Gap
	}
}

// acknowledge gives a good frame its ACK: at once, or when it is on record that the till has asked
// for another sale. A till that heard the ACK before would wait for a response, and a crash before
// that entry would let it hear the response to an older sale.
func (m *Machine) acknowledge() {
	if m.link.ackTo != 0 {
		m.link.acks++
		return
	}
	m.control(m.dialect.ACK())
}

// request judges a good frame.
func (m *Machine) request(r *ecr.Request, err error) {
	kind := r.Kind()
	m.dropPassed()
	if err != nil {
		if kind == ecr.KindSale || kind == ecr.KindVoid {
			m.asking = nil
			m.supersede()
			m.refuse(header(r), ecr.KindUnknown, ecr.BadFrame, nil)
			return
		}
		m.reply(header(r), ecr.KindUnknown, ecr.BadFrame, nil)
		return
	}
	switch kind {
	case ecr.KindSale:
		m.saleAsked(r)
	case ecr.KindVoid:
		m.asking = nil
		m.supersede()
		m.refuse(header(r), kind, ecr.VoidRefused, r.Echo())
	case ecr.KindCancel:
		m.cancelAsked(r)
	case ecr.KindStatus:
		m.statusAsked(r)
	case ecr.KindLast:
		m.lastAsked(r)
	case ecr.KindLogon:
		m.reply(header(r), kind, ecr.LogonDone, r.Echo())
	case ecr.KindSettlement:
		m.settlementAsked(r)
	default:
		m.reply(header(r), kind, ecr.BadFunction, r.Echo())
	}
}

// header is what the response to r starts with.
func header(r *ecr.Request) ecr.Message {
	h := ecr.Message{ECN: r.ECN, Function: r.Function}
	return h.Clone()
}

// current is the sale that the till may be asking about: the one being started, or the newest.
func (m *Machine) current() *sale {
	if m.starting != nil {
		return m.starting
	}
	return m.sale
}

// supersede notes that the till has asked for another sale: whatever it was to be told about an
// earlier one would now be taken for the answer to this.
func (m *Machine) supersede() {
	if s := m.current(); s != nil {
		if (s.due || s.told && s.frame == nil) && !s.p.Superseded {
			// TO that could not be committed: the journal calls it due
			m.askSupersede(s)
			m.link.ackTo = s.supersedeTo
		}
		s.due, s.superseded = false, true
	}
	m.cancel, m.status, m.sold = nil, nil, nil
	m.dropAll(nil)
}

// askSupersede lets the journal say that the response to s is not given unasked any more. While the
// engine has not answered the start its reference is all that is known of it.
func (m *Machine) askSupersede(s *sale) {
	key := payment.Key{ID: s.p.ID}
	if !s.started() {
		key = payment.Key{Reference: s.ref}
	}
	s.supersedeTo, s.supersedeAt = m.ticket(), 0
	m.do(AskSupersede{To: s.supersedeTo, Key: key})
}

// supersessionBooked takes the engine's answer. The till gets its ACK, also where the journal takes
// no entry: that is tried again. Not where the agent is stopping: the till sends its request once
// more, to the next process.
func (m *Machine) supersessionBooked(ev Superseded) {
	code, _ := refusedBy(ev.Err)
	for _, s := range []*sale{m.sale, m.starting} {
		if s != nil && s.supersedeTo == ev.To && code == payment.CodeJournalUnavailable {
			s.supersedeAt = m.now.Up + retryAfter
			m.warn("it is not on record yet that another sale was asked for: after a restart "+
				"this one's response may be given", "payment", s.p.ID, "error", ev.Err)
		}
	}
	l := &m.link
	if l.ackTo != ev.To || ev.To == 0 || ev.Err != nil && code == payment.CodeInternal {
		return
	}
	l.ackTo = 0
	for ; l.acks > 0; l.acks-- {
		m.control(m.dialect.ACK())
	}
}

// saleAsked decides whether a request is a repeat, a conflict or a new sale.
func (m *Machine) saleAsked(r *ecr.Request) {
	o := m.orderOf(r)
	l := o.line
	if m.retransmitted(l) {
		return
	}
	m.askedFor(l)
	s, meant := m.current(), m.byReceipt(o)
	switch {
	case m.blind():
		m.refuse(header(r), ecr.KindSale, ecr.JournalBefore, r.Echo())
	case s != nil && s.running():
		m.askedWhileRunning(s, o, r)
	case s != nil && s.line.ECN == l.ECN && (m.inWindow(s, m.now) || m.timers.ECNUnique):
		m.askedAgain(s, l, r)
	case meant != nil:
		m.askedByReceipt(meant, o, r)
	default:
		m.supersede()
		m.start(l, r)
	}
}

// askedWhileRunning: the same request is being worked on; any other one must wait. A sale of an
// earlier boot answers no request of this one: nobody can tell whether the till means that sale.
func (m *Machine) askedWhileRunning(s *sale, o saleRequest, r *ecr.Request) {
	l := o.line
	thisBoot := !s.started() || s.p.Boot == m.now.Boot
	if thisBoot && s.same(l) && s.told && m.mayBeNew(s) {
		// the engine has taken back a word that the till may have heard
		m.dropAll(nil)
		s.due = false
		m.queue(m.uncertain(s))
		return
	}
	if thisBoot && s.same(l) {
		m.rejection = nil
		m.dropAll(s)
		s.due, s.superseded, s.conn = true, false, m.link.conn
		m.note("the same request again: the sale is running", "payment", s.p.ID)
		return
	}
	if thisBoot && s.sameSale(o) {
		m.takesOver(s, o, r)
		return
	}
	outcome := ecr.Busy
	if thisBoot && s.line.ECN == l.ECN {
		outcome = ecr.ECNConflict
	}
	m.turnedDown(l.Receipt)
	m.supersede()
	m.refuse(header(r), ecr.KindSale, outcome, r.Echo())
}

// askedAgain: the sale is over and its window is not.
func (m *Machine) askedAgain(s *sale, l payment.Line, r *ecr.Request) {
	switch {
	case !s.same(l):
		m.turnedDown(l.Receipt)
		m.supersede()
		m.refuse(header(r), ecr.KindSale, ecr.ECNConflict, r.Echo())
	case !m.inWindow(s, m.now):
		m.supersede()
		m.refuse(header(r), ecr.KindSale, ecr.ECNReused, r.Echo())
	default:
		m.toldOf(s)
		m.repeat(s)
	}
}

// repeat gives the response again to a till that asks again.
func (m *Machine) repeat(s *sale) {
	s.conn, m.rejection = m.link.conn, nil
	m.dropAll(s)
	o := m.link.out
	outstanding := o != nil && o.own && o.s == s && !m.link.dropped
	switch {
	case m.wouldApprove(s) && outstanding && m.link.phase == writing:
		o.last = true // its bytes are on their way
		return
	case m.wouldApprove(s):
		s.due = false
		m.dropAll(nil)
	case s.due, !outstanding && m.telling(s):
		return // it has not been given yet, and will be
	case outstanding && m.link.phase != waiting:
		return
	case outstanding:
		m.over(false)
	}
	m.queue(m.stored(s))
}

// stored is the answer to a repeat: the bytes that were sent; the truth where that has changed
// since; TO where a repeat cannot be told from a new sale.
func (m *Machine) stored(s *sale) *answer {
	if m.wouldApprove(s) {
		return m.uncertain(s)
	}
	m.count(CounterRepeat)
	a := &answer{kind: ecr.KindSale, s: s, own: true, repeat: true, tell: true}
	if s.frame != nil && s.frameStatus == s.p.Status {
		a.frame, a.rev, a.status = s.frame, s.frameRev, s.frameStatus
	}
	return a
}

// start asks the engine for a payment.
func (m *Machine) start(l payment.Line, r *ecr.Request) {
	req, refusal := m.order(l, r)
	if refusal != "" {
		m.refuse(header(r), ecr.KindSale, refusal, r.Echo())
		return
	}
	m.starting = &sale{ref: req.Reference, line: *req.Line, echo: r.Echo(), due: true,
		conn: m.link.conn, amount: req.Money.Amount, askedUp: m.now.Up,
		usedAgain: slices.Contains(m.refusedReceipts, l.Receipt)}
	m.startReq, m.startTo, m.refused, m.rejection = header(r), m.ticket(), "", nil
	m.do(AskStart{To: m.startTo, Request: req})
}

// saleRequest is what the engine is asked for, or why it is not.
func (m *Machine) order(l payment.Line, r *ecr.Request) (req payment.Request, refusal ecr.Outcome) {
	amount, errAmount := r.Amount()
	schemes, errSchemes := r.Schemes()
	ref, errRef := r.Reference()
	_, errReceipt := r.Receipt()
	if errors.Join(errAmount, errSchemes, errRef, errReceipt) != nil {
		return req, ecr.BadField
	}
	schemes, ok := offered(schemes, m.cfg.Schemes)
	if !ok {
		return req, ecr.BadFunction
	}
	l.ECNIsNew = m.sale != nil && m.sale.line.ECN != l.ECN
	return payment.Request{
		Reference: m.reference(l.ECN, m.now),
		Money:     payment.Money{Amount: amount, Currency: m.cfg.Currency}, Schemes: schemes,
		Description: ref, Line: &l,
		Timeout: m.timers.CustomersTime(m.cfg.AnswerWithin),
	}, ""
}

// offered are the schemes that a function names and the terminal has; ok is false if it has none of
// them.
func offered(named, have []string) (schemes []string, ok bool) {
	if len(named) == 0 || len(have) == 0 {
		return slices.Clone(named), true
	}
	for _, s := range named {
		if slices.Contains(have, s) {
			schemes = append(schemes, s)
		}
	}
	return schemes, len(schemes) > 0
}

// refusedBy is the code of the engine's refusal, and the payment that it names.
func refusedBy(err error) (payment.Code, *payment.Payment) {
	if e, ok := errors.AsType[*payment.Error](err); ok {
		return e.Code, e.Payment
	}
	return payment.CodeInternal, nil
}

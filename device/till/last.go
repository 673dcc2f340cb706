package till

import (
	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// rejection is what the newest sale request was told where it started nothing. Until the till has
// heard it, it is the last result: a till that takes any last result for its newest sale's would
// otherwise be told of the sale before.
type rejection struct {
	asked
	outcome ecr.Outcome
	money   payment.Money
	ref     string // of a start that failed
}

// refuse answers a sale's request that starts nothing.
func (m *Machine) refuse(req ecr.Message, kind ecr.Kind, o ecr.Outcome, echo []ecr.Field) {
	m.rejection = &rejection{asked: asked{header: req, echo: echo}, outcome: o}
	if !m.link.up {
		return
	}
	a := &answer{kind: kind, frame: m.dialect.Respond(req, o, m.plain(payment.Money{}, echo)),
		rejection: m.rejection}
	m.toldNothingStarted(a)
	m.queue(a)
}

// uncertain is the answer to a repeat that may be a new sale. It promises nothing, and its ACK
// acknowledges nothing: until another sale is asked for, the last result says the same.
func (m *Machine) uncertain(s *sale) *answer {
	return m.doubt(s, s.header(s.line.Function), s.echo)
}

// doubt is the same to a request that is not known as the sale's.
func (m *Machine) doubt(s *sale, header ecr.Message, echo []ecr.Field) *answer {
	m.count(CounterUncertain)
	m.warn("a repeat that may be a new sale is answered with TO", "payment", s.p.ID)
	m.rejection = &rejection{asked: asked{header: header, echo: echo}, outcome: ecr.RepeatUncertain,
		money: s.p.Money}
	a := &answer{kind: ecr.KindSale, s: s,
		frame: m.dialect.Respond(header, ecr.RepeatUncertain, m.plain(s.p.Money, echo))}
	m.toldNothingStarted(a)
	return a
}

// hears reports whether the till's ACK of an answer says that it has heard the newest refusal. One
// that may be for an earlier frame does not. After a doubt a till asks for the last result, and
// means the sale that it was told nothing certain of: that stays a doubt until it asks for another
// one.
func (m *Machine) hears(a *answer) bool {
	r := a.rejection
	return r != nil && r == m.rejection && !doubtful(r.outcome) && m.now.Up >= m.link.unackedUntil
}

// lastAsked answers with the newest sale; what became of it is looked at when the answer goes out.
func (m *Machine) lastAsked(r *ecr.Request) {
	if m.blind() {
		m.reply(header(r), ecr.KindLast, ecr.JournalBefore, r.Echo())
		return
	}
	q := &asked{header: header(r), echo: r.Echo()}
	m.queue(&answer{kind: ecr.KindLast, asked: q, tell: true})
}

// makeLast gives the last result its bytes. It reports false where a is about a sale that was
// started.
func (m *Machine) makeLast(a *answer) bool {
	r, s := m.rejection, m.current()
	a.s = s
	switch {
	case r != nil:
		req := ecr.Message{ECN: r.header.ECN, Function: a.asked.header.Function}
		o, data := m.notRunning(r.outcome), m.plain(r.money, r.echo)
		if o != r.outcome {
			_, data.Text = m.dialect.Answer(r.outcome)
		}
		a.s, a.tell, a.rejection, a.frame = nil, false, r, m.dialect.Respond(req, o, data)
	case s == nil:
		a.tell, a.frame = false, m.dialect.Respond(a.asked.header, ecr.LastNone,
			m.plain(payment.Money{}, a.asked.echo))
	default:
		return false
	}
	return true
}

// doubtful reports whether a till that is told so may ask what became of its request.
func doubtful(o ecr.Outcome) bool { return o == ecr.RepeatUncertain || o == ecr.Internal }

// notRunning is the outcome whose code tells a refusal in a last result: a till that reads the code
// of a running sale there asks on, and would hear of the sale before.
func (m *Machine) notRunning(o ecr.Outcome) ecr.Outcome {
	if doubtful(o) { // which stays one
		return o
	}
	running, _ := m.dialect.Answer(ecr.LastRunning)
	for _, x := range []ecr.Outcome{o, ecr.NotReady, ecr.LastNone} {
		if code, _ := m.dialect.Answer(x); code != running {
			return x
		}
	}
	return o
}

package till

import (
	"fmt"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

const (
	// answerSlack is how late after deadline + answer_within the engine's word may come and still
	// be the response.
	answerSlack = 5 * time.Second
	// retryAfter is how soon a read or an entry that the journal refused is tried again.
	retryAfter = time.Second
	// maxControl bounds the ACKs and NAKs that wait for a frame to drain; the till repeats what got
	// none.
	maxControl = 64
	// swapWithin is how long a line over a network may be without a connection and is the line that
	// it was: in a longer time its converter may have been changed, or set up anew.
	swapWithin = 10 * time.Second
)

// Machine is the session of one till, whatever connections it has. It is for one goroutine.
type Machine struct {
	cfg     Config
	dialect *ecr.Dialect
	timers  ecr.Timers
	scan    *ecr.Scanner // of what the till sends
	own     *ecr.Scanner // of what was sent to it, after a restart

	now     Now
	effects []Effect
	tickets Ticket

	// What is known of the sales on this line.
	// the engine has been asked on this connection what the newest sale is, and answered or could
	// not
	known    bool
	read     bool // it has answered at least once: nothing but this machine can start another sale
	lastTo   Ticket
	lastAt   time.Duration // when to ask again, if it could not; 0 = need not
	sale     *sale         // the newest that was started
	starting *sale         // the one that the engine is asked to start
	recent   []*sale       // earlier ones that a receipt number may mean, oldest first
	startReq ecr.Message
	startTo  Ticket
	// reference of a start that failed, though the journal may hold it all the same
	refused string
	// what the newest sale request was told, if it started nothing and the till has not
	// acknowledged that
	rejection *rejection
	// receipt numbers of sale requests that started nothing, newest first
	refusedReceipts []string
	// it has, if the line turns out to return nothing
	mayBeHeard *rejection
	asking     *asking // the newest request for a sale
	held       []byte  // received before anything was known

	// The cancel that a till waits for, and who asked for the status and for what was sold.
	cancel   *asked
	cancelTo Ticket
	status   *asked
	statusTo Ticket
	sold     *asked
	soldTo   Ticket

	// An acknowledgement that could not be committed.
	debt   *AskAcknowledge
	debtTo Ticket
	debtAt time.Duration

	// What went out a moment ago, oldest first, and what is wrong with the line.
	echoes    []sentBytes
	trouble   Trouble
	troubleAt time.Duration
	// it is proved that nothing comes back; when ACK or NAK came last, and what no till sends
	clean              bool
	controlAt, rubbish time.Duration
	downUp             time.Duration // when the last connection ended
	awake              time.Duration // since then it has been stepped without a pause
	// until then an ACK may be one of the agent's own that have no place in echoes
	crowded time.Duration

	link link
}

// asked is a request that is answered later.
type asked struct {
	header ecr.Message
	echo   []ecr.Field
	// the till has acknowledged a sale's response since, and may have taken that for the answer
	passed bool
}

// NewMachine makes a machine that knows nothing: its first event is Connected.
func NewMachine(cfg Config, d *ecr.Dialect) (*Machine, error) {
	cfg = cfg.withDefaults(d)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Machine{
		cfg: cfg, dialect: d, timers: cfg.Timers, scan: d.NewRequestScanner(),
		own: d.NewResponseScanner(),
	}, nil
}

// Step takes one event and says what to do, in order. The slice is valid until the next Step. Time
// never goes back within a boot; where it seems to, it stands still.
func (m *Machine) Step(now Now, ev Event) []Effect {
	if now.Boot == m.now.Boot {
		now.Up = max(now.Up, m.now.Up)
	}
	before := m.now.Up
	m.now, m.effects = now, m.effects[:0]
	m.slept(before)
	m.prove()
	switch ev := ev.(type) {
	case Connected:
		m.connected()
	case Disconnected:
		m.disconnected()
	case Received:
		m.received(ev.Bytes)
	case Drained:
		m.drained()
	case Changed:
		m.changed(ev.Payment)
	case Started:
		m.started(ev)
	case Cancelled:
		m.cancelled(ev)
	case LastRead:
		m.lastRead(ev)
	case Offered:
		m.offered(ev)
	case Acknowledged:
		m.acknowledged(ev)
	case Superseded:
		m.supersessionBooked(ev)
	case StatusRead:
		m.statusRead(ev)
	case SoldRead:
		m.soldRead(ev)
	case Ticked:
	default:
		panic(fmt.Sprintf("till: no case for the event %T", ev))
	}
	m.tick()
	m.pump()
	return m.effects
}

// NextWake is the boot clock at which the machine wants a Ticked; ok is false when only events
// matter.
func (m *Machine) NextWake() (at time.Duration, ok bool) {
	wake := func(when bool, t time.Duration) {
		if when && t > m.now.Up && (!ok || t < at) {
			at, ok = t, true
		}
	}
	l := &m.link
	wake(m.lastAt > 0, m.lastAt)
	wake(m.debt != nil && m.debtTo == 0, m.debtAt)
	for _, s := range []*sale{m.sale, m.starting} {
		if s != nil {
			wake(s.supersedeAt > 0, s.supersedeAt)
		}
	}
	if !l.up {
		return at, ok
	}
	wake(m.scan.Pending(), l.heardAt+m.timers.Gap)
	wake(l.out != nil && l.phase == waiting, l.until)
	wake(l.out != nil && l.phase == ready || m.waits(), l.againUntil)
	for _, s := range m.echoes {
		wake(!m.clean && s.until > 0, m.listened(s))
	}
	if m.waits() {
		wake(true, l.quietUntil)
		wake(true, l.unackedUntil)
		wake(!m.clean, l.ownUntil)
		wake(true, l.holdUntil)
		wake(true, l.passedUntil)
	}
	return at, ok
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

func (m *Machine) count(c Counter) { m.do(Count{c}) }

func (m *Machine) note(text string, args ...any) { m.do(Note{Text: text, Args: args}) }

func (m *Machine) warn(text string, args ...any) { m.do(Note{Warn: true, Text: text, Args: args}) }

func (m *Machine) ticket() Ticket {
	m.tickets++
	return m.tickets
}

// tick does what the time asks for.
func (m *Machine) tick() {
	up := m.now.Up
	if m.lastAt > 0 && up >= m.lastAt {
		m.askLast()
	}
	if m.debt != nil && m.debtTo == 0 && up >= m.debtAt {
		m.debtTo = m.ticket()
		m.do(AskAcknowledge{To: m.debtTo, ID: m.debt.ID, Revision: m.debt.Revision})
	}
	for _, s := range []*sale{m.sale, m.starting} {
		if s != nil && s.supersedeAt > 0 && up >= s.supersedeAt {
			m.askSupersede(s)
		}
	}
	l := &m.link
	if !l.up || l.closing {
		return
	}
	if m.scan.Pending() && up >= l.heardAt+m.timers.Gap {
		m.found(m.scan.Gap())
	}
	if l.out != nil && l.phase == waiting && up >= l.until {
		m.unanswered()
	}
}

func (m *Machine) connected() {
	c := m.link.conn + 1
	m.link = link{up: true, conn: c, holdUntil: m.now.Up + m.timers.ACK + m.timers.Gap}
	m.scan.Reset()
	m.held = nil
	m.echoes, m.trouble, m.crowded, m.mayBeHeard = nil, "", 0, nil
	// another cable may be in; a network's line is the same one, where nobody had the time
	m.clean = m.clean && m.cfg.Network && m.now.Up < m.downUp+swapWithin
	m.known = false
	m.askLast()
}

// disconnected forgets everything that only the connection's other end waited for. What the till is
// owed is not on the line.
func (m *Machine) disconnected() {
	if !m.link.up {
		return
	}
	m.link = link{conn: m.link.conn}
	m.downUp = m.now.Up
	m.cancel, m.status, m.sold, m.held = nil, nil, nil, nil
	m.lastTo, m.lastAt = 0, 0
	m.count(CounterDisconnected)
}

func (m *Machine) askLast() {
	m.lastTo, m.lastAt = m.ticket(), 0
	m.do(AskLast{To: m.lastTo, Before: !m.read})
}

// lastRead learns which sale is the newest on this line.
func (m *Machine) lastRead(ev LastRead) {
	if ev.To != m.lastTo || ev.To == 0 {
		return
	}
	m.lastTo = 0
	switch {
	case ev.Err == nil:
		m.adopt(ev.Payment)
		if !m.read {
			m.recall(ev.Before)
		}
		m.read = true
	case payment.CodeOf(ev.Err) == payment.CodeNotFound:
		m.read = true
	default:
		m.lastAt = m.now.Up + retryAfter
		m.warn("the newest sale cannot be read", "error", ev.Err)
	}
	m.known = true
	held := m.held
	m.held = nil
	m.scanAll(held)
}

// blind reports whether nobody knows what the newest sale is, and nobody can say.
func (m *Machine) blind() bool { return m.known && !m.read }

// adopt takes a payment that the journal holds as this till's newest.
func (m *Machine) adopt(p payment.Payment) {
	switch {
	case m.sale != nil && m.sale.p.ID == p.ID:
		m.update(p)
	case m.starting != nil && m.starting.ref == p.Reference:
		m.promote(p)
	case p.Line == nil:
		m.note("the till's newest payment was not started on a line", "payment", p.ID)
	default:
		m.succeed(m.saleOf(p, m.now))
		if m.rejection != nil && m.rejection.ref == p.Reference { // it was started after all
			m.rejection = nil
		}
		m.startedAfterAll()
		m.note("the newest sale on the line was read", "payment", p.ID, "status", p.Status,
			"transmissions", m.sale.sent)
	}
}

// promote makes the sale that was being started the newest one.
func (m *Machine) promote(p payment.Payment) {
	s := m.starting
	m.starting, m.startTo = nil, 0
	s.take(p, m.now)
	m.succeed(s)
	m.note("sale started", "payment", p.ID, "function", s.line.Function)
	m.cancelNow()
	m.settled()
}

// started is the engine's answer to a start.
func (m *Machine) started(ev Started) {
	if ev.To != m.startTo || ev.To == 0 {
		return
	}
	s := m.starting
	switch {
	case ev.Err != nil:
		m.starting, m.startTo = nil, 0
		m.notStarted(s, ev.Err)
	case m.timers.ECNUnique && ev.Payment.Final:
		m.starting, m.startTo = nil, 0
		m.usedBefore(s, ev.Payment)
	default:
		m.promote(ev.Payment)
	}
}

// notStarted tells the till why. The newest sale is still the one before.
func (m *Machine) notStarted(s *sale, err error) {
	m.refused = s.ref
	m.turnedDown(s.line.Receipt)
	code, about := refusedBy(err)
	outcome := ecr.RefusalOf(err)
	m.note("sale refused", "function", s.line.Function, "outcome", outcome)
	switch {
	case m.timers.ECNUnique && about != nil && code == payment.CodeReferenceReused:
		m.usedBefore(s, *about)
	case s.due:
		m.refuse(m.startReq, ecr.KindSale, outcome, s.echo)
		m.rejection.ref = s.ref
	}
	switch {
	case m.cancel == nil:
	case outcome == ecr.Internal:
		m.answerCancel(ecr.CancelRefused)
	default:
		m.answerCancel(ecr.CancelDone)
	}
}

// usedBefore answers a till that never uses an ECN twice, and did: from the store for a while, then
// not at all.
func (m *Machine) usedBefore(s *sale, p payment.Payment) {
	if !s.due { // the till has asked for another sale since
		return
	}
	outcome := ecr.ECNReused
	if p.Line != nil {
		old := m.saleOf(p, m.now)
		switch {
		case !old.same(s.line):
			outcome = ecr.ECNConflict
		case m.inWindow(old, m.now):
			m.queue(m.stored(old))
			return
		}
	}
	m.refuse(m.startReq, ecr.KindSale, outcome, s.echo)
}

// changed hears of any payment; only the newest sale of this till matters.
func (m *Machine) changed(p payment.Payment) {
	switch {
	case p.Till != m.cfg.Till:
	case m.sale != nil && m.sale.p.ID == p.ID:
		m.update(p)
	case m.refused != "" && p.Reference == m.refused && !p.Final && p.EndedBy == "":
		// The commit failed late: the till was told that there is no sale, so there must be none.
		m.warn("a sale that was refused is in the journal: it is cancelled", "payment", p.ID)
		m.refused = ""
		m.do(AskCancel{To: m.ticket(), Key: payment.Key{ID: p.ID}})
	}
}

// update takes over what has become of the newest sale.
func (m *Machine) update(p payment.Payment) {
	was := m.sale.p
	m.sale.take(p, m.now)
	if !was.Final && p.Final {
		m.note("sale ended", "payment", p.ID, "status", p.Status)
	}
	m.settled()
}

// settled answers a cancel that waited for the end.
func (m *Machine) settled() {
	s := m.sale
	if s.running() {
		return
	}
	s.cancelling = false
	if m.cancel != nil {
		m.answerCancel(strictly(s))
	}
}

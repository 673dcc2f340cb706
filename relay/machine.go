package relay

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"kiosk-agent/internal/bootclock"
)

// Errors that the machine itself reports through Disconnected and CanaryFailed.
var (
	ErrDeaf = errors.New(
		"connected but deaf: two canaries in a row were accepted and did not come back")
	ErrNoWelcome    = errors.New("the relay did not say welcome in time")
	ErrUnexpected   = errors.New("the relay sent a message out of turn")
	ErrOverrun      = errors.New("the relay sent more deliveries than its window allows")
	ErrCanaryLost   = errors.New("the canary did not come back in time")
	ErrNotConnected = errors.New("not connected to the relay")
	ErrSuperseding  = errors.New("reconnecting to tell the relay of a recovered journal")
	ErrResuming     = errors.New("reconnecting to read again what had no room before")
)

const (
	maxQueue       = 256 // deliveries waiting for the handler; the relay's window is smaller
	maxOutstanding = 16  // canaries under way
	deafAfter      = 2   // canaries in a row that were accepted and never came back
)

// Now is the time that an event happened at.
type Now = bootclock.Now

// Ports are the machine's sources of randomness.
type Ports struct {
	Nonce  func() string  // a fresh canary nonce, ValidNonce
	Jitter func() float64 // in [0, 1)
}

// Timing holds the machine's durations; see Config for their defaults.
type Timing struct {
	CanaryEvery, CanaryTimeout, WelcomeTimeout, BackoffMin, BackoffMax, ReplacedWait time.Duration
}

type phase int

const (
	waiting  phase = iota // for retryAt, and for the handler to finish what it holds
	asking                // the relay what it remembers of the journal
	judging               // that, by the journal's owner
	reading               // the journal
	dialing               // the relay
	greeting              // hello sent, welcome not yet here
	streaming
)

type canary struct {
	nonce    string
	sentAt   time.Duration
	wallSent time.Time
}

// Machine decides everything that the client does: Step takes an event and returns the effects that
// the shell must carry out, in order. The same events at the same times with the same Ports give
// the same effects. It is for one goroutine.
type Machine struct {
	timing     Timing
	ports      Ports
	agent      string
	canaries   bool // there is a hook URL to post to
	supersedes *Head

	phase    phase
	conn     int // number of the present connection attempt; answers that name another are stale
	retryAt  time.Duration
	attempts int // failed connections since the last welcome
	refusals int // handler failures since its last success
	deadline time.Duration
	helloAt  time.Duration

	queue    []Message // Gap, Delivery, CaughtUpMessage, in order
	handling bool
	handled  Message // what the handler holds
	handConn int     // the connection it came on

	terminal              string // what the relay calls us
	out                   []canary
	canarySent, canaryDue time.Duration
	deaf                  int

	anchors   bool // the relay accepts heads on the present connection
	taking    bool // the head to tell
	takeAgain bool // another canary has come back meanwhile

	effects []Effect
}

// NewMachine returns a machine that waits for Started. agent is the program's version; canaries
// says whether there is a hook URL; supersedes may be nil.
func NewMachine(t Timing, p Ports, agent string, canaries bool, supersedes *Head) *Machine {
	return &Machine{timing: t, ports: p, agent: agent, canaries: canaries, supersedes: supersedes}
}

// Step takes one event and says what to do, in order. The slice is valid until the next Step.
func (m *Machine) Step(now Now, ev Event) []Effect {
	m.effects = m.effects[:0]
	switch ev := ev.(type) {
	case Started:
		m.retryAt = now.Up
	case Ticked:
	case HeadRead:
		m.onHeadRead(now, ev)
	case HeadJudged:
		m.onHeadJudged(now, ev)
	case JournalRead:
		m.onJournal(now, ev)
	case Dialed:
		m.onDialed(now, ev)
	case Received:
		if ev.Conn == m.conn && (m.phase == greeting || m.phase == streaming) {
			m.onMessage(now, ev.Message)
		}
	case Lost:
		if ev.Conn == m.conn && m.phase >= dialing {
			m.drop(now, ev.Err)
		}
	case Handled:
		m.onHandled(now, ev)
	case CanaryAsked:
		m.onCanaryWanted(now)
	case HeadWanted:
		m.onHeadWanted()
	case CanaryPosted:
		m.onPosted(ev)
	case HeadTaken:
		m.onHeadTaken(ev)
	case SupersedeAsked:
		m.onSupersede(now, ev.Head)
	case ResumeAsked:
		if m.phase >= dialing { // before that the journal is asked anyway, or is being asked
			m.drop(now, ErrResuming)
		}
	default:
		panic(fmt.Sprintf("relay machine: no case for the event %T", ev))
	}
	m.onTime(now)
	return m.effects
}

// NextWake is the boot clock at which the machine wants a Ticked; ok is false when only events
// matter.
func (m *Machine) NextWake() (at time.Duration, ok bool) {
	wake := func(t time.Duration) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	switch m.phase {
	case waiting:
		if !m.handling {
			wake(m.retryAt)
		}
	case greeting:
		wake(m.deadline)
	case streaming:
		if m.canaryOn() {
			wake(m.canaryDue)
		}
		for _, c := range m.out {
			wake(c.sentAt + m.timing.CanaryTimeout)
		}
	}
	return at, ok
}

func (m *Machine) canaryOn() bool { return m.canaries && m.timing.CanaryEvery > 0 }

func (m *Machine) do(e Effect)           { m.effects = append(m.effects, e) }
func (m *Machine) observe(o Observation) { m.do(Observe{o}) }

// onTime does what has become due.
func (m *Machine) onTime(now Now) {
	if m.phase == waiting && !m.handling && now.Up >= m.retryAt {
		m.phase = asking
		m.conn++
		m.do(ReadHead{Conn: m.conn})
	}
	if m.phase == greeting && now.Up >= m.deadline {
		m.drop(now, ErrNoWelcome)
	}
	if m.phase == streaming {
		m.expireCanaries(now)
	}
	if m.phase == streaming && m.canaryOn() && now.Up >= m.canaryDue {
		m.sendCanary(now)
	}
}

// onHeadRead: what the relay remembers is judged before anything is said that it may remember.
func (m *Machine) onHeadRead(now Now, ev HeadRead) {
	if m.phase != asking || ev.Conn != m.conn {
		return
	}
	if ev.Err != nil {
		m.retry(now, ev.Err)
		return
	}
	m.phase = judging
	m.do(JudgeHead{Conn: m.conn, Known: ev.Known})
}

func (m *Machine) onHeadJudged(now Now, ev HeadJudged) {
	if m.phase != judging || ev.Conn != m.conn {
		return
	}
	if ev.Err != nil {
		m.retry(now, fmt.Errorf("judge the journal head that the relay remembers: %w", ev.Err))
		return
	}
	m.phase = reading
	m.do(ReadJournal{Conn: m.conn})
}

func (m *Machine) onJournal(now Now, ev JournalRead) {
	if m.phase != reading || ev.Conn != m.conn {
		return
	}
	if ev.Err != nil {
		m.retry(now, fmt.Errorf("read the journal: %w", ev.Err))
		return
	}
	hello := Hello{Journal: ev.Head, Supersedes: m.supersedes, Agent: m.agent}
	if ev.Has {
		hello.Position = &ev.Position
	}
	if m.canaryOn() { // no head is told without one
		hello.Accepts = []string{AcceptHead}
	}
	m.phase = dialing
	m.do(Dial{Conn: m.conn, Hello: hello})
}

func (m *Machine) onDialed(now Now, ev Dialed) {
	if m.phase != dialing || ev.Conn != m.conn {
		return
	}
	if ev.Err != nil {
		m.retry(now, ev.Err)
		return
	}
	m.phase, m.helloAt, m.deadline = greeting, now.Up, now.Up+m.timing.WelcomeTimeout
}

func (m *Machine) onMessage(now Now, msg Message) {
	if w, ok := msg.(Welcome); ok && m.phase == greeting {
		m.onWelcome(now, w)
		return
	}
	if m.phase != streaming {
		m.drop(now, ErrUnexpected)
		return
	}
	switch msg := msg.(type) {
	case Delivery:
		m.deaf = 0 // whatever arrives proves that this connection hears
		if msg.Kind == KindCanary && m.find(msg.Nonce) < 0 {
			return // somebody else's, or one given up: counts for nothing
		}
	case Gap, CaughtUpMessage:
	default:
		m.drop(now, ErrUnexpected)
		return
	}
	if len(m.queue) >= maxQueue {
		m.drop(now, ErrOverrun)
		return
	}
	m.queue = append(m.queue, msg)
	m.pump(now)
}

func (m *Machine) onWelcome(now Now, w Welcome) {
	m.phase, m.attempts, m.deaf = streaming, 0, 0
	m.canaryDue, m.terminal = now.Up, w.Terminal
	m.anchors = m.canaryOn() && slices.Contains(w.Accepts, AcceptHead)
	m.observe(Connected{w})
	m.observe(HeadKnown{w.Head})
	m.observeOffset(now, w.Now.Time, now.Up-m.helloAt)
}

// observeOffset compares our clock with the relay's, which was read somewhere within the last rtt.
func (m *Machine) observeOffset(now Now, theirs time.Time, rtt time.Duration) {
	middle := now.Wall.Add(-rtt / 2)
	m.observe(ClockOffset{Offset: theirs.Sub(middle), Uncertainty: rtt/2 + time.Millisecond})
}

// pump hands the queue's head to the handler, one at a time.
func (m *Machine) pump(now Now) {
	for !m.handling && m.phase == streaming && len(m.queue) > 0 {
		msg := m.queue[0]
		m.queue[0] = nil
		m.queue = m.queue[1:]
		switch msg := msg.(type) {
		case CaughtUpMessage:
			m.observe(CaughtUp{})
			continue
		case Delivery:
			if msg.Kind == KindCanary {
				m.canaryBack(now, msg)
				continue
			}
		}
		m.handling, m.handled, m.handConn = true, msg, m.conn
		m.do(Handle{Message: msg})
	}
}

func (m *Machine) onHandled(now Now, ev Handled) {
	if !m.handling {
		return
	}
	msg := m.handled
	m.handling, m.handled = false, nil
	if ev.Err == nil {
		m.refusals = 0
	} else {
		m.refusals++
	}
	if m.handConn != m.conn || m.phase != streaming {
		return // its connection is gone; the next hello starts from what is durable
	}
	if ev.Err != nil {
		m.drop(now, fmt.Errorf("not committed: %w", ev.Err))
		return
	}
	switch msg := msg.(type) {
	case Delivery:
		m.do(Send{Conn: m.conn, Message: Ack{Position: msg.Position, Journal: ev.Head}})
	case Gap:
		m.observe(GapSeen{msg.Reason})
	}
	m.pump(now)
}

// onSupersede says hello anew, unless the present one has said just that: the relay goes on
// remembering the old head until it is told the next one.
func (m *Machine) onSupersede(now Now, old Head) {
	if m.supersedes != nil && *m.supersedes == old {
		return
	}
	m.supersedes = &old
	if m.phase >= dialing {
		m.drop(now, ErrSuperseding)
	}
}

// drop gives the connection up and retries later.
func (m *Machine) drop(now Now, err error) {
	m.do(Close{Conn: m.conn, Err: err})
	m.retry(now, err)
}

// retry forgets everything about the connection and waits. The wait grows with connections that
// never reached welcome, and with deliveries that the handler refused, whichever is more.
func (m *Machine) retry(now Now, err error) {
	m.phase, m.queue, m.out = waiting, nil, nil
	m.taking, m.takeAgain = false, false
	wait := m.backoff(max(m.attempts, m.refusals))
	m.attempts++
	var closed *CloseError
	if errors.As(err, &closed) && closed.Code == CloseReplaced {
		wait = max(wait, m.timing.ReplacedWait) // somebody else uses our token: do not fight for it
	}
	if errors.Is(err, ErrSuperseding) || errors.Is(err, ErrResuming) {
		wait = 0
	}
	m.retryAt = now.Up + wait
	m.observe(Disconnected{Err: err, RetryIn: wait})
}

// backoff is BackoffMin doubled n times, at most BackoffMax, less up to half of it.
func (m *Machine) backoff(n int) time.Duration {
	d := m.timing.BackoffMin
	for range n {
		if d >= m.timing.BackoffMax {
			break
		}
		d *= 2
	}
	d = min(d, m.timing.BackoffMax)
	return d - time.Duration(m.ports.Jitter()*float64(d)/2)
}

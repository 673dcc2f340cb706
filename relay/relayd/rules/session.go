package rules

import (
	"context"
	"time"

	"kiosk-agent/relay"
)

// HeadWait is how long a head that an agent has told may wait to be stored: one write for many.
const HeadWait = time.Second

// Ports are what a Session works with.
type Ports struct {
	Store Store
	Heads Heads
	NewID func() string             // a ULID that was never used
	Send  func(relay.Message) error // to the agent; its error ends the step
}

// Session is the relay's side of one connection of a terminal: Greet, then Begin, then the other
// steps in any order. Each step fails with a StoreError, a Violation or an error of Send, after
// which the connection must be ended; Overhear and SaveHead are for what is left to do then.
type Session struct {
	limits   Limits
	terminal Terminal
	sources  []Source
	Ports

	greeted  bool
	gap      *relay.Gap
	epoch    string
	cursor   uint64 // newest sequence read; the next read starts after it
	helloSeq uint64 // newest sequence in the store at the hello: older canaries are not delivered
	inFlight []sent // hooks and marks not acknowledged, oldest first
	caughtUp bool   // has been said

	// when the message at the agent's position was received; zero: it has no valid position
	acked    time.Time
	markDue  time.Time
	head     relay.Head // newest head told on this connection
	headTold bool       // head is with the store
	saving   bool       // SaveHead has been asked for
}

type sent struct {
	position relay.Position
	received time.Time
}

// NewSession makes the session of a connection whose hello is awaited.
func NewSession(l Limits, t Terminal, p Ports) *Session {
	return &Session{limits: l, terminal: t, sources: t.Sources(), Ports: p}
}

// Greeting is what became of a hello.
type Greeting struct {
	Gap   string      // the reason of a gap; "" = none
	Known *relay.Head // the newest head before this hello; nil = none
	// HeadStored: the hello's head is the known one now. If not, the journal is not the one that is
	// known here, or older: rolled back, lost or cloned.
	HeadStored bool
	Replaced   bool // staff's word let the hello's head take the place of Known
}

// Greet answers a hello with welcome and finds where reading begins.
func (s *Session) Greet(ctx context.Context, now time.Time, h relay.Hello) (Greeting, error) {
	var g Greeting
	if s.greeted {
		return g, Violation("expected an ack")
	}
	known, _, err := s.Heads.Head(ctx, s.terminal.ID)
	if err != nil {
		return g, storeError("read the journal head", err)
	}
	sp, err := s.Store.Span(ctx)
	if err != nil {
		return g, storeError("read the store", err)
	}
	g.Known = known
	if g.Gap, err = s.judge(ctx, now, h, known, sp); err != nil {
		return g, storeError("check the position", err)
	}
	if g.Gap != "" {
		s.gap = &relay.Gap{Reason: g.Gap, Position: h.Position}
	}
	s.greeted, s.epoch, s.helloSeq = true, sp.Epoch, sp.Last
	if err := s.Send(s.welcome(now, sp, known)); err != nil {
		return g, err
	}
	s.head, s.headTold = h.Journal, true
	g.HeadStored, err = Advance(ctx, s.Heads, s.terminal.ID, h.Journal, h.Supersedes)
	g.Replaced = g.HeadStored && known != nil && h.Supersedes != nil && *h.Supersedes == *known &&
		h.Journal != *known
	return g, storeError("store the journal head", err)
}

func (s *Session) welcome(now time.Time, sp Span, known *relay.Head) relay.Welcome {
	return relay.Welcome{
		Terminal: Handle(s.terminal.ID), Epoch: sp.Epoch, First: sp.First, Last: sp.Last,
		Head: known, Now: relay.Time{Time: now},
		RetentionS: int64(s.limits.Retention / time.Second), InFlight: s.limits.InFlight,
		PingS: int64((s.limits.Ping + time.Second - 1) / time.Second),
	}
}

// Begin tells of a gap and sees to the position, so that Pump may follow.
func (s *Session) Begin(ctx context.Context, now time.Time) (markErr, err error) {
	if s.gap != nil {
		if err := s.Send(*s.gap); err != nil {
			return nil, err
		}
	}
	return s.KeepPosition(ctx, now)
}

// Hear takes a message of the agent after its hello. It returns when SaveHead wants to be called
// next; 0 = this message has changed nothing about that.
func (s *Session) Hear(m relay.Message) (saveIn time.Duration, err error) {
	ack, ok := m.(relay.Ack)
	if !ok || !s.greeted {
		return 0, Violation("expected an ack")
	}
	return s.noteHead(ack.Journal), s.onAck(ack.Position)
}

// Overhear takes what arrived before a connection ended: the last acks carry the newest head.
func (s *Session) Overhear(m relay.Message) {
	if ack, ok := m.(relay.Ack); ok && s.greeted {
		s.noteHead(ack.Journal)
	}
}

// onAck moves the window. An ack is cumulative; one that names what was never sent ends the
// connection.
func (s *Session) onAck(p relay.Position) error {
	for i, f := range s.inFlight {
		if f.position == p {
			s.acked = f.received
			s.inFlight = s.inFlight[i+1:]
			return nil
		}
	}
	return Violation("ack of something that is not in flight")
}

// noteHead remembers a head that is to be stored, and asks for SaveHead if nobody has.
func (s *Session) noteHead(h relay.Head) (saveIn time.Duration) {
	if h == s.head && s.headTold {
		return 0
	}
	s.head, s.headTold = h, false
	if s.saving {
		return 0
	}
	s.saving = true
	return HeadWait
}

// SaveHead stores the newest head that the agent has told. After an error it is still to be stored,
// and the next head that is told asks for it again.
func (s *Session) SaveHead(ctx context.Context) error {
	s.saving = false
	if s.headTold || s.head.JournalID == "" {
		return nil
	}
	_, err := Advance(ctx, s.Heads, s.terminal.ID, s.head, nil)
	s.headTold = err == nil
	return storeError("store a journal head", err)
}

// Pump sends what the store holds after what was sent last, as far as the window allows. It comes
// back after one window's worth, so that acks and farewells are heard in between; more says that it
// has not finished.
func (s *Session) Pump(ctx context.Context) (more bool, err error) {
	for n := 0; len(s.inFlight) < s.limits.InFlight; n++ {
		if n >= s.limits.InFlight {
			return true, nil
		}
		m, err := next(ctx, s.Store, s.sources, s.cursor)
		if err != nil {
			return false, storeError("read the store", err)
		}
		if m == nil {
			return false, s.sayCaughtUp()
		}
		s.cursor = m.Seq
		if m.Kind == "" || m.Kind == relay.KindCanary && m.Seq <= s.helloSeq {
			continue // not ours, or a canary older than the connection, which proves nothing
		}
		d := m.Delivery(s.epoch)
		if m.Kind != relay.KindCanary {
			s.inFlight = append(s.inFlight, sent{d.Position, m.ReceivedAt.Time})
		}
		if err := s.Send(d); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (s *Session) sayCaughtUp() error {
	if s.caughtUp {
		return nil
	}
	s.caughtUp = true
	return s.Send(relay.CaughtUpMessage{})
}

package rules

import (
	"context"
	"slices"
	"time"

	"kiosk-agent/relay"
)

// A head that an ack tells waits HeadWait to be stored: one write for many acks. One that comes in
// a message of its own is stored at once, but not sooner than HeadWait after the one before.
const HeadWait = time.Second

// NoSave says that SaveHead need not be called.
const NoSave time.Duration = -1

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
	anchors  bool // the agent tells heads by HeadMessage alone
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
	savedAt  time.Time  // when it was asked for last, or is to be called
	// staff's word, from the hello of an agent that tells heads by HeadMessage
	supersedes *relay.Head
}

type sent struct {
	position relay.Position
	received time.Time
}

// NewSession makes the session of a connection whose hello is awaited.
func NewSession(l Limits, t Terminal, p Ports) *Session {
	return &Session{limits: l, terminal: t, sources: t.Sources(), Ports: p, headTold: true}
}

// Greeting is what became of a hello.
type Greeting struct {
	Gap  string // the reason of a gap; "" = none
	Head Anchored
}

// Greet answers a hello with welcome and finds where reading begins. The hello's head is stored,
// unless the agent tells heads by HeadMessage: then it is compared only.
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
	if g.Gap, err = s.judge(ctx, now, h, known, sp); err != nil {
		return g, storeError("check the position", err)
	}
	if g.Gap != "" {
		s.gap = &relay.Gap{Reason: g.Gap, Position: h.Position}
	}
	s.greeted, s.epoch, s.helloSeq = true, sp.Epoch, sp.Last
	s.anchors, s.headTold = slices.Contains(h.Accepts, relay.AcceptHead), true
	if err := s.Send(s.welcome(now, sp, known, len(h.Accepts) > 0)); err != nil {
		return g, err
	}
	if s.anchors {
		s.supersedes, g.Head = h.Supersedes, weigh(known, h.Journal, h.Supersedes)
		g.Head.Replaced = nil // not before a head is told
		return g, nil
	}
	s.head = h.Journal
	g.Head, err = advance(ctx, s.Heads, s.terminal.ID, h.Journal, h.Supersedes)
	return g, storeError("store the journal head", err)
}

// welcome names what the relay accepts only to an agent that has done so: one of the first v1 gets
// the first v1, byte for byte.
func (s *Session) welcome(now time.Time, sp Span, known *relay.Head, grown bool) relay.Welcome {
	var accepts []string
	if grown {
		accepts = []string{relay.AcceptHead}
	}
	return relay.Welcome{
		Accepts:  accepts,
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

// Hear takes a message of the agent after its hello. It returns when SaveHead wants to be called;
// NoSave = this message has changed nothing about that.
func (s *Session) Hear(now time.Time, m relay.Message) (saveIn time.Duration, err error) {
	ack, isAck := m.(relay.Ack)
	_, isHead := m.(relay.HeadMessage)
	switch {
	case !s.greeted, !isAck && !isHead:
		return NoSave, Violation("expected an ack")
	case isHead && !s.anchors:
		return NoSave, Violation("head was not offered")
	}
	saveIn = NoSave
	if s.Overhear(m) && !s.saving {
		saveIn = HeadWait
		if isHead {
			saveIn = min(HeadWait, max(0, HeadWait-now.Sub(s.savedAt)))
		}
		s.saving, s.savedAt = true, now.Add(saveIn)
	}
	if isAck {
		err = s.onAck(ack.Position)
	}
	return saveIn, err
}

// Overhear takes the head that a message tells, and nothing else of it: what arrived before a
// connection ended carries the newest one. An ack tells one unless the agent has a message for it.
// It reports whether there is a head to be stored now.
func (s *Session) Overhear(m relay.Message) bool {
	var h relay.Head
	switch m := m.(type) {
	case relay.Ack:
		if s.anchors || !s.greeted {
			return false
		}
		h = m.Journal
	case relay.HeadMessage:
		if !s.anchors {
			return false
		}
		h = m.Journal
	default:
		return false
	}
	s.headTold = s.headTold && h == s.head
	s.head = h
	return !s.headTold
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

// SaveHead stores the newest head that the agent has told. After an error it is still to be stored,
// and the next head that is told asks for it again.
func (s *Session) SaveHead(ctx context.Context) (Anchored, error) {
	s.saving = false
	if s.headTold {
		return Anchored{}, nil
	}
	a, err := advance(ctx, s.Heads, s.terminal.ID, s.head, s.supersedes)
	s.headTold = err == nil
	return a, storeError("store a journal head", err)
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

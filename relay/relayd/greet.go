package relayd

import (
	"context"
	"time"

	"github.com/gorilla/websocket"
	"github.com/oklog/ulid/v2"

	"kiosk-agent/relay"
)

// greet takes the hello, answers it, and finds where to read from.
func (s *session) greet(ctx context.Context) error {
	hello, err := s.awaitHello()
	if err != nil {
		return err
	}
	known, err := s.srv.heads.known(ctx, s.term.ID)
	if err != nil {
		return s.storeDown("read the journal head", err)
	}
	sp, err := s.srv.store.span(ctx)
	if err != nil {
		return s.storeDown("read the store", err)
	}
	reason, err := s.judge(ctx, hello, known, sp)
	if err != nil {
		return s.storeDown("check the position", err)
	}
	s.epoch, s.helloSeq = sp.epoch, sp.last
	if err := s.send(s.welcome(sp, known)); err != nil {
		return err
	}
	s.head, s.headTold = hello.Journal, true
	stored, err := s.srv.heads.advance(ctx, s.term.ID, hello.Journal, hello.Supersedes)
	if err != nil {
		return s.storeDown("store the journal head", err)
	}
	switch {
	case stored && known != nil && hello.Supersedes != nil && *hello.Supersedes == *known &&
		hello.Journal != *known:
		// The only trace outside the kiosk: whoever has the token could do it, also to hide that a
		// journal was cut.
		s.log.Warn("the terminal's journal has taken the place of the one that was known here",
			"was", known.JournalID, "was_seq", known.Seq,
			"is", hello.Journal.JournalID, "is_seq", hello.Journal.Seq)
	case !stored:
		s.log.Warn("the terminal's journal is not the one known here, or older: rolled back, " +
			"lost or cloned")
	}
	if err := s.srv.terminals.settle(ctx, s.term.ID, s.token); err != nil {
		s.log.Warn("the terminal's old token was not ended; it expires", "err", err)
	}
	if err := s.srv.store.announce(s.term.ID, s.id); err != nil {
		s.log.Debug("other relays were not told of this connection", "err", err)
	}
	s.log.Info("terminal connected", "conn", s.id, "agent", hello.Agent, "gap", reason)
	if reason != "" {
		s.srv.metrics.gaps.WithLabelValues(reason).Inc()
		if err := s.send(relay.Gap{Reason: reason, Position: hello.Position}); err != nil {
			return err
		}
	}
	return s.keepPosition(ctx)
}

func (s *session) awaitHello() (relay.Hello, error) {
	timer := time.NewTimer(helloTimeout)
	defer timer.Stop()
	select {
	case m := <-s.inbound:
		hello, ok := m.(relay.Hello)
		if !ok {
			return relay.Hello{}, farewell{websocket.ClosePolicyViolation, "expected hello"}
		}
		return hello, nil
	case f := <-s.bye:
		return relay.Hello{}, f
	case err := <-s.lost:
		return relay.Hello{}, err
	case <-timer.C:
		return relay.Hello{}, farewell{websocket.ClosePolicyViolation, "no hello in time"}
	}
}

func (s *session) welcome(sp span, known *relay.Head) relay.Welcome {
	cfg := s.srv.cfg
	return relay.Welcome{
		Terminal: encode(s.term.ID), Epoch: sp.epoch, First: sp.first, Last: sp.last, Head: known,
		Now:        relay.Time{Time: cfg.Now()},
		RetentionS: int64(cfg.Store.Retention / time.Second), InFlight: cfg.InFlight,
		PingS: int64((cfg.Ping + time.Second - 1) / time.Second),
	}
}

// judge decides where to read from and returns the reason of a gap, "" for none. The position is
// good only if the very message stands there; otherwise everything that is held is sent, from the
// start.
func (s *session) judge(ctx context.Context, hello relay.Hello, known *relay.Head, sp span) (string,
	error) {
	p := hello.Position
	if p == nil {
		if s.missedNothing(hello.Journal, known, sp) {
			return "", nil
		}
		return relay.GapNoPosition, nil
	}
	if p.Epoch != sp.epoch {
		return relay.GapEpochChanged, nil
	}
	m, err := s.srv.store.at(ctx, p.Seq)
	if err != nil {
		return "", err
	}
	if m == nil {
		return relay.GapOutOfRange, nil
	}
	if m.ID != p.ID || m.Kind == relay.KindCanary || !s.reads(m.subject) {
		return relay.GapIDMismatch, nil
	}
	s.cursor, s.acked = m.seq, m.ReceivedAt.Time
	return "", nil
}

// missedNothing says whether an agent without a position can be served from the start without a
// gap: its journal is not older than, or another than, one that we know, and everything that its
// route ever took is still held.
func (s *session) missedNothing(journal relay.Head, known *relay.Head, sp span) bool {
	sameJournal := known == nil || journal.JournalID == known.JournalID && journal.Seq >= known.Seq
	age := s.srv.cfg.Now().Sub(s.term.CreatedAt.Time)
	return sameJournal && s.term.Epoch == sp.epoch && age < s.srv.cfg.Store.Retention
}

func (s *session) reads(subject string) bool {
	for _, src := range s.sources {
		if src.has(subject) {
			return true
		}
	}
	return false
}

func (s *session) storeDown(what string, err error) error {
	s.log.Error(what, "err", err)
	return farewell{websocket.CloseTryAgainLater, "the store does not answer"}
}

// markCheck is how often an open connection looks at the age of its position.
func (s *session) markCheck() time.Duration {
	return min(24*time.Hour, s.srv.cfg.Store.Retention/8)
}

// keepPosition publishes a mark when the agent's position, or its newest mark, is older than a
// quarter of the retention: a quiet terminal's position would age out, and its next hello would be
// met with a gap although nothing was missed.
func (s *session) keepPosition(ctx context.Context) error {
	now := s.srv.cfg.Now()
	if now.Before(s.markDue) {
		return nil
	}
	s.markDue = now.Add(s.markCheck())
	old := now.Add(-s.srv.cfg.Store.Retention / 4)
	if s.acked.After(old) || len(s.inFlight) > 0 &&
		s.inFlight[len(s.inFlight)-1].received.After(old) {
		return nil
	}
	own := s.sources[0]
	last, err := s.srv.store.lastMark(ctx, own)
	if err != nil {
		return s.storeDown("read the newest mark", err)
	}
	if last != nil && last.ReceivedAt.After(old) {
		return nil // on its way: it stands after everything that was held at the gap
	}
	mark := envelope{ID: ulid.Make().String(), Kind: relay.KindMark,
		ReceivedAt: relay.Time{Time: now}}
	if err := s.srv.store.publish(ctx, own, mark); err != nil {
		s.log.Warn("no mark could be stored; a quiet terminal's position may age out", "err", err)
	}
	return nil
}

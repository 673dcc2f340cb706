package relayd

import (
	"context"
	"errors"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// greet takes the hello, answers it, and finds where to read from.
func (s *session) greet(ctx context.Context) error {
	hello, err := s.awaitHello()
	if err != nil {
		return err
	}
	g, err := s.rules.Greet(ctx, s.srv.cfg.Now(), hello)
	if err != nil {
		return s.ended(err)
	}
	s.anchored(g.Head)
	if err := s.srv.terminals.settle(ctx, s.term.ID, s.token); err != nil {
		s.log.Warn("the terminal's old token was not ended; it expires", "error", err)
	}
	if err := s.srv.store.announce(s.term.ID, s.id); err != nil {
		s.log.Debug("other relays were not told of this connection", "error", err)
	}
	s.log.Info("terminal connected", "conn", s.id, "agent", hello.Agent, "gap", g.Gap)
	if g.Gap != "" {
		s.srv.metrics.gaps.WithLabelValues(g.Gap).Inc()
	}
	return s.marked(s.rules.Begin(ctx, s.srv.cfg.Now()))
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

// anchored tells of a journal head that is not simply the next one.
func (s *session) anchored(a rules.Anchored) {
	switch {
	case a.Replaced != nil:
		// The only trace outside the kiosk: whoever has the token could do it, also to hide that a
		// journal was cut.
		s.log.Warn("the terminal's journal has taken the place of the one that was known here",
			"was", a.Replaced.JournalID, "was_seq", a.Replaced.Seq,
			"is", a.Head.JournalID, "is_seq", a.Head.Seq)
	case a.Doubtful && !s.doubted:
		s.doubted = true
		s.log.Warn("the terminal's journal is not the one known here, or older: rolled back, " +
			"lost or cloned")
	}
}

// marked tells of a mark that could not be stored, and passes on what ends the connection.
func (s *session) marked(markErr, err error) error {
	if markErr != nil {
		s.log.Warn("no mark could be stored; a quiet terminal's position may age out", "error",
			markErr)
	}
	return s.ended(err)
}

// ended turns the error of a step into what the connection is closed with.
func (s *session) ended(err error) error {
	var down *rules.StoreError
	var broken rules.Violation
	switch {
	case errors.As(err, &down):
		s.log.Error(down.Op, "error", down.Err)
		return farewell{websocket.CloseTryAgainLater, "the store does not answer"}
	case errors.As(err, &broken):
		return farewell{websocket.ClosePolicyViolation, broken.Error()}
	default:
		return err
	}
}

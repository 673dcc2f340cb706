package sim

import (
	"context"
	"errors"
	"time"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// relaySession is the relay's side of one connection, as relayd's session has it.
type relaySession struct {
	conn  *conn
	rules *rules.Session
	begun bool
	over  bool
}

var errGone = errors.New("the connection is gone")

// hears takes a message of the agent.
func (r *relayServer) hears(k *conn, m relay.Message) {
	if r.isDown() {
		k.cut("the relay is down")
		return
	}
	if h, ok := m.(relay.Hello); ok && k.session == nil {
		r.greet(k, h)
		return
	}
	s := k.session
	if s == nil {
		r.w.fail("the client says %T before its hello", m)
	}
	saveIn, err := s.rules.Hear(r.w.trueWall(), m)
	if saveIn != rules.NoSave {
		r.w.after(saveIn, func() {
			if !s.over {
				r.saveHead(s)
			}
		})
	}
	r.ended(s, err)
	r.pump()
}

func (r *relayServer) greet(k *conn, h relay.Hello) {
	w := r.w
	if old := r.session; old != nil {
		old.conn.end(&relay.CloseError{Code: relay.CloseReplaced})
	}
	s := &relaySession{conn: k}
	s.rules = rules.NewSession(
		rules.Limits{Retention: w.prof.relay.retention, InFlight: inFlight, Ping: pingTime},
		r.terminal, rules.Ports{Store: r.store(), Heads: r.store(), NewID: r.newID,
			Send: func(m relay.Message) error {
				if k.up {
					k.toAgent(m)
				}
				if !k.up {
					return errGone
				}
				return nil
			}})
	k.session, r.session = s, s
	if w.prof.relay.old {
		h.Accepts = nil // which passes over what it does not know
	}
	g, err := s.rules.Greet(context.Background(), w.trueWall(), h)
	if err == nil {
		w.say("relay", "welcome, gap %q, the journal is in doubt: %t", g.Gap, g.Head.Doubtful)
		var markErr error
		if markErr, err = s.rules.Begin(context.Background(), w.trueWall()); markErr != nil {
			w.say("relay", "stores no mark: %v", markErr)
		}
	}
	if r.ended(s, err) {
		return
	}
	r.ages()
	switch {
	case k.client.a.dead: // what the journal holds by now is not what it said
	case g.Gap == "":
		r.nothingMissed(h.Position)
	default:
		r.forgets() // the agent has been told
	}
	s.begun = true
	r.pump()
	w.after(pingTime, func() { r.ping(s) })
}

// ping keeps a quiet terminal's position, and covers a wake-up that was lost.
func (r *relayServer) ping(s *relaySession) {
	if s.over {
		return
	}
	_, err := s.rules.KeepPosition(context.Background(), r.w.trueWall())
	if r.ended(s, err) {
		return
	}
	r.pump()
	r.w.after(pingTime, func() { r.ping(s) })
}

// pump sends what the store holds, as far as the window allows. What is stored while it works is
// seen in another round.
func (r *relayServer) pump() {
	r.again = true
	if r.pumping {
		return
	}
	r.pumping = true
	for r.again {
		r.again = false
		if s := r.session; s != nil && s.begun {
			more, err := s.rules.Pump(context.Background())
			r.again = r.again || more
			r.ended(s, err)
		}
	}
	r.pumping = false
	if b := r.w.sibling; b != nil {
		b.pump()
	}
}

// ended closes the connection after an error of a step, and reports whether it is over.
func (r *relayServer) ended(s *relaySession, err error) bool {
	var down *rules.StoreError
	var broken rules.Violation
	switch {
	case errors.As(err, &broken):
		r.w.fail("the client breaks the protocol: %v", broken)
	case errors.As(err, &down):
		s.conn.end(&relay.CloseError{Code: closeTryAgain, Text: "the store does not answer"})
	case err != nil && !errors.Is(err, errGone):
		r.w.fail("a step of the relay: %v", err)
	}
	return s.over
}

const (
	closeTryAgain = 1013 // RFC 6455's registry: Try Again Later
	maxSaveDelay  = 50 * time.Millisecond
)

// gone: a connection has ended. What the agent has told last is stored, if the relay lives so long.
func (r *relayServer) gone(k *conn) {
	s := k.session
	if s == nil || s.over {
		return
	}
	s.over = true
	if r.session == s {
		r.session = nil
	}
	process := r.process
	r.w.after(r.w.between(0, maxSaveDelay), func() {
		if r.process == process {
			r.saveHead(s)
		}
	})
}

func (r *relayServer) saveHead(s *relaySession) {
	if _, err := s.rules.SaveHead(context.Background()); err != nil {
		r.w.say("relay", "stores no head: %v", err)
	}
}

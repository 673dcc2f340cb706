package sim

import (
	"context"
	"errors"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// sibConn is a connection of the sibling's, with the relay's side of it.
type sibConn struct {
	b     *sibling
	n     int
	up    bool
	rules *rules.Session
	begun bool
	at    [2]time.Duration // arrival of the newest message, to the relay and back
}

// clientStep is one event of its client.
func (b *sibling) clientStep(ev relay.Event) {
	for _, e := range append([]relay.Effect(nil), b.client.Step(relay.Now(b.now()), ev)...) {
		b.clientCarry(e)
	}
	b.wake[1]++
	n := b.wake[1]
	if at, ok := b.client.NextWake(); ok {
		b.later(at-b.now().Up, func() {
			if n == b.wake[1] {
				b.clientStep(relay.Ticked{})
			}
		})
	}
}

// soon feeds the client what comes a little later.
func (b *sibling) soon(ev func() relay.Event) {
	b.later(b.w.between(time.Millisecond, 100*time.Millisecond), func() { b.clientStep(ev()) })
}

func (b *sibling) clientCarry(e relay.Effect) {
	r := b.w.relay
	switch e := e.(type) {
	case relay.ReadHead:
		b.soon(func() relay.Event {
			if r.isDown() {
				return relay.HeadRead{Conn: e.Conn, Err: errors.New("connection refused")}
			}
			h, _, err := r.disk.Head(context.Background(), siblingID)
			return relay.HeadRead{Conn: e.Conn, Known: relay.KnownHead{Head: h}, Err: err}
		})
	case relay.JudgeHead:
		b.ask(func(t engine.Ticket) engine.Event {
			return engine.RelayRemembered{Known: journalHead(e.Known.Head), To: t}
		}, func(ans engine.Answer) {
			b.soon(func() relay.Event { return relay.HeadJudged{Conn: e.Conn, Err: ans.Err} })
		})
	case relay.TakeHead:
		b.ask(func(t engine.Ticket) engine.Event { return engine.Inspected{To: t} },
			func(ans engine.Answer) {
				ok := ans.Err == nil && ans.State.RolledBack == nil
				b.soon(func() relay.Event {
					return relay.HeadTaken{Conn: e.Conn, Head: b.head(), OK: ok}
				})
			})
	case relay.ReadJournal:
		b.ask(func(t engine.Ticket) engine.Event { return engine.Resuming{To: t} },
			func(ans engine.Answer) {
				b.soon(func() relay.Event {
					return relay.JournalRead{Conn: e.Conn, Position: relay.Position(ans.Position),
						Has: ans.Position != payment.Position{}, Err: ans.Err, Head: b.head()}
				})
			})
	case relay.Dial:
		b.soon(func() relay.Event {
			if r.isDown() || r.w.hit(dialFails) {
				return relay.Dialed{Conn: e.Conn, Err: errors.New("connection refused")}
			}
			b.conn = &sibConn{b: b, n: e.Conn, up: true}
			b.conn.says(e.Hello)
			return relay.Dialed{Conn: e.Conn}
		})
	case relay.Send:
		if k := b.conn; k != nil && k.n == e.Conn {
			k.says(e.Message)
		}
	case relay.Close:
		if k := b.conn; k != nil {
			k.closes()
		}
	case relay.Handle:
		b.handles(e.Message)
	case relay.PostCanary:
		r.hook(hookRequest{shared: true, canary: e.Nonce, terminal: e.Terminal},
			b.w.between(5*time.Millisecond, 200*time.Millisecond), func(err error) {
				b.soon(func() relay.Event { return relay.CanaryPosted{Nonce: e.Nonce, Err: err} })
			})
	case relay.Observe:
		b.observes(e.Observation)
	}
}

func (b *sibling) head() relay.Head {
	h, err := b.journal.Head()
	if err != nil {
		b.w.fail("the sibling's head cannot be read: %v", err)
	}
	return relayHead(h)
}

func (b *sibling) handles(m relay.Message) {
	done := func(ans engine.Answer) {
		b.soon(func() relay.Event { return relay.Handled{Err: ans.Err, Head: b.head()} })
	}
	switch m := m.(type) {
	case relay.Delivery:
		e := payment.Envelope{Method: m.Hook.Method, Body: m.Hook.Body, ReceivedAt: m.ReceivedAt}
		b.ask(func(t engine.Ticket) engine.Event {
			return engine.Delivered{Envelope: e, Position: payment.Position(m.Position),
				Mark: m.Kind == relay.KindMark, To: t}
		}, done)
	case relay.Gap:
		b.ask(func(t engine.Ticket) engine.Event {
			return engine.GapFound{Reason: m.Reason, To: t}
		}, done)
	}
}

func (b *sibling) observes(ev relay.Observation) {
	switch ev := ev.(type) {
	case relay.Connected:
		b.caughtUp = false
		b.step(engine.RelayChanged{Connected: true,
			Retention: time.Duration(ev.Welcome.RetentionS) * time.Second})
	case relay.Disconnected:
		b.caughtUp = false
		b.step(engine.RelayChanged{Cause: ev.Err.Error()})
	case relay.CaughtUp:
		b.caughtUp = true
		b.step(engine.CaughtUp{})
	case relay.CanaryReturned:
		b.w.met(siblingProved)
		b.step(engine.CanaryReturned{SentUp: ev.SentAt})
	case relay.HeadKnown:
		b.step(engine.RelayRemembered{Known: journalHead(ev.Head)})
	case relay.ClockOffset:
		b.step(engine.ClockLearned{Offset: ev.Offset, Uncertainty: ev.Uncertainty})
	case relay.CanaryFailed, relay.GapSeen:
	default:
		b.w.fail("an observation of a sibling's client that nobody knows: %T", ev)
	}
}

// travels brings something over the connection, in order.
func (k *sibConn) travels(way int, do func()) {
	w := k.b.w
	k.at[way] = max(k.at[way], w.t+w.between(2*time.Millisecond, 80*time.Millisecond))
	w.after(k.at[way]-w.t, func() {
		if k.up {
			do()
		}
	})
}

func (k *sibConn) says(m relay.Message) { k.travels(0, func() { k.hears(m) }) }

// hears is the relay's side.
func (k *sibConn) hears(m relay.Message) {
	r, now := k.b.w.relay, k.b.w.trueWall()
	var err error
	switch h, hello := m.(relay.Hello); {
	case r.isDown():
		err = errGone
	case hello:
		err = k.greets(h)
	default:
		var in time.Duration
		if in, err = k.rules.Hear(now, m); in != rules.NoSave {
			k.b.w.after(in, func() {
				if k.up {
					_, _ = k.rules.SaveHead(context.Background()) // in memory: it does not fail
				}
			})
		}
	}
	if k.ended(err) {
		return
	}
	r.pump()
}

func (k *sibConn) greets(h relay.Hello) error {
	r, w := k.b.w.relay, k.b.w
	k.rules = rules.NewSession(
		rules.Limits{Retention: w.prof.relay.retention, InFlight: inFlight, Ping: pingTime},
		r.second, rules.Ports{Store: r.disk, Heads: r.disk, NewID: r.newID,
			Send: func(m relay.Message) error {
				k.travels(1, func() { k.b.receives(k, m) })
				return nil
			}})
	g, err := k.rules.Greet(context.Background(), w.trueWall(), h)
	if err != nil {
		return err
	}
	k.b.say("is welcome, gap %q", g.Gap)
	_, err = k.rules.Begin(context.Background(), w.trueWall())
	k.begun = err == nil
	return err
}

func (b *sibling) receives(k *sibConn, m relay.Message) {
	b.later(0, func() {
		if b.conn == k {
			b.clientStep(relay.Received{Conn: k.n, Message: m})
		}
	})
}

// ended closes the connection after an error of a step.
func (k *sibConn) ended(err error) bool {
	var broken rules.Violation
	if errors.As(err, &broken) {
		k.b.w.fail("the sibling's client breaks the protocol: %v", broken)
	}
	if err != nil {
		k.cut(err)
	}
	return !k.up
}

// pump hands out what the store holds for the sibling.
func (b *sibling) pump() {
	for k := b.conn; k != nil && k.up && k.begun; {
		more, err := k.rules.Pump(context.Background())
		if k.ended(err) || !more {
			return
		}
	}
}

// closes is the end from the kiosk's side, cut the one that it notices.
func (k *sibConn) closes() {
	k.up = false
	k.b.conn = nil
}

func (k *sibConn) cut(err error) {
	k.up = false
	k.b.later(k.b.w.between(0, time.Second), func() {
		if k.b.conn == k {
			k.b.conn = nil
			k.b.clientStep(relay.Lost{Conn: k.n, Err: err})
		}
	})
}

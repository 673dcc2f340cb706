package sim

import (
	"errors"
	"fmt"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
	"kiosk-agent/relay"
)

// client is the shell around the relay's step machine, as relay.Client and internal/app/agent have
// it.
type client struct {
	a    *agent
	m    *relay.Machine
	conn *conn // nil while there is none
	wake uint64
}

func newClient(a *agent) *client {
	w := a.w
	every := max(10*time.Second, w.prof.canary/3)
	return &client{a: a, m: relay.NewMachine(relay.Timing{
		CanaryEvery: every, CanaryTimeout: 10 * time.Second, WelcomeTimeout: 10 * time.Second,
		BackoffMin: 500 * time.Millisecond, BackoffMax: 30 * time.Second,
		ReplacedWait: 30 * time.Second,
	}, relay.Ports{
		Nonce: func() string {
			w.nonces++
			return fmt.Sprintf("canary-%015d", w.nonces)
		},
		Jitter: w.rng.Float64,
	}, "sim", true, nil)}
}

func startClient() relay.Event { return relay.Started{} }

func (c *client) step(ev relay.Event) {
	w := c.a.w
	if c.a.dead {
		return
	}
	now := w.now()
	for _, e := range append([]relay.Effect(nil),
		c.m.Step(relay.Now(now), ev)...) {
		c.carry(e)
		if c.a.dead {
			return
		}
	}
	c.wake++
	n := c.wake
	if at, ok := c.m.NextWake(); ok {
		w.inside(at-w.now().Up, func() {
			if n == c.wake {
				c.step(relay.Ticked{})
			}
		})
	}
}

// soon feeds the machine what a helper's goroutine brings.
func (c *client) soon(d time.Duration, ev func() relay.Event) {
	c.a.w.inside(d, func() { c.step(ev()) })
}

func (c *client) carry(e relay.Effect) {
	w := c.a.w
	switch e := e.(type) {
	case relay.ReadHead:
		c.readHead(e.Conn)
	case relay.JudgeHead:
		c.judgeHead(e)
	case relay.TakeHead:
		c.takeHead(e.Conn)
	case relay.ReadJournal:
		c.readJournal(e.Conn)
	case relay.Dial:
		c.dial(e)
	case relay.Send:
		c.send(e)
	case relay.Close:
		c.vanishes()
	case relay.Handle:
		c.handle(e.Message)
	case relay.PostCanary:
		w.relay.hook(hookRequest{shared: true, canary: e.Nonce, terminal: e.Terminal},
			w.between(5*time.Millisecond, 200*time.Millisecond), func(err error) {
				w.inside(w.between(time.Millisecond, 100*time.Millisecond),
					func() { c.step(relay.CanaryPosted{Nonce: e.Nonce, Err: err}) })
			})
	case relay.Observe:
		c.observe(e.Observation)
	default:
		w.fail("an effect of the relay's client that nobody knows: %T", e)
	}
}

// readHead is GET /v1/head, over the same network as the dial after it.
func (c *client) readHead(n int) {
	w := c.a.w
	c.soon(w.between(5*time.Millisecond, 300*time.Millisecond), func() relay.Event {
		if w.relay.isDown() || w.hit(dialFails) {
			return relay.HeadRead{Conn: n, Err: errors.New("connection refused")}
		}
		known, err := w.relay.answersHead()
		return relay.HeadRead{Conn: n, Known: relay.KnownHead{Head: known}, Err: err}
	})
}

// judgeHead is Judge of internal/app/agent.
func (c *client) judgeHead(e relay.JudgeHead) {
	known := journalHead(e.Known.Head)
	c.a.w.oracle.isTold(e.Conn, known)
	c.a.ask(func(t engine.Ticket) engine.Event {
		return engine.RelayRemembered{Known: known, To: t}
	}, func(ans engine.Answer) {
		c.soon(c.a.w.between(0, time.Millisecond), func() relay.Event {
			return relay.HeadJudged{Conn: e.Conn, Err: ans.Err}
		})
	})
}

func journalHead(h *relay.Head) payment.Head {
	if h == nil {
		return payment.Head{}
	}
	return payment.Head{JournalID: h.JournalID, Seq: int64(h.Seq), Hash: h.Hash}
}

// takeHead is Tell of internal/app/agent.
func (c *client) takeHead(n int) {
	c.a.ask(func(t engine.Ticket) engine.Event { return engine.Inspected{To: t} },
		func(ans engine.Answer) {
			doubt := ans.Err != nil || ans.State.RolledBack != nil || !ans.State.Judged
			c.soon(c.a.w.between(0, 2*time.Millisecond), func() relay.Event {
				h, err := c.head()
				return relay.HeadTaken{Conn: n, Head: h, OK: !doubt && err == nil}
			})
		})
}

// readJournal asks the engine where to go on, as relayJournal of internal/app/agent does.
func (c *client) readJournal(n int) {
	c.a.ask(func(t engine.Ticket) engine.Event { return engine.Resuming{To: t} },
		func(ans engine.Answer) {
			c.soon(c.a.w.between(0, 2*time.Millisecond), func() relay.Event {
				ev := relay.JournalRead{Conn: n, Position: relay.Position(ans.Position),
					Has: ans.Position != payment.Position{}, Err: ans.Err}
				if ev.Err == nil {
					ev.Head, ev.Err = c.head()
				}
				return ev
			})
		})
}

func (c *client) head() (relay.Head, error) {
	h, err := c.a.w.disk.Head()
	return relay.Head{JournalID: h.JournalID, Seq: uint64(max(0, h.Seq)), Hash: h.Hash}, err
}

func (c *client) dial(e relay.Dial) {
	w := c.a.w
	if w.relay.isDown() || w.hit(dialFails) {
		c.soon(w.between(10*time.Millisecond, 10*time.Second), func() relay.Event {
			return relay.Dialed{Conn: e.Conn, Err: errors.New("connection refused")}
		})
		return
	}
	k := &conn{w: w, client: c, n: e.Conn, up: true}
	c.conn = k
	c.soon(w.between(5*time.Millisecond, 300*time.Millisecond), func() relay.Event {
		if !k.up {
			return relay.Dialed{Conn: e.Conn, Err: errors.New("connection reset")}
		}
		w.say("client", "says hello, position %s", positionText(e.Hello.Position))
		w.oracle.helloIsSaid(e.Conn)
		k.toRelay(e.Hello)
		return relay.Dialed{Conn: e.Conn}
	})
}

func positionText(p *relay.Position) string {
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("%s/%d", p.Epoch, p.Seq)
}

func (c *client) send(e relay.Send) {
	switch m := e.Message.(type) {
	case relay.Ack:
		c.a.w.oracle.acknowledges(m)
	case relay.HeadMessage:
		c.a.w.oracle.tellsHead(m.Journal)
	}
	if k := c.conn; k != nil && k.n == e.Conn {
		k.toRelay(e.Message)
	}
}

// handle gives one message to the engine; the head is read after the commit.
func (c *client) handle(m relay.Message) {
	done := func(ans engine.Answer) {
		err := ans.Err
		c.soon(c.a.w.between(0, time.Millisecond), func() relay.Event {
			ev := relay.Handled{Err: err}
			if err == nil {
				ev.Head, ev.Err = c.head()
			}
			return ev
		})
	}
	switch m := m.(type) {
	case relay.Delivery:
		env := payment.Envelope{
			Method: m.Hook.Method, Path: m.Hook.Path, Query: m.Hook.Query, Headers: m.Hook.Headers,
			Body: m.Hook.Body, ReceivedAt: m.ReceivedAt,
		}
		c.a.w.say("client", "delivers %s/%d to the engine: %s", m.Position.Epoch, m.Position.Seq,
			m.Kind)
		c.a.ask(func(t engine.Ticket) engine.Event {
			return engine.Delivered{Envelope: env, Position: payment.Position(m.Position),
				Mark: m.Kind == relay.KindMark, To: t}
		}, done)
	case relay.Gap:
		c.a.w.say("client", "gap: %s", m.Reason)
		c.a.ask(func(t engine.Ticket) engine.Event {
			return engine.GapFound{Reason: m.Reason, To: t}
		}, done)
	default:
		c.a.w.fail("a message that the relay's client must not hand on: %T", m)
	}
}

// observe is relayObserved of internal/app/agent.
func (c *client) observe(ev relay.Observation) {
	a := c.a
	switch ev := ev.(type) {
	case relay.Connected:
		a.w.say("client", "is connected")
		a.caughtUp, a.lostRelay = false, -1
		a.post(engine.RelayChanged{Connected: true,
			Retention: time.Duration(ev.Welcome.RetentionS) * time.Second})
	case relay.Disconnected:
		a.w.say("client", "is disconnected: %v", ev.Err)
		if a.caughtUp {
			a.caughtUp, a.behindAt = false, a.w.t
		}
		if a.lostRelay < 0 {
			a.lostRelay = a.w.t
		}
		a.post(engine.RelayChanged{Cause: ev.Err.Error()})
	case relay.CaughtUp:
		a.caughtUp = true
		a.post(engine.CaughtUp{})
	case relay.CanaryReturned:
		a.canaryUp = max(a.canaryUp, ev.SentAt)
		a.post(engine.CanaryReturned{SentUp: ev.SentAt})
	case relay.HeadKnown:
		a.post(engine.RelayRemembered{Known: journalHead(ev.Head)})
	case relay.ClockOffset:
		a.post(engine.ClockLearned{Offset: ev.Offset, Uncertainty: ev.Uncertainty})
	case relay.GapSeen, relay.CanaryFailed:
	default:
		a.w.fail("an observation of the relay's client that nobody knows: %T", ev)
	}
}

// asks passes on what the engine wants of the client.
func (c *client) asks(ev relay.Event) { c.soon(0, func() relay.Event { return ev }) }

func (c *client) supersede(old payment.Head) {
	c.soon(0, func() relay.Event {
		return relay.SupersedeAsked{Head: relay.Head{JournalID: old.JournalID,
			Seq: uint64(max(0, old.Seq)), Hash: old.Hash}}
	})
}

// vanishes ends the connection from the kiosk's side; the relay notices.
func (c *client) vanishes() {
	if k := c.conn; k != nil {
		c.conn = nil
		k.closedHere()
	}
}

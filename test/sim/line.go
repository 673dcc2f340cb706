package sim

import (
	"sync"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/device/ecr"
	"kiosk-agent/device/till"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
	"kiosk-agent/test/ecrtill"
)

// line is the shell around the session machine of a till on a line: till.Session without
// goroutines.
type line struct {
	a      *agent
	t      *ecrTill // at its other end
	m      *till.Machine
	up     bool
	detach func()
	inbox  []till.Event
	wake   uint64
	busy   bool

	outcomes outcomes
}

// The dialects are read once for the process; they never change.
var (
	paycube = sync.OnceValues(func() (*ecr.Dialect, error) { return ecr.Builtin("paycube") })
	nets    = sync.OnceValues(func() (*ecr.Dialect, error) { return ecr.Builtin("nets") })
)

// lineKind is a till on a line: the dialect as the agent has it, and as the till speaks it.
type lineKind struct {
	till    string
	dialect func() (*ecr.Dialect, error)
	speaks  func() ecrtill.Dialect

	receipts bool          // it has a field for the till's receipt number
	waits    time.Duration // as configured: till_waits
}

// lineKinds are the tills on a line. All of them begin with the same ECN: nothing but the line
// tells their requests apart.
func lineKinds() []lineKind {
	return []lineKind{
		{till: "till-3", dialect: paycube, speaks: ecrtill.Paycube},
		{till: "till-4", dialect: nets, speaks: ecrtill.Nets, receipts: true,
			waits: 110 * time.Second},
	}
}

func newLine(a *agent, t *ecrTill) *line {
	d, err := t.kind.dialect()
	if err != nil {
		a.w.fail("%v", err)
	}
	m, err := till.NewMachine(till.Config{
		Till: t.name, TerminalID: "K001", Currency: a.w.prof.currency, IDs: a.w, Merchant: "SHOP",
		MerchantID: "M1", Schemes: schemes(), AnswerWithin: a.w.prof.answerWithin,
	}, d)
	if err != nil {
		a.w.fail("%v", err)
	}
	return &line{a: a, t: t, m: m, outcomes: newOutcomes()}
}

// connects and disconnects are the cable's doing.
func (l *line) connects() {
	if l.up {
		return
	}
	l.up, l.busy = true, false
	l.detach = l.a.attach("", func(p payment.Payment) { l.post(till.Changed{Payment: p}) })
	l.step(till.Connected{})
}

func (l *line) disconnects() {
	if !l.up {
		return
	}
	l.up = false
	l.detach()
	l.step(till.Disconnected{})
}

// post brings what the engine says, in the engine's order.
func (l *line) post(ev till.Event) {
	l.inbox = append(l.inbox, ev)
	if len(l.inbox) == 1 {
		l.a.w.inside(l.a.w.between(0, time.Millisecond), func() {
			all := l.inbox
			l.inbox = nil
			for _, ev := range all {
				l.step(ev)
			}
		})
	}
}

func (l *line) step(ev till.Event) {
	w := l.a.w
	if l.a.dead {
		return
	}
	now := w.now()
	for _, e := range append([]till.Effect(nil),
		l.m.Step(till.Now(now), ev)...) {
		l.carry(e)
		if l.a.dead {
			return
		}
	}
	l.wake++
	n := l.wake
	if at, ok := l.m.NextWake(); ok {
		w.inside(at-w.now().Up, func() {
			if n == l.wake {
				l.step(till.Ticked{})
			}
		})
	}
}

func (l *line) carry(e till.Effect) {
	a, w := l.a, l.a.w
	switch e := e.(type) {
	case till.Write:
		if !l.up || l.busy {
			w.fail("the line's session writes while it must not")
		}
		l.busy = true
		l.goesOut(e.Bytes)
		l.t.written(append([]byte(nil), e.Bytes...))
		n := l.t.cable
		w.inside(time.Duration(len(e.Bytes))*time.Millisecond+w.between(0, 2*time.Millisecond),
			func() {
				if l.up && n == l.t.cable {
					l.busy = false
					l.step(till.Drained{})
				}
			})
	case till.AskStart:
		a.ask(func(to engine.Ticket) engine.Event {
			a.starts[to] = l.t.asker(e.Request)
			return engine.StartAsked{Till: l.t.name, Request: e.Request, To: to}
		}, func(ans engine.Answer) {
			l.post(till.Started{To: e.To, Payment: ans.Payment, Err: ans.Err})
		})
	case till.AskCancel:
		l.isCancelled(e.Key.ID)
		a.ask(func(to engine.Ticket) engine.Event {
			return engine.CancelAsked{Till: l.t.name, Key: e.Key, To: to}
		},
			func(ans engine.Answer) {
				l.post(till.Cancelled{To: e.To, Payment: ans.Payment, Err: ans.Err})
			})
	case till.AskLast:
		l.askLast(e)
	case till.AskOffer:
		l.outcomes.id, l.outcomes.frame = e.ID, e.Frame
		if w.hit(tillRushes) {
			w.after(w.between(0, 4*time.Millisecond), l.t.rushes)
		}
		a.ask(func(to engine.Ticket) engine.Event {
			return engine.Offering{Till: l.t.name, ID: e.ID, Revision: e.Revision, Frame: e.Frame,
				To: to}
		}, func(ans engine.Answer) { l.post(till.Offered{To: e.To, Err: ans.Err}) })
	case till.AskAcknowledge:
		l.isAcked(e)
		a.ask(func(to engine.Ticket) engine.Event {
			return engine.Acknowledged{Till: l.t.name, ID: e.ID, Revision: e.Revision, To: to}
		}, func(ans engine.Answer) { l.post(till.Acknowledged{To: e.To, Err: ans.Err}) })
	case till.AskSupersede:
		a.ask(func(to engine.Ticket) engine.Event {
			return engine.Superseding{Till: l.t.name, Key: e.Key, To: to}
		}, func(ans engine.Answer) {
			if ans.Err == nil {
				w.oracle.superseded(l.t.name, e.Key)
			}
			l.post(till.Superseded{To: e.To, Err: ans.Err})
		})
	case till.AskSold:
		a.ask(func(to engine.Ticket) engine.Event {
			return engine.SoldAsked{Till: l.t.name, From: e.From, Until: e.Until, To: to}
		}, func(ans engine.Answer) {
			l.post(till.SoldRead{To: e.To, Sold: ans.Sold, Err: ans.Err})
		})
	case till.AskStatus:
		a.ask(func(to engine.Ticket) engine.Event { return engine.Inspected{To: to} },
			func(ans engine.Answer) {
				l.post(till.StatusRead{To: e.To, Status: statusOf(ans.State), Err: ans.Err})
			})
	case till.Close, till.Count:
	case till.Note:
		w.say("session", "%s %v", e.Text, e.Args)
	default:
		w.fail("an effect of the line's session that nobody knows: %T", e)
	}
}

// askLast reads the newest sale after those before it, as till.Session does.
func (l *line) askLast(e till.AskLast) {
	last := func(page payment.Page) {
		l.a.ask(func(to engine.Ticket) engine.Event {
			return engine.GetAsked{Till: l.t.name, Newest: true, To: to}
		}, func(ans engine.Answer) {
			l.post(till.LastRead{To: e.To, Payment: ans.Payment, Err: ans.Err,
				Before: till.OlderThan(page.Payments, ans.Payment.ID)})
		})
	}
	if !e.Before {
		last(payment.Page{})
		return
	}
	l.a.ask(func(to engine.Ticket) engine.Event {
		return engine.ListAsked{Till: l.t.name, Query: till.History(), To: to}
	}, func(ans engine.Answer) {
		if ans.Err != nil {
			l.post(till.LastRead{To: e.To, Err: ans.Err})
			return
		}
		last(ans.Page)
	})
}

func statusOf(s engine.Snapshot) device.Status {
	st := device.Status{Ready: s.Ready, Reasons: s.Reasons}
	if s.Active != nil {
		st.Active = device.NewOutline(*s.Active)
	}
	return st
}

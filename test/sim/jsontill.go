package sim

import (
	"fmt"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// jsonTill is a till that speaks JSON-RPC over a WebSocket, as the engine sees it: start, cancel,
// get, last, list, acknowledge, and a connection that comes and goes. Its book is the sales of
// w.sales that are its own.
type jsonTill struct {
	w       *World
	name    string
	next    int // of its references
	conn    int // number of the connection; it may change while something is on its way
	up      bool
	detach  func()
	shows   bool // it shows the code itself
	showing string
	// arrival of the newest message in each direction: a WebSocket keeps the order
	outAt time.Duration
	inAt  time.Duration
}

func newJSONTill(w *World, name string) *jsonTill {
	return &jsonTill{w: w, name: name, shows: w.prof.ownShow && name == "till-2"}
}

func (t *jsonTill) say(format string, args ...any) { t.w.say(t.name, format, args...) }

// connects opens the WebSocket; what is owed is then sent.
func (t *jsonTill) connects() {
	a := t.w.agent
	if t.up || a == nil {
		return
	}
	t.up = true
	t.conn++
	n := t.conn
	t.say("connects")
	t.detach = a.attach(t.name, func(p payment.Payment) {
		v := t.w.oracle.view(t.name, p)
		if t.w.healed && t.w.prof.habit == lists {
			return
		}
		t.later(n, &t.inAt, func() { t.hears(v) })
	})
}

// later brings what was sent on this connection, unless it ends before.
func (t *jsonTill) later(conn int, newest *time.Duration, do func()) {
	w := t.w
	*newest = max(*newest, w.t+w.between(100*time.Microsecond, 8*time.Millisecond))
	w.after(*newest-w.t, func() {
		if t.up && t.conn == conn {
			do()
		}
	})
}

// leaves ends the connection from the till's side.
func (t *jsonTill) leaves() {
	if !t.up {
		return
	}
	t.say("loses its connection")
	t.up, t.showing = false, ""
	if t.w.agent != nil {
		t.detach()
	}
	t.comesBack(t.w.between(200*time.Millisecond, 40*time.Second))
}

func (t *jsonTill) comesBack(d time.Duration) {
	t.w.after(d, func() {
		if !t.up && t.w.agent != nil {
			t.connects()
			t.asksAgain()
		}
	})
}

func (t *jsonTill) agentGone()   { t.up, t.showing = false, "" }
func (t *jsonTill) agentStarts() { t.comesBack(t.w.between(200*time.Millisecond, 6*time.Second)) }

// ask sends a request on the present connection; the request or its answer is lost with it.
func (t *jsonTill) ask(event func(engine.Ticket) engine.Event, reply func(word)) {
	if !t.up {
		return
	}
	n := t.conn
	t.later(n, &t.outAt, func() {
		if t.w.agent != nil {
			t.w.agent.ask(event, func(ans engine.Answer) {
				word := t.w.oracle.answers(t.name, ans)
				t.later(n, &t.inAt, func() { reply(word) })
			})
		}
	})
}

// wants is a new sale at this till.
func (t *jsonTill) wants() {
	w := t.w
	before := t.previous()
	again := before != nil && before.status != "" && w.hit(tillUsesReferenceAgain)
	if again && before.stored == 0 {
		t.repeats(before) // nobody can tell this from a new sale: it is the same one
		return
	}
	s := w.newSale(t.name)
	s.reference = fmt.Sprintf("R%d", t.next)
	s.timeout = pick(w, 0, 0, 30*time.Second, 60*time.Second, 300*time.Second)
	switch {
	case again:
		s.reference, s.money, s.timeout = before.reference, before.money, before.timeout
	case before != nil && w.hit(tillConflict):
		s.reference, s.money.Amount = before.reference, before.money.Amount+100
	default:
		t.next++
	}
	t.say("wants sale %d: %s, %d", s.no, s.reference, s.money.Amount)
	t.starts(s, 0)
}

// previous is the newest sale.
func (t *jsonTill) previous() *sale {
	var last *sale
	for _, s := range t.w.sales {
		if s.till == t.name {
			last = s
		}
	}
	return last
}

// starts asks for the sale, again and again while the answer is missing.
func (t *jsonTill) starts(s *sale, tries int) {
	w := t.w
	if s.over || s.id != "" {
		return
	}
	if tries > 40 {
		s.over = true
		return
	}
	t.connects()
	t.ask(func(to engine.Ticket) engine.Event {
		w.agent.starts[to] = s
		return engine.StartAsked{Till: t.name, To: to,
			Request: payment.Request{Reference: s.reference, Money: s.money, Timeout: s.timeout}}
	}, func(ans word) { t.started(s, ans) })
	w.after(w.between(3*time.Second, 8*time.Second), func() {
		if t.waits(s) {
			t.starts(s, tries+1) // no answer yet: the same request again
		}
	})
}

func (t *jsonTill) waits(s *sale) bool { return !s.over && s.id == "" }

// asksAgain repeats what has no answer, on a new connection.
func (t *jsonTill) asksAgain() {
	for _, s := range t.w.sales {
		if s.till == t.name && t.waits(s) && s.asked != 0 {
			t.starts(s, 1)
		}
	}
}

// started takes the answer to a start.
func (t *jsonTill) started(s *sale, ans word) {
	w := t.w
	if ans.err != nil {
		t.say("sale %d is refused: %v", s.no, ans.err)
		w.oracle.refused(s, ans.kind())
		switch ans.kind() {
		case payment.CodeBusy, payment.CodeNotReady, payment.CodeJournalUnavailable,
			payment.CodeInternal:
		case payment.CodeReferenceReused, payment.CodeReferenceConflict, payment.CodeAmountInvalid:
			s.over = true
		default:
			w.fail("%s: a refusal that cannot be: %v", t.name, ans.err)
		}
		return
	}
	p := ans.payment
	w.oracle.started(s, p)
	if w.saleOf(p.MerchantRef) != s {
		s.over = true // an earlier sale of its own with this reference
		return
	}
	if s.id == "" {
		s.id = p.ID
		t.say("sale %d is %s, %s", s.no, short(p.ID), p.Status)
		t.follows(s)
	}
	t.book(s, p)
	if w.hit(tillAgain) {
		w.after(w.between(0, 10*time.Second), func() { t.repeats(s) })
	}
}

// repeats asks for the same sale once more, as a till does that is not sure.
func (t *jsonTill) repeats(s *sale) {
	if s.stored > 0 {
		return // it has finished with that sale
	}
	w := t.w
	t.say("asks for sale %d again", s.no)
	t.ask(func(to engine.Ticket) engine.Event {
		w.agent.starts[to] = s
		return engine.StartAsked{Till: t.name, To: to,
			Request: payment.Request{Reference: s.reference, Money: s.money, Timeout: s.timeout}}
	}, func(ans word) {
		if ans.err != nil {
			w.oracle.refused(s, ans.kind())
		} else {
			if s.stored == 0 {
				w.oracle.started(s, ans.payment)
			}
			t.book(s, ans.payment)
		}
	})
}

package engine

import (
	"context"
	"sync"
	"time"

	"kiosk-agent/payment"
)

// Start, Cancel, Get, Last, List, Acknowledge, Shown and Attach are what a till session asks
// (device.Payments documents them).

// Start begins a payment, or returns the one that the reference already names.
func (e *Engine) Start(till string, r payment.Request, reply func(payment.Payment, error)) {
	e.ask(onPayment(reply), func(t Ticket) Event {
		return StartAsked{Till: till, Request: r, To: t}
	})
}

// Cancel replies when the payment is final.
func (e *Engine) Cancel(till string, key payment.Key, reply func(payment.Payment, error)) {
	e.ask(onPayment(reply), func(t Ticket) Event {
		return CancelAsked{Till: till, Key: key, To: t}
	})
}

// Get reads one payment of the till.
func (e *Engine) Get(till string, key payment.Key, reply func(payment.Payment, error)) {
	e.ask(onPayment(reply), func(t Ticket) Event { return GetAsked{Till: till, Key: key, To: t} })
}

// Last reads the payment that the till started last.
func (e *Engine) Last(till string, reply func(payment.Payment, error)) {
	e.ask(onPayment(reply), func(t Ticket) Event {
		return GetAsked{Till: till, Newest: true, To: t}
	})
}

// listPiece is how many payments are read at once for who browses: what a sale that is asked for
// meanwhile may have to wait for.
const listPiece = 10

// List reads a page of the till's payments.
func (e *Engine) List(till string, q payment.ListQuery, reply func(payment.Page, error)) {
	e.ask(func(a Answer) { reply(a.Page, a.Err) },
		func(t Ticket) Event { return ListAsked{Till: till, Query: q, To: t} })
}

// Browse reads a page of the till's payments, some at a time; see device.Payments.
func (e *Engine) Browse(till string, q payment.ListQuery, reply func(payment.Page, error)) {
	e.browse(till, q, nil, reply)
}

// browse goes on with a page of which some has been read.
func (e *Engine) browse(till string, q payment.ListQuery, read []payment.Payment,
	reply func(payment.Page, error)) {
	piece := q
	piece.Limit = min(q.Limit, listPiece)
	e.ask(func(a Answer) {
		q.Limit -= listPiece
		q.Before = a.Page.Next
		a.Page.Payments = append(read, a.Page.Payments...)
		switch {
		case a.Err != nil:
			reply(payment.Page{}, a.Err)
		case q.Limit <= 0 || a.Page.Next == 0:
			reply(a.Page, nil)
		default: // in a goroutine of its own: this one serves the queue, and must not wait for it
			go e.browse(till, q, a.Page.Payments, reply)
		}
	}, func(t Ticket) Event { return ListAsked{Till: till, Query: piece, Later: true, To: t} })
}

// Sold reads what the till has sold in a time; see device.LinePayments.
func (e *Engine) Sold(till string, from, until time.Time, reply func(payment.Sold, error)) {
	e.ask(func(a Answer) { reply(a.Sold, a.Err) }, func(t Ticket) Event {
		return SoldAsked{Till: till, From: from, Until: until, To: t}
	})
}

// Acknowledge books that the till has stored a revision.
func (e *Engine) Acknowledge(till, id string, revision int64, reply func(error)) {
	e.ask(onError(reply), func(t Ticket) Event {
		return Acknowledged{Till: till, ID: id, Revision: revision, To: t}
	})
}

// Shown books that a till with a display of its own shows the code.
func (e *Engine) Shown(till, id string, reply func(error)) {
	e.ask(onError(reply), func(t Ticket) Event { return TillShows{Till: till, ID: id, To: t} })
}

// Offer books one transmission on a line; see device.LinePayments.
func (e *Engine) Offer(till, id string, revision int64, frame []byte, reply func(error)) {
	e.ask(onError(reply), func(t Ticket) Event {
		return Offering{Till: till, ID: id, Revision: revision, Frame: frame, To: t}
	})
}

// Supersede books that a till on a line has asked for another sale; see device.LinePayments.
func (e *Engine) Supersede(till string, key payment.Key, reply func(error)) {
	e.ask(onError(reply), func(t Ticket) Event { return Superseding{Till: till, Key: key, To: t} })
}

func onPayment(reply func(payment.Payment, error)) func(Answer) {
	return func(a Answer) { reply(a.Payment, a.Err) }
}

func onError(reply func(error)) func(Answer) {
	return func(a Answer) { reply(a.Err) }
}

// Attach registers a connection of a till; see device.Payments.
func (e *Engine) Attach(till string, changed func(payment.Payment),
	terminal func()) (detach func()) {
	t, leave := e.register(session{changed: changed, terminal: terminal})
	e.Post(Attached{Till: till, Session: t})
	return sync.OnceFunc(func() {
		leave()
		e.Post(Detached{Till: till})
	})
}

// Watch tells every change without being a till's connection; see device.LinePayments.
func (e *Engine) Watch(changed func(payment.Payment), terminal func()) (detach func()) {
	_, leave := e.register(session{changed: changed, terminal: terminal, live: true})
	return leave
}

func (e *Engine) register(s session) (t Ticket, leave func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.next++
	t = e.next
	e.sessions[t] = &s
	return t, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.sessions, t)
	}
}

// Deliver books what the relay delivered: nil = it is committed. The error says that it is not, and
// must not be acknowledged.
func (e *Engine) Deliver(ctx context.Context, env payment.Envelope, pos payment.Position,
	mark bool) error {
	_, err := e.wait(ctx, func(t Ticket) Event {
		return Delivered{Envelope: env, Position: pos, Mark: mark, To: t}
	})
	return err
}

// Gap books that the relay may have lost or skipped deliveries.
func (e *Engine) Gap(ctx context.Context, reason string) error {
	_, err := e.wait(ctx, func(t Ticket) Event { return GapFound{Reason: reason, To: t} })
	return err
}

// Resume is the position at which the relay is to go on; the zero Position: at its start. Call it
// before each hello, without a connection and with no Deliver or Gap under way: what the relay
// delivers may depend on it.
func (e *Engine) Resume(ctx context.Context) (payment.Position, error) {
	a, err := e.wait(ctx, func(t Ticket) Event { return Resuming{To: t} })
	return a.Position, err
}

// Inspect is the terminal's present state.
func (e *Engine) Inspect(ctx context.Context) (Snapshot, error) {
	a, err := e.wait(ctx, func(t Ticket) Event { return Inspected{To: t} })
	return a.State, err
}

// Resolve books what staff found out about a payment (ID) or about an entry of the worklist that
// belongs to none (Entry), and returns it as it was booked.
func (e *Engine) Resolve(ctx context.Context, r Resolving) (payment.Resolved, error) {
	a, err := e.wait(ctx, func(t Ticket) Event {
		r.To = t
		return r
	})
	return a.Said, err
}

// Confirm books that words of a payment's notification mean a payment, and says which.
func (e *Engine) Confirm(ctx context.Context, id, by string) (words []string, err error) {
	a, err := e.wait(ctx, func(t Ticket) Event { return Confirming{ID: id, By: by, To: t} })
	return a.Words, err
}

// Claim books that a customer says he has paid this final payment.
func (e *Engine) Claim(ctx context.Context, id string, c payment.Claimed) error {
	_, err := e.wait(ctx, func(t Ticket) Event { return Claiming{ID: id, Claim: c, To: t} })
	return err
}

// CheckAnchor compares the journal with the head that the relay remembers of it; the zero Head is
// none. nil = what follows from it is committed, and the relay's client may say hello.
func (e *Engine) CheckAnchor(ctx context.Context, known payment.Head) error {
	_, err := e.wait(ctx, func(t Ticket) Event { return RelayRemembered{Known: known, To: t} })
	return err
}

// Recover books that staff accept this journal although the relay remembers a newer one.
func (e *Engine) Recover(ctx context.Context, by, reason string) error {
	_, err := e.wait(ctx, func(t Ticket) Event { return Recovering{By: by, Reason: reason, To: t} })
	return err
}

func (e *Engine) wait(ctx context.Context, event func(Ticket) Event) (Answer, error) {
	got := make(chan Answer, 1)
	e.ask(func(a Answer) { got <- a }, event)
	select {
	case a := <-got:
		return a, a.Err
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kiosk-agent/payment"
)

// queueLen is how many events may wait for the writer. A full queue makes the callers wait; nothing
// is dropped.
const queueLen = 256

// restAfter is how long nothing is committed before the journal may do what nobody waits for.
const restAfter = time.Second

// maxPassed is how many events may pass one that can wait, one after the other.
const maxPassed = 32

// retryAfter is how soon the writer tries again what could not be committed.
const retryAfter = time.Second

// The longest the shell sleeps: that there is no room for the journal is told by nobody, and where
// it has no other alarm, a timer of Go's stops while the machine is suspended.
const (
	napOpen = time.Second
	napIdle = 15 * time.Second
)

// Clock tells the time of an event.
type Clock interface{ Now() Now }

// Alarm wakes the shell: Reset has it ring once, after d on the clock of the events. One that rings
// at any other moment does no harm. bootclock.Alarm is one.
type Alarm interface {
	Reset(d time.Duration)
	Close()
}

// Output ports: what the shell does with effects. None may block.
type (
	// Canvas shows views on the customer display.
	Canvas interface{ Show(View) }
	// Network reaches beyond the machine.
	Network interface {
		SendCanary()
		// TellHead asks that the relay be told the journal's head soon.
		TellHead()
		// Query asks an account about a payment; reply is called exactly once, from any goroutine.
		Query(at payment.Account, merchantRef string, reply func(payment.QueryAnswer))
		// Mint asks the gateway for a code; reply is called exactly once, from any goroutine.
		Mint(r payment.MintRequest, reply func(payment.MintAnswer))
		// Close asks an account to take no payment for a code any more.
		Close(at payment.Account, merchantRef, providerRef string)
		// AdoptJournal tells the relay that this journal replaces the one of this head.
		AdoptJournal(lost payment.Head)
		// ReadAgain has the relay's client say hello anew, which asks Resume where to begin.
		ReadAgain()
	}
)

// Engine is the shell around a Machine. Its methods may be called from any goroutine; replies and
// sessions' callbacks come from the one that Run uses, and must not block.
type Engine struct {
	machine *Machine
	journal Journal
	clock   Clock
	canvas  Canvas
	network Network
	log     *slog.Logger
	hook    func(step string) // tests stop the process at named steps; nil in production
	// newAlarm makes what wakes Run
	newAlarm func(ring func()) (Alarm, error)

	queue chan Event
	later chan Event // what reads much and hurries nobody
	// boot clock of the newest commit
	committed time.Duration
	passed    int // events since one of later was taken that could have been
	done      chan struct{}

	mu       sync.Mutex
	next     Ticket
	waiting  map[Ticket]func(Answer)
	sessions map[Ticket]*session
}

type session struct {
	changed  func(payment.Payment)
	terminal func()
	// a till's connection hears nothing before the machine counts it: nothing would be booked as
	// offered
	live bool
}

// New makes an engine; Run starts it.
func New(m *Machine, j Journal, clock Clock, canvas Canvas, network Network,
	log *slog.Logger) *Engine {
	return &Engine{
		machine: m, journal: j, clock: clock, canvas: canvas, network: network, log: log,
		queue: make(chan Event, queueLen), later: make(chan Event, queueLen),
		done:    make(chan struct{}),
		waiting: make(map[Ticket]func(Answer)), sessions: make(map[Ticket]*session),
		newAlarm: newTimer,
	}
}

// timer is an alarm by Go's clock.
type timer struct{ *time.Timer }

func newTimer(ring func()) (Alarm, error) {
	t := timer{time.AfterFunc(napIdle, ring)}
	t.Stop()
	return t, nil
}

func (t timer) Reset(d time.Duration) { t.Timer.Reset(d) }
func (t timer) Close()                { t.Stop() }

// OnStep calls f between the steps of a payment ("committed", "answered"): for crash tests. Call it
// before Run.
func (e *Engine) OnStep(f func(step string)) { e.hook = f }

// WakeBy has another alarm wake Run than a timer of Go's. Call it before Run.
func (e *Engine) WakeBy(newAlarm func(ring func()) (Alarm, error)) { e.newAlarm = newAlarm }

// Run folds the journal and then works through events until ctx ends and the queue is empty. It
// returns the journal's error when the start fails; later errors of the journal refuse what could
// not be committed and do not end it.
func (e *Engine) Run(ctx context.Context) error {
	defer e.stop()
	due := make(chan struct{}, 1)
	alarm, err := e.newAlarm(func() {
		select {
		case due <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer alarm.Close()
	out, err := e.machine.Start(e.clock.Now())
	if err != nil {
		return err
	}
	failed := e.conclude(out)
	e.canvas.Show(e.machine.view)
	for {
		var ev Event
		idle := false
		if ctx.Err() == nil {
			ev = e.urgent()
		}
		if ev == nil {
			alarm.Reset(e.nap(failed))
			select {
			case ev = <-e.queue:
			case ev = <-e.later:
				e.passed = 0
			case <-due:
				ev, idle = Ticked{}, true
			case <-ctx.Done():
				e.drain()
				return nil
			}
		}
		if failed = e.take(ev); idle && !failed {
			e.rest()
		}
	}
}

// rest lets the journal do what it does better while nobody waits: behind what was due, for
// somebody may have waited for that.
func (e *Engine) rest() {
	if len(e.queue) > 0 || e.clock.Now().Up-e.committed < restAfter {
		return
	}
	if err := e.journal.Rest(); err != nil {
		e.log.Warn("the journal could not be put in order", "error", err)
	}
}

// urgent is the next event that waits already; nil = none. One that can wait is passed by the
// others, for a customer stands there, but not for ever.
func (e *Engine) urgent() (ev Event) {
	if e.passed < maxPassed {
		select {
		case ev = <-e.queue:
		default:
			return nil
		}
		if len(e.later) > 0 {
			e.passed++
		}
		return ev
	}
	select {
	case ev = <-e.later:
	default:
	}
	e.passed = 0
	return ev
}

func (e *Engine) take(ev Event) (failed bool) {
	if a, ok := ev.(Attached); ok {
		e.mu.Lock()
		if s := e.sessions[a.Session]; s != nil {
			s.live = true
		}
		e.mu.Unlock()
	}
	return e.conclude(e.machine.Step(e.clock.Now(), ev))
}

// drain finishes what was asked before the end.
func (e *Engine) drain() {
	for {
		select {
		case ev := <-e.queue:
			e.take(ev)
		case ev := <-e.later:
			e.take(ev)
		default:
			return
		}
	}
}

// stop answers everybody who still waits: the outcome will be told by the next process.
func (e *Engine) stop() {
	e.mu.Lock()
	close(e.done)
	waiting := e.waiting
	e.waiting = nil
	e.mu.Unlock()
	for _, reply := range waiting {
		reply(Answer{Err: errStopping()})
	}
}

func errStopping() *payment.Error {
	return &payment.Error{
		Code: payment.CodeInternal, Op: "ask", Message: "the agent is stopping",
		Hint: "connect again, then ask for the payment", Retryable: true,
	}
}

func (e *Engine) nap(failed bool) time.Duration {
	if failed {
		return retryAfter
	}
	nap := napIdle
	if len(e.machine.open) > 0 {
		nap = napOpen
	}
	if at, ok := e.machine.NextWake(); ok {
		nap = min(nap, max(0, at-e.clock.Now().Up))
	}
	return nap
}

// conclude commits a step and carries out what follows, in order. It reports whether the commit
// failed.
func (e *Engine) conclude(out Output) (failed bool) {
	effects := out.Then
	if out.Durable() {
		if err := e.journal.Append(out.Facts, out.Position); err != nil {
			e.machine.Failed(out)
			e.log.Error("the journal took no entry", "facts", len(out.Facts), "error", err)
			failed, effects = true, out.Else
		} else {
			e.committed = e.clock.Now().Up
			e.at("committed", out)
		}
	}
	if !failed {
		e.machine.Committed(out)
	}
	for _, ef := range effects {
		e.carry(ef)
	}
	if !failed { // nobody waits for the log
		e.logFacts(out.Facts)
	}
	return failed
}

func (e *Engine) at(step string, out Output) {
	if e.hook == nil {
		return
	}
	for _, f := range out.Facts {
		e.hook(step + ":" + string(f.Kind()))
	}
}

func (e *Engine) logFacts(facts []payment.Fact) {
	for _, f := range facts {
		e.log.Info("fact", "kind", f.Kind(), "payment", f.Payment, "seq", f.Seq)
	}
}

func (e *Engine) carry(ef Effect) {
	switch ef := ef.(type) {
	case Answer:
		e.reply(ef)
	case Changed:
		for _, s := range e.attached() {
			s.changed(ef.Payment)
		}
	case Owed:
		e.mu.Lock()
		s, ok := e.sessions[ef.Session]
		e.mu.Unlock()
		if ok {
			s.changed(ef.Payment)
		}
	case TerminalChanged:
		for _, s := range e.attached() {
			s.terminal()
		}
	case Show:
		e.canvas.Show(ef.View)
	case SendCanary:
		e.network.SendCanary()
	case CarryHead:
		e.network.TellHead()
	case SendQuery:
		e.network.Query(ef.Account, ef.MerchantRef, func(a payment.QueryAnswer) {
			e.Post(Queried{Payment: ef.Payment, Account: ef.Account, Round: ef.Round, Answer: a})
		})
	case SendMint:
		e.network.Mint(ef.Request, func(a payment.MintAnswer) {
			e.Post(MintReturned{Payment: ef.Payment, Answer: a})
		})
	case CloseCode:
		e.network.Close(ef.Account, ef.MerchantRef, ef.ProviderRef)
	case Anchored:
		e.journal.Anchored()
	case AdoptJournal:
		e.network.AdoptJournal(ef.Lost)
	case ReadAgain:
		e.network.ReadAgain()
	case Note:
		if ef.Warn {
			e.log.Warn(ef.Text, ef.Args...)
		} else {
			e.log.Info(ef.Text, ef.Args...)
		}
	default:
		panic(fmt.Sprintf("engine: no case for the effect %T", ef))
	}
}

func (e *Engine) attached() []*session {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*session, 0, len(e.sessions))
	for _, s := range e.sessions {
		if s.live {
			all = append(all, s)
		}
	}
	return all
}

func (e *Engine) reply(a Answer) {
	e.mu.Lock()
	f := e.waiting[a.To]
	delete(e.waiting, a.To)
	e.mu.Unlock()
	if f != nil {
		f(a)
	}
}

// Post hands an event to the writer. It waits while the queue is full, and does nothing once Run
// has returned.
func (e *Engine) Post(ev Event) {
	queue := e.queue
	if list, ok := ev.(ListAsked); ok && list.Later {
		queue = e.later
	}
	select {
	case queue <- ev:
	case <-e.done:
	}
}

// ask posts an event with a ticket; reply is called exactly once.
func (e *Engine) ask(reply func(Answer), event func(Ticket) Event) {
	e.mu.Lock()
	if e.waiting == nil {
		e.mu.Unlock()
		reply(Answer{Err: errStopping()})
		return
	}
	e.next++
	t := e.next
	e.waiting[t] = reply
	e.mu.Unlock()
	e.Post(event(t))
}

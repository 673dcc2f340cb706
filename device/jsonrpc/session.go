package jsonrpc

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

const (
	// maxPending bounds the messages that wait for their turn; while so many wait, no more are
	// read.
	maxPending = 64
	// statusWithin bounds the making of one terminal.changed.
	statusWithin = 5 * time.Second
)

// session serves one connection of one till, whatever its transport: it is the machine's shell and
// owns four goroutines (reader, worker, status, and run's own as the writer's supervisor).
type session struct {
	till     Till
	conn     Conn
	payments device.Payments
	terminal device.Terminal
	log      *slog.Logger
	metrics  *metrics
	flush    time.Duration // how long the outbox may take to empty at shutdown
	options  sessionOptions

	mu      sync.Mutex // guards machine, detach and left
	machine machine
	detach  func()
	left    bool // run has let go of the engine

	slots chan struct{} // one for each message that is not over; a full one stops the reader
	// holds one: the machine carries out one call at a time, so a send never blocks
	work  chan *call
	dirty chan struct{} // holds one: the readiness changed
	idle  chan struct{} // holds one: the machine has nothing left to do
	ended chan Ending   // holds one: the first reason to end; later ones are dropped
	out   *outbox
}

// sessionOptions are the differences between transports.
type sessionOptions struct {
	// maxResponse is the size that an answer may have, in bytes; 0 = any. payment.list gives
	// smaller pages then.
	maxResponse int
	// maxBatchAnswer is how large the answer to a batch may be before the calls that are left are
	// refused; 0 = the usual.
	maxBatchAnswer int
	// resendOnInfo sends owed outcomes each time the till calls terminal.info instead of on
	// connecting: that the line is open does not mean that a till listens, and the engine books as
	// offered what it sends. A till whose first call is another one is heard as well, so it is
	// registered before that call.
	resendOnInfo bool
	// decode reads a message; false leaves it unanswered. nil = decode.
	decode func(raw []byte) (message, bool)
}

func newSession(s *Server, till Till, conn Conn, o sessionOptions) *session {
	v := &session{
		till: till, conn: conn, payments: s.payments, terminal: s.terminal,
		log: s.log.With("till", till.Name), metrics: s.metrics,
		flush: s.cfg.FlushWait, options: o,
		slots: make(chan struct{}, maxPending), work: make(chan *call, 1),
		dirty: make(chan struct{}, 1), idle: make(chan struct{}, 1),
		ended: make(chan Ending, 1), out: newOutbox(),
	}
	v.machine = machine{till: till.Name,
		maxBatchAnswer: cmp.Or(o.maxBatchAnswer, maxBatchAnswer)}
	if v.options.decode == nil {
		v.options.decode = func(raw []byte) (message, bool) { return decode(raw), true }
	}
	return v
}

// run serves until the connection ends or ctx does, and returns when all of its goroutines have
// ended.
func (s *session) run(ctx context.Context) Ending {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	if !s.options.resendOnInfo {
		s.attach()
	}
	wg.Go(func() { s.read(inner) })
	wg.Go(func() { s.carryOut(inner) })
	wg.Go(func() { s.watchStatus(inner) })
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.write(inner)
	}()

	var why Ending
	select {
	case why = <-s.ended:
	case <-ctx.Done():
		why = EndShutdown
	}
	if why == EndPeer {
		s.settle(ctx)
	}
	s.release(true)
	cancel()
	if why == EndShutdown {
		select {
		case <-written: // the writer empties the outbox first
		case <-s.ended:
		case <-time.After(s.flush):
		}
	}
	s.conn.Close(why)
	<-written
	wg.Wait()
	return why
}

// end asks run to end; the first reason counts.
func (s *session) end(why Ending) {
	select {
	case s.ended <- why:
	default:
	}
}

// settle lets what a till had sent before it closed be carried out, within a bounded time.
func (s *session) settle(ctx context.Context) {
	s.step(left{})
	idle := s.idleNow()
	limit := time.After(s.flush)
	for !idle {
		select {
		case <-s.idle:
		case <-limit:
			return
		case <-ctx.Done():
			return
		}
		idle = s.idleNow()
	}
}

func (s *session) idleNow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.machine.idle()
}

// attach registers the connection (again); the engine then sends what is owed.
func (s *session) attach() {
	s.release(false)
	detach := s.payments.Attach(s.till.Name, s.paymentChanged, s.readinessChanged)
	s.mu.Lock()
	if !s.left {
		s.detach, detach = detach, nil
	}
	s.mu.Unlock()
	if detach != nil { // run has ended meanwhile
		detach()
	}
}

// release lets go of the engine: for good, or so that attach can begin anew.
func (s *session) release(forGood bool) {
	s.mu.Lock()
	detach := s.detach
	s.detach = nil
	s.left = s.left || forGood
	s.mu.Unlock()
	if detach != nil {
		detach()
	}
}

// read hands messages to the machine. Once the session has ended it only discards, until Conn.Read
// ends.
func (s *session) read(ctx context.Context) {
	for {
		raw, err := s.conn.Read()
		if err != nil {
			s.end(endingOf(err))
			return
		}
		if ctx.Err() != nil {
			continue
		}
		msg, heed := s.options.decode(raw)
		if !heed {
			continue
		}
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		s.step(received{msg})
	}
}

// step feeds the machine and carries out its effects. The mutex is held all the while, so that what
// two goroutines say reaches the outbox in the machine's order.
func (s *session) step(ev event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.machine.Step(ev) {
		s.carry(e)
	}
	if len(s.machine.held) > maxOutbox {
		s.end(EndSlow)
	}
	if s.machine.idle() {
		select {
		case s.idle <- struct{}{}:
		default:
		}
	}
}

func (s *session) carry(e effect) {
	switch e := e.(type) {
	case send:
		if !s.out.add(e.message) {
			s.end(EndSlow)
		}
	case run:
		s.work <- e.call
	case count:
		s.count(e.call, e.outcome)
	case free:
		<-s.slots
	default:
		panic(fmt.Sprintf("jsonrpc: no case for the effect %T", e))
	}
}

// carryOut runs one call after the other. A call that is still unanswered when the session ends is
// abandoned, not undone: what it started is the engine's and stays owed to the till.
func (s *session) carryOut(ctx context.Context) {
	e := &env{ctx: ctx, till: s.till, payments: s.payments, terminal: s.terminal,
		maxResponse: s.options.maxResponse}
	attached := true
	if s.options.resendOnInfo {
		attached = false
		e.resend = func() {
			attached = true
			s.attach()
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-s.work:
			if ctx.Err() != nil {
				return
			}
			if !attached && c.method != infoMethod {
				e.resend()
			}
			var once sync.Once
			c.run(e, func(o outcome) {
				once.Do(func() { s.step(replied{o}) })
			})
		}
	}
}

// paymentChanged and readinessChanged are called from the engine's goroutine.

func (s *session) paymentChanged(p payment.Payment) { s.step(changed{p}) }

func (s *session) readinessChanged() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// watchStatus turns any number of readiness changes into one terminal.changed with the newest
// status.
func (s *session) watchStatus(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirty:
		}
		within, cancel := context.WithTimeout(ctx, statusWithin)
		status, err := s.terminal.Status(within, s.till.Name)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				s.log.Warn("no status for terminal.changed", "error", err)
			}
			continue
		}
		if !s.out.addStatus(terminalChanged(status)) {
			s.end(EndSlow)
		}
	}
}

// write is the connection's only writer. When the session ends it still writes what is in the
// outbox, until Close stops it.
func (s *session) write(ctx context.Context) {
	for {
		msg, ok := s.out.take()
		if ok {
			if err := s.conn.Write(msg); err != nil {
				s.end(EndPeer)
				return
			}
			continue
		}
		select {
		case <-s.out.signal:
		case <-ctx.Done():
			select {
			case <-s.out.signal: // added while ctx ended
			default:
				return
			}
		}
	}
}

// count counts and logs one call that is over. Params are not logged; a notification's refusal is
// seen here only.
func (s *session) count(c *call, o outcome) {
	method, result := c.method, "ok"
	if method == "" {
		method = "other"
	}
	log := s.log.With("method", method)
	if o.payment != "" {
		log = log.With("payment", o.payment)
	}
	switch {
	case o.err == nil:
		log.Debug("request done")
	default:
		e := device.ErrorFor(o.err, s.till.Name)
		result = e.Data.Kind
		if e.Code == device.CodeInternal {
			log.Error("request failed", "error", o.err)
		} else {
			log.Info("request refused", "kind", result, "notification", c.id == nil)
		}
	}
	s.metrics.requests.WithLabelValues(method, result).Inc()
}

package till

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kiosk-agent/device"
	"kiosk-agent/device/ecr"
	"kiosk-agent/internal/refusals"
	"kiosk-agent/payment"
)

const (
	// readSize is the most that is read at once, in bytes.
	readSize = 512
	// drainSlack is how long bytes from the till wait for the end of a Write that may have drained
	// already: its return comes from another goroutine than they do. An ACK that is read earlier
	// than that before the drain does not count.
	drainSlack = 5 * time.Millisecond
	// networkSlack is the same where the line is a network: there a Write has drained as soon as
	// the kernel has the bytes, and one that has not returned when its ACK is here was only not
	// scheduled. A till that hangs up after its ACK sends no second one.
	networkSlack = 250 * time.Millisecond
	// maxNap bounds the sleep of the shell: its timers stop while the machine is suspended, the
	// boot clock does not.
	maxNap = 5 * time.Second
)

// ErrHostile is returned by Run when the peer is no till.
var ErrHostile = errors.New("the connection began with bytes that no till sends")

// Conn is one connection of a line. Read returns (0, nil) when nothing came for a while, so that it
// never blocks for good; Write returns when the last byte has drained, or with an error within a
// bounded time. Read and Write are each called from one goroutine, also at the same time. Close
// makes both return.
type Conn interface {
	Read(p []byte) (n int, err error)
	Write(frame []byte) error
	Close() error
}

// Clock tells the time of an event. bootclock.Clock satisfies it.
type Clock interface{ Now() Now }

// Session is the shell around a Machine: it serves the connections of one till's line, one after
// the other.
type Session struct {
	cfg      Config
	payments device.LinePayments
	terminal device.Terminal
	clock    Clock
	log      *slog.Logger
	refusals *refusals.Log
	metrics  *metrics

	// holds one: the Run whose turn it is, for there is one connection at a time
	turn    chan struct{}
	machine *Machine // belongs to that Run

	trouble atomic.Value // Trouble of the machine, and when
	busy    atomic.Bool  // a sale runs, or is being told
	mu      sync.Mutex
	// replies and changes, in the engine's order; bounded by what was asked and by what changes
	inbox  []Event
	signal chan struct{} // holds one: there is something in the inbox
}

// New makes the session of one till. reg may be nil.
func New(cfg Config, d *ecr.Dialect, payments device.LinePayments, terminal device.Terminal,
	clock Clock, log *slog.Logger,
	reg prometheus.Registerer,
) (*Session, error) {
	info := terminal.Info(cfg.Till)
	if cfg.TerminalID == "" {
		cfg.TerminalID = info.TerminalID
	}
	if cfg.Currency == "" {
		cfg.Currency = info.Currency
	}
	if cfg.Schemes == nil {
		cfg.Schemes = info.Schemes
	}
	if cfg.AnswerWithin == 0 {
		cfg.AnswerWithin = time.Duration(info.AnswerWithin) * time.Second
	}
	machine, err := NewMachine(cfg, d)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Till, reg)
	if err != nil {
		return nil, err
	}
	log = log.With("till", cfg.Till, "dialect", d.Name())
	return &Session{
		cfg: cfg.withDefaults(d), payments: payments, terminal: terminal, clock: clock,
		log: log, refusals: cfg.Refusals.Log(log),
		metrics: m, machine: machine, turn: make(chan struct{}, 1), signal: make(chan struct{}, 1),
	}, nil
}

// Run serves one connection until it ends or ctx does, closes it, and returns when all goroutines
// have ended: nil because of ctx, ErrHostile, or what the connection said. What a sale is owed
// survives, here and in the journal: the next Run goes on. A second Run waits for the first.
func (s *Session) Run(ctx context.Context, conn Conn) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		conn.Close()
		return nil
	}
	inner, cancel := context.WithCancel(ctx)
	c := &connection{
		Session: s, conn: conn, ctx: inner, chunks: make(chan []byte), writes: make(chan []byte, 1),
		wrote: make(chan struct{}, 1), ended: make(chan error, 2),
	}
	detach := s.payments.Watch(func(p payment.Payment) { s.post(Changed{p}) }, func() {})
	c.wg.Go(c.read)
	c.wg.Go(c.write)
	s.metrics.connected.Set(1)
	err := c.loop()
	s.metrics.connected.Set(0)
	detach()
	cancel()
	conn.Close()
	c.wg.Wait()
	c.step(Disconnected{})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Trouble is what is wrong with the line though it is open. It may be called from any goroutine.
func (s *Session) Trouble() Trouble {
	t, _ := s.trouble.Load().(Trouble)
	return t
}

// Busy reports whether a sale runs on the line, or is being told to its till: until then the line
// is that till's. It may be called from any goroutine.
func (s *Session) Busy() bool { return s.busy.Load() }

// Speaks reports whether bytes hold a request of this dialect that was not garbled: what no
// stranger sends.
func Speaks(d *ecr.Dialect, b []byte) bool {
	scan := d.NewRequestScanner()
	for len(b) > 0 {
		var ev ecr.Event
		if ev, b = scan.Next(b); ev.Kind == ecr.Frame {
			return ev.Err == nil && ev.Request.Kind() != ecr.KindUnknown
		}
	}
	return false
}

// post hands an event to the loop. It never blocks: it is called from the engine's goroutine.
func (s *Session) post(ev Event) {
	s.mu.Lock()
	s.inbox = append(s.inbox, ev)
	s.mu.Unlock()
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

func (s *Session) take() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.inbox
	s.inbox = nil
	return all
}

// connection is one Run.
type connection struct {
	*Session
	conn   Conn
	ctx    context.Context // ends when the connection does
	wg     sync.WaitGroup
	chunks chan []byte // from the reader; unbuffered: it waits until the last one was taken
	// to the writer; holds one: the machine never asks for a second Write before Drained
	writes chan []byte
	wrote  chan struct{} // from the writer; holds one, for the same reason
	ended  chan error    // from both; holds one of each
	busy   bool          // a Write has not been answered
	closed bool          // the machine wants the connection closed
}

// loop is the only goroutine that steps the machine. A panic elsewhere cannot leave it half
// stepped.
func (c *connection) loop() error {
	c.step(Connected{})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if c.closed {
			return ErrHostile
		}
		timer.Reset(c.nap())
		select {
		case <-c.ctx.Done():
			return nil
		case err := <-c.ended:
			return err
		case b := <-c.chunks:
			c.settle()
			c.step(Received{b})
		case <-c.wrote:
			c.drained()
		case <-c.signal:
		case <-timer.C:
			c.step(Ticked{})
		}
		c.replies()
	}
}

// replies steps what the engine has said.
func (c *connection) replies() {
	for _, ev := range c.take() {
		c.step(ev)
	}
}

// settle gives a Write that is about to return the time to do so: an ACK must not be judged before
// the drain that it answers.
func (c *connection) settle() {
	if !c.busy {
		return
	}
	slack := drainSlack
	if c.cfg.Network {
		slack = networkSlack
	}
	timer := time.NewTimer(slack)
	defer timer.Stop()
	select {
	case <-c.wrote:
		c.drained()
	case <-timer.C:
	case <-c.ctx.Done():
	}
}

func (c *connection) drained() {
	c.busy = false
	c.step(Drained{})
}

func (c *connection) nap() time.Duration {
	if at, ok := c.machine.NextWake(); ok {
		return min(maxNap, max(0, at-c.clock.Now().Up))
	}
	return maxNap
}

func (c *connection) step(ev Event) {
	for _, e := range c.machine.Step(c.clock.Now(), ev) {
		c.carry(e)
	}
	c.trouble.Store(c.machine.Trouble(c.clock.Now().Up))
	sale := c.machine.current()
	c.Session.busy.Store(sale != nil && (sale.running() || sale.due || c.machine.telling(sale)))
}

// carry does what the machine decided. The engine's replies come back through the inbox, also those
// that come at once.
func (c *connection) carry(e Effect) {
	till := c.cfg.Till
	switch e := e.(type) {
	case Write:
		c.busy = true
		c.writes <- e.Bytes
	case Close:
		c.closed = true
	case AskStart:
		c.payments.Start(till, e.Request,
			func(p payment.Payment, err error) { c.post(Started{e.To, p, err}) })
	case AskCancel:
		c.payments.Cancel(till, e.Key,
			func(p payment.Payment, err error) { c.post(Cancelled{e.To, p, err}) })
	case AskLast:
		c.askLast(e)
	case AskOffer:
		c.payments.Offer(till, e.ID, e.Revision, e.Frame,
			func(err error) { c.post(Offered{e.To, err}) })
	case AskAcknowledge:
		c.payments.Acknowledge(till, e.ID, e.Revision,
			func(err error) { c.post(Acknowledged{e.To, err}) })
	case AskSupersede:
		c.payments.Supersede(till, e.Key, func(err error) { c.post(Superseded{e.To, err}) })
	case AskSold:
		c.payments.Sold(till, e.From, e.Until,
			func(s payment.Sold, err error) { c.post(SoldRead{e.To, s, err}) })
	case AskStatus:
		c.wg.Go(func() {
			within, cancel := context.WithTimeout(c.ctx, c.cfg.StatusWithin)
			defer cancel()
			status, err := c.terminal.Status(within, till)
			c.post(StatusRead{e.To, status, err})
		})
	case Count:
		c.metrics.events.WithLabelValues(string(e.Counter)).Inc()
	case Note:
		c.tell(e)
	default:
		panic(fmt.Sprintf("till: no case for the effect %T", e))
	}
}

// tell writes a note to the log. Whoever reaches a line over TCP can have the same one written as
// often as he likes; the key is the till's name, and the note's text the kind.
func (c *connection) tell(e Note) {
	switch {
	case c.cfg.Network && e.Warn:
		c.refusals.Warn(c.cfg.Till, e.Text, e.Args...)
	case c.cfg.Network:
		c.refusals.Info(c.cfg.Till, e.Text, e.Args...)
	case e.Warn:
		c.log.Warn(e.Text, e.Args...)
	default:
		c.log.Info(e.Text, e.Args...)
	}
}

// askLast reads the newest sale, and first those before it where they are wanted: the newest must
// be told in the order of the changes.
func (c *connection) askLast(e AskLast) {
	type older struct {
		page payment.Page
		err  error
	}
	var before atomic.Pointer[older]
	if e.Before {
		c.payments.List(c.cfg.Till, History(),
			func(page payment.Page, err error) { before.Store(&older{page, err}) })
	}
	c.payments.Last(c.cfg.Till, func(p payment.Payment, err error) {
		o := before.Load()
		switch {
		case !e.Before:
			o = &older{}
		case o == nil: // the agent is stopping: it was not answered in its turn
			o = &older{err: errors.New("the sales before the newest were not read")}
		}
		if o.err != nil {
			c.post(LastRead{To: e.To, Err: o.err})
			return
		}
		c.post(LastRead{e.To, p, OlderThan(o.page.Payments, p.ID), err})
	})
}

// History is what AskLast's Before reads: more sales than a line can have in receiptWindow.
func History() payment.ListQuery { return payment.ListQuery{Limit: 200} }

// OlderThan are the payments of a page, newest first, that are older than this one.
func OlderThan(page []payment.Payment, id string) []payment.Payment {
	i := slices.IndexFunc(page, func(p payment.Payment) bool { return p.ID == id })
	return page[i+1:]
}

// read hands what arrives to the loop.
func (c *connection) read() {
	for c.ctx.Err() == nil {
		b := make([]byte, readSize)
		n, err := c.conn.Read(b)
		if n > 0 {
			select {
			case c.chunks <- b[:n]:
			case <-c.ctx.Done():
				return
			}
		}
		if err != nil {
			c.ended <- err
			return
		}
	}
}

// write is the connection's only writer.
func (c *connection) write() {
	for {
		select {
		case b := <-c.writes:
			if err := c.conn.Write(b); err != nil {
				c.ended <- err
				return
			}
			c.wrote <- struct{}{}
		case <-c.ctx.Done():
			return
		}
	}
}

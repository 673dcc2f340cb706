package serial

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"kiosk-agent/internal/refusals"
)

// steady is how long a line must have been open for the next wait to be the shortest again.
const steady = 5 * time.Second

// State is how a line is.
type State struct {
	Kind   Kind   // serial or tcp, by its String
	Device string // as configured

	// Open: the till can be heard. On tcp-listen: a connection has shown by its first bytes that it
	// may be one.
	Open bool
	// Listening: a tcp-listen line is bound and waits for the till.
	Listening bool
	// Name is what is open: "/dev/ttyUSB0", the peer's address, or the address that is listened on.
	Name string
	// Since is when Open became what it is; zero before the first attempt.
	Since time.Time
	// LastError is why the line is not open, or why it was closed last; Hint is what to do about
	// it. Both are safe to show.
	LastError string
	Hint      string
}

// Options are what a Link works with; each may be nil.
type Options struct {
	Log     *slog.Logger
	Metrics *Metrics
	// OnState is told of each change, in order. It must not block and not call the Link.
	OnState func(State)
	// Guard judges the first bytes of a connection to a tcp-listen line after WebGuard has.
	Guard Guard
	// Takeover is for a tcp-listen line; nil: while one connection is live others are refused.
	Takeover *Takeover
	// Listen opens the address of a tcp-listen line, each time anew; the Link closes what it
	// returns. Its connections are *net.TCPConn. nil = net.Listen.
	Listen func(addr string) (net.Listener, error)
	// Refusals is the throttle of the log's lines that strangers cause. nil: one of its own.
	Refusals *refusals.Throttle
}

// Serve uses one open line until it ends or ctx does; the Link closes it afterwards. What goes
// wrong with the line is known to the Link, so nil is a good result also then. An error that wraps
// ErrHostile, or has a method Hostile() string, says that the peer is no till.
type Serve func(ctx context.Context, c Conn) error

// Link keeps one line open. New makes it.
type Link struct {
	cfg     Config
	target  Target
	log     *slog.Logger
	metrics *Metrics
	onState func(State)
	guard   Guard

	takeover *Takeover
	open     func(addr string) (net.Listener, error)

	host host

	now    func() time.Time
	random func() float64
	pause  func(context.Context, time.Duration) error

	refusals *refusals.Log // a web page can connect a thousand times a second

	mu     sync.Mutex
	state  State
	logged string // the failure that was logged last: the same is not logged each time
}

// New checks cfg.
func New(cfg Config, o Options) (*Link, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	t, err := Parse(cfg.Device)
	if err != nil {
		return nil, err
	}
	l := &Link{
		cfg: cfg.withDefaults(), target: t, log: o.Log, metrics: o.Metrics, onState: o.OnState,
		guard:    o.Guard,
		takeover: o.Takeover, open: o.Listen, host: realHost(cfg.LockDir), now: time.Now,
		random: rand.Float64,
		pause:  pause,
		state:  State{Kind: t.Kind, Device: cfg.Device},
	}
	if l.open == nil {
		l.open = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.metrics == nil {
		l.metrics, _ = NewMetrics(nil) // registers nothing, so it cannot fail
	}
	l.log = l.log.With("till", cfg.Till, "device", cfg.Device)
	l.refusals = o.Refusals.Log(l.log)
	l.metrics.open.WithLabelValues(cfg.Till).Set(0)
	return l, nil
}

// State is how the line is now.
func (l *Link) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Run opens the line and calls serve with it, again and again, until ctx ends. It returns nil when
// serve and everything that Run started have ended. serve is never called twice at the same time.
func (l *Link) Run(ctx context.Context, serve Serve) error {
	wait := backoff{low: l.cfg.RetryMin, high: l.cfg.RetryMax, random: l.random}
	for l.attempt(ctx, serve, &wait) {
	}
	l.change(func(s *State) { s.Open, s.Listening, s.Name = false, false, "" })
	return nil
}

// attempt opens the line once, serves it, and waits for the next attempt; false when there is none.
func (l *Link) attempt(ctx context.Context, serve Serve, wait *backoff) (more bool) {
	if ctx.Err() != nil {
		return false
	}
	lasted, err := l.once(ctx, serve)
	if ctx.Err() != nil {
		return false
	}
	l.failed(err)
	if lasted >= steady {
		wait.reset()
	}
	return l.pause(ctx, wait.next()) == nil
}

// once opens the line and serves it until it breaks; it says how long that went well, and why it
// did not go on.
func (l *Link) once(ctx context.Context, serve Serve) (lasted time.Duration, err error) {
	if l.target.Kind == TCPListen {
		return l.listen(ctx, serve)
	}
	var c *conn
	if l.target.Kind == TCPConnect {
		c, err = l.connect(ctx)
	} else {
		c, err = l.openDevice()
	}
	if err != nil {
		return 0, err
	}
	began := l.now()
	err = l.attend(ctx, c, serve)
	return l.now().Sub(began), err
}

// attend lets serve use c, closes c, and says why it ended.
func (l *Link) attend(ctx context.Context, c *conn, serve Serve) error {
	l.opened(c)
	over := make(chan struct{})
	watched := make(chan struct{})
	go func() { // frees a serve that does not heed ctx
		defer close(watched)
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		t := time.NewTimer(l.cfg.StopWait)
		defer t.Stop()
		select {
		case <-over:
		case <-t.C:
			_ = c.Close()
		}
	}()
	err := serve(ctx, c)
	reason, hostile := hostility(err)
	if hostile {
		l.refused(c.Name(), reason) // before the peer can see that it is closed
	}
	close(over)
	<-watched
	if closeErr := c.Close(); closeErr != nil {
		l.log.Debug("line closed with an error", "error", closeErr)
	}
	if hostile {
		return err
	}
	if cause := c.failure(); cause != nil {
		return cause
	}
	if err == nil {
		err = errors.New("the session ended")
	}
	return err
}

// opened, failed and change keep the state.

func (l *Link) opened(c *conn) {
	l.change(func(s *State) { s.Open, s.Name, s.LastError, s.Hint = true, c.Name(), "", c.warning })
	l.refusals.Info(l.cfg.Till, "line open", "name", c.Name())
	if c.warning != "" {
		l.log.Warn("line is shared", "name", c.Name(), "detail", c.warning)
	}
}

func (l *Link) failed(err error) {
	l.metrics.failures.WithLabelValues(l.cfg.Till, kindOf(err)).Inc()
	text, hint := err.Error(), hintOf(err)
	l.change(func(s *State) {
		s.Open, s.Listening, s.Name, s.LastError, s.Hint = false, false, "",
			text, hint
	})
	l.mu.Lock()
	again := l.logged == text
	l.logged = text
	l.mu.Unlock()
	if !again {
		l.log.Warn("line not open", "error", text, "hint", hint)
	}
}

func (l *Link) change(f func(*State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.state
	f(&l.state)
	if l.state.Open != before.Open || before.Since.IsZero() {
		l.state.Since = l.now()
	}
	if l.state == before {
		return
	}
	value := 0.0
	if l.state.Open {
		value, l.logged = 1, ""
	}
	l.metrics.open.WithLabelValues(l.cfg.Till).Set(value)
	if l.onState != nil {
		l.onState(l.state)
	}
}

// refused counts and logs a connection that is no till's.
func (l *Link) refused(peer, reason string) {
	l.metrics.refused.WithLabelValues(l.cfg.Till, reason).Inc()
	l.refusals.Warn(l.cfg.Till+" "+reason, "connection refused", "addr", peer, "reason", reason)
}

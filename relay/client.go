package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
)

// tickCap bounds the sleep before a due time: Go's timers stand still in suspend, the boot clock
// does not.
const tickCap = 2 * time.Second

// Client keeps one connection to the relay. Its methods may be called from any goroutine.
type Client struct {
	cfg     Config
	stream  string
	journal Journal
	handler Handler
	clock   Clock
	log     *slog.Logger
	observe func(Event)
	metrics *metrics
	http    *http.Client

	// answers of the helpers; a full one makes them wait, and they give up with Run's context
	inputs chan Input
	// holds one: requests made before it is served are served by the same canary
	canaryNow chan struct{}
	supersede chan Head // holds one
	running   sync.Mutex
	stateMu   sync.Mutex
	state     State

	// Of Run's goroutine only.
	wg         sync.WaitGroup // the present Run's helpers
	conn       *websocket.Conn
	dialing    int // number of the dial or connection that counts; 0 = none
	cancelDial context.CancelFunc
}

// NewClient checks cfg and returns a client that does nothing before Run. observe is called from
// Run's goroutine and must not block; it may be nil, and so may reg.
func NewClient(cfg Config, j Journal, h Handler, clock Clock, log *slog.Logger,
	reg prometheus.Registerer, observe func(Event)) (*Client, error) {
	stream, err := cfg.check()
	if err != nil {
		return nil, err
	}
	if observe == nil {
		observe = func(Event) {}
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("relay client: %w", err)
	}
	cfg = cfg.withDefaults()
	c := &Client{
		cfg: cfg, stream: stream, journal: j, handler: h, clock: clock, log: log, observe: observe,
		metrics: m,
		inputs:  make(chan Input, 16), canaryNow: make(chan struct{}, 1),
		supersede: make(chan Head, 1),
	}
	c.http = &http.Client{
		Timeout: cfg.CanaryTimeout,
		CheckRedirect: func(*http.Request,
			[]*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			Proxy: cfg.Proxy, TLSClientConfig: cfg.TLS, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: 16 << 10,
			// Over HTTP/2 canaries share a connection, and a lost one does not end it. Where none
			// comes back in its time a ping decides whether it is dead; where they do, no ping is
			// sent.
			HTTP2: &http.HTTP2Config{SendPingTimeout: cfg.CanaryEvery + cfg.CanaryTimeout/2,
				PingTimeout: cfg.CanaryTimeout / 2},
		},
	}
	return c, nil
}

// Run connects and keeps connecting until ctx ends; then it returns nil, after every goroutine of
// its own has ended. The handler's call under way is waited for. A second concurrent Run is an
// error.
func (c *Client) Run(ctx context.Context) error {
	if !c.running.TryLock() {
		return errors.New("relay client: already running")
	}
	defer c.running.Unlock()
	m := NewMachine(c.cfg.timing(), randomPorts(), c.cfg.Agent, c.cfg.HookURL != "",
		c.cfg.Supersedes)
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		c.closeConn(websocket.CloseGoingAway)
		c.wg.Wait()
		c.http.CloseIdleConnections()
		c.drainInputs()
		c.metrics.connected.Set(0)
		c.setState(func(s *State) {
			s.Connected, s.CaughtUp, s.Since = false, false,
				c.clock.Boot()
		})
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	c.step(ctx, m, InStart{})
	for {
		c.arm(timer, m)
		select {
		case <-ctx.Done():
			return nil
		case in := <-c.inputs:
			if d, ok := in.(dialed); ok {
				in = c.adopt(ctx, d)
			}
			c.step(ctx, m, in)
		case <-c.canaryNow:
			c.step(ctx, m, InCanary{})
		case h := <-c.supersede:
			c.step(ctx, m, InSupersede{h})
		case <-timer.C:
			c.step(ctx, m, InTick{})
		}
	}
}

// SendCanary asks for a canary now; it does not block. When none can be sent, CanaryFailed is
// observed.
func (c *Client) SendCanary() {
	select {
	case c.canaryNow <- struct{}{}:
	default:
	}
}

// Supersede tells the relay, with a new hello, that the journal now in use replaces the one whose
// head was old: staff have recovered. It does not block; of several calls before the first is
// served, the first counts.
func (c *Client) Supersede(old Head) {
	select {
	case c.supersede <- old:
	default:
	}
}

// State returns the client's condition now.
func (c *Client) State() State {
	c.stateMu.Lock()
	defer c.stateMu.Unlock()
	return c.state
}

func (c *Client) setState(change func(*State)) {
	c.stateMu.Lock()
	defer c.stateMu.Unlock()
	change(&c.state)
}

func (c *Client) now() Now { return Now{Boot: c.clock.Boot(), Wall: c.clock.Wall()} }

func (c *Client) arm(timer *time.Timer, m *Machine) {
	wait := tickCap
	if at, ok := m.Next(); ok {
		wait = min(max(at-c.clock.Boot(), 0), tickCap)
	}
	timer.Reset(wait)
}

// step feeds the machine and carries out its effects, and then the inputs that those produced at
// once.
func (c *Client) step(ctx context.Context, m *Machine, in Input) {
	for pending := []Input{in}; len(pending) > 0; pending = pending[1:] {
		for _, e := range m.Step(c.now(), pending[0]) {
			if next := c.perform(ctx, e); next != nil {
				pending = append(pending, next)
			}
		}
	}
}

func (c *Client) perform(ctx context.Context, e Effect) Input {
	switch e := e.(type) {
	case DoReadJournal:
		c.helper(ctx, func() Input { return c.readJournal(ctx, e.Conn) })
	case DoDial:
		dialCtx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
		c.dialing, c.cancelDial = e.Conn, cancel
		c.helper(ctx, func() Input { return c.dial(dialCtx, cancel, e) })
	case DoSend:
		if err := c.write(e.Message); err != nil {
			return InLost{Conn: e.Conn, Err: fmt.Errorf("write: %w", err)}
		}
	case DoClose:
		c.closeConn(websocket.CloseNormalClosure)
	case DoHandle:
		c.helper(ctx, func() Input { return c.handle(ctx, e.Message) })
	case DoPostCanary:
		c.helper(ctx, func() Input { return InPosted{Nonce: e.Nonce, Err: c.postCanary(ctx, e)} })
	case DoObserve:
		c.report(e.Event)
	}
	return nil
}

// helper runs f beside the loop and feeds what it returns back. The machine bounds how many there
// are.
func (c *Client) helper(ctx context.Context, f func() Input) {
	c.wg.Go(func() {
		in := f()
		select {
		case c.inputs <- in:
		case <-ctx.Done():
			if d, ok := in.(dialed); ok && d.conn != nil {
				_ = d.conn.Close()
			}
		}
	})
}

func (c *Client) readJournal(ctx context.Context, conn int) Input {
	in := InJournal{Conn: conn}
	in.Position, in.Has, in.Err = c.journal.Position(ctx)
	if in.Err == nil {
		in.Head, in.Err = c.journal.Head(ctx)
	}
	return in
}

// handle gives one message to the handler, and reads the head that the commit has made.
func (c *Client) handle(ctx context.Context, m Message) Input {
	var in InHandled
	switch m := m.(type) {
	case Delivery:
		in.Err = c.handler.Deliver(ctx, m)
		c.metrics.delivery(m.Kind, in.Err)
	case Gap:
		in.Err = c.handler.Gap(ctx, m.Reason)
	}
	if in.Err == nil {
		in.Head, in.Err = c.journal.Head(ctx)
	}
	return in
}

func (c *Client) postCanary(ctx context.Context, e DoPostCanary) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.HookURL, nil)
	if err != nil {
		return errors.New("the hook URL is not usable")
	}
	req.Header.Set(CanaryHeader, e.Nonce)
	if e.Terminal != "" {
		req.Header.Set(TerminalHeader, e.Terminal)
	}
	req.Header.Set("User-Agent", "kiosk-agent")
	res, err := c.http.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP status %d", res.StatusCode)
	}
	return nil
}

// report updates state, metrics and log, and passes the event on.
func (c *Client) report(e Event) {
	c.metrics.observe(e)
	switch e := e.(type) {
	case Connected:
		c.setState(func(s *State) { s.Connected, s.Since, s.LastError = true, c.clock.Boot(), "" })
		c.log.Info("relay connected", "last", e.Welcome.Last)
	case CaughtUp:
		c.setState(func(s *State) { s.CaughtUp = true })
	case Disconnected:
		c.setState(func(s *State) {
			if s.Connected {
				s.Since = c.clock.Boot()
			}
			s.Connected, s.CaughtUp, s.LastError = false, false, e.Err.Error()
		})
		c.log.Warn("relay disconnected", "err", e.Err, "retry_in", e.RetryIn)
	case GapSeen:
		c.log.Warn("relay reported a gap", "reason", e.Reason)
	case CanaryReturned:
		c.setState(func(s *State) { s.LastCanary, s.CanaryRTT, s.LastError = e.SentAt, e.RTT, "" })
	case CanaryFailed:
		c.setState(func(s *State) { s.LastError = e.Err.Error() })
		c.log.Warn("canary failed", "err", e.Err)
	}
	c.observe(e)
}

func (c *Client) drainInputs() {
	for {
		select {
		case in := <-c.inputs:
			if d, ok := in.(dialed); ok && d.conn != nil {
				_ = d.conn.Close()
			}
		default:
			return
		}
	}
}

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

	"kiosk-agent/internal/bootclock"
)

// Client keeps one connection to the relay. Its methods may be called from any goroutine.
type Client struct {
	cfg     Config
	stream  string // URL
	headURL string
	journal Journal
	handler Handler
	clock   Clock
	log     *slog.Logger
	observe func(Observation)
	metrics *metrics
	http    *http.Client // canaries
	heads   *http.Client // GET /v1/head

	// answers of the helpers; a full one makes them wait, and they give up with Run's context
	events chan Event
	made   chan madeConn // a dial's end
	// holds one: requests made before it is served are served by the same canary
	canaryNow, headNow chan struct{}
	supersede          chan Head     // holds one
	resume             chan struct{} // holds one
	running            sync.Mutex
	stateMu            sync.Mutex
	state              State

	// Of Run's goroutine only.
	wg         sync.WaitGroup // the present Run's helpers
	armed      time.Duration  // when the alarm rings; 0 = not
	conn       *websocket.Conn
	dialing    int // number of the dial or connection that counts; 0 = none
	cancelDial context.CancelFunc
}

// NewClient checks cfg and returns a client that does nothing before Run. observe is called from
// Run's goroutine and must not block; it may be nil, and so may reg.
func NewClient(cfg Config, j Journal, h Handler, clock Clock, log *slog.Logger,
	reg prometheus.Registerer, observe func(Observation)) (*Client, error) {
	stream, head, err := cfg.check()
	if err != nil {
		return nil, err
	}
	if observe == nil {
		observe = func(Observation) {}
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("relay client: %w", err)
	}
	cfg = cfg.withDefaults()
	if cfg.Anchor == nil {
		cfg.Anchor = unjudged{j}
	}
	c := &Client{
		cfg: cfg, stream: stream, headURL: head, journal: j, handler: h, clock: clock, log: log,
		observe: observe, metrics: m,
		events: make(chan Event, 16), made: make(chan madeConn), canaryNow: make(chan struct{}, 1),
		headNow:   make(chan struct{}, 1),
		supersede: make(chan Head, 1), resume: make(chan struct{}, 1),
	}
	c.heads = &http.Client{
		Timeout: cfg.DialTimeout, CheckRedirect: noRedirect,
		// A connection of its own each time, as the stream has: an old one may be dead by now.
		Transport: &http.Transport{Proxy: cfg.Proxy, TLSClientConfig: cfg.TLS,
			DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10},
	}
	c.http = &http.Client{
		Timeout: cfg.CanaryTimeout, CheckRedirect: noRedirect,
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

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Run connects and keeps connecting until ctx ends; then it returns nil, after every goroutine of
// its own has ended. The handler's call under way is waited for. A second concurrent Run is an
// error.
func (c *Client) Run(ctx context.Context) error {
	if !c.running.TryLock() {
		return errors.New("relay client: already running")
	}
	defer c.running.Unlock()
	due := make(chan struct{}, 1)
	alarm, err := bootclock.NewAlarm(func() {
		select {
		case due <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return fmt.Errorf("relay client: %w", err)
	}
	defer alarm.Close()
	c.armed = 0
	m := NewMachine(c.cfg.timing(), randomPorts(), c.cfg.Agent, c.cfg.HookURL != "",
		c.cfg.Supersedes)
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		c.closeConn(websocket.CloseGoingAway)
		c.wg.Wait()
		c.http.CloseIdleConnections()
		c.metrics.connected.Set(0)
		c.setState(func(s *State) {
			s.Connected, s.CaughtUp, s.Since = false, false, c.clock.Now().Up
		})
	}()
	c.step(ctx, m, Started{})
	for {
		c.arm(alarm, m)
		select {
		case <-ctx.Done():
			return nil
		case ev := <-c.events:
			c.step(ctx, m, ev)
		case d := <-c.made:
			c.step(ctx, m, c.adopt(ctx, d))
		case <-c.canaryNow:
			c.step(ctx, m, CanaryAsked{})
		case <-c.headNow:
			c.step(ctx, m, HeadWanted{})
		case h := <-c.supersede:
			c.step(ctx, m, SupersedeAsked{h})
		case <-c.resume:
			c.step(ctx, m, ResumeAsked{})
		case <-due:
			c.armed = 0
			c.step(ctx, m, Ticked{})
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

// TellHead asks that the relay be told the journal's head soon; it does not block. The head follows
// a canary, of which at most one a second is sent for this.
func (c *Client) TellHead() {
	select {
	case c.headNow <- struct{}{}:
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

// Resume gives the present connection up and says hello anew, from where the Journal says then. It
// does not block; several calls before the first is served are one, and one while the Journal is
// being asked does nothing.
func (c *Client) Resume() {
	select {
	case c.resume <- struct{}{}:
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

// arm lets the alarm ring when the machine wants a Ticked.
func (c *Client) arm(alarm *bootclock.Alarm, m *Machine) {
	at, ok := m.NextWake()
	switch {
	case !ok:
		c.armed = 0
		alarm.Stop()
	case at != c.armed:
		c.armed = at
		alarm.Reset(at - c.clock.Now().Up)
	}
}

// step feeds the machine and carries out its effects, and then the events that those produced at
// once.
func (c *Client) step(ctx context.Context, m *Machine, ev Event) {
	for pending := []Event{ev}; len(pending) > 0; pending = pending[1:] {
		for _, e := range m.Step(c.clock.Now(), pending[0]) {
			if next := c.carry(ctx, e); next != nil {
				pending = append(pending, next)
			}
		}
	}
}

func (c *Client) carry(ctx context.Context, e Effect) Event {
	switch e := e.(type) {
	case ReadHead:
		c.helper(ctx, func() Event { return c.readHead(ctx, e.Conn) })
	case JudgeHead:
		c.helper(ctx, func() Event {
			return HeadJudged{Conn: e.Conn, Err: c.cfg.Anchor.Judge(ctx, e.Known)}
		})
	case TakeHead:
		c.helper(ctx, func() Event { return c.takeHead(ctx, e.Conn) })
	case ReadJournal:
		c.helper(ctx, func() Event { return c.readJournal(ctx, e.Conn) })
	case Dial:
		dialCtx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
		c.dialing, c.cancelDial = e.Conn, cancel
		c.wg.Go(func() { c.bring(ctx, c.dial(dialCtx, cancel, e)) })
	case Send:
		if err := c.write(e.Message); err != nil {
			return Lost{Conn: e.Conn, Err: fmt.Errorf("write: %w", err)}
		}
	case Close:
		c.closeConn(websocket.CloseNormalClosure)
	case Handle:
		c.helper(ctx, func() Event { return c.handle(ctx, e.Message) })
	case PostCanary:
		c.helper(ctx, func() Event {
			return CanaryPosted{Nonce: e.Nonce, Err: c.postCanary(ctx, e)}
		})
	case Observe:
		c.report(e.Observation)
	default:
		panic(fmt.Sprintf("relay client: no case for the effect %T", e))
	}
	return nil
}

// helper runs f beside the loop and feeds what it returns back. The machine bounds how many there
// are.
func (c *Client) helper(ctx context.Context, f func() Event) {
	c.wg.Go(func() {
		ev := f()
		select {
		case c.events <- ev:
		case <-ctx.Done():
		}
	})
}

func (c *Client) readJournal(ctx context.Context, conn int) Event {
	ev := JournalRead{Conn: conn}
	ev.Position, ev.Has, ev.Err = c.journal.Position(ctx)
	if ev.Err == nil {
		ev.Head, ev.Err = c.journal.Head(ctx)
	}
	return ev
}

// takeHead asks what may be told; what cannot be read now is read with the next canary.
func (c *Client) takeHead(ctx context.Context, conn int) Event {
	h, ok, err := c.cfg.Anchor.Tell(ctx)
	if err != nil {
		c.log.Warn("the relay was not told the journal's head", "error", err)
	}
	return HeadTaken{Conn: conn, Head: h, OK: ok && err == nil}
}

// handle gives one message to the handler, and reads the head that the commit has made.
func (c *Client) handle(ctx context.Context, m Message) Event {
	var ev Handled
	switch m := m.(type) {
	case Delivery:
		ev.Err = c.handler.Deliver(ctx, m)
		c.metrics.delivery(m.Kind, ev.Err)
	case Gap:
		ev.Err = c.handler.Gap(ctx, m.Reason)
	default:
		ev.Err = ErrUnexpected // what nobody has handled is not acknowledged
	}
	if ev.Err == nil {
		ev.Head, ev.Err = c.journal.Head(ctx)
	}
	return ev
}

func (c *Client) postCanary(ctx context.Context, e PostCanary) error {
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

// report updates state, metrics and log, and passes the observation on.
func (c *Client) report(o Observation) {
	c.metrics.observe(o)
	switch o := o.(type) {
	case Connected:
		c.setState(func(s *State) {
			s.Connected, s.Since, s.LastError = true, c.clock.Now().Up, ""
		})
		c.log.Info("relay connected", "last", o.Welcome.Last)
	case CaughtUp:
		c.setState(func(s *State) { s.CaughtUp = true })
	case Disconnected:
		c.setState(func(s *State) {
			if s.Connected {
				s.Since = c.clock.Now().Up
			}
			s.Connected, s.CaughtUp, s.LastError = false, false, o.Err.Error()
		})
		c.log.Warn("relay disconnected", "error", o.Err, "retry_in", o.RetryIn)
	case GapSeen:
		c.log.Warn("relay reported a gap", "reason", o.Reason)
	case CanaryReturned:
		c.setState(func(s *State) { s.LastCanary, s.CanaryRTT, s.LastError = o.SentAt, o.RTT, "" })
	case CanaryFailed:
		c.setState(func(s *State) { s.LastError = o.Err.Error() })
		c.log.Warn("canary failed", "error", o.Err)
	case HeadKnown, ClockOffset: // for whoever observes
	default:
		panic(fmt.Sprintf("relay client: no case for the observation %T", o))
	}
	c.observe(o)
}

package ui

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"kiosk-agent/internal/bootclock"
	"kiosk-agent/internal/guard"
	"kiosk-agent/internal/refusals"
	"kiosk-agent/payment"
	"kiosk-agent/ui/qr"
)

const (
	defaultBeat = time.Second
	deadBeats   = 3 // beats that a display may leave unanswered, or come without a hello
	maxClients  = 8 // connections at once, active or not; more are answered 503
)

// What a display needs.
const (
	LeastToken = 20 // bytes of its token
	MostName   = 80 // characters of the merchant's name
)

// Hub tells the display what to show and knows what it shows.
type Hub struct {
	cfg     Config
	ev      Events
	log     *slog.Logger
	metrics metrics
	page    page
	guard   guard.Policy
	// of the log: who has no token must not be able to push everything else out of it
	refusals *refusals.Log

	wake chan struct{} // Show has put something into next; one token is enough, the newest wins
	soon chan string   // holds one: a code that Fits has found to fit
	loop *loop

	mu      sync.Mutex
	next    timed
	state   State
	running bool
	ran     bool
	clients int
	wg      sync.WaitGroup
}

// timed is a screen with the end of its countdown on Config.Now's clock.
type timed struct {
	Screen
	until time.Duration
}

// NewHub checks the configuration and prepares the page. Until the first Show the screen is
// out_of_service, reason "starting".
func NewHub(cfg Config, ev Events, log *slog.Logger, reg prometheus.Registerer) (*Hub, error) {
	if cfg.Token.Len() < LeastToken && !cfg.Open {
		return nil, fmt.Errorf("ui: the display token has %d bytes, at least %d are needed",
			cfg.Token.Len(), LeastToken)
	}
	if n := utf8.RuneCountInString(cfg.MerchantName); n < 1 || n > MostName {
		return nil, fmt.Errorf("ui: merchant_name has %d characters, want 1 to %d", n, MostName)
	}
	if cfg.Beat == 0 {
		cfg.Beat = defaultBeat
	}
	if cfg.Beat < 0 {
		return nil, errors.New("ui: a heartbeat needs a positive period")
	}
	if cfg.Now == nil {
		start := time.Now()
		cfg.Now = func() time.Duration { return time.Since(start) }
	}
	page, err := newPage(cfg)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		cfg: cfg, ev: ev, log: log, metrics: m, page: page,
		guard:    guard.Policy{Hosts: cfg.Hosts, Origins: cfg.Origins, SameOrigin: true},
		refusals: cfg.Refusals.Log(log),
		wake:     make(chan struct{}, 1), soon: make(chan string, 1),
		next: timed{Screen: Screen{Kind: payment.ScreenOutOfService, Reason: reasonStarting}},
	}
	h.loop = &loop{h: h, clients: map[*client]struct{}{}, drawn: map[drawKey]*drawing{}}
	return h, nil
}

// Show replaces the screen. It never blocks and may be called before Run; of several quick calls
// only the newest is drawn.
func (h *Hub) Show(s Screen) {
	if !slices.Contains(payment.Screens(), s.Kind) {
		h.log.Error("no such screen", "kind", s.Kind, "payment", s.Payment)
		s.Kind, s.Payload, s.Reason = payment.ScreenOutOfService, "", reasonBadScreen
	}
	s.Schemes = slices.Clone(s.Schemes)
	h.mu.Lock()
	h.next = timed{Screen: s, until: h.cfg.Now() + s.Deadline}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Fits returns nil when the connected display would give this code at least 3 px per module, or
// when no display is known; otherwise an error whose text is safe to show (qr.ErrTooSmall,
// qr.ErrTooLong, qr.ErrEmpty). A code that fits is drawn meanwhile: it is about to be shown.
func (h *Hub) Fits(payload string) error {
	s := h.State()
	if !s.Connected {
		return nil
	}
	_, err := qr.Fit(payload, s.BoxPx)
	if err == nil {
		select {
		case h.soon <- payload:
		default: // one is being drawn: this one is when it is shown
		}
	}
	return err
}

// State is the newest state, the one that DisplayState was last called with.
func (h *Hub) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// Handler serves the page, its assets and the WebSocket.
func (h *Hub) Handler() http.Handler { return h.guard.Wrap(h.routes()) }

// Run serves displays until ctx ends, then says goodbye to them and returns nil once every
// goroutine has ended. It runs once.
func (h *Hub) Run(ctx context.Context) error {
	h.mu.Lock()
	if h.ran {
		h.mu.Unlock()
		return errors.New("ui: the hub has run already")
	}
	l := h.loop
	alarm, err := bootclock.NewAlarm(func() { l.step(l.tick) })
	if err != nil {
		h.mu.Unlock()
		return fmt.Errorf("ui: %w", err)
	}
	l.alarm = alarm
	h.ran, h.running = true, true
	h.mu.Unlock()

	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-h.wake:
			l.step(func() { l.push("screen") })
		case payload := <-h.soon:
			l.step(func() { l.prepare(payload) })
		}
	}

	h.mu.Lock()
	h.running = false
	h.mu.Unlock()
	l.end()
	alarm.Close()
	h.wg.Wait()
	return nil
}

// adopt starts the goroutines of a new connection, or reports that there is no loop to serve it.
func (h *Hub) adopt(c *client) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.running {
		return false
	}
	h.wg.Add(2)
	go func() {
		defer h.wg.Done()
		c.read(h.loop)
		h.release()
	}()
	go func() {
		defer h.wg.Done()
		c.write()
	}()
	return true
}

// reserve and release count connections.
func (h *Hub) reserve() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.running || h.clients >= maxClients {
		return false
	}
	h.clients++
	return true
}

func (h *Hub) release() {
	h.mu.Lock()
	h.clients--
	h.mu.Unlock()
}

func (h *Hub) current() timed {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next
}

func (h *Hub) setState(s State) {
	h.mu.Lock()
	changed := h.state != s
	h.state = s
	h.mu.Unlock()
	if changed {
		h.metrics.connected.Set(b2f(s.Connected))
		h.ev.DisplayState(s)
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

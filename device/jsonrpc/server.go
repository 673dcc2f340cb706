package jsonrpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"kiosk-agent/device"
	"kiosk-agent/internal/guard"
	"kiosk-agent/internal/refusals"
	"kiosk-agent/internal/strangers"
)

const (
	// Path is where tills connect.
	Path = "/v1/till"
	// Subprotocol is what a client must offer.
	Subprotocol = "kiosk-till.v1"
	// tokenPrefix begins the second subprotocol by which a browser, which can set no header, brings
	// its token.
	tokenPrefix = "bearer."
)

// Server serves the till API over WebSocket.
type Server struct {
	cfg      Config
	policy   guard.Policy
	upgrader websocket.Upgrader
	payments device.Payments
	terminal device.Terminal
	log      *slog.Logger
	metrics  *metrics
	// newAlarm makes what wakes a connection; tests with a clock of their own have another one
	newAlarm func(ring func()) (alarm, error)

	// of the log: who has no token must not be able to push everything else out of it
	refusals *refusals.Log

	ctx  context.Context // ends every session
	stop context.CancelFunc
	wg   sync.WaitGroup // requests that are in serve

	mu      sync.Mutex
	closing bool
	running bool
	places  places
	// pages that are being told why they get no connection
	strangers int
}

// New checks cfg and returns a Server that serves as soon as its Handler is asked. reg may be nil.
func New(cfg Config, payments device.Payments, terminal device.Terminal, log *slog.Logger,
	reg prometheus.Registerer) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("till API: %w", err)
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg.withDefaults(), policy: guard.Policy{Hosts: cfg.Hosts,
			Origins: cfg.AllowedOrigins},
		payments: payments, terminal: terminal, log: log, metrics: m, places: newPlaces(),
		refusals: cfg.Refusals.Log(log), newAlarm: bootAlarm,
	}
	s.upgrader = websocket.Upgrader{
		HandshakeTimeout: s.cfg.WriteWait,
		Subprotocols:     []string{Subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // the guard has
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Run waits for ctx, then takes no more connections, closes those that are open (1001) after a
// bounded time to empty their outboxes, and returns nil when all of their goroutines have ended. It
// is called once.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	again := s.running
	s.running = true
	s.mu.Unlock()
	if again {
		return errors.New("till API: Run is called once")
	}
	<-ctx.Done()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.stop()
	s.wg.Wait()
	return nil
}

// Handler serves Path and nothing else.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.policy.Check(r); err != nil {
		why := refusal{status: http.StatusForbidden, reason: "origin", text: err.Error(),
			code: closeNoOrigin, told: "this page's origin is not in allowed_origins"}
		if errors.Is(err, guard.ErrHost) { // who was led here by a false name is told nothing
			why = refusal{status: http.StatusForbidden, reason: "host", text: err.Error()}
		}
		s.refuse(w, r, why)
		return
	}
	if r.URL.Path != Path {
		s.refuse(w, r, refusal{status: http.StatusNotFound, reason: "path",
			text: "the till API is at " + Path})
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		s.refuse(w, r, refusal{status: http.StatusMethodNotAllowed, reason: "method",
			text: "connect with WebSocket"})
		return
	}
	till, ok := s.authenticate(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="kiosk-till"`)
		s.refuse(w, r, refusal{status: http.StatusUnauthorized, reason: "token",
			text: "no till has this token, or none was sent: send Authorization: Bearer " +
				"<token>, or offer the subprotocol bearer.<token>",
			code: closeNoToken, told: "no till has this token, or none was sent"})
		return
	}
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		s.refuse(w, r, refusal{status: http.StatusUpgradeRequired, reason: "upgrade",
			text: "connect with WebSocket"})
		return
	}
	if !offers(r) {
		s.refuse(w, r, refusal{status: http.StatusBadRequest, reason: "subprotocol",
			text: "offer the subprotocol " + Subprotocol})
		return
	}
	p, err := s.enter(till.Name, true)
	if err != nil {
		w.Header().Set("Retry-After", "5")
		s.refuse(w, r, refusal{status: http.StatusServiceUnavailable, reason: "limit",
			text: err.Error(), code: closeFull, told: err.Error()})
		return
	}
	defer s.exit(p)
	strangers.Known(w, r)
	s.serve(w, r, till, p)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, till Till, p *place) {
	c, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil { // Upgrade has answered
		s.metrics.refused.WithLabelValues("upgrade").Inc()
		s.refusals.Warn("upgrade", "till connection refused", "reason", "upgrade", "till",
			till.Name, "error", err)
		return
	}
	conn, err := newWSConn(c, s, p.hear)
	if err != nil {
		s.log.Error("till connection refused", "reason", "resources", "till", till.Name,
			"error", err)
		_ = c.Close()
		return
	}
	gauge := s.metrics.connections.WithLabelValues(till.Name)
	gauge.Inc()
	defer gauge.Dec()
	s.log.Info("till connected", "till", till.Name)
	session := newSession(s, till, conn, sessionOptions{})
	s.seat(p, session)
	why := session.run(s.ctx)
	s.metrics.ends.WithLabelValues(string(why)).Inc()
	s.log.Info("till disconnected", "till", till.Name, "reason", string(why))
}

// authenticate finds the till that the request's one token belongs to. Every till's token is
// compared, in constant time.
func (s *Server) authenticate(r *http.Request) (found Till, ok bool) {
	token := tokenOf(r)
	for _, t := range s.cfg.Tills {
		if t.Token.Matches(token) {
			found, ok = t, true
		}
	}
	return found, ok
}

// tokenOf is the one token that the request brings. A request with several is not understood, and
// so brings none; nil is no till's.
func tokenOf(r *http.Request) []byte {
	var tokens []string
	for _, h := range r.Header.Values("Authorization") {
		scheme, value, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil
		}
		tokens = append(tokens, strings.TrimSpace(value))
	}
	for _, p := range websocket.Subprotocols(r) {
		if value, is := strings.CutPrefix(p, tokenPrefix); is {
			tokens = append(tokens, value)
		}
	}
	if len(tokens) != 1 {
		return nil
	}
	return []byte(tokens[0])
}

func offers(r *http.Request) bool {
	for _, p := range websocket.Subprotocols(r) {
		if p == Subprotocol {
			return true
		}
	}
	return false
}

// Package relayd is the relay server: it stores each hook request durably before it answers 200,
// and delivers it to the terminal's agent, or to those of all terminals of a merchant, over
// outbound WebSockets, following the position that each agent presents. It also keeps the list of
// terminals and merchants, the newest journal head of each terminal, and enrols kiosks.
//
// It reads no hook's content, holds no payment secret, and never deletes a hook because somebody
// acknowledged it: hooks go by age. It terminates TLS only if asked to; of the connections that
// have shown no token and no route yet, each network address has a share.
//
// [Server]'s methods may be called from any goroutine. After a crash everything that was answered
// with 200 is still held; a journal head may be the one of up to a second before; connections are
// made anew by the agents.
package relayd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"kiosk-agent/internal/guard"
	"kiosk-agent/internal/ports"
	"kiosk-agent/internal/refusals"
	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/strangers"
	"kiosk-agent/relay/relayd/rules"
)

// Config of a Server. Zero values mean the default where one is named.
type Config struct {
	// PublicURL is what gateways and agents call: it is printed in hook URLs, and its host is
	// accepted as Host. Default: http:// (https:// with TLS) and the public listener's address, for
	// tests and demos.
	PublicURL string
	// PublicListen and AdminListen are TCP addresses; port 0 picks one. Defaults 127.0.0.1:9090 and
	// 127.0.0.1:9091.
	PublicListen, AdminListen string
	// PublicHosts and AdminHosts are accepted as Host beside loopback names and PublicURL's host.
	PublicHosts, AdminHosts []string
	// AdminSocket is a Unix socket for the admin API, which is not at AdminListen then; "" = it is.
	AdminSocket string
	// AdminToken guards the admin API; required.
	AdminToken secret.Value
	// TLS serves the public listener; nil = plain HTTP behind a proxy that terminates TLS.
	TLS *tls.Config

	// Ports are the sockets that the service manager passed; nil = none.
	Ports *ports.Held

	// PerAddress is how many connections of one address may be open that have shown neither a token
	// nor a route. Default 64; loopback, where a proxy may be, has no bound of its own.
	PerAddress int

	// Store is where hooks are kept.
	Store StoreConfig

	// HookRate and HookBurst limit each route: requests per second, and at once. Defaults 20 and
	// 100.
	HookRate  float64
	HookBurst int
	// Gateways say from where the hooks of some routes come; others are refused there. A route that
	// none names takes them from everywhere. Canaries come from kiosks, and are taken all the same.
	Gateways []Gateway
	// Proxies are the addresses whose X-Forwarded-For says who has sent a request. They have no
	// bound of PerAddress.
	Proxies []netip.Prefix
	// Shapes are those of the gateways' notifications. What has none of them has a tenth of the
	// rate, of the burst and of the quota, beside them. The zero value: everything may be one.
	Shapes rules.Shapes
	// InFlight is how many hooks and marks a connection may hold unacknowledged. Default 64.
	InFlight int
	// Ping is the time between WebSocket pings, and of the poll that covers lost wake-ups; three of
	// them without a sound end a connection. Default 15 s.
	Ping time.Duration

	// Health is told after each look at the store, every 5 s, or Ping if that is less: nil, or that
	// the store takes no writes. A store that is merely full, or whose disk nearly is, is well. It
	// is called by one goroutine and must not wait. Default: nobody is told.
	Health func(error)
	// Now is the wall clock; default time.Now. Tests move it.
	Now func() time.Time
}

const (
	writeTimeout = 10 * time.Second
	helloTimeout = 10 * time.Second
	storeTimeout = 5 * time.Second
	// gateways want an answer within 3 s: a 503 is tried again more often than silence
	hookTimeout   = 2500 * time.Millisecond
	shutdownGrace = 10 * time.Second
)

func (c Config) withDefaults() Config {
	if c.PublicListen == "" {
		c.PublicListen = "127.0.0.1:9090"
	}
	if c.AdminListen == "" {
		c.AdminListen = "127.0.0.1:9091"
	}
	if c.HookRate <= 0 {
		c.HookRate = 20
	}
	if c.HookBurst <= 0 {
		c.HookBurst = 100
	}
	if c.InFlight <= 0 {
		c.InFlight = 64
	}
	if c.Ping <= 0 {
		c.Ping = 15 * time.Second
	}
	if c.PerAddress <= 0 {
		c.PerAddress = 64
	}
	if c.Health == nil {
		c.Health = func(error) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Store = c.Store.withDefaults()
	return c
}

// Server is a running relay.
type Server struct {
	cfg       Config
	log       *slog.Logger
	reg       *prometheus.Registry
	metrics   *metrics
	store     *store
	heads     *heads
	terminals *terminals
	hub       *hub

	enrolments         *rate.Limiter
	publicURL          string
	publicLn, adminLn  net.Listener
	socketLn           net.Listener // nil: the admin API is at adminLn
	public, admin      *strangers.Server
	socket             *strangers.Server
	refusals           *refusals.Log
	guardPub, guardAdm guard.Policy
	stopping           atomic.Bool
	ready              readiness
	storeDown          atomic.Bool // the last probe failed
	closeOnce          atomic.Bool
}

// New opens the store and binds both listeners; Run serves them. reg may be nil. After an error
// nothing is left open.
func New(ctx context.Context, cfg Config, log *slog.Logger, reg *prometheus.Registry) (_ *Server,
	err error) {
	cfg = cfg.withDefaults()
	if cfg.AdminToken.IsZero() {
		return nil, errors.New("relayd: no admin token")
	}
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	s := &Server{cfg: cfg, log: log, reg: reg, hub: newHub(),
		enrolments: rate.NewLimiter(enrolRate, enrolBurst), refusals: refusals.New().Log(log)}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if s.metrics, err = newMetrics(reg, s.hub); err != nil {
		return nil, fmt.Errorf("relayd: %w", err)
	}
	if s.store, err = openStore(ctx, cfg.Store, log); err != nil {
		return nil, fmt.Errorf("relayd: open the store: %w", err)
	}
	s.heads = &heads{kv: s.store.heads, names: s.store.names}
	if s.terminals, err = openTerminals(ctx, s.store, cfg.HookRate, cfg.HookBurst, cfg.Shapes,
		s.terminalChanged); err != nil {
		return nil, fmt.Errorf("relayd: read the terminals: %w", err)
	}
	if err = s.store.listen(s.hub.wake, s.hub.replaceOthers); err != nil {
		return nil, fmt.Errorf("relayd: %w", err)
	}
	if err = s.bind(); err != nil {
		return nil, fmt.Errorf("relayd: %w", err)
	}
	return s, nil
}

func (s *Server) bind() (err error) {
	if s.publicLn, err = s.cfg.Ports.Listen(s.cfg.PublicListen); err != nil {
		return fmt.Errorf("public listener: %w", err)
	}
	if s.adminLn, err = s.cfg.Ports.Listen(s.cfg.AdminListen); err != nil {
		return fmt.Errorf("admin listener: %w", err)
	}
	if s.cfg.AdminSocket != "" {
		if s.socketLn, err = ports.Unix(s.cfg.AdminSocket); err != nil {
			return fmt.Errorf("admin.socket: %w", err)
		}
	}
	s.publicURL = strings.TrimRight(s.cfg.PublicURL, "/")
	if s.publicURL == "" {
		s.publicURL = "http://" + s.publicLn.Addr().String()
		if s.cfg.TLS != nil {
			s.publicURL = "https://" + s.publicLn.Addr().String()
		}
	}
	u, err := url.Parse(s.publicURL)
	if err != nil || u.Host == "" {
		return errors.New("public_url is not a URL")
	}
	s.guardPub = guard.Policy{Hosts: append([]string{u.Host, u.Hostname()}, s.cfg.PublicHosts...)}
	s.guardAdm = guard.Policy{Hosts: s.cfg.AdminHosts}
	s.public = s.listener("public.listen", s.publicHandler(), s.publicLimits(), s.cfg.TLS)
	s.admin = s.listener("admin.listen", s.adminHandler(), adminLimits, nil)
	s.socket = s.listener("admin.socket", s.socketHandler(), adminLimits, nil)
	return nil
}

// PublicAddr, AdminAddr and PublicURL tell where the relay is reached.
func (s *Server) PublicAddr() net.Addr { return s.publicLn.Addr() }

// AdminAddr is the admin listener's address.
func (s *Server) AdminAddr() net.Addr { return s.adminLn.Addr() }

// PublicURL is the start of each hook URL, without a slash at its end.
func (s *Server) PublicURL() string { return s.publicURL }

// Run serves until ctx ends, then shuts down in order: no new hooks, those under way answered,
// connections closed with 1001, store drained and closed. It returns when all goroutines have
// ended. A Server runs once. ErrStoreBroken asks for a restart of the program.
func (s *Server) Run(ctx context.Context) error {
	if s.stopping.Load() {
		return errors.New("relayd: already closed")
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveErr("public", s.public.Serve(s.publicLn)) })
	g.Go(func() error { return serveErr("admin", s.admin.Serve(s.adminLn)) })
	if s.socketLn != nil {
		g.Go(func() error { return serveErr("admin", s.socket.Serve(s.socketLn)) })
	}
	g.Go(func() error { return s.monitor(gctx) })
	g.Go(func() error {
		<-gctx.Done()
		s.shutdown()
		return nil
	})
	return g.Wait()
}

func serveErr(name string, err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("relayd: %s listener: %w", name, err)
}

// shutdown is the order that Run promises.
func (s *Server) shutdown() {
	s.stopping.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if err := s.public.Shutdown(ctx); err != nil {
		s.log.Warn("hooks under way were cut off", "error", err)
		_ = s.public.Close()
	}
	s.hub.closeAll(closeGoingAway, "the relay is shutting down")
	s.hub.wait()
	for _, srv := range []*strangers.Server{s.admin, s.socket} {
		if err := srv.Shutdown(ctx); err != nil {
			_ = srv.Close()
		}
	}
	s.release()
}

// Close releases a server that was never run.
func (s *Server) Close() {
	s.stopping.Store(true)
	s.release()
}

func (s *Server) release() {
	if s.closeOnce.Swap(true) {
		return
	}
	for _, ln := range []net.Listener{s.publicLn, s.adminLn, s.socketLn} {
		if ln != nil {
			_ = ln.Close()
		}
	}
	if s.terminals != nil {
		s.terminals.close()
	}
	if s.store != nil {
		s.store.close()
	}
}

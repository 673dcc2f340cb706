// Package agent wires the parts of kiosk-agent together: journal, gateway, engine, till API, customer display, relay client,
// metrics and the admin socket. It is shared by cmd/kiosk-agent and cmd/kiosk-demo.
//
// It decides nothing about payments. New opens and binds everything, so that a mistake shows at once; Run works until its context
// ends and then stops in order: no more intake, the engine finishes, the journal closes. What survives a crash is the journal's.
package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"kiosk-agent/cmd/internal/config"
	"kiosk-agent/device/jsonrpc"
	"kiosk-agent/internal/bootclock"
	"kiosk-agent/internal/secret"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/payment/axs"
	"kiosk-agent/payment/engine"
	"kiosk-agent/relay"
	"kiosk-agent/ui"
)

// stopWithin bounds each stage of the shutdown.
const stopWithin = 5 * time.Second

// Options is what New needs besides the configuration.
type Options struct {
	Version string
	Log     *slog.Logger
	CredDir string            // $CREDENTIALS_DIRECTORY
	OnStep  func(step string) // tests stop the process between two steps; nil in production
}

// Agent is everything that runs on a kiosk.
type Agent struct {
	cfg      *config.Config
	opts     Options
	log      *slog.Logger
	clock    clock
	registry *prometheus.Registry

	journal *offline.Journal
	engine  *engine.Engine
	tills   *jsonrpc.Server
	lines   []lineTill
	display *ui.Hub
	relay   *relay.Client
	gateway *axs.Gateway

	queries     context.Context // ends with the agent: no transaction query outlives it
	stopQueries context.CancelFunc

	sampleOnce sync.Once
	sample     string

	displayToken secret.Value
	tillLn       net.Listener
	displayLn    net.Listener
	metricsLn    net.Listener
	adminLn      net.Listener
}

// New opens the journal, reads the secrets, builds every part and binds every listener. On error nothing stays open.
func New(cfg *config.Config, opts Options) (_ *Agent, err error) {
	boot, err := bootclock.New()
	if err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, opts: opts, log: opts.Log, clock: clock{boot}, registry: prometheus.NewRegistry()}
	a.queries, a.stopQueries = context.WithCancel(context.Background())
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	for _, build := range []func() error{a.openJournal, a.buildDisplay, a.buildEngine, a.buildRelay, a.buildTills, a.buildLines, a.listen} {
		if err := build(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Agent) openJournal() (err error) {
	a.journal, err = offline.Open(offline.Config{Path: a.cfg.Journal.Path, Create: true, MinFree: int64(a.cfg.Journal.MinFree)})
	return err
}

func (a *Agent) buildDisplay() error {
	token, err := a.ensureToken(a.cfg.Display.Token)
	if err != nil {
		return fmt.Errorf("display.token: %w", err)
	}
	a.displayToken = token
	c := ui.Config{
		Token: token, MerchantName: a.cfg.Display.MerchantName, Languages: a.cfg.Display.Languages, Now: a.clock.Boot,
	}
	if c.MerchantName == "" {
		c.MerchantName = a.cfg.Terminal.ID
	}
	if a.cfg.Display.Logo != "" {
		if c.Logo, err = os.ReadFile(a.cfg.Display.Logo); err != nil {
			return fmt.Errorf("display.logo: %w", err)
		}
	}
	a.display, err = ui.NewHub(c, displayEvents{a}, a.log.With("part", "display"), a.registry)
	return err
}

// ensureToken resolves a secret of our own making, and makes it when it is a file that does not exist yet.
func (a *Agent) ensureToken(ref string) (secret.Value, error) {
	if path, ok := filePath(ref); ok {
		return secret.EnsureFile(path)
	}
	return secret.Resolve(ref, a.opts.CredDir)
}

func (a *Agent) buildEngine() error {
	var err error
	if a.gateway, err = newGateway(a.cfg, a.opts.CredDir); err != nil {
		return err
	}
	machine := engine.NewMachine(engineConfig(a.cfg, a.gateway.Endpoint()), engine.Ports{
		Ledger: a.journal, Register: a.journal, Inbox: a.journal, Memory: a.journal, Storage: a.journal,
		Gateway: a.gateway, Display: a.display, IDs: newULIDs(),
	})
	a.engine = engine.New(machine, a.journal, a.clock, canvas{a.display, Schemes(a.cfg)}, network{a}, a.log.With("part", "engine"))
	if a.opts.OnStep != nil {
		a.engine.OnStep(a.opts.OnStep)
	}
	return nil
}

func (a *Agent) buildRelay() error {
	token, err := secret.Resolve(a.cfg.Relay.Token, a.opts.CredDir)
	if err != nil {
		return fmt.Errorf("relay.token: %w", err)
	}
	a.relay, err = relay.NewClient(relay.Config{
		URL: a.cfg.Relay.URL, Token: token, HookURL: a.cfg.Relay.HookURL, Agent: a.opts.Version,
		CanaryEvery: max(10*time.Second, a.cfg.Payment.RequireCanary.Of()/3),
	}, relayJournal{a.journal}, deliveries{a.engine}, a.clock, a.log.With("part", "relay"), a.registry, a.relayEvent)
	return err
}

func (a *Agent) buildTills() error {
	c := jsonrpc.Config{AllowedOrigins: a.cfg.Till.WebSocket.AllowedOrigins, Hosts: a.cfg.Till.WebSocket.Hosts}
	for _, t := range a.cfg.Till.WebSocket.Tills {
		token, err := secret.Resolve(t.Token, a.opts.CredDir)
		if err != nil {
			return fmt.Errorf("till.websocket.tills: token of %s: %w", t.Name, err)
		}
		c.Tills = append(c.Tills, jsonrpc.Till{Name: t.Name, Token: token, Display: t.Display})
	}
	var err error
	a.tills, err = jsonrpc.New(c, a.engine, terminal{a}, a.log.With("part", "till"), a.registry)
	return err
}

func (a *Agent) listen() (err error) {
	if a.cfg.Till.WebSocket.Listen != "" {
		if a.tillLn, err = listenTCP("till.websocket.listen", a.cfg.Till.WebSocket.Listen); err != nil {
			return err
		}
		if a.cfg.Till.WebSocket.TLSCert != "" {
			cert, err := tls.LoadX509KeyPair(a.cfg.Till.WebSocket.TLSCert, a.cfg.Till.WebSocket.TLSKey)
			if err != nil {
				return fmt.Errorf("till.websocket.tls_cert: %w", err)
			}
			a.tillLn = tls.NewListener(a.tillLn, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
		}
	}
	if a.displayLn, err = listenTCP("display.listen", a.cfg.Display.Listen); err != nil {
		return err
	}
	if a.cfg.Metrics.Listen != "" {
		if a.metricsLn, err = listenTCP("metrics.listen", a.cfg.Metrics.Listen); err != nil {
			return err
		}
	}
	a.adminLn, err = listenAdmin(a.cfg.Admin.Socket)
	return err
}

func listenTCP(key, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (does another program, or another kiosk-agent, use it?)", key, err)
	}
	return ln, nil
}

// TillURL is where tills connect, "" when that is off.
func (a *Agent) TillURL() string {
	if a.tillLn == nil {
		return ""
	}
	scheme := "ws"
	if a.cfg.Till.WebSocket.TLSCert != "" {
		scheme = "wss"
	}
	return scheme + "://" + a.tillLn.Addr().String() + "/v1/till"
}

// DisplayURL is the page of the customer display, without its token.
func (a *Agent) DisplayURL() string { return "http://" + a.displayLn.Addr().String() + "/" }

// DisplayToken opens the display's page: for the program that starts the display's browser.
func (a *Agent) DisplayToken() secret.Value { return a.displayToken }

// DisplayLogin is the page's address with its token, for a browser that opens it for the first time. Do not log it.
func (a *Agent) DisplayLogin() string {
	return a.DisplayURL() + "?token=" + url.QueryEscape(string(a.displayToken.Reveal()))
}

// MetricsURL is the base of /metrics, /healthz and /readyz, "" when that is off.
func (a *Agent) MetricsURL() string {
	if a.metricsLn == nil {
		return ""
	}
	return "http://" + a.metricsLn.Addr().String()
}

// Inspect is the terminal's present state.
func (a *Agent) Inspect(ctx context.Context) (engine.Snapshot, error) { return a.engine.Inspect(ctx) }

// Run works until ctx ends or a part fails; it returns when everything has stopped and the journal is closed.
func (a *Agent) Run(ctx context.Context) error {
	engineCtx, stopEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer stopEngine()
	front, frontCtx := errgroup.WithContext(ctx)
	engineDone := make(chan error, 1)
	go func() { engineDone <- a.engine.Run(engineCtx) }()

	engineEnded := false // written before front.Wait returns, read after it
	front.Go(func() error {
		select {
		case err := <-engineDone:
			engineEnded = true
			return errors.Join(errors.New("the engine stopped"), err)
		case <-frontCtx.Done():
			return nil
		}
	})
	front.Go(func() error { return a.tills.Run(frontCtx) })
	front.Go(func() error { return a.display.Run(frontCtx) })
	front.Go(func() error { return a.relay.Run(frontCtx) })
	for _, l := range a.lines {
		front.Go(func() error { return l.link.Run(frontCtx, l.serve) })
	}
	for _, s := range []struct {
		ln net.Listener
		h  http.Handler
	}{{a.tillLn, a.tills.Handler()}, {a.displayLn, a.display.Handler()}, {a.metricsLn, a.watchHandler()}, {a.adminLn, a.adminHandler()}} {
		if s.ln != nil {
			front.Go(func() error { return serve(frontCtx, s.ln, s.h, a.log) })
		}
	}
	a.log.Info("ready", "till", a.TillURL(), "display", a.DisplayURL(), "metrics", a.MetricsURL(), "version", a.opts.Version)
	err := front.Wait()
	stopEngine()
	if !engineEnded {
		err = errors.Join(err, <-engineDone)
	}
	return errors.Join(err, a.close())
}

// close closes what is open. Listeners that were served are closed already; closing them again is no error worth telling.
func (a *Agent) close() error {
	for _, ln := range []net.Listener{a.tillLn, a.displayLn, a.metricsLn, a.adminLn} {
		if ln != nil {
			_ = ln.Close()
		}
	}
	a.stopQueries()
	if a.journal == nil {
		return nil
	}
	return a.journal.Close()
}

func serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), ConnContext: withPeer,
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	err := srv.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// Watch calls changed for every change of any payment, from the engine's goroutine: it must not block.
func (a *Agent) Watch(changed func(payment.Payment)) (stop func()) {
	return a.engine.Watch(changed, func() {})
}

// Facts are a payment's facts in the journal.
func (a *Agent) Facts(id string) ([]payment.Fact, error) { return a.journal.Facts(id) }

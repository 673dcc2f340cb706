// Package agent wires the parts of kiosk-agent together: journal, gateway, engine, till API,
// customer display, relay client, metrics and the admin socket. It is shared by cmd/kiosk-agent and
// cmd/kiosk-demo.
//
// It decides nothing about payments. New opens and binds everything, so that a mistake shows at
// once; NewClosed builds what can be had in spite of one, takes no sale and says why. Run works
// until its context ends and then stops in order: no more intake, the engine finishes, the journal
// closes. What survives a crash is the journal's.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"kiosk-agent/device"
	"kiosk-agent/device/jsonrpc"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/bootclock"
	"kiosk-agent/internal/ports"
	"kiosk-agent/internal/refusals"
	"kiosk-agent/internal/secret"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
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
	// Ports are the sockets that the service manager passed, and where listeners come from, each
	// time that one is opened; nil = none was passed, each is bound.
	Ports *ports.Held
}

// Agent is everything that runs on a kiosk.
type Agent struct {
	cfg      *config.Config
	opts     Options
	log      *slog.Logger
	clock    *bootclock.Clock
	registry *prometheus.Registry
	// built to see whether it can be: no file is made
	makesNothing bool

	closed  []payment.Reason // why no sale starts; none: the agent is open
	journal *offline.Journal // nil where it cannot be opened
	core    core
	tills   *jsonrpc.Server
	lines   []lineTill
	display *ui.Hub
	relay   *relay.Client // nil in a closed agent
	chosen  gateways.Chosen
	gateway *gateways.Opened // nil in a closed agent
	clocks  *clocks

	queries     context.Context // ends with the agent: no transaction query outlives it
	stopQueries context.CancelFunc
	asked       asked
	probe       probe

	sampleOnce sync.Once
	sample     string

	displayToken secret.Value
	// nil where there is none
	tillPort, displayPort, metricsPort, adminPort *port
	throttle                                      *refusals.Throttle
	sentAway                                      *prometheus.CounterVec
}

// core is what decides about payments: the engine, or, where there is no journal, what refuses
// everything.
type core interface {
	device.LinePayments
	Run(ctx context.Context) error
	Post(ev engine.Event)
	Deliver(ctx context.Context, e payment.Envelope, pos payment.Position, mark bool) error
	Gap(ctx context.Context, reason string) error
	Resume(ctx context.Context) (payment.Position, error)
	Inspect(ctx context.Context) (engine.Snapshot, error)
	Resolve(ctx context.Context, r engine.Resolving) (payment.Resolved, error)
	Claim(ctx context.Context, id string, c payment.Claimed) error
	Confirm(ctx context.Context, id, by string) (words []string, err error)
	Recover(ctx context.Context, by, reason string) error
	CheckAnchor(ctx context.Context, known payment.Head) error
}

// New opens the journal, reads the secrets, builds every part and binds every listener whose
// address can be had: the others are tried again by Run. On error nothing stays open.
func New(cfg *config.Config, opts Options) (*Agent, error) {
	a, err := blank(cfg, opts)
	if err != nil {
		return nil, err
	}
	return a.build(a.openJournal, a.buildDisplay, a.buildGateway, a.buildEngine, a.buildRelay,
		a.buildTills, a.buildLines, a.listen)
}

// blank is an agent without any part.
func blank(cfg *config.Config, opts Options) (*Agent, error) {
	chosen, err := cfg.Gateway()
	if err != nil {
		return nil, err
	}
	boot, err := bootclock.New()
	if err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, opts: opts, log: opts.Log, clock: boot, chosen: chosen,
		registry: prometheus.NewRegistry(), throttle: refusals.New(),
		sentAway: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kiosk_connections_refused_total",
			Help: "Connections sent away before their request was looked at, by listener and " +
				"reason."}, []string{"listener", "reason"})}
	a.clocks = &clocks{own: a.clock.Now, learned: func(offset, uncertainty time.Duration) {
		a.core.Post(engine.GatewayTime{Offset: offset, Uncertainty: uncertainty})
	}}
	a.queries, a.stopQueries = context.WithCancel(context.Background())
	a.registry.MustRegister(a.sentAway, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return a, nil
}

// build makes one part after the other. On error nothing stays open.
func (a *Agent) build(parts ...func() error) (*Agent, error) {
	for _, build := range parts {
		if err := build(); err != nil {
			return nil, errors.Join(err, a.close())
		}
	}
	return a, nil
}

func (a *Agent) buildDisplay() error {
	token, err := a.ensureToken(a.cfg.Display.Token)
	if err == nil && token.Len() < ui.LeastToken {
		err = fmt.Errorf("it has %d bytes, and at least %d are needed", token.Len(), ui.LeastToken)
	}
	if err != nil {
		return a.secretError("display.token", err)
	}
	a.displayToken = token
	c := a.displayConfig()
	c.Token = token
	if a.cfg.Display.Logo != "" {
		if c.Logo, err = os.ReadFile(a.cfg.Display.Logo); err != nil {
			return fmt.Errorf("display.logo: %w", err)
		}
	}
	a.display, err = ui.NewHub(c, displayEvents{a}, a.log.With("part", "display"), a.registry)
	return err
}

// displayConfig is the display without its token and logo.
func (a *Agent) displayConfig() ui.Config {
	return ui.Config{
		MerchantName: cmp.Or(a.cfg.Display.MerchantName, a.cfg.Terminal.ID, "kiosk-agent"),
		Languages:    a.cfg.Display.Languages,
		Now:          func() time.Duration { return a.clock.Now().Up }, Refusals: a.throttle,
	}
}

// ensureToken resolves a secret of our own making, and makes it when it is a file that does not
// exist yet; where nothing is to be made, one of the moment stands for it.
func (a *Agent) ensureToken(ref string) (secret.Value, error) {
	path, isFile := strings.CutPrefix(ref, "file:")
	if isFile && !a.makesNothing {
		return secret.EnsureFile(path)
	}
	token, err := secret.Resolve(ref, a.opts.CredDir)
	if isFile && errors.Is(err, fs.ErrNotExist) {
		return secret.Generate(), nil
	}
	return token, err
}

// secretAt is the secret that a key of the configuration names. The error is a
// *gateways.SecretError.
func (a *Agent) secretAt(key, ref string) (secret.Value, error) {
	v, err := secret.Resolve(ref, a.opts.CredDir)
	if err != nil {
		return v, a.secretError(key, err)
	}
	return v, nil
}

// secretError says what is wrong with the secret of a key.
func (a *Agent) secretError(key string, err error) error {
	ref := gateways.SecretRef{Key: key}
	for _, known := range a.cfg.Secrets() {
		if known.Key == key {
			ref = known
		}
	}
	return &gateways.SecretError{Ref: ref, Err: err}
}

func (a *Agent) buildGateway() (err error) {
	a.gateway, err = a.chosen.Observing(a.probe.saw).Open(a.opts.CredDir, a.clocks.clock())
	return err
}

func (a *Agent) buildEngine() error {
	a.newEngine(engineConfig(a.cfg, a.chosen, a.gateway.Accounts()), a.gateway, network{a})
	return nil
}

func (a *Agent) newEngine(c engine.Config, gateway engine.Gateway, network engine.Network) {
	machine := engine.NewMachine(c, engine.Ports{
		Journal: a.journal, Gateway: gateway, Display: a.display, IDs: newULIDs(),
	})
	e := engine.New(machine, a.journal, engineClock{a.clock}, a.canvas(), a.counted(network),
		a.log.With("part", "engine"))
	e.WakeBy(func(ring func()) (engine.Alarm, error) { return bootclock.NewAlarm(ring) })
	if a.opts.OnStep != nil {
		e.OnStep(a.opts.OnStep)
	}
	a.core = e
}

func (a *Agent) canvas() canvas { return canvas{a.display, a.chosen} }

func (a *Agent) buildRelay() error {
	token, err := a.secretAt("relay.token", a.cfg.Relay.Token)
	if err != nil {
		return err
	}
	a.relay, err = relay.NewClient(relay.Config{
		URL: a.cfg.Relay.URL, Token: token, HookURL: a.cfg.Relay.HookURL, Agent: a.opts.Version,
		CanaryEvery: max(10*time.Second, a.cfg.Payment.RequireCanary.Of()/3), Anchor: anchor{a},
	}, relayJournal{a.journal, a.core}, deliveries{a}, a.clock, a.log.With("part", "relay"),
		a.registry, a.relayObserved)
	return err
}

func (a *Agent) buildTills() error {
	tills, errs := a.webTills()
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return a.serveTills(tills)
}

// webTills are the tills of the WebSocket that can connect, and why the others cannot.
func (a *Agent) webTills() (tills []jsonrpc.Till, errs []error) {
	for i, t := range a.cfg.Till.WebSocket.Tills {
		key := fmt.Sprintf("till.websocket.tills[%d].token", i)
		token, err := a.secretAt(key, t.Token)
		if err == nil {
			if err = jsonrpc.CheckToken(token); err == nil {
				if at := slices.IndexFunc(tills, func(o jsonrpc.Till) bool {
					return o.Token.Matches(token.Reveal())
				}); at >= 0 {
					err = fmt.Errorf("it is the token of %s too: each till needs one of its own",
						tills[at].Name)
				}
			}
			if err != nil {
				err = a.secretError(key, err)
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		tills = append(tills, jsonrpc.Till{Name: t.Name, Token: token, Display: t.Display})
	}
	return tills, errs
}

func (a *Agent) serveTills(tills []jsonrpc.Till) (err error) {
	c := jsonrpc.Config{Tills: tills, AllowedOrigins: a.cfg.Till.WebSocket.AllowedOrigins,
		Hosts: a.cfg.Till.WebSocket.Hosts, Refusals: a.throttle}
	a.tills, err = jsonrpc.New(c, a.core, terminal{a}, a.log.With("part", "till"), a.registry)
	return err
}

// Inspect is the terminal's present state.
func (a *Agent) Inspect(ctx context.Context) (engine.Snapshot, error) { return a.core.Inspect(ctx) }

// Run works until ctx ends or a part fails; it returns when everything has stopped and the journal
// is closed.
func (a *Agent) Run(ctx context.Context) error {
	watch, err := a.watchHandler()
	if err != nil {
		return errors.Join(err, a.close())
	}
	engineCtx, stopEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer stopEngine()
	front, frontCtx := errgroup.WithContext(ctx)
	engineDone := make(chan error, 1)
	go func() { engineDone <- a.core.Run(engineCtx) }()

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
	front.Go(func() error {
		a.opts.Ports.Serving(frontCtx)
		return nil
	})
	front.Go(func() error { return a.tills.Run(frontCtx) })
	front.Go(func() error { return a.display.Run(frontCtx) })
	if a.journal != nil {
		front.Go(func() error { return a.checkJournal(frontCtx) })
	}
	if a.relay != nil {
		front.Go(func() error { return a.relay.Run(frontCtx) })
		front.Go(func() error { return a.askTime(frontCtx) })
		front.Go(func() error { return a.tidy(frontCtx, a.journal) })
	}
	for _, l := range a.lines {
		front.Go(func() error { return l.link.Run(frontCtx, l.serve) })
	}
	for _, s := range []struct {
		port *port
		h    http.Handler
	}{{a.tillPort, a.tills.Handler()}, {a.displayPort, a.display.Handler()},
		{a.metricsPort, watch}, {a.adminPort, a.adminHandler()}} {
		if s.port != nil {
			front.Go(func() error { return s.port.serve(frontCtx, s.h) })
		}
	}
	state := "ready"
	if len(a.closed) > 0 {
		state = "out of service"
	}
	a.log.Info(state, "till_url", a.TillURL(), "display_url", a.DisplayURL(),
		"metrics_url", a.MetricsURL(), "version", a.opts.Version)
	err = front.Wait()
	stopEngine()
	if !engineEnded {
		err = errors.Join(err, <-engineDone)
	}
	return errors.Join(err, a.close())
}

// close closes what is open. Listeners that were served are closed already; closing them again is
// no error worth telling.
func (a *Agent) close() error {
	for _, p := range []*port{a.tillPort, a.displayPort, a.metricsPort, a.adminPort} {
		if p != nil {
			p.close()
		}
	}
	a.stopQueries()
	if a.journal == nil {
		return nil
	}
	return a.journal.Close()
}

// Watch calls changed for every change of any payment, from the engine's goroutine: it must not
// block.
func (a *Agent) Watch(changed func(payment.Payment)) (stop func()) {
	return a.core.Watch(changed, func() {})
}

// Facts are a payment's facts in the journal.
func (a *Agent) Facts(id string) ([]payment.Fact, error) { return a.journal.Facts(id) }

// Package demo runs everything on one machine: a simulated gateway, the relay and the agent, wired
// as an integrator would wire them and with files as an integrator would write them. cmd/kiosk-demo
// and the end-to-end tests live on it.
//
// Every part is the real one except the gateway. Open prepares a directory and starts all three;
// Run works until its context ends. What is in the directory survives: Open on the same directory
// goes on where it was.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/guard"
	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/strangers"
	"kiosk-agent/relay/relayd"
)

// The names used in the house.
const (
	Terminal = "DEMO-1"
	ClientID = "demo-client"
	Till     = "till-1"
)

// Options of a House. Empty addresses mean a free port of 127.0.0.1.
type Options struct {
	Dir           string // for keys, journal, relay store and configuration; must exist
	Log           *slog.Logger
	Version       string
	TillListen    string
	DisplayListen string
	MetricsListen string
	SandboxListen string
	MerchantName  string
	Origins       []string // pages that may be tills
	Settle        time.Duration
	Extra         string   // appended to the agent's configuration: [[till.serial]] …
	Tills         []string // names; default: one, Till
	Gateway       Gateway  // zero = the first of Gateways
	// what the simulated gateway knows survives too; with SandboxListen, under the same address
	Remember    bool
	SuccessURL  string   // where the customer's phone goes after paying; "" = not sent
	Query       bool     // the agent asks AXS about payments; others it always asks
	Mode        string   // payment.mode; "" = link
	Schemes     []string // the ways to pay that the configuration names
	OfflineLink bool     // payment.offline_link
	NoTouch     bool     // the display cannot be touched: display.touch = false
	NoGateway   bool     // codes are asked for where nobody listens
	// the relay's merchant, whose one hook URL the gateway has for all of its kiosks; "" = the
	// kiosk has its own
	Merchant string
	As       string // the deviation that the gateway's simulation plays; "" = none
	Settings string // further lines of the gateway's section of the configuration
	Policy   string // further lines of [payment]
	// what the gateway's simulation is told besides: AXSOptions, SingaPayOptions; nil = nothing
	Simulation any
	RelayClock func() time.Time // nil = the machine's
}

// House is the running set.
type House struct {
	Agent      *agent.Agent
	Relay      *relayd.Server
	Gateway    Simulation
	SandboxURL string // the simulation's
	ConfigPath string
	TillToken  secret.Value            // of the first till
	TillTokens map[string]secret.Value // by the till's name
	Tag        string

	row       gateways.Row // the gateway's
	sandboxLn net.Listener
	log       *slog.Logger
	stopRelay context.CancelFunc
	relayDone chan error
}

const anyPort = "127.0.0.1:0"

// Open starts the relay and the sandbox, writes the agent's files and builds the agent.
func Open(ctx context.Context, o Options) (_ *House, err error) {
	h := &House{log: o.Log, row: o.gateway().Row}
	defer func() {
		if err != nil {
			h.abandon()
		}
	}()
	if err := h.makeTills(&o); err != nil {
		return nil, err
	}
	if err := h.listenSandbox(o); err != nil {
		return nil, err
	}
	hookURL, err := h.openRelay(ctx, o)
	if err != nil {
		return nil, err
	}
	section, err := h.openSandbox(o, hookURL)
	if err != nil {
		return nil, err
	}
	cfg, err := h.writeConfig(o, hookURL, section)
	if err != nil {
		return nil, err
	}
	h.Tag = cfg.TerminalTag()
	h.Agent, err = agent.New(cfg, agent.Options{
		Version: o.Version, Log: o.Log.With("program", "kiosk-agent"),
	})
	return h, err
}

// makeTills makes a token for each till, once in the life of a directory.
func (h *House) makeTills(o *Options) (err error) {
	if len(o.Tills) == 0 {
		o.Tills = []string{Till}
	}
	h.TillTokens = make(map[string]secret.Value)
	for _, name := range o.Tills {
		if h.TillTokens[name], err = secret.EnsureFile(tillFile(o.Dir, name)); err != nil {
			return err
		}
	}
	h.TillToken = h.TillTokens[o.Tills[0]]
	return nil
}

func tillFile(dir, name string) string { return filepath.Join(dir, name+".token") }

// openRelay starts the relay and makes the terminal, once in the life of a directory.
func (h *House) openRelay(ctx context.Context, o Options) (hookURL string, err error) {
	admin, err := secret.EnsureFile(filepath.Join(o.Dir, "relay-admin.token"))
	if err != nil {
		return "", err
	}
	public := filepath.Join(o.Dir, "relay.addr")
	listen := anyPort
	if b, err := os.ReadFile(public); err == nil {
		listen = strings.TrimSpace(string(b)) // the hook URL holds the address: keep it
	}
	h.Relay, err = relayd.New(ctx, relayd.Config{
		PublicListen: listen, AdminListen: anyPort, AdminToken: admin,
		Store: relayd.StoreConfig{Dir: filepath.Join(o.Dir, "relay-store")}, Now: o.RelayClock,
	}, o.Log.With("program", "kiosk-relay"), prometheus.NewRegistry())
	if err != nil {
		return "", err
	}
	relayCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stopRelay, h.relayDone = stop, make(chan error, 1)
	go func() { h.relayDone <- h.Relay.Run(relayCtx) }()

	hookFile := filepath.Join(o.Dir, "hook.url")
	if b, err := os.ReadFile(hookFile); err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	merchantURL := ""
	if o.Merchant != "" {
		if merchantURL, err = h.Relay.AddMerchant(ctx, o.Merchant); err != nil {
			return "", err
		}
	}
	cred, err := h.Relay.AddTerminal(ctx, Terminal, o.Merchant)
	if err != nil {
		return "", err
	}
	hookURL = or(merchantURL, cred.HookURL)
	return hookURL, errors.Join(
		os.WriteFile(public, []byte(h.Relay.PublicAddr().String()+"\n"), 0o600),
		os.WriteFile(filepath.Join(o.Dir, "relay.token"), append(cred.Token.Reveal(), '\n'), 0o600),
		os.WriteFile(hookFile, []byte(hookURL+"\n"), 0o600),
	)
}

// writeConfig writes the file that an integrator would write, and reads it back as the agent would.
func (h *House) writeConfig(o Options, hookURL, section string) (*config.Config, error) {
	h.ConfigPath = filepath.Join(o.Dir, "config.toml")
	tills := make([]string, len(o.Tills))
	for i, name := range o.Tills {
		tills[i] = fmt.Sprintf("{name = %q, token = %q}", name, "file:"+tillFile(o.Dir, name))
	}
	settle := o.Settle
	if settle == 0 {
		settle = 5 * time.Second
	}
	text := fmt.Sprintf(
		`# Written by the demo; kiosk-agent's commands work with it while the demo runs.
[terminal]
id = %q
currency = %q

[payment]
provider = %q
mode = %q
settle = %q
offline_link = %t
%s
%s%s
[relay]
url = "%s"
token = "file:%s"
hook_url = "%s"

[till.websocket]
listen = %q
tills = [%s]
allowed_origins = [%s]

[display]
listen = %q
token = "file:%s"
merchant_name = %q
touch = %t

[journal]
path = %q

[metrics]
listen = %q

[admin]
socket = %q
`, Terminal, o.Currency(), o.gateway().Row.Name, or(o.Mode, gateways.ModeLink), settle,
		o.OfflineLink, o.Policy, section, o.Settings,
		"ws"+strings.TrimPrefix(h.Relay.PublicURL(), "http"), filepath.Join(o.Dir, "relay.token"),
		hookURL,
		or(o.TillListen, anyPort), strings.Join(tills, ", "), quoted(o.Origins),
		or(o.DisplayListen, anyPort), filepath.Join(o.Dir, "display.token"), o.MerchantName,
		!o.NoTouch,
		filepath.Join(o.Dir, "journal.db"), or(o.MetricsListen, anyPort),
		filepath.Join(o.Dir, "admin.sock"))
	if err := os.WriteFile(h.ConfigPath, []byte(text+o.Extra), 0o600); err != nil {
		return nil, err
	}
	return config.Reader{Gateways: o.gateway().table()}.Load(h.ConfigPath)
}

// quoted is the inside of a list of strings.
func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// Run works until ctx ends: then the agent stops first, the sandbox next and the relay last.
func (h *House) Run(ctx context.Context) error {
	sandboxCtx, stopSandbox := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSandbox()
	side := new(errgroup.Group)
	// Links are opened by phones under any name of this machine: the sandbox checks no Host, it
	// guards nothing.
	srv := strangers.New(h.Gateway.Handler(), pageLimits, strangers.Options{Log: h.log})
	side.Go(func() error { return h.serveSandbox(srv) })
	side.Go(func() error { return h.Gateway.Run(sandboxCtx) })
	err := h.Agent.Run(ctx)
	stopSandbox()
	err = errors.Join(err, srv.Close(), side.Wait())
	h.stopRelay()
	return errors.Join(err, <-h.relayDone)
}

// abandon undoes what Open had started.
func (h *House) abandon() {
	if h.sandboxLn != nil {
		_ = h.sandboxLn.Close() // nothing was served yet
	}
	if h.stopRelay != nil {
		h.stopRelay()
		if err := <-h.relayDone; err != nil {
			h.log.Warn("the relay did not stop well", "error", err)
		}
	} else if h.Relay != nil {
		h.Relay.Close()
	}
}

// pageLimits are those of the demo's own pages. Everybody may see them, and the simulated gateway's
// guard nothing.
var pageLimits = strangers.Limits{
	Head: strangers.Head{Bytes: 16 << 10, Lines: 64}, Waiting: 256, Answered: 64, Kept: 256,
	HeadWithin: 5 * time.Second, BodyWithin: 10 * time.Second, AnswerWithin: 30 * time.Second,
	IdleWithin: time.Minute, Trusted: true,
}

// Guarded wraps a page of the demo with the Host check of every local listener.
func Guarded(next http.Handler) http.Handler { return guard.Policy{SameOrigin: true}.Wrap(next) }

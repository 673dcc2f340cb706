package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kiosk-agent/device"
	"kiosk-agent/internal/guard"
	"kiosk-agent/internal/ports"
	"kiosk-agent/internal/strangers"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// askWithin bounds how long a health check waits for the engine.
const askWithin = 2 * time.Second

// watchHandler serves the status page, /metrics, /healthz and /readyz. A closed agent is healthy
// and not ready: it does what can be done, and a supervisor that restarted it would mend nothing
// and take the screen away.
func (a *Agent) watchHandler() (http.Handler, error) {
	page, err := a.statusHandler()
	if err != nil {
		return nil, err
	}
	if err := a.watchMetrics(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", strangers.OneByOne(page))
	mux.Handle("GET /metrics", strangers.OneByOne(
		promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{})))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), askWithin)
		defer cancel()
		if _, err := a.core.Inspect(ctx); err != nil {
			http.Error(w, "the engine does not answer: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), askWithin)
		defer cancel()
		snap, err := a.core.Inspect(ctx)
		if err != nil {
			http.Error(w, "the engine does not answer: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		if !snap.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		for _, reason := range snap.Reasons {
			fmt.Fprintf(w, "%s: %s (%s)\n", reason.Code, reason.Message, reason.Hint)
		}
		if snap.Ready {
			fmt.Fprintln(w, "ready")
		}
	})
	return guard.Policy{}.Wrap(mux), nil
}

// listenAdmin binds the admin socket, which tells too whether another agent works here.
func (a *Agent) listenAdmin() error {
	path := a.cfg.Admin.Socket
	ln, err := a.takeAdmin(path)
	if err != nil {
		return err
	}
	a.adminPort = &port{key: keyAdmin, addr: path, limits: adminLimits, ln: ln, log: a.log,
		refused: a.refusedAt(keyAdmin),
		take:    func() (net.Listener, error) { return a.takeAdmin(path) }}
	return nil
}

// takeAdmin replaces a socket that nobody answers on: it is a dead process's.
func (a *Agent) takeAdmin(path string) (net.Listener, error) {
	ln, err := ports.Unix(path)
	if err != nil {
		return nil, fmt.Errorf("admin.socket: %w", err)
	}
	return ln, nil
}

// adminHandler serves the operator commands. Each request is logged with the uid of the process
// that sent it.
func (a *Agent) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", a.answering(a.status))
	mux.Handle("GET /v1/metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("POST /v1/resolve", a.answering(a.resolve))
	mux.HandleFunc("POST /v1/claim", a.answering(a.claim))
	mux.HandleFunc("POST /v1/recover", a.answering(a.recover))
	mux.HandleFunc("POST /v1/confirm", a.answering(a.confirm))
	mux.HandleFunc("POST /v1/probe", a.answering(a.startProbe))
	mux.HandleFunc("GET /v1/probe", a.answering(a.probed))
	mux.HandleFunc("POST /v1/probe/cancel", a.answering(a.cancelProbe))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.log.Info("admin", "method", r.Method, "path", r.URL.Path, "uid", peerUID(r))
		mux.ServeHTTP(w, r)
	})
}

// Status is what the operator commands hear: the tills' status, and whose it is.
type Status struct {
	// of the program that runs, which need not be the one that is installed
	Version string `json:"version"`
	device.Status
	Watch    Watch    `json:"watch"`
	Accounts Accounts `json:"accounts"`
	// entries that staff must look at; -1 = not known
	Worklist  int       `json:"worklist"`
	Questions Questions `json:"questions"`
	// addresses that another program has; none = all are had
	Ports     []Port    `json:"ports,omitempty"`
	HeldPorts HeldPorts `json:"held_ports"`
}

// HeldPorts is which of the configuration's addresses the service manager holds for the agent. All
// is empty where it holds none at all.
type HeldPorts struct {
	Held    []string `json:"held"`
	Missing []string `json:"missing"` // in the configuration, and not held
	Surplus []string `json:"surplus"` // held, and not in the configuration: nobody serves there
}

// Differ says that units and configuration do not go together.
func (p HeldPorts) Differ() bool { return len(p.Missing)+len(p.Surplus) > 0 }

// heldPorts compares what was passed with the configuration.
func (a *Agent) heldPorts() HeldPorts {
	p := HeldPorts{Held: []string{}, Missing: []string{}, Surplus: []string{}}
	all := a.cfg.Addresses()
	for _, at := range all {
		if a.opts.Ports.Has(at.Listen) {
			p.Held = append(p.Held, at.Listen)
		}
	}
	missing, surplus := a.opts.Ports.Differ(all)
	p.Missing, p.Surplus = append(p.Missing, missing...), append(p.Surplus, surplus...)
	return p
}

// Watch is how many final payments the gateway is asked about, and how many it is not though their
// time is not over: those that may still be paid, and those that are approved.
type Watch struct {
	Asked        int `json:"asked"`
	Left         int `json:"left"`
	LeftApproved int `json:"left_approved"`
}

// MarshalJSON is the status's own, which would hide the version otherwise.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain device.Status
	if s.Reasons == nil {
		s.Reasons = []payment.Reason{}
	}
	if s.Tills == nil {
		s.Tills = []device.TillStatus{}
	}
	return json.Marshal(struct {
		Version string `json:"version"`
		plain
		Watch     Watch     `json:"watch"`
		Accounts  Accounts  `json:"accounts"`
		Worklist  int       `json:"worklist"`
		Questions Questions `json:"questions"`
		Ports     []Port    `json:"ports,omitempty"`
		HeldPorts HeldPorts `json:"held_ports"`
	}{s.Version, plain(s.Status), s.Watch, s.Accounts, s.Worklist, s.Questions, s.Ports,
		s.HeldPorts})
}

func (a *Agent) status(r *http.Request) (any, error) {
	st, snap, err := terminal{a}.look(r.Context(), "")
	if err != nil {
		return nil, err
	}
	return a.whole(st, snap), nil
}

// whole is what the engine and the parts say, together.
func (a *Agent) whole(st device.Status, snap engine.Snapshot) Status {
	return Status{a.opts.Version, st, Watch(snap.Watch), a.accounts(snap),
		a.worklist(len(snap.Gone)), a.questions(), a.missingPorts(),
		a.heldPorts()}
}

type peerKey struct{}

// withPeer notes who is at the other end of a Unix socket.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if u, ok := c.(*net.UnixConn); ok {
		return context.WithValue(ctx, peerKey{}, uidOf(u))
	}
	return ctx
}

func peerUID(r *http.Request) int {
	if uid, ok := r.Context().Value(peerKey{}).(int); ok {
		return uid
	}
	return -1
}

package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"kiosk-agent/internal/strangers"
)

// tryAgainIn is when an address that could not be had is tried once more.
const tryAgainIn = time.Second

// port is one of the agent's addresses, and what listens there. One that another program has is
// tried again until it is free: what else works goes on meanwhile, and says so.
type port struct {
	key, addr string
	take      func() (net.Listener, error)
	limits    strangers.Limits
	tls       *tls.Config // nil = none
	log       *slog.Logger
	refused   func(addr, reason string)

	mu  sync.Mutex
	ln  net.Listener // nil while it cannot be had
	err error        // why not
}

// Port is an address that the agent should have and has not.
type Port struct {
	Key     string `json:"key"` // of the configuration
	Address string `json:"address"`
	Error   string `json:"error"`
	Hint    string `json:"hint"`
}

// newPort takes the address; it is no error where that is not possible now.
func (a *Agent) newPort(key, addr string, limits strangers.Limits, identity *tls.Config) *port {
	p := &port{key: key, addr: addr, limits: limits, tls: identity, log: a.log,
		refused: a.refusedAt(key)}
	p.take = func() (net.Listener, error) { return a.opts.Ports.Listen(addr) }
	p.try()
	return p
}

// refusedAt counts and logs who is sent away from a listener.
func (a *Agent) refusedAt(key string) func(addr, reason string) {
	refusals := a.throttle.Log(a.log)
	return func(addr, reason string) {
		a.sentAway.WithLabelValues(key, reason).Inc()
		refusals.Warn(key+" "+reason, "connection sent away", "listener", key, "addr", addr,
			"reason", reason)
	}
}

// try takes the address, unless that is done; what is in the way is logged when it is news.
func (p *port) try() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ln != nil {
		return true
	}
	ln, err := p.take()
	if err != nil {
		if p.err == nil || p.err.Error() != err.Error() {
			p.log.Error("an address cannot be had, and is tried again", "listener", p.key,
				"error", err, "hint", takenHint)
		}
		p.err = err
		return false
	}
	if p.err != nil {
		p.log.Info("the address can be had again", "listener", p.key, "addr", ln.Addr().String())
	}
	p.ln, p.err = ln, nil
	return true
}

const takenHint = "does another program use it, or another kiosk-agent? ss -ltnp shows which; " +
	"the agent takes it as soon as it is free"

// missing is what is in the way; nil = nothing.
func (p *port) missing() *Port {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	return &Port{p.key, p.addr, p.err.Error(), takenHint}
}

// missingPorts are those that the agent should have.
func (a *Agent) missingPorts() (all []Port) {
	for _, p := range []*port{a.tillPort, a.displayPort, a.metricsPort} {
		if m := p.missing(); m != nil {
			all = append(all, *m)
		}
	}
	return all
}

// at is the address, as it is taken or as it is configured.
func (p *port) at() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ln == nil {
		return p.addr
	}
	return p.ln.Addr().String()
}

// serve answers with h until ctx ends.
func (p *port) serve(ctx context.Context, h http.Handler) error {
	again := time.NewTicker(tryAgainIn)
	defer again.Stop()
	for {
		if p.try() {
			err := p.serveOnce(ctx, h)
			if ctx.Err() != nil {
				return err
			}
			p.log.Error("an address was lost", "listener", p.key, "error", err)
			p.close()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *port) serveOnce(ctx context.Context, h http.Handler) error {
	srv := strangers.New(h, p.limits, strangers.Options{TLS: p.tls, Log: p.log,
		ConnContext: withPeer, Refused: p.refused})
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(p.ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	err := srv.Stop(stop)
	if served := <-failed; !errors.Is(served, strangers.ErrClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// close gives the address back, where it is had.
func (p *port) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ln != nil {
		_ = p.ln.Close() // it may be closed already
		p.ln = nil
	}
}

// The bounds of the agent's listeners. Each of the three web ports has its own: on loopback
// everybody has the same address.
var (
	webLimits = strangers.Limits{
		Head: strangers.Head{Bytes: 4 << 10, Lines: 32}, Waiting: 256, Answered: 32, Kept: 64,
		HeadWithin: 3 * time.Second, BodyWithin: 3 * time.Second, AnswerWithin: 10 * time.Second,
		IdleWithin: 30 * time.Second,
	}
	// the socket's mode is its guard
	adminLimits = strangers.Limits{
		Head: strangers.Head{Bytes: 8 << 10, Lines: 64}, Waiting: 64, Answered: 64, Kept: 64,
		HeadWithin: 5 * time.Second, BodyWithin: 10 * time.Second,
		AnswerWithin: 30 * time.Second, IdleWithin: time.Minute, Trusted: true,
	}
)

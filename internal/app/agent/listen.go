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
	"time"

	"kiosk-agent/internal/connlimit"
	"kiosk-agent/internal/secret"
)

func (a *Agent) listen() (err error) {
	if err = a.listenTills(); err != nil {
		return err
	}
	if a.displayLn, err = a.listenTCP(keyDisplay, a.cfg.Display.Listen); err != nil {
		return err
	}
	if a.cfg.Metrics.Listen != "" {
		if a.metricsLn, err = a.listenTCP(keyMetrics, a.cfg.Metrics.Listen); err != nil {
			return err
		}
	}
	a.adminLn, err = a.listenAdmin(a.cfg.Admin.Socket)
	return err
}

// listenTills binds the WebSocket of the tills, if there is one.
func (a *Agent) listenTills() error {
	addr := a.cfg.Till.WebSocket.Listen
	if addr == "" {
		return nil
	}
	identity, err := a.certificate()
	if err != nil {
		return err
	}
	if a.tillLn, err = a.listenTCP(keyTills, addr); err == nil && identity != nil {
		a.tillLn = tls.NewListener(a.tillLn, identity)
	}
	return err
}

// certificate is how the tills' listener proves itself; nil = it does not need to.
func (a *Agent) certificate() (*tls.Config, error) {
	w := a.cfg.Till.WebSocket
	if w.TLSCert == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(w.TLSCert, w.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("till.websocket.tls_cert: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// The keys of the listeners. Without the first two there is nothing to serve.
const (
	keyTills   = "till.websocket.listen"
	keyDisplay = "display.listen"
	keyMetrics = "metrics.listen"
	keyAdmin   = "admin.socket"
	keyLine    = "till.serial." // and the till's name
)

// ListenError says that an address could not be had.
type ListenError struct {
	Key string // of the configuration
	Err error
}

func (e *ListenError) Error() string {
	return e.Key + ": " + e.Err.Error() + " (does another program, or another kiosk-agent, use it?)"
}

func (e *ListenError) Unwrap() error { return e.Err }

// open is the one place where the agent takes an address of its own.
func (a *Agent) open(key, network, addr string) (net.Listener, error) {
	if a.opts.Listen != nil {
		return a.opts.Listen(key, network, addr)
	}
	return net.Listen(network, addr)
}

func (a *Agent) listenTCP(key, addr string) (net.Listener, error) {
	ln, err := a.open(key, "tcp", addr)
	if err != nil {
		return nil, &ListenError{key, err}
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

// DisplayLogin is the page's address with its token, for a browser that opens it for the first
// time. Do not log it.
func (a *Agent) DisplayLogin() string {
	return a.DisplayURL() + "?token=" + url.QueryEscape(string(a.displayToken.Reveal()))
}

// MetricsURL is the base of the status page, /metrics, /healthz and /readyz, "" when that is off.
func (a *Agent) MetricsURL() string {
	if a.metricsLn == nil {
		return ""
	}
	return "http://" + a.metricsLn.Addr().String()
}

// maxStrangers bounds the connections of one listener that are no WebSockets. Without it, any
// program of this machine could make the agent need more memory than its unit allows, without a
// token.
const maxStrangers = 256

// newServer is bounded in what a peer can make it hold, and for how long. A WebSocket has its own
// times once it is one.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), ConnContext: withPeer,
	}
	connlimit.Bound(srv, maxStrangers)
	return srv
}

func serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := newServer(h, log)
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

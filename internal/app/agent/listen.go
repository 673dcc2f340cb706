package agent

import (
	"crypto/tls"
	"fmt"
	"net/url"

	"kiosk-agent/internal/secret"
)

// listen takes the agent's addresses. One that another program has is tried again by Run; the admin
// socket tells whether another agent works here.
func (a *Agent) listen() (err error) {
	if err = a.listenTills(); err != nil {
		return err
	}
	a.listenWeb()
	return a.listenAdmin()
}

func (a *Agent) listenWeb() {
	a.displayPort = a.newPort(keyDisplay, a.cfg.Display.Listen, webLimits, nil)
	if a.cfg.Metrics.Listen != "" {
		a.metricsPort = a.newPort(keyMetrics, a.cfg.Metrics.Listen, webLimits, nil)
	}
}

// listenTills takes the address of the tills' WebSocket, if there is one.
func (a *Agent) listenTills() error {
	addr := a.cfg.Till.WebSocket.Listen
	if addr == "" {
		return nil
	}
	identity, err := a.certificate()
	if err != nil {
		return err
	}
	a.tillPort = a.newPort(keyTills, addr, webLimits, identity)
	return nil
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

// The keys of the listeners.
const (
	keyTills   = "till.websocket.listen"
	keyDisplay = "display.listen"
	keyMetrics = "metrics.listen"
	keyAdmin   = "admin.socket"
)

// TillURL is where tills connect, "" when that is off.
func (a *Agent) TillURL() string {
	if a.tillPort == nil {
		return ""
	}
	scheme := "ws"
	if a.cfg.Till.WebSocket.TLSCert != "" {
		scheme = "wss"
	}
	return scheme + "://" + a.tillPort.at() + "/v1/till"
}

// DisplayURL is the page of the customer display, without its token.
func (a *Agent) DisplayURL() string { return "http://" + a.displayPort.at() + "/" }

// DisplayToken opens the display's page: for the program that starts the display's browser.
func (a *Agent) DisplayToken() secret.Value { return a.displayToken }

// DisplayLogin is the page's address with its token, for a browser that opens it for the first
// time. Do not log it.
func (a *Agent) DisplayLogin() string {
	return a.DisplayURL() + "?token=" + url.QueryEscape(string(a.displayToken.Reveal()))
}

// MetricsURL is the base of the status page, /metrics, /healthz and /readyz, "" when that is off.
func (a *Agent) MetricsURL() string {
	if a.metricsPort == nil {
		return ""
	}
	return "http://" + a.metricsPort.at()
}

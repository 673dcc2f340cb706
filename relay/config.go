package relay

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/webaddr"
)

// Config of a Client. Zero durations mean the default.
type Config struct {
	// URL of the relay: wss://host[:port][/prefix]; ws:// only to a loopback host, because the
	// token travels in it.
	URL string
	// Token of this terminal, as kiosk-relay printed it.
	Token secret.Value
	// HookURL is the very URL that the gateway calls, for canaries; "" = no canaries. http:// only
	// to a loopback host.
	HookURL string
	// CanaryEvery is the time between canaries; 0 = only on request.
	CanaryEvery time.Duration
	// CanaryTimeout is how long a canary may take. Default 10 s.
	CanaryTimeout time.Duration
	// Agent is the program's version, told to the relay for its operator.
	Agent string
	// Supersedes is the journal head that staff declared replaced; nil = none. See also
	// Client.Supersede.
	Supersedes *Head
	// Anchor judges what the relay remembers of the journal; nil = hello whatever it is, and
	// whatever head the journal has is told.
	Anchor Anchor
	// TLS is used for both URLs; nil = the system's roots and the URL's host name.
	TLS *tls.Config
	// Proxy as in http.Transport; nil = none.
	Proxy func(*http.Request) (*url.URL, error)
	// DialTimeout bounds connecting, TLS and handshake, and then the wait for welcome. Default 10
	// s.
	DialTimeout time.Duration
	// ReadTimeout is the silence after which the connection is dead; the relay pings every 15 s.
	// Default 45 s.
	ReadTimeout time.Duration
	// WriteTimeout bounds one write. Default 10 s.
	WriteTimeout time.Duration
	// BackoffMin and BackoffMax bound the wait before a new attempt. Defaults 0.5 s and 30 s.
	BackoffMin, BackoffMax time.Duration
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.CanaryTimeout, 10*time.Second)
	def(&c.DialTimeout, 10*time.Second)
	def(&c.ReadTimeout, 45*time.Second)
	def(&c.WriteTimeout, 10*time.Second)
	def(&c.BackoffMin, 500*time.Millisecond)
	def(&c.BackoffMax, 30*time.Second)
	c.BackoffMax = max(c.BackoffMax, c.BackoffMin)
	return c
}

func (c Config) timing() Timing {
	return Timing{
		CanaryEvery: c.CanaryEvery, CanaryTimeout: c.CanaryTimeout, WelcomeTimeout: c.DialTimeout,
		BackoffMin: c.BackoffMin, BackoffMax: c.BackoffMax, ReplacedWait: c.BackoffMax,
	}
}

// check returns the URLs of the stream and of the known head, or why the configuration cannot work.
// Its errors name no token and no route.
func (c Config) check() (stream, head string, err error) {
	if c.Token.IsZero() {
		return "", "", errors.New("relay client: no token")
	}
	u, err := parseURL(c.URL, "wss", "ws")
	if err != nil {
		return "", "", fmt.Errorf("relay client: url: %w", err)
	}
	if c.HookURL != "" {
		if _, err := parseURL(c.HookURL, "https", "http"); err != nil {
			return "", "", fmt.Errorf("relay client: hook_url: %w", err)
		}
	}
	base := strings.TrimRight(u.Path, "/")
	u.Path = base + "/v1/stream"
	stream = u.String()
	u.Scheme, u.Path = strings.Replace(u.Scheme, "ws", "http", 1), base+"/v1/head"
	return stream, u.String(), nil
}

// parseURL accepts an absolute URL of the safe scheme, or of the open one when the host is this
// machine.
func parseURL(raw, safe, open string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("not a URL of the form %s://host/…", safe)
	}
	switch u.Scheme {
	case safe:
		return u, nil
	case open:
		if webaddr.Loopback(u.Hostname()) {
			return u, nil
		}
		return nil, fmt.Errorf("%s:// is for loopback hosts only: use %s://", open, safe)
	default:
		return nil, fmt.Errorf("not a URL of the form %s://host/…", safe)
	}
}

// randomPorts are the Ports of a real client.
func randomPorts() Ports {
	return Ports{
		Nonce: func() string {
			var b [16]byte
			// never fails: it ends the program rather than returning weak bytes
			_, _ = rand.Read(b[:])
			return base64.RawURLEncoding.EncodeToString(b[:])
		},
		Jitter: mathrand.Float64,
	}
}

package jsonrpc

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"kiosk-agent/internal/refusals"
	"kiosk-agent/internal/secret"
)

// Config says who may connect. The zero value of each limit means its default.
type Config struct {
	// Tills are those that may connect. Names and tokens are unique. None: nobody can.
	Tills []Till
	// AllowedOrigins are the web pages whose scripts may connect, exactly as in the Origin header
	// ("https://till.example"; no wildcard). A request without Origin, as every program but a
	// browser sends it, needs none.
	AllowedOrigins []string
	// Hosts are accepted in the Host header besides loopback names with the listener's port.
	Hosts []string

	// MaxConns bounds all connections together. Default 32.
	MaxConns int
	// MaxConnsPerTill bounds those of one till; more than one lets a till reconnect before its old
	// connection is given up. Default 4.
	MaxConnsPerTill int
	// PingEvery is the time between pings. Default 15 s.
	PingEvery time.Duration
	// PongWait is how long nothing may be heard of a till. Default 45 s.
	PongWait time.Duration
	// WriteWait bounds the writing of one message. Default 10 s.
	WriteWait time.Duration
	// FlushWait bounds the emptying of a connection's outbox at shutdown, and the carrying out of
	// what a till had sent when it closed. Default 2 s.
	FlushWait time.Duration
	// Refusals is the throttle of the log's lines that strangers cause. Default: one of its own.
	Refusals *refusals.Throttle
}

// Till is one till that connects by WebSocket.
type Till struct {
	Name    string
	Token   secret.Value // printable ASCII without spaces; for browsers A-Z a-z 0-9 and -._~ only
	Display bool         // it shows the codes itself and may call payment.shown
}

func (c Config) withDefaults() Config {
	c.MaxConns, c.MaxConnsPerTill = cmp.Or(c.MaxConns, 32), cmp.Or(c.MaxConnsPerTill, 4)
	c.PingEvery, c.PongWait = cmp.Or(c.PingEvery, 15*time.Second),
		cmp.Or(c.PongWait, 45*time.Second)
	c.WriteWait, c.FlushWait = cmp.Or(c.WriteWait, 10*time.Second),
		cmp.Or(c.FlushWait, 2*time.Second)
	return c
}

func (c Config) check() error {
	if c.PingEvery < 0 || c.PongWait < 0 || c.WriteWait < 0 || c.FlushWait < 0 || c.MaxConns < 0 ||
		c.MaxConnsPerTill < 0 {
		return errors.New("a limit is negative")
	}
	names := make(map[string]bool)
	for i, t := range c.Tills {
		if t.Name == "" || names[t.Name] {
			return fmt.Errorf("till %d: the name %q is empty or used twice", i+1, t.Name)
		}
		names[t.Name] = true
		if err := CheckToken(t.Token); err != nil {
			return fmt.Errorf("till %q: %w", t.Name, err)
		}
		for _, other := range c.Tills[:i] {
			if other.Token.Matches(t.Token.Reveal()) {
				return fmt.Errorf(
					"tills %q and %q have the same token: they could not be told apart", other.Name,
					t.Name)
			}
		}
	}
	return nil
}

// CheckToken says why no till can bring the token, or nil.
func CheckToken(token secret.Value) error {
	if token.IsZero() || !visible(token.Reveal()) {
		return errors.New("the token is empty or has characters that no header can carry")
	}
	return nil
}

// visible reports whether b is printable ASCII without space and comma, which separate values in
// headers.
func visible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' || c == ',' {
			return false
		}
	}
	return true
}

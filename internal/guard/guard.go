// Package guard decides whether an HTTP request may reach a listener on this machine at all: it
// checks Host against DNS rebinding and Origin against pages of strangers, before any upgrade and
// before any handler runs.
//
// It does not authenticate anybody: tokens are the listener's own business. A Policy is read-only
// after its creation and safe for concurrent use; it keeps nothing, so nothing has to survive a
// crash.
package guard

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"kiosk-agent/internal/webaddr"
)

// ErrHost and ErrOrigin name what was refused; both are answered with 403.
var (
	ErrHost   = errors.New("host not allowed")
	ErrOrigin = errors.New("origin not allowed")
)

// Policy says which Host and Origin values a listener accepts.
type Policy struct {
	// Hosts are accepted besides loopback names and addresses with the listener's own port: exact
	// "host" or "host:port".
	Hosts []string
	// Origins are accepted exactly as written ("https://till.example"); no wildcard.
	Origins []string
	// SameOrigin accepts an Origin that equals the request's own (already accepted) Host: for
	// listeners that serve pages.
	SameOrigin bool
}

// Check returns nil, or an error wrapping ErrHost or ErrOrigin whose text is safe to log and to
// show.
func (p Policy) Check(r *http.Request) error {
	if !p.hostAllowed(r) {
		return fmt.Errorf(
			"%w: %.80q is neither a loopback name with this listener's port nor in hosts", ErrHost,
			r.Host)
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return nil
	}
	if len(origins) > 1 {
		return fmt.Errorf("%w: more than one Origin header", ErrOrigin)
	}
	origin := origins[0]
	if slices.Contains(p.Origins, origin) || p.SameOrigin && sameOrigin(origin, r) {
		return nil
	}
	return fmt.Errorf("%w: %.120q is not in allowed_origins", ErrOrigin, origin)
}

// Wrap answers 403 with the reason when Check fails, and calls next otherwise.
func (p Policy) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.Check(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (p Policy) hostAllowed(r *http.Request) bool {
	if slices.Contains(p.Hosts, r.Host) {
		return true
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), defaultPort(r)
	}
	if slices.Contains(p.Hosts, host) {
		return true
	}
	return webaddr.Loopback(host) && port == listenerPort(r)
}

// listenerPort is the port that the request arrived on, as net/http recorded it.
func listenerPort(r *http.Request) string {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return ""
	}
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return ""
	}
	return port
}

func defaultPort(r *http.Request) string {
	if r.TLS != nil {
		return "443"
	}
	return "80"
}

func sameOrigin(origin string, r *http.Request) bool {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == scheme && u.Host == r.Host && u.Path == ""
}

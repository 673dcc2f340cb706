package relayd

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"kiosk-agent/internal/strangers"
)

// publicLimits bound strangers on the public listener. With all of them there at once they need
// some 60 MiB, over TLS 120.
func (s *Server) publicLimits() strangers.Limits {
	return strangers.Limits{
		Head: strangers.Head{Bytes: 8 << 10, Lines: 64},
		// a gateway's proxies may add much, and what it says must not be lost for that
		Roomy: strangers.Head{Bytes: 32 << 10, Lines: 256}, Knows: s.knowsRoute,
		// Terminals' canaries are among the kept, one connection each, where no proxy stands in
		// front.
		Waiting: 1536, Answered: 384, Kept: 2048, Share: s.cfg.PerAddress,
		Unshared:   func(addr netip.Addr) bool { return within(s.cfg.Proxies, addr) },
		HeadWithin: 3 * time.Second, BodyWithin: 3 * time.Second, AnswerWithin: 10 * time.Second,
		IdleWithin: 2 * time.Minute,
	}
}

// adminLimits bound who has no admin token.
var adminLimits = strangers.Limits{
	Head: strangers.Head{Bytes: 8 << 10, Lines: 64}, Waiting: 128, Answered: 64, Kept: 64,
	HeadWithin: 3 * time.Second, BodyWithin: 3 * time.Second, AnswerWithin: 30 * time.Second,
	IdleWithin: 2 * time.Minute,
}

// knowsRoute is whether a request's target is a route of ours.
func (s *Server) knowsRoute(target string) bool {
	text, below := strings.CutPrefix(target, hookPrefix)
	if !below {
		return false
	}
	if end := strings.IndexAny(text, "/?"); end >= 0 {
		text = text[:end]
	}
	_, known := s.terminals.byRouteText(text, s.cfg.Now())
	return known
}

// listener serves one of the two listeners.
func (s *Server) listener(key string, h http.Handler, l strangers.Limits,
	identity *tls.Config) *strangers.Server {
	return strangers.New(h, l, strangers.Options{TLS: identity, Log: s.log,
		Refused: func(addr, reason string) {
			s.metrics.strangers.WithLabelValues(reason).Inc()
			s.refusals.Warn(key+" "+reason, "connection sent away", "listener", key, "addr", addr,
				"reason", reason)
		}})
}

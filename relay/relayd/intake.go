package relayd

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"kiosk-agent/relay"
)

// Seconds that a sender is asked to wait.
const (
	retryRate  = 1
	retryQuota = 300
	retryFull  = 60
	retryDown  = 5
)

const hookPrefix = "/hook/"

// serveHook answers /hook/{route} and everything below it: stored durably first, then 200. Host is
// not checked here: the route itself is the capability, and a hook that a gateway sends through an
// unexpected name must not be lost.
func (s *Server) serveHook(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	status := s.takeHook(w, r)
	s.metrics.hooks.WithLabelValues(strconv.Itoa(status)).Inc()
	s.metrics.hookSeconds.Observe(time.Since(start).Seconds())
}

func (s *Server) takeHook(w http.ResponseWriter, r *http.Request) int {
	text, below, deeper := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), hookPrefix), "/")
	if deeper {
		below = "/" + below
	}
	to, known := s.terminals.byRouteText(text, s.cfg.Now())
	if !known {
		return refuse(w, http.StatusNotFound, "no such route")
	}
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET, POST")
		return refuse(w, http.StatusMethodNotAllowed, "GET or POST only")
	}
	if s.stopping.Load() {
		return unavailable(w, http.StatusServiceUnavailable, "the relay is shutting down",
			retryDown)
	}
	if nonce := r.Header.Get(relay.CanaryHeader); relay.ValidNonce(nonce) {
		return s.takeCanary(w, r, to, nonce)
	}
	if !to.limiter.AllowN(s.cfg.Now(), 1) {
		return unavailable(w, http.StatusTooManyRequests, "too many requests", retryRate)
	}
	if r.ContentLength > relay.MaxHookBody {
		return refuse(w, http.StatusRequestEntityTooLarge, "body over 64 KiB")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, relay.MaxHookBody))
	if err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return refuse(w, http.StatusRequestEntityTooLarge, "body over 64 KiB")
		}
		return refuse(w, http.StatusBadRequest, "the body did not arrive whole")
	}
	return s.keep(w, r, to, to.to, envelope{
		Kind: relay.KindHook, Method: r.Method, Path: below, Query: r.URL.RawQuery,
		Headers: endToEnd(r.Header), Body: body,
	})
}

// takeCanary stores a canary among the messages of one terminal. On a merchant's route its header
// says which, and it is refused when a hook would be, but takes nothing of what the hooks have: one
// that is forged costs them nothing.
func (s *Server) takeCanary(w http.ResponseWriter, r *http.Request, on route, nonce string) int {
	to, limiter, now := on.to, on.limiter, s.cfg.Now()
	if on.merchant != "" {
		t := s.terminals.member(on.merchant, r.Header.Get(relay.TerminalHeader))
		if t == nil {
			return refuse(w, http.StatusNotFound, "no such terminal on this route")
		}
		to, limiter = terminalSource(t.ID), t.canaries
		if on.limiter.TokensAt(now) < 1 {
			return unavailable(w, http.StatusTooManyRequests, "too many requests", retryRate)
		}
	}
	if !limiter.AllowN(now, 1) {
		return unavailable(w, http.StatusTooManyRequests, "too many requests", retryRate)
	}
	return s.keep(w, r, on, to, envelope{Kind: relay.KindCanary, Nonce: nonce})
}

// keep stores e, which came on a route. It goes on when the sender hangs up: what has arrived whole
// is worth keeping.
func (s *Server) keep(w http.ResponseWriter, r *http.Request, on route, to source, e envelope) int {
	e.ID, e.ReceivedAt = ulid.Make().String(), relay.Time{Time: s.cfg.Now()}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), hookTimeout)
	defer cancel()
	var err error
	if to != on.to {
		err = s.store.room(ctx, on.to)
	}
	if err == nil {
		err = s.store.publish(ctx, to, e)
	}
	log := s.log.With(on.owner()...)
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "OK")
		return http.StatusOK
	case errors.Is(err, errQuota):
		log.Warn("hook refused: the route's quota is used up")
		return unavailable(w, http.StatusTooManyRequests,
			"this route holds as many hooks as it may", retryQuota)
	case errors.Is(err, errFull):
		log.Error("hook refused: the store is full", "err", err)
		return unavailable(w, http.StatusServiceUnavailable, "the store is full", retryFull)
	default:
		log.Error("hook refused", "err", err)
		return unavailable(w, http.StatusServiceUnavailable, "the store does not answer", retryDown)
	}
}

// endToEnd returns the headers that belong to the request and not to one connection on its way (RFC
// 9110, 7.6.1). Authorization stays: the receiver may need it to verify the sender.
func endToEnd(h http.Header) map[string][]string {
	out := h.Clone()
	for _, list := range h.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Proxy-Connection", "Keep-Alive",
		"Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		out.Del(name)
	}
	return out
}

func refuse(w http.ResponseWriter, status int, text string) int {
	http.Error(w, text, status)
	return status
}

// unavailable refuses and says when to try again.
func unavailable(w http.ResponseWriter, status int, text string, retrySeconds int) int {
	w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
	return refuse(w, status, text)
}

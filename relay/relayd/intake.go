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

// serveHook answers /hook/{route} and everything below it: stored durably first, then 200. Host is not checked here: the
// route itself is the capability, and a hook that a gateway sends through an unexpected name must not be lost.
func (s *Server) serveHook(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	status := s.takeHook(w, r)
	s.metrics.hooks.WithLabelValues(strconv.Itoa(status)).Inc()
	s.metrics.hookSeconds.Observe(time.Since(start).Seconds())
}

func (s *Server) takeHook(w http.ResponseWriter, r *http.Request) int {
	route, below, deeper := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), hookPrefix), "/")
	if deeper {
		below = "/" + below
	}
	t := s.terminals.byRouteText(route)
	if t == nil {
		return refuse(w, http.StatusNotFound, "no such route")
	}
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET, POST")
		return refuse(w, http.StatusMethodNotAllowed, "GET or POST only")
	}
	if s.stopping.Load() {
		return unavailable(w, http.StatusServiceUnavailable, "the relay is shutting down", retryDown)
	}
	if !t.limiter.AllowN(s.cfg.Now(), 1) {
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
	return s.keepHook(w, r, t, below, body)
}

// keepHook stores the request. It goes on when the sender hangs up: what has arrived whole is worth keeping.
func (s *Server) keepHook(w http.ResponseWriter, r *http.Request, t *terminal, below string, body []byte) int {
	e := envelope{ID: ulid.Make().String(), Kind: relay.KindHook, ReceivedAt: relay.Time{Time: s.cfg.Now()}}
	if nonce := r.Header.Get(relay.CanaryHeader); relay.ValidNonce(nonce) {
		e.Kind, e.Nonce = relay.KindCanary, nonce
	} else {
		e.Method, e.Path, e.Query, e.Headers, e.Body = r.Method, below, r.URL.RawQuery, endToEnd(r.Header), body
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTimeout)
	defer cancel()
	err := s.store.publish(ctx, t.sources()[0], e)
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "OK")
		return http.StatusOK
	case errors.Is(err, errQuota):
		s.log.Warn("hook refused: the route's quota is used up", "terminal", t.ID)
		return unavailable(w, http.StatusTooManyRequests, "this route holds as many hooks as it may", retryQuota)
	case errors.Is(err, errFull):
		s.log.Error("hook refused: the store is full", "terminal", t.ID, "err", err)
		return unavailable(w, http.StatusServiceUnavailable, "the store is full", retryFull)
	default:
		s.log.Error("hook refused", "terminal", t.ID, "err", err)
		return unavailable(w, http.StatusServiceUnavailable, "the store does not answer", retryDown)
	}
}

// endToEnd returns the headers that belong to the request and not to one connection on its way (RFC 9110, 7.6.1).
// Authorization stays: the receiver may need it to verify the sender.
func endToEnd(h http.Header) map[string][]string {
	out := h.Clone()
	for _, list := range h.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
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

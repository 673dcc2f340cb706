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

	"kiosk-agent/internal/strangers"
	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
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
	if status, delivers := s.byMethod(w, r, to); !delivers {
		return status
	}
	if s.stopping.Load() {
		return unavailable(w, http.StatusServiceUnavailable, "the relay is shutting down",
			rules.RetryDown)
	}
	admitted, refused := rules.Admit(s.cfg.Now(), rules.Request{
		Length: r.ContentLength, Nonce: r.Header.Get(relay.CanaryHeader),
		Terminal: r.Header.Get(relay.TerminalHeader),
	}, to.Route, s.member)
	if refused != nil {
		return answer(w, refused)
	}
	if admitted.Kind == relay.KindHook && !s.fromGateway(to, r) {
		s.refusals.Warn("gateway", "hook refused: its sender is none of the gateway's addresses",
			append(to.owner(), "addr", s.sender(r).String())...)
		return refuse(w, http.StatusForbidden, "hooks of this route come from elsewhere")
	}
	strangers.Known(w, r)
	var e rules.Envelope
	if admitted.Kind == relay.KindHook {
		if !to.limits.read() {
			return answer(w, rules.TooMany())
		}
		defer to.limits.reading.Add(-1)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, relay.MaxHookBody))
		if err != nil {
			var tooBig *http.MaxBytesError
			if errors.As(err, &tooBig) {
				return answer(w, rules.TooLong())
			}
			return refuse(w, http.StatusBadRequest, "the body did not arrive whole")
		}
		e = rules.Envelope{Method: r.Method, Path: below, Query: r.URL.RawQuery,
			Headers: endToEnd(r.Header), Body: body}
		if refused := admitted.Judge(s.cfg.Now(), s.cfg.Shapes.MayOpen(e)); refused != nil {
			return answer(w, refused)
		}
	}
	return s.keep(w, r, to, admitted, e)
}

// byMethod answers what brings nothing: somebody who looks whether the hook URL is there, and
// methods that no gateway delivers with. Both are said in the log, within the route's rate.
func (s *Server) byMethod(w http.ResponseWriter, r *http.Request, to route) (status int,
	delivers bool) {
	switch r.Method {
	case http.MethodPost, http.MethodGet, http.MethodPut:
		return 0, true
	}
	if !to.Looked(s.cfg.Now()) {
		return answer(w, rules.TooMany()), false
	}
	w.Header().Set("Allow", "GET, HEAD, OPTIONS, POST, PUT")
	log := s.log.With(append(to.owner(), "method", r.Method)...)
	switch r.Method {
	case http.MethodHead, http.MethodOptions:
		log.Info("a hook URL was looked at: answered, and nothing is stored")
		w.WriteHeader(http.StatusOK)
		return http.StatusOK, false
	default:
		log.Warn("a hook URL was called with a method that delivers nothing")
		return refuse(w, http.StatusMethodNotAllowed, "GET, POST or PUT only"), false
	}
}

// member looks up the merchant's terminal that a canary's header names.
func (s *Server) member(merchant, handle string) (rules.Member, bool) {
	t := s.terminals.member(merchant, handle)
	if t == nil {
		return rules.Member{}, false
	}
	return rules.Member{Source: rules.TerminalSource(t.ID), Canaries: t.canaries}, true
}

// keep stores e, which came on a route. It goes on when the sender hangs up: what has arrived whole
// is worth keeping.
func (s *Server) keep(w http.ResponseWriter, r *http.Request, on route, a rules.Admission,
	e rules.Envelope) int {
	e.ID, e.ReceivedAt = newID(), relay.Time{Time: s.cfg.Now()}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), hookTimeout)
	defer cancel()
	err := a.Keep(ctx, s.store, s.cfg.Store.QuotaPerRoute, e)
	log := s.log.With(on.owner()...)
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "OK")
		return http.StatusOK
	case errors.Is(err, rules.ErrQuota):
		log.Warn("hook refused: the route's quota is used up")
	case errors.Is(err, rules.ErrFull):
		log.Error("hook refused: the store is full", "error", err)
	default:
		log.Error("hook refused", "error", err)
	}
	return answer(w, rules.Refused(err))
}

func newID() string { return ulid.Make().String() }

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
		"Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding",
		"Upgrade"} {
		out.Del(name)
	}
	return out
}

func refuse(w http.ResponseWriter, status int, text string) int {
	http.Error(w, text, status)
	return status
}

// answer gives the rules' refusal.
func answer(w http.ResponseWriter, r *rules.Refusal) int {
	if r.RetryAfter > 0 {
		return unavailable(w, r.Status, r.Text, r.RetryAfter)
	}
	return refuse(w, r.Status, r.Text)
}

// unavailable refuses and says when to try again.
func unavailable(w http.ResponseWriter, status int, text string, retrySeconds int) int {
	w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
	return refuse(w, status, text)
}

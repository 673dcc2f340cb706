package relayd

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"kiosk-agent/relay/relayd/rules"
)

// publicHandler serves the public listener. Hooks pass by ServeMux, which would redirect paths that
// it finds untidy.
func (s *Server) publicHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/stream", s.terminalOnly(s.serveStream))
	mux.Handle("GET /v1/head", s.terminalOnly(s.serveHead))
	mux.Handle("POST /v1/enrol", s.guardPub.Wrap(http.HandlerFunc(s.serveEnrol)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", s.serveReady)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), hookPrefix) {
			s.serveHook(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// readiness keeps the store's last answer for a second, so that strangers cannot make it work.
type readiness struct {
	mu   sync.Mutex
	at   time.Time
	good bool
}

func (r *readiness) check(ctx context.Context, now func() time.Time,
	ask func(context.Context) error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now().Sub(r.at); age < 0 || age >= time.Second {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		r.good = ask(ctx) == nil
		r.at = now() // when it was answered: who waited meanwhile has this answer too
	}
	return r.good
}

// serveReady says whether hooks can be taken: the store answers now, took the last probe's write,
// and nobody is shutting us down. A full store is ready, because terminals can still be served; it
// shows in the metrics and as 503 to each hook.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	ask := func(ctx context.Context) error { _, err := s.store.Span(ctx); return err }
	if s.stopping.Load() || s.storeDown.Load() ||
		!s.ready.check(context.WithoutCancel(r.Context()), time.Now, ask) {
		unavailable(w, http.StatusServiceUnavailable, "not ready", rules.RetryDown)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

package relayd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
)

// Credentials are what a terminal is given, once: the relay keeps only hashes.
type Credentials struct {
	ID      string       // of the terminal
	Token   secret.Value // for kiosk-agent's relay.token
	HookURL string       // for the gateway and for kiosk-agent's relay.hook_url; "" when a rotation kept the route
}

// AddTerminal makes a terminal, or a revoked one anew. merchant may be "". Errors: ErrTerminalID, ErrTerminalExists.
func (s *Server) AddTerminal(ctx context.Context, id, merchant string) (Credentials, error) {
	sp, err := s.store.span(ctx)
	if err != nil {
		return Credentials{}, err
	}
	token, route, err := s.terminals.add(ctx, id, merchant, sp.epoch, s.cfg.Now())
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{ID: id, Token: token, HookURL: s.hookURL(route)}, nil
}

// RotateTerminal gives a terminal a new token, and a new hook URL if withRoute. The old ones end at once. Errors:
// ErrTerminalUnknown, ErrTerminalRevoked.
func (s *Server) RotateTerminal(ctx context.Context, id string, withRoute bool) (Credentials, error) {
	token, route, err := s.terminals.rotate(ctx, id, withRoute)
	if err != nil {
		return Credentials{}, err
	}
	c := Credentials{ID: id, Token: token}
	if route != "" {
		c.HookURL = s.hookURL(route)
	}
	return c, nil
}

// RevokeTerminal ends a terminal's token, connection and route. Error: ErrTerminalUnknown.
func (s *Server) RevokeTerminal(ctx context.Context, id string) error {
	return s.terminals.revoke(ctx, id, s.cfg.Now())
}

func (s *Server) hookURL(route string) string { return s.publicURL + hookPrefix + route }

// Bodies of the admin API; cmd/kiosk-relay is its client.
type (
	// TerminalRequest names a terminal; Merchant counts for add, Route for rotate.
	TerminalRequest struct {
		ID       string `json:"id"`
		Merchant string `json:"merchant,omitempty"`
		Route    bool   `json:"route,omitempty"`
	}
	// TerminalSecrets answers add and rotate.
	TerminalSecrets struct {
		ID      string `json:"id"`
		Token   string `json:"token"`
		HookURL string `json:"hook_url,omitempty"`
	}
	// TerminalInfo is one line of the list.
	TerminalInfo struct {
		ID        string      `json:"id"`
		Merchant  string      `json:"merchant,omitempty"`
		CreatedAt relay.Time  `json:"created_at"`
		RevokedAt *relay.Time `json:"revoked_at,omitempty"`
		Connected bool        `json:"connected"` // to this relay
	}
)

const maxAdminBody = 8 << 10

func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{}))
	mux.Handle("GET /admin/v1/terminals", s.adminOnly(s.adminList))
	mux.Handle("POST /admin/v1/terminals/add", s.adminOnly(s.adminAdd))
	mux.Handle("POST /admin/v1/terminals/rotate", s.adminOnly(s.adminRotate))
	mux.Handle("POST /admin/v1/terminals/revoke", s.adminOnly(s.adminRevoke))
	return s.guardAdm.Wrap(mux)
}

func (s *Server) adminOnly(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !s.cfg.AdminToken.Matches([]byte(token)) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "wrong admin token", http.StatusUnauthorized)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxAdminBody)
		next(w, r)
	})
}

func (s *Server) adminList(w http.ResponseWriter, _ *http.Request) {
	out := []TerminalInfo{}
	for _, r := range s.terminals.list() {
		out = append(out, TerminalInfo{r.ID, r.Merchant, r.CreatedAt, r.RevokedAt, s.hub.connected(r.ID)})
	}
	writeJSON(w, http.StatusOK, out)
}

func (s *Server) adminAdd(w http.ResponseWriter, r *http.Request) {
	if req, ok := readRequest(w, r); ok {
		c, err := s.AddTerminal(r.Context(), req.ID, req.Merchant)
		s.answerSecrets(w, c, err, "terminal added")
	}
}

func (s *Server) adminRotate(w http.ResponseWriter, r *http.Request) {
	if req, ok := readRequest(w, r); ok {
		c, err := s.RotateTerminal(r.Context(), req.ID, req.Route)
		s.answerSecrets(w, c, err, "terminal rotated")
	}
}

func (s *Server) adminRevoke(w http.ResponseWriter, r *http.Request) {
	req, ok := readRequest(w, r)
	if !ok {
		return
	}
	if err := s.RevokeTerminal(r.Context(), req.ID); err != nil {
		s.adminError(w, err)
		return
	}
	s.log.Info("terminal revoked", "terminal", req.ID)
	writeJSON(w, http.StatusOK, struct{}{})
}

func (s *Server) answerSecrets(w http.ResponseWriter, c Credentials, err error, done string) {
	if err != nil {
		s.adminError(w, err)
		return
	}
	s.log.Info(done, "terminal", c.ID)
	writeJSON(w, http.StatusOK, TerminalSecrets{c.ID, string(c.Token.Reveal()), c.HookURL})
}

// readRequest reads exactly one strict JSON object.
func readRequest(w http.ResponseWriter, r *http.Request) (TerminalRequest, bool) {
	var req TerminalRequest
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(&req)
	if err == nil {
		if _, tail := dec.Token(); !errors.Is(tail, io.EOF) {
			err = errors.New("trailing bytes")
		}
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, adminFailure{"the request is not the JSON object that is expected"})
		return TerminalRequest{}, false
	}
	return req, true
}

type adminFailure struct {
	Error string `json:"error"`
}

func (s *Server) adminError(w http.ResponseWriter, err error) {
	for known, status := range map[error]int{
		ErrTerminalID: http.StatusBadRequest, ErrTerminalExists: http.StatusConflict,
		ErrTerminalUnknown: http.StatusNotFound, ErrTerminalRevoked: http.StatusConflict,
	} {
		if errors.Is(err, known) {
			writeJSON(w, status, adminFailure{err.Error()})
			return
		}
	}
	s.log.Error("admin request failed", "err", err)
	writeJSON(w, http.StatusServiceUnavailable, adminFailure{"the store does not answer; see the relay's log"})
}

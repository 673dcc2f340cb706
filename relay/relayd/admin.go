package relayd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/strangers"
	"kiosk-agent/relay"
)

// Credentials are what a terminal is given, once: the relay keeps only hashes.
type Credentials struct {
	ID    string       // of the terminal
	Token secret.Value // for kiosk-agent's relay.token
	// for the gateway and for kiosk-agent's relay.hook_url; "" when a rotation kept the route
	HookURL string
	// Merchant whose hooks the terminal reads too, "" for none. Where the gateway posts to the
	// merchant's hook URL, that one is relay.hook_url.
	Merchant string
}

// AddTerminal makes a terminal, or a revoked one anew. merchant may be "". Errors: ErrTerminalID,
// ErrTerminalExists, ErrMerchantUnknown, ErrChanged.
func (s *Server) AddTerminal(ctx context.Context, id, merchant string) (Credentials, error) {
	sp, err := s.store.Span(ctx)
	if err != nil {
		return Credentials{}, err
	}
	token, route, err := s.terminals.add(ctx, id, merchant, sp.Epoch, s.cfg.Now())
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{ID: id, Token: token, HookURL: s.hookURL(route), Merchant: merchant}, nil
}

// RotateTerminal gives a terminal a new token, and a new hook URL if withRoute. The old token stays
// good until the new one is first used, and for grace (0 to 24 h) at most; the old hook URL ends at
// once. Errors: ErrTerminalUnknown, ErrTerminalRevoked, ErrGrace, ErrChanged.
func (s *Server) RotateTerminal(ctx context.Context, id string, withRoute bool,
	grace time.Duration) (Credentials, error) {
	token, route, err := s.terminals.rotate(ctx, id, withRoute, grace, s.cfg.Now())
	if err != nil {
		return Credentials{}, err
	}
	c := Credentials{ID: id, Token: token}
	if route != "" {
		c.HookURL = s.hookURL(route)
	}
	return c, nil
}

// RevokeTerminal ends a terminal's tokens, connection, routes and code. Errors: ErrTerminalUnknown,
// ErrChanged.
func (s *Server) RevokeTerminal(ctx context.Context, id string) error {
	return s.terminals.revoke(ctx, id, s.cfg.Now())
}

// AddMerchant makes a merchant, or a revoked one anew, and returns its hook URL. Errors:
// ErrMerchantName, ErrMerchantExists, ErrChanged.
func (s *Server) AddMerchant(ctx context.Context, name string) (hookURL string, err error) {
	route, err := s.terminals.addMerchant(ctx, name, s.cfg.Now())
	if err != nil {
		return "", err
	}
	return s.hookURL(route), nil
}

// RevokeMerchant ends a merchant's hook URL. Its terminals stay. Errors: ErrMerchantUnknown,
// ErrChanged.
func (s *Server) RevokeMerchant(ctx context.Context, name string) error {
	return s.terminals.revokeMerchant(ctx, name, s.cfg.Now())
}

func (s *Server) hookURL(route string) string { return s.publicURL + hookPrefix + route }

// Bodies of the admin API; cmd/kiosk-relay is its client.
type (
	// TerminalRequest names a terminal; Merchant counts for add, Route and GraceS (seconds) for
	// rotate.
	TerminalRequest struct {
		ID       string `json:"id"`
		Merchant string `json:"merchant,omitempty"`
		Route    bool   `json:"route,omitempty"`
		GraceS   int64  `json:"grace_s,omitempty"`
	}
	// TerminalSecrets answers add and rotate, and POST /v1/enrol.
	TerminalSecrets struct {
		ID       string `json:"id"`
		Token    string `json:"token"`
		HookURL  string `json:"hook_url,omitempty"`
		Merchant string `json:"merchant,omitempty"`
	}
	// TerminalEnrolment answers code.
	TerminalEnrolment struct {
		ID        string     `json:"id"`
		Code      string     `json:"code"`
		ExpiresAt relay.Time `json:"expires_at"`
	}
	// TerminalInfo is one line of the list.
	TerminalInfo struct {
		ID        string      `json:"id"`
		Merchant  string      `json:"merchant,omitempty"`
		CreatedAt relay.Time  `json:"created_at"`
		RevokedAt *relay.Time `json:"revoked_at,omitempty"`
		Connected bool        `json:"connected"`            // to this relay
		CodeUntil *relay.Time `json:"code_until,omitempty"` // an enrolment code is open
	}
	// MerchantRequest names a merchant.
	MerchantRequest struct {
		Name string `json:"name"`
	}
	// MerchantSecrets answers merchants/add.
	MerchantSecrets struct {
		Name    string `json:"name"`
		HookURL string `json:"hook_url"`
	}
	// MerchantInfo is one line of the merchants' list.
	MerchantInfo struct {
		Name      string      `json:"name"`
		CreatedAt relay.Time  `json:"created_at"`
		RevokedAt *relay.Time `json:"revoked_at,omitempty"`
		Terminals int         `json:"terminals"` // that are not revoked
	}
)

const maxAdminBody = 8 << 10

// adminHandler is for AdminListen: it has the admin API where there is no socket for it.
func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", strangers.OneByOne(
		promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{})))
	if s.cfg.AdminSocket == "" {
		s.addAdminAPI(mux)
	}
	return s.guardAdm.Wrap(mux)
}

// socketHandler is for AdminSocket. Only its owner and its group may open that, and no browser.
func (s *Server) socketHandler() http.Handler {
	mux := http.NewServeMux()
	s.addAdminAPI(mux)
	return mux
}

func (s *Server) addAdminAPI(mux *http.ServeMux) {
	mux.Handle("GET /admin/v1/terminals", s.adminOnly(s.adminList))
	mux.Handle("POST /admin/v1/terminals/add", s.adminOnly(s.adminAdd))
	mux.Handle("POST /admin/v1/terminals/rotate", s.adminOnly(s.adminRotate))
	mux.Handle("POST /admin/v1/terminals/revoke", s.adminOnly(s.adminRevoke))
	mux.Handle("POST /admin/v1/terminals/code", s.adminOnly(s.adminCode))
	mux.Handle("GET /admin/v1/merchants", s.adminOnly(s.adminMerchants))
	mux.Handle("POST /admin/v1/merchants/add", s.adminOnly(s.adminAddMerchant))
	mux.Handle("POST /admin/v1/merchants/revoke", s.adminOnly(s.adminRevokeMerchant))
}

func (s *Server) adminOnly(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !s.cfg.AdminToken.Matches([]byte(token)) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "wrong admin token", http.StatusUnauthorized)
			return
		}
		strangers.Known(w, r)
		r.Body = http.MaxBytesReader(w, r.Body, maxAdminBody)
		next(w, r)
	})
}

func (s *Server) adminList(w http.ResponseWriter, _ *http.Request) {
	out := []TerminalInfo{}
	for _, r := range s.terminals.list() {
		info := TerminalInfo{ID: r.ID, Merchant: r.Merchant, CreatedAt: r.CreatedAt,
			RevokedAt: r.RevokedAt, Connected: s.hub.connected(r.ID)}
		if r.Code.valid(s.cfg.Now()) {
			info.CodeUntil = &r.Code.Until
		}
		out = append(out, info)
	}
	writeJSON(w, http.StatusOK, out)
}

func (s *Server) adminAdd(w http.ResponseWriter, r *http.Request) {
	if req, ok := readRequest[TerminalRequest](w, r); ok {
		c, err := s.AddTerminal(r.Context(), req.ID, req.Merchant)
		s.answerSecrets(w, c, err, "terminal added")
	}
}

func (s *Server) adminRotate(w http.ResponseWriter, r *http.Request) {
	if req, ok := readRequest[TerminalRequest](w, r); ok {
		grace := time.Duration(min(max(req.GraceS, -1),
			int64(maxGrace/time.Second)+1)) * time.Second
		c, err := s.RotateTerminal(r.Context(), req.ID, req.Route, grace)
		s.answerSecrets(w, c, err, "terminal rotated")
	}
}

func (s *Server) adminRevoke(w http.ResponseWriter, r *http.Request) {
	req, ok := readRequest[TerminalRequest](w, r)
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
	writeJSON(w, http.StatusOK, secretsOf(c))
}

func secretsOf(c Credentials) TerminalSecrets {
	return TerminalSecrets{c.ID, string(c.Token.Reveal()), c.HookURL, c.Merchant}
}

func (s *Server) adminCode(w http.ResponseWriter, r *http.Request) {
	req, ok := readRequest[TerminalRequest](w, r)
	if !ok {
		return
	}
	c, err := s.CodeTerminal(r.Context(), req.ID)
	if err != nil {
		s.adminError(w, err)
		return
	}
	s.log.Info("enrolment code made", "terminal", c.ID, "until", c.Until)
	writeJSON(w, http.StatusOK, TerminalEnrolment{c.ID, string(c.Code.Reveal()),
		relay.Time{Time: c.Until}})
}

func (s *Server) adminMerchants(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.terminals.listMerchants())
}

func (s *Server) adminAddMerchant(w http.ResponseWriter, r *http.Request) {
	req, ok := readRequest[MerchantRequest](w, r)
	if !ok {
		return
	}
	hookURL, err := s.AddMerchant(r.Context(), req.Name)
	if err != nil {
		s.adminError(w, err)
		return
	}
	s.log.Info("merchant added", "merchant", req.Name)
	writeJSON(w, http.StatusOK, MerchantSecrets{req.Name, hookURL})
}

func (s *Server) adminRevokeMerchant(w http.ResponseWriter, r *http.Request) {
	req, ok := readRequest[MerchantRequest](w, r)
	if !ok {
		return
	}
	if err := s.RevokeMerchant(r.Context(), req.Name); err != nil {
		s.adminError(w, err)
		return
	}
	s.log.Info("merchant revoked", "merchant", req.Name)
	writeJSON(w, http.StatusOK, struct{}{})
}

// readRequest reads exactly one strict JSON object.
func readRequest[T any](w http.ResponseWriter, r *http.Request) (req T, ok bool) {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(&req)
	if err == nil {
		if _, tail := dec.Token(); !errors.Is(tail, io.EOF) {
			err = errors.New("trailing bytes")
		}
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest,
			adminFailure{"the request is not the JSON object that is expected"})
		return req, false
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
		ErrMerchantName: http.StatusBadRequest, ErrMerchantExists: http.StatusConflict,
		ErrMerchantUnknown: http.StatusNotFound, ErrGrace: http.StatusBadRequest,
		ErrChanged: http.StatusConflict,
	} {
		if errors.Is(err, known) {
			writeJSON(w, status, adminFailure{err.Error()})
			return
		}
	}
	s.log.Error("admin request failed", "error", err)
	writeJSON(w, http.StatusServiceUnavailable,
		adminFailure{"the store does not answer; see the relay's log"})
}

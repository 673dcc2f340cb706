package relayd

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"kiosk-agent/internal/strangers"
	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

const (
	closeGoingAway = websocket.CloseGoingAway
	closeReplaced  = relay.CloseReplaced
	closeRevoked   = relay.CloseRevoked
)

// visitor is a terminal with the token that it came with.
type visitor struct {
	*terminal
	token hash
}

// authenticate returns the terminal that the bearer token names, none for none.
func (s *Server) authenticate(r *http.Request) (visitor, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") || len(r.Header.Values("Authorization")) != 1 {
		return visitor{}, false
	}
	h := sha256.Sum256([]byte(token))
	t := s.terminals.byToken(h, s.cfg.Now())
	return visitor{t, h}, t != nil
}

// terminalOnly lets agents in, and nothing that a browser could send: any Origin is refused.
func (s *Server) terminalOnly(next func(http.ResponseWriter, *http.Request, visitor)) http.Handler {
	return s.guardPub.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok := s.authenticate(r)
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unknown or revoked token", http.StatusUnauthorized)
			return
		}
		strangers.Known(w, r)
		next(w, r, v)
	}))
}

// serveHead answers GET /v1/head: the anchor, which agents judge before each hello and "journal
// verify --relay" compares.
func (s *Server) serveHead(w http.ResponseWriter, r *http.Request, t visitor) {
	head, _, err := s.heads.Head(r.Context(), t.ID)
	if err != nil {
		s.log.Error("read a journal head", "terminal", t.ID, "error", err)
		unavailable(w, http.StatusServiceUnavailable, "the store does not answer", rules.RetryDown)
		return
	}
	writeJSON(w, http.StatusOK, relay.HeadAnswer{Head: head})
}

// serveStream answers GET /v1/stream: it stays until the connection has ended.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, t visitor) {
	if s.stopping.Load() {
		unavailable(w, http.StatusServiceUnavailable, "the relay is shutting down", rules.RetryDown)
		return
	}
	if !offers(r, relay.Subprotocol) {
		http.Error(w, "the subprotocol "+relay.Subprotocol+" is not offered", http.StatusBadRequest)
		return
	}
	if !s.hub.enter(t.ID) {
		unavailable(w, http.StatusTooManyRequests, "too many connections of this terminal",
			rules.RetryRate)
		return
	}
	defer s.hub.exit(t.ID)
	up := websocket.Upgrader{
		// buffers: net/http's own, which live on anyway
		HandshakeTimeout: helloTimeout, Subprotocols: []string{relay.Subprotocol},
		// the guard has refused every Origin already
		CheckOrigin: func(*http.Request) bool { return true },
	}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	sess := s.newSession(conn, t)
	if !s.hub.join(sess) {
		sess.sendClose(closeGoingAway, "the relay is shutting down")
		_ = conn.Close()
		return
	}
	defer s.hub.leave(sess)
	// The record may have changed between the check of the token and now.
	if !sess.allowed() {
		sess.close(closeRevoked, "the token is no longer valid")
	}
	sess.run(context.WithoutCancel(r.Context()))
}

func (s *Server) newSession(conn *websocket.Conn, t visitor) *session {
	of := t.forRules()
	sess := &session{
		srv: s, conn: conn, term: t.terminal, token: t.token, sources: of.Sources(), id: newID(),
		log: s.log.With("terminal", t.ID), inbound: make(chan relay.Message, 16),
		wake: make(chan struct{}, 1), lost: make(chan error, 1), bye: make(chan farewell, 1),
	}
	sess.rules = rules.NewSession(s.limits(), of, rules.Ports{
		Store: s.store, Heads: s.heads, NewID: newID, Send: sess.send,
	})
	return sess
}

// limits are what the rules go by.
func (s *Server) limits() rules.Limits {
	return rules.Limits{Retention: s.cfg.Store.Retention, InFlight: s.cfg.InFlight,
		Ping: s.cfg.Ping}
}

func offers(r *http.Request, protocol string) bool {
	for _, p := range websocket.Subprotocols(r) {
		if p == protocol {
			return true
		}
	}
	return false
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Server) terminalChanged(t *terminal) { s.hub.changed(t, s.cfg.Now()) }

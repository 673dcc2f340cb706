package ui

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/internal/strangers"
)

const (
	cookieName = "kiosk_display"
	cookieLife = 400 * 24 * time.Hour // the longest that Chromium keeps one
	// contentPolicy allows the page its own files and its WebSocket ('self' covers ws: of the same
	// host and port), nothing else.
	contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func (h *Hub) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.servePage)
	mux.HandleFunc("GET /assets/{file}", h.page.serveAsset)
	mux.HandleFunc("GET /logo", h.page.serveLogo)
	mux.HandleFunc("GET /vacant", h.serveVacant)
	mux.HandleFunc("GET /ws", h.serveSocket)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", contentPolicy)
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Cache-Control", "no-store")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		if h.signedIn(r) {
			strangers.Known(w, r)
		}
		mux.ServeHTTP(w, r)
	})
}

// cookieValue is derived from the token: a page stays signed in over restarts of the agent and
// until the token changes, and whoever reads the cookie does not learn the token.
func (h *Hub) cookieValue() string {
	mac := hmac.New(sha256.New, h.cfg.Token.Reveal())
	mac.Write([]byte("kiosk-agent display cookie v1"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// signedIn reports whether the request may see the screen.
func (h *Hub) signedIn(r *http.Request) bool {
	return h.cfg.Open || h.hasCookie(r) ||
		h.hasBearer(r)
}

func (h *Hub) hasCookie(r *http.Request) bool {
	for _, c := range r.CookiesNamed(cookieName) {
		if hmac.Equal([]byte(c.Value), []byte(h.cookieValue())) {
			return true
		}
	}
	return false
}

func (h *Hub) hasBearer(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && h.cfg.Token.Matches([]byte(token))
}

// servePage takes the token out of the address at the first visit and serves the page at every
// later one.
func (h *Hub) servePage(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if h.cfg.Open && query.Has("token") {
		// out of the address with it; a cookie that the browser has stays good for the right token
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if query.Has("token") {
		if !h.cfg.Token.Matches([]byte(query.Get("token"))) {
			h.refusals.Warn("token", "display: wrong token", "addr", r.RemoteAddr)
			h.page.serveUnauthorized(w)
			return
		}
		http.SetCookie(w, &http.Cookie{
			Name: cookieName, Value: h.cookieValue(), Path: "/",
			MaxAge: int(cookieLife / time.Second), HttpOnly: true,
			SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
		})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if !h.cfg.Open && !h.hasCookie(r) {
		h.page.serveUnauthorized(w)
		return
	}
	h.page.serve(w)
}

func (h *Hub) serveVacant(w http.ResponseWriter, r *http.Request) {
	if !h.signedIn(r) {
		http.Error(w, "not signed in", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]bool{"vacant": !h.State().Connected})
}

func (h *Hub) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !h.signedIn(r) {
		h.refusals.Warn("socket", "display: connection without a valid cookie or token", "addr",
			r.RemoteAddr)
		http.Error(w, "not signed in: open the display's address with its token first",
			http.StatusUnauthorized)
		return
	}
	if !slices.Contains(websocket.Subprotocols(r), subprotocol) {
		http.Error(w, "offer the subprotocol "+subprotocol, http.StatusBadRequest)
		return
	}
	if !h.reserve() {
		http.Error(w, "not running, or too many displays", http.StatusServiceUnavailable)
		return
	}
	upgrader := websocket.Upgrader{
		HandshakeTimeout: 3 * time.Second, ReadBufferSize: 1024, WriteBufferSize: 4096,
		Subprotocols: []string{subprotocol},
		// guard.Policy has done it, and Host too, which gorilla does not
		CheckOrigin: func(*http.Request) bool { return true },
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		h.release()
		return // Upgrade has answered
	}
	if c := newClient(conn); !h.adopt(c) {
		h.release()
		c.hangUp()
	}
}

package jsonrpc

import (
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// Close codes for a page that gets no connection. The browser hides the status of a handshake that
// failed from the page, and shows it a close code: so a page is let in for the time of one close
// frame. They are the codes of HTTP with 4000 added.
const (
	closeNoToken  = 4401
	closeNoOrigin = 4403
	closeFull     = 4503
)

// maxStrangers bounds the pages that are being told at one time; others get the plain answer.
const maxStrangers = 8

// refusal is why a request gets no connection, and how it is told.
type refusal struct {
	status       int    // of the plain answer
	reason, text string // label of the metric; for the log and the plain answer
	// for a page: the close code, 0 where it gets the plain answer too, and the reason, which is of
	// 123 bytes at most and holds no name that was sent or configured
	code int
	told string
}

// refuse answers a page with a close code, and everybody else in plain text. The metric counts
// each, the log tells one a second. Neither the answer nor the log holds anything that the client
// sent, but for what the guard quotes.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, why refusal) {
	s.metrics.refused.WithLabelValues(why.reason).Inc()
	s.refusals.Warn(why.reason, "till connection refused", "http_status", why.status, "reason",
		why.reason, "detail", why.text)
	if why.code != 0 && fromPage(r) && s.turnAway(w, r, why) {
		return
	}
	http.Error(w, why.text, why.status)
}

// fromPage is whether the request is the handshake of a page's script: only browsers send Origin,
// and only one that offers the subprotocol takes an answer which selects it.
func fromPage(r *http.Request) bool {
	return len(r.Header.Values("Origin")) == 1 && r.URL.Path == Path &&
		websocket.IsWebSocketUpgrade(r) && offers(r)
}

// turnAway takes the connection, closes it at once and reads nothing of what comes on it. It
// reports false where there are too many already, or the agent stops: nothing was answered.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, why refusal) bool {
	if !s.enterStranger() {
		return false
	}
	defer s.exitStranger()
	c, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return true // Upgrade has answered
	}
	until := time.Now().Add(closeGrace)
	_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(why.code, why.told),
		until)
	// Closing a socket with unread bytes would tear the frame from the browser's hands.
	raw := c.NetConn()
	if half, ok := raw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = raw.SetReadDeadline(until)
	_, _ = io.Copy(io.Discard, io.LimitReader(raw, maxDiscard))
	_ = c.Close()
	return true
}

func (s *Server) enterStranger() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.strangers >= maxStrangers {
		return false
	}
	s.strangers++
	s.wg.Add(1)
	return true
}

func (s *Server) exitStranger() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strangers--
	s.wg.Done()
}

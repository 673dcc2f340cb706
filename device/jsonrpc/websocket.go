package jsonrpc

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/internal/bootclock"
)

const (
	// maxMessage is the largest message that a till may send, in bytes.
	maxMessage = 16 << 10
	// closeGrace is how long a peer has to take a close frame and answer it.
	closeGrace = time.Second
	// maxDiscard bounds what is read and thrown away from a peer that was told to go.
	maxDiscard = 1 << 20
)

// wsConn is a Conn over WebSocket: one text message each. It answers and sends pings.
//
// Neither a ping nor the peer's silence has a deadline of the connection's, which would be a timer
// of Go's for each message. An alarm rings when a ping is due, and asks then whether the peer is
// silent; the moment of that is only written down.
type wsConn struct {
	c     *websocket.Conn
	cfg   Config
	heard func()        // something came from the peer
	dead  chan struct{} // closed when Read has ended
	alarm alarm
	pings sync.WaitGroup

	mu      sync.Mutex
	closing bool
	pinging bool      // a ping is being written
	reading bool      // Read waits: only then is the peer silent
	until   time.Time // when it has been silent for too long
	pingAt  time.Time
}

// alarm is what of bootclock.Alarm is of use here.
type alarm interface {
	Reset(d time.Duration)
	Close()
}

func bootAlarm(ring func()) (alarm, error) { return bootclock.NewAlarm(ring) }

func newWSConn(c *websocket.Conn, s *Server, heard func()) (*wsConn, error) {
	cfg := s.cfg
	w := &wsConn{c: c, cfg: cfg, heard: heard, dead: make(chan struct{}),
		pingAt: time.Now().Add(cfg.PingEvery)}
	alarm, err := s.newAlarm(w.rung)
	if err != nil {
		return nil, err
	}
	w.alarm = alarm
	c.SetReadLimit(maxMessage)
	c.SetPongHandler(func(string) error {
		heard()
		w.wait(true)
		return nil
	})
	pong := c.PingHandler()
	c.SetPingHandler(func(data string) error {
		heard()
		return pong(data)
	})
	return w, nil
}

// wait gives the peer another PongWait to be heard, while Read waits for it.
func (w *wsConn) wait(reading bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.until.IsZero()
	w.reading, w.until = reading, time.Now().Add(w.cfg.PongWait)
	if first {
		w.arm()
	}
}

// arm sets the alarm to what is due first. The caller holds w.mu.
func (w *wsConn) arm() {
	next := w.pingAt
	if w.reading && w.until.Before(next) {
		next = w.until
	}
	w.alarm.Reset(time.Until(next))
}

// rung ends the wait for a peer that was silent for too long, and sends a ping when one is due: it
// shows as a missing pong where that fails. A ping that cannot be written holds up nobody who asks
// for the silence.
func (w *wsConn) rung() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.closing {
		return // its deadline stays
	}
	if w.reading && !now.Before(w.until) {
		_ = w.c.SetReadDeadline(now)
		return
	}
	if !now.Before(w.pingAt) {
		w.pingAt = now.Add(w.cfg.PingEvery)
		if !w.pinging {
			w.pinging = true
			w.pings.Go(w.ping)
		}
	}
	w.arm()
}

func (w *wsConn) ping() {
	_ = w.c.WriteControl(websocket.PingMessage, nil, time.Time{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pinging = false
}

// Read counts the peer's silence from when it begins: the session may have left messages unread for
// longer than PongWait.
func (w *wsConn) Read() ([]byte, error) {
	w.wait(true)
	kind, msg, err := w.c.ReadMessage()
	w.wait(false)
	if err == nil {
		w.heard()
	}
	if err == nil && kind == websocket.TextMessage {
		return msg, nil
	}
	close(w.dead)
	timeout, ok := errors.AsType[net.Error](err) // gorilla hides os.ErrDeadlineExceeded
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return nil, ErrTooLarge
	case ok && timeout.Timeout():
		return nil, ErrSilent
	case err == nil:
		return nil, ErrNotText
	default:
		return nil, err
	}
}

func (w *wsConn) Write(msg []byte) error {
	if err := w.c.SetWriteDeadline(time.Now().Add(w.cfg.WriteWait)); err != nil {
		return err
	}
	return w.c.WriteMessage(websocket.TextMessage, msg)
}

// Close sends a close frame and lets the peer take it: closing a socket with unread bytes would
// tear the frame from its hands.
func (w *wsConn) Close(why Ending) {
	if code, text := closeFrame(why); code != 0 {
		_ = w.c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text),
			time.Now().Add(closeGrace))
	}
	until := time.Now().Add(closeGrace)
	w.mu.Lock()
	w.closing = true
	_ = w.c.SetReadDeadline(until)
	w.mu.Unlock()
	<-w.dead
	if why == EndTooLarge || why == EndNotText {
		raw := w.c.NetConn()
		if half, ok := raw.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_ = raw.SetReadDeadline(until)
		_, _ = io.Copy(io.Discard, io.LimitReader(raw, maxDiscard))
	}
	_ = w.c.Close()
	w.alarm.Close()
	w.pings.Wait()
}

func closeFrame(why Ending) (code int, text string) {
	switch why {
	case EndShutdown:
		return websocket.CloseGoingAway, "the terminal's agent stops"
	case EndSlow:
		return websocket.CloseTryAgainLater,
			"messages were not read in time; connect again, what is owed is sent again"
	case EndTooLarge:
		return websocket.CloseMessageTooBig, "a message is at most 16 KiB"
	case EndNotText:
		return websocket.CloseUnsupportedData, "text messages only"
	case EndReplaced:
		return closeFull, "a newer connection of this till has taken the place of this one"
	case EndSilent:
		return websocket.ClosePolicyViolation, "pings were not answered"
	default:
		return 0, ""
	}
}

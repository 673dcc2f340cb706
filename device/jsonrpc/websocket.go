package jsonrpc

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
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
type wsConn struct {
	c     *websocket.Conn
	cfg   Config
	quit  chan struct{} // closed by Close: ends keepAlive
	heard func()        // something came from the peer
	alive chan struct{} // closed when keepAlive has ended
	dead  chan struct{} // closed when Read has ended

	mu      sync.Mutex
	closing bool
}

func newWSConn(c *websocket.Conn, cfg Config, heard func()) *wsConn {
	w := &wsConn{c: c, cfg: cfg, heard: heard, quit: make(chan struct{}),
		alive: make(chan struct{}), dead: make(chan struct{})}
	c.SetReadLimit(maxMessage)
	c.SetPongHandler(func(string) error {
		heard()
		return w.extend()
	})
	pong := c.PingHandler()
	c.SetPingHandler(func(data string) error {
		heard()
		return pong(data)
	})
	go w.keepAlive()
	return w
}

// extend gives the peer another PongWait to be heard. Once the connection is closing its deadline
// stays.
func (w *wsConn) extend() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return nil
	}
	return w.c.SetReadDeadline(time.Now().Add(w.cfg.PongWait))
}

func (w *wsConn) keepAlive() {
	defer close(w.alive)
	t := time.NewTicker(w.cfg.PingEvery)
	defer t.Stop()
	for {
		select {
		case <-w.quit:
			return
		case <-t.C:
			// A failure shows as a missing pong, or on the next write.
			_ = w.c.WriteControl(websocket.PingMessage, nil, time.Now().Add(closeGrace))
		}
	}
}

// Read counts the peer's silence from when it begins: the session may have left messages unread for
// longer than PongWait.
func (w *wsConn) Read() ([]byte, error) {
	if err := w.extend(); err != nil {
		close(w.dead)
		return nil, err
	}
	kind, msg, err := w.c.ReadMessage()
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
	close(w.quit)
	<-w.alive
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

// Package tillclient is a till of our own: a JSON-RPC client of the till API over WebSocket, for
// `kiosk-agent pay`, the demo and tests.
//
// It keeps one connection and does not reconnect: its user decides what a lost connection means,
// because a money request is never sent again blindly. Call may be used from any goroutine; Changes
// is read by one. It keeps nothing on disk.
package tillclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/device"
	"kiosk-agent/internal/secret"
)

// maxMessage bounds what the agent may send.
const maxMessage = 1 << 20

// changesLen is how many changes may wait to be read; more block the connection's reader, which the
// server answers by dropping it.
const changesLen = 64

// Error is a JSON-RPC error of the agent.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    struct {
		Kind    string          `json:"kind"`
		Hint    string          `json:"hint"`
		Payment *device.Payment `json:"payment"`
		Reasons []struct {
			Code, Message, Hint string
			RetryAfter          int `json:"retry_after_s"`
		} `json:"reasons"`
	} `json:"data"`
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%d): %s", e.Data.Kind, e.Code, e.Message) }

// ErrClosed is what calls return once the connection is gone.
var ErrClosed = errors.New("the connection to the agent is gone")

// Client is one connection of a till.
type Client struct {
	conn    *websocket.Conn
	write   sync.Mutex
	mu      sync.Mutex
	nextID  int
	waiting map[int]chan message
	changes chan device.Payment
	done    chan struct{}
}

type message struct {
	ID     *int            `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *Error          `json:"error"`
}

// Dial connects to url and authenticates with the till's token.
func Dial(ctx context.Context, url string, token secret.Value) (*Client, error) {
	d := websocket.Dialer{HandshakeTimeout: 10 * time.Second,
		Subprotocols: []string{"kiosk-till.v1"}}
	conn, resp, err := d.DialContext(ctx, url,
		http.Header{"Authorization": {"Bearer " + string(token.Reveal())}})
	if resp != nil {
		_ = resp.Body.Close() // the handshake's body has nothing that we need
	}
	switch {
	case err == nil:
	case resp == nil || resp.StatusCode == http.StatusSwitchingProtocols:
		return nil, fmt.Errorf("no agent answers on %s: %w (is it running, and with this "+
			"address? systemctl status kiosk-agent)", url, err)
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("%s refused the connection: %s (this is no token of a till "+
			"there: does that agent run with this configuration, and was it restarted since "+
			"the token changed?)", url, resp.Status)
	default:
		return nil, fmt.Errorf("%s refused the connection: %s", url, resp.Status)
	}
	conn.SetReadLimit(maxMessage)
	c := &Client{conn: conn, waiting: make(map[int]chan message),
		changes: make(chan device.Payment, changesLen), done: make(chan struct{})}
	go c.read()
	return c, nil
}

func (c *Client) read() {
	defer close(c.changes)
	defer close(c.done)
	for {
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(data, &m) != nil {
			return
		}
		if m.ID == nil {
			c.notified(m)
			continue
		}
		c.mu.Lock()
		answer := c.waiting[*m.ID]
		delete(c.waiting, *m.ID)
		c.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
}

func (c *Client) notified(m message) {
	if m.Method != "payment.changed" {
		return
	}
	var p struct {
		Payment device.Payment `json:"payment"`
	}
	if json.Unmarshal(m.Params, &p) == nil {
		c.changes <- p.Payment
	}
}

// Changes delivers each payment.changed in order; it is closed with the connection.
func (c *Client) Changes() <-chan device.Payment { return c.changes }

// Call asks method with params and reads the answer into result, which may be nil. The error is an
// *Error of the agent, the context's, or ErrClosed.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	answer := make(chan message, 1)
	c.mu.Lock()
	c.nextID++
	id := c.nextID
	c.waiting[id] = answer
	c.mu.Unlock()
	req := map[string]any{"jsonrpc": "2.0", "id": id, "method": method}
	if params != nil {
		req["params"] = params
	}
	c.write.Lock()
	err := c.conn.WriteJSON(req)
	c.write.Unlock()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return m.Error
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-c.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the connection.
func (c *Client) Close() error {
	err := c.conn.Close()
	for range c.changes { // until the reader has ended
	}
	return err
}

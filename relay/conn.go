package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// madeConn brings a new connection from the helper that made it to Run's goroutine.
type madeConn struct {
	number int
	hello  Hello
	conn   *websocket.Conn
	err    error
}

// bring hands the connection to Run's goroutine, or closes it where that is no longer wanted.
func (c *Client) bring(ctx context.Context, d madeConn) {
	select {
	case c.made <- d:
	case <-ctx.Done():
		if d.conn != nil {
			_ = d.conn.Close()
		}
	}
}

func (c *Client) bearer() string { return "Bearer " + string(c.cfg.Token.Reveal()) }

// readHead asks the relay what it remembers of the journal. A relay that has no such path does not
// tell.
func (c *Client) readHead(ctx context.Context, conn int) Event {
	known, err := c.knownHead(ctx)
	return HeadRead{Conn: conn, Known: known, Err: err}
}

func (c *Client) knownHead(ctx context.Context) (KnownHead, error) {
	const op = "ask the relay for the journal head"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.headURL, nil)
	if err != nil {
		return KnownHead{}, errors.New("the relay's URL is not usable")
	}
	req.Header.Set("Authorization", c.bearer())
	req.Header.Set("User-Agent", "kiosk-agent")
	res, err := c.heads.Do(req)
	if err != nil {
		return KnownHead{}, fmt.Errorf("%s: %w", op, withoutURL(err))
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return KnownHead{Unsupported: true}, nil
	default:
		return KnownHead{}, &DialError{Status: res.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxHeadAnswer))
	if err != nil {
		return KnownHead{}, fmt.Errorf("%s: %w", op, withoutURL(err))
	}
	head, err := decodeHeadAnswer(body)
	if err != nil {
		return KnownHead{}, fmt.Errorf("%s: %w", op, err)
	}
	return KnownHead{Head: head}, nil
}

func (c *Client) dial(ctx context.Context, cancel context.CancelFunc, e Dial) madeConn {
	defer cancel()
	d := websocket.Dialer{
		Subprotocols: []string{Subprotocol}, TLSClientConfig: c.cfg.TLS, Proxy: c.cfg.Proxy,
		HandshakeTimeout: c.cfg.DialTimeout,
	}
	header := http.Header{"Authorization": {c.bearer()}}
	conn, res, err := d.DialContext(ctx, c.stream, header)
	switch {
	case err != nil && res != nil:
		return madeConn{number: e.Conn, err: &DialError{Status: res.StatusCode}}
	case err != nil:
		return madeConn{number: e.Conn, err: fmt.Errorf("dial the relay: %w", withoutURL(err))}
	case conn.Subprotocol() != Subprotocol:
		_ = conn.Close()
		return madeConn{number: e.Conn, err: errors.New("the server at relay.url does not speak " +
			Subprotocol)}
	}
	return madeConn{number: e.Conn, hello: e.Hello, conn: conn}
}

// adopt makes a new connection the present one, says hello and starts to read; or closes it when it
// came too late.
func (c *Client) adopt(ctx context.Context, d madeConn) Event {
	if d.number != c.dialing {
		if d.conn != nil {
			_ = d.conn.Close()
		}
		return Dialed{Conn: d.number, Err: context.Canceled}
	}
	if d.err != nil {
		c.dialing = 0
		return Dialed{Conn: d.number, Err: d.err}
	}
	c.conn = d.conn
	c.conn.SetReadLimit(MaxToAgent)
	alive := func() error { return d.conn.SetReadDeadline(time.Now().Add(c.cfg.ReadTimeout)) }
	_ = alive()
	c.conn.SetPingHandler(func(data string) error {
		_ = alive()
		err := d.conn.WriteControl(websocket.PongMessage, []byte(data),
			time.Now().Add(c.cfg.WriteTimeout))
		if errors.Is(err, websocket.ErrCloseSent) {
			return nil
		}
		return err
	})
	if err := c.write(d.hello); err != nil {
		c.closeConn(websocket.CloseNormalClosure)
		return Dialed{Conn: d.number, Err: fmt.Errorf("say hello: %w", err)}
	}
	c.wg.Go(func() { c.read(ctx, d.conn, d.number, alive) })
	return Dialed{Conn: d.number}
}

// read feeds what arrives until the connection ends. While Run's goroutine is busy it waits, and so
// does the relay.
func (c *Client) read(ctx context.Context, conn *websocket.Conn, number int, alive func() error) {
	feed := func(ev Event) bool {
		select {
		case c.events <- ev:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			feed(Lost{Conn: number, Err: closeReason(err)})
			return
		}
		_ = alive()
		if kind != websocket.TextMessage {
			feed(Lost{Conn: number, Err: fmt.Errorf("%w: not a text message", ErrMalformed)})
			return
		}
		msg, err := Decode(data)
		if err != nil {
			feed(Lost{Conn: number, Err: err})
			return
		}
		if !feed(Received{Conn: number, Message: msg}) {
			return
		}
	}
}

// write sends one message; only Run's goroutine calls it.
func (c *Client) write(m Message) error {
	if c.conn == nil {
		return ErrNotConnected
	}
	data, err := Encode(m)
	if err != nil {
		return err
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout))
	return c.conn.WriteMessage(websocket.TextMessage, data)
}

// closeConn gives up the present connection or dial, if any.
func (c *Client) closeConn(code int) {
	c.dialing = 0
	if c.cancelDial != nil {
		c.cancelDial()
		c.cancelDial = nil
	}
	if c.conn != nil {
		_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""),
			time.Now().Add(time.Second))
		_ = c.conn.Close()
		c.conn = nil
	}
}

func closeReason(err error) error {
	var ce *websocket.CloseError
	if errors.As(err, &ce) && ce.Code != websocket.CloseAbnormalClosure {
		return &CloseError{Code: ce.Code, Text: ce.Text}
	}
	return fmt.Errorf("connection lost: %w", err)
}

// withoutURL drops the URL that net/http puts into its errors: the hook URL is a capability.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// Package displayclient is a customer display without a browser: it confirms what the agent tells
// it to show, as the page would (docs/DISPLAY-PROTOCOL.md). The demo uses it where there is no
// Chromium, and tests use it for speed.
//
// It paints nothing and keeps nothing.
package displayclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/internal/secret"
)

// The screen that the client claims to be.
const (
	width  = 1080
	height = 1920
	boxPx  = 984
)

// askAfter is how long it hears nothing before it asks for a sign of life, as the page does.
const askAfter = 2 * time.Second

// redialEvery is the least time between two connections.
const redialEvery = 50 * time.Millisecond

// Screen is what the agent told the display to show.
type Screen struct {
	Type     string   `json:"type"`
	Seq      int64    `json:"seq"`
	Kind     string   `json:"kind"`
	Payment  string   `json:"payment"`
	Revision int64    `json:"revision"`
	Amount   string   `json:"amount"`
	Schemes  []string `json:"schemes"`
	Choices  []Choice `json:"choices"`
	Reason   string   `json:"reason"`
	N        int64    `json:"n"`
}

// Choice is something that the customer can touch.
type Choice struct {
	Scheme string `json:"scheme"`
	Name   string `json:"name"`
}

// Options say what stands in front of the display. The zero value is a large display that nobody
// touches.
type Options struct {
	// device pixels in each direction for the code; 0 = as many as a large display has
	BoxPx int
	Seen  func(Screen) // when not nil: is called for each screen
	// when not nil: the customer, who touches one of the choices of a screen of kind choose; ""
	// touches nothing
	Choose func(Screen) string
}

// Why Run ends by itself: connecting again would not help, or would only take the place away from
// somebody.
var (
	// wrong token, Host or Origin
	ErrRefused = errors.New("display client: the agent refuses this display")
	ErrMoved   = errors.New("display client: another display has taken the place")
)

// Run connects to the display page at pageURL and confirms every screen. When the connection ends,
// or there is none yet, it connects again, as a page does, until ctx ends; then it returns nil. The
// error wraps ErrRefused or ErrMoved, or pageURL is no address.
func Run(ctx context.Context, pageURL string, token secret.Value, o Options) error {
	u, err := url.Parse(pageURL)
	if err != nil {
		return err
	}
	u.Scheme, u.Path, u.RawQuery = "ws", "/ws", ""
	if o.BoxPx == 0 {
		o.BoxPx = boxPx
	}
	again := time.NewTicker(redialEvery)
	defer again.Stop()
	for {
		err := once(ctx, u.String(), token, o)
		if errors.Is(err, ErrRefused) || errors.Is(err, ErrMoved) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// once serves one connection until it ends.
func once(ctx context.Context, address string, token secret.Value, o Options) error {
	dialer := websocket.Dialer{HandshakeTimeout: 5 * time.Second,
		Subprotocols: []string{"kiosk-display.v1"}}
	conn, resp, err := dialer.DialContext(ctx, address,
		http.Header{"Authorization": {"Bearer " + string(token.Reveal())}})
	if resp != nil {
		_ = resp.Body.Close() // a handshake's answer
		if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
			return fmt.Errorf("%w: %s", ErrRefused, resp.Status)
		}
	}
	if err != nil {
		return fmt.Errorf("display client: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	return talk(conn, o)
}

func talk(conn *websocket.Conn, o Options) error {
	measured := func(m map[string]any) map[string]any {
		m["box_px"], m["viewport"], m["dpr"], m["touch"] = o.BoxPx, [2]int{width, height}, 1,
			o.Choose != nil
		return m
	}
	var writing sync.Mutex
	say := func(m map[string]any) error {
		writing.Lock()
		defer writing.Unlock()
		return conn.WriteJSON(m)
	}
	if err := say(measured(map[string]any{"type": "hello"})); err != nil {
		return err
	}
	// an error is the next read's, too
	quiet := time.AfterFunc(askAfter, func() { _ = say(map[string]any{"type": "ask"}) })
	defer quiet.Stop()
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		quiet.Reset(askAfter)
		var m Screen
		if err := json.Unmarshal(data, &m); err != nil {
			return err
		}
		var answers []map[string]any
		switch m.Type {
		case "snapshot", "screen":
			if o.Seen != nil {
				o.Seen(m)
			}
			answers = append(answers, measured(map[string]any{
				"type": "shown", "seq": m.Seq, "kind": m.Kind, "payment": m.Payment,
				"revision": m.Revision,
			}))
			if m.Kind == "choose" && o.Choose != nil {
				if scheme := o.Choose(m); scheme != "" {
					answers = append(answers, map[string]any{"type": "choose", "seq": m.Seq,
						"payment": m.Payment, "scheme": scheme})
				}
			}
		case "beat":
			answers = append(answers, map[string]any{"type": "alive", "n": m.N})
		case "bye":
			if m.Reason == "moved" {
				return ErrMoved
			}
			return errors.New("display client: the agent said goodbye: " + m.Reason)
		default:
			continue
		}
		for _, answer := range answers {
			if err := say(answer); err != nil {
				return err
			}
		}
	}
}

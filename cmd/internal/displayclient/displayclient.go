// Package displayclient is a customer display without a browser: it confirms what the agent tells it to show, as the page would
// (the messages are in package ui). The demo uses it where there is no Chromium, and tests use it for speed.
//
// It paints nothing, and it never reconnects: Run ends with its connection. It keeps nothing.
package displayclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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

// Screen is what the agent told the display to show.
type Screen struct {
	Type     string `json:"type"`
	Seq      int64  `json:"seq"`
	Kind     string `json:"kind"`
	Payment  string `json:"payment"`
	Revision int64  `json:"revision"`
	Amount   string `json:"amount"`
	Reason   string `json:"reason"`
	N        int64  `json:"n"`
}

// Run connects to the display page at pageURL and confirms every screen; seen, when not nil, is called for each. It returns nil when
// ctx ends.
func Run(ctx context.Context, pageURL string, token secret.Value, seen func(Screen)) error {
	return RunSmall(ctx, pageURL, token, boxPx, seen)
}

// RunSmall is Run with a display that has only this many device pixels, in each direction, for the code.
func RunSmall(ctx context.Context, pageURL string, token secret.Value, boxPx int, seen func(Screen)) error {
	u, err := url.Parse(pageURL)
	if err != nil {
		return err
	}
	u.Scheme, u.Path, u.RawQuery = "ws", "/ws", ""
	dialer := websocket.Dialer{HandshakeTimeout: 5 * time.Second, Subprotocols: []string{"kiosk-display.v1"}}
	conn, resp, err := dialer.DialContext(ctx, u.String(), http.Header{"Authorization": {"Bearer " + string(token.Reveal())}})
	if resp != nil {
		_ = resp.Body.Close() // a handshake's answer
	}
	if err != nil {
		return fmt.Errorf("display client: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err = talk(conn, boxPx, seen)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func talk(conn *websocket.Conn, boxPx int, seen func(Screen)) error {
	layout := map[string]any{"type": "hello", "box_px": boxPx, "viewport": [2]int{width, height}, "dpr": 1}
	if err := conn.WriteJSON(layout); err != nil {
		return err
	}
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		var m Screen
		if err := json.Unmarshal(data, &m); err != nil {
			return err
		}
		var answer any
		switch m.Type {
		case "snapshot", "screen":
			if seen != nil {
				seen(m)
			}
			answer = map[string]any{
				"type": "shown", "seq": m.Seq, "kind": m.Kind, "payment": m.Payment, "revision": m.Revision,
				"box_px": boxPx, "viewport": [2]int{width, height}, "dpr": 1,
			}
		case "beat":
			answer = map[string]any{"type": "alive", "n": m.N}
		case "bye":
			return errors.New("display client: the agent said goodbye: " + m.Reason)
		default:
			continue
		}
		if err := conn.WriteJSON(answer); err != nil {
			return err
		}
	}
}

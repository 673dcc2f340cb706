package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// muteDisplay is a display that confirms the idle screen and answers every heartbeat, and never
// says that it shows a code. The returned function ends it and checks that it was told to show one.
func muteDisplay(t testing.TB, s *stage) (stop func()) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"kiosk-display.v1"}}
	address := "ws" + strings.TrimPrefix(s.h.Agent.DisplayURL(), "http") + "ws"
	var conn *websocket.Conn
	// the agent listens before it serves displays: 503 until then
	eventually(t, "the display's place", func() error {
		c, resp, err := d.DialContext(t.Context(), address,
			http.Header{"Authorization": {"Bearer " + string(s.h.Agent.DisplayToken().Reveal())}})
		if err != nil {
			return err
		}
		conn = c
		return resp.Body.Close()
	})
	if err := conn.WriteJSON(object{"type": "hello", "box_px": wholeBox,
		"viewport": []int{1080, 1920}, "dpr": 1}); err != nil {
		t.Fatal(err)
	}
	told := make(chan int, 1)
	go func() {
		codes := 0
		for {
			var m struct {
				Type, Kind, Payment string
				Seq, Revision, N    int64
			}
			if conn.ReadJSON(&m) != nil {
				break
			}
			switch {
			case m.Type == "beat":
				_ = conn.WriteJSON(object{"type": "alive", "n": m.N})
			case m.Kind == "pay":
				codes++
			case m.Type == "screen" || m.Type == "snapshot":
				_ = conn.WriteJSON(object{"type": "shown", "seq": m.Seq, "kind": m.Kind,
					"payment": m.Payment, "revision": m.Revision,
					"box_px": wholeBox, "viewport": []int{1080, 1920}, "dpr": 1})
			}
		}
		told <- codes
	}()
	return func() {
		t.Helper()
		_ = conn.Close()
		if n := <-told; n == 0 {
			t.Error("the display was never told to show the code")
		}
	}
}

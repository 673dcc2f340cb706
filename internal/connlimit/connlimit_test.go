package connlimit

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestOldestGoes opens more connections than may be, in each shape that costs a stranger nothing,
// over TCP and TLS: the newest still gets its answer, a WebSocket that is open stays, and the
// strangers are gone.
func TestOldestGoes(t *testing.T) {
	const most, strangers = 8, 40
	for _, secure := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !websocket.IsWebSocketUpgrade(r) {
					_, _ = io.WriteString(w, "ok")
					return
				}
				up := websocket.Upgrader{}
				c, err := up.Upgrade(w, r, nil)
				if err != nil {
					return
				}
				defer c.Close()
				for {
					kind, msg, err := c.ReadMessage()
					if err != nil {
						return
					}
					_ = c.WriteMessage(kind, msg)
				}
			}))
		Bound(srv.Config, most)
		dialer := *websocket.DefaultDialer
		scheme := "ws"
		if secure {
			scheme = "wss"
			srv.StartTLS()
			dialer.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig
		} else {
			srv.Start()
		}
		ws, _, err := dialer.Dial(scheme+"://"+srv.Listener.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var crowd []net.Conn
		for i := range strangers {
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			crowd = append(crowd, c)
			say := []string{"", "GET / HTTP/1.1\r\nX: y",
				"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"}[i%3]
			_, _ = io.WriteString(c, say) // some are gone already
		}
		resp, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatalf("the newest is not served: %v", err)
		}
		resp.Body.Close()
		left := 0
		for _, c := range crowd {
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				left++
			}
		}
		if left >= most {
			t.Errorf("TLS %v: %d strangers are still connected, want fewer than %d", secure, left,
				most)
		}
		if err := ws.WriteMessage(websocket.TextMessage, []byte("still here")); err != nil {
			t.Error(err)
		}
		if _, msg, err := ws.ReadMessage(); err != nil || string(msg) != "still here" {
			t.Errorf("TLS %v: the WebSocket: %q, %v", secure, msg, err)
		}
		ws.Close()
		for _, c := range crowd {
			c.Close()
		}
		srv.Close()
	}
}

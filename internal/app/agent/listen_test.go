package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestStrangersAreBounded: who has no token holds no more connections of a listener than may wait
// there, whatever he begins and does not end, and who comes after him is served.
func TestStrangersAreBounded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no token", http.StatusUnauthorized)
		})
		log := slog.New(slog.DiscardHandler)
		p := &port{ln: ln, limits: webLimits, log: log,
			refused: func(string, string) {}}
		done <- p.serve(ctx, refuse)
	}()
	var held []net.Conn
	for range 2 * webLimits.Waiting {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 200000\r\nX: y", ln.Addr())
	}
	resp, err := http.Get("http://" + ln.Addr().String())
	if err != nil {
		t.Fatalf("who comes after them is not served: %v", err)
	}
	resp.Body.Close()
	left := 0
	for _, c := range held {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := io.Copy(io.Discard, c); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				left++
			}
		}
	}
	if left > webLimits.Waiting {
		t.Errorf("%d of %d connections are still open", left, len(held))
	}
	for _, l := range []time.Duration{webLimits.HeadWithin, webLimits.BodyWithin,
		webLimits.AnswerWithin, webLimits.IdleWithin} {
		if l == 0 {
			t.Error("a request, or an answer that nobody reads, may take for ever")
		}
	}
	for _, c := range held {
		c.Close()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

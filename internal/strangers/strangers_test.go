package strangers

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// few are limits that a test can fill.
func few() Limits {
	return Limits{Head: Head{Bytes: 1024, Lines: 8}, Roomy: Head{Bytes: 8192, Lines: 64},
		Knows:   func(target string) bool { return target == "/known" },
		Waiting: 16, Answered: 8, Kept: 8, HeadWithin: 30 * time.Second,
		BodyWithin: 30 * time.Second, AnswerWithin: 30 * time.Second, IdleWithin: time.Minute}
}

// host serves on an address of its own until the test ends.
type host struct {
	addr string
	tls  *tls.Config // of clients; nil = none
	srv  *Server

	mu      sync.Mutex
	refused map[string]int
}

func newHost(t *testing.T, l Limits, secure bool, h http.Handler) *host {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out := &host{addr: ln.Addr().String(), refused: make(map[string]int)}
	o := Options{Refused: func(_, reason string) {
		out.mu.Lock()
		defer out.mu.Unlock()
		out.refused[reason]++
	}}
	if secure {
		lender := httptest.NewTLSServer(nil)
		t.Cleanup(lender.Close)
		o.TLS = &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12}
		out.tls = lender.Client().Transport.(*http.Transport).TLSClientConfig
	}
	out.srv = New(h, l, o)
	done := make(chan error, 1)
	go func() { done <- out.srv.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := out.srv.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return out
}

func (h *host) dial(t *testing.T) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	if h.tls == nil {
		c, err = net.Dial("tcp", h.addr)
	} else {
		c, err = tls.Dial("tcp", h.addr, h.tls)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// says sends bytes on a connection of its own and returns all that is answered until it is closed.
func (h *host) says(t *testing.T, text string) string {
	t.Helper()
	c := h.dial(t)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%.60q: %q, %v", text, out, err)
	}
	return string(out)
}

// echo answers with the body; /known and /kept know who asks, /heard hears a body of 4 bytes.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/known", "/kept":
		Known(w, r)
	case "/heard":
		Hear(r, 4)
	}
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %d %q %v\n", r.URL.Path, len(r.Header), body, err != nil)
})

func headers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "h%d:\r\n", i)
	}
	return b.String()
}

// TestHeads: what is too long, or has too many lines, is refused before net/http has it, at the
// first request of a connection and at each that follows; who asks for what strangers do not know
// has more room.
func TestHeads(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := newHost(t, few(), secure, echo)
		for _, tc := range []struct{ name, say, want string }{
			{"one that fits", "GET / HTTP/1.1\r\nHost: x\r\n" + headers(6) + "\r\n",
				"/ 6 \"\" false"},
			{"bare line feeds", "GET / HTTP/1.1\nHost: x\n\n", "/ 0 \"\" false"},
			{"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request"},
			{"too many lines", "GET / HTTP/1.1\r\nHost: x\r\n" + headers(7) + "\r\n",
				"431 Request Header Fields Too Large"},
			{"too many lines, and no end", "GET / HTTP/1.1\r\n" + headers(3000), "431 "},
			{"too many bytes", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 1024), "431 "},
			{"a line that does not end", strings.Repeat("x", 2000), "431 "},
			{"what only some know",
				"GET /known HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers(60) + "\r\n",
				"/known 61 \"\" false"},
			{"too much for them too", "GET /known HTTP/1.1\r\nHost: x\r\n" + headers(65) + "\r\n",
				"431 "},
			{"the request after one that was known", "GET /kept HTTP/1.1\r\nHost: x\r\n\r\n" +
				"GET / HTTP/1.1\r\nHost: x\r\n" + headers(7) + "\r\n", "431 "},
			{"behind a body", "POST /kept HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab" +
				"GET / HTTP/1.1\r\nHost: x\r\n" + headers(7) + "\r\n", "431 "},
			{"behind one known", "GET /known HTTP/1.1\r\nHost: x\r\n" + headers(60) + "\r\n" +
				"GET / HTTP/1.1\r\nHost: x\r\n" + headers(7) + "\r\n", "431 "},
		} {
			if got := h.says(t, tc.say); !strings.Contains(got, tc.want) {
				t.Errorf("TLS %v: %s: %q", secure, tc.name, got)
			}
		}
	}
}

// TestBodies: a stranger's body is not read and his connection ends; who is known is heard, and
// stays.
func TestBodies(t *testing.T) {
	h := newHost(t, few(), false, echo)
	const host = " HTTP/1.1\r\nHost: x\r\n"
	last := "GET /last" + host + "\r\n"
	for _, tc := range []struct {
		name, say string
		want, not string
	}{
		{"a stranger's", "POST /" + host + "Content-Length: 3\r\n\r\nabc", `/ 1 "" true`, "abc"},
		{"a stranger's that does not come", "POST /" + host + "Content-Length: 3\r\n\r\n",
			`/ 1 "" true`, ""},
		{"a stranger's in pieces",
			"POST /" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
			`/ 0 "" true`, "abc"},
		{"a stranger says no more", "GET /" + host + "\r\n" + last, `/ 0 "" false`, "/last"},
		{"of one who is known", "POST /kept" + host + "Content-Length: 3\r\n\r\nabc" + last,
			`/kept 1 "abc" false`, ""},
		{"and he goes on", "POST /kept" + host + "Content-Length: 3\r\n\r\nabc" + last,
			`/last 0 "" false`, ""},
		{"in pieces", "POST /kept" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" +
			"\r\n" + last, `/kept 0 "abc" false`, "/last"},
		{"heard", "POST /heard" + host + "Content-Length: 4\r\n\r\nabcd" + last,
			`/heard 1 "abcd" false`, "/last"},
		{"heard, and too long", "POST /heard" + host + "Content-Length: 9999\r\n\r\n" +
			strings.Repeat("\n", 9999), "true", ""},
	} {
		got := h.says(t, tc.say)
		if !strings.Contains(got, tc.want) || tc.not != "" && strings.Contains(got, tc.not) {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
}

// TestNoHTTP2: who speaks TLS is offered HTTP/1.1 and nothing else.
func TestNoHTTP2(t *testing.T) {
	h := newHost(t, few(), true, echo)
	own := h.tls.Clone()
	own.NextProtos = []string{"h2", "http/1.1"}
	c, err := tls.Dial("tcp", h.addr, own)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("%q was agreed on", got)
	}
	plain := newHost(t, few(), false, echo)
	got := plain.says(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if strings.Count(got, "HTTP/1.1 ") != 1 {
		t.Errorf("the preface of HTTP/2 is answered with %q", got)
	}
	if got := h.plainly(t); !strings.Contains(got, "HTTPS") {
		t.Errorf("who forgets the s is told %q", got)
	}
}

// plainly speaks plain HTTP.
func (h *host) plainly(t *testing.T) string {
	bare := host{addr: h.addr}
	return bare.says(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
}

// TestOldestGoes opens more connections than may be, in each shape that costs a stranger nothing:
// the newest still gets its answer, a WebSocket that is open stays, and the strangers are gone.
func TestOldestGoes(t *testing.T) {
	up := websocket.Upgrader{}
	talk := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !websocket.IsWebSocketUpgrade(r) {
			if r.URL.Path == "/kept" {
				Known(w, r)
				_, _ = io.Copy(io.Discard, r.Body)
			}
			_, _ = io.WriteString(w, "ok")
			return
		}
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
	})
	const strangers = 60
	for _, secure := range []bool{false, true} {
		h := newHost(t, few(), secure, talk)
		scheme := "ws"
		if secure {
			scheme = "wss"
		}
		dialer := websocket.Dialer{TLSClientConfig: h.tls}
		ws, _, err := dialer.Dial(scheme+"://"+h.addr, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		var crowd []net.Conn
		for i := range strangers {
			c := h.dial(t)
			crowd = append(crowd, c)
			say := []string{"", "GET / HTTP/1.1\r\nX: y",
				"POST /kept HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"}[i%3]
			_, _ = io.WriteString(c, say) // some are gone already
		}
		if got := h.says(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasSuffix(got, "ok") {
			t.Fatalf("the newest is not served: %q", got)
		}
		left := 0
		for _, c := range crowd {
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				left++
			}
		}
		if most := few().Waiting + few().Kept; left > most {
			t.Errorf("TLS %v: %d strangers are still connected, want %d at most", secure, left,
				most)
		}
		if err := ws.WriteMessage(websocket.TextMessage, []byte("still here")); err != nil {
			t.Error(err)
		}
		if _, msg, err := ws.ReadMessage(); err != nil || string(msg) != "still here" {
			t.Errorf("TLS %v: the WebSocket: %q, %v", secure, msg, err)
		}
		h.mu.Lock()
		if h.refused[ReasonCrowd] < strangers-2*few().Waiting-few().Kept {
			t.Errorf("TLS %v: refused: %v", secure, h.refused)
		}
		h.mu.Unlock()
	}
}

// TestKeptHaveTheirOwnRoom: who is known is not pushed out by strangers, however many there are.
func TestKeptHaveTheirOwnRoom(t *testing.T) {
	h := newHost(t, few(), false, echo)
	known := h.dial(t)
	answers := bufio.NewReader(known)
	ask := func() {
		t.Helper()
		_, _ = io.WriteString(known, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	ask()
	for range 4 * few().Waiting {
		_, _ = io.WriteString(h.dial(t), "GET / HTTP/1.1\r\n")
	}
	ask()
}

// TestSlow: who does not say what he wants is gone in time.
func TestSlow(t *testing.T) {
	l := few()
	l.HeadWithin = 50 * time.Millisecond
	for _, secure := range []bool{false, true} {
		h := newHost(t, l, secure, echo)
		bare := host{addr: h.addr}
		if got := bare.says(t, ""); got != "" {
			t.Errorf("TLS %v: who is silent hears %q", secure, got)
		}
		if !secure {
			if got := h.says(t, "GET / HTTP/1.1\r\nHost:"); got != "" {
				t.Errorf("who does not end hears %q", got)
			}
		}
	}
}

// TestShare: one address has its share of those who wait, loopback has none.
func TestShare(t *testing.T) {
	var w crowd
	w.share = 2
	for at := range w.places {
		w.places[at].most = 4
	}
	from := func(addr string) *conn {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return &conn{raw: &tap{Conn: addressed{remote: tcp}}}
	}
	a1, a2, a3 := from("192.0.2.1:1"), from("192.0.2.1:2"), from("[::ffff:192.0.2.1]:3")
	six1, six2, six3 := from("[2001:db8::1]:1"), from("[2001:db8::2]:1"), from("[2001:db8::3]:1")
	for i, step := range []struct {
		c   *conn
		to  place
		out *conn
	}{
		{a1, silent, nil}, {a2, silent, nil}, {a3, silent, a1},
		{six1, silent, nil}, {six2, silent, nil}, {six3, silent, six1},
		{a2, kept, nil}, {a3, kept, nil}, {six2, kept, nil}, {six3, kept, nil},
		{from("192.0.2.1:4"), kept, a2}, // without a share, the oldest
		{a1, answered, nil},             // has gone: comes nowhere
	} {
		if got := w.enter(step.c, step.to); got != step.out {
			t.Errorf("step %d: %v has to go, want %v", i, got, step.out)
		}
	}
	for _, addr := range []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "[::1]:1"} {
		if out := w.enter(from(addr), answered); out != nil {
			t.Errorf("loopback has a share: %s pushes one out", addr)
		}
	}
	if w.places[answered].all.Len() != 4 || len(w.places[silent].of) != 0 {
		t.Errorf("%d are answered, %d addresses wait", w.places[answered].all.Len(),
			len(w.places[silent].of))
	}
}

type addressed struct {
	net.Conn
	remote net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.remote }

// TestOneByOne: one answer is made at a time, and who reads his slowly keeps nobody silent.
func TestOneByOne(t *testing.T) {
	var busy sync.Mutex
	h := newHost(t, few(), false, OneByOne(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			if !busy.TryLock() {
				t.Error("two answers are made at once")
				return
			}
			defer busy.Unlock()
			w.Header().Set("X-Own", "yes")
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write(make([]byte, 8<<20))
		})))
	for range 4 { // who do not read
		_, _ = io.WriteString(h.dial(t), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	got := h.says(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 418 ") || !strings.Contains(got, "X-Own: yes") ||
		len(got) < 8<<20 {
		t.Errorf("%d bytes: %.200q", len(got), got)
	}
}

package ui

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/test/testlog"
)

const (
	testToken = "canary-display-token-7f3a9c51e8"
	patience  = 20 * time.Second // for an event that must come; long, because the machine is shared
)

// link has the shape and the length of a checkout link.
func link(n int) string {
	const abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := []byte("https://checkout.svc.uat.pay.axs.com.sg/hpp/checkout/20f8?p=")
	for x := uint32(n); len(b) < n; {
		x = x*1664525 + 1013904223
		b = append(b, abc[x>>26])
	}
	return string(b[:n])
}

// happening is one call of Events.
type happening struct {
	what     string // shown, chose, refused, state
	kind     payment.Screen
	scheme   string
	payment  string
	revision int64
	reason   string
	state    State
}

// recorder is an Events that hands everything to the test, in order.
type recorder chan happening

func (r recorder) DisplayShown(kind payment.Screen, id string, revision int64) {
	r <- happening{what: "shown", kind: kind, payment: id, revision: revision}
}
func (r recorder) DisplayChose(id, scheme string) {
	r <- happening{what: "chose", payment: id, scheme: scheme}
}
func (r recorder) DisplayRefused(id string, revision int64, reason string) {
	r <- happening{what: "refused", payment: id, revision: revision, reason: reason}
}
func (r recorder) DisplayState(s State) { r <- happening{what: "state", state: s} }

// await returns the first happening that fits, dropping those before it.
func (r recorder) await(t testing.TB, what string, fits func(happening) bool) happening {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case h := <-r:
			if h.what == what && (fits == nil || fits(h)) {
				return h
			}
		case <-timeout:
			t.Fatalf("no %q within %v", what, patience)
		}
	}
}

func (r recorder) awaitShown(t testing.TB, s Screen) {
	t.Helper()
	r.await(t, "shown", func(h happening) bool {
		return h.kind == s.Kind && h.payment == s.Payment && h.revision == s.Revision
	})
}

func (r recorder) awaitState(t testing.TB, fits func(State) bool) {
	t.Helper()
	r.await(t, "state", func(h happening) bool { return fits(h.state) })
}

// stand is a running hub behind a real server.
type stand struct {
	*Hub
	events recorder
	url    string
	log    *testlog.Buffer
	server *httptest.Server
	stop   func() // ends Run and waits for it; may be called twice
}

func testConfig() Config {
	return Config{Token: secret.New([]byte(testToken)), MerchantName: "Kopi & Toast",
		Languages: []string{"en", "zh", "ms", "ta"}}
}

// newStand starts a hub on listener, or on a free port when it is nil.
func newStand(t testing.TB, cfg Config, listener net.Listener) *stand {
	t.Helper()
	s := &stand{events: make(recorder, 4096), log: new(testlog.Buffer)}
	hub, err := NewHub(cfg, s.events,
		slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s.Hub = hub
	s.server = httptest.NewUnstartedServer(hub.Handler())
	if listener != nil {
		s.server.Listener.Close()
		s.server.Listener = listener
	}
	s.server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil),
		slog.LevelError)
	s.server.Start()
	s.url = s.server.URL
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- hub.Run(ctx) }()
	for !s.alive() { // Run marks itself as running before it serves anybody
		select {
		case err := <-ended:
			t.Fatalf("Run: %v", err)
		default:
			runtime.Gosched()
		}
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run has not ended")
		}
		s.server.CloseClientConnections()
		s.server.Close()
	})
	t.Cleanup(s.stop)
	return s
}

func (s *stand) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// dial connects as a program would: with the token, without a browser.
func (s *stand) dial(t testing.TB, header http.Header) *websocket.Conn {
	t.Helper()
	if header == nil {
		header = http.Header{"Authorization": {"Bearer " + testToken}}
	}
	d := websocket.Dialer{Subprotocols: []string{subprotocol}, HandshakeTimeout: patience}
	conn, resp, err := d.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/ws", header)
	if err != nil {
		t.Fatalf("dial: %v (%+v)", err, resp)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func (s *stand) dialHello(t testing.TB, box int) *websocket.Conn {
	t.Helper()
	conn := s.dial(t, nil)
	say(t, conn, map[string]any{"type": "hello", "box_px": box, "viewport": []int{box, box},
		"dpr": 1})
	return conn
}

func say(t testing.TB, conn *websocket.Conn, v any) {
	t.Helper()
	if err := conn.WriteJSON(v); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// hear reads messages, answering beats, until one has the type.
func hear(t testing.TB, conn *websocket.Conn, kind string) map[string]any {
	t.Helper()
	for {
		var m map[string]any
		if err := conn.ReadJSON(&m); err != nil {
			t.Fatalf("waiting for %q: %v", kind, err)
		}
		if m["type"] == "beat" {
			say(t, conn, map[string]any{"type": "alive", "n": m["n"]})
		}
		if m["type"] == kind {
			return m
		}
	}
}

func payScreen(id string, bytes int) Screen {
	return Screen{
		Kind: payment.ScreenPay, Payment: id, Revision: 3, Amount: "10.23", Currency: "SGD",
		Payload:  link(bytes),
		Schemes:  []string{"PAYNOW", "VISA", "MASTERCARD", "ALIPAY", "WECHATPAY"},
		Deadline: 180 * time.Second,
	}
}

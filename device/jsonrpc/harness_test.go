package jsonrpc

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"kiosk-agent/internal/secret"
	"kiosk-agent/test/devicetest"
	"kiosk-agent/test/testlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token1 = "canary-token-of-till-1-4mZ"
	token2 = "canary-token-of-till-2-9qX"
)

// patience is how long a test waits for what must come; nothing waits that long when all is well.
const patience = 10 * time.Second

// rig is a Server on a real port with a fake engine.
type rig struct {
	*Server
	t        *testing.T
	payments *devicetest.Payments
	terminal *devicetest.Terminal
	http     *httptest.Server
	reg      *prometheus.Registry
	logs     *testlog.Buffer
	stop     func() // ends Run and waits for it; may be called twice
}

func testConfig() Config {
	return Config{
		Tills: []Till{{Name: "till-1", Token: secret.New([]byte(token1))},
			{Name: "till-2", Token: secret.New([]byte(token2)), Display: true}},
		AllowedOrigins: []string{"https://till.example"},
		Hosts:          []string{"kiosk.example:7654"},
	}
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	cfg := testConfig()
	for _, c := range change {
		c(&cfg)
	}
	r := &rig{t: t, payments: devicetest.New(), terminal: new(devicetest.Terminal),
		reg: prometheus.NewRegistry(), logs: new(testlog.Buffer)}
	log := slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if r.Server, err = New(cfg, r.payments, r.terminal, log, r.reg); err != nil {
		t.Fatal(err)
	}
	r.http = httptest.NewServer(r.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		r.stop()
		r.http.Close()
		r.payments.Close()
		for _, canary := range []string{token1, token2} {
			if strings.Contains(r.logs.String(), canary) {
				t.Error("a token is in the log")
			}
		}
	})
	return r
}

func (r *rig) url() string { return "ws" + strings.TrimPrefix(r.http.URL, "http") + Path }

// dial connects with a till's token.
func (r *rig) dial(token string) *peer {
	r.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{Subprotocol}, HandshakeTimeout: patience}
	c, resp, err := d.Dial(r.url(), http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		r.t.Fatalf("dial: %v (%v)", err, resp)
	}
	r.t.Cleanup(func() { c.Close() })
	return &peer{t: r.t, c: c}
}

// peer is a till.
type peer struct {
	t *testing.T
	c *websocket.Conn
}

func (p *peer) send(msg string) {
	p.t.Helper()
	if err := p.c.WriteMessage(websocket.TextMessage, []byte(msg)); err != nil {
		p.t.Fatal(err)
	}
}

// got is any message from the server.
type got struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Payment *view            `json:"payment"`
		Status  *json.RawMessage `json:"status"`
	} `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Kind      string            `json:"kind"`
			Hint      string            `json:"hint"`
			Retryable *bool             `json:"retryable"`
			Payment   *view             `json:"payment"`
			Reasons   []json.RawMessage `json:"reasons"`
		} `json:"data"`
	} `json:"error"`
	raw string
}

// connections is the number of open connections of a till.
func (s *Server) connections(till string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.places.held[till])
}

type view struct {
	ID           string `json:"id"`
	Till         string `json:"till"`
	Reference    string `json:"reference"`
	Amount       int64  `json:"amount"`
	Status       string `json:"status"`
	Final        bool   `json:"final"`
	Revision     int64  `json:"revision"`
	Acknowledged bool   `json:"acknowledged"`
	QRPayload    string `json:"qr_payload"`
}

func (p *peer) readRaw() []byte {
	p.t.Helper()
	if err := p.c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	kind, msg, err := p.c.ReadMessage()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	if kind != websocket.TextMessage {
		p.t.Fatalf("message type %d", kind)
	}
	return msg
}

func (p *peer) read() got {
	p.t.Helper()
	return parse(p.t, p.readRaw())
}

func parse(t *testing.T, raw []byte) got {
	t.Helper()
	g := got{raw: string(raw)}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return g
}

// call sends a request with id 7 and returns its answer; changes before it are skipped.
func (p *peer) call(method, params string) got {
	p.t.Helper()
	p.send(`{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":` + params + `}`)
	for {
		if g := p.read(); g.Method == "" {
			if string(g.ID) != "7" {
				p.t.Fatalf("answer to another request: %s", g.raw)
			}
			return g
		}
	}
}

// payment is call for a method whose result is a Payment.
func (p *peer) payment(method, params string) view {
	p.t.Helper()
	g := p.call(method, params)
	if g.Error != nil {
		p.t.Fatalf("%s: %s", method, g.raw)
	}
	var v view
	if err := json.Unmarshal(g.Result, &v); err != nil {
		p.t.Fatal(err)
	}
	return v
}

// changed reads the next message, which must be a payment.changed.
func (p *peer) changed() view {
	p.t.Helper()
	g := p.read()
	if g.Method != "payment.changed" || g.Params.Payment == nil {
		p.t.Fatalf("got %s, want payment.changed", g.raw)
	}
	return *g.Params.Payment
}

// closed reads until the connection ends and returns the close code.
func (p *peer) closed() int {
	p.t.Helper()
	if err := p.c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	for {
		if _, _, err := p.c.ReadMessage(); err != nil {
			e, ok := err.(*websocket.CloseError)
			if !ok {
				p.t.Fatalf("ended with %v, want a close frame", err)
			}
			return e.Code
		}
	}
}

// wantError fails unless g is this error, complete.
func wantError(t *testing.T, g got, code int, kind string) {
	t.Helper()
	if g.Error == nil || g.Error.Code != code || g.Error.Data.Kind != kind {
		t.Fatalf("got %s, want error %d %s", g.raw, code, kind)
	}
	if g.Error.Message == "" || g.Error.Data.Hint == "" || g.Error.Data.Retryable == nil ||
		g.Result != nil {
		t.Errorf("incomplete error: %s", g.raw)
	}
}

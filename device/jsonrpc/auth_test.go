package jsonrpc

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"kiosk-agent/internal/secret"
	"kiosk-agent/test/devicetest"
)

func bearer(s string) http.Header { return http.Header{"Authorization": {s}} }

var handshakes = map[string]struct {
	header http.Header
	host   string
	path   string
	protos string
	want   int
}{
	"bearer header": {header: bearer("Bearer " + token1), protos: Subprotocol,
		want: 101},
	"scheme in another case": {header: bearer("bearer " + token1), protos: Subprotocol,
		want: 101},
	"browser: subprotocol":       {protos: Subprotocol + ", bearer." + token2, want: 101},
	"subprotocols the other way": {protos: "bearer." + token2 + ", " + Subprotocol, want: 101},
	"no token":                   {protos: Subprotocol, want: 401},
	"wrong token": {header: bearer("Bearer nonsense"), protos: Subprotocol,
		want: 401},
	"empty token":             {header: bearer("Bearer "), protos: Subprotocol, want: 401},
	"wrong subprotocol token": {protos: Subprotocol + ", bearer.x", want: 401},
	"basic": {header: bearer("Basic " + token1), protos: Subprotocol,
		want: 401},
	"two tokens": {header: bearer("Bearer " + token1),
		protos: Subprotocol + ", bearer." + token1, want: 401},
	"two headers": {header: http.Header{
		"Authorization": {"Bearer " + token1, "Bearer " + token2}}, protos: Subprotocol, want: 401},
	"token in the URL": {path: Path + "?token=" + token1, protos: Subprotocol,
		want: 401},
	"prefix of a token": {header: bearer("Bearer " + token1[:10]), protos: Subprotocol,
		want: 401},
	"no subprotocol":      {header: bearer("Bearer " + token1), want: 400},
	"another subprotocol": {header: bearer("Bearer " + token1), protos: "chat", want: 400},
	"allowed origin": {header: http.Header{"Authorization": {"Bearer " + token1},
		"Origin": {"https://till.example"}}, protos: Subprotocol, want: 101},
	"strange origin": {header: http.Header{"Authorization": {"Bearer " + token1},
		"Origin": {"https://evil.example"}}, protos: Subprotocol, want: 4403},
	"strange origin, another subprotocol": {header: http.Header{
		"Authorization": {"Bearer " + token1}, "Origin": {"https://evil.example"}},
		protos: "chat", want: 403},
	"strange origin, another path": {header: http.Header{"Authorization": {"Bearer " + token1},
		"Origin": {"https://evil.example"}}, path: "/v1/till/x", protos: Subprotocol, want: 403},
	"two origins": {header: http.Header{"Authorization": {"Bearer " + token1},
		"Origin": {"https://till.example", "https://till.example"}}, protos: Subprotocol,
		want: 403},
	"allowed origin, no token": {header: http.Header{"Origin": {"https://till.example"}},
		protos: Subprotocol, want: 4401},
	"allowed origin, wrong token": {header: http.Header{"Origin": {"https://till.example"}},
		protos: Subprotocol + ", bearer.canary-token", want: 4401},
	"allowed origin, rebound host": {header: http.Header{"Authorization": {"Bearer " + token1},
		"Origin": {"https://till.example"}}, host: "evil.example", protos: Subprotocol,
		want: 403},
	"loopback is strange too": {header: http.Header{"Authorization": {"Bearer " + token1},
		"Origin": {"http://127.0.0.1:7654"}}, protos: Subprotocol, want: 4403},
	"null origin": {header: http.Header{"Authorization": {"Bearer " + token1},
		"Origin": {"null"}}, protos: Subprotocol, want: 4403},
	"rebound host": {header: bearer("Bearer " + token1), host: "evil.example",
		protos: Subprotocol, want: 403},
	"configured host": {header: bearer("Bearer " + token1), host: "kiosk.example:7654",
		protos: Subprotocol, want: 101},
	"loopback, another port": {header: bearer("Bearer " + token1), host: "127.0.0.1:1",
		protos: Subprotocol, want: 403},
	"strange host before a token": {host: "evil.example", protos: Subprotocol, want: 403},
	"another path": {header: bearer("Bearer " + token1), path: "/v1/till/x",
		protos: Subprotocol, want: 404},
}

func TestHandshake(t *testing.T) {
	r := newRig(t)
	for name, tc := range handshakes {
		t.Run(name, func(t *testing.T) {
			if tc.path == "" {
				tc.path = Path
			}
			if tc.header == nil {
				tc.header = http.Header{}
			}
			if tc.host != "" {
				tc.header.Set("Host", tc.host)
			}
			if tc.protos != "" {
				tc.header.Set("Sec-WebSocket-Protocol", tc.protos)
			}
			c, resp, err := websocket.DefaultDialer.Dial("ws"+
				strings.TrimPrefix(r.http.URL, "http")+tc.path, tc.header)
			if resp == nil {
				t.Fatal(err)
			}
			if err == nil {
				defer c.Close()
				if c.Subprotocol() != Subprotocol {
					t.Errorf("selected %q", c.Subprotocol())
				}
			}
			got := resp.StatusCode
			if tc.want > 4000 && err == nil {
				got = turnedAway(t, c)
			}
			if got != tc.want {
				t.Fatalf("status %d, want %d", got, tc.want)
			}
			if tc.want == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Error("401 without WWW-Authenticate")
			}
			body, _ := io.ReadAll(resp.Body)
			for k, v := range resp.Header {
				body = append(body, k+strings.Join(v, "")...)
			}
			if strings.Contains(string(body), "canary-token") {
				t.Errorf("the answer echoes a token: %s", body)
			}
		})
	}
}

// turnedAway is the code with which the server closes a connection that it has taken. Nothing comes
// before it, and what is sent on the connection is not carried out; the reason fits a close frame
// and names nobody.
func turnedAway(t *testing.T, c *websocket.Conn) int {
	t.Helper()
	_ = c.WriteMessage(websocket.TextMessage, // it may be too late for it
		[]byte(`{"jsonrpc":"2.0","id":7,"method":"terminal.info","params":{}}`))
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, msg, err := c.ReadMessage()
	end, ok := errors.AsType[*websocket.CloseError](err)
	if !ok {
		t.Fatalf("got %s, %v, want a close frame", msg, err)
	}
	if len(end.Text) == 0 || len(end.Text) > 123 || strings.Contains(end.Text, "till-1") ||
		strings.Contains(end.Text, "example") || strings.Contains(end.Text, "canary") {
		t.Errorf("the reason is %q", end.Text)
	}
	return end.Code
}

// TestPagesThatAreTurnedAway: a page hears why in a close frame, each is counted, and none
// becomes a till's connection or reaches the engine.
func TestPagesThatAreTurnedAway(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConns = 1 })
	const page = "https://till.example"
	r.dial(token1).call("terminal.info", "{}")
	for _, tc := range []struct {
		origin, token, reason string
		want                  int
	}{{"https://evil.example", token1, "origin", 4403}, {page, "x", "token", 4401},
		{page, token2, "limit", 4503}} {
		c, status := r.page(tc.origin, tc.token)
		if c == nil {
			t.Fatalf("%s: %d", tc.reason, status)
		}
		if got := turnedAway(t, c); got != tc.want {
			t.Errorf("%s: closed with %d, want %d", tc.reason, got, tc.want)
		}
		if n := testutil.ToFloat64(r.metrics.refused.WithLabelValues(tc.reason)); n != 1 {
			t.Errorf("%s: %v counted", tc.reason, n)
		}
	}
	if n := r.payments.Attached(); n != 1 || r.connections("till-1") != 1 {
		t.Errorf("%d tills attached, %d connections", n, r.connections("till-1"))
	}
}

// TestPagesAreToldOneByOne: where too many pages are being told, one gets the plain answer, and so
// do all while the agent stops.
func TestPagesAreToldOneByOne(t *testing.T) {
	r := newRig(t)
	for range maxStrangers {
		if !r.enterStranger() {
			t.Fatal("fewer than the bound")
		}
	}
	if c, status := r.page("https://till.example", "x"); c != nil || status != 401 {
		t.Errorf("one too many: %d", status)
	}
	for range maxStrangers {
		r.exitStranger()
	}
	r.stop()
	if c, status := r.page("https://till.example", token1); c != nil || status != 503 {
		t.Errorf("while the agent stops: %d", status)
	}
}

// page connects as a page's script; no connection = the status of the answer.
func (r *rig) page(origin, token string) (*websocket.Conn, int) {
	r.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{Subprotocol, tokenPrefix + token}}
	c, resp, err := d.Dial(r.url(), http.Header{"Origin": {origin}})
	if resp == nil {
		r.t.Fatal(err)
	}
	if err != nil {
		return nil, resp.StatusCode
	}
	r.t.Cleanup(func() { c.Close() })
	return c, resp.StatusCode
}

func TestPlainHTTP(t *testing.T) {
	r := newRig(t)
	for _, tc := range []struct {
		method, token string
		want          int
	}{{"GET", token1, 426}, {"GET", "", 401}, {"POST", token1, 405}} {
		req, _ := http.NewRequest(tc.method, r.http.URL+Path, nil)
		req.Header.Set("Authorization", "Bearer "+tc.token)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s with token %q: %d, want %d", tc.method, tc.token, resp.StatusCode, tc.want)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestConnectionLimits(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConns, c.MaxConnsPerTill = 2, 2 })
	status := func(token string) int {
		d := websocket.Dialer{Subprotocols: []string{Subprotocol}}
		c, resp, err := d.Dial(r.url(), http.Header{"Authorization": {"Bearer " + token}})
		if err == nil {
			t.Cleanup(func() { c.Close() })
		}
		return resp.StatusCode
	}
	for i, tc := range []struct {
		token string
		want  int
	}{{token1, 101}, {token2, 101}, {token1, 101}, {token1, 101}, {"x", 401}} {
		if got := status(tc.token); got != tc.want {
			t.Errorf("connection %d: %d, want %d", i+1, got, tc.want)
		}
	}
	if r.connections("till-1") != 1 || r.connections("till-2") != 1 || r.connections("x") != 0 {
		t.Error("miscounted")
	}
	r = newRig(t, func(c *Config) { c.MaxConns, c.MaxConnsPerTill = 3, 3 })
	for i, tc := range []struct {
		token string
		want  int
	}{{token1, 101}, {token1, 101}, {token1, 101}, {token2, 503}, {token2, 503}} {
		if got := status(tc.token); got != tc.want {
			t.Errorf("connection %d: %d, want %d", i+1, got, tc.want)
		}
	}
	if n := testutil.ToFloat64(r.metrics.refused.WithLabelValues("limit")); n != 2 {
		t.Errorf("%v refusals counted", n)
	}
}

func TestConfigIsChecked(t *testing.T) {
	till := func(name, token string) Till {
		return Till{Name: name, Token: secret.New([]byte(token))}
	}
	p := devicetest.New()
	defer p.Close()
	for name, tc := range map[string]struct {
		cfg Config
		ok  bool
	}{
		"none":        {Config{}, true},
		"two":         {Config{Tills: []Till{till("a", "x"), till("b", "y")}}, true},
		"same name":   {Config{Tills: []Till{till("a", "x"), till("a", "y")}}, false},
		"same token":  {Config{Tills: []Till{till("a", "x"), till("b", "x")}}, false},
		"no name":     {Config{Tills: []Till{till("", "x")}}, false},
		"no token":    {Config{Tills: []Till{till("a", "")}}, false},
		"space":       {Config{Tills: []Till{till("a", "x y")}}, false},
		"negative":    {Config{PongWait: -1}, false},
		"not a digit": {Config{MaxConns: -1}, false},
	} {
		if _, err := New(tc.cfg, p, new(devicetest.Terminal), nil, nil); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

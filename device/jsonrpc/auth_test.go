package jsonrpc

import (
	"io"
	"net/http"
	"strings"
	"testing"

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
		"Origin": {"https://evil.example"}}, protos: Subprotocol, want: 403},
	"loopback is strange too": {header: http.Header{"Authorization": {"Bearer " + token1},
		"Origin": {"http://127.0.0.1:7654"}}, protos: Subprotocol, want: 403},
	"null origin": {header: http.Header{"Authorization": {"Bearer " + token1},
		"Origin": {"null"}}, protos: Subprotocol, want: 403},
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
			if resp.StatusCode != tc.want {
				t.Fatalf("status %d, want %d", resp.StatusCode, tc.want)
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
	r := newRig(t, func(c *Config) { c.MaxConns, c.MaxConnsPerTill = 3, 2 })
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
	}{{token1, 101}, {token1, 101}, {token1, 503}, {token2, 101}, {token2, 503}} {
		if got := status(tc.token); got != tc.want {
			t.Errorf("connection %d: %d, want %d", i+1, got, tc.want)
		}
	}
	if r.connections("till-1") != 2 || r.connections("till-2") != 1 || r.connections("x") != 0 {
		t.Error("miscounted")
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

package ui

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

func request(t *testing.T, s *stand, path string, edit func(*http.Request)) (*http.Response,
	string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(r)
	}
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func signIn(t *testing.T, s *stand) *http.Cookie {
	t.Helper()
	resp, _ := request(t, s, "/?token="+testToken, nil)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" ||
		len(resp.Cookies()) != 1 {
		t.Fatalf("sign in: %d %v", resp.StatusCode, resp.Header)
	}
	return resp.Cookies()[0]
}

func TestSignIn(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	cookie := signIn(t, s)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" ||
		cookie.Domain != "" || cookie.MaxAge <= 0 {
		t.Errorf("cookie %v", cookie)
	}
	if strings.Contains(cookie.Value, testToken) || len(cookie.Value) < 43 {
		t.Errorf("cookie value %q", cookie.Value)
	}
	resp, page := request(t, s, "/", func(r *http.Request) { r.AddCookie(cookie) })
	if resp.StatusCode != http.StatusOK || !strings.Contains(page, "Kopi &amp; Toast") {
		t.Errorf("page: %d", resp.StatusCode)
	}
	for name, want := range map[string]string{"Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	policy := resp.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if strings.Contains(page, testToken) || strings.Contains(page, cookie.Value) ||
		strings.Contains(s.log.String(), testToken) {
		t.Error("the token is in the page or in the log")
	}

	again := newStand(t, testConfig(), nil)
	if resp, _ := request(t, again, "/",
		func(r *http.Request) { r.AddCookie(cookie) }); resp.StatusCode != http.StatusOK {
		t.Errorf("after a restart: %d, want the cookie to stay valid", resp.StatusCode)
	}
	cfg := testConfig()
	cfg.Token = secret.New([]byte("another-display-token-0000"))
	other := newStand(t, cfg, nil)
	if resp, _ := request(t, other, "/",
		func(r *http.Request) { r.AddCookie(cookie) }); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("after a change of the token: %d, want 401", resp.StatusCode)
	}
}

func TestRefusedRequests(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	cookie := signIn(t, s)
	upgrade := func(r *http.Request) {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-WebSocket-Version", "13")
		r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		r.Header.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	for _, tc := range []struct {
		name, path string
		edit       func(*http.Request)
		status     int
	}{
		{"no cookie", "/", nil, 401},
		{"wrong token", "/?token=wrong", nil, 401},
		{"empty token", "/?token=", nil, 401},
		{"wrong token beats a good cookie", "/?token=wrong",
			func(r *http.Request) { r.AddCookie(cookie) }, 401},
		{"token as cookie", "/", func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: cookieName, Value: testToken})
		}, 401},
		{"unknown path", "/etc/passwd", nil, 404},
		{"template", "/assets/index.html", nil, 404},
		{"above the assets", "/assets/..%2ftexts.json", nil, 404},
		{"no logo", "/logo", nil, 404},
		{"post", "/", func(r *http.Request) { r.Method = http.MethodPost }, 405},
		{"foreign host", "/?token=" + testToken, func(r *http.Request) { r.Host = "evil.test" },
			403},
		{"foreign origin", "/?token=" + testToken,
			func(r *http.Request) { r.Header.Set("Origin", "http://evil.test") }, 403},
		{"vacant without cookie", "/vacant", nil, 401},
		{"socket without cookie", "/ws", upgrade, 401},
		{"socket with a wrong bearer", "/ws",
			func(r *http.Request) { upgrade(r); r.Header.Set("Authorization", "Bearer wrong") },
			401},
		{"socket, foreign origin", "/ws",
			func(r *http.Request) {
				upgrade(r)
				r.AddCookie(cookie)
				r.Header.Set("Origin", "http://evil.test")
			}, 403},
		{"socket, rebound host", "/ws", func(r *http.Request) {
			upgrade(r)
			r.AddCookie(cookie)
			r.Host = "evil.test"
			r.Header.Set("Origin", "http://evil.test")
		}, 403},
		{"socket without subprotocol", "/ws",
			func(r *http.Request) {
				upgrade(r)
				r.AddCookie(cookie)
				r.Header.Del("Sec-WebSocket-Protocol")
			}, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body := request(t, s, tc.path, tc.edit)
			if resp.StatusCode != tc.status {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, tc.status, body)
			}
			if tc.status == 401 && strings.HasPrefix(tc.path, "/?") &&
				!strings.Contains(body, "?token=") {
				t.Errorf("the page does not say what to do: %s", body)
			}
			if strings.Contains(body, testToken) {
				t.Error("the answer has the token in it")
			}
		})
	}
	if strings.Contains(s.log.String(), testToken) {
		t.Error("the token is in the log")
	}
}

func TestLogoIsServed(t *testing.T) {
	cfg := testConfig()
	cfg.Logo = []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	s := newStand(t, cfg, nil)
	resp, body := request(t, s, "/logo", nil)
	if resp.Header.Get("Content-Type") != "image/svg+xml" || !bytes.Equal([]byte(body), cfg.Logo) ||
		resp.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("%v", resp.Header)
	}
}

func TestTooManyConnections(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	for range maxClients {
		s.dial(t, nil)
	}
	d := websocket.Dialer{Subprotocols: []string{subprotocol}}
	_, resp, err := d.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/ws",
		http.Header{"Authorization": {"Bearer " + testToken}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many: %v %v", resp, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no token":           func(c *Config) { c.Token = secret.Value{} },
		"short token":        func(c *Config) { c.Token = secret.New([]byte("short")) },
		"no merchant":        func(c *Config) { c.MerchantName = "" },
		"endless merchant":   func(c *Config) { c.MerchantName = strings.Repeat("x", 81) },
		"unknown language":   func(c *Config) { c.Languages = []string{"xx"} },
		"logo of no kind":    func(c *Config) { c.Logo = []byte("GIF89a") },
		"negative heartbeat": func(c *Config) { c.Beat = -1 },
	} {
		cfg := testConfig()
		spoil(&cfg)
		if _, err := NewHub(cfg, make(recorder, 1), nil, nil); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestOpen: a screen whose token is lost shows what it is told to everybody of this machine, and
// takes no browser's cookie away.
func TestOpen(t *testing.T) {
	cfg := testConfig()
	cfg.Open, cfg.Token = true, secret.Value{}
	s := newStand(t, cfg, nil)
	for path, want := range map[string]int{"/": http.StatusOK, "/?token=lost": http.StatusSeeOther,
		"/vacant": http.StatusOK} {
		resp, _ := request(t, s, path, nil)
		if resp.StatusCode != want || len(resp.Cookies()) != 0 {
			t.Errorf("%s: %d, cookies %v", path, resp.StatusCode, resp.Cookies())
		}
	}
	if resp, _ := request(t, s, "/",
		func(r *http.Request) {
			r.Host = "evil.example"
		}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("another host: %d", resp.StatusCode)
	}
	s.Show(Screen{Kind: payment.ScreenOutOfService, Reason: "secret_invalid"})
	conn := s.dial(t, http.Header{})
	say(t, conn, map[string]any{"type": "hello", "box_px": 900, "viewport": []int{900, 900},
		"dpr": 1})
	if m := hear(t, conn, "snapshot"); m["kind"] != string(payment.ScreenOutOfService) ||
		m["reason"] != "secret_invalid" {
		t.Errorf("snapshot: %v", m)
	}
}

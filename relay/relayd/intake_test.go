package relayd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

func TestHookStatus(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c, gone := r.add("K001"), r.add("gone")
	if err := r.RevokeTerminal(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, method, url string
		body              int
		chunked           bool
		want              int
	}{
		{"post", "POST", c.HookURL, 10, false, 200},
		{"get", "GET", c.HookURL + "?a=b", 0, false, 200},
		{"below", "POST", c.HookURL + "/a//b/../c%2Fd", 10, false, 200},
		{"slash", "POST", c.HookURL + "/", 10, false, 200},
		{"largest body", "POST", c.HookURL, relay.MaxHookBody, false, 200},
		{"body too large", "POST", c.HookURL, relay.MaxHookBody + 1, false, 413},
		{"body too large, length untold", "POST", c.HookURL, relay.MaxHookBody + 1, true, 413},
		{"put", "PUT", c.HookURL, 10, false, 200},
		{"another method", "DELETE", c.HookURL, 0, false, 405},
		{"unknown route", "POST", r.PublicURL() + "/hook/" + strings.Repeat("A", 22), 10, false,
			404},
		{"short route", "POST", r.PublicURL() + "/hook/K001", 10, false, 404},
		{"no route", "POST", r.PublicURL() + "/hook/", 10, false, 404},
		{"longer route", "POST", c.HookURL + "x", 10, false, 404},
		{"revoked", "POST", gone.HookURL, 10, false, 404},
		{"revoked, another method", "PUT", gone.HookURL, 10, false, 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var body io.Reader = bytes.NewReader(make([]byte, tc.body))
			if tc.chunked {
				body = io.MultiReader(body) // hides the length
			}
			req, err := http.NewRequest(tc.method, tc.url, body)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != tc.want {
				t.Fatalf("status %d, want %d: %s", res.StatusCode, tc.want, text)
			}
			if tc.want == 200 && (string(text) != "OK" ||
				!strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain")) {
				t.Errorf("answer %q, %q", text, res.Header.Get("Content-Type"))
			}
		})
	}
}

func TestHookIsStoredWhole(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	req, err := http.NewRequest(http.MethodPost, c.HookURL+"/a//b%2Fc?x=1&y=%20",
		strings.NewReader("\x00\xff body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{
		"Authorization": {"Bearer of-the-gateway"}, "X-Signature": {"s1", "s2"},
		"User-Agent": {"gw"}, "Accept-Encoding": {"gzip"}, "Connection": {"close, X-Hop"},
		"X-Hop": {"1"}, "Te": {"trailers"}, "Keep-Alive": {"timeout=5"}, "Kiosk-Canary": {"short"},
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", res, err)
	}
	_ = res.Body.Close()
	m, err := r.store.Next(t.Context(), rules.TerminalSource("K001"), 0)
	if err != nil || m == nil {
		t.Fatalf("stored: %v, %v", m, err)
	}
	want := relay.Hook{
		Method: http.MethodPost, Path: "/a//b%2Fc", Query: "x=1&y=%20",
		Body: []byte("\x00\xff body"),
		Headers: map[string][]string{
			"Authorization": {"Bearer of-the-gateway"}, "X-Signature": {"s1", "s2"},
			"User-Agent": {"gw"}, "Accept-Encoding": {"gzip"}, "Content-Length": {"7"},
			"Kiosk-Canary": {"short"},
		},
	}
	if diff := cmp.Diff(want, m.Delivery("e").Hook); diff != "" {
		t.Errorf("stored hook (-want +got):\n%s", diff)
	}
}

// TestHookURLIsLookedAt: who probes it is answered and told what it takes. Nothing is stored, the
// log says so, and it takes of the route's rate.
func TestHookURLIsLookedAt(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) { c.HookRate, c.HookBurst = 0.001, 3 })
	c := r.add("K001")
	for i, tc := range []struct {
		method string
		want   int
	}{{"HEAD", 200}, {"OPTIONS", 200}, {"DELETE", 405}, {"HEAD", 429}} {
		req, err := http.NewRequest(tc.method, c.HookURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != tc.want || i < 3 && !strings.Contains(res.Header.Get("Allow"), "PUT") {
			t.Errorf("%s: status %d, Allow %q", tc.method, res.StatusCode, res.Header.Get("Allow"))
		}
	}
	if m, err := r.store.Next(t.Context(), rules.TerminalSource("K001"), 0); m != nil ||
		err != nil {
		t.Errorf("stored: %v, %v", m, err)
	}
	if said := r.log.String(); strings.Count(said, "method=") != 3 {
		t.Errorf("the log says:\n%s", said)
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	r := startRelay(t, t.TempDir(), func(c *Config) {
		c.HookRate, c.HookBurst, c.Now = 0.001, 2, func() time.Time { return now }
	})
	c, other := r.add("K001"), r.add("K002")
	mustPost(t, c.HookURL, "1")
	mustPost(t, c.HookURL, "2")
	res, err := http.Post(c.HookURL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("third request: %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	mustPost(t, other.HookURL, "another route has its own limit")
}

func TestQuotaIsPerRoute(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) { c.Store.QuotaPerRoute = 5 })
	c, other := r.add("K001"), r.add("K002")
	for i := range 5 {
		mustPost(t, c.HookURL, fmt.Sprint(i))
	}
	if status := post(t, c.HookURL, "one too many"); status != http.StatusTooManyRequests {
		t.Errorf("over quota: status %d, want 429", status)
	}
	if status := canaryStatus(t, c.HookURL); status != http.StatusTooManyRequests {
		t.Errorf("canary over quota: status %d, want 429: it must meet what a hook meets", status)
	}
	mustPost(t, other.HookURL, "another route is not hurt")
	a := startAgent(t, r, c, newMemory("j"), nil)
	// nothing was evicted, and the mark has a quota of its own
	a.want("0", "1", "2", "3", "4", "mark")
}

func canaryStatus(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(relay.CanaryHeader, "forged-nonce-0123456789")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestStoreFull(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) { c.Store.MaxBytes = 1 << 20 })
	c := r.add("K001")
	body := strings.Repeat("x", 60<<10)
	stored := 0
	for ; stored < 100; stored++ {
		status := post(t, c.HookURL, body)
		if status == http.StatusServiceUnavailable {
			break
		}
		if status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	if stored == 0 || stored == 100 {
		t.Fatalf("%d hooks of 60 KiB fitted into 1 MiB", stored)
	}
	a := startAgent(t, r, c, newMemory("j"), nil)
	for range stored {
		a.want(body)
	}
}

// TestEmbeddedStoreSyncs: without this setting JetStream acknowledges what a power cut may still
// take.
func TestEmbeddedStoreSyncs(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	cfg := r.store.ns.JetStreamConfig()
	if cfg == nil || !cfg.SyncAlways {
		t.Errorf("JetStream runs with %+v", cfg)
	}
	if r.store.ns.Addr() != nil {
		t.Errorf("the embedded store listens on %v", r.store.ns.Addr())
	}
}

func TestStoreDown(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	r.store.nc.Close()
	if status := post(t, c.HookURL, "x"); status != http.StatusServiceUnavailable {
		t.Errorf("hook: status %d, want 503", status)
	}
	if status := get(t, r.PublicURL()+"/readyz", nil); status != http.StatusServiceUnavailable {
		t.Errorf("readyz: status %d, want 503", status)
	}
	if status := get(t, r.PublicURL()+"/healthz", nil); status != http.StatusOK {
		t.Errorf("healthz: status %d, want 200", status)
	}
}

// TestAHookOutlivesItsSender: what has arrived whole is kept though its sender has hung up. A
// gateway that takes a slow answer for none may never send it again.
func TestAHookOutlivesItsSender(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	w := httptest.NewRecorder()
	r.serveHook(w, httptest.NewRequestWithContext(ctx, http.MethodPost, c.HookURL,
		strings.NewReader("paid")))
	m, err := r.store.Next(t.Context(), rules.TerminalSource("K001"), 0)
	if w.Code != http.StatusOK || err != nil || m == nil {
		t.Errorf("status %d, stored %v, %v", w.Code, m, err)
	}
}

// TestAStoreThatDoesNotAnswerIsNotEmpty: else a terminal would be told that it has read everything.
func TestAStoreThatDoesNotAnswerIsNotEmpty(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	r.store.nc.Close()
	k := rules.TerminalSource("K001")
	for name, ask := range map[string]func() (any, error){
		"next":      func() (any, error) { return r.store.Next(t.Context(), k, 0) },
		"at":        func() (any, error) { return r.store.At(t.Context(), 1) },
		"last mark": func() (any, error) { return r.store.LastMark(t.Context(), k) },
		"held":      func() (any, error) { return r.store.Held(t.Context(), k) },
		"span":      func() (any, error) { return r.store.Span(t.Context()) },
		"head": func() (any, error) {
			head, _, err := r.heads.Head(t.Context(), "K001")
			return head, err
		},
	} {
		if got, err := ask(); err == nil {
			t.Errorf("%s: %v, and no error", name, got)
		}
	}
}

// TestBrokenStoreEndsRun: a store that takes no writes any more is for a restart to mend.
func TestBrokenStoreEndsRun(t *testing.T) {
	cfg := Config{
		PublicListen: "127.0.0.1:0", AdminListen: "127.0.0.1:0",
		AdminToken: secret.New([]byte("x")), Store: StoreConfig{Dir: t.TempDir()},
		Ping: 20 * time.Millisecond,
	}
	var health []error
	cfg.Health = func(err error) { health = append(health, err) }
	srv, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	srv.store.nc.Close()
	if err := srv.Run(t.Context()); !errors.Is(err, ErrStoreBroken) {
		t.Errorf("Run: %v", err)
	}
	if len(health) != giveUpAfter || slices.Contains(health, nil) {
		t.Errorf("the health of a broken store: %v", health)
	}
}

func TestDiskNearlyFull(t *testing.T) {
	r := startRelay(t, t.TempDir(),
		func(c *Config) { c.Ping, c.Store.MinFree = 20*time.Millisecond, 1<<62 })
	c := r.add("K001")
	for deadline := time.Now().Add(patience); post(t, c.HookURL,
		"x") != http.StatusServiceUnavailable; {
		if time.Now().After(deadline) {
			t.Fatal("hooks are still taken")
		}
	}
	if status := get(t, r.PublicURL()+"/readyz", nil); status != http.StatusOK {
		t.Errorf("readyz: status %d: terminals can still be served", status)
	}
}

func get(t *testing.T, url string, header http.Header) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if h := header.Get("Host"); h != "" {
		req.Host = h
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestGuards(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) { c.PublicURL = "https://relay.example" })
	c := r.add("K001")
	bearer := "Bearer " + string(c.Token.Reveal())
	public, admin := "http://"+r.PublicAddr().String(), "http://"+r.AdminAddr().String()
	for _, tc := range []struct {
		name, url string
		header    http.Header
		want      int
	}{
		{"no token", public + "/v1/stream", nil, 401},
		{"wrong token", public + "/v1/stream", http.Header{"Authorization": {"Bearer x"}}, 401},
		{"token twice", public + "/v1/stream", http.Header{"Authorization": {bearer, bearer}}, 401},
		{"an origin", public + "/v1/stream",
			http.Header{"Authorization": {bearer}, "Origin": {"https://relay.example"}}, 403},
		{"rebound host", public + "/v1/stream",
			http.Header{"Authorization": {bearer}, "Host": {"evil.test"}}, 403},
		{"public host, no upgrade", public + "/v1/stream",
			http.Header{"Authorization": {bearer}, "Host": {"relay.example"}}, 400},
		{"head", public + "/v1/head", http.Header{"Authorization": {bearer}}, 200},
		{"head without token", public + "/v1/head", nil, 401},
		{"ready", public + "/readyz", http.Header{"Host": {"10.0.0.1"}}, 200},
		{"nothing there", public + "/metrics", nil, 404},
		{"no admin on the public side", public + "/admin/v1/terminals",
			http.Header{"Authorization": {"Bearer admin-canary-secret"}}, 404},
		{"metrics", admin + "/metrics", nil, 200},
		{"metrics for a rebound page", admin + "/metrics", http.Header{"Host": {"evil.test"}}, 403},
		{"admin", admin + "/admin/v1/terminals",
			http.Header{"Authorization": {"Bearer admin-canary-secret"}}, 200},
		{"admin with a terminal's token", admin + "/admin/v1/terminals",
			http.Header{"Authorization": {bearer}}, 401},
		{"admin from a page", admin + "/admin/v1/terminals",
			http.Header{"Authorization": {"Bearer admin-canary-secret"},
				"Origin": {"http://127.0.0.1"}}, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := get(t, tc.url, tc.header); got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
		})
	}
}

// TestNothingSecretIsLogged plants secrets and looks for them in the whole log and on the metrics
// page.
func TestNothingSecretIsLogged(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) { c.Store.QuotaPerRoute = 3 })
	c := r.add("K001")
	a := startAgent(t, r, c, newMemory("j"),
		func(cfg *relay.Config) { cfg.CanaryEvery = time.Hour })
	await[relay.CanaryReturned](a, nil)
	for range 4 {
		post(t, c.HookURL+"/path-canary?query-canary", "body-canary")
	}
	post(t, r.PublicURL()+"/hook/unknown-route-canary", "")
	a.client.SendCanary() // refused by the quota: the client logs an error about the hook URL
	await[relay.CanaryFailed](a, nil)
	get(t, r.PublicURL()+"/v1/stream", http.Header{"Authorization": {"Bearer wrong-token-canary"}})
	if err := r.RevokeTerminal(t.Context(), "K001"); err != nil {
		t.Fatal(err)
	}
	await(a, func(e relay.Disconnected) bool { return strings.Contains(e.Err.Error(), "401") })
	res, err := http.Get("http://" + r.AdminAddr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if !strings.Contains(string(metrics), "kiosk_relay_hooks_total") {
		t.Error("no metrics")
	}
	a.stop()
	r.stop()
	everything := r.log.String() + string(metrics)
	route := c.HookURL[strings.LastIndex(c.HookURL, "/")+1:]
	for _, secret := range []string{string(c.Token.Reveal()), route, "path-canary", "query-canary",
		"body-canary", "unknown-route-canary", "wrong-token-canary", "admin-canary-secret"} {
		if strings.Contains(everything, secret) {
			t.Errorf("%q was printed", secret)
		}
	}
	if !strings.Contains(everything, "quota is used up") {
		t.Error("the log misses what it should tell")
	}
}

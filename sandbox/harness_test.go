package sandbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"kiosk-agent/internal/secret"
)

const (
	testClient = "example-client-id"
	testSecret = "example-client-secret"
	testLink   = "lnk-1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeClock moves only when it is told to.
type fakeClock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[chan time.Time]time.Time
}

func newClock() *fakeClock {
	return &fakeClock{now: time.Date(2026, 1, 16, 1, 22, 46, 10_508_000, time.UTC),
		timers: map[chan time.Time]time.Time{}}
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) At(t time.Time) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	c.timers[ch] = t
	c.fire()
	return ch
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.fire()
}

func (c *fakeClock) fire() {
	for ch, at := range c.timers {
		if !at.After(c.now) {
			ch <- c.now
			delete(c.timers, ch)
		}
	}
}

// received is one webhook as the merchant's server saw it.
type received struct {
	method, contentType string
	query               url.Values
	body                string
}

// world is a sandbox with a merchant's server behind it.
type world struct {
	*testing.T
	*Server
	clock *fakeClock
	site  *httptest.Server
	hooks chan received
	hook  *httptest.Server
	reply func(n int) int // status of the n-th webhook's answer
	log   *bytes.Buffer
	phone *http.Client
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{T: t, clock: newClock(), hooks: make(chan received, 64), log: &bytes.Buffer{},
		reply: func(int) int { return 200 }}
	n := 0
	w.hook = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n++
		rw.Header().Set("Location", "/elsewhere") // matters to a redirect only
		rw.WriteHeader(w.reply(n))
		_, _ = io.WriteString(rw, "OK")
		w.hooks <- received{r.Method, r.Header.Get("Content-Type"), r.URL.Query(), string(body)}
	}))
	t.Cleanup(w.hook.Close)
	cfg := Config{
		Merchants: []Merchant{{
			Name: "Kopi & Toast", ClientID: testClient, Secret: secret.New([]byte(testSecret)),
			LinkIDs: []string{testLink, "lnk-2"}, WebhookURL: w.hook.URL + "/preset",
		}},
		BasePath: "/axs", Clock: w.clock, Client: w.hook.Client(),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	w.Server, err = New(cfg, slog.New(slog.NewTextHandler(w.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	w.site = httptest.NewServer(w.Handler())
	t.Cleanup(w.site.Close)
	jar, _ := cookiejar.New(nil)
	w.phone = w.site.Client()
	w.phone.Jar = jar
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, bad := range []string{testSecret, "eyJ"} {
			if strings.Contains(w.log.String(), bad) {
				t.Errorf("the log contains %q", bad)
			}
		}
	})
	return w
}

// fields is a good link's payload; tests change it.
func fields(ref string) map[string]any {
	return map[string]any{"clientId": testClient, "amount": "1023", "currency": "SGD",
		"merchantRef": ref}
}

func with(m map[string]any, kv ...any) map[string]any {
	m = maps.Clone(m)
	for i := 0; i < len(kv); i += 2 {
		if kv[i+1] == nil {
			delete(m, kv[i].(string))
		} else {
			m[kv[i].(string)] = kv[i+1]
		}
	}
	return m
}

// mint seals a payload the way that the document tells a merchant to, without the sandbox's own
// code.
func mint(t testing.TB, payload any, change ...func(*jose.Recipient)) string {
	t.Helper()
	plaintext, ok := payload.([]byte)
	if !ok {
		var err error
		if plaintext, err = json.Marshal(payload); err != nil {
			t.Fatal(err)
		}
	}
	rcpt := jose.Recipient{Algorithm: jose.PBES2_HS512_A256KW, Key: []byte(testSecret),
		KeyID: testClient, PBES2Count: 1000}
	for _, c := range change {
		c(&rcpt)
	}
	enc, err := jose.NewEncrypter(jose.A256GCM, rcpt, nil)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := enc.Encrypt(plaintext)
	if err != nil {
		t.Fatal(err)
	}
	token, err := obj.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// openClaims decrypts a webhook as a merchant would.
func openClaims(t testing.TB, token string) (map[string]any, jose.Header) {
	t.Helper()
	obj, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.PBES2_HS512_A256KW},
		[]jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		t.Fatalf("%v in %.60q", err, token)
	}
	plaintext, err := obj.Decrypt([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(plaintext, &claims); err != nil {
		t.Fatal(err)
	}
	return claims, obj.Header
}

func (w *world) pageURL(token string) string {
	return w.site.URL + "/axs/hpp/checkout/" + testLink + "?data=" + token
}

// get fetches a page; the body has its tags' line breaks kept.
func (w *world) get(target string) (int, string) {
	w.Helper()
	resp, err := w.phone.Get(target)
	if err != nil {
		w.Fatal(err)
	}
	return w.read(resp)
}

func (w *world) read(resp *http.Response) (int, string) {
	w.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// open mints a link, opens its page and returns the token.
func (w *world) openLink(payload map[string]any) string {
	w.Helper()
	token := mint(w, payload)
	if status, body := w.get(w.pageURL(token)); status != 200 {
		w.Fatalf("status %d\n%s", status, body)
	}
	return token
}

var formRE = regexp.MustCompile(`(?s)<form method="post" action="([^"]+)">(.*?)</form>`)
var inputRE = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
var buttonRE = regexp.MustCompile(`<button[^>]*name="action" value="([^"]+)"`)

// press finds the form with this button and scheme on a page, and sends it like a phone without
// JavaScript.
func (w *world) press(page, action string, scheme Scheme) (int, string) {
	w.Helper()
	for _, form := range formRE.FindAllStringSubmatch(page, -1) {
		values := url.Values{}
		for _, in := range inputRE.FindAllStringSubmatch(form[2], -1) {
			values.Set(in[1], in[2])
		}
		if scheme != "" && values.Get("scheme") != string(scheme) {
			continue
		}
		for _, b := range buttonRE.FindAllStringSubmatch(form[2], -1) {
			if b[1] != action {
				continue
			}
			values.Set("action", action)
			resp, err := w.phone.PostForm(w.site.URL+form[1], values)
			if err != nil {
				w.Fatal(err)
			}
			return w.read(resp)
		}
	}
	w.Fatalf("no button %s for %s on the page:\n%s", action, scheme, page)
	return 0, ""
}

func (w *world) act(ref string, a Action) Payment {
	w.Helper()
	p, err := w.Act(ref, a)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) fault(f Fault) {
	w.Helper()
	if _, err := w.AddFault(f); err != nil {
		w.Fatal(err)
	}
}

// quiet waits until all webhooks that can be sent were sent.
func (w *world) quiet() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Quiet(ctx); err != nil {
		w.Fatal(err)
	}
}

// next takes the next webhook that arrived.
func (w *world) next() received {
	w.Helper()
	select {
	case r := <-w.hooks:
		return r
	case <-time.After(10 * time.Second):
		w.Fatal("no webhook came")
		return received{}
	}
}

func (w *world) none() {
	w.Helper()
	w.quiet()
	if len(w.hooks) > 0 {
		w.Fatalf("unexpected webhook %+v", <-w.hooks)
	}
}

// waitFor waits for a condition that no event announces.
func (w *world) waitFor(holds func() bool) {
	w.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			w.Fatal("it never came to hold")
		}
	}
}

// waiting counts the timers that run.
func (c *fakeClock) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

func unb64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

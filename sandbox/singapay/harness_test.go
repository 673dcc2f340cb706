package singapay

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kiosk-agent/internal/secret"
)

const (
	testClient  = "example-client-id"
	testKey     = "example-api-key"
	testSecret  = "example-client-secret"
	testAccount = "01K9EXAMPLEACCOUNT00000000"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeClock moves only when it is told to.
type fakeClock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[chan time.Time]time.Time
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
	if c.timers[ch] = t; !t.After(c.now) {
		ch <- c.now
		delete(c.timers, ch)
	}
	return ch
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for ch, at := range c.timers {
		if !at.After(c.now) {
			ch <- c.now
			delete(c.timers, ch)
		}
	}
}

// received is one webhook as the merchant's server saw it.
type received struct {
	path   string
	header http.Header
	body   []byte
	tree   map[string]any
}

// world is a gateway with a merchant's server behind it. Webhooks go out when the test calls run.
type world struct {
	*testing.T
	*Server
	clock *fakeClock
	site  *httptest.Server
	hook  *httptest.Server
	got   []received
	reply func(n int) int
	log   *bytes.Buffer
	token string
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{
		T: t, log: &bytes.Buffer{}, reply: func(int) int { return 200 },
		// the 9th in Jakarta
		clock: &fakeClock{now: time.Date(2026, 9, 8, 18, 0, 10, 0, time.UTC),
			timers: map[chan time.Time]time.Time{}},
	}
	w.hook = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := received{path: r.URL.RequestURI(), header: r.Header, body: body}
		_ = json.Unmarshal(body, &got.tree)
		w.got = append(w.got, got)
		rw.Header().Set("Location", "/hook") // matters to a redirect only
		rw.WriteHeader(w.reply(len(w.got)))
		_, _ = io.WriteString(rw, "OK")
	}))
	t.Cleanup(w.hook.Close)
	cfg := Config{
		Credentials: []Credential{
			{
				Name: "Kopi & Toast", ClientID: testClient, APIKey: testKey,
				Secret: secret.New([]byte(testSecret)), Accounts: []string{testAccount},
				TransactionURL: w.hook.URL + "/hook?from=sp", InquiryURL: w.hook.URL + "/inquiry",
				ExpirationURL:        w.hook.URL + "/expired",
				ProductExpirationURL: w.hook.URL + "/product",
			},
			{ClientID: "other", APIKey: "other-key",
				Secret: secret.New([]byte("another-client-secret")), Accounts: []string{"OTHER"}},
		},
		Clock: w.clock, Client: w.hook.Client(), BasePath: "/sp",
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if w.Server, err = New(cfg, slog.New(slog.NewTextHandler(w.log, nil))); err != nil {
		t.Fatal(err)
	}
	w.site = httptest.NewServer(w.Handler())
	t.Cleanup(w.site.Close)
	t.Cleanup(func() {
		for _, bad := range []string{testSecret, "eyJ"} {
			if strings.Contains(w.log.String(), bad) {
				t.Errorf("the log contains %q", bad)
			}
		}
	})
	return w
}

// run sends what is due.
func (w *world) run() { w.Deliver(context.Background()) }

// later lets time pass, job by job.
func (w *world) later(d time.Duration) {
	end := w.clock.Now().Add(d)
	for at, more := w.NextDue(); more && !at.After(end); at, more = w.NextDue() {
		w.clock.advance(max(0, at.Sub(w.clock.Now())))
		w.run()
	}
	w.clock.advance(end.Sub(w.clock.Now()))
}

// send makes one request; header pairs replace the usual ones ("" leaves one out).
func (w *world) send(method, path, body string, header ...string) (int, map[string]any) {
	w.Helper()
	req, err := http.NewRequest(method, w.site.URL+"/sp"+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	usual := []string{"Accept", "application/json", "X-PARTNER-ID", testKey, "Authorization",
		"Bearer " + w.token}
	if body != "" {
		usual = append(usual, "Content-Type", "application/json")
	}
	usual = append(usual, header...)
	for i := 0; i < len(usual); i += 2 {
		if req.Header.Set(usual[i], usual[i+1]); usual[i+1] == "" {
			req.Header.Del(usual[i])
		}
	}
	resp, err := w.site.Client().Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	out := map[string]any{"text": string(text)}
	_ = json.Unmarshal(text, &out)
	return resp.StatusCode, out
}

// askToken asks for a token the way that the document tells a merchant to.
func (w *world) askToken(header ...string) (int, map[string]any) {
	w.Helper()
	msg := testClient + "_" + testSecret + "_" +
		w.clock.Now().UTC().Add(7*time.Hour).Format("20060102")
	return w.send("POST", "/api/v1.1/access-token/b2b", `{"grant_type":"client_credentials"}`,
		append([]string{"Authorization", "", "X-CLIENT-ID", testClient, "X-Signature",
			macHex([]byte(testSecret), msg)}, header...)...)
}

func (w *world) login() {
	w.Helper()
	status, out := w.askToken()
	if status != 200 {
		w.Fatal(status, out)
	}
	w.token = at(out, "data.access_token").(string)
}

// api makes a call that must succeed and returns its data.
func (w *world) api(method, path, body string) any {
	w.Helper()
	status, out := w.send(method, path, body)
	if status != 200 || out["data"] == nil {
		w.Fatal(method, path, body, status, out)
	}
	return out["data"]
}

const newLink = "/api/v2.0/payment-link/" + testAccount

// create makes a link of Rp150.000 with more fields, and returns its data.
func (w *world) create(ref, more string) map[string]any {
	w.Helper()
	return w.api("POST", newLink, `{"reff_no":"`+ref+
		`","payment_link_type":"total","total_amount":150000`+more+`}`).(map[string]any)
}

// at walks a decoded tree: "data.transaction.amount".
func at(tree any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch node := tree.(type) {
		case map[string]any:
			tree = node[name]
		case []any:
			if i, err := strconv.Atoi(name); err == nil && i < len(node) {
				tree = node[i]
			} else {
				return nil
			}
		default:
			return nil
		}
	}
	return tree
}

func (w *world) act(ref string, do Verb, method string) Payment {
	w.Helper()
	p, err := w.Act(ref, Action{Do: do, Method: method})
	if err != nil {
		w.Fatal(do, err)
	}
	return p
}

func (w *world) fault(f Fault) {
	w.Helper()
	if _, err := w.AddFault(f); err != nil {
		w.Fatal(err)
	}
}

// only returns the webhooks of one event name.
func (w *world) only(event string) (all []received) {
	for _, r := range w.got {
		if r.tree["event"] == event {
			all = append(all, r)
		}
	}
	return all
}

// signed reports whether a delivery verifies as the document says, for an endpoint and the literal
// normalised body.
func signed(r received) bool {
	normal, err := normalise(r.body, HashSorted)
	token := strings.TrimPrefix(r.header.Get("Authorization"), "Bearer ")
	return err == nil && hookSignature([]byte(testSecret), r.path, token, normal,
		r.header.Get("X-Timestamp")) == r.header.Get("X-Signature")
}

package singapay

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

const (
	canary    = "canary-secret-f00d-never-printed"
	oldCanary = "canary-secret-0ld1-never-printed"
	jwtCanary = "eyJ0b2tlbiI6ImNhbmFyeSJ9.canary-token-never-printed.c2ln"
	accountID = "01K946KF851RK7FX075GJHBVKF"
	hookPath  = "/hook/AAAAAAAAAAAAAAAAAAAAAA"

	// ref was made a quarter of an hour before noon: its ULID says 2026-10-16T04:45:00Z.
	ref = "KIOSK001-01M51GE570ABCDEFGHJKMNPQRS"
)

// noon in Jakarta.
var noon = time.Date(2026, 10, 16, 12, 0, 0, 0, jakarta)

func testConfig() Config {
	return Config{
		BaseURL: "https://payment.example", ClientID: "client-1",
		ClientSecret: secret.New([]byte(canary)), APIKey: "partner-1", AccountID: accountID,
		WebhookPath: hookPath, Now: func() time.Time { return noon },
	}
}

func newGateway(t testing.TB, change ...func(*Config)) *Gateway {
	t.Helper()
	cfg := testConfig()
	for _, f := range change {
		f(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.client.CloseIdleConnections)
	return g
}

// asked is a request that the site has got.
type asked struct {
	line   string // "POST /path?query"
	header http.Header
	body   string
}

// site plays SingaPay: an answer for each "METHOD /path", and a token for whoever asks.
type site struct {
	*httptest.Server
	mu     sync.Mutex
	routes map[string]http.HandlerFunc
	log    []asked
	date   func(line string) time.Time // of the answer to this request; zero = it has none
}

const tokenRoute = "POST " + tokenPath

func newSite(t testing.TB) *site {
	s := &site{routes: map[string]http.HandlerFunc{
		tokenRoute: says(200, `{"status":200,"success":true,"data":{"access_token":"`+jwtCanary+
			`","token_type":"Bearer","expires_in":"216000"}}`),
	}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.log = append(s.log, asked{r.Method + " " + r.URL.RequestURI(), r.Header.Clone(),
			string(body)})
		h := s.routes[r.Method+" "+r.URL.Path]
		date := noon
		if s.date != nil {
			date = s.date(r.Method + " " + r.URL.Path)
		}
		s.mu.Unlock()
		w.Header()["Date"] = nil
		if !date.IsZero() {
			w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
		}
		if h == nil {
			h = says(404,
				`{"status":404,"success":false,"error":{"code":404,"message":"Not found"}}`)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) on(route string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes[route] = h
}

// requests are those after the tokens', in order.
func (s *site) requests() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []asked
	for _, a := range s.log {
		if a.line != tokenRoute {
			list = append(list, a)
		}
	}
	return list
}

func (s *site) tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.log {
		if a.line == tokenRoute {
			n++
		}
	}
	return n
}

func (s *site) gateway(t testing.TB, change ...func(*Config)) *Gateway {
	t.Helper()
	return newGateway(t, append([]func(*Config){func(c *Config) { c.BaseURL = s.URL }},
		change...)...)
}

// says answers every request alike; in turn, when there are several pairs of status and body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// inTurn uses one answer after the other; the last one stays.
func inTurn(answers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := answers[min(n, len(answers)-1)]
		n++
		mu.Unlock()
		h(w, r)
	}
}

// old and new are the two envelopes.
func older(data string) string { return `{"status":200,"success":true,"data":` + data + `}` }
func newer(data string) string {
	return `{"response_code":"SP000","response_message":"Successfully","data":` + data + `}`
}

// listed is a list in one page.
func listed(elements ...string) string {
	return fmt.Sprintf(`{"status":200,"success":true,"data":[%s],"pagination":{"total":%d,`+
		`"count":%[2]d,"per_page":100,"current_page":1,"total_pages":1}}`,
		strings.Join(elements, ","), len(elements))
}

// with replaces the first old in s by new, which must be there.
func with(t testing.TB, s, old, new string) string {
	t.Helper()
	if !strings.Contains(s, old) {
		t.Fatalf("%q is not in %.200s", old, s)
	}
	return strings.Replace(s, old, new, 1)
}

// delivery is a signed notification, received in the second of its signature.
func delivery(body string) payment.Envelope {
	return signedBy(canary, hookPath, "1792126800", body)
}

func signedBy(key, path, timestamp, body string) payment.Envelope {
	m, err := parse([]byte(body))
	if err != nil {
		panic(err)
	}
	return signedHash(key, path, timestamp, hashed(form{}.canonical(m)), body)
}

func signedHash(key, path, timestamp, hash, body string) payment.Envelope {
	const token = "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6"
	mac := hmac.New(sha512.New, []byte(key))
	mac.Write([]byte("POST:" + path + ":" + token + ":" + hash + ":" + timestamp))
	var at int64
	_, _ = fmt.Sscan(timestamp, &at)
	return payment.Envelope{
		Method: "POST", Body: []byte(body), ReceivedAt: time.Unix(at, 0),
		Headers: map[string][]string{
			"X-Signature": {hex.EncodeToString(mac.Sum(nil))}, "X-Timestamp": {timestamp},
			"Authorization": {"Bearer " + token}, "X-Partner-Id": {"partner-1"},
		},
	}
}

// vectors is testdata/vectors.json.
type vectors struct {
	Token struct {
		Vectors []struct {
			ClientID  string `json:"client_id"`
			Secret    string `json:"client_secret"`
			Day       string `json:"yyyymmdd_asia_jakarta"`
			Signature string `json:"expected_x_signature"`
			Now       string `json:"now_utc"`
		}
	} `json:"access_token_v1_1"`
	Small []struct {
		Endpoint, Secret, Timestamp, Body, Normalized string
		Token                                         string `json:"access_token"`
		Hash                                          string `json:"hashed_body"`
		Signature                                     string `json:"expected_signature"`
	} `json:"request_signature_small"`
	Webhook struct {
		Vectors    []vector
		MustAccept []struct{ Case string } `json:"must_accept"`
		MustReject []struct {
			Case string
			Wire string `json:"wire_body"`
		} `json:"must_reject"`
		Tolerance []struct {
			Now       int64
			Timestamp string `json:"x_timestamp"`
			Fresh     bool
		} `json:"tolerance_300s"`
	}
	Canonicalisation []struct {
		In, Out string
		Literal string `json:"out_literal"`
		PHP     string `json:"out_php_reencode"`
		Quirk   bool
	}
}

type vector struct {
	Name       string
	Body       string `json:"wire_body"`
	Headers    map[string]string
	Endpoint   string
	Secret     string
	Mode       string `json:"hash_mode"`
	Normalised string `json:"normalized_json"`
	Hash       string `json:"hashed_body"`
}

func (v vector) envelope() payment.Envelope {
	e := payment.Envelope{Method: "POST", Body: []byte(v.Body), Headers: map[string][]string{}}
	for name, value := range v.Headers {
		e.Headers[name] = []string{value}
	}
	var at int64
	_, _ = fmt.Sscan(v.Headers["X-Timestamp"], &at)
	e.ReceivedAt = time.Unix(at, 0)
	return e
}

func (v vector) gateway(t testing.TB) *Gateway {
	return newGateway(t, func(c *Config) {
		c.WebhookPath, c.ClientSecret = v.Endpoint,
			secret.New([]byte(v.Secret))
	})
}

func loadVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Token.Vectors) < 3 || len(v.Small) < 3 || len(v.Webhook.Vectors) < 9 ||
		len(v.Webhook.MustAccept) < 2 || len(v.Canonicalisation) < 12 ||
		len(v.Webhook.Tolerance) < 5 || len(v.Webhook.MustReject) < 10 {
		t.Fatal("vectors are missing")
	}
	return v
}

func wantSame(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

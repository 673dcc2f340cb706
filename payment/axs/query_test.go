package axs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
	"kiosk-agent/test/pipenet"
)

const queryPath = "/axs/api/hpp/v2/transaction"

// asking is a gateway whose query goes to the handler.
func asking(t *testing.T, h http.HandlerFunc, change ...func(*Config)) *Gateway {
	t.Helper()
	site := httptest.NewServer(h)
	t.Cleanup(site.Close)
	return askingAt(t, site.URL, change...)
}

func askingAt(t *testing.T, site string, change ...func(*Config)) *Gateway {
	t.Helper()
	g := newGateway(t, append([]func(*Config){func(c *Config) { c.QueryURL = site + queryPath }},
		change...)...)
	t.Cleanup(g.client.CloseIdleConnections)
	return g
}

// replies answers every question alike.
func replies(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func wantAnswer(t *testing.T, want, got payment.QueryAnswer) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// queried is the notification's sample as an element of an answer.
var queried = strings.Replace(sample, "{", `{"transactionType":"PAY","terminalId":"K001",`, 1)

func TestQueryAsks(t *testing.T) {
	seen := make(chan *http.Request, 2)
	g := asking(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		replies(http.StatusOK, "["+queried+"]")(w, r)
	})
	for range 2 {
		wantAnswer(t, payment.QueryAnswer{HTTPStatus: 200, Records: []payment.Record{sampleRecord}},
			g.Query(t.Context(), `R"1<&`))
	}
	var tokens []string
	for range 2 {
		r := <-seen
		if r.Method != "GET" || r.URL.Path != queryPath+"/lnk-123" || r.ContentLength > 0 ||
			len(r.Cookies()) > 0 || r.Header.Get("Accept") != "application/json" {
			t.Errorf("%s %s with %v", r.Method, r.URL.Path, r.Header)
		}
		token, ok := strings.CutPrefix(r.URL.RawQuery, "data=")
		plaintext, refused := g.open(token)
		if refused != nil || !ok {
			t.Fatal(ok, refused)
		}
		var payload map[string]string
		if err := json.Unmarshal(plaintext, &payload); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(map[string]string{"merchantRef": `R"1<&`}, payload); d != "" {
			t.Error(d)
		}
		tokens = append(tokens, token)
	}
	if tokens[0] == tokens[1] {
		t.Error("a second question has the same seal")
	}
}

func TestQueryDoesNotAsk(t *testing.T) {
	asked := func(http.ResponseWriter, *http.Request) { t.Error("asked") }
	none := newGateway(t)
	wantAnswer(t, payment.QueryAnswer{Failure: "no query is configured (axs.query_url)"},
		none.Query(t.Context(), "R-1"))
	for _, ref := range []string{"", strings.Repeat("R", MaxRef+1), "R\x00", "é"} {
		wantAnswer(t, payment.QueryAnswer{
			Failure: "the merchant reference is not 1 to 40 printable characters"},
			asking(t, asked).Query(t.Context(), ref))
	}
}

func TestQueryStatus(t *testing.T) {
	list := "[" + queried + "]"
	redirect := "HTTP %d, a redirect, which is not followed: a network's login page, or a " +
		"wrong axs.query_url"
	for _, tc := range []struct {
		status         int
		body, location string
		want           payment.QueryAnswer
	}{
		{200, list, "", payment.QueryAnswer{Records: []payment.Record{sampleRecord}}},
		{200, "[]", "", payment.QueryAnswer{Records: []payment.Record{}}},
		{404, list, "", payment.QueryAnswer{NotFound: true}},
		{404, "<p>No such page", "", payment.QueryAnswer{NotFound: true}},
		{404, strings.Repeat("x", maxAnswer+2), "", payment.QueryAnswer{NotFound: true}},
		{200, strings.Repeat(" ", maxAnswer) + "[]", "",
			payment.QueryAnswer{Failure: "HTTP 200, the answer is longer than 1 MiB"}},
		{200, strings.Repeat(" ", maxAnswer-2) + "[]", "",
			payment.QueryAnswer{Records: []payment.Record{}}},
		{200, strings.Repeat("x", 8*maxAnswer), "",
			payment.QueryAnswer{Failure: "HTTP 200, the answer is longer than 1 MiB"}},
		{201, list, "", payment.QueryAnswer{Failure: "HTTP 201"}},
		{204, "", "", payment.QueryAnswer{Failure: "HTTP 204"}},
		{206, list, "", payment.QueryAnswer{Failure: "HTTP 206"}},
		{301, list, "/elsewhere", payment.QueryAnswer{Failure: fmt.Sprintf(redirect, 301)}},
		{302, list, "/elsewhere", payment.QueryAnswer{Failure: fmt.Sprintf(redirect, 302)}},
		{303, list, "https://elsewhere.example/",
			payment.QueryAnswer{Failure: fmt.Sprintf(redirect, 303)}},
		{307, list, "/elsewhere", payment.QueryAnswer{Failure: fmt.Sprintf(redirect, 307)}},
		{308, list, "/elsewhere", payment.QueryAnswer{Failure: fmt.Sprintf(redirect, 308)}},
		{302, list, "", payment.QueryAnswer{Failure: "HTTP 302"}},
		{304, "", "", payment.QueryAnswer{Failure: "HTTP 304"}},
		{400, list, "", payment.QueryAnswer{Failure: "HTTP 400"}},
		{401, list, "", payment.QueryAnswer{Failure: "HTTP 401"}},
		{429, list, "", payment.QueryAnswer{Failure: "HTTP 429"}},
		{500, list, "", payment.QueryAnswer{Failure: "HTTP 500"}},
		{503, list, "", payment.QueryAnswer{Failure: "HTTP 503"}},
	} {
		t.Run(fmt.Sprintf("%d %s %.20s", tc.status, tc.location, tc.body), func(t *testing.T) {
			g := asking(t, func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.URL.Path, queryPath) {
					t.Error("the redirect was followed to", r.URL.Path)
				}
				if tc.location != "" {
					w.Header().Set("Location", tc.location)
				}
				replies(tc.status, tc.body)(w, r)
			})
			tc.want.HTTPStatus = tc.status
			wantAnswer(t, tc.want, g.Query(t.Context(), "Ref123"))
		})
	}
}

// TestQueryTimeouts: the gateway is silent before its header, within its body, and within what
// follows a 404.
func TestQueryTimeouts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		begin  http.HandlerFunc // what comes before the silence
		config time.Duration
		caller time.Duration // the caller's own deadline; 0 = none
		took   time.Duration
		want   payment.QueryAnswer
	}{
		{"before the header", nil, 0, 0, 10 * time.Second,
			payment.QueryAnswer{Failure: "timeout after 10s"}},
		{"within the body", replies(200, "["+queried), 0, 0, 10 * time.Second,
			payment.QueryAnswer{HTTPStatus: 200, Failure: "timeout after 10s"}},
		{"within an error's body", replies(503, "no"), 0, 0, 10 * time.Second,
			payment.QueryAnswer{HTTPStatus: 503, Failure: "HTTP 503"}},
		{"after a 404", replies(404, "no"), 0, 0, 10 * time.Second,
			payment.QueryAnswer{HTTPStatus: 404, NotFound: true}},
		{"as configured", nil, 1500 * time.Millisecond, 0, 1500 * time.Millisecond,
			payment.QueryAnswer{Failure: "timeout after 1.5s"}},
		{"the caller's deadline", nil, 0, time.Second, time.Second,
			payment.QueryAnswer{Failure: "timeout"}},
		{"a caller with more patience", nil, 0, time.Minute, 10 * time.Second,
			payment.QueryAnswer{Failure: "timeout after 10s"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := piped(t, tc.begin, tc.config)
				ctx := t.Context()
				if tc.caller > 0 {
					limited, cancel := context.WithTimeout(ctx, tc.caller)
					defer cancel()
					ctx = limited
				}
				start := time.Now()
				wantAnswer(t, tc.want, g.Query(ctx, "R-1"))
				if took := time.Since(start); took != tc.took {
					t.Errorf("took %s", took)
				}
			})
		})
	}
	for name, begin := range map[string]http.HandlerFunc{"before the header": nil,
		"within the body": replies(200, "["+queried)} {
		t.Run("the caller leaves "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := piped(t, begin, 0)
				ctx, cancel := context.WithCancel(t.Context())
				answer := make(chan payment.QueryAnswer, 1)
				go func() { answer <- g.Query(ctx, "R-1") }()
				synctest.Wait()
				cancel()
				want := payment.QueryAnswer{Failure: "stopped before the answer came"}
				if begin != nil {
					want.HTTPStatus = 200
				}
				wantAnswer(t, want, <-answer)
			})
		})
	}
}

// piped is a gateway whose query goes, within this process, to a server that begins and then is
// silent until its caller leaves.
func piped(t *testing.T, begin http.HandlerFunc, timeout time.Duration) *Gateway {
	t.Helper()
	g := askingAt(t, "http://127.0.0.1:1", func(c *Config) { c.QueryTimeout = timeout })
	g.client.Transport.(*http.Transport).DialContext = pipenet.Serve(t, pipenet.Silent(begin))
	return g
}

// TestQueryConnections: the words for what stands between us and an answer.
func TestQueryConnections(t *testing.T) {
	dial := func(err error) func(*Gateway) {
		return func(g *Gateway) {
			g.client.Transport.(*http.Transport).DialContext = func(context.Context, string,
				string) (net.Conn, error) {
				return nil, err
			}
		}
	}
	const host = "https://member.example"
	wrapped := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"no such host", wrapped(&net.DNSError{Err: "no such host", Name: canary,
			IsNotFound: true}), "cannot resolve host member.example"},
		{"silent name server", wrapped(
			&net.DNSError{Err: "i/o timeout", Name: canary, IsTimeout: true}),
			"cannot resolve host member.example: the name server does not answer"},
		{"no network", wrapped(os.NewSyscallError("connect", syscall.ENETUNREACH)),
			"no route to member.example: is the network up?"},
		{"no route", wrapped(os.NewSyscallError("connect", syscall.EHOSTUNREACH)),
			"no route to member.example: is the network up?"},
		{"dial timeout", wrapped(os.ErrDeadlineExceeded), "timeout after 10s"},
		{"reset", wrapped(os.NewSyscallError("read", syscall.ECONNRESET)),
			"connection closed by member.example before the end of the answer"},
		{"alert", &net.OpError{Op: "remote error", Err: fmt.Errorf("tls: %s", canary)},
			"TLS with member.example failed"},
		{"anything else", fmt.Errorf("broken %s", canary),
			"no valid HTTP answer from member.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := askingAt(t, host)
			dial(tc.err)(g)
			wantAnswer(t, payment.QueryAnswer{Failure: tc.want}, g.Query(t.Context(), "R-1"))
		})
	}

	// talk serves raw bytes, which may not be HTTP, after the request's header has come.
	talk := func(t *testing.T, answer string) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				buf := make([]byte, 4096)
				n, _ := conn.Read(buf)
				_, _ = io.WriteString(conn, strings.ReplaceAll(answer, "REQUEST", string(buf[:n])))
				conn.Close()
			}
		}()
		return ln.Addr().String()
	}
	for _, tc := range []struct{ name, answer, want string }{
		{"says nothing", "", "connection closed by ADDRESS before the end of the answer"},
		{"is no HTTP server", "SSH-2.0 REQUEST\r\n", "no valid HTTP answer from ADDRESS"},
		{"breaks off", "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[",
			"connection closed by ADDRESS before the end of the answer"},
		{"redirects to nonsense", "HTTP/1.1 302 Found\r\nLocation: ://REQUEST\r\n\r\n",
			"no valid HTTP answer from ADDRESS"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr := talk(t, tc.answer)
			if got := askingAt(t, "http://"+addr).Query(t.Context(),
				"R-1"); got.Failure != strings.Replace(tc.want, "ADDRESS", addr, 1) ||
				got.Records != nil {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		site := httptest.NewServer(nil)
		site.Close()
		addr := strings.TrimPrefix(site.URL, "http://")
		wantAnswer(t, payment.QueryAnswer{Failure: "connection refused by " + addr},
			askingAt(t, site.URL).Query(t.Context(), "R-1"))
	})
	t.Run("plain HTTP behind https", func(t *testing.T) {
		site := httptest.NewServer(replies(200, "[]"))
		defer site.Close()
		g := askingAt(t, strings.Replace(site.URL, "http:", "https:", 1))
		wantAnswer(t, payment.QueryAnswer{Failure: "127.0.0.1 does not speak TLS"},
			g.Query(t.Context(), "R-1"))
	})
}

func TestQueryVerifiesTLS(t *testing.T) {
	site := httptest.NewUnstartedServer(replies(200, "["+queried+"]"))
	site.Config.ErrorLog = discardLog()
	site.StartTLS()
	defer site.Close()
	known := x509.NewCertPool()
	known.AddCert(site.Certificate())
	expired := func() time.Time { return site.Certificate().NotAfter.Add(time.Hour) }
	for _, tc := range []struct {
		name, host string
		tls        *tls.Config
		want       payment.QueryAnswer
	}{
		{"verified", "127.0.0.1", &tls.Config{RootCAs: known},
			payment.QueryAnswer{HTTPStatus: 200, Records: []payment.Record{sampleRecord}}},
		{"unknown authority", "127.0.0.1", nil,
			payment.QueryAnswer{
				Failure: "certificate of 127.0.0.1 comes from an authority that this machine " +
					"does not know"}},
		{"another host", "localhost", &tls.Config{RootCAs: known},
			payment.QueryAnswer{Failure: "certificate is for another host than localhost"}},
		{"expired", "127.0.0.1", &tls.Config{RootCAs: known, Time: expired},
			payment.QueryAnswer{Failure: "certificate of 127.0.0.1 has expired or is not valid " +
				"yet: look at this machine's clock too"}},
		{"no common version", "127.0.0.1",
			&tls.Config{RootCAs: known, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10},
			payment.QueryAnswer{Failure: "TLS with 127.0.0.1 failed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, err := url.Parse(site.URL)
			if err != nil {
				t.Fatal(err)
			}
			g := askingAt(t, "https://"+net.JoinHostPort(tc.host, u.Port()))
			transport := g.client.Transport.(*http.Transport)
			transport.TLSClientConfig = tc.tls
			transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, u.Host)
			}
			wantAnswer(t, tc.want, g.Query(t.Context(), "R-1"))
		})
	}
}

// TestQueryIgnoresTheEnvironment: a proxy of the environment is not asked.
func TestQueryIgnoresTheEnvironment(t *testing.T) {
	if g := newGateway(t); g.client.Transport.(*http.Transport).Proxy != nil ||
		g.client.Jar != nil {
		t.Error("there is a proxy or a jar")
	}
}

func TestEndpoint(t *testing.T) {
	if got := newGateway(t).Endpoint(); got != "" {
		t.Errorf("without a query: %q", got)
	}
	base := func(c *Config) { c.QueryURL = "https://member.example/api/hpp/v2/transaction" }
	seen := map[string]string{}
	for name, change := range map[string]func(*Config){
		"base":          func(*Config) {},
		"another query": func(c *Config) { c.QueryURL += "s" },
		"another link":  func(c *Config) { c.PaymentLink += "4" },
		"another id":    func(c *Config) { c.ClientID += "s" },
	} {
		e := newGateway(t, base, change).Endpoint()
		if len(e) != 16 || strings.Trim(e, "0123456789abcdef") != "" || seen[e] != "" {
			t.Errorf("%s: %q, as %s", name, e, seen[e])
		}
		seen[e] = name
	}
	for name, change := range map[string]func(*Config){
		"a slash behind": func(c *Config) { c.QueryURL += "/" },
		"another host of the page": func(c *Config) {
			c.PaymentLink = "https://checkout.example/hpp/checkout/lnk-123"
		},
		"another secret": func(c *Config) { c.Secret, c.PreviousSecret = otherSecret(), c.Secret },
	} {
		if e := newGateway(t, base, change).Endpoint(); seen[e] != "base" {
			t.Errorf("%s changes the endpoint", name)
		}
	}
}

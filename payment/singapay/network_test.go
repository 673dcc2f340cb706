package singapay

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/test/pipenet"
)

// hasToken gives the gateway a token, so that the first request is the one that matters.
func hasToken(g *Gateway) *Gateway {
	g.tokens.keep(secret.New([]byte(jwtCanary)), noon, noon.Add(time.Hour))
	return g
}

func dials(g *Gateway, dial func(context.Context, string, string) (net.Conn, error)) {
	for _, c := range []*http.Client{g.client, g.fresh} {
		c.Transport.(*http.Transport).DialContext = dial
	}
}

// TestNeverSent: without a connection no byte has left; with one, nobody knows.
func TestNeverSent(t *testing.T) {
	wrapped := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"no such host", wrapped(&net.DNSError{Err: "no such host", Name: canary,
			IsNotFound: true}), "cannot resolve host payment.example"},
		{"silent name server", wrapped(
			&net.DNSError{Err: "i/o timeout", Name: canary, IsTimeout: true}),
			"cannot resolve host payment.example: the name server does not answer"},
		{"refused", wrapped(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
			"connection refused by payment.example"},
		{"no network", wrapped(os.NewSyscallError("connect", syscall.ENETUNREACH)),
			"no route to payment.example: is the network up?"},
		{"no route", wrapped(os.NewSyscallError("connect", syscall.EHOSTUNREACH)),
			"no route to payment.example: is the network up?"},
		{"dial timeout", wrapped(os.ErrDeadlineExceeded), "timeout"},
		{"anything else", fmt.Errorf("broken %s", canary),
			"no valid HTTP answer from payment.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, g := range map[string]*Gateway{"token": newGateway(t),
				"request": hasToken(newGateway(t))} {
				dials(g, func(context.Context, string, string) (net.Conn, error) {
					return nil,
						tc.err
				})
				want := tc.want
				if name == "token" {
					want = "no access token: " + want
				}
				wantSame(t, payment.MintAnswer{Failure: want, NeverSent: true},
					g.Mint(t.Context(), mintRequest()))
				wantSame(t, payment.QueryAnswer{Failure: want}, g.Query(t.Context(), ref))
				if err := g.Close(t.Context(), "link:1"); err == nil || err.Error() != want {
					t.Error(err)
				}
			}
		})
	}
}

func TestTLSFailures(t *testing.T) {
	site := httptest.NewUnstartedServer(says(200, newer(created)))
	site.Config.ErrorLog = log.New(io.Discard, "", 0)
	site.StartTLS()
	t.Cleanup(site.Close)
	plainSite := httptest.NewServer(says(200, newer(created)))
	t.Cleanup(plainSite.Close)
	for _, tc := range []struct {
		name, to, want string
		change         func(*http.Transport)
	}{
		{"unknown authority", site.URL,
			"certificate of 127.0.0.1 comes from an authority that this machine does not know",
			nil},
		{"another host", site.URL, "certificate is for another host than 127.0.0.1",
			func(tr *http.Transport) {
				trusting := site.Client().Transport.(*http.Transport)
				tr.TLSClientConfig = trusting.TLSClientConfig.Clone()
				tr.TLSClientConfig.ServerName = "payment.example"
			}},
		{"expired", site.URL, "certificate of 127.0.0.1 has expired or is not valid yet: look " +
			"at this machine's clock too", func(tr *http.Transport) {
			tr.TLSClientConfig = site.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			tr.TLSClientConfig.Time = func() time.Time {
				return time.Date(2190, 1, 1, 0, 0, 0, 0, time.UTC)
			}
		}},
		{"no TLS", strings.Replace(plainSite.URL, "http:", "https:", 1),
			"127.0.0.1 does not speak TLS", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := hasToken(newGateway(t, func(c *Config) { c.BaseURL = tc.to }))
			if tc.change != nil {
				tc.change(g.fresh.Transport.(*http.Transport))
			}
			wantSame(t, payment.MintAnswer{Failure: tc.want, NeverSent: true},
				g.Mint(t.Context(), mintRequest()))
		})
	}
}

// TestAfterSending: a connection that breaks after the request has begun leaves everything open.
func TestAfterSending(t *testing.T) {
	for _, tc := range []struct{ name, answer, want string }{
		{"says nothing", "", "connection closed by ADDRESS before the end of the answer"},
		{"is no HTTP server", "SSH-2.0 REQUEST\r\n", "no valid HTTP answer from ADDRESS"},
		{"breaks off", "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{",
			"HTTP 200, connection closed by ADDRESS before the end of the answer"},
		{"redirects to nonsense", "HTTP/1.1 302 Found\r\nLocation: ://REQUEST\r\n\r\n",
			"no valid HTTP answer from ADDRESS"},
		{"is too long", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat(" ", maxAnswer+1),
			"HTTP 200, the answer is longer than 4 MiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
			count := make(chan int, 10)
			go func() {
				for {
					conn, err := ln.Accept()
					if err != nil {
						return
					}
					buf := make([]byte, 4096)
					n, _ := conn.Read(buf)
					count <- n
					_, _ = io.WriteString(conn, strings.ReplaceAll(tc.answer, "REQUEST",
						string(buf[:n])))
					conn.Close()
				}
			}()
			g := hasToken(newGateway(t, func(c *Config) {
				c.BaseURL = "http://" +
					ln.Addr().String()
			}))
			want := strings.Replace(tc.want, "ADDRESS", ln.Addr().String(), 1)
			wantSame(t, payment.MintAnswer{Failure: want}, g.Mint(t.Context(), mintRequest()))
			if len(count) != 1 {
				t.Errorf("%d connections", len(count))
			}
		})
	}
}

// TestEveryCreateHasItsConnection: one that has been idle may be dead, and a create that is lost on
// it could not be sent again.
func TestEveryCreateHasItsConnection(t *testing.T) {
	s := newSite(t)
	var addresses []string
	s.on(createRoute, func(w http.ResponseWriter, r *http.Request) {
		addresses = append(addresses, r.RemoteAddr)
		says(200, newer(created))(w, r)
	})
	g := s.gateway(t)
	for range 3 {
		if a := g.Mint(t.Context(), mintRequest()); a.Failure != "" {
			t.Fatal(a.Failure)
		}
	}
	if len(addresses) != 3 || addresses[0] == addresses[1] || addresses[1] == addresses[2] {
		t.Error(addresses)
	}
}

// TestRedirectsAreNotFollowed: nobody has configured where one leads, and a request has our token
// and key in it.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newSite(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := shop(t, list(used), list(attempt), nil)
		to := func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
		}
		for _, route := range []string{createRoute, linksRoute, updateRoute} {
			s.on(route, to)
		}
		want := fmt.Sprintf("HTTP %d, a redirect, which is not followed: a network's login "+
			"page, or a wrong singapay.base_url", status)
		wantSame(t, payment.MintAnswer{Failure: want},
			s.gateway(t).Mint(t.Context(), mintRequest()))
		wantSame(t, payment.QueryAnswer{HTTPStatus: status, Failure: want},
			s.gateway(t).Query(t.Context(), ref))
		if err := s.gateway(t).Close(t.Context(), "link:189"); err == nil || err.Error() != want {
			t.Error(err)
		}
		s.on(tokenRoute, to)
		wantSame(t, payment.MintAnswer{Failure: "no access token: " + want, NeverSent: true},
			s.gateway(t).Mint(t.Context(), mintRequest()))
	}
	if n := len(elsewhere.requests()) + elsewhere.tokens(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

func TestTimeouts(t *testing.T) {
	for _, tc := range []struct {
		name            string
		begin           http.HandlerFunc // what comes before the silence
		create, query   time.Duration
		caller          time.Duration // the caller's own deadline; 0 = none
		minted, queried string
	}{
		{"before the header", nil, 0, 0, 0, "timeout after 10s", "timeout after 10s"},
		{"within the body", says(200, `{"data"`), 0, 0, 0, "HTTP 200, timeout after 10s",
			"HTTP 200, timeout after 10s"},
		{"as configured", nil, 1500 * time.Millisecond, 20 * time.Second, 0, "timeout after 1.5s",
			"timeout after 20s"},
		{"the caller's deadline", nil, 0, 0, time.Second, "timeout", "timeout"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := piped(t, tc.begin, func(c *Config) {
					c.CreateTimeout,
						c.QueryTimeout = tc.create, tc.query
				})
				bounded := func() (context.Context, context.CancelFunc) {
					if tc.caller > 0 {
						return context.WithTimeout(t.Context(), tc.caller)
					}
					return context.WithCancel(t.Context())
				}
				ctx, cancel := bounded()
				defer cancel()
				wantSame(t, payment.MintAnswer{Failure: tc.minted}, g.Mint(ctx, mintRequest()))
				ctx, cancel = bounded()
				defer cancel()
				if got := g.Query(ctx, ref); got.Failure != tc.queried {
					t.Errorf("%+v", got)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		g := piped(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan payment.MintAnswer, 1)
		go func() { answer <- g.Mint(ctx, mintRequest()) }()
		synctest.Wait()
		cancel()
		wantSame(t, payment.MintAnswer{Failure: "stopped before the answer came"}, <-answer)
	})
}

// piped is a gateway, with a token, that talks within this process to a server that begins and then
// is silent until its caller leaves.
func piped(t *testing.T, begin http.HandlerFunc, change ...func(*Config)) *Gateway {
	t.Helper()
	g := hasToken(newGateway(t, append(
		[]func(*Config){func(c *Config) { c.BaseURL = "http://127.0.0.1:1" }}, change...)...))
	silent := pipenet.Silent(begin)
	dials(g, pipenet.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		silent.ServeHTTP(w, r)
	})))
	return g
}

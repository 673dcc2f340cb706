package singapay

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

func TestTokenSignatureVectors(t *testing.T) {
	for _, v := range loadVectors(t).Token.Vectors {
		now, err := time.Parse(time.RFC3339, v.Now)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, v.Day, jakartaDay(now))
		wantSame(t, v.Signature, tokenSignature(v.ClientID, secret.New([]byte(v.Secret)),
			jakartaDay(now)))
	}
}

func TestTokenIsAskedForAndKept(t *testing.T) {
	now := noon
	s := newSite(t)
	s.on(createRoute, says(200, newer(created)))
	g := s.gateway(t, func(c *Config) { c.Now = func() time.Time { return now } })
	ask := func() {
		t.Helper()
		if _, failure := g.token(t.Context()); failure != "" {
			t.Fatal(failure)
		}
	}
	ask()
	s.mu.Lock()
	first := s.log[0]
	s.mu.Unlock()
	wantSame(t, `{"grant_type":"client_credentials"}`, first.body)
	for name, want := range map[string]string{
		"X-Partner-Id": "partner-1", "X-Client-Id": "client-1",
		"X-Signature":   tokenSignature("client-1", secret.New([]byte(canary)), "20261016"),
		"Authorization": "", "Accept": "application/json", "Content-Type": "application/json",
	} {
		wantSame(t, want, first.header.Get(name))
	}
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {59 * time.Hour, 1}, {216000*time.Second - tokenMargin - 1, 1},
		{216000*time.Second - tokenMargin, 2}, {0, 3}} {
		now = noon.Add(step.at) // at last, the clock is set back
		if ask(); s.tokens() != step.want {
			t.Errorf("after %s: %d tokens, want %d", step.at, s.tokens(), step.want)
		}
	}
}

// TestShortTokens: of a life that is shorter than the margin the first half counts, and without a
// readable one a token serves one request.
func TestShortTokens(t *testing.T) {
	for _, tc := range []struct {
		life string
		used time.Duration
	}{{`"60"`, 30 * time.Second}, {`"200"`, 100 * time.Second}, {`"600"`, 8 * time.Minute},
		{`"soon"`, 0}} {
		now := noon
		s := newSite(t)
		s.on(tokenRoute, says(200, older(`{"access_token":"abc","expires_in":`+tc.life+`}`)))
		g := s.gateway(t, func(c *Config) { c.Now = func() time.Time { return now } })
		for i, at := range []time.Duration{0, tc.used - 1, tc.used} {
			if now = noon.Add(max(0, at)); at < 0 {
				continue
			}
			if _, failure := g.token(t.Context()); failure != "" {
				t.Fatal(failure)
			}
			if want := 1 + i/2; tc.used > 0 && s.tokens() != want {
				t.Errorf("%s: after %s %d tokens, want %d", tc.life, at, s.tokens(), want)
			}
		}
		if tc.used == 0 && s.tokens() != 2 {
			t.Errorf("%s: %d tokens", tc.life, s.tokens())
		}
	}
}

func TestTokenAnswers(t *testing.T) {
	token := func(fields string) string {
		return older(`{"access_token":"abc","token_type":"Bearer"` + fields + `}`)
	}
	for _, tc := range []struct {
		name    string
		status  int
		body    string
		life    time.Duration
		failure string
	}{
		{"text", 200, token(`,"expires_in":"3600"`), time.Hour, ""},
		{"number", 200, token(`,"expires_in":3600`), time.Hour, ""},
		{"the newer envelope", 200, newer(`{"access_token":"abc","expires_in":3600}`), time.Hour,
			""},
		{"no end", 200, token(``), 0, ""},
		{"unreadable end", 200, token(`,"expires_in":"soon"`), 0, ""},
		{"negative", 200, token(`,"expires_in":-1`), 0, ""},
		{"for ever", 200, token(`,"expires_in":2000000000`), tokenLongest, ""},
		{"no token", 200, older(`{"expires_in":3600}`), 0,
			"the answer has no access token: see singapay.members.access_token"},
		{"token with a line break", 200, older(`{"access_token":"a\nb"}`), 0,
			"the answer has no access token: see singapay.members.access_token"},
		{"token with a space", 200, older(`{"access_token":"a b"}`), 0,
			"the answer has no access token: see singapay.members.access_token"},
		{"a long token", 200, older(`{"access_token":"` + strings.Repeat("a", maxToken+1) + `"}`),
			0, "the answer has no access token: see singapay.members.access_token"},
		{"another grant", 422,
			`{"status":422,"success":false,"error":{"code":422,"message":"Validation error"}}`, 0,
			"HTTP 422"},
		{"IP address", 403, `{"status":403,"success":false,"error":{"code":403,"message":"Your ` +
			`IP address (203.0.113.9) is not registered"}}`, 0,
			"HTTP 403: this machine's public IP address is not registered in the SingaPay " +
				"dashboard"},
		{"credentials of the other host", 401,
			`{"status":401,"success":false,"error":{"code":401,"message":"Unauthorized"}}`, 0,
			"HTTP 401: the access token or the credentials are not accepted"},
		{"signature", 401, `{"response_code":"SP016"}`, 0, "HTTP 401, SP016: the signature is " +
			"not valid: look at singapay.client_secret, and at this machine's clock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			s.on(tokenRoute, says(tc.status, tc.body))
			value, life, failure := s.gateway(t).fetchToken(t.Context())
			if failure != tc.failure || life != tc.life ||
				(failure == "") != (string(value.Reveal()) == "abc") {
				t.Errorf("%s, %s, %q", value.Reveal(), life, failure)
			}
			if n := s.tokens(); n != 1 {
				t.Errorf("%d questions", n)
			}
			if tc.failure != "" {
				wantSame(t, payment.MintAnswer{Failure: "no access token: " + tc.failure,
					NeverSent: true}, s.gateway(t).Mint(t.Context(), mintRequest()))
			}
		})
	}
}

// TestTokenAtMidnight: a refusal near midnight in Jakarta is tried once more, with the day that it
// may be at SingaPay.
func TestTokenAtMidnight(t *testing.T) {
	midnight := time.Date(2026, 10, 17, 0, 0, 0, 0, jakarta)
	for _, tc := range []struct {
		name string
		now  []time.Time // one for each look at the clock
		want []string
	}{
		{"noon", []time.Time{noon}, []string{"20261016"}},
		{"just before", []time.Time{midnight.Add(-time.Second)}, []string{"20261016", "20261017"}},
		{"just after", []time.Time{midnight.Add(time.Second)}, []string{"20261017", "20261016"}},
		{"in between", []time.Time{midnight.Add(-time.Second), midnight},
			[]string{"20261016", "20261017"}},
		{"eleven minutes before", []time.Time{midnight.Add(-11 * time.Minute)},
			[]string{"20261016"}},
		{"midnight in London", []time.Time{time.Date(2026, 10, 17, 0, 0, 0, 0, time.UTC)},
			[]string{"20261017"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			// the signature, by its code or by the status
			s.on(tokenRoute, inTurn(says(400, `{"response_code":"SP016"}`),
				says(401, `{"status":401,"success":false}`)))
			looks := 0
			g := s.gateway(t, func(c *Config) {
				c.Now = func() time.Time { looks++; return tc.now[min(looks, len(tc.now))-1] }
			})
			if _, _, failure := g.fetchToken(t.Context()); failure == "" {
				t.Fatal("a token")
			}
			var signed []string
			for _, a := range s.log {
				for _, day := range []string{"20261015", "20261016", "20261017", "20261018"} {
					if a.header.Get("X-Signature") == tokenSignature("client-1",
						secret.New([]byte(canary)), day) {
						signed = append(signed, day)
					}
				}
			}
			wantSame(t, tc.want, signed)
		})
	}
}

// TestTokenIsRefused: once, with a new token; and a request that was refused twice is not known
// never to have been sent.
func TestTokenIsRefused(t *testing.T) {
	unauthorized := says(401,
		`{"status":401,"success":false,"error":{"code":401,"message":"Unauthenticated."}}`)
	for name, refusal := range map[string]http.HandlerFunc{"401": unauthorized,
		"SP013":              says(200, `{"response_code":"SP013","data":null}`),
		"401 without a body": says(401, "")} {
		s := newSite(t)
		s.on(createRoute, inTurn(refusal, says(200, newer(created))))
		g := s.gateway(t)
		if a := g.Mint(t.Context(), mintRequest()); a.Failure != "" {
			t.Errorf("%s: %s", name, a.Failure)
		}
		if len(s.requests()) != 2 || s.tokens() != 2 {
			t.Errorf("%s: %d requests, %d tokens", name, len(s.requests()), s.tokens())
		}
	}
	s := newSite(t)
	s.on(createRoute, unauthorized)
	wantSame(t, payment.MintAnswer{
		Failure: "HTTP 401: the access token or the credentials are not accepted"},
		s.gateway(t).Mint(t.Context(), mintRequest()))
	if len(s.requests()) != 2 || s.tokens() != 2 {
		t.Errorf("%d requests, %d tokens", len(s.requests()), s.tokens())
	}
	s = newSite(t)
	s.on(createRoute, unauthorized)
	good := s.routes[tokenRoute]
	s.on(tokenRoute, inTurn(good, says(500, "")))
	wantSame(t, payment.MintAnswer{Failure: "no access token: HTTP 500"},
		s.gateway(t).Mint(t.Context(), mintRequest()))
}

// TestTokenSingleFlight: many who need a token ask once, and share what it comes to.
func TestTokenSingleFlight(t *testing.T) {
	const many = 20
	for _, fails := range []bool{false, true} {
		s := newSite(t)
		good := s.routes[tokenRoute]
		asking, release := make(chan struct{}, many), make(chan struct{})
		s.on(tokenRoute, func(w http.ResponseWriter, r *http.Request) {
			asking <- struct{}{}
			<-release
			if fails {
				says(503, "")(w, r)
				return
			}
			good(w, r)
		})
		looked := make(chan struct{}, 4*many)
		g := s.gateway(t, func(c *Config) {
			c.Now = func() time.Time { looked <- struct{}{}; return noon }
		})
		var all sync.WaitGroup
		failures := make([]string, many)
		for i := range many {
			all.Go(func() { _, failures[i] = g.token(t.Context()) })
		}
		<-asking
		for range many + 1 {
			// each has looked at what is kept; the first again
			<-looked
		}
		<-looked // the day to sign with
		close(release)
		all.Wait()
		for _, failure := range failures {
			if (failure == "HTTP 503") != fails {
				t.Errorf("fails %v: %q", fails, failure)
			}
		}
		if n := s.tokens(); n != 1 {
			t.Errorf("fails %v: %d questions", fails, n)
		}
	}
}

// TestTokenWaiterLeaves: who waits for somebody else's question need not wait to its end.
func TestTokenWaiterLeaves(t *testing.T) {
	g := newGateway(t)
	g.tokens.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, failure := g.token(ctx); failure != "stopped before the answer came" {
		t.Error(failure)
	}
	// The one who asked left: that says nothing to the next.
	<-g.tokens.turn
	s := newSite(t)
	g = s.gateway(t)
	if _, failure := g.token(ctx); failure == "" {
		t.Error("a token for one who has left")
	}
	if _, failure := g.token(t.Context()); failure != "" {
		t.Error(failure)
	}
}

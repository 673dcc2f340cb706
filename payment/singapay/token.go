package singapay

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/webaddr"
)

const (
	tokenPath = "/api/v1.1/access-token/b2b"

	tokenMargin  = 2 * time.Minute     // before its end a token is not used any more
	tokenLongest = 30 * 24 * time.Hour // more than SingaPay has ever granted
	// around midnight in Jakarta it may be another day there than here
	midnightDoubt = 10 * time.Minute
	maxToken      = 4096 // characters
)

// tokens keeps the access token. One request at a time asks for a new one; the others wait for what
// it gets.
type tokens struct {
	turn chan struct{} // held by the one that asks

	mu          sync.Mutex
	value       secret.Value
	from, until time.Time // wall clock
	failures    int
	failure     string // the newest
}

func newTokens() *tokens { return &tokens{turn: make(chan struct{}, 1)} }

// current is the token, if it is good at this time. A clock that has been set back past its issue
// makes it worth nothing.
func (t *tokens) current(now time.Time) (secret.Value, int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.value, t.failures, !t.value.IsZero() && !now.Before(t.from) && now.Before(t.until)
}

// drop forgets a token that SingaPay did not accept, unless there is another one by now.
func (t *tokens) drop(used secret.Value) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value.Matches(used.Reveal()) {
		t.value = secret.Value{}
	}
}

func (t *tokens) keep(value secret.Value, from, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.value, t.from, t.until = value, from, until
}

// failed notes why there is no token, for those who waited for it.
func (t *tokens) failed(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures++
	t.failure = why
}

// since reports a failure that came after the given number of them.
func (t *tokens) since(failures int) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failure, t.failures != failures
}

// token is an access token that has not ended, or why there is none.
func (g *Gateway) token(ctx context.Context) (secret.Value, string) {
	value, failures, ok := g.tokens.current(g.cfg.Now())
	if ok {
		return value, ""
	}
	select {
	case g.tokens.turn <- struct{}{}:
		defer func() { <-g.tokens.turn }()
	case <-ctx.Done():
		return secret.Value{}, endWords(ctx)
	}
	if value, _, ok := g.tokens.current(g.cfg.Now()); ok {
		return value, ""
	}
	if why, fresh := g.tokens.since(failures); fresh {
		return secret.Value{}, why
	}
	value, life, failure := g.fetchToken(ctx)
	if failure != "" {
		if ctx.Err() == nil { // what ended the one who asked says nothing to the others
			g.tokens.failed(failure)
		}
		return secret.Value{}, failure
	}
	got := g.cfg.Now() // the answer may have put the clock right
	g.tokens.keep(value, got, got.Add(life-min(tokenMargin, life/2)))
	return value, ""
}

// fetchToken asks for a token, and once more where the date in the signature may have been the
// reason for a refusal.
func (g *Gateway) fetchToken(ctx context.Context) (secret.Value, time.Duration, string) {
	signed := jakartaDay(g.cfg.Now())
	a := g.askToken(ctx, signed)
	if a.unauthorized || a.badSignature {
		if again := otherDay(g.cfg.Now(), signed); again != "" {
			a = g.askToken(ctx, again)
		}
	}
	if a.failure != "" {
		return secret.Value{}, 0, a.failure
	}
	said, _ := pick(a.data, at(a.data, "access_token"), g.cfg.Members.AccessToken)
	value := text(said)
	if !webaddr.Printable(value, 1, maxToken) || strings.Contains(value, " ") {
		return secret.Value{}, 0, "the answer has no access token: see " +
			"singapay.members.access_token"
	}
	// unreadable: good for this request only
	life := time.Duration(max(0, count(at(a.data, "expires_in")))) * time.Second
	return secret.New([]byte(value)), min(life, tokenLongest), ""
}

func (g *Gateway) askToken(ctx context.Context, day string) answer {
	header := http.Header{"X-Client-Id": {g.cfg.ClientID},
		"X-Signature": {tokenSignature(g.cfg.ClientID, g.signKey(), day)}}
	return g.exchange(ctx, request{about: aboutToken, client: g.client, method: http.MethodPost,
		path: tokenPath,
		body: []byte(`{"grant_type":"client_credentials"}`)}, header)
}

// tokenSignature is the documented one: HMAC-SHA512 with the client secret over id, secret and the
// day in Jakarta.
func tokenSignature(clientID string, s secret.Value, day string) string {
	mac := hmac.New(sha512.New, s.Reveal())
	mac.Write([]byte(clientID + "_"))
	mac.Write(s.Reveal())
	mac.Write([]byte("_" + day))
	return hex.EncodeToString(mac.Sum(nil))
}

func jakartaDay(t time.Time) string { return t.In(jakarta).Format("20060102") }

// otherDay is the day to sign with when the first was refused: the present one, if midnight has
// passed; near midnight the neighbour, because SingaPay's clock may have passed it, or not yet; ""
// = there is no doubt about the day.
func otherDay(now time.Time, signed string) string {
	if day := jakartaDay(now); day != signed {
		return day
	}
	for _, d := range []time.Duration{-midnightDoubt, midnightDoubt} {
		if day := jakartaDay(now.Add(d)); day != signed {
			return day
		}
	}
	return ""
}

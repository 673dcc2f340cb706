package singapay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync/atomic"
	"time"
)

const (
	maxAnswer = 4 << 20 // bytes of an answer's body: a page of a hundred attempts has some 100 KiB

	dialBound = maxTimeout + time.Second
	// for the next question; a waiting payment asks every few seconds
	idleConnection = 2 * time.Minute
)

// newClient is what SingaPay is asked with: TLS verified against the system's roots, HTTP/1.1, no
// cookies, no redirects (where one leads nobody has configured). No proxy either: the environment
// of a kiosk's service is no place that anybody looks at to see where payments are asked about.
func newClient(reuse bool) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		// A request's context ends it before these bounds; they end a dial that goes on behind a
		// request that has ended.
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialBound}).DialContext,
			TLSHandshakeTimeout: dialBound, ResponseHeaderTimeout: dialBound,
			IdleConnTimeout: idleConnection, DisableKeepAlives: !reuse,
			MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		},
	}
}

// overrun is the cause of a context that our own timeout has ended.
type overrun struct{ limit time.Duration }

func (o overrun) Error() string { return "timeout after " + o.limit.String() }

func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, overrun{limit})
}

// endWords says why a context has ended.
func endWords(ctx context.Context) string {
	if o, ok := errors.AsType[overrun](context.Cause(ctx)); ok {
		return o.Error()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "timeout"
	}
	return "stopped before the answer came"
}

type request struct {
	about  string // what an observer reads of it: "create", "code", "query", "token"
	client *http.Client
	method string
	path   string
	query  url.Values
	body   []byte
	// makes the body when the token is there: what it says of the time is fresh then; nil = body is
	// all
	make func() ([]byte, error)
}

// answer is what one request came to. It is a success only when failure is "".
type answer struct {
	status   int    // of HTTP; 0 = there was no answer
	data     any    // of a success
	top      object // of a success: the whole answer
	failure  string // in our own words
	notFound bool   // SingaPay says that there is no such thing
	// SingaPay says that the token, or what was to get one, is not valid: it has done nothing
	unauthorized bool
	badSignature bool // SingaPay says so of the signature
	forbidden    bool // SingaPay says that this credential may not ask that
	sent         bool // a byte of the request may have reached SingaPay

	theirs time.Time     // SingaPay's clock, within the last took; zero = not stated
	took   time.Duration // from the request to the answer's header
}

// call makes a request with an access token, and once more with a new one when SingaPay does not
// accept the first: then it has done nothing.
func (g *Gateway) call(ctx context.Context, r request) answer {
	sent := false
	for again := false; ; again = true {
		token, failure := g.token(ctx)
		if failure != "" {
			return answer{failure: "no access token: " + failure, sent: sent}
		}
		if r.make != nil {
			body, err := r.make()
			if err != nil {
				return answer{failure: "the request could not be encoded", sent: sent}
			}
			r.body = body
		}
		a := g.exchange(ctx, r, http.Header{"Authorization": {"Bearer " + string(token.Reveal())}})
		a.sent = a.sent || sent
		if !a.unauthorized || again {
			return a
		}
		sent = a.sent
		g.tokens.drop(token)
	}
}

// exchange makes one request and reads the answer. An error of net/http is never passed on: its
// text repeats what strangers wrote.
func (g *Gateway) exchange(ctx context.Context, r request, header http.Header) answer {
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx,
		&httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	address := g.cfg.BaseURL + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(traced, r.method, address, bytes.NewReader(r.body))
	if err != nil {
		return answer{failure: "the request could not be made"}
	}
	if r.body != nil {
		header.Set("Content-Type", "application/json")
	}
	header.Set("X-Partner-Id", g.cfg.APIKey)
	header.Set("Accept", "application/json")
	header.Set("User-Agent", "kiosk-agent")
	req.Header = header
	began := time.Now()
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{failure: networkFailure(ctx, req.URL.Host, err), sent: connected.Load()}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, sent: true, took: time.Since(began),
		theirs: dateOf(resp.Header)}
	g.heard(a.theirs, a.took)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		a.failure = httpWords(resp.StatusCode)
	case err != nil && resp.StatusCode < 300:
		// the body broke off
		a.failure = httpWords(resp.StatusCode) + ", " + networkFailure(ctx, req.URL.Host, err)
	case len(body) > maxAnswer:
		a.failure = httpWords(resp.StatusCode) + ", the answer is longer than 4 MiB"
	default:
		g.read(&a, body)
	}
	g.observe(r.about, a, resp.Header, body)
	return a
}

// read takes the answer out of its envelope, or finds the words for a refusal. There are two
// envelopes: the older one says success true or false, the newer one response_code SP000 or
// another, also under HTTP 200. Which one an address answers with is not known for sure, so that
// both are read everywhere.
func (g *Gateway) read(a *answer, body []byte) {
	good := a.status >= 200 && a.status < 300
	top, err := parse(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff"))))
	if err != nil {
		a.failure = httpWords(a.status)
		if good {
			a.failure += ", the answer is not one plain JSON object"
		}
		a.unauthorized = a.status == http.StatusUnauthorized
		return
	}
	switch code, success := top["response_code"], top["success"]; {
	case code != nil:
		good = good && (code == codeOK || slices.Contains(g.cfg.Words.CodeOK, text(code)))
	case success != nil:
		good = good && success == true
	}
	if inner := count(top["status"]); inner >= 100 && (inner < 200 || inner > 299) {
		good = false
	}
	if good {
		a.data, a.top = top["data"], top
		return
	}
	g.refused(a, top)
}

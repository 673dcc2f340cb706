package relay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// owner is an Anchor that writes down what it is asked.
type owner struct {
	judged  chan KnownHead // holds one: what came while it was full is not looked at
	refuses error
}

func newOwner() *owner { return &owner{judged: make(chan KnownHead, 1)} }

func (o *owner) Judge(_ context.Context, k KnownHead) error {
	select {
	case o.judged <- k:
	default:
	}
	return o.refuses
}

func (o *owner) Tell(context.Context) (Head, bool, error) { return Head{}, false, nil }

// headServer answers GET /v1/head by answer, and to everything else 418.
func headServer(t *testing.T, answer http.HandlerFunc) (url string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/base/v1/head" {
			answer(w, r)
			return
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "http", "ws", 1) + "/base/"
}

// TestHeadIsAskedFor: what each answer to GET /v1/head means. Where the hello is said the server
// answers the handshake with 418.
func TestHeadIsAskedFor(t *testing.T) {
	known := Head{JournalID: "j", Seq: 812, Hash: "b9"}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		judged *KnownHead // nil: nothing is judged, and no hello is said
		err    string
	}{
		"a head": {body(`{"head":{"id":"j","seq":812,"hash":"b9","later":1},"later":{}}`),
			&KnownHead{Head: &known}, "status 418"},
		"none":               {body(`{"head":null}`), &KnownHead{}, "status 418"},
		"no such path":       {status(404), &KnownHead{Unsupported: true}, "status 418"},
		"no such method":     {status(405), &KnownHead{Unsupported: true}, "status 418"},
		"token refused":      {status(401), nil, "refused the token"},
		"host refused":       {status(403), nil, "refused the connection"},
		"store does not ask": {status(503), nil, "status 503"},
		"somewhere else": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, nil, "status 302"},
		"nothing":        {body(``), nil, "malformed"},
		"a page":         {body(`<html>please sign in</html>`), nil, "malformed"},
		"no head in it":  {body(`{}`), nil, "malformed"},
		"no journal id":  {body(`{"head":{"seq":1,"hash":""}}`), nil, "malformed"},
		"negative":       {body(`{"head":{"id":"j","seq":-1,"hash":""}}`), nil, "malformed"},
		"trailing bytes": {body(`{"head":null}x`), nil, "malformed"},
		"too long": {body(`{"head":null,"x":"` + strings.Repeat("x", 8<<10) + `"}`), nil,
			"malformed"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"head":null}`)
		}, nil, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			var bad sync.Map
			url := headServer(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Authorization"); got != "Bearer token" {
					bad.Store("authorization", got)
				}
				tc.answer(w, r)
			})
			o := newOwner()
			_, events := runClient(t, Config{URL: url, Anchor: o})
			lost(t, events, func(err error) bool {
				return strings.Contains(err.Error(), tc.err)
			})
			bad.Range(func(k, v any) bool { t.Errorf("%v: %q", k, v); return true })
			if tc.judged == nil {
				if len(o.judged) > 0 {
					t.Errorf("judged: %+v", <-o.judged)
				}
				return
			}
			if diff := cmp.Diff(*tc.judged, <-o.judged); diff != "" {
				t.Errorf("judged (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOwnerKeepsTheHelloBack: as long as the journal's owner cannot write down what the relay
// remembers, no hello is said.
func TestOwnerKeepsTheHelloBack(t *testing.T) {
	dialed := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/v1/head") {
			_, _ = io.WriteString(w, `{"head":null}`)
			return
		}
		select {
		case dialed <- struct{}{}:
		default:
		}
	}))
	defer srv.Close()
	o := newOwner()
	o.refuses = errors.New("disk full")
	_, events := runClient(t, Config{URL: strings.Replace(srv.URL, "http", "ws", 1), Anchor: o})
	for range 3 {
		lost(t, events, func(err error) bool { return errors.Is(err, o.refuses) })
	}
	if len(dialed) > 0 {
		t.Error("a hello was under way")
	}
}

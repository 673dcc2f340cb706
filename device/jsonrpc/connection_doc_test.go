package jsonrpc

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// refusedBy is how somebody is refused for each reason that there is.
var refusedBy = map[string]struct {
	method, path, host, protos string
	plain, full                bool // no handshake; the till has all its connections already
	origin                     string
}{
	"host":        {host: "evil.example"},
	"origin":      {origin: "https://evil.example"},
	"path":        {path: "/v2"},
	"method":      {method: http.MethodPost},
	"token":       {protos: Subprotocol},
	"upgrade":     {plain: true},
	"subprotocol": {protos: "bearer." + token1},
	"limit":       {full: true},
}

// TestConnectionDocument: what openrpc.json and INTEGRATION.md say of a refused connection is what
// a page and a program get.
func TestConnectionDocument(t *testing.T) {
	raw, err := os.ReadFile("../../docs/openrpc.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Connection struct {
			Path, Subprotocol string
			Refusals          []struct {
				Reason      string
				HTTP, Close int
			}
		} `json:"x-connection"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Connection.Path != Path || doc.Connection.Subprotocol != Subprotocol ||
		len(doc.Connection.Refusals) != len(refusedBy) {
		t.Errorf("the document has %+v", doc.Connection)
	}
	guide, err := os.ReadFile("../../docs/INTEGRATION.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range doc.Connection.Refusals {
		for _, page := range []bool{false, true} {
			if told.Reason == "origin" && !page {
				continue // a program has none
			}
			want := told.HTTP
			if page && told.Close != 0 {
				want = told.Close
			}
			if got := refusedFor(t, told.Reason, page); got != want {
				t.Errorf("%s, page %t: %d, the document says %d", told.Reason, page, got, want)
			}
		}
		if row := "| " + strconv.Itoa(told.Close) + " | " + strconv.Itoa(told.HTTP) +
			" |"; told.Close != 0 && !strings.Contains(string(guide), row) {
			t.Errorf("INTEGRATION.md has no row %q", row)
		}
	}
}

// refusedFor is the status or the close code of a request that is refused for a reason.
func refusedFor(t *testing.T, reason string, page bool) int {
	t.Helper()
	how, known := refusedBy[reason]
	if !known {
		t.Fatalf("no request is refused for %q", reason)
	}
	r := newRig(t, func(c *Config) { c.MaxConns = 1 })
	if how.full {
		r.dial(token2)
	}
	req, err := http.NewRequest(cmp.Or(how.method, http.MethodGet),
		r.http.URL+cmp.Or(how.path, Path), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-WebSocket-Protocol", cmp.Or(how.protos, Subprotocol+", bearer."+token1))
	req.Host = how.host
	if page {
		req.Header.Set("Origin", cmp.Or(how.origin, "https://till.example"))
	}
	defer func() {
		if n := testutil.ToFloat64(r.metrics.refused.WithLabelValues(reason)); n != 1 {
			t.Errorf("%s: %v counted", reason, n)
		}
	}()
	if !how.plain && how.method == "" {
		if how.host != "" {
			req.Header.Set("Host", how.host)
		}
		c, resp, err := websocket.DefaultDialer.Dial("ws"+
			strings.TrimPrefix(req.URL.String(), "http"), req.Header)
		if resp == nil {
			t.Fatal(err)
		}
		if err != nil {
			return resp.StatusCode
		}
		defer c.Close()
		return turnedAway(t, c)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

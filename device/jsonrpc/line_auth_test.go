package jsonrpc

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Before the token nothing is carried out and nothing is told.
func TestLineAuthentication(t *testing.T) {
	right := `{"token":"` + token2 + `"}`
	for name, tc := range map[string]struct{ line, hostile string }{
		"wrong token":  {request(1, "terminal.authenticate", `{"token":"`+token1+`"}`), "token"},
		"empty token":  {request(1, "terminal.authenticate", `{"token":""}`), "token"},
		"no token":     {request(1, "terminal.authenticate", `{}`), "malformed"},
		"token number": {request(1, "terminal.authenticate", `{"token":1}`), "malformed"},
		"more params": {request(1, "terminal.authenticate", `{"token":"`+token2+`","till":"x"}`),
			"malformed"},
		"by position":  {request(1, "terminal.authenticate", `["`+token2+`"]`), "malformed"},
		"another call": {request(1, "payment.start", start("R1", 1)), "malformed"},
		"notification": {`{"jsonrpc":"2.0","method":"terminal.authenticate","params":` + right +
			`}`, "malformed"},
		"batch": {`[` + request(1, "terminal.authenticate", right) + `]`, "malformed"},
		"twice": {`{"jsonrpc":"2.0","id":1,"method":"terminal.authenticate",` +
			`"params":{"token":"x","token":"` + token2 + `"}}`, "malformed"},
		"noise": {"\xffnoise", "malformed"},
		"long":  {strings.Repeat(" ", maxMessage+1), "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := serveLine(t, true)
			r.say(tc.line + "\n" + request(2, "payment.start", start("R2", 1)) + "\n")
			lines := r.closed()
			if len(lines) != 1 || !strings.Contains(lines[0], `"error"`) {
				t.Errorf("said %q", lines)
			}
			if err := r.end(); hostile(err) != tc.hostile {
				t.Errorf("ended with %v (%s)", err, hostile(err))
			}
			if calls := r.payments.Calls(); len(calls) != 0 || r.payments.Attached() != 0 {
				t.Errorf("carried out: %v", calls)
			}
		})
	}
	r := serveLine(t, true)
	r.say(request(1, "terminal.authenticate", right) + "\n" +
		request(2, "payment.start", start("R1", 1)) + "\n")
	if g := r.answer(); string(g.Result) != "{}" {
		t.Fatal(g.raw)
	}
	if g := r.answer(); g.Error != nil {
		t.Errorf("sent along with the token: %s", g.raw)
	}
	if g := r.call(3, "terminal.authenticate", right); g.Error == nil ||
		g.Error.Code != codeMethodNotFound {
		t.Errorf("a second time: %s", g.raw)
	}
	if err := r.server.ServeLine(context.Background(), Till{Name: "x"}, netLine{r.conn},
		true); err == nil || hostile(err) == "token" {
		t.Errorf("a TCP line without a token is served: %v", err)
	}
}

// Who connects and says nothing is sent away.
func TestLineAuthenticationTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far, near := net.Pipe()
		r := serveOn(t, true, far, netLine{near})
		began := time.Now()
		r.say(`{"jsonrpc":"2.0",`)
		if err := <-r.ended; err == nil || hostile(err) != "" ||
			time.Since(began) != lineAuthWithin {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		r.closed()
	})
	r := serveLine(t, true)
	r.cancel()
	if err := r.end(); err != nil {
		t.Errorf("stopped before the token: %v", err)
	}
}

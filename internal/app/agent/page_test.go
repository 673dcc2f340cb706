package agent

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/payment/engine"
)

// TestLateMoneyIsSaid: what is asked for and what is not stand in the status of the operator
// commands and on the page, there as bad where money may still come.
func TestLateMoneyIsSaid(t *testing.T) {
	text, err := json.Marshal(Status{Version: "1.0.0", Watch: Watch{10, 2, 3}})
	if want := `"watch":{"asked":10,"left":2,"left_approved":3}`; err != nil ||
		!strings.Contains(string(text), want) {
		t.Errorf("%s (%v), want %s", text, err, want)
	}
	a := newTestAgent(t)
	defer a.close()
	for w, want := range map[Watch]statusRow{
		{Asked: 10}: {Value: "asked for, of 10 earlier payments"},
		{10, 0, 3}: {Value: "asked for, of 10 earlier payments; 3 are left out, " +
			"3 of them approved"},
		{10, 2, 3}: {Bad: true, Value: "asked for, of 10 earlier payments; 5 are left out, " +
			"3 of them approved"},
	} {
		want.Name = "Late money"
		if rows := a.statusPage(Status{Watch: w}).Rows; !slices.Contains(rows, want) {
			t.Errorf("%+v: %+v has no %+v", w, rows, want)
		}
	}
}

// TestAccountsAreSaid: where the terminal sells and what it still hears of stand in the status and
// on the page, there as bad where money may come that nobody would hear of.
func TestAccountsAreSaid(t *testing.T) {
	a := newTestAgent(t)
	defer a.close()
	known := a.accounts(engine.Snapshot{Gone: []engine.Gone{{Account: "axs:one/A", Payments: 2}}})
	if known.Present != a.chosen.Account() || !strings.HasPrefix(known.Present, "axs:") {
		t.Errorf("sells at %q", known.Present)
	}
	known.Present, known.Previous = "axs:here/B", []string{"axs:two/C", "singapay:s/D"}
	text, err := json.Marshal(Status{Accounts: known})
	if want := `"accounts":{"present":"axs:here/B","previous":["axs:two/C","singapay:s/D"],` +
		`"gone":[{"name":"axs:one/A","payments":2}]}`; err != nil ||
		!strings.Contains(string(text), want) {
		t.Errorf("%s (%v), want %s", text, err, want)
	}
	want := statusRow{Name: "Gateway account", Bad: true, Value: "axs:here/B; before: axs:two/C, " +
		"singapay:s/D; not configured any more, and 2 payments there may still be paid: axs:one/A"}
	if rows := a.statusPage(Status{Accounts: known}).Rows; !slices.Contains(rows, want) {
		t.Errorf("%+v has no %+v", rows, want)
	}
}

// TestPageReadsItselfAgain: by a script that the page's policy names, and by no refresh, which
// would take from a reader what he has found and has in focus (WCAG 2.2.1, 2.2.4).
func TestPageReadsItselfAgain(t *testing.T) {
	a := newTestAgent(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	h, err := a.statusHandler()
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	page := answer.Body.String()
	_, script, _ := strings.Cut(page, "<script>")
	script, _, found := strings.Cut(script, "</script>")
	policy := answer.Header().Get("Content-Security-Policy")
	if !found || strings.Contains(page, "http-equiv") || answer.Header().Get("Refresh") != "" ||
		!strings.Contains(policy, "script-src "+only(script)+";") ||
		!strings.Contains(policy, "connect-src 'self'") || !strings.Contains(script, "fetch(") {
		t.Errorf("policy %q, script %q in\n%s", policy, script, page)
	}
}

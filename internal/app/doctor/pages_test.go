package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/internal/app/browserpolicy"
)

// TestPagesOnTheInternet: doctor looks for the policy of each page that comes from the internet,
// and of no other.
func TestPagesOnTheInternet(t *testing.T) {
	o := kiosk(t, "no-such-host.invalid", "")
	text, err := os.ReadFile(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(text), "[till.websocket]", "[till.websocket]\n"+
		`allowed_origins = ["https://till.example", "http://127.0.0.1:7657", `+
		`"http://shop.example", "https://192.168.1.5"]`, 1)
	if err := os.WriteFile(o.Config, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	const page, plain = "page https://till.example", "page http://shop.example"
	find(t, Run(t.Context(), o), page, Note, "chrome://policy")

	dir := t.TempDir()
	o.Browsers = []browserpolicy.Browser{{Name: "Chromium", Dir: filepath.Join(dir, "a")},
		{Name: "Edge", Dir: filepath.Join(dir, "b")}}
	r := Run(t.Context(), o)
	find(t, r, page, Note, "init --till-origin https://till.example")
	find(t, r, plain, Note, "by https")
	for _, f := range r.Findings {
		if strings.HasPrefix(f.Check, "page ") && f.Check != page && f.Check != plain {
			t.Errorf("looked for %s", f.Check)
		}
	}
	if _, err := o.Browsers[0].Write([]string{"https://other.example"}); err != nil {
		t.Fatal(err)
	}
	find(t, Run(t.Context(), o), page, Note, "kiosk-agent.json allows other origins only")
	if _, err := o.Browsers[0].Write([]string{"https://till.example"}); err != nil {
		t.Fatal(err)
	}
	find(t, Run(t.Context(), o), page, OK, "allowed in Chromium; not in Edge")
	if err := os.WriteFile(filepath.Join(dir, "a", "z.json"),
		[]byte(`{"LoopbackNetworkBlockedForUrls": ["*"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	find(t, Run(t.Context(), o), page, Wrong, "z.json")
}

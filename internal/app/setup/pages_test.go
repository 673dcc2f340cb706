package setup

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/internal/app/browserpolicy"
)

func browsersAt(t *testing.T) []browserpolicy.Browser {
	dir := t.TempDir()
	return []browserpolicy.Browser{{Name: "Chromium", Dir: filepath.Join(dir, "chromium")},
		{Name: "Edge", Dir: filepath.Join(dir, "edge")}}
}

// TestTillsThatArePages: the agent allows each page, the browsers' policies those from the internet
// alone, and the report says the rest.
func TestTillsThatArePages(t *testing.T) {
	url, _ := fakeRelay(t, http.StatusOK, enrolled)
	k := kioskAt(t, url)
	k.Values.Set("till.websocket.allowed_origins", []any{"http://127.0.0.1:7657"})
	k.Origins = []string{"https://till.example", "http://127.0.0.1:7657", "http://shop.example"}
	k.Browsers = browsersAt(t)
	made, err := Run(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	if got := made.Config.Till.WebSocket.AllowedOrigins; !slices.Equal(got,
		[]string{"http://127.0.0.1:7657", "https://till.example", "http://shop.example"}) {
		t.Errorf("allowed_origins = %q", got)
	}
	for i, b := range k.Browsers {
		v, file, err := b.Says("https://till.example")
		if v != browserpolicy.Allows || err != nil || file != made.Policies[i] {
			t.Errorf("%s: %d by %q, %v", b.Name, v, file, err)
		}
		if text := slurp(t, file); strings.Contains(text, "shop") ||
			strings.Contains(text, "127") {
			t.Errorf("%s has\n%s", b.Name, text)
		}
	}
	var out bytes.Buffer
	n := Interview{Kiosk: k}
	if err := n.Report(&out, made, func(string) (string, error) { return "ok", nil }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"page http://shop.example by https", made.Policies[1],
		`for Chrome with SOFTWARE\Policies\Google\Chrome`,
		`reg add "HKLM\SOFTWARE\Policies\Microsoft\Edge\LoopbackNetworkAllowedForUrls" /v 1`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}

// TestPoliciesThatCannotBeWritten: the code is not spent on them; and a page of this machine needs
// none.
func TestPoliciesThatCannotBeWritten(t *testing.T) {
	url, asked := fakeRelay(t, http.StatusOK, enrolled)
	k := kioskAt(t, url)
	k.Origins = []string{"https://till.example"}
	k.Browsers = []browserpolicy.Browser{{Name: "Edge", Dir: "/dev/null/policies"}}
	if _, err := Run(context.Background(), k); err == nil || asked.Load() != 0 ||
		!strings.Contains(err.Error(), "the policy for Edge") {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	k.Origins = []string{"http://127.0.0.1:7657"}
	if made, err := Run(context.Background(), k); err != nil || len(made.Policies) > 0 {
		t.Errorf("%+v, %v", made, err)
	}
}

// TestAPageOnAKioskThatIsThere: the policy alone is written, for the pages of before as well.
func TestAPageOnAKioskThatIsThere(t *testing.T) {
	url, _ := fakeRelay(t, http.StatusOK, enrolled)
	k := kioskAt(t, url)
	k.Values.Set("till.websocket.allowed_origins", []any{"https://old.example"})
	if _, err := Run(context.Background(), k); err != nil {
		t.Fatal(err)
	}
	before := slurp(t, k.Path())
	n := Interview{Kiosk: Kiosk{Dir: k.Dir, State: k.State, Browsers: browsersAt(t),
		Origins: []string{"https://till.example"}}}
	if !n.OnlyPages() {
		t.Fatal("the kiosk would be made anew")
	}
	var out bytes.Buffer
	if err := n.AllowPages(&out); err != nil {
		t.Fatal(err)
	}
	if slurp(t, k.Path()) != before ||
		!strings.Contains(out.String(), `Add "https://till.example" to allowed_origins`) {
		t.Errorf("the configuration, or\n%s", out.String())
	}
	for _, origin := range []string{"https://old.example", "https://till.example"} {
		if v, _, err := n.Kiosk.Browsers[0].Says(origin); v != browserpolicy.Allows || err != nil {
			t.Errorf("%s: %d, %v", origin, v, err)
		}
	}
	n.Kiosk.Origins = []string{"https://till.example/pos"}
	if err := n.AllowPages(&out); err == nil || !strings.Contains(err.Error(), "not an origin") {
		t.Error(err)
	}
	if err := os.Remove(k.Path()); err != nil {
		t.Fatal(err)
	}
	if n.OnlyPages() {
		t.Error("there is no kiosk any more")
	}
}

package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/payment"
)

const canary = "canary-0f8b1c-never-told"

func TestConfigTellsNoAddressThatIsACapability(t *testing.T) {
	c := config.Default()
	c.Relay.HookURL = "https://relay.example/hook/" + canary
	c.Relay.URL = "wss://user:" + canary + "@relay.example"
	axs := c.Section("axs").(*gateways.AXS)
	axs.SuccessURL = "https://shop.example/thanks?key=" + canary + "#" + canary
	axs.Secret = "file:/etc/kiosk-agent/axs.secret"
	before := gateways.PastSingaPay{APIKey: canary, BaseURL: "https://u:" + canary + "@sp.example",
		ClientSecret: "file:/etc/kiosk-agent/before.secret"}
	c.Section("singapay").(*gateways.SingaPay).Previous = []gateways.PastSingaPay{before}
	text, err := Config(&c)
	if err != nil || strings.Contains(string(text), canary) {
		t.Errorf("%v\n%s", err, text)
	}
	for _, want := range []string{"https://relay.example/hook/[redacted]", "wss://relay.example'",
		"https://shop.example/thanks?[redacted]", axs.Secret, "https://sp.example",
		before.ClientSecret} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it lacks %s:\n%s", want, text)
		}
	}
	if c.Relay.HookURL != "https://relay.example/hook/"+canary ||
		c.Section("singapay").(*gateways.SingaPay).Previous[0] != before {
		t.Error("the configuration itself was changed")
	}
}

// TestFactsSayNoContent fills each kind with a canary where content would be.
func TestFactsSayNoContent(t *testing.T) {
	record := payment.Record{Status: canary, MerchantRef: canary, TransactionRef: canary}
	for _, d := range []payment.Data{
		payment.Requested{Reference: canary, MerchantRef: canary, Description: canary},
		payment.Minted{Payload: canary, ProviderRef: canary},
		payment.Notified{Record: record}, payment.Unmatched{Record: record},
		payment.Offered{Frame: []byte(canary)}, payment.Resolved{By: canary, Reason: canary},
		payment.Parked{Envelope: payment.Envelope{Body: []byte(canary), Query: canary}},
		payment.CancelRequested{By: canary}, payment.Recovered{By: canary, Reason: canary},
		payment.MintFailed{Message: canary},
	} {
		for key, value := range says(d) {
			if text, ok := value.(string); ok && strings.Contains(text, canary) {
				t.Errorf("%s says %s = %s", d.Kind(), key, text)
			}
		}
	}
}

func TestScrub(t *testing.T) {
	s := new(Scrubber)
	s.add(canary + `"\`)
	for _, text := range []string{
		`error="` + canary + `\"\\"`, "POST https://r.example/hook/" + canary + " 200",
		"Authorization: Bearer " + canary, "GET /?token=" + canary + "&x=1",
		"link https://c.example/x?data=" + canary,
		"eyJhbGciOiJQQkVTMi" + canary + ".AAAA.BBBB." + canary + ".C",
	} {
		if got := string(s.Scrub([]byte(text))); strings.Contains(got, canary) ||
			!strings.Contains(got, redacted) {
			t.Errorf("%s became %s", text, got)
		}
	}
	const plain = `msg="till connected" part=till till=till-1 code=3`
	if got := string(s.Scrub([]byte(plain))); got != plain {
		t.Errorf("%s became %s", plain, got)
	}
}

func TestTail(t *testing.T) {
	for _, tc := range []struct {
		lines int
		want  string
	}{{1, "c\n"}, {2, "b\nc\n"}, {9, "a\nb\nc\n"}} {
		if got := string(Tail([]byte("a\nb\nc\n"), tc.lines)); got != tc.want {
			t.Errorf("%d lines: %q", tc.lines, got)
		}
	}
}

func TestWriteReplacesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.tar.gz")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, time.Now(), nil, new(Scrubber)); err == nil {
		t.Error("it was replaced")
	}
	if text, _ := os.ReadFile(file); string(text) != "mine" {
		t.Errorf("the file says %q", text)
	}
}

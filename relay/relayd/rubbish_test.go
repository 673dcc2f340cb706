package relayd

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"kiosk-agent/relay/relayd/rules"
)

// aToken has the shape of one, and its number.
func aToken(i int) string {
	part := strings.Repeat("x", 20)
	return fmt.Sprintf("%s.%06d.%s.%s.%s", part, i, part, part, part)
}

// TestRubbishTakesNothing: whoever floods a hook URL with what can be no notification uses up
// neither its quota nor its rate: notifications and canaries are taken, and the kiosk gets them,
// the rubbish that was taken too, in order.
func TestRubbishTakesNothing(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	r := startRelay(t, t.TempDir(), func(c *Config) {
		c.Shapes = rules.Shapes{Token: true, Signature: true}
		c.Store.QuotaPerRoute, c.HookRate, c.HookBurst = 50, 0.001, 40
		c.Now = func() time.Time { return now }
	})
	shop := r.addMerchant("M1")
	c := r.addTo("M1", "K001")
	for _, url := range []string{c.HookURL, shop} {
		taken, limited := 0, 0
		for i := range 300 {
			switch status := post(t, url, fmt.Sprint("rubbish ", i)); status {
			case http.StatusOK:
				taken++
			case http.StatusTooManyRequests:
				limited++
			default:
				t.Fatalf("rubbish is answered %d", status)
			}
		}
		if taken != 4 || limited != 296 { // a tenth of the burst
			t.Errorf("%d were taken, %d limited", taken, limited)
		}
		for i := range 3 {
			mustPost(t, url, aToken(i))
		}
		if status := sendCanary(t, url, rules.Handle(c.ID), "nonce-0123456789abcdef"); status !=
			http.StatusOK {
			t.Errorf("a canary is answered %d", status)
		}
	}
	a := startAgent(t, r, c, newMemory("j"), nil)
	for range 2 {
		a.want("rubbish 0", "rubbish 1", "rubbish 2", "rubbish 3", aToken(0), aToken(1), aToken(2))
	}
}

// TestRubbishHasItsOwnQuota: a tenth, however slowly it comes.
func TestRubbishHasItsOwnQuota(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) {
		c.Shapes, c.Store.QuotaPerRoute = rules.Shapes{Token: true}, 30
	})
	c := r.add("K001")
	for i := range 10 {
		want := http.StatusOK
		if i >= 3 {
			want = http.StatusTooManyRequests
		}
		if got := post(t, c.HookURL, "rubbish"); got != want {
			t.Errorf("rubbish %d is answered %d", i, got)
		}
	}
	for i := range 30 {
		mustPost(t, c.HookURL, aToken(i))
	}
	if got := post(t, c.HookURL, aToken(30)); got != http.StatusTooManyRequests {
		t.Errorf("over the quota: %d", got)
	}
}

// TestGatewaysAddresses: a route whose gateway's addresses are known takes hooks from nowhere else,
// and canaries from everywhere; a proxy's word counts where the proxy is known.
func TestGatewaysAddresses(t *testing.T) {
	nets := func(list ...string) (out []netip.Prefix) {
		for _, p := range list {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	r := startRelay(t, t.TempDir(), func(c *Config) {
		c.Proxies = nets("127.0.0.0/8")
		c.Gateways = []Gateway{
			{Terminals: []string{"K001"}, From: nets("203.0.113.0/24")},
			{Merchants: []string{"M1"}, From: nets("2001:db8::/32")},
			{Terminals: []string{"K001"}, From: nets("198.51.100.7/32")},
		}
	})
	own, shop, free := r.add("K001").HookURL, r.addMerchant("M1"), r.add("K002").HookURL
	for _, tc := range []struct {
		url, forwarded string
		want           int
	}{
		{own, "203.0.113.9", 200}, {own, "198.51.100.7", 200}, {own, "198.51.100.8", 403},
		{own, "203.0.113.9, 192.0.2.1", 403}, {own, "192.0.2.1, 203.0.113.9", 200},
		{own, "203.0.113.9, 127.0.0.9", 200}, {own, "", 403}, {own, "nonsense", 403},
		{shop, "2001:db8::1", 200}, {shop, "203.0.113.9", 403}, {free, "192.0.2.1", 200},
	} {
		req, err := http.NewRequest(http.MethodPost, tc.url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if tc.forwarded != "" {
			req.Header.Set("X-Forwarded-For", tc.forwarded)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s from %q: %d, want %d", tc.url, tc.forwarded, resp.StatusCode, tc.want)
		}
	}
	if status := sendCanary(t, own, "", "nonce-0123456789abcdef"); status != http.StatusOK {
		t.Errorf("a canary is answered %d", status)
	}
}

package singapay

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestDeviations: each bends something, and what is collected stays what was paid.
func TestDeviations(t *testing.T) {
	for _, d := range Deviations() {
		t.Run(d.Name, func(t *testing.T) {
			b := d.bend
			if b.config == nil && b.answer == nil && b.refuse == nil && b.webhook == nil &&
				b.sign == nil && b.carry == nil {
				t.Fatal("it bends nothing")
			}
			w := newWorld(t, func(c *Config) { c.As = d.Name })
			if d.Name == "token-renamed" || d.Name == "reference-plain" ||
				strings.HasPrefix(d.Name, "link-") || strings.HasPrefix(d.Name, "qr-") {
				return // what the helpers of this test read is not there
			}
			w.login()
			status, _ := w.send("POST", newLink,
				`{"reff_no":"R-1","payment_link_type":"total","total_amount":150000}`)
			if status != http.StatusOK && status != http.StatusCreated {
				t.Fatal(status)
			}
			w.act("R-1", Pay, "VA_BRI")
			w.run()
			if got := w.Collected()["R-1"]; got.Paid != 15_000_000 || len(w.got) == 0 {
				t.Errorf("%+v, %d webhooks", got, len(w.got))
			}
		})
	}
	_, err := New(Config{As: "nothing"}, nil)
	if err == nil || !strings.Contains(fmt.Sprint(err), "nothing") ||
		!strings.Contains(err.Error(), "word-upper") {
		t.Errorf("%v", err)
	}
}

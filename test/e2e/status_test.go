package e2e_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/test/browser"
)

var update = flag.Bool("update", false, "write the picture of the status page to docs/images")

// TestStatusPageOnAPhone: in a real browser of a phone's width nothing is cut off or reaches over
// the edge, and the page says what is wrong before anything else. With -update its picture is
// written.
func TestStatusPageOnAPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startAgent("")
	w.connect()
	w.agent.stop()
	good := readText(t, w.config())
	w.write("config.toml", strings.Replace(good, "merchant_name", "merchant_nane", 1)+
		"\n[[till.serial]]\nname = \"a-till-with-a-rather-long-name\"\n")
	w.startAgent("")
	w.closed("config_invalid")
	tab := browser.Open(t, 390, 844, 1)
	tab.Go("http://" + w.metrics + "/")
	tab.Until(`document.querySelector('h1').innerText === 'out of service'`)
	// the policy lets the style in
	tab.Until(`getComputedStyle(document.querySelector('header')).borderLeftWidth !== '0px'`)
	if !browser.Evaluate[bool](tab, `document.documentElement.scrollWidth <= window.innerWidth`) {
		t.Error("the page is wider than the phone")
	}
	text := tab.Text()
	if reason, rows := strings.Index(text, "merchant_nane: no such key"),
		strings.Index(text, "Journal"); reason < 0 || rows < reason {
		t.Errorf("the page says:\n%s", text)
	}
	if *update {
		if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", "images",
			"status-out-of-service.png"), tab.Picture(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

package house_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the picture of the status page to docs/images")

// TestStatusPageOnAPhone: in a real browser of a phone's width nothing is cut off or reaches over the edge, and the page says what is
// wrong before anything else. With -update its picture is written.
func TestStatusPageOnAPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startAgent("")
	w.connect()
	w.agent.stop()
	good := readText(t, w.config())
	w.write("config.toml", strings.Replace(good, "merchant_name", "merchant_nane", 1)+"\n[[till.serial]]\nname = \"a-till-with-a-rather-long-name\"\n")
	w.startAgent("")
	w.closed("config_invalid")
	tab := newTab(t, 390, 844)
	tab.open("http://" + w.metrics + "/")
	tab.until(`document.querySelector('h1').innerText === 'out of service'`)
	tab.until(`getComputedStyle(document.querySelector('header')).borderLeftWidth !== '0px'`) // the policy lets the style in
	fits, err := chromedp.Run(tab.ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth <= window.innerWidth`))
	if err != nil || !fits {
		t.Errorf("the page is wider than the phone (%v)", err)
	}
	text := tab.text()
	if reason, rows := strings.Index(text, "merchant_nane: no such key"), strings.Index(text, "Journal"); reason < 0 || rows < reason {
		t.Errorf("the page says:\n%s", text)
	}
	if *update {
		if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", "images", "status-out-of-service.png"), tab.picture(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

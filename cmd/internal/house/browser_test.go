package house_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"kiosk-agent/payment"
)

// browser is the one Chromium of this test binary; the first tab starts it.
var browser struct {
	once sync.Once
	dir  string
	ctx  context.Context
	stop func()
	err  error
}

func startBrowser() {
	if _, err := exec.LookPath("chromium"); err != nil {
		browser.err = fmt.Errorf("chromium is missing: apt-get install chromium (%w)", err)
		return
	}
	if browser.dir, browser.err = os.MkdirTemp("", "house-chromium-"); browser.err != nil {
		return
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(browser.dir),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en-SG"),
	)
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {}))
	browser.ctx, browser.err = ctx, chromedp.Do(ctx)
	browser.stop = func() {
		_ = chromedp.Cancel(ctx) // it is going anyway
		cancel()
		cancelAlloc()
	}
}

// withBrowser runs the tests and then ends the browser, if a test has started it.
func withBrowser(m *testing.M) (code int, err error) {
	code = m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	return code, os.RemoveAll(browser.dir)
}

// tab is a page of the browser, with cookies of its own.
type tab struct {
	t   testing.TB
	ctx context.Context
}

func newTab(t testing.TB, width, height int64) *tab {
	t.Helper()
	browser.once.Do(startBrowser)
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height, chromedp.EmulateScale(1))); err != nil {
		t.Fatalf("browser: %v", err)
	}
	return &tab{t, ctx}
}

func (tb *tab) open(address string) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, chromedp.Navigate(address)); err != nil {
		tb.t.Fatalf("browser: %v", err)
	}
}

// until waits in the page until an expression is true.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	poll := chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(patience), chromedp.WithPollingInterval(50*time.Millisecond))
	if _, err := chromedp.Run(tb.ctx, poll); err != nil {
		tb.t.Fatalf("waiting for %s: %v; the page says %q", expression, err, tb.text())
	}
}

func (tb *tab) click(selector string) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, chromedp.Click(selector)); err != nil {
		tb.t.Fatalf("click %s: %v", selector, err)
	}
}

func (tb *tab) text() string {
	tb.t.Helper()
	text, err := chromedp.Run(tb.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		tb.t.Fatalf("browser: %v", err)
	}
	return text
}

func (tb *tab) picture() []byte {
	tb.t.Helper()
	b, err := chromedp.Run(tb.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tb.t.Fatalf("screenshot: %v", err)
	}
	return b
}

// zbar decodes a picture with Debian's decoder, which is not ours.
func zbar(t testing.TB, picture []byte) string {
	t.Helper()
	tool, err := exec.LookPath("zbarimg")
	if err != nil {
		t.Fatal("zbarimg is missing: apt-get install zbar-tools")
	}
	file := filepath.Join(t.TempDir(), "screen.png")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(tool, "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("zbarimg reads no code: %v %s", err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// TestSaleOnARealScreen is the main job whole, with a real browser as the display and a real decoder as the camera.
func TestSaleOnARealScreen(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int64{{1080, 1920}, {800, 480}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			screen := newTab(t, size[0], size[1])
			screen.open(s.h.Agent.DisplayLogin())
			x := s.till()
			x.ready()
			screen.until(`document.querySelector('#notice').dataset.kind === 'idle' && !document.querySelector('#notice').classList.contains('off')`)

			p := x.start("SALE-1", 1023)
			s.until(p.ID, payment.KindShown)
			screen.until(`document.querySelector('#paper svg') !== null`)
			if text := screen.text(); !strings.Contains(text, "10.23") || strings.Contains(text, p.QRPayload[len(p.QRPayload)-20:]) {
				t.Errorf("the screen says %q", text)
			}
			link := zbar(t, screen.picture())
			if link != p.QRPayload {
				t.Fatalf("the camera reads another link than the till was told:\n%s\n%s", link, p.QRPayload)
			}
			checkLink(t, s, p, link)

			customer := scan(t, link)
			customer.press("pay", "PAYNOW")
			done := x.approved(p.ID)
			screen.until(`document.querySelector('#notice').dataset.kind === 'approved' && !document.querySelector('#notice').classList.contains('off')`)
			screen.until(`document.querySelector('#paper svg') === null`)
			if text := screen.text(); !strings.Contains(text, "10.23") || !strings.Contains(text, p.ID) {
				t.Errorf("the screen says %q", text)
			}
			if done.Amount != 1023 || done.Scheme != "PAYNOW" || len(done.ProviderRef) != 19 || done.PaidAt.IsZero() || done.QRPayload != "" {
				t.Errorf("the till heard %+v", done)
			}
			x.acknowledge(done)
			s.till().owedNothing()
		})
	}
}

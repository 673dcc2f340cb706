package ui

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// browser is the one Chromium of this test binary; it starts with the first tab.
var browser struct {
	ctx context.Context
	err error
}

func TestMain(m *testing.M) {
	code := withBrowser(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func withBrowser(m *testing.M) int {
	if _, err := exec.LookPath("chromium"); err != nil {
		browser.err = fmt.Errorf("chromium is missing: apt-get install chromium (%w)", err)
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "kiosk-display-")
	if err != nil {
		browser.err = err
		return m.Run()
	}
	defer os.RemoveAll(dir)
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(dir),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en-SG"),
	)
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	defer cancelAlloc()
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {}))
	defer cancel()
	browser.ctx = ctx
	browser.err = chromedp.Do(ctx)
	code := m.Run()
	_ = chromedp.Cancel(ctx)
	return code
}

// size of a display, in CSS pixels at ratio device pixels each.
type size struct {
	w, h  int64
	ratio float64
}

func (s size) String() string { return fmt.Sprintf("%dx%d", s.w, s.h) }

var sizes = []size{{1080, 1920, 1}, {1920, 1080, 1}, {1024, 600, 1}, {800, 480, 1}}

// tab is a page of the shared browser, in a browser context (cookies) of its own.
type tab struct {
	t   testing.TB
	ctx context.Context
}

func newTab(t testing.TB, s size) *tab {
	t.Helper()
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	tb := &tab{t, ctx}
	tb.do(chromedp.EmulateViewport(s.w, s.h, chromedp.EmulateScale(s.ratio)))
	return tb
}

func (tb *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, steps...); err != nil {
		tb.t.Fatalf("browser: %v", err)
	}
}

func (tb *tab) open(url string) { tb.t.Helper(); tb.do(chromedp.Navigate(url)) }

// sign opens the display as an installer does: with the token in the address.
func (tb *tab) sign(s *stand) { tb.t.Helper(); tb.open(s.url + "/?token=" + testToken) }

// until waits in the page, frame by frame, for an expression to become true.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	_, err := chromedp.Run(tb.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(patience), chromedp.WithPollingInterval(50*time.Millisecond)))
	if err != nil {
		text, _ := chromedp.Run(tb.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		tb.t.Fatalf("waiting for %s: %v; the page says %q", expression, err, text)
	}
}

func evaluate[T any](tb *tab, expression string, opts ...chromedp.EvaluateOption) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression, opts...))
	if err != nil {
		tb.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (tb *tab) picture() []byte {
	tb.t.Helper()
	b, err := chromedp.Run(tb.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tb.t.Fatalf("screenshot: %v", err)
	}
	return b
}

const (
	codeShown = `document.querySelector('#paper svg') !== null`
	codeGone  = `document.querySelector('#paper svg') === null`
)

// zbar decodes a picture with the independent decoder of Debian; "" when it finds no code.
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
		t.Logf("zbarimg: %v %s", err, stderr.String())
		return ""
	}
	return strings.TrimSuffix(string(out), "\n")
}

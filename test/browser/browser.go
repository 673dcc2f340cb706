// Package browser looks at screens, for tests alone: a real Chromium, and Debian's decoder of QR
// codes in the camera's place.
package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// How long a test waits for something on a page, and how long a tab may live. The machine is
// shared: these are bounds.
const (
	patience = 45 * time.Second
	lifetime = 3 * time.Minute
)

// chromium is the one browser of a test binary; the first tab starts it.
var chromium struct {
	once sync.Once
	dir  string
	ctx  context.Context
	stop func()
	err  error
}

func start() {
	if _, err := exec.LookPath("chromium"); err != nil {
		chromium.err = fmt.Errorf("chromium is missing: apt-get install chromium (%w)", err)
		return
	}
	if chromium.dir, chromium.err = os.MkdirTemp("", "kiosk-chromium-"); chromium.err != nil {
		return
	}
	opts := append(options(chromium.dir), chromedp.ExecPath("chromium"))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {}))
	chromium.ctx, chromium.err = ctx, chromedp.Do(ctx)
	chromium.stop = func() {
		_ = chromedp.Cancel(ctx) // it is going anyway
		cancel()
		cancelAlloc()
	}
}

// options are how each browser is started, with a folder for what it keeps.
func options(dir string) []chromedp.ExecAllocatorOption {
	return append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(dir),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en-SG"))
}

// Tests are those of a package: for TestMain, also where goleak runs them.
type Tests struct{ M *testing.M }

// Run runs the tests and then ends the browser, if one of them has started it. It returns the exit
// code.
func (t Tests) Run() (code int) {
	code = t.M.Run()
	if chromium.stop != nil {
		chromium.stop()
	}
	if err := os.RemoveAll(chromium.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Tab is a page of the browser, with cookies of its own.
type Tab struct {
	t   testing.TB
	ctx context.Context
}

// Open opens an empty tab of a size in CSS pixels, at ratio device pixels each. It ends with the
// test.
func Open(t testing.TB, width, height int64, ratio float64) *Tab {
	t.Helper()
	chromium.once.Do(start)
	if chromium.err != nil {
		t.Fatal(chromium.err)
	}
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, lifetime)
	t.Cleanup(cancel)
	tb := &Tab{t, ctx}
	tb.Do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(ratio)))
	return tb
}

// Context is the tab's, for chromedp itself.
func (tb *Tab) Context() context.Context { return tb.ctx }

// Do carries out steps.
func (tb *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, steps...); err != nil {
		tb.t.Fatalf("browser: %v", err)
	}
}

// Go opens an address.
func (tb *Tab) Go(address string) { tb.t.Helper(); tb.Do(chromedp.Navigate(address)) }

// Click presses what a selector finds first.
func (tb *Tab) Click(selector string) { tb.t.Helper(); tb.Do(chromedp.Click(selector)) }

// Until waits in the page until an expression is true.
func (tb *Tab) Until(expression string) {
	tb.t.Helper()
	poll := chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(patience),
		chromedp.WithPollingInterval(50*time.Millisecond))
	if _, err := chromedp.Run(tb.ctx, poll); err != nil {
		text, _ := chromedp.Run(tb.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		tb.t.Fatalf("waiting for %s: %v; the page says %q", expression, err, text)
	}
}

// Text is what the page says.
func (tb *Tab) Text() string {
	tb.t.Helper()
	return Evaluate[string](tb, "document.body.innerText")
}

// Picture is a PNG of the page.
func (tb *Tab) Picture() []byte {
	tb.t.Helper()
	b, err := chromedp.Run(tb.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tb.t.Fatalf("screenshot: %v", err)
	}
	return b
}

// Evaluate is the value of an expression in the page.
func Evaluate[T any](tb *Tab, expression string, opts ...chromedp.EvaluateOption) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression, opts...))
	if err != nil {
		tb.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// noSymbol is zbarimg's exit code when it has looked and found nothing.
const noSymbol = 4

// Read is the text of the QR code on a picture, to the byte, as Debian's decoder reads it, which is
// not ours; "" when it finds none.
func Read(t testing.TB, picture []byte) string {
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
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == noSymbol {
		return ""
	}
	if err != nil {
		t.Fatalf("zbarimg: %v %s", err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// managed is where Debian's Chromium looks for what an administrator has laid down.
const managed = "/etc/chromium"

// Own is a browser of one test's own, for what can only be set when it starts.
type Own struct {
	Flags map[string]any // of the command line
	// Policies is a folder of managed policies; "" = none. It is laid over /etc/chromium for this
	// browser alone, which needs mount namespaces: where there are none, the test is skipped.
	Policies string
}

// Open starts the browser with one tab, of a size in CSS pixels. Both end with the test.
func (o Own) Open(t testing.TB, width, height int64) *Tab {
	t.Helper()
	opts := append(options(t.TempDir()), chromedp.ExecPath(o.program(t)))
	for name, value := range o.Flags {
		opts = append(opts, chromedp.Flag(name, value))
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // it is going anyway
		cancel()
		cancelAlloc()
	})
	ctx, cancelLife := context.WithTimeout(ctx, lifetime)
	t.Cleanup(cancelLife)
	tb := &Tab{t, ctx}
	tb.Do(chromedp.EmulateViewport(width, height))
	return tb
}

// program is what to start in Chromium's place.
func (o Own) program(t testing.TB) string {
	t.Helper()
	if o.Policies == "" {
		return "chromium"
	}
	try := exec.Command("unshare", "-rm", "test", "-d", managed)
	if out, err := try.CombinedOutput(); err != nil {
		t.Skipf("no namespace with %s can be made here: %v %s", managed, err, out)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "chromium")
	etc := filepath.Join(dir, "etc")
	if err := errors.Join(os.MkdirAll(filepath.Join(etc, "policies"), 0o755),
		os.Symlink(o.Policies, filepath.Join(etc, "policies", "managed")),
		os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nexec unshare -rm sh -c "+
			"'mount --bind \"%s\" %s && exec chromium \"$@\"' chromium \"$@\"\n", etc, managed),
			0o700)); err != nil {
		t.Fatal(err)
	}
	return script
}

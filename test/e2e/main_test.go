package e2e_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kiosk-agent/test/browser"
)

// patience is how long a test waits for something that must happen. The machine may be busy: it is
// a bound, not an expectation.
const patience = 45 * time.Second

// bins is where the programs are built, once and only when a test needs them.
var bins string

func TestMain(m *testing.M) {
	if job := os.Getenv(sandboxEnv); job != "" {
		os.Exit(serveSandbox(job))
	}
	code := browser.Tests{M: m}.Run()
	if err := os.RemoveAll(bins); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if tortureVerdict != "" {
		fmt.Println(tortureVerdict) // last: `make torture`
	}
	os.Exit(code)
}

// program returns the path of one of the real programs.
func program(t testing.TB, name string) string {
	t.Helper()
	if err := buildPrograms(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bins, name)
}

var buildPrograms = sync.OnceValue(func() (err error) {
	if bins, err = os.MkdirTemp("", "e2e-bin-"); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", bins+string(filepath.Separator),
		"kiosk-agent/cmd/kiosk-agent", "kiosk-agent/cmd/kiosk-relay")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

// tempDir is a directory with a short name: a Unix socket's path may have 107 bytes, and t.TempDir
// holds the test's name.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

var lastPort atomic.Int64

// freeAddr is an address of this machine that stays the same over restarts of whoever listens
// there. Its port lies below those that the kernel gives out by itself.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 500 {
		port := 20_000 + (int64(os.Getpid())*37+lastPort.Add(1))%12_000
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		return ln.Addr().String()
	}
	t.Fatal("no free port")
	return ""
}

// eventually asks until check has nothing to complain about; what says what is waited for.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	within(t, patience, what, check)
}

// within is eventually with a bound of its own.
func within(t testing.TB, limit time.Duration, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// soon is a context for one thing that must not take long.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// record is a log, or a program's standard error, that can be read while it is written.
type record struct {
	mu   sync.Mutex
	text []byte
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, p...)
	return len(p), nil
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.text)
}

// tail is the end of it, for messages.
func (r *record) tail() string {
	s := r.String()
	return s[max(0, len(s)-6000):]
}

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"kiosk-agent/test/browser"
	"kiosk-agent/test/programs"
)

// patience is how long a test waits for something that must happen. The machine may be busy: it is
// a bound, not an expectation.
const patience = 45 * time.Second

func TestMain(m *testing.M) {
	if job := os.Getenv(sandboxEnv); job != "" {
		os.Exit(serveSandbox(job))
	}
	code := browser.Tests{M: m}.Run()
	if err := programs.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if tortureVerdict != "" {
		fmt.Println(tortureVerdict) // last: `make torture`
	}
	os.Exit(code)
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

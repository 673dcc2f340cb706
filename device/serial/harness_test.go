//go:build linux

package serial

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"kiosk-agent/test/testlog"
)

// childEnv makes the test binary play another process; see child_test.go.
const childEnv = "KIOSK_SERIAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		// not os.Exit, which would write coverage data where nobody may
		syscall.Exit(child(role, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come; nothing waits that long when all is well.
const patience = 10 * time.Second

func want[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// cable is a pseudo-terminal pair: the agent opens the name, the test is the till at the other end.
type cable struct {
	t    *testing.T
	till *os.File
	name string
	keep *os.File // the agent's end, held so that the till's end does not hang up between two opens
}

func newCable(t *testing.T) *cable {
	t.Helper()
	till, keep, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{t: t, till: till, name: keep.Name(), keep: keep}
	t.Cleanup(c.pull)
	return c
}

// pull unplugs the adapter.
func (c *cable) pull() {
	c.till.Close()
	c.keep.Close()
}

func (c *cable) say(s string) {
	c.t.Helper()
	if _, err := c.till.WriteString(s); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads until it has len(s) bytes, which must be s.
func (c *cable) hear(s string) {
	c.t.Helper()
	got := make([]byte, len(s))
	if err := c.till.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if n, err := io.ReadFull(c.till, got); err != nil || string(got) != s {
		c.t.Fatalf("heard %.60q, want %.60q (%v)", got[:n], s, err)
	}
}

// rig is a running Link. Its serve function reads what comes; each connection and each piece is
// handed to the test.
type rig struct {
	*Link
	t      *testing.T
	states chan State
	conns  chan Conn
	heard  chan string
	ends   chan error         // what serve saw at the end of each connection
	waits  chan time.Duration // each pause before another attempt
	again  chan struct{}      // ends one pause
	reg    *prometheus.Registry
	logs   *testlog.Buffer
	stop   func()
}

// newRig makes a Link that has not been run.
func newRig(t *testing.T, cfg Config, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, states: make(chan State, 100), conns: make(chan Conn, 10),
		heard: make(chan string, 1000), ends: make(chan error, 100),
		waits: make(chan time.Duration, 100), again: make(chan struct{}),
		reg: prometheus.NewRegistry(), logs: new(testlog.Buffer)}
	m, err := NewMetrics(r.reg)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Log: slog.New(slog.NewTextHandler(r.logs, nil)), Metrics: m,
		OnState: func(s State) { r.states <- s }}
	for _, c := range change {
		c(&o)
	}
	if cfg.LockDir == "" {
		cfg.LockDir = t.TempDir()
	}
	cfg.Till = "till-2"
	if r.Link, err = New(cfg, o); err != nil {
		t.Fatal(err)
	}
	r.random = func() float64 { return 0.5 }
	r.pause = func(ctx context.Context, d time.Duration) error {
		r.waits <- d
		select {
		case <-r.again:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return r
}

// start runs the Link; nil means the usual serve function.
func (r *rig) start(serve Serve) *rig {
	if serve == nil {
		serve = r.serve
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- r.Run(ctx, serve) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ran:
			if err != nil {
				r.t.Error(err)
			}
		case <-time.After(patience):
			r.t.Error("Run does not end")
		}
	})
	r.t.Cleanup(r.stop)
	return r
}

func (r *rig) serve(ctx context.Context, c Conn) error {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	r.conns <- c
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			r.ends <- err
			return nil
		}
		r.heard <- string(buf[:n])
	}
}

func run(t *testing.T, cfg Config, change ...func(*Options)) *rig {
	t.Helper()
	return newRig(t, cfg, change...).start(nil)
}

// hear collects pieces until they are s.
func (r *rig) hear(s string) {
	r.t.Helper()
	var got string
	for len(got) < len(s) {
		got += want(r.t, fmt.Sprintf("rest of %.60q after %.60q", s, got), r.heard)
	}
	if got != s {
		r.t.Fatalf("heard %.60q, want %.60q", got, s)
	}
}

// until waits for a state.
func (r *rig) until(what string, ok func(State) bool) State {
	r.t.Helper()
	for {
		if s := want(r.t, "state: "+what, r.states); ok(s) {
			return s
		}
	}
}

func (r *rig) untilOpen() State {
	r.t.Helper()
	return r.until("open", func(s State) bool { return s.Open })
}

func (r *rig) untilBroken() State {
	r.t.Helper()
	return r.until("broken", func(s State) bool { return !s.Open && s.LastError != "" })
}

func (r *rig) refusals(reason string) int {
	return int(testutil.ToFloat64(r.metrics.refused.WithLabelValues("till-2", reason)))
}

func (r *rig) failures(kind string) int {
	return int(testutil.ToFloat64(r.metrics.failures.WithLabelValues("till-2", kind)))
}

// link points name at target, as udev does: at once.
func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func stableName(t *testing.T) string { return filepath.Join(t.TempDir(), "kiosk-till") }

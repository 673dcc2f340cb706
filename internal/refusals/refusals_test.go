package refusals

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestThrottle: of each kind a few lines are written at once and one a second, whoever writes them;
// what was left out is counted, and one kind takes nothing of another's.
func TestThrottle(t *testing.T) {
	now := time.Now()
	throttle := New()
	throttle.now = func() time.Time { return now }
	var out bytes.Buffer
	one := throttle.Log(slog.New(slog.NewTextHandler(&out, nil)))
	two := throttle.Log(slog.New(slog.NewTextHandler(&out, nil)))
	for range 500 {
		one.Warn("token", "refused", "addr", "a")
		two.Warn("token", "refused", "addr", "b")
	}
	if n := strings.Count(out.String(), "level=WARN msg=refused"); n != burst {
		t.Errorf("%d lines of one kind", n)
	}
	out.Reset()
	one.Info("crowd", "refused")
	one.Warn("token", "let in")
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("other kinds are written %d times: %s", n, out.String())
	}
	out.Reset()
	now = now.Add(every)
	two.Warn("token", "refused", "addr", "c")
	two.Warn("token", "refused", "addr", "d")
	if got := out.String(); !strings.Contains(got, "left_out=990 addr=c") ||
		strings.Contains(got, "addr=d") {
		t.Errorf("a second later: %s", got)
	}
}

// TestKindsAreBounded: a key that somebody else could choose makes no memory grow.
func TestKindsAreBounded(t *testing.T) {
	throttle := New()
	log := throttle.Log(slog.New(slog.DiscardHandler))
	for i := range 10 * maxKinds {
		log.Warn(strings.Repeat("x", i), "refused")
	}
	if n := len(throttle.kinds); n > maxKinds+1 {
		t.Errorf("%d kinds", n)
	}
}

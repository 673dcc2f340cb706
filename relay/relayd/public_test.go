package relayd

import (
	"context"
	"testing"
	"time"
)

// TestReadinessIsKept: an answer counts for a second from when it came, not from when its asker
// came: who waited for a slow store takes it too, in whatever order they get to it.
func TestReadinessIsKept(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	asked := 0
	var r readiness
	check := func() {
		r.check(t.Context(), func() time.Time { return now }, func(context.Context) error {
			asked++
			now = now.Add(1500 * time.Millisecond)
			return nil
		})
	}
	check()
	for range 9 { // who came while it was asked
		now = now.Add(100 * time.Millisecond)
		check()
	}
	if asked != 1 {
		t.Errorf("the store was asked %d times, want once", asked)
	}
	now = now.Add(100 * time.Millisecond)
	if check(); asked != 2 {
		t.Errorf("asked %d times after a second, want twice", asked)
	}
}

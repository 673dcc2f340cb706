package bootclock

import (
	"testing"
	"time"
)

// newAlarm returns an alarm whose rings come out of a channel.
func newAlarm(t *testing.T) (*Alarm, <-chan time.Time) {
	t.Helper()
	rings := make(chan time.Time, 16)
	a, err := NewAlarm(func() { rings <- time.Now() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, rings
}

// TestAlarm: it rings once for each Reset, not before its time, and the newest Reset counts.
func TestAlarm(t *testing.T) {
	a, rings := newAlarm(t)
	a.Reset(time.Hour)
	for _, d := range []time.Duration{0, -time.Second, 30 * time.Millisecond} {
		start := time.Now()
		a.Reset(d)
		if at := <-rings; at.Sub(start) < d {
			t.Errorf("rang %v after the Reset, %v too early", at.Sub(start), d-at.Sub(start))
		}
	}
	// what is stopped does not ring before what is set later
	a.Reset(20 * time.Millisecond)
	a.Stop()
	start := time.Now()
	a.Reset(60 * time.Millisecond)
	if at := <-rings; at.Sub(start) < 60*time.Millisecond {
		t.Errorf("rang after %v, although it was stopped", at.Sub(start))
	}
	if len(rings) > 0 {
		t.Errorf("%d rings too many", len(rings))
	}
}

// TestAlarmEnds: Close waits for the ring that is under way, and none comes after it. TestMain of
// other rooms would find its goroutine.
func TestAlarmEnds(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	var over bool
	a, err := NewAlarm(func() {
		close(begun)
		<-finish
		over = true
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Reset(0)
	<-begun
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		a.Close()
	}()
	close(finish)
	<-closed
	if !over {
		t.Error("Close did not wait for the ring")
	}
	a.Reset(0) // of no effect, and no fault
	a.Stop()
}

//go:build !linux

package bootclock

import (
	"sync"
	"time"
)

// Alarm is a timer of Go's: so is the boot clock here.
type Alarm struct {
	timer *time.Timer

	mu     sync.Mutex // held while it rings
	closed bool
}

// NewAlarm returns an alarm that calls ring, from a goroutine of its own, each time it rings.
func NewAlarm(ring func()) (*Alarm, error) {
	a := &Alarm{}
	a.timer = time.AfterFunc(time.Hour, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.closed {
			ring()
		}
	})
	a.timer.Stop()
	return a, nil
}

// Reset lets it ring once, after d and not when it was to ring before; at once where d is not
// positive. A ring that was on its way may still come.
func (a *Alarm) Reset(d time.Duration) { a.timer.Reset(d) }

// Stop lets it not ring. A ring that was on its way may still come.
func (a *Alarm) Stop() { a.timer.Stop() }

// Close ends it, and returns when no ring is under way. The caller holds nothing that ring waits
// for.
func (a *Alarm) Close() {
	a.timer.Stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
}

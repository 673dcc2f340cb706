// Package bootclock reads the clock that every deadline is counted on: time since boot, running on
// while the machine is suspended (Go's own monotonic clock stops then), together with the id of the
// boot that it belongs to.
//
// An Alarm rings at a moment of this clock, right after a suspend where the moment fell into one.
// Who sleeps by Go's timers has to look up every few seconds for that; and one of those that goes
// off costs twice the wake-ups of the kernel's, for Go's runtime sleeps in whole milliseconds and
// watches while a timer is near.
//
// It does not know the wall clock's worth. A Clock is safe for concurrent use and keeps nothing
// that must survive a crash: a process started again in the same boot reads the same clock and the
// same id.
package bootclock

import "time"

// Clock reads the boot clock of this machine.
type Clock struct{ id string }

// New reads the boot id once. Where the system tells none, the id is made from this process's
// start: every restart then counts as a reboot, which ends windows early and never late.
func New() (*Clock, error) {
	id, err := bootID()
	if err != nil {
		return nil, err
	}
	return &Clock{id: id}, nil
}

// Now is one reading of both clocks: the time that something happened at.
type Now struct {
	Wall time.Time     // the wall clock, UTC: for people
	Boot string        // names this boot
	Up   time.Duration // since boot, including suspend; a duration between two boots means nothing
}

// Now reads both clocks.
func (c *Clock) Now() Now {
	return Now{Wall: time.Now().UTC(), Boot: c.id, Up: sinceBoot()}
}

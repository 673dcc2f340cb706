// Package bootclock reads the clock that every deadline is counted on: time since boot, running on
// while the machine is suspended (Go's own monotonic clock stops then), together with the id of the
// boot that it belongs to.
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

// BootID names this boot.
func (c *Clock) BootID() string { return c.id }

// Boot is the time since boot, including suspend.
func (c *Clock) Boot() time.Duration { return sinceBoot() }

// Wall is the wall clock, UTC.
func (c *Clock) Wall() time.Time { return time.Now().UTC() }

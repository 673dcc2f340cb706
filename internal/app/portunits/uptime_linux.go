package portunits

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime is the clock that systemd's monotonic timestamps are of.
func uptime() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano()), err
}

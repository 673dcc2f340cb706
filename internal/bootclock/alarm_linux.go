package bootclock

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Alarm is a timer of the kernel's on CLOCK_BOOTTIME.
type Alarm struct {
	file  *os.File
	ended chan struct{} // closed when no ring comes any more

	mu sync.Mutex
	fd int // of file; -1 = closed
}

// NewAlarm returns an alarm that calls ring, from a goroutine of its own, each time it rings.
func NewAlarm(ring func()) (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("an alarm: %w", os.NewSyscallError("timerfd_create", err))
	}
	a := &Alarm{file: os.NewFile(uintptr(fd), "alarm"), ended: make(chan struct{}), fd: fd}
	go func() {
		defer close(a.ended)
		var rings [8]byte
		for {
			if _, err := a.file.Read(rings[:]); err != nil {
				return
			}
			ring()
		}
	}()
	return a, nil
}

// Reset lets it ring once, after d and not when it was to ring before; at once where d is not
// positive. A ring that was on its way may still come.
func (a *Alarm) Reset(d time.Duration) { a.set(max(d, 1)) }

// Stop lets it not ring. A ring that was on its way may still come.
func (a *Alarm) Stop() { a.set(0) }

func (a *Alarm) set(d time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fd >= 0 {
		// of a timer's descriptor and a valid time the kernel refuses nothing
		_ = unix.TimerfdSettime(a.fd, 0, &spec, nil)
	}
}

// Close ends it, and returns when no ring is under way. The caller holds nothing that ring waits
// for.
func (a *Alarm) Close() {
	a.mu.Lock()
	a.fd = -1
	_ = a.file.Close()
	a.mu.Unlock()
	<-a.ended
}

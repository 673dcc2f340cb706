package bootclock

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Alarm is a timer of the kernel's on CLOCK_BOOTTIME.
type Alarm struct {
	file  *os.File
	ended chan struct{} // closed when no ring comes any more
}

// NewAlarm returns an alarm that calls ring, from a goroutine of its own, each time it rings.
func NewAlarm(ring func()) (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("an alarm: %w", os.NewSyscallError("timerfd_create", err))
	}
	a := &Alarm{file: os.NewFile(uintptr(fd), "alarm"), ended: make(chan struct{})}
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

// Reset lets it ring once, after d; at once where d is not positive.
func (a *Alarm) Reset(d time.Duration) { a.set(max(d, 1)) }

// Stop lets it not ring.
func (a *Alarm) Stop() { a.set(0) }

func (a *Alarm) set(d time.Duration) {
	conn, err := a.file.SyscallConn()
	if err != nil {
		return // closed
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	_ = conn.Control(func(fd uintptr) {
		// of a timer's descriptor and a valid time the kernel refuses nothing
		_ = unix.TimerfdSettime(int(fd), 0, &spec, nil)
	})
}

// Close ends it. The caller holds nothing that ring waits for.
func (a *Alarm) Close() {
	_ = a.file.Close()
	<-a.ended
}

package serial

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	port "go.bug.st/serial"
	"golang.org/x/sys/unix"
)

const (
	exampleDevice = "a path such as /dev/kiosk-till"
	canRTSCTS     = true
	// drainPoll bounds the time between two looks at what the driver has left to send.
	drainPoll = 20 * time.Millisecond
)

// ttyLine is a terminal device behind an os.File: non-blocking, with deadlines, and counted, so
// that Close gives the descriptor back only when nobody is in it.
type ttyLine struct {
	f    *os.File
	raw  syscall.RawConn
	cfg  Config
	pty  bool // has no wire, so bytes take no time
	quit chan struct{}
	once sync.Once
}

// open opens the device for this process alone and sets its mode. What it held from before is
// thrown away: a request that was sent before anybody listened must not start a sale later.
func (h host) open(name string, cfg Config) (_ line, warning string, err error) {
	info, err := os.Stat(name)
	if err == nil && info.Mode()&os.ModeCharDevice == 0 {
		return nil, "", &Error{Op: "open", Name: name, Kind: ErrNotSerial, Hint: h.present()}
	}
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", h.explain("open", name, err)
	}
	t := &ttyLine{f: f, cfg: cfg, quit: make(chan struct{})}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if err = f.SetDeadline(time.Time{}); err != nil {
		// without deadlines nothing here would ever end
		return nil, "", &Error{Op: "open", Name: name, Kind: ErrNotSerial, Cause: err,
			Hint: h.present()}
	}
	if t.raw, err = f.SyscallConn(); err != nil {
		return nil, "", asError("open", name, err)
	}
	if err = t.claim(h, name); err != nil {
		return nil, "", err
	}
	if err = t.setMode(h, name); err != nil {
		return nil, "", err
	}
	if others := h.holders(name, os.Getpid()); others != "" {
		warning = "also open in " + others + ", which may take bytes away"
	}
	return t, warning, nil
}

// claim makes sure that the device is a terminal, and takes the lock on the device itself that tio,
// picocom and others respect. It binds root too, unlike TIOCEXCL.
func (t *ttyLine) claim(h host, name string) error {
	if err := t.ioctl(func(fd int) error {
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	}); err != nil {
		if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
			return &Error{Op: "open", Name: name, Kind: ErrNotSerial, Hint: h.present()}
		}
		return h.explain("open", name, err) // a serial port without hardware says EIO
	}
	if err := t.ioctl(func(fd int) error {
		return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	}); err != nil {
		return h.explain("lock", name, unix.EBUSY)
	}
	return t.ioctl(func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		major := unix.Major(st.Rdev)
		t.pty = major >= 136 && major <= 143 // Unix 98 pseudo-terminals
		return nil
	})
}

// setMode lets the library set the mode, which belongs to the device and not to a descriptor, and
// closes the library's port again. What it cannot do, hardware flow control, comes after.
func (t *ttyLine) setMode(h host, name string) error {
	// the library's descriptors are not close-on-exec: no child may be born with them
	syscall.ForkLock.RLock()
	p, err := port.Open(name, t.cfg.mode())
	if err == nil {
		err = p.Close()
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		if code, ok := portErrorCode(err); ok &&
			(code == port.PortBusy || code == port.PermissionDenied) {
			return h.explain("open", name, err)
		}
		return &Error{Op: "mode", Name: name, Kind: ErrMode, Cause: err,
			Hint: t.cfg.describe() + " was asked for"}
	}
	if err := t.ioctl(t.finishMode); err != nil {
		return &Error{Op: "mode", Name: name, Kind: ErrMode, Cause: err,
			Hint: t.cfg.describe() + " was asked for"}
	}
	return nil
}

func (c Config) describe() string {
	return fmt.Sprintf("%d baud, %d data bits, parity %s, %d stop bits, flow %s", c.Baud,
		c.DataBits, c.Parity, c.StopBits, c.Flow)
}

// finishMode sets flow control and exclusive use, throws old bytes away, and checks that the mode
// reached this very device: had it been replaced between the two opens, it would still echo.
func (t *ttyLine) finishMode(fd int) error {
	s, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	if s.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 || s.Iflag&(unix.IXON|unix.ICRNL) != 0 ||
		s.Oflag&unix.OPOST != 0 || s.Cc[unix.VMIN] != 1 {
		return errors.New("it changes bytes that pass through it, or was replaced a moment ago")
	}
	if t.cfg.Flow == FlowRTSCTS {
		s.Cflag |= unix.CRTSCTS
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, s); err != nil {
			return err
		}
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return err
	}
	return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
}

// ioctl runs op with the descriptor, which cannot be closed meanwhile.
func (t *ttyLine) ioctl(op func(fd int) error) error {
	var opErr error
	if err := t.raw.Control(func(fd uintptr) { opErr = op(int(fd)) }); err != nil {
		return t.error(err)
	}
	return opErr
}

// error is err, or ErrClosed when that is why: os.File says so in several ways.
func (t *ttyLine) error(err error) error {
	select {
	case <-t.quit:
		if err != nil {
			return ErrClosed
		}
	default:
	}
	return ioError(err)
}

func (t *ttyLine) Name() string { return t.f.Name() }

func (t *ttyLine) CloseWrite() error { return nil }

func (t *ttyLine) Read(p []byte) (int, error) {
	n, err := t.f.Read(p)
	return n, t.error(err)
}

func (t *ttyLine) Write(p []byte, until time.Time) error {
	if err := t.f.SetWriteDeadline(until); err != nil {
		return t.error(err)
	}
	began := time.Now()
	if _, err := t.f.Write(p); err != nil {
		return t.error(err)
	}
	return t.drain(began.Add(t.cfg.wireTime(len(p))), until)
}

// drain waits until the driver has nothing left to send, and no less than the bytes need on the
// wire: drivers of USB adapters do not know what is left in the adapter. TCSBRK is not used for it:
// it has no deadline, and nothing wakes it.
func (t *ttyLine) drain(notBefore, until time.Time) error {
	if t.pty {
		notBefore = time.Time{}
	}
	for {
		var left int
		if err := t.ioctl(func(fd int) (err error) {
			left, err = unix.IoctlGetInt(fd, unix.TIOCOUTQ)
			return err
		}); err != nil {
			return t.error(err)
		}
		now := time.Now()
		wait := max(notBefore.Sub(now), min(t.cfg.wireTime(left), drainPoll))
		if left == 0 && !now.Before(notBefore) {
			return nil
		}
		if !now.Before(until) {
			return ErrBlocked
		}
		timer := time.NewTimer(min(max(wait, time.Millisecond), until.Sub(now)))
		select {
		case <-timer.C:
		case <-t.quit:
			timer.Stop()
			return ErrClosed
		}
	}
}

// Close throws away what was not sent, since the driver would wait for it, up to 30 s; what a Write
// returned for has gone.
func (t *ttyLine) Close() (err error) {
	t.once.Do(func() {
		close(t.quit)
		_ = t.ioctl(func(fd int) error {
			_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
			return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0)
		})
		err = t.f.Close()
	})
	return err
}

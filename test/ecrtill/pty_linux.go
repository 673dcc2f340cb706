package ecrtill

import (
	"errors"
	"os"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// OpenLine makes a pty pair that carries bytes as they are from its first one on. The till's end
// obeys read deadlines, as a Port must. The terminal's end is for its name, and to keep the line up
// while nobody else has it open. Both are the caller's to close.
func OpenLine() (tillEnd, terminalEnd *os.File, err error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer master.Close() // the end that is returned is a duplicate
	tio, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		return nil, nil, errors.Join(err, slave.Close())
	}
	tio.Iflag, tio.Oflag, tio.Lflag = 0, 0, 0
	tio.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B9600
	tio.Cc[unix.VMIN], tio.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, tio); err != nil {
		return nil, nil, errors.Join(err, slave.Close())
	}
	tillEnd, err = Unblocked(master)
	if err != nil {
		return nil, nil, errors.Join(err, slave.Close())
	}
	return tillEnd, slave, nil
}

// Unblocked is a duplicate of a terminal device that obeys deadlines: Go opens such devices for
// blocking reads, which nothing ends.
func Unblocked(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

package prompt

import (
	"os"

	"golang.org/x/sys/unix"
)

// withoutEcho stops a terminal from showing what is typed; false when f is none.
func withoutEcho(f *os.File) (restore func() error, ok bool) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, false
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ICANON | unix.ISIG
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &quiet); err != nil {
		return nil, false
	}
	return func() error { return unix.IoctlSetTermios(fd, unix.TCSETS, before) }, true
}

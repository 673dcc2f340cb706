//go:build unix

package offline

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// noFollow opens no link.
const noFollow = unix.O_NOFOLLOW

// saysFull reports whether the system's error is about space.
func saysFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// lockWhole takes the file's lock without waiting; errHeld = another process has it.
func lockWhole(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errHeld
	}
	return err
}

func ownerOf(info fs.FileInfo) owner {
	if info != nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			return owner{int(st.Uid), int(st.Gid)}
		}
	}
	return owner{-1, -1}
}

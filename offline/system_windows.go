package offline

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// noFollow changes nothing: links need rights of their own here.
const noFollow = 0

// saysFull reports whether the system's error is about space.
func saysFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) ||
		errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// lockAt is a byte behind everything that the lock file says: a lock keeps others from reading what
// it covers.
const lockAt = 1 << 30

// lockWhole takes the file's lock without waiting; errHeld = another process has it.
func lockWhole(f *os.File) error {
	const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0,
		&windows.Overlapped{Offset: lockAt})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errHeld
	}
	return err
}

// ownerOf tells nothing: new files inherit what their directory grants.
func ownerOf(fs.FileInfo) owner { return owner{-1, -1} }

//go:build unix

package serial

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lock makes this process the only one of our kind on the device: exclusive opening (TIOCEXCL) does
// not bind root. The file holds the owner's process id for the other's error; it is never removed,
// because a lock on a removed file keeps nobody out.
func (h host) lock(name string) (unlock func(), err error) {
	base := lockBase(name)
	var f *os.File
	for _, dir := range h.lockDirs {
		if f, err = openLock(filepath.Join(dir, base)); err == nil {
			break
		}
	}
	if err != nil {
		return nil, &Error{Op: "lock", Name: name, Kind: ErrIO, Cause: err,
			Hint: "the directory for lock files must be writable"}
	}
	if err := flock(f); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &Error{Op: "lock", Name: name, Kind: ErrIO, Cause: err}
		}
		return nil, &Error{Op: "lock", Name: name, Kind: ErrBusy,
			Hint: "it is used by " + h.process(lockOwner(f)) +
				", which holds " + f.Name() +
				": two programs on one line would take each other's bytes"}
	}
	// Whose lock it is is a hint only: a file that cannot be written keeps others out as well.
	_ = f.Truncate(0)
	_, _ = f.WriteAt(fmt.Appendf(nil, "%10d\n", os.Getpid()), 0)
	return func() {
		_ = f.Truncate(0)
		_ = f.Close()
	}, nil
}

// lockBase is the name of the device's lock file.
func lockBase(name string) string {
	return "kiosk-agent" + strings.ReplaceAll(name, string(filepath.Separator), "-") + ".lock"
}

// openLock opens the file, or makes it so that any user of the device can lock it. It is opened
// without O_CREATE first: in a directory that all may write, the kernel refuses O_CREATE of
// somebody else's file even to root. A symbolic link is not followed.
func openLock(path string) (*os.File, error) {
	for range 3 { // somebody else may make it between the two
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrPermission) {
			f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o666)
		if err == nil {
			return f, f.Chmod(0o666) // the umask must not keep the next user of the device out
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return nil, fs.ErrExist
}

func flock(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var lockErr error
	if err := raw.Control(func(fd uintptr) {
		lockErr = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
	}); err != nil {
		return err
	}
	return lockErr
}

func lockOwner(f *os.File) (pid string) {
	b, _ := io.ReadAll(io.NewSectionReader(f, 0, 32))
	n, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil || n <= 0 {
		return "unknown"
	}
	return strconv.Itoa(n)
}

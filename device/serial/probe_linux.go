package serial

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// usable looks at the device's permissions, at its lock file, without making one, and at who has it
// open.
func (h host) usable(name string) error {
	info, err := os.Stat(name)
	if err == nil {
		err = unix.Access(name, unix.R_OK|unix.W_OK)
	}
	if err != nil {
		return h.explain("open", name, &fs.PathError{Op: "open", Path: name, Err: err})
	}
	if info.Mode()&fs.ModeCharDevice == 0 {
		return &Error{Op: "open", Name: name, Kind: ErrNotSerial, Hint: h.present()}
	}
	for _, dir := range h.lockDirs {
		f, err := os.OpenFile(filepath.Join(dir, lockBase(name)), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		err = flock(f)
		owner := lockOwner(f)
		_ = f.Close() // gives the lock back
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return &Error{Op: "lock", Name: name, Kind: ErrBusy,
				Hint: "it is used by " + h.process(owner)}
		}
	}
	if who := h.holders(name, 0); who != "" {
		return &Error{Op: "open", Name: name, Kind: ErrBusy,
			Hint: "it is open in " + who + ": end that, or keep it off this device"}
	}
	return nil
}

package offline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// fileMode of everything made here: a journal holds customers' links, so it is for its owner only.
const fileMode = 0o600

// errHeld is lockWhole's when another process has the lock.
var errHeld = errors.New("held by another process")

var errLink = errors.New("it is a link, or no regular file: remove it")

// lockFile takes the journal's lock, or says who has it. The lock ends with the process, however it
// ends; the file stays.
func lockFile(path string) (*os.File, error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|noFollow, fileMode)
	if err == nil {
		err = ownFile(f, name)
	} else if info, lerr := os.Lstat(name); lerr == nil && !info.Mode().IsRegular() {
		err = errLink
	}
	if err != nil {
		return nil, failure(path, "cannot open the lock file", err)
	}
	err = lockWhole(f)
	if errors.Is(err, errHeld) {
		who := holder(f)
		f.Close()
		return nil, &Error{Kind: ErrLocked, Path: path, What: "in use by " + who,
			Hint: "one process writes a journal; stop that one, or use a command that only reads"}
	}
	if err == nil {
		err = writePID(f)
	}
	if err != nil {
		f.Close()
		return nil, failure(path, "cannot lock", err)
	}
	return f, nil
}

// ownFile closes f again unless it is the regular file of this very name. Behind a link is somebody
// else's file, and restore, run by root in the agent's directory, must not write into what the
// agent's user has linked there.
func ownFile(f *os.File, name string) error {
	opened, err := f.Stat()
	if err == nil {
		var named os.FileInfo
		if named, err = os.Lstat(name); err == nil &&
			(!named.Mode().IsRegular() || !os.SameFile(opened, named)) {
			err = errLink
		}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	if saysFull(err) {
		// the number is for people; a full disk must not keep the agent from answering reads
		return nil
	}
	return err
}

// holder names the process that wrote the lock file.
func holder(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	pid, perr := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || perr != nil || pid <= 0 {
		return "another process"
	}
	return fmt.Sprintf("process %d", pid)
}

// Package rights keeps root from working with root's rights in another user's directory, where that
// user can put a link in the place of any name: root would follow it, and give him the file behind.
//
// [As] works as the user to whom the directory belongs; [Open] reads through a handle that leads to
// nothing outside of it. Who is not root does as before. Whose a directory is, is asked of every
// directory on the way to it, and a link on the way is followed as root would: the first that is
// not root's counts, for its owner decides what is below. As changes the rights of the whole
// process until its function returns: calls for one user may be made at once, calls for two may
// not. Nothing has to survive a crash.
package rights

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many links may be on one way.
const maxLinks = 40

// owner is a user who is not root; the zero owner is nobody.
type owner struct {
	uid, gid int
	dir      string // the first directory on the way that is his
	rest     string // the way from there
}

// way walks to path, component by component, as the kernel does, and stops at the first directory
// that is not root's. What does not exist is root's: who makes it.
func way(path string) (owner, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return owner{}, err
	}
	at, todo := string(filepath.Separator), split(path)
	for links := 0; ; {
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return owner{}, nil
		}
		if err != nil {
			return owner{}, err
		}
		if uid, gid := idsOf(info); uid != 0 && info.IsDir() {
			return owner{uid, gid, at, filepath.Join(append([]string{"."}, todo...)...)}, nil
		}
		if len(todo) == 0 {
			return owner{}, nil
		}
		next := filepath.Join(at, todo[0])
		todo = todo[1:]
		info, err = os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return owner{}, nil
		case err != nil:
			return owner{}, err
		case info.Mode().Type() != fs.ModeSymlink:
			at = next
			continue
		}
		if links++; links > maxLinks {
			return owner{}, fmt.Errorf("%s: too many links", path)
		}
		to, err := os.Readlink(next)
		if err != nil {
			return owner{}, err
		}
		if filepath.IsAbs(to) {
			at = string(filepath.Separator)
		}
		todo = append(split(to), todo...)
	}
}

// split are the components of a path. filepath.Join takes care of "..": what is above a directory
// of root's is root's.
func split(path string) (parts []string) {
	for part := range strings.SplitSeq(filepath.ToSlash(path), "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts
}

// Owner is the user whose rights As would have there; 0 = As changes nothing.
func Owner(path string) (uid int, err error) {
	if !root() {
		return 0, nil
	}
	o, err := way(path)
	return o.uid, err
}

// As runs f as the user to whom the directory at path belongs, or the one that path would be in,
// where root runs this. Who cannot become that user runs nothing. In an f, As changes nothing: what
// is root's cannot be had there.
func As(path string, f func() error) error {
	if lowered() {
		return as(owner{}, f)
	}
	if !root() {
		return f()
	}
	o, err := way(path)
	if err != nil {
		return fmt.Errorf("%s: whose it is cannot be found out: %w", path, err)
	}
	if o.uid == 0 {
		return f()
	}
	return as(o, f)
}

// Open opens a file for reading. In another user's directory root is led to nothing outside of it,
// and to no file of root's that has a name elsewhere.
func Open(path string) (*os.File, error) { return open(path, os.O_RDONLY) }

func open(path string, flag int) (*os.File, error) {
	if !root() {
		return os.OpenFile(path, flag, 0)
	}
	o, err := way(path)
	if err != nil {
		return nil, err
	}
	if o.uid == 0 {
		return os.OpenFile(path, flag, 0)
	}
	dir, err := os.OpenRoot(o.dir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := dir.OpenFile(o.rest, flag, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && linked(info, o) {
		err = &fs.PathError{Op: "open", Path: path,
			Err: errors.New("it is a link to a file that is not its directory's owner's")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

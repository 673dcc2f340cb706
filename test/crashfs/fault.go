//go:build linux

package crashfs

import "syscall"

// Op is a kind of file operation; kinds can be joined with |.
type Op int

// The operations that can be made to fail. Open includes the making of a file; Look is a look-up of
// a name, the reading of a directory or of an inode.
const (
	Open Op = 1 << iota
	Read
	Write
	Fsync
	Truncate
	Unlink
	Rename
	Mkdir
	Look

	Changes = Open | Write | Fsync | Truncate | Unlink | Rename | Mkdir
	Any     = Changes | Read | Look
)

// Fault is what happens to operations.
type Fault struct {
	Op     Op
	Nth    int // the first that fails, counted from 1 when the fault is set
	Errno  syscall.Errno
	Onward bool // the later ones fail, too
}

type fault struct {
	Fault
	seen, hit int
	mended    bool
}

// strike is the error that the next operation of this kind must end with, 0 for none.
func (d *disk) strike(op Op, n *inode) (errno syscall.Errno) {
	if n != nil && n.scratch && op == Write {
		return 0
	}
	for _, f := range d.faults {
		if f.mended || f.Op&op == 0 {
			continue
		}
		f.seen++
		if f.seen == f.Nth || f.Onward && f.seen > f.Nth {
			f.hit++
			errno = f.Errno
		}
	}
	return errno
}

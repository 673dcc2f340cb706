//go:build linux

package crashfs

import (
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Names says which changes of directories an fsync makes durable.
type Names int

const (
	// Ordered is what ext4 and XFS do: changes of directories reach the disk in the order in which
	// they were made, and an fsync of a file or directory that was changed itself takes everything
	// before that change along.
	Ordered Names = iota
	// OwnEntry promises less: an fsync of a file makes its own entry durable and the directories
	// above it, one of a directory its entries; everything else is kept or lost on its own.
	OwnEntry
	// ManPage is what fsync(2) promises: only an fsync of the directory makes an entry durable.
	ManPage
)

// Config of a Disk.
type Config struct {
	// Seed of every choice at the cut.
	Seed uint64
	// Names is what a sync does for directories. Default Ordered.
	Names Names
	// Capacity in bytes of all contents; more are refused with ENOSPC. Default 0 = 64 GiB.
	Capacity int64
	// Scratch is how the names of files end that may be mapped into memory and that nothing after a
	// crash depends on, as SQLite's -shm. What happens to them is not counted as an operation.
	// Default: there are none.
	Scratch string
	// Syncing is how long an fsync takes, as a card's. Default: no time.
	Syncing time.Duration
	// Closing is how long an unmount waits for the last file to be closed: a process that the tests
	// start at that moment has their files for as long as it takes to become another program, which
	// is long on a machine with other work. Default: 30 s.
	Closing time.Duration
}

// Image is what a disk holds: slash-separated paths, without a leading slash, and what is there.
type Image map[string]File

// File is one entry of an Image.
type File struct {
	Mode os.FileMode // permissions, and os.ModeDir for a directory
	Data []byte      // never changed after the image was made
}

// Disk is one disk in one life: from when it is mounted to the power cut, or to when it is
// unmounted. Make the next one from its Image. Its methods can be called when it is mounted; those
// that only ask, until Image, from any goroutine.
type Disk struct {
	cfg   Config
	from  Image
	cmd   *exec.Cmd
	calls *rpc.Client
	image Image  // once it was asked for
	end   *state // after Unmount
}

// New makes a disk that holds the image; nil is an empty one.
func New(cfg Config, from Image) *Disk { return &Disk{cfg: cfg, from: from} }

// pipe joins both ends of a child's standard streams.
type pipe struct {
	io.Reader
	io.WriteCloser
}

// Mount makes the disk visible at an empty directory, until Unmount. A process of its own serves
// it: a file system cannot be served by a process that maps its files into memory, nor by one that
// may crash, without locking up both.
func (d *Disk) Mount(dir string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	d.cmd = exec.Command(exe)
	d.cmd.Env, d.cmd.Stderr = append(os.Environ(), roleVariable+"=1"), os.Stderr
	// Ctrl-C is for the tests; the server ends with them
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := d.cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	d.calls = rpc.NewClient(pipe{out, in})
	if err := d.calls.Call("Disk.Mount", mountArgs{d.cfg, d.from, dir}, new(none)); err != nil {
		return errors.Join(fmt.Errorf("crashfs: these tests cut the power of a FUSE file "+
			"system, and none could be mounted: it takes "+
			"/dev/fuse, root or the package fuse3, and a call of crashfs.Main at the start of "+
			"TestMain: %w", err), d.stop())
	}
	d.from = nil
	return nil
}

// stop ends the process that serves the disk.
func (d *Disk) stop() error {
	return errors.Join(d.calls.Close(), d.cmd.Wait())
}

// Unmount ends the mount. When a file is still open, the error says so and the mount is gone all
// the same.
func (d *Disk) Unmount() error {
	if d.end != nil {
		return nil
	}
	d.end = &state{}
	d.end.Image = d.image
	return errors.Join(d.calls.Call("Disk.Unmount", d.image == nil, d.end), d.stop())
}

// call asks the process that serves the disk. Its death is a mistake of the test.
func (d *Disk) call(method string, args, reply any) {
	if err := d.calls.Call("Disk."+method, args, reply); err != nil {
		panic(fmt.Sprintf("crashfs: %s: %v", method, err))
	}
}

// Ops is how many changes and syncs there were.
func (d *Disk) Ops() (n int) {
	if d.end != nil {
		return d.end.Ops
	}
	d.call("Ops", none(0), &n)
	return n
}

// CutAfter plans the power cut: it comes after so many more operations that change or sync
// something, at least one.
func (d *Disk) CutAfter(ops int) { d.call("CutAfter", ops, new(none)) }

// IsCut reports whether the power was cut.
func (d *Disk) IsCut() (cut bool) {
	if d.end != nil {
		return true
	}
	d.call("IsCut", none(0), &cut)
	return cut
}

// Image is what the power cut has left. If there was none, it is cut now, or was when the disk was
// unmounted.
func (d *Disk) Image() (i Image) {
	if d.end != nil {
		return d.end.Image
	}
	d.call("Image", none(0), &d.image)
	return d.image
}

// Seen is what processes see now: what is left if the power is not cut. It is for a disk that is
// mounted.
func (d *Disk) Seen() (i Image) {
	d.call("Seen", none(0), &i)
	return i
}

// Fail sets a fault beside those that are set, and returns how often it has struck so far. Writes
// to scratch files do not fail, since the kernel makes them when it likes.
func (d *Disk) Fail(f Fault) (struck func() int) {
	var id int
	d.call("Fail", f, &id)
	return func() (n int) {
		if d.end != nil && id >= len(d.end.Struck) {
			return 0 // the unmount has failed, and said so
		}
		if d.end != nil {
			return d.end.Struck[id]
		}
		d.call("Struck", id, &n)
		return n
	}
}

// Mend takes all faults away.
func (d *Disk) Mend() { d.call("Mend", none(0), new(none)) }

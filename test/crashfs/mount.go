//go:build linux

package crashfs

import (
	"errors"
	"io"
	"log"
	"net/rpc"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// roleVariable makes a test binary serve a disk instead of running tests.
const roleVariable = "FORGETFS_SERVE"

// Main serves a disk and exits, if this process was started for that; otherwise it returns at once.
// It belongs at the start of the TestMain of each package whose tests mount a Disk.
func Main() {
	if os.Getenv(roleVariable) == "" {
		return
	}
	s := &service{}
	server := rpc.NewServer()
	out, err := syscall.Dup(1) // a broken pipe at 1 would kill us before we have unmounted
	if err == nil {
		err = server.RegisterName("Disk", s)
	}
	if err != nil {
		log.Fatal(err)
	}
	server.ServeConn(struct {
		io.Reader
		io.WriteCloser
	}{os.Stdin, os.NewFile(uintptr(out),
		"stdout")}) // until the tests end the disk, or have ended however they did
	if s.d != nil && s.d.server != nil {
		_ = syscall.Unmount(s.d.dir, syscall.MNT_DETACH)
	}
	os.Exit(0)
}

// service is what the tests may ask of a disk.
type service struct{ d *disk }

// The types are aliases because net/rpc takes exported or unnamed ones only.
type (
	none      = int // and gob takes no empty struct
	mountArgs = struct {
		Cfg  Config
		From Image
		Dir  string
	}
	// state is what is asked after the end.
	state = struct {
		Ops    int
		Image  Image
		Struck []int
	}
)

func (s *service) Mount(args mountArgs, _ *none) error {
	s.d = newDisk(args.Cfg, args.From)
	return s.d.mount(args.Dir)
}

func (s *service) Unmount(withImage bool, end *state) error {
	if err := s.d.unmount(); err != nil {
		return err
	}
	return s.locked(func(d *disk) {
		end.Ops = d.ops
		if withImage {
			end.Image = d.cut()
		}
		for _, f := range d.faults {
			end.Struck = append(end.Struck, f.hit)
		}
	})
}

func (s *service) locked(fn func(d *disk)) error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	fn(s.d)
	return nil
}

func (s *service) Ops(_ none, n *int) error { return s.locked(func(d *disk) { *n = d.ops }) }

func (s *service) CutAfter(ops int, _ *none) error {
	return s.locked(func(d *disk) { d.cutAt = d.ops + max(ops, 1) })
}

func (s *service) IsCut(_ none, cut *bool) error {
	return s.locked(func(d *disk) { *cut = d.image != nil })
}

func (s *service) Image(_ none, i *Image) error { return s.locked(func(d *disk) { *i = d.cut() }) }

func (s *service) Seen(_ none, i *Image) error { return s.locked(func(d *disk) { *i = d.seen() }) }

func (s *service) Fail(f Fault, id *int) error {
	return s.locked(func(d *disk) {
		*id = len(d.faults)
		d.faults = append(d.faults, &fault{Fault: f})
	})
}

func (s *service) Struck(id int, n *int) error {
	return s.locked(func(d *disk) { *n = d.faults[id].hit })
}

func (s *service) Mend(none, *none) error {
	return s.locked(func(d *disk) {
		for _, f := range d.faults {
			f.mended = true
		}
	})
}

func (d *disk) mount(dir string) (err error) {
	forever := time.Hour // nobody but the kernel changes anything
	d.dir = dir
	d.server, err = fs.Mount(dir, &node{d: d, id: rootID}, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMount: true, FsName: "crashfs", Name: "crashfs",
			Logger: log.New(os.Stderr, "crashfs: ", 0)},
		EntryTimeout: &forever, RootStableAttr: &fs.StableAttr{Ino: rootID},
	})
	return err
}

const defaultClosing = 30 * time.Second

func (d *disk) unmount() error {
	err := syscall.Unmount(d.dir, syscall.MNT_DETACH)
	if errors.Is(err, syscall.EPERM) {
		err = d.server.Unmount() // with fusermount
	}
	if err != nil {
		return err
	}
	closed, server := make(chan struct{}), d.server
	d.server = nil
	go func() {
		server.Wait()
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case <-time.After(d.cfg.Closing):
		return errors.New("crashfs: a file is still open")
	}
}

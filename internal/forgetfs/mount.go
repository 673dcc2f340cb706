//go:build linux

package forgetfs

import (
	"errors"
	"fmt"
	"log"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount makes the disk visible at an empty directory.
func (d *Disk) Mount(dir string) error {
	forever := time.Hour // nobody but the kernel changes anything
	server, err := fs.Mount(dir, &node{d: d, id: rootID}, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMount: true, FsName: "forgetfs", Name: "forgetfs", Logger: log.New(os.Stderr, "forgetfs: ", 0)},
		EntryTimeout: &forever, RootStableAttr: &fs.StableAttr{Ino: rootID},
	})
	if err != nil {
		return fmt.Errorf("forgetfs: these tests cut the power of a FUSE file system, and this machine mounts none: it takes /dev/fuse, "+
			"and root or the package fuse3: %w", err)
	}
	d.server, d.dir = server, dir
	return nil
}

// Unmount ends the mount. When a file is still open, the error says so and the mount is gone all the same once it is closed.
func (d *Disk) Unmount() error {
	if d.server == nil {
		return nil
	}
	err := syscall.Unmount(d.dir, 0)
	switch {
	case errors.Is(err, syscall.EPERM):
		err = d.server.Unmount() // with fusermount
	case err != nil:
		err = errors.Join(fmt.Errorf("forgetfs: is a file still open? %w", err), syscall.Unmount(d.dir, syscall.MNT_DETACH))
	}
	if err == nil {
		d.server.Wait()
		d.server = nil
	}
	return err
}

//go:build linux

package crashfs

import (
	"context"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node answers the kernel for one inode. It has no PassthroughFd: with one, the kernel would go
// past us.
type node struct {
	fs.Inode
	d  *disk
	id uint64
}

// handle is an open file.
type handle struct{ sync bool }

var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

// begin takes the lock, and says how the operation must end if a fault strikes it.
func (n *node) begin(op Op) (*inode, syscall.Errno) {
	n.d.mu.Lock()
	in := n.d.inodes[n.id]
	return in, n.d.strike(op, in)
}

func (n *node) child(ctx context.Context, in *inode, out *fuse.EntryOut) *fs.Inode {
	in.attr(&out.Attr)
	mode := uint32(syscall.S_IFREG)
	if in.dir {
		mode = syscall.S_IFDIR
	}
	return n.NewInode(ctx, &node{d: n.d, id: in.id}, fs.StableAttr{Mode: mode, Ino: in.id})
}

func (in *inode) attr(out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink, out.Size = in.id, in.mode|syscall.S_IFREG, 1, uint64(len(in.data))
	out.Blksize, out.Blocks = 4096, (out.Size+511)/512
	if in.dir {
		out.Mode = in.mode | syscall.S_IFDIR
	}
	out.Owner = fuse.Owner{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	out.SetTimes(&in.mtime, &in.mtime, &in.mtime)
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode,
	syscall.Errno) {
	in, errno := n.begin(Look)
	defer n.d.mu.Unlock()
	if errno != 0 {
		return nil, errno
	}
	id := in.names[name]
	if id == 0 {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, n.d.inodes[id], out), 0
}

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	in, errno := n.begin(Look)
	defer n.d.mu.Unlock()
	in.attr(&out.Attr)
	return errno
}

// Setattr truncates and changes permissions; times and owners stay as they are.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, req *fuse.SetAttrIn,
	out *fuse.AttrOut) syscall.Errno {
	op := Look
	size, truncate := req.GetSize()
	if truncate {
		op = Truncate
	}
	in, errno := n.begin(op)
	defer n.d.mu.Unlock()
	if errno != 0 {
		return errno
	}
	if truncate {
		if _, errno := n.d.changeContent(in, change{off: int64(size)}); errno != 0 {
			return errno
		}
	}
	if mode, ok := req.GetMode(); ok {
		in.mode = mode & 0o7777
	}
	in.attr(&out.Attr)
	return 0
}

func (in *inode) open(flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h := &handle{sync: flags&syscall.O_DSYNC != 0} // O_SYNC includes it
	if in.scratch {
		return h, 0, 0
	}
	return h, fuse.FOPEN_DIRECT_IO, 0 // each read and write comes to us
}

func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	in, errno := n.begin(Open)
	defer n.d.mu.Unlock()
	if errno != 0 {
		return nil, 0, errno
	}
	if flags&syscall.O_TRUNC != 0 && len(in.data) > 0 {
		if _, errno := n.d.changeContent(in, change{}); errno != 0 {
			return nil, 0, errno
		}
	}
	return in.open(flags)
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32,
	out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	in, errno := n.begin(Open)
	defer n.d.mu.Unlock()
	if errno == 0 && in.names[name] != 0 {
		errno = syscall.EEXIST
	}
	if errno != 0 {
		return nil, nil, 0, errno
	}
	made := n.d.make(in, name, mode, false)
	h, fuseFlags, errno := made.open(flags)
	return n.child(ctx, made, out), h, fuseFlags, errno
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode,
	syscall.Errno) {
	in, errno := n.begin(Mkdir)
	defer n.d.mu.Unlock()
	if errno == 0 && in.names[name] != 0 {
		errno = syscall.EEXIST
	}
	if errno != 0 {
		return nil, errno
	}
	return n.child(ctx, n.d.make(in, name, mode, true), out), 0
}

func (d *disk) make(dir *inode, name string, mode uint32, isDir bool) *inode {
	in := d.newInode(name, mode&0o7777, isDir)
	d.step(in)
	d.changeNames(nameChange{{dir: dir.id, name: name, is: in.id}})
	return in
}

func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult,
	syscall.Errno) {
	in, errno := n.begin(Read)
	defer n.d.mu.Unlock()
	if errno != 0 {
		return nil, errno
	}
	if off >= int64(len(in.data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(dest[:copy(dest, in.data[off:])]), 0
}

func (n *node) Write(_ context.Context, f fs.FileHandle, data []byte, off int64) (uint32,
	syscall.Errno) {
	in, errno := n.begin(Write)
	defer n.d.mu.Unlock()
	if errno != 0 {
		return 0, errno
	}
	written, errno := n.d.changeContent(in, change{off, append([]byte{}, data...)})
	if h, ok := f.(*handle); ok && h.sync && errno == 0 {
		errno = n.d.fsync(in)
	}
	return uint32(written), errno
}

func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	time.Sleep(n.d.cfg.Syncing) // what is asked of the disk meanwhile is in memory
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	return n.d.fsync(n.d.inodes[n.id])
}

// fsync makes durable, or drops what it should have made durable.
func (d *disk) fsync(in *inode) syscall.Errno {
	if errno := d.strike(Fsync, in); errno != 0 {
		in.pending = nil
		return errno
	}
	d.step(in)
	d.sync(in)
	return 0
}

func (n *node) Unlink(_ context.Context, name string) syscall.Errno { return n.remove(name) }

func (n *node) Rmdir(_ context.Context, name string) syscall.Errno { return n.remove(name) }

func (n *node) remove(name string) syscall.Errno {
	in, errno := n.begin(Unlink)
	defer n.d.mu.Unlock()
	gone := n.d.inodes[in.names[name]]
	switch {
	case errno != 0:
		return errno
	case gone == nil:
		return syscall.ENOENT
	case len(gone.names) > 0:
		return syscall.ENOTEMPTY
	}
	n.d.step(gone)
	n.d.changeNames(nameChange{{dir: in.id, name: name, was: gone.id}})
	n.d.used -= int64(len(gone.data))
	return 0
}

func (n *node) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string,
	flags uint32) syscall.Errno {
	in, errno := n.begin(Rename)
	defer n.d.mu.Unlock()
	to := n.d.inodes[newParent.(*node).id]
	moved, replaced := n.d.inodes[in.names[name]], n.d.inodes[to.names[newName]]
	switch {
	case errno != 0:
		return errno
	case flags != 0:
		return syscall.EINVAL
	case moved == nil:
		return syscall.ENOENT
	case replaced != nil && len(replaced.names) > 0:
		return syscall.ENOTEMPTY
	case replaced == moved:
		return 0
	}
	n.d.step(moved)
	c := nameChange{{dir: in.id, name: name, was: moved.id},
		{dir: to.id, name: newName, is: moved.id}}
	if replaced != nil {
		c[1].was = replaced.id
		n.d.used -= int64(len(replaced.data))
	}
	n.d.changeNames(c)
	return 0
}

func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	in, errno := n.begin(Look)
	defer n.d.mu.Unlock()
	if errno != 0 {
		return nil, errno
	}
	var all []fuse.DirEntry
	for name, id := range in.names {
		mode := uint32(syscall.S_IFREG)
		if n.d.inodes[id].dir {
			mode = syscall.S_IFDIR
		}
		all = append(all, fuse.DirEntry{Name: name, Ino: id, Mode: mode})
	}
	return fs.NewListDirStream(all), 0
}

func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	free := uint64(max(0, n.d.cfg.Capacity-n.d.used)) / 4096
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	out.Blocks, out.Bfree, out.Bavail, out.Files, out.Ffree = uint64(n.d.cfg.Capacity)/4096, free,
		free, 1<<20, 1<<20
	return 0
}

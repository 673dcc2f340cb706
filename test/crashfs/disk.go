//go:build linux

package crashfs

import (
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	rootID          = 1
	defaultCapacity = 64 << 30
)

// disk is one disk in one life, in the process that serves it.
type disk struct {
	cfg    Config
	mu     sync.Mutex
	rng    *rand.Rand
	inodes map[uint64]*inode
	nextID uint64
	used   int64
	log    []nameChange // not yet durable
	base   int          // how many changes of names were made durable and have left the log
	ops    int          // changes and syncs so far
	cutAt  int          // the cut comes after so many; 0 = not planned
	image  Image        // set at the cut
	faults []*fault
	server *fuse.Server
	dir    string
}

// inode is a file or a directory, as processes see it and as it is durably kept.
type inode struct {
	id       uint64
	mode     uint32 // permissions
	dir      bool
	scratch  bool
	mtime    time.Time
	data     []byte
	disk     []byte
	pending  []change          // from disk to data
	names    map[string]uint64 // of a directory
	kept     map[string]uint64 // of a directory, durably
	lastMeta int               // Ordered: an fsync takes so many changes of names along
}

func newDisk(cfg Config, from Image) *disk {
	if cfg.Capacity <= 0 {
		cfg.Capacity = defaultCapacity
	}
	if cfg.Closing <= 0 {
		cfg.Closing = defaultClosing
	}
	d := &disk{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0)), inodes: map[uint64]*inode{}}
	d.newInode("", 0o755, true)
	for name := range from {
		d.load(name, from)
	}
	return d
}

// load puts one entry of an image and the directories above it into the durable store.
func (d *disk) load(name string, from Image) *inode {
	if name == "." {
		return d.inodes[rootID]
	}
	parent := d.load(path.Dir(name), from)
	base := path.Base(name)
	if id := parent.names[base]; id != 0 {
		return d.inodes[id]
	}
	f := from[name]
	n := d.newInode(base, uint32(f.Mode.Perm()), f.Mode.IsDir())
	n.data, n.disk = append([]byte(nil), f.Data...), append([]byte(nil), f.Data...)
	d.used += int64(len(n.data))
	parent.names[base], parent.kept[base] = n.id, n.id
	return n
}

func (d *disk) newInode(name string, mode uint32, dir bool) *inode {
	d.nextID++
	n := &inode{id: d.nextID, mode: mode, dir: dir, mtime: time.Now()}
	n.scratch = !dir && d.cfg.Scratch != "" && strings.HasSuffix(name, d.cfg.Scratch)
	if dir {
		n.names, n.kept = map[string]uint64{}, map[string]uint64{}
	}
	d.inodes[n.id] = n
	return n
}

// step counts an operation that changes something, and cuts the power before it when its time has
// come.
func (d *disk) step(n *inode) {
	if n.scratch {
		return
	}
	if d.cutAt > 0 && d.ops >= d.cutAt {
		d.cut()
	}
	d.ops++
}

// picture copies the tree below the root; of shows an inode's entries and content.
func (d *disk) picture(of func(*inode) (map[string]uint64, []byte)) Image {
	img := Image{}
	var walk func(prefix string, n *inode)
	walk = func(prefix string, n *inode) {
		names, _ := of(n)
		for name, id := range names {
			child := d.inodes[id]
			if child.scratch {
				continue
			}
			f := File{Mode: os.FileMode(child.mode)}
			if child.dir {
				f.Mode |= os.ModeDir
				walk(path.Join(prefix, name), child)
			} else {
				_, data := of(child)
				f.Data = append([]byte{}, data...)
			}
			img[path.Join(prefix, name)] = f
		}
	}
	walk("", d.inodes[rootID])
	return img
}

// change of a content: data written at off, or, when data is nil, the length set to off.
type change struct {
	off  int64
	data []byte
}

// apply is the content after the change.
func (c change) apply(b []byte) []byte {
	end := c.off + int64(len(c.data))
	if c.data == nil && int64(len(b)) > c.off {
		return b[:c.off:c.off]
	}
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[c.off:], c.data)
	return b
}

// changeContent writes or truncates. A write for which there is too little room is short.
func (d *disk) changeContent(n *inode, c change) (written int, errno syscall.Errno) {
	length := max(int64(len(n.data)), c.off+int64(len(c.data)))
	if c.data == nil {
		length = c.off
	}
	if over := d.used + length - int64(len(n.data)) - d.cfg.Capacity; over > 0 &&
		length > int64(len(n.data)) {
		if over >= int64(len(c.data)) {
			return 0, syscall.ENOSPC
		}
		length -= over
		c.data = c.data[:int64(len(c.data))-over]
	}
	d.step(n)
	d.used += length - int64(len(n.data))
	if length != int64(len(n.data)) {
		n.lastMeta = d.base + len(d.log)
	}
	n.data, n.mtime = c.apply(n.data), time.Now()
	if d.image == nil && !n.scratch {
		n.pending = append(n.pending, c)
	}
	return len(c.data), 0
}

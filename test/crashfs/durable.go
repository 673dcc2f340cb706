//go:build linux

package crashfs

import (
	"math/rand/v2"
	"slices"
	"time"
)

// entry is one name of a directory that changes from one inode to another; 0 is none.
type entry struct {
	dir     uint64
	name    string
	was, is uint64
}

// nameChange is what one operation does to directories; all of it reaches the disk, or nothing. A
// rename has two entries.
type nameChange []entry

// under reports whether the change is to entries of this directory; names, whether it gives an
// entry to this inode.
func (c nameChange) under(dir uint64) bool {
	return slices.ContainsFunc(c, func(e entry) bool { return e.dir == dir })
}

func (c nameChange) names(id uint64) bool {
	return slices.ContainsFunc(c, func(e entry) bool { return e.is == id })
}

// needs reports whether c cannot be on the disk without the earlier change: they are about the same
// name or the same file, or the earlier one made the directory.
func (c nameChange) needs(earlier nameChange, names Names) bool {
	for _, e := range c {
		for _, o := range earlier {
			switch {
			case e.dir == o.dir && e.name == o.name,
				e.is != 0 && (e.is == o.is || e.is == o.was), e.was != 0 &&
					(e.was == o.is || e.was == o.was),
				names == OwnEntry && o.is == e.dir:
				return true
			}
		}
	}
	return false
}

// changeNames notes a change of names; the caller has made it for the processes.
func (d *disk) changeNames(c nameChange) {
	for _, e := range c {
		dir := d.inodes[e.dir]
		dir.mtime = time.Now()
		if e.is == 0 {
			delete(dir.names, e.name)
		} else {
			dir.names[e.name] = e.is
		}
	}
	if d.image != nil || slices.ContainsFunc(c,
		func(e entry) bool { return d.isScratch(e.is) || d.isScratch(e.was) }) {
		return
	}
	d.log = append(d.log, c)
	for _, e := range c {
		for _, id := range []uint64{e.dir, e.was, e.is} {
			if id != 0 {
				d.inodes[id].lastMeta = d.base + len(d.log)
			}
		}
	}
}

func (d *disk) isScratch(id uint64) bool { return id != 0 && d.inodes[id].scratch }

func (c nameChange) commit(inodes map[uint64]*inode) {
	for _, e := range c {
		if e.is == 0 {
			delete(inodes[e.dir].kept, e.name)
		} else {
			inodes[e.dir].kept[e.name] = e.is
		}
	}
}

// sync makes durable what an fsync of this inode promises.
func (d *disk) sync(n *inode) {
	for _, c := range n.pending {
		n.disk = c.apply(n.disk)
	}
	n.pending = nil
	if d.image != nil {
		return
	}
	if d.cfg.Names == Ordered {
		d.commitFirst(n.lastMeta - d.base)
		return
	}
	chosen := make([]bool, len(d.log))
	for i, c := range d.log {
		chosen[i] = n.dir && c.under(n.id) || c.names(n.id) && d.cfg.Names == OwnEntry
	}
	d.commitChosen(chosen)
}

func (d *disk) commitFirst(count int) {
	if count <= 0 {
		return
	}
	for _, c := range d.log[:count] {
		c.commit(d.inodes)
	}
	d.log, d.base = d.log[count:], d.base+count
}

// commitChosen makes these changes durable, and those that they need.
func (d *disk) commitChosen(chosen []bool) {
	for i := len(d.log) - 1; i >= 0; i-- {
		for k := range i {
			chosen[k] = chosen[k] || chosen[i] && d.log[i].needs(d.log[k], d.cfg.Names)
		}
	}
	var rest []nameChange
	for i, c := range d.log {
		if chosen[i] {
			c.commit(d.inodes)
		} else {
			rest = append(rest, c)
		}
	}
	d.base += len(d.log) - len(rest)
	d.log = rest
}

// cut makes the image: once.
func (d *disk) cut() Image {
	if d.image != nil {
		return d.image
	}
	f := fate{rng: d.rng, mood: d.rng.IntN(4), sector: []int64{512, 4096}[d.rng.IntN(2)]}
	if d.cfg.Names == Ordered {
		d.commitFirst(f.first(len(d.log)))
	} else {
		d.cutNames(f)
	}
	ids := make([]uint64, 0, len(d.inodes))
	for id := range d.inodes {
		ids = append(ids, id)
	}
	slices.Sort(ids) // the choices follow from the seed, not from the order of a map
	for _, id := range ids {
		n := d.inodes[id]
		n.disk, n.pending = f.content(n.disk, n.pending), nil
	}
	d.image = d.picture(func(n *inode) (map[string]uint64, []byte) { return n.kept, n.disk })
	d.log = nil
	return d.image
}

// seen is the image that processes see.
func (d *disk) seen() Image {
	return d.picture(func(n *inode) (map[string]uint64, []byte) { return n.names, n.data })
}

// cutNames keeps or loses each change; what needs a lost one is lost.
func (d *disk) cutNames(f fate) {
	var lost []nameChange
	for _, c := range d.log {
		if slices.ContainsFunc(lost, func(l nameChange) bool { return c.needs(l, d.cfg.Names) }) ||
			f.first(1) == 0 {
			lost = append(lost, c)
		} else {
			c.commit(d.inodes)
		}
	}
}

// fate decides what of the changes that were not synced is durable.
type fate struct {
	rng    *rand.Rand
	mood   int // 0 nothing, 1 everything, 2 half of it, 3 most of it
	sector int64
}

// first is how many of n changes in a row were made.
func (f fate) first(n int) int {
	switch f.mood {
	case 0:
		return 0
	case 1:
		return n
	case 2:
		return f.rng.IntN(n + 1)
	default:
		return max(f.rng.IntN(n+1), f.rng.IntN(n+1), f.rng.IntN(n+1))
	}
}

// content is what is left of a file: some of its truncations, in order, without what was written
// after a lost one; and of the writes to each sector the first few.
func (f fate) content(disk []byte, pending []change) []byte {
	pending = f.truncations(pending)
	writes := map[int64]int{} // to each sector
	for _, c := range pending {
		for _, piece := range f.pieces(c) {
			writes[piece.off/f.sector]++
		}
	}
	left := map[int64]int{}
	for _, c := range pending {
		if c.data == nil {
			disk = c.apply(disk)
		}
		for _, piece := range f.pieces(c) {
			at := piece.off / f.sector
			if _, decided := left[at]; !decided {
				left[at] = f.first(writes[at])
			}
			if left[at]--; left[at] >= 0 {
				disk = piece.apply(disk)
			}
		}
	}
	return disk
}

// truncations ends the changes before the first truncation that is lost.
func (f fate) truncations(pending []change) []change {
	var at []int
	for i, c := range pending {
		if c.data == nil {
			at = append(at, i)
		}
	}
	if keep := f.first(len(at)); keep < len(at) {
		return pending[:at[keep]]
	}
	return pending
}

// pieces are the parts of a write that lie in one sector each.
func (f fate) pieces(c change) (all []change) {
	for len(c.data) > 0 {
		n := min(int64(len(c.data)), f.sector-c.off%f.sector)
		all = append(all, change{c.off, c.data[:n]})
		c = change{c.off + n, c.data[n:]}
	}
	return all
}

package sim

import (
	"fmt"
	"path/filepath"
	"slices"

	"kiosk-agent/offline"
)

// backup is what the product's own backup has made, and what the oracle knew at that moment.
type backup struct {
	file   string
	facts  []entry
	hashes []string
	whole  int // of the anchor
	inSale bool
}

// backsUp is staff's backup, of whatever moment this is: while the agent sells, or between two of
// its processes.
func (d *disk) backsUp() {
	w, o := d.w, d.w.oracle
	d.backups++
	b := &backup{file: filepath.Join(d.dir, fmt.Sprintf("backup-%d", d.backups)),
		facts: slices.Clone(o.facts), hashes: slices.Clone(o.hashes), whole: o.whole}
	c, err := offline.Backup(d.path, b.file, nil)
	if err != nil {
		w.fail("the journal cannot be backed up: %v", err)
	}
	w.say("staff", "back the journal up: %d facts", c.Facts)
	if int(c.Facts) != len(b.facts) || c.Facts > 0 && c.Head.Hash != b.hashes[c.Facts-1] {
		w.fail("a backup of %d facts ends with fact %d %.8s", len(b.facts), c.Head.Seq, c.Head.Hash)
	}
	b.inSale = w.agent != nil && o.sells()
	if b.inSale {
		w.met(backupInSale)
	}
	d.backup = b
}

// sells reports whether a payment is under way.
func (o *oracle) sells() bool {
	return slices.ContainsFunc(o.facts, func(e entry) bool {
		a := o.accounts[e.f.Payment]
		return a != nil && !a.ended
	})
}

// restore is staff's restore of the newest backup; no agent runs.
func (d *disk) restore() {
	w, o, b := d.w, d.w.oracle, d.backup
	done, err := offline.Restore(b.file, d.path, w.now().Wall, nil)
	if err != nil {
		w.fail("a backup cannot be restored: %v", err)
	}
	w.say("staff", "restore the backup of %d facts; there were %d", done.Facts, len(o.facts))
	if int(done.Facts) != len(b.facts) || int(done.Was.Seq) != len(o.facts) {
		w.fail("a backup of %d facts is restored with %d in place of %d: %+v", len(b.facts),
			done.Facts, len(o.facts), done)
	}
	if b.inSale {
		w.met(backupRestored)
	}
	o.rolledBack(b)
}

// backups is how many the staff's timer makes during the sales of this run.
func (w *World) backups() int {
	if w.prof.enabled[journalRestored] && w.prof.level > 0 {
		return 2
	}
	return pick(w, 1, 0, 0, 0)
}

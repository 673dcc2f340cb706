package sim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// templates are empty journals, one for each journal that a run may need, made once for the
// process: making one takes longer than a whole sale. Their ids are fixed so that the chain of a
// run repeats.
var templates struct {
	once sync.Once
	ids  []string
	db   [][]byte
	err  error
}

const maxJournals = 4

func makeTemplates() {
	t := &templates
	dir, err := os.MkdirTemp("", "sim-template-")
	if err != nil {
		t.err = err
		return
	}
	defer os.RemoveAll(dir)
	for i := range maxJournals + 1 { // the last one is the sibling's
		id := fmt.Sprintf("%032x", i+1)
		path := filepath.Join(dir, id)
		j, err := offline.Open(offline.Config{Path: path, Create: true,
			NewID: func() string { return id }})
		if err == nil {
			err = j.Close()
		}
		var db []byte
		if err == nil {
			db, err = os.ReadFile(path)
		}
		if err != nil {
			t.err = err
			return
		}
		t.ids, t.db = append(t.ids, id), append(t.db, db)
	}
}

var errDisk = errors.New("input/output error")

// disk is the real journal with what a disk can do wrong.
type disk struct {
	*offline.Journal
	w          *World
	dir, path  string
	made       int           // journals made so far
	badUntil   time.Duration // no append succeeds before that
	blindUntil time.Duration // no look-up does
	refusedAt  time.Duration // true time of the newest append that failed
	backup     *backup       // the newest; it lies on another disk
	backups    int           // ever made
	unread     int           // look-ups that failed
}

func newDisk(w *World, parent string) *disk {
	templates.once.Do(makeTemplates)
	if templates.err != nil {
		w.fail("no journal can be made: %v", templates.err)
	}
	dir, err := os.MkdirTemp(parent, "sim-")
	if err != nil {
		w.fail("%v", err)
	}
	d := &disk{w: w, dir: dir, path: filepath.Join(dir, "journal.db")}
	d.blank()
	return d
}

// blank puts an empty journal in place, as the agent makes it at its first start.
func (d *disk) blank() {
	i := min(d.made, maxJournals-1)
	d.made++
	d.must(os.WriteFile(d.path, templates.db[i], 0o600))
	d.must(os.WriteFile(d.path+".id", []byte(templates.ids[i]+"\n"), 0o600))
}

func (d *disk) must(err error) {
	if err != nil {
		d.w.fail("the simulation's own disk: %v", err)
	}
}

// open is what the agent does at its start.
func (d *disk) open() error {
	if d.blind() {
		return errDisk
	}
	j, err := offline.Open(offline.Config{Path: d.path, KeepFacts: keepFacts, KeepFor: keepFor})
	if err != nil {
		return err
	}
	d.Journal = j
	return nil
}

func (d *disk) close() {
	if d.Journal != nil {
		d.must(d.Journal.Close())
		d.Journal = nil
	}
}

// lose takes the journal away altogether; the agent makes a new one.
func (d *disk) lose() {
	d.remove()
	d.blank()
	d.w.say("world", "the journal is lost with its disk; a new one is made")
	d.w.oracle.rolledBack(&backup{})
}

func (d *disk) remove() {
	for _, end := range []string{"", "-wal", "-shm", ".id"} {
		if err := os.Remove(d.path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.must(err)
		}
	}
}

// Append commits, unless the disk has its day.
func (d *disk) Append(facts []payment.Fact, pos *payment.Position) error {
	w := d.w
	bad := w.t < d.badUntil
	if !bad && w.hit(diskBadForLong) {
		d.badUntil, bad = w.t+w.between(time.Second, 5*time.Minute), true
		w.say("disk", "takes no entries for %s", d.badUntil-w.t)
	}
	if bad || w.hit(appendRefused) {
		d.refusedAt = w.t
		w.say("disk", "refuses %s", kinds(facts))
		return errDisk
	}
	if err := d.Journal.Append(facts, pos); err != nil {
		w.fail("the journal refuses facts of the engine: %v: %s", err, kinds(facts))
	}
	w.oracle.committed(facts)
	if pos != nil {
		if got, ok, err := d.Journal.Position(); err != nil || got != *pos ||
			ok != (*pos != payment.Position{}) {
			w.fail("the position was committed as %v and is %v %v", *pos, got, err)
		}
	}
	if w.hit(appendLies) {
		w.say("disk", "holds %s and says that it does not", kinds(facts))
		w.oracle.denied(facts)
		return errDisk
	}
	w.say("journal", "%s%s", kinds(facts), atPosition(pos))
	return nil
}

func kinds(facts []payment.Fact) string {
	s := ""
	for _, f := range facts {
		s += fmt.Sprintf(" %s(%s)", f.Kind(), short(f.Payment))
	}
	return s
}

func atPosition(p *payment.Position) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf(" @%s/%d", p.Epoch, p.Seq)
}

// short is the end of an identifier.
func short(id string) string { return id[max(0, len(id)-4):] }

// blind reports whether look-ups fail now.
func (d *disk) blind() bool {
	if d.w.t >= d.blindUntil && d.w.hit(readsFail) {
		d.blindUntil = d.w.t + d.w.between(10*time.Millisecond, 20*time.Second)
		d.w.say("disk", "cannot be read for %s", d.blindUntil-d.w.t)
	}
	if d.w.t >= d.blindUntil {
		return false
	}
	d.unread++
	return true
}

package offline

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"kiosk-agent/payment"
	"kiosk-agent/test/crashfs"
)

var (
	cuts    = flag.Int("cuts", 100, "power cuts of each TestPowerCut")
	cutSeed = flag.Uint64("cutseed", 0, "seed of the power cuts; 0 = a new one each time")
)

const shmFiles = "-shm"

// seller sells on a disk that loses its power again and again.
type seller struct {
	t      *testing.T
	rng    *rand.Rand
	seed   uint64
	soften string // a pragma that makes the journal less durable than it is; "" = none

	image crashfs.Image
	acked ack // the last fact that was promised before the last cut

	sure  map[int64]int64        // after which fact a loss comes, by the newest fact
	kinds map[payment.Kind]int64 // facts that were promised

	cuts, lost int
	rolledBack int   // journals that were found rolled back after a cut
	facts      int64 // promised
}

func newSeller(t *testing.T, soften string) *seller {
	seed := *cutSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test ./offline -run %s -cuts %d -cutseed %d", t.Name(), *cuts, seed)
	return &seller{t: t, rng: rand.New(rand.NewPCG(seed, 1)), seed: seed, soften: soften,
		sure: map[int64]int64{}, kinds: map[payment.Kind]int64{}}
}

// life mounts what the last cut has left, opens the journal, checks it, and sells until the power
// is cut.
func (s *seller) life() {
	s.t.Helper()
	names := crashfs.Names(s.cuts % 3)
	disk := crashfs.New(crashfs.Config{Seed: s.rng.Uint64(), Names: names, Scratch: shmFiles},
		s.image)
	dir := s.t.TempDir()
	if err := disk.Mount(dir); err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := disk.Unmount(); err != nil {
			s.t.Error(err)
		}
	}()
	disk.CutAfter(1 + s.rng.IntN(500))
	j, err := Open(Config{Path: filepath.Join(dir, "journal.db"), Create: true})
	if err != nil {
		s.t.Fatalf("cut %d: %v", s.cuts, err)
	}
	defer j.Close()
	if s.rng.IntN(2) == 0 { // so that many cuts come while the log is being moved into the file
		s.exec(j, "PRAGMA wal_autocheckpoint = 40")
	}
	if s.soften != "" {
		s.exec(j, s.soften)
	}
	s.check(j)
	s.sell(j, disk)
	s.image = disk.Image()
	s.cuts++
}

func (s *seller) exec(j *Journal, pragma string) {
	s.t.Helper()
	if _, err := j.writer.Exec(pragma); err != nil { // the only connection that writes
		s.t.Fatal(err)
	}
}

// check compares the journal with what was promised before the cut.
func (s *seller) check(j *Journal) {
	s.t.Helper()
	report, err := j.Verify(nil)
	if err != nil || len(report.Problems) > 0 || j.Rebuilt() != "" {
		s.t.Fatalf("cut %d: %v, %+v, %s", s.cuts, err, report.Problems, j.Rebuilt())
	}
	if pos, _, err := j.Position(); err != nil || int64(pos.Seq) != report.Head.Seq {
		s.t.Fatalf("cut %d: half a commit: position %d beside fact %d (%v)", s.cuts, pos.Seq,
			report.Head.Seq, err)
	}
	hash, ok, err := j.HashAt(s.acked.seq)
	if err != nil {
		s.t.Fatalf("cut %d: %v", s.cuts, err)
	}
	if s.acked.seq > 0 && (!ok || hash != s.acked.hash) {
		s.lost++
		if s.soften == "" {
			s.t.Fatalf("cut %d: fact %d was promised and is lost; the journal ends at %d", s.cuts,
				s.acked.seq, report.Head.Seq)
		}
	}
	s.acked = ack{report.Head.Seq, report.Head.Hash}
	if seq, _, err := j.BeforeLoss(); err != nil || seq != s.sure[report.Head.Seq] {
		s.t.Fatalf("cut %d: a loss comes after fact %d instead of %d (%v)", s.cuts, seq,
			s.sure[report.Head.Seq], err)
	}
	s.checkState(j)
}

// checkState compares what the journal says of itself with its facts.
func (s *seller) checkState(j *Journal) {
	s.t.Helper()
	rolledBack := false
	err := j.Each(1, func(f payment.Fact, _ string) error {
		switch f.Kind() {
		case payment.KindRolledBack:
			rolledBack = true
		case payment.KindRecovered:
			rolledBack = false
		}
		return nil
	})
	_, says, serr := j.RolledBack()
	work, werr := j.Work()
	if err := errors.Join(err, serr, werr); err != nil || says != rolledBack {
		s.t.Fatalf("cut %d: rolled back: %t, and the facts say %t; %d to do (%v)", s.cuts, says,
			rolledBack, len(work), err)
	}
	if rolledBack {
		s.rolledBack++
	}
}

func (s *seller) sell(j *Journal, disk *crashfs.Disk) {
	s.t.Helper()
	x := &fixture{}
	for i := j.head.seq; ; i++ {
		id := fmt.Sprintf("P%09d", i)
		for _, batch := range x.everything(id, s.rng.IntN(20_000), j.head.seq) {
			was := j.head.seq
			if s.rng.IntN(4) == 0 {
				j.Anchored()
			}
			if s.rng.IntN(8) == 0 {
				j.unmoved = restAfter
				if err := j.Rest(); err != nil && !disk.IsCut() {
					s.t.Fatal(err)
				}
				if disk.IsCut() {
					return
				}
			}
			seq, _, err := j.BeforeLoss()
			if err != nil && !disk.IsCut() {
				s.t.Fatal(err)
			}
			s.sure[was+int64(len(batch))] = seq
			pos := payment.Position{Epoch: "e", Seq: uint64(was) + uint64(len(batch)), ID: "D"}
			if err := j.Append(batch, &pos); err != nil {
				s.t.Fatalf("cut %d: %v", s.cuts, err)
			}
			if disk.IsCut() {
				return
			}
			hash, _, err := j.HashAt(j.head.seq)
			if err != nil {
				s.t.Fatal(err)
			}
			s.acked = ack{j.head.seq, hash}
			s.facts += j.head.seq - was
			for _, f := range batch {
				s.kinds[f.Kind()]++
			}
		}
	}
}

// livesOfAJournal is how many cuts one journal goes through before the next one is made: creation
// is cut, too, and the whole chain is verified each time.
const livesOfAJournal = 8

func (s *seller) run(cuts int) {
	s.t.Helper()
	for s.cuts < cuts {
		if s.cuts%livesOfAJournal == 0 {
			s.image, s.acked = nil, ack{}
		}
		s.life()
	}
}

// TestPowerCut cuts the power at any file operation, from the making of the journal on: what was
// promised is there, whole commits only.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	s := newSeller(t, "")
	s.run(*cuts)
	for _, k := range []payment.Kind{payment.KindRolledBack, payment.KindRecovered,
		payment.KindLeft, payment.KindJunk, payment.KindClaimed, payment.KindParked,
		payment.KindUnmatched, payment.KindResolved} {
		if s.kinds[k] == 0 && s.cuts >= 100 {
			t.Errorf("no fact %s was promised before a cut", k)
		}
	}
	t.Logf("%d cuts, %d facts promised, none lost (%v); %d times the journal was rolled back",
		s.cuts, s.facts, s.kinds, s.rolledBack)
}

// TestPowerCutWithTheDriversDefault shows that the test above can fail: with the driver's own
// default, synchronous=NORMAL, promised facts are lost.
func TestPowerCutWithTheDriversDefault(t *testing.T) {
	t.Parallel()
	s := newSeller(t, "PRAGMA synchronous = NORMAL")
	s.run(*cuts)
	if s.lost == 0 {
		t.Error("nothing was lost: the disk forgets nothing")
	}
	t.Logf("%d cuts, promised facts lost in %d of them", s.cuts, s.lost)
}

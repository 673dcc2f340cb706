package offline

import (
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"kiosk-agent/payment"
	"kiosk-agent/test/crashfs"
)

var faultStep = flag.Int("faultstep", 12,
	"TestEachFileOperationFails tries each so many-th operation; 1 = all of them")

// unplugged is a journal of a few sales whose power was cut: some of its facts are in the
// write-ahead log only.
func unplugged(t *testing.T) (image crashfs.Image, last ack) {
	t.Helper()
	disk := crashfs.New(crashfs.Config{Scratch: shmFiles}, nil)
	dir := mount(t, disk)
	defer unmount(t, disk)
	j, err := Open(Config{Path: filepath.Join(dir, "journal.db"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	s := &shop{j: j}
	for _, id := range []string{"P1", "P2"} {
		if err := s.sell(id); err != nil {
			t.Fatal(err)
		}
	}
	return disk.Image(), s.acked
}

// shop sells, and remembers what it was promised.
type shop struct {
	j     *Journal
	x     fixture
	acked ack
}

// sell appends the facts of a sale until an append fails.
func (s *shop) sell(id string) error { return s.append(s.x.batches(id, 6000)) }

func (s *shop) append(batches [][]payment.Fact) error {
	for _, batch := range batches {
		pos := payment.Position{Epoch: "e", Seq: uint64(s.j.head.seq) + uint64(len(batch)), ID: "D"}
		if err := s.j.Append(batch, &pos); err != nil {
			return err
		}
		s.acked = ack{s.j.head.seq, s.j.head.hexHash()}
	}
	return nil
}

func (h head) hexHash() string { return (&Reader{}).anchor(h).Hash }

// mustBeTyped fails unless the error is one from which the engine learns that the journal is not
// available.
func mustBeTyped(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Hint == "" || !errors.Is(err, ErrIO) && !errors.Is(err, ErrFull) &&
		!errors.Is(err, ErrDamaged) {
		t.Errorf("an error without its kind, or without a hint: %v", err)
	}
}

// mustHold opens what is left of a journal on a sound disk: it is whole, what was promised is
// there, and no commit is there in part.
func mustHold(t *testing.T, image crashfs.Image, promised ack) {
	t.Helper()
	dir := t.TempDir()
	for name, f := range image {
		if err := os.WriteFile(filepath.Join(dir, name), f.Data, f.Mode); err != nil {
			t.Fatal(err)
		}
	}
	j, err := Open(Config{Path: filepath.Join(dir, "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	report, err := j.Verify(nil)
	if err != nil || len(report.Problems) > 0 || j.Rebuilt() != "" {
		t.Errorf("%v, %+v, %s", err, report.Problems, j.Rebuilt())
	}
	if pos, _, err := j.Position(); err != nil || int64(pos.Seq) != report.Head.Seq {
		t.Errorf("half a commit: position %d beside fact %d (%v)", pos.Seq, report.Head.Seq, err)
	}
	if hash, ok, err := j.HashAt(promised.seq); err != nil || !ok || hash != promised.hash {
		t.Errorf("fact %d was promised and is lost; the journal ends at %d (%v)", promised.seq,
			report.Head.Seq, err)
	}
}

// TestEachFileOperationFails lets each file operation of a start, a few sales and a stop fail in
// turn, once or from then on. There is no promise that does not hold afterwards, on the disk as it
// is and after a power cut; each error has its kind; reading goes on; and when the disk is well
// again, so is the journal, without a restart.
func TestEachFileOperationFails(t *testing.T) {
	t.Parallel()
	const writing = crashfs.Write | crashfs.Fsync | crashfs.Truncate | crashfs.Unlink |
		crashfs.Rename | crashfs.Mkdir
	image, before := unplugged(t)
	first := 1 + rand.IntN(*faultStep)
	t.Logf("operations %d, %d …", first, first+*faultStep)
	for _, f := range []crashfs.Fault{
		{Op: crashfs.Open, Errno: unix.EIO},
		{Op: crashfs.Any, Errno: unix.EIO},
		{Op: crashfs.Changes, Errno: unix.ENOSPC},
		{Op: writing, Errno: unix.EIO, Onward: true},
		{Op: writing, Errno: unix.ENOSPC, Onward: true},
		{Op: writing | crashfs.Open, Errno: unix.EROFS, Onward: true},
	} {
		step := *faultStep
		if f.Nth = first; f.Op == crashfs.Open {
			// the few that once left a writer that could only read
			f.Nth, step = 1, 1
		}
		runs := 0
		for ; failing(t, image, before, f); f.Nth += step {
			if runs++; t.Failed() {
				t.Fatalf("fault %+v", f)
			}
		}
		t.Logf("%v, from then on: %v: %d of %d operations failed", f.Errno, f.Onward, runs, f.Nth-1)
	}
}

// failing is one run with one fault; it reports whether it struck.
func failing(t *testing.T, image crashfs.Image, promised ack, f crashfs.Fault) bool {
	t.Helper()
	disk := crashfs.New(crashfs.Config{Seed: uint64(f.Nth), Scratch: shmFiles}, image)
	dir := mount(t, disk)
	hits := disk.Fail(f)
	j, err := Open(Config{Path: filepath.Join(dir, "journal.db")})
	if err != nil {
		mustBeTyped(t, err)
	} else {
		s := &shop{j: j, acked: promised}
		for _, work := range []func() error{
			func() error { return s.sell("P3") },
			func() error { return s.append(s.x.aftermath("P1", s.acked.seq)) },
		} {
			err := work()
			if err == nil {
				continue
			}
			mustBeTyped(t, err)
			if p, ok, err := j.Payment("P1"); err != nil || !ok ||
				p.Status != payment.StatusApproved {
				t.Errorf("reading does not go on: %v", err)
			}
		}
		disk.Mend()
		if err := j.Writable(); err != nil {
			t.Errorf("the disk is well again: %v", err)
		}
		if err := s.sell("P5"); err != nil {
			t.Errorf("the disk is well again: %v", err)
		}
		promised = s.acked
		if f.Nth%2 == 0 { // every other time the power is cut before the end
			mustHold(t, disk.Image(), promised)
		}
		if err := j.Close(); err != nil {
			mustBeTyped(t, err)
		}
	}
	mustHold(t, disk.Seen(), promised)
	unmount(t, disk)
	return hits() > 0
}

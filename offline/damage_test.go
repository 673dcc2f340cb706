package offline

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"kiosk-agent/payment"
)

// everything is what a journal tells when it is read from end to end. The position in the relay's
// stream is not part of it: it proves itself to the relay by the message's id, which sends
// everything that it holds when it does not (docs/RELAY-PROTOCOL.md).
func everything(j *Journal) (string, error) {
	var b bytes.Buffer
	var errs []error
	errs = append(errs, j.Each(1, func(f payment.Fact, hash string) error {
		_, err := fmt.Fprintf(&b, "%+v %s\n", f, hash)
		return err
	}))
	page, err := j.ListAll(payment.ListQuery{Limit: 200})
	errs = append(errs, err)
	unsettled, err := j.Unsettled()
	errs = append(errs, err)
	parked, err := j.Parked()
	errs = append(errs, err)
	fmt.Fprintf(&b, "%+v %v %+v", page, unsettled, parked)
	return b.String(), errors.Join(errs...)
}

// undamaged is a sample journal that is closed: its path and head, the file's bytes, and everything
// that it tells.
func undamaged(t *testing.T) (path string, head payment.Head, whole []byte, want string) {
	t.Helper()
	path, head = sample(t)
	j := open(t, Config{Path: path})
	want, err := everything(j)
	if err != nil {
		t.Fatal(err)
	}
	closeJournal(t, j)
	if whole, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, head, whole, want
}

// TestEachDamagedPage inverts each page of the file in turn, and single bytes anywhere in it. Open
// or Verify reports it, or the journal tells exactly what it told before; and a journal that is
// refused has not been touched.
func TestEachDamagedPage(t *testing.T) {
	path, head, whole, want := undamaged(t)
	const page = 4096
	for at := 0; at < len(whole); at += page {
		damaged := slices.Clone(whole)
		for i := range damaged[at : at+page] {
			damaged[at+i] ^= 0xff
		}
		if !reported(t, path, damaged, want, head) {
			t.Errorf("page %d: nothing was reported", at/page+1)
		}
	}
	if reported(t, path, whole, want, head) {
		t.Error("damage was reported where there is none")
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("%d pages; bytes: seed %d", len(whole)/page, seed)
	found, tried := 0, 0
	for tried < 120 {
		at := rng.IntN(len(whole))
		if whole[at] == 0 { // most of the file is room that nobody has used yet
			continue
		}
		damaged := slices.Clone(whole)
		damaged[at] ^= byte(1 + rng.IntN(255))
		tried++
		if reported(t, path, damaged, want, head) {
			found++
		}
	}
	t.Logf("of %d damaged bytes %d were found; nothing depends on the others", tried, found)
	if found < tried/2 {
		t.Error("too few")
	}
}

// TestDamagedPaymentIDs alters, one at a time, each place in the file where a payment's id stands:
// in facts, look-up rows and indexes.
func TestDamagedPaymentIDs(t *testing.T) {
	path, head, whole, want := undamaged(t)
	places := 0
	for at := range whole[1:] {
		if whole[at] != 'P' || whole[at+1] < '1' || whole[at+1] > '3' {
			continue
		}
		places++
		for _, bit := range []byte{0x80, 0x01} {
			// the order in an index is another then, or it is not
			damaged := slices.Clone(whole)
			damaged[at] ^= bit
			if !reported(t, path, damaged, want, head) {
				t.Errorf("byte %d: nothing was reported", at)
			}
		}
	}
	if places < 20 {
		t.Errorf("%d places", places)
	}
}

// reported puts this content into a copy of the journal and reports whether the damage was found.
// Where it was not, the journal tells what it told before.
func reported(t *testing.T, original string, content []byte, want string, head payment.Head) bool {
	t.Helper()
	path := copyJournal(t, original)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, path)
	j, err := Open(Config{Path: path, Create: true})
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok || errors.Is(err, ErrMissing) ||
			errors.Is(err, ErrLocked) {
			t.Errorf("%v", err)
		}
		if after := snapshot(t, path); !maps.Equal(before, after) {
			t.Errorf("it was refused (%v) and changed", err)
		}
		return true
	}
	defer j.Close()
	if report, err := j.VerifyAgainst(head, nil); err != nil || len(report.Problems) > 0 {
		return true
	}
	if got, err := everything(j); err != nil || got != want {
		t.Errorf("the journal tells something else, and nothing is reported: %v", err)
	}
	return false
}

// frameAt is where the frame begins that this byte of a write-ahead log is in; 0 for the log's
// header.
func frameAt(at int64) int64 {
	const header, frame = 32, 24 + 4096
	if at < header {
		return 0
	}
	return header + (at-header)/frame*frame
}

// TestTornLog cuts the write-ahead log at many places and inverts bytes of it. What is left is
// always a prefix of what was committed, up to the last commit before the damage; and against a
// head that was remembered elsewhere the missing end shows.
func TestTornLog(t *testing.T) {
	j, path := fresh(t)
	type commit struct {
		size int64 // of the log after it
		head payment.Head
	}
	h, err := j.Head()
	if err != nil {
		t.Fatal(err)
	}
	commits := []commit{{0, h}}
	x := &fixture{}
	for _, id := range []string{"P1", "P2", "P3"} {
		for _, batch := range x.batches(id, 9000) {
			appendAll(t, j, batch...)
			if h, err = j.Head(); err != nil {
				t.Fatal(err)
			}
			commits = append(commits, commit{fileSize(t, path+"-wal"), h})
		}
	}
	crashed := filepath.Join(t.TempDir(), "journal.db")
	for _, part := range []string{"", "-wal", ".id"} {
		// cp is another process: closing the files here would take our own locks away
		if out, err := exec.Command("cp", path+part, crashed+part).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	log, err := os.ReadFile(crashed + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, damaged []byte, at int64) {
		t.Helper()
		want := commits[0]
		for _, c := range commits {
			if c.size <= at {
				want = c
			}
		}
		copied := copyJournal(t, crashed)
		if err := os.WriteFile(copied+"-wal", damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, Config{Path: copied})
		defer j.Close()
		report, err := j.VerifyAgainst(commits[len(commits)-1].head, nil)
		if err != nil || report.Head != want.head || want.head != h && len(report.Problems) == 0 {
			t.Errorf("%s at %d: the journal ends at %d, want %d; %+v %v", what, at, report.Head.Seq,
				want.head.Seq, report.Problems, err)
		}
		for _, p := range report.Problems {
			if p.Seq != 0 { // 0: the end is missing
				t.Errorf("%s at %d: %+v", what, at, p)
			}
		}
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("a log of %d bytes, seed %d", len(log), seed)
	for _, c := range commits {
		for _, at := range []int64{c.size - 1, c.size, c.size + 1} {
			if at >= 0 && at <= int64(len(log)) {
				check("cut", log[:at], at)
			}
		}
	}
	for range 40 {
		at := rng.Int64N(int64(len(log)))
		check("cut", log[:at], at)
		at = rng.Int64N(int64(len(log)))
		inverted := slices.Clone(log)
		inverted[at] ^= 0xff
		check("inverted", inverted, frameAt(at))
	}
}

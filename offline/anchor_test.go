package offline

import (
	"database/sql"
	"errors"
	"os"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// lossRig is a journal whose processes come and go.
type lossRig struct {
	t    *testing.T
	path string
	j    *Journal
	x    *fixture
}

func newLossRig(t *testing.T) *lossRig {
	j, path := fresh(t)
	return &lossRig{t, path, j, &fixture{}}
}

// records appends n facts, an hour apart.
func (r *lossRig) records(n int) {
	r.t.Helper()
	for range n {
		f := r.x.fact("", payment.ClockOffset{Offset: 1})
		f.At = hour(r.j.head.seq + 1)
		appendAll(r.t, r.j, f)
	}
}

func hour(seq int64) time.Time {
	return time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).Add(time.Duration(seq) * time.Hour)
}

// restarts closes the journal, lets between work on its file, and opens it.
func (r *lossRig) restarts(between func()) {
	r.t.Helper()
	if err := r.j.Close(); err != nil {
		r.t.Fatal(err)
	}
	if between != nil {
		between()
	}
	j, err := Open(Config{Path: r.path})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { j.Close() })
	r.j = j
}

// image copies the closed journal's file; puts puts the copy back.
func (r *lossRig) image() (puts func()) {
	b, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(r.path, b, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *lossRig) want(when string, seq int64) {
	r.t.Helper()
	got, at, err := r.j.BeforeLoss()
	wanted := hour(seq)
	if seq == 0 {
		wanted = time.Time{}
	}
	if err != nil || got != seq || !at.Equal(wanted) {
		r.t.Errorf("%s: fact %d of %s, %v; want %d of %s", when, got, at, err, seq, wanted)
	}
}

// TestBeforeLoss: a loss that is found now came after this fact, whatever was recorded since the
// older journal was put in place, and by however many processes.
func TestBeforeLoss(t *testing.T) {
	r := newLossRig(t)
	r.want("nothing was recorded", 0)
	r.records(3)
	r.want("nobody has heard the relay yet", 0)
	r.j.Anchored()
	r.want("the relay's head is here", 3)
	r.records(2)
	r.want("recorded since", 3)
	r.j.Anchored()
	var put func()
	r.restarts(func() { put = r.image() })
	r.want("a new process", 5)
	r.j.Anchored()
	r.records(4) // which are lost
	r.restarts(put)
	r.want("an image was put in place", 5)
	r.records(2)
	r.want("recorded after the loss", 5)
	r.restarts(nil)
	r.want("and by a second process", 5)
	r.records(1)
	r.restarts(nil)
	r.want("a third", 5)
	r.j.Anchored()
	r.want("the relay's head is here", 8)
	r.records(1) // perhaps a clone works by now
	r.restarts(nil)
	r.want("another process", 8)
}

// TestBeforeLossOfAKilledProcess: what was sure stands there with the facts that came after it.
func TestBeforeLossOfAKilledProcess(t *testing.T) {
	r := newLossRig(t)
	r.records(2)
	r.j.Anchored()
	r.records(3)
	r.j.Anchored()
	r.j.writer.Close() // nothing more is written
	r.restarts(nil)
	r.want("killed", 2)
}

// TestBeforeLossOfABackup: the copy keeps what was sure; and a journal of before this was written
// down begins with what it holds.
func TestBeforeLossOfABackup(t *testing.T) {
	r := newLossRig(t)
	r.records(2)
	r.j.Anchored()
	r.records(1)
	backup := r.path + ".backup"
	if _, err := Backup(r.path, backup, nil); err != nil {
		t.Fatal(err)
	}
	r.j.Anchored()
	r.records(3)
	restored := func() {
		if _, err := Restore(backup, r.path, hour(9), nil); err != nil {
			t.Fatal(err)
		}
	}
	r.restarts(restored)
	r.want("restored", 2)
	report, err := r.j.Verify(nil)
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := r.j.writer.Exec("DELETE FROM meta WHERE key = 'sure'"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r.restarts(nil)
		r.want("of an older version", 3)
		r.records(1)
	}
}

// TestBeforeLossSurvivesAFailedCommit: what could not be written is written with the next facts.
func TestBeforeLossSurvivesAFailedCommit(t *testing.T) {
	r := newLossRig(t)
	r.records(2)
	r.j.Anchored()
	r.j.commitTx = func(tx *sql.Tx) error {
		return errors.Join(errors.New("input/output error"), tx.Rollback())
	}
	err := r.j.Append([]payment.Fact{r.x.fact("", payment.Gap{Reason: "x"})}, nil)
	if !errors.Is(err, ErrIO) {
		t.Fatalf("append: %v", err)
	}
	r.j.commitTx = (*sql.Tx).Commit
	r.records(1)
	r.j.sure.proved = false // as if it were killed
	r.restarts(nil)
	r.want("after a commit that failed", 2)
}

// TestVerifyTellsOfARollback: the journal itself says that it is not the newest one, also where it
// is whole and the relay knows nothing newer any more; and what staff have given up is no problem.
func TestVerifyTellsOfARollback(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	appendAll(t, j, x.fact("", payment.Gap{Reason: "x"}))
	head, err := j.Head()
	if err != nil {
		t.Fatal(err)
	}
	known := payment.Head{JournalID: j.JournalID(), Seq: 9, Hash: "cc"}
	verify := func(when string, against payment.Head, problems int, rolledBack, givenUp bool) {
		t.Helper()
		r := verifyAgainst(t, path, against)
		if len(r.Problems) != problems || (r.RolledBack != nil) != rolledBack ||
			r.GivenUp != givenUp {
			t.Errorf("%s: %+v", when, r)
		}
	}
	verify("whole", head, 0, false, false)
	verify("not told yet", known, 1, false, false)
	appendAll(t, j, x.fact("", payment.RolledBack{Reason: "x", Known: known}))
	verify("rolled back", known, 1, true, false)
	verify("and the relay has forgotten it", head, 0, true, false)
	appendAll(t, j, x.fact("", payment.Recovered{Reason: "x", By: "ann", Lost: known}))
	verify("recovered", known, 0, false, true)
	verify("and the relay knows", head, 0, false, false)
	known.Hash = "dd"
	verify("another", known, 1, false, false)
}

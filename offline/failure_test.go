package offline

import (
	"database/sql"
	"errors"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kiosk-agent/payment"
)

// limitFileSize makes every write beyond this many bytes of any file fail (EFBIG), as a full disk
// does, until the test ends or lift is called.
func limitFileSize(t *testing.T, bytes int64) (lift func()) {
	t.Helper()
	signal.Ignore(unix.SIGXFSZ)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE,
		&unix.Rlimit{Cur: uint64(bytes), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	lift = func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(lift)
	return lift
}

// copyWhileOpen copies a file of an open journal. cp is another process: closing the file here
// would take our own locks away.
func copyWhileOpen(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}

func fileSize(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestTheDiskRefuses: the log cannot grow, then it can again.
func TestTheDiskRefuses(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	appendAll(t, j, x.sale("P1", "t", "R1")[:3]...)
	before, err := j.Head()
	if err != nil {
		t.Fatal(err)
	}
	facts := []payment.Fact{x.fact("P1", paid("t", "R1", "1"))}
	lift := limitFileSize(t, fileSize(t, path+"-wal"))
	for range 2 {
		if err := j.Append(facts, nil); !errors.Is(err, ErrFull) && !errors.Is(err, ErrIO) {
			t.Fatal(err)
		}
		if err := j.Writable(); err == nil {
			t.Fatal("writable, though nothing can be written")
		}
	}
	if facts[0].Seq != 0 {
		t.Error("a fact that was not committed has a sequence")
	}
	if p, ok, err := j.Payment("P1"); !ok || err != nil || p.Status != payment.StatusAwaiting {
		t.Errorf("reading goes on: %s %v", p.Status, err)
	}
	if h, err := j.Head(); err != nil || h != before {
		t.Errorf("head %+v %v", h, err)
	}
	lift()
	if err := j.Writable(); err != nil {
		t.Fatal("the disk is well again:", err)
	}
	appendAll(t, j, facts...)
	if facts[0].Seq != before.Seq+1 {
		t.Errorf("after the failure comes fact %d", facts[0].Seq)
	}
	if ids, err := j.Owed("t"); err != nil || len(ids) != 1 {
		t.Errorf("owed %v %v", ids, err)
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
}

// TestAFailedAppendDoesNotComeBack: one append is too large for what is left; what it wrote of
// itself into the log is gone after a crash, too.
func TestAFailedAppendDoesNotComeBack(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	appendAll(t, j, x.sale("P1", "t", "R1")...)
	lift := limitFileSize(t, fileSize(t, path+"-wal")+100<<10)
	large := parked(strings.Repeat("x", 300<<10))
	if err := j.Append([]payment.Fact{x.fact("", large)}, nil); err == nil {
		t.Fatal("it fitted")
	}
	if err := j.Writable(); err != nil {
		t.Errorf("small facts still fit: %v", err)
	}
	lift()
	crashed := filepath.Join(t.TempDir(), "crashed.db")
	for _, part := range []string{"", "-wal"} {
		copyWhileOpen(t, path+part, crashed+part)
	}
	if r := mustBeWhole(t, crashed); r.Facts != 7 {
		t.Errorf("after the crash there are %d facts", r.Facts)
	}
	appendAll(t, j, x.fact("", parked("small")))
	closeJournal(t, j)
	mustBeWhole(t, path)
}

// TestACommitWithAnError: the outcome is read from the database, not guessed, and the next fact
// goes to the right place.
func TestACommitWithAnError(t *testing.T) {
	broken := errors.New("input/output error")
	for _, tc := range []struct {
		name     string
		commit   func(*sql.Tx) error
		accepted bool
	}{
		{"it was not committed", func(tx *sql.Tx) error {
			return errors.Join(broken, tx.Rollback())
		}, false},
		{"it was committed", func(tx *sql.Tx) error { return errors.Join(broken, tx.Commit()) },
			true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j, path := fresh(t)
			x := &fixture{}
			appendAll(t, j, x.fact("P1", requested("t", "R1")))
			facts := []payment.Fact{x.fact("P1", payment.Minted{Payload: "x"}),
				x.fact("P1", payment.Shown{By: "display"})}
			j.commitTx = tc.commit
			err := j.Append(facts, nil)
			j.commitTx = (*sql.Tx).Commit
			switch {
			case tc.accepted && (err != nil || facts[1].Seq != 3):
				t.Errorf("%v, last fact %d", err, facts[1].Seq)
			case !tc.accepted && (!errors.Is(err, broken) || facts[0].Seq != 0):
				t.Errorf("%v, first fact %d", err, facts[0].Seq)
			}
			if err := j.Writable(); err != nil {
				t.Error(err)
			}
			if !tc.accepted {
				appendAll(t, j, facts...)
			}
			if next := appendAll(t, j, x.fact("P1", paid("t", "R1", "1"))); next[0].Seq != 4 {
				t.Errorf("the next fact is %d", next[0].Seq)
			}
			closeJournal(t, j)
			mustBeWhole(t, path)
		})
	}
}

func TestMinFree(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	appendAll(t, j, x.sale("P1", "t", "R1")[:2]...)
	free, err := j.FreeBytes()
	if err != nil || free <= 0 {
		t.Fatal(free, err)
	}
	closeJournal(t, j)
	j = open(t, Config{Path: path, MinFree: math.MaxInt64})
	err = j.Append([]payment.Fact{x.fact("P2", requested("t", "R2")),
		x.fact("P2", payment.Minted{})}, nil)
	if !errors.Is(err, ErrFull) {
		t.Error("a new payment:", err)
	}
	if err := j.Writable(); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "MiB") {
		t.Error("writable:", err)
	}
	// what is running is brought to its end
	appendAll(t, j, x.fact("P1", paid("t", "R1", "1")), x.fact("", parked("a")))
	closeJournal(t, j)
	j = open(t, Config{Path: path, MinFree: 1})
	appendAll(t, j, x.fact("P2", requested("t", "R2")))
	if err := j.Writable(); err != nil {
		t.Error(err)
	}
}

func TestClosed(t *testing.T) {
	j, _ := fresh(t)
	closeJournal(t, j)
	closeJournal(t, j)
	err := j.Append([]payment.Fact{(&fixture{}).fact("", payment.Gap{})}, nil)
	if !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := j.Writable(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := j.Head(); err == nil {
		t.Error("a closed journal was read")
	}
}

// TestErrorsTellWhatWhereAndWhatToDo looks at every text that an operator may see first.
func TestErrorsTellWhatWhereAndWhatToDo(t *testing.T) {
	for _, err := range []error{
		damaged("/j.db", "the file is empty", ""), missing("/j.db"),
		failure("/j.db", "write", unix.ENOSPC), failure("/j.db", "open", os.ErrPermission),
		checkSchema("/j.db", schemaNumber{3, 2}, 1),
	} {
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Hint == "" || !strings.Contains(err.Error(), "/j.db") ||
			!strings.Contains(err.Error(), e.Hint) {
			t.Errorf("%v", err)
		}
	}
	if err := failure("/j.db", "write", unix.ENOSPC); !errors.Is(err, ErrFull) ||
		!errors.Is(err, unix.ENOSPC) {
		t.Error("kind and cause are not both there")
	}
	if failure("/j.db", "write", nil) != nil {
		t.Error("no error became one")
	}
}

package offline

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mattn/go-sqlite3"

	"kiosk-agent/payment"
)

func TestDurabilitySettings(t *testing.T) {
	j, path := fresh(t)
	wanted := writerPragmas()
	// What is promised hangs on these, so that they stand here once more.
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		if wanted[name] != want {
			t.Errorf("%s = %s is wanted, and not %s", name, wanted[name], want)
		}
	}
	for name, want := range wanted {
		var got string
		if err := j.writer.QueryRow("PRAGMA " + name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, not %s (%v)", name, got, want, err)
		}
	}
	if n := j.writer.Stats().MaxOpenConnections; n != 1 {
		t.Errorf("%d connections may write", n)
	}
	// _txlock: a transaction that has written nothing yet holds the write lock.
	tx, err := j.writer.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	second, err := (&sqlite3.SQLiteDriver{}).Open(dsn(path, "mode=rw&_busy_timeout=0"))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if _, err := second.(*sqlite3.SQLiteConn).Exec("BEGIN IMMEDIATE", nil); err == nil {
		t.Error("transactions do not begin with the write lock")
	}
	// The readers cannot write.
	if _, err := j.db.Exec("DELETE FROM payments"); err == nil {
		t.Error("a reading connection wrote")
	}
}

func TestPragmasAreReadBack(t *testing.T) {
	_, path := fresh(t)
	for _, options := range []string{
		// the driver's own default is synchronous=NORMAL
		"mode=rw&_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=1",
		"mode=rw&_journal_mode=WAL&_synchronous=FULL&_busytimeout=5000&_foreignkeys=1",
		"mode=rw&_journal_mode=WAL&_synchronous=FULL&_busy_timeout=1&_foreign_keys=1",
	} {
		c, err := connector{dsn(path, options), writerPragmas()}.Connect(context.Background())
		if err == nil {
			c.Close()
			t.Errorf("%s was accepted", options)
		} else if !strings.Contains(err.Error(), "PRAGMA") {
			t.Errorf("%s: %v", options, err)
		}
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	j, path := fresh(t)
	appendAll(t, j, (&fixture{}).sale("P1", "t", "R")...)
	for _, part := range []string{"", "-wal", "-shm", ".lock", ".id"} {
		info, err := os.Stat(path + part)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", filepath.Base(path+part), info.Mode())
		}
	}
}

func TestOddPaths(t *testing.T) {
	for _, odd := range []string{"a b", "a?b=c&d", "a#b", "a%20b%", "ä&ö;", "a'b\"c", "-x",
		"file:x", "a\\b"} {
		t.Run(odd, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), odd)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, odd+".db")
			j := open(t, Config{Path: path, Create: true})
			appendAll(t, j, (&fixture{}).sale("P1", "t", "R")...)
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range entries {
				names = append(names, strings.TrimPrefix(e.Name(), odd+".db"))
			}
			if want := []string{"", "-shm", "-wal", ".id", ".lock"}; !slices.Equal(names, want) {
				t.Errorf("files %q", names)
			}
			closeJournal(t, j)
			mustBeWhole(t, path)
		})
	}
}

func TestSymbolicLink(t *testing.T) {
	path, _ := sample(t)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Path: link})
	if _, err := Open(Config{Path: path}); !errors.Is(err, ErrLocked) {
		t.Error("one journal by two names:", err)
	}
}

// hold is the role of a process that has the journal open until its input ends.
func hold(path string) {
	if _, err := Open(Config{Path: path}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
}

func TestLock(t *testing.T) {
	j, path := fresh(t)
	_, err := Open(Config{Path: path})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("a second opener of this process: %v", err)
	}
	closeJournal(t, j)
	cmd := other(t, "holder", path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatal(line)
	}
	_, err = Open(Config{Path: path})
	if !errors.Is(err, ErrLocked) ||
		!strings.Contains(err.Error(), fmt.Sprintf("process %d", cmd.Process.Pid)) {
		t.Errorf("beside another process: %v", err)
	}
	if r, err := OpenReadOnly(path); err != nil {
		t.Error("reading needs no lock:", err)
	} else {
		r.Close()
	}
	cmd.Process.Kill()
	cmd.Wait()
	open(t, Config{Path: path}) // the lock died with its process
}

func TestCreation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.db")
	if _, err := Open(Config{Path: path}); !errors.Is(err, ErrMissing) {
		t.Error("without Create:", err)
	}
	if _, err := OpenReadOnly(path); !errors.Is(err, ErrMissing) {
		t.Error("read-only:", err)
	}
	if _, err := Open(Config{Path: filepath.Join(dir, "no", "journal.db"),
		Create: true}); !errors.Is(err, ErrIO) || !strings.Contains(err.Error(), "directory") {
		t.Error("without a directory:", err)
	}
	if _, err := Open(Config{Path: dir, Create: true}); !errors.Is(err, ErrDamaged) {
		t.Error("a directory:", err)
	}
	for _, bad := range []string{"", "a\x00b"} {
		if _, err := Open(Config{Path: bad, Create: true}); !errors.Is(err, ErrIO) {
			t.Error("a path that is none:", err)
		}
	}
	// What a creation left that was cut off is no obstacle.
	for _, left := range []string{".new", ".new-wal"} {
		if err := os.WriteFile(path+left, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j := open(t, Config{Path: path, Create: true})
	id := j.JournalID()
	closeJournal(t, j)
	if j = open(t, Config{Path: path, Create: true}); j.JournalID() != id || !isID(id) {
		t.Error("opened again it has another id")
	}
	closeJournal(t, j)
	// A crash after the file was moved into place and before the marker was written.
	if err := os.Remove(path + ".id"); err != nil {
		t.Fatal(err)
	}
	closeJournal(t, open(t, Config{Path: path, Create: true}))
	if b, err := os.ReadFile(path + ".id"); err != nil || string(b) != id+"\n" {
		t.Errorf("marker %q %v", b, err)
	}
}

func TestADamagedJournalIsNeverReplaced(t *testing.T) {
	original, _ := sample(t)
	whole, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(
		filepath.Dir(func() string { p, _ := sample(t); return p }()), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, what string
		change     func(path string) error
	}{
		{"gone", "journal.db.id shows", func(p string) error {
			os.Remove(p + "-wal")
			return os.Remove(p)
		}},
		{"gone, its log is left", "journal.db-wal shows", func(p string) error {
			return errors.Join(os.Remove(p), os.Remove(p+".id"),
				os.WriteFile(p+"-wal", []byte("x"), 0o600))
		}},
		{"empty", "empty", func(p string) error { return os.Truncate(p, 0) }},
		{"zeroes", "", func(p string) error { return os.WriteFile(p, make([]byte, 8192), 0o600) }},
		{"text", "not a database", func(p string) error {
			return os.WriteFile(p, []byte(strings.Repeat("hello ", 2000)), 0o600)
		}},
		{"cut", "", func(p string) error { return os.Truncate(p, int64(len(whole)/2)) }},
		{"header only", "", func(p string) error { return os.Truncate(p, 100) }},
		{"another journal", "names", func(p string) error { return os.WriteFile(p, other, 0o600) }},
		{"an altered fact", "fact 12",
			func(p string) error {
				withoutTriggers(t, p, "UPDATE facts SET boot = 'x' WHERE seq = 12")
				return nil
			}},
		{"a missing fact", "missing", func(p string) error {
			withoutTriggers(t, p, "DELETE FROM facts WHERE seq = 12")
			return nil
		}},
		{"no id", "no id", func(p string) error {
			tamper(t, p, "DELETE FROM meta WHERE key = 'journal_id'")
			return nil
		}},
		{"marker of another", "names",
			func(p string) error { return os.WriteFile(p+".id", []byte("x\n"), 0o600) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := copyJournal(t, original)
			if err := tc.change(path); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, path)
			for range 2 {
				_, err := Open(Config{Path: path, Create: true})
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), tc.what) {
					t.Fatal(err)
				}
			}
			if after := snapshot(t, path); !maps.Equal(before, after) {
				t.Error("a refused journal was changed")
			}
		})
	}
}

// snapshot is the hash of each file that holds data.
func snapshot(t testing.TB, path string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	for _, part := range []string{"", "-wal", ".id"} {
		b, err := os.ReadFile(path + part)
		if err == nil && len(b) > 0 {
			sums[part] = sha256.Sum256(b)
		}
	}
	return sums
}

func TestAnotherProgramsDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	db := openOther(t, path)
	before := snapshot(t, path)
	if _, err := Open(Config{Path: path, Create: true}); !errors.Is(err, ErrDamaged) ||
		!strings.Contains(err.Error(), "not a kiosk-agent journal") {
		t.Error(err)
	}
	if after := snapshot(t, path); !maps.Equal(before, after) {
		t.Error("another program's database was changed", db)
	}
}

func openOther(t *testing.T, path string) string {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tamper(t, path, "CREATE TABLE facts (x)", "INSERT INTO facts VALUES (1)")
	return path
}

func TestReadOnlyBesideAndAfterTheWriter(t *testing.T) {
	path, _ := sample(t)
	j := open(t, Config{Path: path})
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	appendAll(t, j, (&fixture{}).fact("", payment.Gap{Reason: "later"}))
	if h, err := r.Head(); err != nil || h.Seq != 21 {
		t.Errorf("a reader does not see what was committed: %+v %v", h, err)
	}
	if _, err := r.db.Exec("UPDATE meta SET value = 'x'"); err == nil {
		t.Error("a reader wrote")
	}
}

// TestReadOnlyAfterACrash reads what a killed writer left in its write-ahead log, and changes
// neither file.
func TestReadOnlyAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	closeJournal(t, open(t, Config{Path: path, Create: true}))
	acked := runAppender(t, path, 40)
	before := snapshot(t, path)
	if len(before) != 3 {
		t.Fatal("the killed process left no write-ahead log")
	}
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Verify(nil)
	if err != nil || len(report.Problems) > 0 || report.Head.Seq < acked.seq {
		t.Errorf("%+v %v", report, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if after := snapshot(t, path); !maps.Equal(before, after) {
		t.Error("reading changed the files")
	}
	// Where SQLite's index of the log cannot be made, the error says what to do.
	os.Remove(path + "-shm")
	if err := os.Symlink("/nowhere/shm", path+"-shm"); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(path); !errors.Is(err, ErrIO) ||
		!strings.Contains(err.Error(), "as its user or as root") {
		t.Error(err)
	}
}

package offline

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

var restoredAt = time.Date(2026, 12, 24, 18, 30, 0, 0, time.UTC)

const asideSuffix = ".replaced-20261224T183000Z"

func filesIn(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestBackupBesideTheWriter: one commit's state, in one file that is all there is.
func TestBackupBesideTheWriter(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	appendAll(t, j, x.sale("P", "t", "R")...)
	if err := j.Append(nil, &payment.Position{Epoch: "e", Seq: 3, ID: "D3"}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i := range 5 {
		selling := make(chan error, 1)
		go func() {
			for n := range 20 {
				id := name("P", i*100+n)
				if err := j.Append(x.sale(id, "t", id), nil); err != nil {
					selling <- err
					return
				}
			}
			selling <- nil
		}()
		dst := filepath.Join(dir, name("backup", i))
		c, err := Backup(path, dst, nil)
		if err := errors.Join(err, <-selling); err != nil {
			t.Fatal(err)
		}
		hash, ok, err := j.HashAt(c.Head.Seq)
		if err != nil || !ok || hash != c.Head.Hash || c.Head.JournalID != j.JournalID() ||
			c.Facts != c.Head.Seq || c.Facts%7 != 0 ||
			c.Payments != c.Facts/7 || c.Path != dst || c.Until.IsZero() {
			t.Fatalf("%+v %v", c, err)
		}
		if info, err := os.Stat(dst); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatal(info, err)
		}
		if r := mustBeWhole(t, dst); r.Head != c.Head {
			t.Errorf("%+v", r)
		}
	}
	if names := filesIn(t, dir); len(names) != 5 {
		t.Errorf("beside the backups lie %q", names)
	}
	for query, want := range map[string]string{
		"PRAGMA application_id": "1263095635", "PRAGMA user_version": "3",
		"PRAGMA journal_mode":                     "delete",
		"SELECT epoch || seq || id FROM position": "e3D3",
	} {
		db := openReaders(filepath.Join(dir, name("backup", 0)))
		var got string
		if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %s %v", query, got, err)
		}
		db.Close()
	}
}

func TestBackupReplacesNothing(t *testing.T) {
	path, _ := sample(t)
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	cutOff := filepath.Join(dir, "cut-off")
	for _, name := range []string{taken, cutOff + ".part"} {
		if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/nowhere/at/all", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	for dst, what := range map[string]string{
		taken: "a file of this name", path: "a file of this name", cutOff: "remove it",
		filepath.Join(dir, "dangling"):   "a file of this name",
		filepath.Join(dir, "no", "such"): "its directory cannot be used",
	} {
		if _, err := Backup(path, dst, nil); !errors.Is(err, ErrIO) ||
			!strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", dst, err)
		}
	}
	names := filesIn(t, dir)
	if !slices.Equal(names, []string{"cut-off.part", "dangling", "taken"}) {
		t.Errorf("%q", names)
	}
	if b, _ := os.ReadFile(taken); string(b) != "precious" {
		t.Error("a file was replaced")
	}
	mustBeWhole(t, path)
}

func TestBackupOfWhatIsNoWholeJournal(t *testing.T) {
	original, _ := sample(t)
	for _, tc := range []struct {
		name   string
		kind   error
		change func(path string) error
	}{
		{"missing", ErrMissing, func(p string) error {
			return errors.Join(os.Remove(p), os.Remove(p+"-wal"), os.Remove(p+".id"))
		}},
		{"empty", ErrDamaged, func(p string) error { return os.Truncate(p, 0) }},
		{"an altered fact", ErrDamaged,
			func(p string) error {
				withoutTriggers(t, p, "UPDATE facts SET boot = 'x' WHERE seq = 12")
				return nil
			}},
		{"a page of zeroes", ErrDamaged, func(p string) error {
			f, err := os.OpenFile(p, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt(make([]byte, 4096), 8192)
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path, dir := copyJournal(t, original), t.TempDir()
			if err := tc.change(path); err != nil {
				t.Fatal(err)
			}
			if _, err := Backup(path, filepath.Join(dir, "b"), nil); !errors.Is(err, tc.kind) {
				t.Error(err)
			}
			if names := filesIn(t, dir); len(names) != 0 {
				t.Errorf("left behind: %q", names)
			}
		})
	}
}

// TestRestore puts a backup where there is a journal in any state, and finds the old one whole
// beside it.
func TestRestore(t *testing.T) {
	was, _ := sample(t)
	j := open(t, Config{Path: was})
	x := &fixture{}
	appendAll(t, j, x.sale("P8", "till-1", "R8")...)
	closeJournal(t, j)
	backup := filepath.Join(t.TempDir(), "backup")
	made, err := Backup(was, backup, nil)
	if err != nil {
		t.Fatal(err)
	}
	j = open(t, Config{Path: was})
	appendAll(t, j, x.sale("P9", "till-1", "R9")...)
	closeJournal(t, j)
	another, _ := sample(t)
	for _, tc := range []struct {
		name   string
		was    int64    // head that the old one still has in its new place; 0 = it cannot be opened
		aside  []string // endings of what must lie there
		change func(t *testing.T, path string)
	}{
		{"a newer one of the same journal", 34, []string{"", ".id"}, func(*testing.T, string) {}},
		{"another journal", 20, []string{"", ".id"}, func(t *testing.T, p string) {
			must(t, os.Remove(p), os.Remove(p+".id"))
			closeJournal(t, open(t, Config{Path: copyOver(t, another, p)}))
		}},
		{"one whose writer was killed", 0, []string{"", "-wal", ".id"},
			func(t *testing.T, p string) {
				must(t, os.Remove(p), os.Remove(p+".id"))
				closeJournal(t, open(t, Config{Path: p, Create: true}))
				runAppender(t, p, 40)
			}},
		{"cut off before its id was noted", 34, []string{""},
			func(t *testing.T, p string) { must(t, os.Remove(p+".id")) }},
		{"empty", 0, []string{"", ".id"},
			func(t *testing.T, p string) { must(t, os.Truncate(p, 0)) }},
		{"a log without its database", 0, []string{"-wal", ".id"},
			func(t *testing.T, p string) { must(t, os.Rename(p, p+"-wal")) }},
		{"another's rollback journal", 0, []string{"", "-journal", ".id"},
			func(t *testing.T, p string) {
				must(t, os.WriteFile(p, []byte("garbage"), 0o600),
					os.WriteFile(p+"-journal", []byte("hot"), 0o600))
			}},
		{"gone", 0, nil, func(t *testing.T, p string) { must(t, os.Remove(p)) }},
		{"never there", 0, nil, func(t *testing.T, p string) {
			must(t, os.Remove(p), os.Remove(p+".id"))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := copyJournal(t, was)
			tc.change(t, path)
			old := snapshot(t, path)
			done, err := Restore(backup, path, restoredAt, nil)
			if err != nil {
				t.Fatal(err)
			}
			if done.Path != path || done.Head != made.Head || done.Facts != 27 ||
				done.Payments != 4 || !done.Until.Equal(made.Until) {
				t.Errorf("%+v", done)
			}
			j := open(t, Config{Path: path}) // the look-up tables were made anew already
			if h, err := j.Head(); err != nil || h != made.Head || j.Rebuilt() != "" {
				t.Errorf("%+v %v %q", h, err, j.Rebuilt())
			}
			appendAll(t, j, (&fixture{}).sale("P7", "till-1", "R7")...)
			closeJournal(t, j)
			mustBeWhole(t, path)
			aside := filepath.Join(path+asideSuffix, "journal.db")
			var lies []string
			for _, part := range []string{"", "-wal", "-journal", ".id"} {
				if info, err := os.Lstat(aside + part); err == nil &&
					(info.Size() > 0 || part == "") {
					lies = append(lies, part)
				}
			}
			if !slices.Equal(lies, tc.aside) || (done.Aside != "") != (tc.aside != nil) {
				t.Errorf("aside lie %q (%s)", lies, done.Aside)
			}
			if now := snapshot(t, aside); tc.aside != nil && !maps.Equal(now, old) {
				t.Error("the old journal was changed")
			}
			if tc.was != 0 && (mustBeWhole(t, aside).Head != done.Was || done.Was.Seq != tc.was) {
				t.Errorf("it was %+v", done.Was)
			}
			names := filesIn(t, filepath.Dir(path))
			if slices.ContainsFunc(names,
				func(n string) bool { return strings.Contains(n, ".new") }) {
				t.Errorf("left behind: %q", names)
			}
		})
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func copyOver(t *testing.T, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err, os.WriteFile(to, b, 0o600))
	return to
}

func TestRestoreRefuses(t *testing.T) {
	original, _ := sample(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := Backup(original, backup, nil); err != nil {
		t.Fatal(err)
	}
	bad := func(change func(path string)) string {
		copied := copyOver(t, backup, filepath.Join(t.TempDir(), "bad"))
		change(copied)
		return copied
	}
	for _, tc := range []struct {
		name, backup, what string
		kind               error
	}{
		{"no such file", backup + "x", "cannot be read", ErrIO},
		{"the journal itself", original, "journal itself", ErrIO},
		{"not a journal", bad(func(p string) {
			must(t, os.WriteFile(p, []byte(strings.Repeat("hello", 4000)), 0o600))
		}), "not a database", ErrDamaged},
		{"cut", bad(func(p string) { must(t, os.Truncate(p, 40960)) }), "", ErrDamaged},
		{"an altered fact", bad(func(p string) {
			withoutTriggers(t, p, "UPDATE facts SET boot = 'x' WHERE seq = 12")
		}), "fact 12", ErrDamaged},
		{"an altered body", bad(func(p string) {
			withoutTriggers(t, p, "UPDATE facts SET body = x'7b7d' WHERE seq = 12")
		}), "fact 12", ErrDamaged},
		{"no triggers", bad(func(p string) { tamper(t, p, "DROP TRIGGER facts_no_delete") }),
			"facts_no_delete", ErrDamaged},
		{"from a newer version", bad(func(p string) {
			tamper(t, p, "PRAGMA user_version = 99",
				"UPDATE meta SET value = '98' WHERE key = 'compat'")
		}), "99", ErrSchemaNewer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, names := snapshot(t, original), filesIn(t, filepath.Dir(original))
			_, err := Restore(tc.backup, original, restoredAt, nil)
			if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.what) {
				t.Error(err)
			}
			if !maps.Equal(snapshot(t, original), before) ||
				!slices.Equal(filesIn(t, filepath.Dir(original)), names) {
				t.Errorf("something changed: %q", filesIn(t, filepath.Dir(original)))
			}
		})
	}
	j := open(t, Config{Path: original})
	if _, err := Restore(backup, original, restoredAt, nil); !errors.Is(err, ErrLocked) {
		t.Error("beside the agent:", err)
	}
	appendAll(t, j, (&fixture{}).sale("P9", "t", "R9")...)
	closeJournal(t, j)
	mustBeWhole(t, original)
}

// TestRestoreMakesItThisVersions: a backup of an older schema, a plain copy with its log, and
// look-up tables that say anything.
func TestRestoreMakesItThisVersions(t *testing.T) {
	killed := filepath.Join(t.TempDir(), "journal.db")
	closeJournal(t, open(t, Config{Path: killed, Create: true}))
	acked := runAppender(t, killed, 40)
	muddled, _ := sample(t)
	tamper(t, muddled, "DELETE FROM payments", "UPDATE parked SET opened_by = NULL")
	for _, tc := range []struct {
		backup string
		head   int64
	}{{"testdata/schema-1.db", 20}, {killed, acked.seq}, {muddled, 20}} {
		backup := tc.backup
		if backup != killed {
			backup = copyOver(t, backup, filepath.Join(t.TempDir(), "backup"))
		}
		path := filepath.Join(t.TempDir(), "journal.db")
		done, err := Restore(backup, path, restoredAt, nil)
		if err != nil || done.Head.Seq < tc.head {
			t.Fatalf("%s: %+v %v", tc.backup, done, err)
		}
		j := open(t, Config{Path: path})
		if _, err := j.Work(); err != nil || j.Rebuilt() != "" {
			t.Error(err, j.Rebuilt())
		}
		closeJournal(t, j)
		mustBeWhole(t, path)
	}
}

// TestRestoreTwiceInASecond: nothing that was moved aside is written over.
func TestRestoreTwiceInASecond(t *testing.T) {
	path, _ := sample(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := Backup(path, backup, nil); err != nil {
		t.Fatal(err)
	}
	var asides []string
	for range 3 {
		done, err := Restore(backup, path, restoredAt, nil)
		if err != nil {
			t.Fatal(err)
		}
		mustBeWhole(t, filepath.Join(done.Aside, "journal.db"))
		asides = append(asides, strings.TrimPrefix(done.Aside, path+asideSuffix))
	}
	if !slices.Equal(asides, []string{"", "-2", "-3"}) {
		t.Errorf("%q", asides)
	}
}

// TestRestoreByRoot: what root restores, the agent's user can open. Another user's restore is for
// that user.
func TestRestoreByRoot(t *testing.T) {
	path, _ := sample(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := Backup(path, backup, nil); err != nil {
		t.Fatal(err)
	}
	want := owner{os.Geteuid(), os.Getegid()}
	if want.uid == 0 {
		want = owner{12345, 23456}
		must(t, os.Chown(path, want.uid, want.gid), os.Remove(path+".lock"))
	}
	if _, err := Restore(backup, path, restoredAt, nil); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"", ".id", ".lock", asideSuffix, asideSuffix + "/journal.db",
		asideSuffix + "/journal.db.id"} {
		info, err := os.Stat(path + part)
		if err != nil || ownerOf(info) != want || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %+v %v %v", part, ownerOf(info), info.Mode(), err)
		}
	}
}

// TestRestoreFollowsNoLink: the directory is the agent's user's, and root restores there. A link
// into a file of root's must neither be written through nor have that file given away.
func TestRestoreFollowsNoLink(t *testing.T) {
	path, _ := sample(t)
	backup, victim := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "shadow")
	if _, err := Backup(path, backup, nil); err != nil {
		t.Fatal(err)
	}
	const text = "root:secret\n"
	must(t, os.WriteFile(victim, []byte(text), 0o600))
	before, err := os.Stat(victim)
	must(t, err)
	if os.Geteuid() == 0 {
		must(t, os.Chown(path, 12345, 23456))
	}
	untouched := func(name string) {
		t.Helper()
		after, err := os.Stat(victim)
		got, rerr := os.ReadFile(victim)
		if err != nil || rerr != nil || string(got) != text || ownerOf(after) != ownerOf(before) {
			t.Errorf("through %s: %q, %+v, %v, %v", name, got, ownerOf(after), err, rerr)
		}
	}
	for _, part := range []string{".id.new", ".new", ".new-wal"} {
		must(t, os.Symlink(victim, path+part))
	}
	if _, err := Restore(backup, path, restoredAt, nil); err != nil {
		t.Errorf("links that a restoration would replace keep it from its work: %v", err)
	}
	untouched("a part")
	must(t, os.Remove(path+".lock"), os.Symlink(victim, path+".lock"))
	if _, err := Restore(backup, path, restoredAt, nil); err == nil ||
		!strings.Contains(err.Error(), "is a link") {
		t.Errorf("a lock that is a link: %v", err)
	}
	untouched("the lock")
}

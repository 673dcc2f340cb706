package offline

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"kiosk-agent/payment"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestOldJournalsOpen opens a journal of each schema that was ever released: testdata/schema-N.db,
// made by sample.
func TestOldJournalsOpen(t *testing.T) {
	all, err := migrations(schemaFiles)
	if err != nil {
		t.Fatal(err)
	}
	if *update { // only for the newest: the older ones cannot be made any more
		path, _ := sample(t)
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(fmt.Sprintf("testdata/schema-%d.db", len(all)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range all {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			b, err := os.ReadFile(fmt.Sprintf("testdata/schema-%d.db", n+1))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "journal.db")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			j := open(t, Config{Path: path})
			if p, ok, err := j.Payment("P1"); err != nil || !ok ||
				p.Status != payment.StatusApproved || !p.Acknowledged {
				t.Errorf("%+v %v", p, err)
			}
			if ids, err := j.Owed("till-2"); err != nil || len(ids) != 1 || ids[0] != "P3" {
				t.Errorf("owed %v %v", ids, err)
			}
			appendAll(t, j, (&fixture{}).sale("P4", "till-2", "R2")...)
			closeJournal(t, j)
			if r := mustBeWhole(t, path); r.Facts != 27 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestMigrationsAreNumbered(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for _, tc := range []struct {
		name  string
		files fs.FS
		want  int // 0 = refused
	}{
		{"two", fstest.MapFS{"schema/0001_a.sql": file("a"), "schema/0002_b.sql": file("b")}, 2},
		{"a gap", fstest.MapFS{"schema/0001_a.sql": file("a"), "schema/0003_b.sql": file("b")}, 0},
		{"the same number twice", fstest.MapFS{"schema/0001_a.sql": file("a"),
			"schema/0001_b.sql": file("b")}, 0},
		{"no number", fstest.MapFS{"schema/a.sql": file("a")}, 0},
	} {
		all, err := migrations(tc.files)
		if (err == nil) != (tc.want > 0) || len(all) != tc.want {
			t.Errorf("%s: %d, %v", tc.name, len(all), err)
		}
	}
}

func TestMigrateForward(t *testing.T) {
	path, _ := sample(t)
	all, err := migrations(schemaFiles)
	if err != nil {
		t.Fatal(err)
	}
	next := len(all) + 1
	db := openWriter(path)
	defer db.Close()
	bad := append(all[:len(all):len(all)],
		migration{next, "CREATE TABLE more (x) STRICT; CREATE TABLE facts (x)"})
	if err := migrate(db, path, bad); err == nil {
		t.Fatal("a migration that fails was accepted")
	}
	n, err := readSchemaNumber(db)
	if err != nil || n.version != len(all) {
		t.Errorf("after a failed migration the schema is %+v %v", n, err)
	}
	if objects, err := schemaObjects(db); err != nil || objects["table more"] != "" {
		t.Error("half a migration stayed", err)
	}
	good := append(all[:len(all):len(all)], migration{next, "CREATE TABLE more (x TEXT) " +
		"STRICT; ALTER TABLE payments ADD COLUMN more INTEGER NOT NULL DEFAULT 0"})
	for range 2 {
		if err := migrate(db, path, good); err != nil {
			t.Fatal(err)
		}
	}
	if n, err = readSchemaNumber(db); err != nil || n.version != next || n.compat != 3 {
		t.Errorf("schema %+v %v", n, err)
	}
	db.Close()
	// The change was additive, so this program still opens, writes, verifies and backs up the
	// journal.
	j := open(t, Config{Path: path})
	appendAll(t, j, (&fixture{}).fact("", payment.Gap{Reason: "x"}))
	if _, err := Backup(path, filepath.Join(t.TempDir(), "backup"), nil); err != nil {
		t.Error("a backup by the older program:", err)
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	path, _ := sample(t)
	tamper(t, path, "PRAGMA user_version = 99", "UPDATE meta SET value = '98' WHERE key = 'compat'")
	before := snapshot(t, path)
	if _, err := Open(Config{Path: path, Create: true}); !errors.Is(err, ErrSchemaNewer) ||
		!strings.Contains(err.Error(), "99") {
		t.Error(err)
	}
	if _, err := OpenReadOnly(path); !errors.Is(err, ErrSchemaNewer) {
		t.Error(err)
	}
	if after := snapshot(t, path); !maps.Equal(before, after) {
		t.Error("it was changed")
	}
	tamper(t, path, "PRAGMA user_version = 1", "UPDATE meta SET value = '2' WHERE key = 'format'")
	if _, err := Open(Config{Path: path}); !errors.Is(err, ErrSchemaNewer) {
		t.Error("another chain format:", err)
	}
}

// TestLookupTablesAreMadeAnew: after a change of the program that they follow from, and where they
// differ from the facts.
func TestLookupTablesAreMadeAnew(t *testing.T) {
	path, _ := sample(t)
	for _, tc := range []struct{ name, sql, why string }{
		{"another version", "UPDATE meta SET value = '7' WHERE key = 'projection'; DELETE FROM " +
			"payments; DELETE FROM parked", "version 7"},
		{"a row differs", "UPDATE payments SET owed = 0, unsettled = 0 WHERE id = 'P3'", "P3"},
		{"a row is gone", "DELETE FROM payments WHERE id = 'P2'", "P2"},
		{"a row is of nobody", "UPDATE payments SET id = 'P9' WHERE id = 'P2'", "P2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			copied := copyJournal(t, path)
			tamper(t, copied, tc.sql)
			j := open(t, Config{Path: copied})
			if !strings.Contains(j.Rebuilt(), tc.why) {
				t.Errorf("rebuilt: %q", j.Rebuilt())
			}
			closeJournal(t, j)
			mustBeWhole(t, copied)
		})
	}
}

// FuzzOpen: whatever is in the file, opening it neither panics nor changes what it refuses.
func FuzzOpen(f *testing.F) {
	b, err := os.ReadFile("testdata/schema-1.db")
	if err != nil {
		f.Fatal(err)
	}
	flipped := append([]byte(nil), b...)
	flipped[len(b)/2] ^= 0xff
	seeds := [][]byte{b, flipped, b[:4096], b[:100], b[:len(b)-1],
		[]byte("SQLite format 3\x00 and then nothing"), []byte("x"), make([]byte, 4096)}
	if len(seeds) == 0 || len(b) < 4096 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "journal.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(Config{Path: path, Create: true})
		if err == nil {
			j.Close()
			return
		}
		if j != nil {
			t.Error("a journal together with an error")
		}
		after, rerr := os.ReadFile(path)
		if _, ok := errors.AsType[*Error](err); !ok || rerr != nil ||
			string(after) != string(data) {
			t.Errorf("refused with %v; the file was changed: %v (%v)", err,
				string(after) != string(data), rerr)
		}
	})
}

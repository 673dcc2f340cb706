package offline

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// released is the schema of each release, oldest first; add one with each release. An upgrade that
// fails goes back to the release before, with the journal that the new one has migrated already
// (kiosk-agent-switch), so that one must be able to open it.
var released []int

// TestMigrationsAreAdditive walks the real migrations.
func TestMigrationsAreAdditive(t *testing.T) {
	all, err := migrations(schemaFiles)
	if err != nil {
		t.Fatal(err)
	}
	compat, err := additive(all)
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range compat {
		t.Logf("schema %d can be opened by programs of schema %d and later", n+1, c)
	}
	if err := opensForward(append(slices.Clone(released), len(all)), compat); err != nil {
		t.Error(err)
	}
}

// additive applies one migration after the other and compares what an older program relies on: its
// tables, columns, indexes and triggers must stay as they were, and nothing new may refuse what it
// writes. A migration that breaks this must say so by a compat of its own number. It returns compat
// after each.
func additive(all []migration) (compat []int, err error) {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var before map[string]string
	format, last := "", 0
	for i, m := range all {
		if err := migrate(db, ":memory:", all[:i+1]); err != nil {
			return nil, err
		}
		now, err := schemaObjects(db)
		if err != nil {
			return nil, err
		}
		broken := harm(before, now)
		formatNow, err := readMeta(db, "format")
		if err != nil {
			return nil, err
		}
		if format != "" && format != formatNow {
			broken = append(broken, "another format of the chain")
		}
		n, err := readSchemaNumber(db)
		switch {
		case err != nil:
			return nil, err
		case n.compat < last || n.compat > m.number:
			return nil, fmt.Errorf("migration %d: compat goes from %d to %d", m.number, last,
				n.compat)
		case i > 0 && len(broken) > 0 && n.compat != m.number:
			return nil, fmt.Errorf("migration %d is not additive (%s), and compat is %d", m.number,
				strings.Join(broken, "; "), n.compat)
		}
		before, format, last = now, formatNow, n.compat
		compat = append(compat, n.compat)
	}
	return compat, nil
}

// harm is what keeps a program that knows the objects before from working with those now.
func harm(before, now map[string]string) (broken []string) {
	for name, text := range before {
		switch got, ok := now[name]; {
		case !ok:
			broken = append(broken, name+" is gone")
		case got != text && !grown(text, got):
			broken = append(broken, name+" is another")
		}
	}
	for name, text := range now {
		kind, _, _ := strings.Cut(name, " ")
		_, known := before[name]
		if known || kind == "table" {
			continue
		}
		_, on, _ := strings.Cut(text, " ON ")
		table, _, _ := strings.Cut(on, " ")
		if _, old := before["table "+strings.TrimSpace(table)]; old &&
			(kind == "trigger" || strings.HasPrefix(text, "CREATE UNIQUE ")) {
			broken = append(broken, name+" can refuse what an older program writes")
		}
	}
	slices.Sort(broken)
	return broken
}

// opensForward is an error where a release cannot open what the next one has migrated.
func opensForward(schemas, compat []int) error {
	for i := 1; i < len(schemas); i++ {
		if c := compat[schemas[i]-1]; c > schemas[i-1] {
			return fmt.Errorf("schema %d needs a program of schema %d, and the release before "+
				"has %d: make the change additive, and raise compat one release later",
				schemas[i], c, schemas[i-1])
		}
	}
	return nil
}

// TestAdditiveFindsWhatIsNot: each way to break an older program is found, and excused by a compat
// that keeps it out.
func TestAdditiveFindsWhatIsNot(t *testing.T) {
	all, err := migrations(schemaFiles)
	if err != nil {
		t.Fatal(err)
	}
	next := len(all) + 1
	raised := "; UPDATE meta SET value = '" + strconv.Itoa(next) + "' WHERE key = 'compat'"
	for _, tc := range []struct{ sql, want string }{
		{"CREATE TABLE more (x TEXT) STRICT; CREATE UNIQUE INDEX more_x ON more (x)", ""},
		{"ALTER TABLE payments ADD COLUMN more INTEGER NOT NULL DEFAULT 0; ALTER TABLE " +
			"payments ADD COLUMN still TEXT", ""},
		{"CREATE INDEX facts_by_time ON facts (at_ms)", ""},
		{"DROP TABLE position", "table position is gone"},
		{"ALTER TABLE payments RENAME COLUMN resolution TO resolved", "table payments is another"},
		{"DROP INDEX unmatched_open; ALTER TABLE unmatched DROP COLUMN closed_by; CREATE INDEX " +
			"unmatched_open ON unmatched (seq)", "table unmatched is another"},
		{"DROP INDEX facts_by_content; CREATE INDEX facts_by_content ON facts (content, seq)",
			"index facts_by_content is another"},
		{"DROP TRIGGER facts_no_delete", "trigger facts_no_delete is gone"},
		{"CREATE UNIQUE INDEX one_reference ON payments (till, reference)",
			"index one_reference can refuse"},
		{"CREATE TRIGGER no_more BEFORE INSERT ON facts BEGIN SELECT RAISE(ABORT, 'no'); END",
			"trigger no_more can refuse"},
		{"UPDATE meta SET value = '2' WHERE key = 'format'", "another format"},
	} {
		m := migration{next, tc.sql}
		_, err := additive(append(all[:len(all):len(all)], m))
		if (err == nil) != (tc.want == "") || err != nil &&
			!strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.sql, err, tc.want)
		}
		m.sql += raised
		if _, err := additive(append(all[:len(all):len(all)], m)); err != nil {
			t.Errorf("%s, with compat: %v", tc.sql, err)
		}
	}
	for _, compat := range []string{"1", strconv.Itoa(next + 1)} {
		m := migration{next, "UPDATE meta SET value = '" + compat + "' WHERE key = 'compat'"}
		if _, err := additive(append(all[:len(all):len(all)], m)); err == nil ||
			!strings.Contains(err.Error(), "compat goes from") {
			t.Errorf("compat %s: %v", compat, err)
		}
	}
	if opensForward([]int{2, 3, 4}, []int{1, 2, 2, 3}) != nil ||
		opensForward([]int{2, 4}, []int{1, 2, 2, 3}) == nil {
		t.Error("opensForward does not tell a release that can open the next from one that cannot")
	}
}

package offline

import (
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// projectionVersion is raised when the look-up tables, or the payment.Folder that they follow from,
// change: the next Open makes them anew from the facts.
const projectionVersion = "3"

// migration is one numbered file of schema/.
type migration struct {
	number int
	sql    string
}

// migrations lists the embedded files; they are numbered from 1 without a gap.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "schema/*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for i, name := range names {
		digits, _, _ := strings.Cut(path.Base(name), "_")
		n, err := strconv.Atoi(digits)
		if err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{n, string(text)})
	}
	return all, nil
}

// schemaNumber is what the header and meta say about the database.
type schemaNumber struct {
	version int // PRAGMA user_version; 0 = empty database
	compat  int // oldest program schema that may open it
}

func readSchemaNumber(q querier) (n schemaNumber, err error) {
	if err := q.QueryRow("PRAGMA user_version").Scan(&n.version); err != nil || n.version == 0 {
		return n, err
	}
	text, err := readMeta(q, "compat")
	if err != nil {
		return n, err
	}
	n.compat, err = strconv.Atoi(text)
	return n, err
}

// checkSchema refuses a database that this program's schema number does not suffice for.
func checkSchema(journal string, n schemaNumber, program int) error {
	if n.version > program && n.compat > program {
		return &Error{Kind: ErrSchemaNewer, Path: journal,
			What: fmt.Sprintf("its schema is %d and needs a program of schema %d; this one has %d",
				n.version, n.compat, program),
			Hint: "install the newer kiosk-agent again; the journal was not changed"}
	}
	return nil
}

// migrate brings the database up to the newest of these migrations, each in a transaction of its
// own.
func migrate(db *sql.DB, journal string, all []migration) error {
	n, err := readSchemaNumber(db)
	if err != nil {
		return failure(journal, "read the schema number", err)
	}
	if err := checkSchema(journal, n, len(all)); err != nil {
		return err
	}
	for _, m := range all[min(n.version, len(all)):] {
		if err := m.apply(db); err != nil {
			return failure(journal, fmt.Sprintf("migrate to schema %d", m.number), err)
		}
	}
	return nil
}

func (m migration) apply(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(m.sql); err != nil {
		return err
	}
	if _, err := tx.Exec("PRAGMA user_version = " + strconv.Itoa(m.number)); err != nil {
		return err
	}
	return tx.Commit()
}

// querier is what reading needs of a *sql.DB and of a *sql.Tx.
type querier interface {
	Query(query string, args ...any) (*sql.Rows, error)
	QueryRow(query string, args ...any) *sql.Row
}

func readMeta(q querier, key string) (value string, err error) {
	err = q.QueryRow("SELECT value FROM meta WHERE key = ?", key).Scan(&value)
	return value, err
}

// lookupsCurrent reports whether the look-up tables are those of this program.
func lookupsCurrent(q querier) (bool, error) {
	version, err := readMeta(q, "projection")
	return version == projectionVersion, err
}

// schemaObjects reads every table, index and trigger with its definition.
func schemaObjects(q querier) (map[string]string, error) {
	rows, err := q.Query("SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema " +
		"WHERE name NOT LIKE 'sqlite_stat%'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	objects := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		objects[name] = text
	}
	return objects, rows.Err()
}

// grown is whether now is the definition before with columns added: ALTER TABLE puts them behind
// the last one and leaves the rest as it is.
func grown(before, now string) bool {
	added := len(now) - len(before)
	if added <= 0 || !strings.HasPrefix(before, "CREATE TABLE ") {
		return false
	}
	same := 0
	for same < len(before) && before[same] == now[same] {
		same++
	}
	// What was added may begin with what stands behind it, a comma for example: any of these places
	// will do.
	for at := same; at > 0 && before[at:] == now[at+added:]; at-- {
		if strings.HasPrefix(now[at:], ", ") {
			return true
		}
	}
	return false
}

// wantedObjects is what schemaObjects finds in a database that these migrations have just made.
func wantedObjects(all []migration) (map[string]string, error) {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := migrate(db, ":memory:", all); err != nil {
		return nil, err
	}
	return schemaObjects(db)
}

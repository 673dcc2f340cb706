package offline

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"

	"github.com/mattn/go-sqlite3"
)

// minSQLite is the first release without the WAL-reset bug (3.51.3).
const minSQLite = 3051003

// applicationID is in the header of every journal ("KIOS"), so that another program's database is
// not taken for one.
const applicationID = 0x4B494F53

// Options of the driver. It ignores those that it does not know, so every pragma is read back (see
// expect).
const (
	writerOptions = "mode=rw&_journal_mode=WAL&_synchronous=FULL&" +
		"_busy_timeout=5000&_txlock=immediate&_foreign_keys=1&_stmt_cache_size=32"
	readerOptions = "mode=ro&_query_only=1&_busy_timeout=5000&_foreign_keys=1&_stmt_cache_size=32"
)

// setup runs on each new connection: what the driver has no option for. The write-ahead log is
// moved into the file by Rest, and in the middle of a commit where there is no time for that. One
// that grew behind a long read is cut back; b-tree cells are checked as they are read; nothing in
// the schema may call a function with side effects; what retention drops is overwritten.
const setup = "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=4194304; " +
	"PRAGMA cell_size_check=1; PRAGMA trusted_schema=0; PRAGMA secure_delete=1"

// tryToWrite fails on a connection that cannot write, and otherwise changes nothing. SQLite makes
// such a connection without a word when the file cannot be opened for writing at that moment, and
// it would go on refusing each write when the disk is well again. (BEGIN IMMEDIATE alone succeeds
// on it.)
const tryToWrite = "BEGIN IMMEDIATE; CREATE TABLE try_to_write (x); ROLLBACK"

// connector opens connections and refuses those whose pragmas are not what was asked for.
type connector struct {
	dsn    string
	expect map[string]string
}

func writerPragmas() map[string]string {
	return map[string]string{
		"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000", "foreign_keys": "1",
		"query_only": "0", "cell_size_check": "1", "trusted_schema": "0",
		"journal_size_limit": "4194304", "secure_delete": "1", "wal_autocheckpoint": "4000",
	}
}

func readerPragmas() map[string]string {
	return map[string]string{"query_only": "1", "busy_timeout": "5000", "cell_size_check": "1",
		"trusted_schema": "0"}
}

// dsn is the driver's name for a file, with everything escaped that SQLite's URI parser would read
// as its own.
func dsn(path, options string) string {
	return (&url.URL{Scheme: "file", Path: path}).String() + "?" + options
}

// openWriter opens the one connection that writes.
func openWriter(path string) *sql.DB {
	db := sql.OpenDB(connector{dsn(path, writerOptions), writerPragmas()})
	db.SetMaxOpenConns(1)
	return db
}

// maxReaders is how many connections read at once: a verification's. Fewer stay open.
const maxReaders = 6

// openReaders opens connections that cannot write.
func openReaders(path string) *sql.DB {
	db := sql.OpenDB(connector{dsn(path, readerOptions), readerPragmas()})
	db.SetMaxOpenConns(maxReaders)
	db.SetMaxIdleConns(4)
	return db
}

func (c connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := (&sqlite3.SQLiteDriver{}).Open(c.dsn)
	if err != nil {
		return nil, err
	}
	sq := conn.(*sqlite3.SQLiteConn)
	if _, err := sq.Exec(setup, nil); err != nil {
		conn.Close()
		return nil, err
	}
	if c.expect["query_only"] == "0" {
		if _, err := sq.Exec(tryToWrite, nil); err != nil {
			conn.Close()
			return nil, err
		}
	}
	for name, want := range c.expect {
		got, err := pragma(sq, name)
		if err == nil && got != want {
			err = fmt.Errorf("PRAGMA %s is %q, not %q", name, got, want)
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

func pragma(c *sqlite3.SQLiteConn, name string) (string, error) {
	rows, err := c.Query("PRAGMA "+name, nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil {
		return "", err
	}
	return fmt.Sprint(row[0]), nil
}

// checkLibrary refuses a SQLite that is known to lose data.
func checkLibrary(path string) error {
	if name, n, _ := sqlite3.Version(); n < minSQLite {
		return &Error{Kind: ErrIO, Path: path, What: "SQLite " + name + " is too old",
			Hint: "build with SQLite 3.51.3 or newer"}
	}
	return nil
}

package offline

import (
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kiosk-agent/internal/disk"
	"kiosk-agent/internal/rights"
)

// Config says which journal to open and how.
type Config struct {
	Path string // the database file; its directory must exist and be on a local disk
	// make the journal when nothing shows that there ever was one here; default false
	Create    bool
	MinFree   int64 // bytes: with less free space no payment is opened; 0 = no such gate
	TailFacts int   // facts at the end that Open checks; 0 = 1000
	// What Retain leaves alone: the newest facts, 0 = 1000, and what is not this much older than
	// each of them, 0 = 30 days. Less only for what plays months in minutes.
	KeepFacts int64
	KeepFor   time.Duration
	// Bytes: of a file up to this size Open checks the structure itself, of a larger one it is
	// checked beside the open journal; 0 = 512 KiB, less = of none
	CheckAtOpen int64
	// time that the first Append waits, at most, for the check of pages and cells; 0 = 500 ms
	CheckBudget time.Duration
	// time that the first Append waits, at most, for the check of the payments' look-up table and
	// its indexes; 0 = 10 s
	CheckLookups time.Duration
	// the id of a journal that is made: 32 hex digits; nil = 128 random bits. Only for what must
	// repeat itself
	NewID func() string
}

// Open opens the journal for its one writer. It takes the lock, checks the newest facts, brings the
// schema up to date and makes the look-up tables anew when they are of another version. The error
// is ErrLocked, ErrMissing, ErrDamaged, ErrSchemaNewer, ErrFull or ErrIO; a journal that is refused
// has not been changed. The structure of a file that is not small is checked after that: see
// Checked.
func Open(cfg Config) (*Journal, error) {
	path, err := locate(cfg.Path)
	if err != nil {
		return nil, err
	}
	if err := checkLibrary(path); err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: cfg, lock: lock, commitTx: (*sql.Tx).Commit}
	j.path = path
	if err := j.open(); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

func (j *Journal) open() error {
	all, err := migrations(schemaFiles)
	if err != nil {
		return err
	}
	exists, err := present(j.path)
	if err != nil {
		return err
	}
	if !exists && !j.cfg.Create {
		return missing(j.path)
	}
	if !exists {
		if err := create(j.path, all, j.cfg.NewID); err != nil {
			return err
		}
	}
	j.db = openReaders(j.path)
	if err := identify(j.db, j.path, all); err != nil {
		return err
	}
	if err := j.recognise(); err != nil {
		return err
	}
	more, err := j.checkStructure()
	if err != nil {
		return err
	}
	newest, err := j.checkTail(j.current(len(all)))
	if err != nil {
		return err
	}
	// Nothing has been changed so far; from here on it is our journal.
	j.writer = openWriter(j.path)
	if err := migrate(j.writer, j.path, all); err != nil {
		return err
	}
	if err := j.noteID(); err != nil {
		return err
	}
	if err := j.refreshLookups(newest); err != nil {
		return err
	}
	if j.head, err = readHead(j.writer, j.id); err != nil {
		return failure(j.path, "read the head", err)
	}
	j.checking = newChecking(more)
	return j.readSure()
}

// OpenReadOnly opens the journal for reading only, beside a running agent or after one has died. It
// makes no journal, migrates nothing and changes no fact; SQLite may make an empty -wal and the
// -shm file, its index of the write-ahead log, and for that it needs write permission in the
// directory: run it as the agent's user or as root. Without that permission it works while there is
// a -shm file to read, that is while the agent runs or after it was killed; otherwise the error
// says so. The errors are those of Open without ErrLocked.
func OpenReadOnly(path string) (*Reader, error) {
	path, err := locate(path)
	if err != nil {
		return nil, err
	}
	all, err := migrations(schemaFiles)
	if err != nil {
		return nil, err
	}
	exists, err := present(path)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, missing(path)
	}
	r := &Reader{path: path, db: openReaders(path)}
	err = identify(r.db, path, all)
	if err == nil {
		err = r.recognise()
	}
	if err != nil {
		r.db.Close()
		if e, ok := errors.AsType[*Error](err); ok && errors.Is(e.Kind, ErrIO) {
			e.Hint = "reading needs PATH-shm beside the journal: start the agent, or run this " +
				"as its user or as root"
		}
		return nil, err
	}
	return r, nil
}

// Read opens the journal for reading only and closes it after f. SQLite makes files beside a
// journal: where root reads it, that and f are the user's to whom the directory belongs.
func Read(path string, f func(*Reader) error) error {
	return rights.As(path, func() error {
		r, err := OpenReadOnly(path)
		if err != nil {
			return err
		}
		defer r.Close()
		return f(r)
	})
}

// locate makes the path absolute and follows links, so that SQLite's files and ours lie beside each
// other.
func locate(name string) (string, error) {
	if name == "" || strings.ContainsRune(name, 0) {
		return "", &Error{Kind: ErrIO, Path: name, What: "that is no file name",
			Hint: "set journal.path"}
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", failure(name, "find it", err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Stat(dir); err == nil && !info.IsDir() {
			err = errors.New("not a directory")
		}
	}
	if err != nil {
		return "", &Error{Kind: ErrIO, Path: abs, What: "its directory cannot be used", Cause: err,
			Hint: "create it for the agent's user only: " +
				"install -d -m 0700 -o kiosk-agent DIRECTORY"}
	}
	return filepath.Join(dir, filepath.Base(abs)), nil
}

// present reports whether there is a journal to open. A journal that is gone although something
// shows that it was here is damage. The file itself is not opened: closing it would take away the
// locks that SQLite holds on it in this process.
func present(path string) (bool, error) {
	info, err := os.Lstat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return false, damaged(path, "not a regular file", "set journal.path to a file")
	case err == nil && info.Size() == 0:
		return false, damaged(path, "the file is empty", "")
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, failure(path, "look at the file", err)
	}
	for _, trace := range []string{"-wal", ".id"} {
		_, err := os.Lstat(path + trace)
		if err == nil {
			return false, damaged(path, "journal missing, but "+filepath.Base(path)+trace+
				" shows that it was here",
				"restore a backup; only if this terminal never took a payment, move "+path+trace+
					" away")
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, failure(path, "look for "+path+trace, err)
		}
	}
	return false, nil
}

func missing(path string) error {
	return &Error{Kind: ErrMissing, Path: path, What: "there is none",
		Hint: "check journal.path; the agent makes it at its first start"}
}

// create makes an empty journal under another name and moves it into place when it is whole, so
// that a crash leaves either nothing or a journal. The caller holds the lock.
func create(path string, all []migration, newID func() string) error {
	tmp := path + ".new"
	for _, left := range []string{"", "-wal", "-shm", "-journal"} {
		// of a creation that was cut off; it never held a fact
		if err := os.Remove(tmp + left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failure(path, "clear "+tmp+left, err)
		}
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return failure(path, "create", err)
	}
	if err := f.Close(); err != nil {
		return failure(path, "create", err)
	}
	db := openWriter(tmp)
	err = migrate(db, path, all)
	if err == nil {
		err = christen(db, newID)
	}
	if cerr := db.Close(); err == nil {
		err = cerr // the last connection moves the write-ahead log into the file and syncs it
	}
	if err != nil {
		return failure(path, "create", err)
	}
	if _, err := os.Lstat(tmp + "-wal"); err == nil {
		return failure(path, "create",
			errors.New("the write-ahead log was not moved into the file"))
	}
	if err := os.Rename(tmp, path); err != nil {
		return failure(path, "create", err)
	}
	return failure(path, "sync the directory", disk.SyncDir(filepath.Dir(path)))
}

// christen gives the journal its id.
func christen(db *sql.DB, newID func() string) error {
	if newID == nil {
		newID = randomID
	}
	_, err := db.Exec("INSERT INTO meta (key, value) VALUES ('journal_id', ?)", newID())
	return err
}

// randomID is 128 random bits.
func randomID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// identify refuses a file that is not a journal, or not one for this program, before anything could
// change it.
func identify(db *sql.DB, path string, all []migration) error {
	var app int64
	if err := db.QueryRow("PRAGMA application_id").Scan(&app); err != nil {
		return failure(path, "open", err)
	}
	if app != applicationID {
		return damaged(path, "it is a database, but not a kiosk-agent journal",
			"check journal.path")
	}
	n, err := readSchemaNumber(db)
	if err != nil {
		return failure(path, "read the schema number", err)
	}
	if n.version == 0 {
		return damaged(path, "it has no schema", "")
	}
	return checkSchema(path, n, len(all))
}

// recognise reads the journal's id and compares it with the one that was noted beside it, where one
// was.
func (r *Reader) recognise() error {
	id, err := readMeta(r.db, "journal_id")
	if errors.Is(err, sql.ErrNoRows) || err == nil && !isID(id) {
		return damaged(r.path, "it has no id", "")
	}
	if err != nil {
		return failure(r.path, "read its id", err)
	}
	format, err := readMeta(r.db, "format")
	if err != nil {
		return failure(r.path, "read its format", err)
	}
	if format != chainFormat {
		return &Error{Kind: ErrSchemaNewer, Path: r.path,
			Hint: "install the newer kiosk-agent again",
			What: fmt.Sprintf("its chain has format %.8q; this program knows %s", format,
				chainFormat)}
	}
	r.id = id
	marker := r.path + ".id"
	b, err := os.ReadFile(marker)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failure(r.path, "read "+marker, err)
	}
	if noted := strings.TrimSuffix(string(b), "\n"); noted != id {
		return damaged(r.path, fmt.Sprintf("it is journal %s, but %s names %.40q", id, marker,
			noted),
			"put the right journal back; if this one is right, remove that file")
	}
	return nil
}

// noteID notes the id beside the journal when nobody has.
func (j *Journal) noteID() error {
	marker := j.path + ".id"
	_, err := os.Lstat(marker)
	if errors.Is(err, fs.ErrNotExist) {
		err = writeMarker(marker, j.id)
	}
	return failure(j.path, "note its id in "+marker, err)
}

func isID(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 16
}

// writeMarker replaces the file whole or not at all.
func writeMarker(name, id string) error {
	// Of a time that was cut off, or a link into somebody else's file.
	if err := removeFile(name + ".new"); err != nil {
		return err
	}
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(id + "\n")
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return disk.SyncDir(filepath.Dir(name))
}

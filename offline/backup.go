package offline

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kiosk-agent/internal/disk"
	"kiosk-agent/internal/rights"
	"kiosk-agent/payment"
)

// Copy is what a copy of a journal holds.
type Copy struct {
	Path     string
	Facts    int64
	Payments int64
	Head     payment.Head
	Until    time.Time // wall clock of the newest fact; zero when there is none
}

// Backup copies the journal src, also while the agent writes it, to the new file dst: one whole
// commit's state, in one file that needs no other beside it. dst is there only when its copy has
// been verified and is on the disk; after a crash an empty dst and a dst.part may be left. The
// error is one of Open's, about src or about dst: ErrIO when dst exists, ErrFull when its disk is
// full, ErrDamaged when what was copied does not verify. Whoever reads the file can read the
// customers' links: it is for its owner only.
//
// Where root does it, what is done beside src is done as the user whose directory that is, and so
// beside dst. Where the two are not one user's, the copy is first made beside src.
func Backup(src, dst string, progress func(done, total int64)) (c Copy, err error) {
	from, err := rights.Owner(src)
	if err != nil {
		return c, failure(src, "find out whose it is", err)
	}
	to, err := rights.Owner(dst)
	if err != nil {
		return c, failure(dst, "find out whose it is", err)
	}
	if from != to {
		return backupAcross(src, dst, progress)
	}
	err = rights.As(src, func() (err error) {
		c, err = backup(src, dst, progress)
		return err
	})
	return c, err
}

func backup(src, dst string, progress func(done, total int64)) (Copy, error) {
	r, err := OpenReadOnly(src)
	if err != nil {
		return Copy{}, err
	}
	defer r.Close()
	if dst, err = locate(dst); err != nil {
		return Copy{}, err
	}
	if err := claim(dst); err != nil {
		return Copy{}, err
	}
	c, err := r.backup(dst, progress)
	if err != nil {
		return Copy{}, errors.Join(err, failure(dst, "clean up", os.Remove(dst)))
	}
	return c, nil
}

// claim makes an empty file of this name, which is ours from here on.
func claim(dst string) error {
	f, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return &Error{Kind: ErrIO, Path: dst, What: "there is a file of this name",
			Hint: "a backup replaces nothing: choose another name"}
	}
	if err != nil {
		return failure(dst, "create", err)
	}
	if err := f.Close(); err != nil {
		return errors.Join(failure(dst, "create", err), os.Remove(dst))
	}
	return nil
}

// backup puts a verified copy in the place of dst.
func (r *Reader) backup(dst string, progress func(done, total int64)) (Copy, error) {
	part := dst + ".part"
	if _, err := os.Lstat(part); err == nil {
		return Copy{}, &Error{Kind: ErrIO, Path: part, What: "there is a file of this name",
			Hint: "a backup that was cut off left it: remove it"}
	}
	c, err := r.copyTo(part, progress)
	if err == nil {
		c.Path = dst
		err = failure(dst, "put it in place", os.Rename(part, dst))
	}
	if err == nil {
		err = failure(dst, "sync the directory", disk.SyncDir(filepath.Dir(dst)))
	}
	if err != nil {
		return Copy{}, errors.Join(err, failure(part, "clean up", removeDatabase(part)))
	}
	return c, nil
}

// copyTo makes a verified copy that is on the disk; its name in the directory may not be yet.
func (r *Reader) copyTo(path string, progress func(done, total int64)) (Copy, error) {
	if err := vacuumInto(r.path, path); err != nil {
		return Copy{}, err
	}
	c, err := examine(path, progress)
	if err != nil {
		return Copy{}, err
	}
	hash, _, err := r.HashAt(c.Head.Seq)
	if err == nil && hash != c.Head.Hash {
		err = damaged(path, "the copy's newest fact is not in the journal", "keep both files")
	}
	return c, err
}

// vacuumInto copies a journal to a file that does not exist yet. VACUUM INTO, and not the online
// backup: its result is one file that is not in WAL mode, so that it can be read where nothing can
// be written; it holds no remains of bodies that retention has dropped; and every row is read on
// the way. It keeps application_id and user_version.
func vacuumInto(from, to string) error {
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return failure(to, "create", err)
	}
	if err := f.Close(); err != nil {
		return failure(to, "create", err)
	}
	db := sql.OpenDB(connector{dsn(from, "mode=ro&_busy_timeout=5000"),
		map[string]string{"busy_timeout": "5000", "trusted_schema": "0"}})
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("VACUUM INTO ?", to); err != nil {
		return failure(to, "copy "+from, err)
	}
	if f, err = os.OpenFile(to, os.O_RDWR, 0); err != nil {
		// nobody has it open, so closing it takes no lock away
		return failure(to, "sync", err)
	}
	return failure(to, "sync", errors.Join(f.Sync(), f.Close()))
}

// examine verifies a journal that nobody writes, and sums it up.
func examine(path string, progress func(done, total int64)) (c Copy, err error) {
	r, err := OpenReadOnly(path)
	if err != nil {
		return c, err
	}
	defer r.Close()
	report, err := r.wholeOrError(true, progress)
	if err != nil {
		return c, err
	}
	c = Copy{Path: path, Facts: report.Facts, Payments: report.Payments, Head: report.Head}
	if c.Until, err = r.until(); err != nil {
		return c, err
	}
	return c, failure(path, "close", r.db.Close())
}

// wholeOrError verifies the journal, with or without its look-up tables, and makes an error of what
// it finds.
func (r *Reader) wholeOrError(lookups bool, progress func(done, total int64)) (Report, error) {
	report, err := r.verify(lookups, progress)
	if n := len(report.Problems); err == nil && n > 0 {
		first := report.Problems[0]
		err = damaged(r.path, fmt.Sprintf("it does not verify: fact %d: %s (%d problems)",
			first.Seq, first.What, n), "keep it as it is")
	}
	return report, err
}

// until is the wall clock of the newest fact; zero when there is none.
func (r *Reader) until() (time.Time, error) {
	facts, err := selectFacts(r.db, "ORDER BY seq DESC LIMIT 1")
	if err != nil || len(facts) == 0 {
		return time.Time{}, r.reading("read the newest fact", err)
	}
	return facts[0].At, nil
}

// parts are the endings of the files that SQLite may keep for one database; the first is the
// database.
var parts = [...]string{"", "-wal", "-shm", "-journal"}

// removeDatabase removes what is there of a database that never held the only copy of anything.
func removeDatabase(path string) error {
	for _, part := range parts {
		if err := removeFile(path + part); err != nil {
			return err
		}
	}
	return nil
}

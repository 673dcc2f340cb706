package offline

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"kiosk-agent/internal/disk"
	"kiosk-agent/payment"
)

// Journal is an open journal with its one writer. Its Reader half has every look-up.
type Journal struct {
	Reader
	cfg      Config
	lock     *os.File
	writer   *sql.DB   // one connection
	rebuilt  string    // why Open made the look-up tables anew
	checking *checking // of the file's structure; nil until all else is open

	// (*sql.Tx).Commit; a test may put a failing one here, before the first Append
	commitTx func(*sql.Tx) error

	mu       sync.Mutex // one append at a time; guards what follows
	head     head
	folded   *foldCache
	doubtful bool // the outcome of the last commit is not known: settle before the next one
	sure     sure
	unmoved  int   // commits since the write-ahead log was moved into the file by Rest
	lastErr  error // of the last write; nil after one that succeeded
	closed   bool
}

// head is the newest fact.
type head struct {
	seq  int64
	hash digest
}

func readHead(q querier, journalID string) (head, error) {
	var h head
	var sum []byte
	err := q.QueryRow("SELECT seq, hash FROM facts ORDER BY seq DESC LIMIT 1").Scan(&h.seq, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		return head{0, genesis(journalID)}, nil
	}
	copy(h.hash[:], sum)
	return h, err
}

// Rebuilt says why Open made the look-up tables anew from the facts; "" when it did not have to. It
// is for the log.
func (j *Journal) Rebuilt() string { return j.rebuilt }

// enter takes the journal for a write, which the caller ends with j.mu.Unlock. On error it is not
// taken.
func (j *Journal) enter() (err error) {
	j.checkBeside()
	<-j.checking.first
	j.mu.Lock()
	defer func() {
		if err != nil {
			j.mu.Unlock()
		}
	}()
	if err := j.refuses(); err != nil {
		return err
	}
	if j.doubtful {
		return j.settle()
	}
	return nil
}

// refuses says why nothing is written.
func (j *Journal) refuses() error {
	if j.closed || j.checking.ctx.Err() != nil { // Close ends the check, which then says nothing
		return &Error{Kind: ErrClosed, Path: j.path, What: "it is closed"}
	}
	return j.checking.says()
}

// Writable is nil when the next sale can be committed. After a failed write it tries a small one,
// so that the answer changes by itself when the disk is well again. The error is ErrFull, ErrIO,
// ErrDamaged or ErrClosed.
func (j *Journal) Writable() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.refuses(); err != nil {
		return err
	}
	if j.lastErr != nil {
		if err := j.settle(); err != nil {
			return err
		}
	}
	return j.room()
}

// restAfter is how many commits are worth moving the write-ahead log into the file: about as many
// pages as SQLite would take by itself.
const restAfter = 64

// Rest is for a moment in which nobody waits for a commit: it moves the write-ahead log into the
// file, if there is much of it. SQLite does the same in the middle of a commit, and whoever waits
// for that commit waits for it; with Rest that comes to pass only where there is no such moment.
func (j *Journal) Rest() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refuses() != nil || j.doubtful || j.lastErr != nil || j.unmoved < restAfter {
		return nil
	}
	j.unmoved = 0 // what fails is tried again when there is more
	var busy, pages, moved int
	err := j.writer.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &moved)
	return failure(j.path, "move the write-ahead log into the file", err)
}

// FreeBytes is the space on the journal's file system that this process may still use.
func (j *Journal) FreeBytes() (int64, error) {
	free, err := disk.Free(filepath.Dir(j.path))
	return free, failure(j.path, "ask for the free space", err)
}

// room refuses with ErrFull when less than MinFree is left, so that payments that are running can
// be brought to their end.
func (j *Journal) room() error {
	if j.cfg.MinFree <= 0 {
		return nil
	}
	free, err := j.FreeBytes()
	if err != nil {
		return err
	}
	if free < j.cfg.MinFree {
		return &Error{Kind: ErrFull, Path: j.path, Hint: hintFull,
			What: fmt.Sprintf("%d MiB are free, and new payments need %d MiB", free>>20,
				j.cfg.MinFree>>20)}
	}
	return nil
}

// settle finds out what the database holds when the last write failed, and tests that it takes a
// write. That write also overwrites whatever the failed commit may have left in the write-ahead
// log, so that no later crash can bring it back.
func (j *Journal) settle() error {
	j.folded.drop()
	h, err := j.probe()
	if err != nil {
		j.doubtful = true
		j.lastErr = failure(j.path, "write", err)
		return j.lastErr
	}
	j.head, j.doubtful, j.lastErr = h, false, nil
	return nil
}

func (j *Journal) probe() (h head, err error) {
	tx, err := j.writer.Begin()
	if err != nil {
		return h, err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(
		"UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'probes'"); err != nil {
		return h, err
	}
	if h, err = readHead(tx, j.id); err != nil {
		return h, err
	}
	return h, tx.Commit()
}

// Close ends the use of the journal, moves the write-ahead log into the file and gives up the lock.
// Later calls fail.
func (j *Journal) Close() error {
	if j.checking != nil {
		j.checking.end()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	var errs []error
	if j.db != nil {
		errs = append(errs, j.db.Close())
	}
	if j.writer != nil {
		if j.sure.proved && j.checking.says() == nil {
			_ = j.writeSure(j.writer) // what stands there is older
		}
		errs = append(errs, j.writer.Close())
	}
	errs = append(errs, j.lock.Close())
	return failure(j.path, "close", errors.Join(errs...))
}

// Position is how far the relay's stream has been read; ok is false before the first delivery.
func (r *Reader) Position() (pos payment.Position, ok bool, err error) {
	var seq int64
	err = r.db.QueryRow("SELECT epoch, seq, id FROM position").Scan(&pos.Epoch, &seq, &pos.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return payment.Position{}, false, nil
	}
	pos.Seq = uint64(seq)
	return pos, err == nil, failure(r.path, "read the position", err)
}

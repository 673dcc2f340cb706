package offline

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync"
	"time"
)

// SQLite's own check of the file: pages, cells, and that the indexes agree with their tables. It
// takes as long as the file is large, so it is none that a start can wait for:
//
//   - Where the file is small, Open makes it.
//   - Of a larger file the check begins with the first Append or Checked, on connections of its
//     own. That Append waits until the payments' look-up table with its indexes has been checked
//     whole, and pages and cells of the file for as long as CheckBudget allows. No payment is
//     opened, and no record put to none, by a look-up that a broken index has misled; and no page
//     is taken into use that something else is in. It waits for CheckLookups at most: a million
//     payments on a slow card must not keep a kiosk from selling, nor a watchdog from being fed.
//   - Then the whole file is checked, however long that takes.
//
// What is found makes the journal unwritable until it is opened again.
const (
	smallFile     = 512 << 10
	defaultBudget = 500 * time.Millisecond
	lookupsWithin = 10 * time.Second
	checkAgain    = 10 * time.Second // where the file could not be read
)

const (
	checkPages   = "PRAGMA quick_check(1)"
	checkLookups = "PRAGMA integrity_check('payments')"
	checkAll     = "PRAGMA integrity_check(1)"
)

// checking is the check that runs beside an open journal.
type checking struct {
	ctx   context.Context // ends at Close
	stop  context.CancelFunc
	first chan struct{} // closed when an Append need not wait any more
	done  chan struct{} // closed when all is checked or something was found, or at Close

	mu    sync.Mutex
	begun bool
	found error // why the journal must not be written; of ErrDamaged it is for good
}

// small reports whether the file is one that Open checks itself.
func (j *Journal) small() (bool, error) {
	limit := j.cfg.CheckAtOpen
	if limit == 0 {
		limit = smallFile
	}
	info, err := os.Stat(j.path)
	if err != nil {
		return false, failure(j.path, "look at the file", err)
	}
	return info.Size() <= limit, nil
}

// checkStructure checks a small file. It reports whether there is more to check.
func (j *Journal) checkStructure() (more bool, err error) {
	small, err := j.small()
	if err != nil || !small {
		return true, err
	}
	return false, structure(context.Background(), j.db, j.path, checkAll)
}

// newChecking is the check of a journal that has just been opened; more = false: all is checked.
func newChecking(more bool) *checking {
	c := &checking{first: make(chan struct{}), done: make(chan struct{})}
	c.ctx, c.stop = context.WithCancel(context.Background())
	if !more {
		c.begun = true
		close(c.first)
		close(c.done)
	}
	return c
}

// checkBeside begins the check, once.
func (j *Journal) checkBeside() {
	c := j.checking
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun {
		return
	}
	c.begun = true
	tried := sync.OnceFunc(func() { close(c.first) })
	go func() {
		defer close(c.done)
		defer tried()
		db := openReaders(j.path)
		defer db.Close()
		c.until(func() error { return j.checkFirst(c.ctx, db) }, tried)
		c.until(func() error { return structure(c.ctx, db, j.path, checkAll) }, tried)
	}()
}

// checkFirst is what the first Append waits for.
func (j *Journal) checkFirst(ctx context.Context, db *sql.DB) error {
	budget := j.cfg.CheckBudget
	if budget <= 0 {
		budget = defaultBudget
	}
	bounded, stop := context.WithTimeout(ctx, budget)
	defer stop()
	pages := make(chan error, 1)
	go func() {
		err := structure(bounded, db, j.path, checkPages)
		if bounded.Err() != nil {
			err = nil // running out of time is no finding
		}
		pages <- err
	}()
	within := j.cfg.CheckLookups
	if within <= 0 {
		within = lookupsWithin
	}
	patient, leave := context.WithTimeout(ctx, within)
	defer leave()
	err := structure(patient, db, j.path, checkLookups)
	if patient.Err() != nil && ctx.Err() == nil {
		err = nil // what it would have found, the check of all finds
	}
	if other := <-pages; err == nil || errors.Is(other, ErrDamaged) {
		return other
	}
	return err
}

// structure lets SQLite check; the error is what it found, or why it could not look.
func structure(ctx context.Context, db *sql.DB, path, how string) error {
	var first string
	if err := db.QueryRowContext(ctx, how).Scan(&first); err != nil {
		return failure(path, "check the file", err)
	}
	if first != "ok" {
		return damaged(path, "its structure is broken: "+first, "")
	}
	return nil
}

// until checks until that succeeds, something is broken, or Close. While the file cannot be read
// the journal is unwritable too. tried is called after each attempt.
func (c *checking) until(check func() error, tried func()) {
	for !c.broken() {
		err := check()
		if c.ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		c.found = err
		c.mu.Unlock()
		tried()
		if err == nil || errors.Is(err, ErrDamaged) {
			return
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(checkAgain):
		}
	}
}

func (c *checking) broken() bool { return errors.Is(c.says(), ErrDamaged) }

// says is why the journal must not be written, as far as is known by now.
func (c *checking) says() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// end ends the check and waits for that.
func (c *checking) end() {
	c.stop()
	c.mu.Lock()
	if !c.begun {
		c.begun = true
		close(c.first)
		close(c.done)
	}
	c.mu.Unlock()
	<-c.done
}

// Checked waits until the structure of the whole file has been checked, which it begins where
// nobody has, and returns what is wrong with it: the journal is unwritable then, until it is opened
// again. It is nil as well when the journal was closed or ctx has ended before that was known.
func (j *Journal) Checked(ctx context.Context) error {
	j.checkBeside()
	select {
	case <-ctx.Done():
		return nil
	case <-j.checking.done:
		return j.checking.says()
	}
}

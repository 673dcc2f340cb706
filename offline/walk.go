package offline

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"kiosk-agent/payment"
)

// walk goes along the chain.
type walk struct {
	next int64
	prev digest
}

// follow takes the record as the next link; it says what is wrong with its place, or "".
func (w *walk) follow(r *record) (problem string) {
	switch {
	case r.seq > w.next:
		problem = fmt.Sprintf("facts %d to %d before it are missing", w.next, r.seq-1)
	case r.link(w.prev) != r.hash:
		problem = "it or its place was altered: its hash does not follow from the fact before it"
	}
	w.next, w.prev = r.seq+1, r.hash
	return problem
}

// checked is a record that was compared with what must stand in it.
type checked struct {
	record
	fact     payment.Fact
	err      error // why it cannot be read back
	problems []string
}

// check compares what stands in the record.
func (c *checked) check() {
	c.fact, c.err = c.record.fact()
	if c.body == nil && !droppable(payment.Kind(c.kind)) {
		c.fact = payment.Fact{}
		c.problems = append(c.problems, "its body is gone, and retention never drops that of "+
			fmt.Sprintf("%.40q", c.kind))
		return
	}
	if c.body != nil && sha256.Sum256(c.body) != c.bodyHash {
		c.problems = append(c.problems, "its body was altered")
	}
	if c.err != nil {
		c.problems = append(c.problems, c.err.Error())
		return
	}
	if c.body != nil && payment.Content(c.fact.Data) != c.content {
		c.problems = append(c.problems, "its content mark does not belong to its body")
	}
}

// readPiece are these facts, at most as many as a piece has.
func readPiece(db *sql.DB, from, to int64) ([]checked, error) {
	all := make([]checked, 0, piece)
	err := selectRecords(db, "WHERE seq >= ? AND seq <= ? ORDER BY seq LIMIT ?",
		[]any{from, to, piece}, func(r *record) error {
			all = append(all, checked{record: *r})
			return nil
		})
	return all, err
}

// checkPiece checks facts that follow each other. Of the first one the place is not checked: what
// it follows is not known here.
func checkPiece(all []checked) {
	var w walk
	for i := range all {
		c := &all[i]
		if i == 0 {
			w = walk{c.seq + 1, c.hash}
		} else if problem := w.follow(&c.record); problem != "" {
			c.problems = append(c.problems, problem)
		}
		c.check()
	}
}

// pieceFrom is the last of the facts of a piece that begins here; 0 when there is none.
func pieceFrom(db *sql.DB, from, to int64) (last int64, err error) {
	err = db.QueryRow(`SELECT coalesce(max(seq), 0) FROM
		(SELECT seq FROM facts WHERE seq >= ? AND seq <= ? ORDER BY seq LIMIT ?)`,
		from, to, piece).Scan(&last)
	return last, err
}

// job reads or checks the next piece, which begins here; last is the end of it, 0 = there is none.
type job func(db *sql.DB, from, to int64) (work func() ([]checked, error), last int64, err error)

// readFirst reads one piece after the other on one connection: for some facts, a second one costs
// more than it brings.
func readFirst(db *sql.DB, from, to int64) (func() ([]checked, error), int64, error) {
	all, err := readPiece(db, from, to)
	if err != nil || len(all) == 0 {
		return nil, 0, err
	}
	return func() ([]checked, error) {
		checkPiece(all)
		return all, nil
	}, all[len(all)-1].seq, nil
}

// readMany reads pieces on a connection for each core.
func readMany(db *sql.DB, from, to int64) (func() ([]checked, error), int64, error) {
	last, err := pieceFrom(db, from, to)
	return func() ([]checked, error) {
		all, err := readPiece(db, from, last)
		checkPiece(all)
		return all, err
	}, last, err
}

// eachChecked calls fn with the facts up to a sequence, in order, and what is wrong with each. w
// stands before the first of them. Pieces are checked on all cores, each in a snapshot of its own;
// in memory are three for each core, at most.
func eachChecked(db *sql.DB, w walk, to int64, next job, fn func(*checked) error) error {
	type result struct {
		all []checked
		err error
	}
	cores := min(runtime.GOMAXPROCS(0), maxReaders-2)
	turns := make(chan chan result, cores)
	stop := make(chan struct{})
	var work errgroup.Group
	work.SetLimit(cores + 1) // one hands out
	work.Go(func() error {
		defer close(turns)
		for from := w.next; from <= to; {
			do, last, err := next(db, from, to)
			if err != nil || last == 0 {
				return err
			}
			turn := make(chan result, 1)
			work.Go(func() error {
				all, err := do()
				turn <- result{all, err}
				return nil
			})
			select {
			case turns <- turn:
			case <-stop:
				return nil
			}
			from = last + 1
		}
		return nil
	})
	err := func() error {
		defer close(stop)
		for turn := range turns {
			r := <-turn
			if r.err != nil {
				return r.err
			}
			for i := range r.all {
				c := &r.all[i]
				if i > 0 { // which checkPiece has compared
					w = walk{c.seq + 1, c.hash}
				} else if problem := w.follow(&c.record); problem != "" {
					c.problems = append([]string{problem}, c.problems...)
				}
				if err := fn(c); err != nil {
					return err
				}
			}
		}
		return nil
	}()
	if werr := work.Wait(); err == nil {
		err = werr
	}
	return err
}

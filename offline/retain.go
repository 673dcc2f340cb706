package offline

import (
	"database/sql"
	"time"
)

// What retention keeps whatever it is told, unless Config says otherwise, and how much it does at
// once.
const (
	retainBatch = 50                  // bodies in one transaction, which appends wait for
	retainFacts = 1000                // the newest facts keep their bodies
	retainFor   = 30 * 24 * time.Hour // and so does what is not this much older than each of them
)

// keeps are the two bounds as configured.
func (j *Journal) keeps() (facts int64, age time.Duration) {
	facts, age = j.cfg.KeepFacts, j.cfg.KeepFor
	if facts == 0 {
		facts = retainFacts
	}
	if age == 0 {
		age = retainFor
	}
	return facts, age
}

// Retain drops bodies that nobody needs any more: of minted facts (the link) whose payment is
// final, not owed and no work for staff, and of parked facts that were opened or that staff have
// closed. The facts stay, with their hashes, and fold as before. It drops some at a time, so that
// appends do not wait long; done is true when there are no more. Then the remains are gone from the
// file, too, once the write-ahead log has been moved into it.
//
// A fact is old when it is older than before, which is wall clock as facts are, but that clock may
// have been wrong by years, at any time. So the fact must also be a month older than each of the
// newest 1000 facts, and the one 1000 facts after it must be older than before as well: neither
// facts that were made while the clock was behind, nor a clock that has just gone ahead, make
// anything old before 1000 facts were written.
//
// The error is ErrFull, ErrIO, ErrDamaged or ErrClosed; then nothing of this call was dropped, or
// it is found out as after Append.
func (j *Journal) Retain(before time.Time) (dropped int, done bool, err error) {
	if err := j.enter(); err != nil {
		return 0, false, err
	}
	defer j.mu.Unlock()
	if facts, _ := j.keeps(); j.head.seq <= facts {
		return 0, true, nil
	}
	tx, err := j.writer.Begin()
	if err != nil {
		return 0, false, j.failed("begin to drop old bodies", err)
	}
	defer tx.Rollback()
	seqs, err := j.droppableFacts(tx, before)
	if err == nil {
		err = dropBodies(tx, seqs)
	}
	if err == nil && len(seqs) > 0 {
		err = j.commitTx(tx)
	}
	if err != nil {
		return 0, false, j.failed("drop old bodies", err)
	}
	return len(seqs), len(seqs) < retainBatch, nil
}

// selectDroppable uses facts_droppable, which holds only what was not dropped yet.
const selectDroppable = `SELECT f.seq FROM facts AS f
	WHERE f.body IS NOT NULL AND f.kind IN ('minted', 'parked')
	AND f.seq <= ?1 - ?2 AND f.at_ms < ?3 AND (SELECT at_ms FROM facts WHERE seq = f.seq + ?2) < ?3
	AND CASE f.kind
		WHEN 'minted' THEN EXISTS (SELECT 1 FROM payments
			WHERE id = f.payment AND final = 1 AND owed = 0 AND needs_staff = 0)
		ELSE EXISTS (SELECT 1 FROM parked
			WHERE seq = f.seq AND (opened_by IS NOT NULL OR closed_by IS NOT NULL)) END
	ORDER BY f.at_ms LIMIT ?4`

func (j *Journal) droppableFacts(tx *sql.Tx, before time.Time) ([]int64, error) {
	var oldest int64 // among the newest facts
	facts, age := j.keeps()
	if err := tx.QueryRow("SELECT min(at_ms) FROM facts WHERE seq > ?",
		j.head.seq-facts).Scan(&oldest); err != nil {
		return nil, err
	}
	cutoff := min(before.UnixMilli(), oldest-age.Milliseconds())
	return column[int64](tx, selectDroppable, j.head.seq, facts, cutoff, retainBatch)
}

func dropBodies(tx *sql.Tx, seqs []int64) error {
	for _, seq := range seqs {
		if _, err := tx.Exec("UPDATE facts SET body = NULL WHERE seq = ?", seq); err != nil {
			return err
		}
		// A delivery without its body cannot be tried again: tables made anew would not have it
		// either.
		if _, err := tx.Exec("DELETE FROM parked WHERE seq = ?", seq); err != nil {
			return err
		}
	}
	return nil
}

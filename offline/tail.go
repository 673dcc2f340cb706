package offline

import (
	"database/sql"
	"errors"
	"fmt"
)

const defaultTail = 1000

// checkTail checks at Open what can be checked in bounded time and without writing: the chain and
// the bodies of the newest facts. It returns the payments that these are about.
func (j *Journal) checkTail() (touched map[string]bool, err error) {
	h, err := readHead(j.db, j.id)
	if err != nil {
		return nil, failure(j.path, "read the head", err)
	}
	n := int64(j.cfg.TailFacts)
	if n <= 0 {
		n = defaultTail
	}
	w := walk{next: max(1, h.seq-n+1)}
	if w.prev, err = j.hashBefore(w.next); err != nil {
		return nil, err
	}
	touched = map[string]bool{}
	err = eachRecord(j.db, w.next, h.seq, func(r *record) error {
		if _, problems := w.check(r); len(problems) > 0 {
			return damaged(j.path, fmt.Sprintf("fact %d: %s", r.seq, problems[0]), "")
		}
		if r.payment != "" {
			touched[r.payment] = true
		}
		return nil
	})
	return touched, failure(j.path, "check the newest facts", err)
}

// hashBefore is the hash that the fact with this sequence follows.
func (j *Journal) hashBefore(seq int64) (digest, error) {
	if seq == 1 {
		return genesis(j.id), nil
	}
	var d digest
	var b []byte
	if err := j.db.QueryRow("SELECT hash FROM facts WHERE seq = ?", seq-1).Scan(&b); err != nil {
		return d, damaged(j.path, fmt.Sprintf("fact %d is missing", seq-1), "")
	}
	copy(d[:], b)
	return d, nil
}

// sameAsFacts compares one look-up row with the facts.
func (j *Journal) sameAsFacts(id string) (bool, error) {
	l, err := load(j.writer, id)
	if err != nil {
		return false, err
	}
	if l == nil || !l.folder.Seen() {
		return false, damaged(j.path, "payment "+id+" does not begin with requested", "")
	}
	row, err := scanLookup(j.writer.QueryRow("SELECT "+lookupColumns+" FROM payments WHERE id = ?",
		id))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil || row != l.row {
		return false, err
	}
	return l.sameMoney(j.writer)
}

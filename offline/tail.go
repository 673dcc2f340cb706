package offline

import (
	"database/sql"
	"errors"
	"fmt"
	"math"

	"kiosk-agent/payment"
)

const defaultTail = 1000

// newest is what the newest facts say.
type newest struct {
	from int64 // the first of them
	// the payments that begin with one of them, folded; of the others that they are about, the ids
	whole  map[string]*live
	begins map[int64]string // by the number of that fact
	others map[string]bool
}

// checkTail checks at Open what can be checked in bounded time and without writing: the chain and
// the bodies of the newest facts.
func (j *Journal) checkTail() (*newest, error) {
	h, err := readHead(j.db, j.id)
	if err != nil {
		return nil, failure(j.path, "read the head", err)
	}
	size := int64(j.cfg.TailFacts)
	if size <= 0 {
		size = defaultTail
	}
	n := &newest{from: max(1, h.seq-size+1), whole: map[string]*live{},
		begins: map[int64]string{}, others: map[string]bool{}}
	prev, err := j.hashBefore(n.from)
	if err != nil {
		return nil, err
	}
	err = eachChecked(j.db, walk{n.from, prev}, h.seq, readFirst, func(c *checked) error {
		if len(c.problems) > 0 {
			return damaged(j.path, fmt.Sprintf("fact %d: %s", c.seq, c.problems[0]), "")
		}
		n.note(c)
		return nil
	})
	return n, failure(j.path, "check the newest facts", err)
}

func (n *newest) note(c *checked) {
	id := c.payment
	if id == "" || n.others[id] {
		return
	}
	l := n.whole[id]
	if l == nil && payment.Kind(c.kind) != payment.KindRequested {
		n.others[id] = true
		return
	}
	if l == nil {
		l = &live{row: lookup{firstSeq: c.seq}}
		n.whole[id], n.begins[c.seq] = l, id
	}
	l.folder.Add(c.fact)
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

// differing is a payment of the newest facts whose row differs from its facts; "" when there is
// none. All of it is one snapshot.
func (j *Journal) differing(n *newest) (id string, err error) {
	tx, err := j.db.Begin()
	if err != nil {
		return "", err
	}
	defer tx.Rollback()
	if err := j.indexed(tx, n); err != nil {
		return "", err
	}
	if id, err = n.differing(tx); id != "" || err != nil {
		return id, err
	}
	for id := range n.others {
		if same, err := j.sameAsFacts(tx, id); err != nil || !same {
			return id, err
		}
	}
	return "", nil
}

// unindexed is a payment of the newest facts that its index does not lead to.
const unindexed = `SELECT payment FROM (SELECT payment, count(*) || ' ' || sum(seq) AS facts
		FROM facts NOT INDEXED WHERE seq >= ?1 AND payment IS NOT NULL GROUP BY payment) AS f
	WHERE facts <> (SELECT count(*) || ' ' || sum(g.seq)
		FROM facts AS g INDEXED BY facts_by_payment WHERE g.payment = f.payment AND g.seq >= ?1)
	LIMIT 1`

// indexed refuses an index by which facts of these payments are not found. The look-up tables are
// made anew by it, so that would mend nothing.
func (j *Journal) indexed(tx *sql.Tx, n *newest) error {
	var id string
	err := tx.QueryRow(unindexed, n.from).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return damaged(j.path, fmt.Sprintf("the index of its facts does not lead to those of "+
		"payment %.40q", id), "")
}

// misled is a payment that is not found by its id.
const misled = `SELECT id FROM payments AS p NOT INDEXED WHERE first_seq >= ? AND first_seq IS NOT
	(SELECT first_seq FROM payments INDEXED BY sqlite_autoindex_payments_1 WHERE id = p.id) LIMIT 1`

// moneyBetween are the movements of payments that begin between two facts. (In the order of seq
// alone SQLite would read them all.)
const moneyBetween = "INDEXED BY money_by_payment WHERE first_seq BETWEEN ? AND ? " +
	"ORDER BY first_seq, seq"

// differing compares the rows of the payments that begin with one of the newest facts.
func (n *newest) differing(tx *sql.Tx) (id string, err error) {
	rows, err := lookups(tx, n.from-1, -1)
	if err != nil {
		return "", err
	}
	money, err := moneyOf(tx, moneyBetween, n.from, int64(math.MaxInt64))
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		id, ok := n.begins[row.firstSeq]
		if !ok {
			return row.id, nil
		}
		l := n.whole[id]
		l.row = lookupOf(row.firstSeq, l.folder.Payment())
		if l.row != row || !l.sameMoney(money[row.firstSeq]) {
			return id, nil
		}
		delete(n.begins, row.firstSeq)
	}
	for _, id := range n.begins { // without a row
		return id, nil
	}
	if err := tx.QueryRow(misled, n.from).Scan(&id); errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// sameAsFacts compares one look-up row with the facts.
func (j *Journal) sameAsFacts(tx *sql.Tx, id string) (bool, error) {
	l, err := load(tx, id)
	if err != nil {
		return false, err
	}
	if l == nil || !l.folder.Seen() {
		return false, damaged(j.path, "payment "+id+" does not begin with requested", "")
	}
	row, err := scanLookup(tx.QueryRow("SELECT "+lookupColumns+" FROM payments WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil || row != l.row {
		return false, err
	}
	money, err := moneyOf(tx, "WHERE first_seq = ? ORDER BY seq", row.firstSeq)
	return l.sameMoney(money[row.firstSeq]), err
}

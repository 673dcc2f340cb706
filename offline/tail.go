package offline

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync"

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
	tables *tables // nil: not read yet
}

// tables is what the tables and indexes say of these payments.
type tables struct {
	rows      []lookup
	money     map[int64][]moneyRow
	unindexed string // a payment that the index of facts does not lead to; "" = none
	misled    string // one that is not found by its id
	err       error
}

// checkTail checks at Open what can be checked in bounded time and without writing: the chain and
// the bodies of the newest facts. Where the tables are current they are read meanwhile.
func (j *Journal) checkTail(current bool) (*newest, error) {
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
	var beside sync.WaitGroup
	if current {
		beside.Go(func() { n.tables = j.readTables(n.from) })
	}
	err = eachChecked(j.db, walk{n.from, prev}, h.seq, readFirst, func(c *checked) error {
		if len(c.problems) > 0 {
			return damaged(j.path, fmt.Sprintf("fact %d: %s", c.seq, c.problems[0]), "")
		}
		n.note(c)
		return nil
	})
	beside.Wait()
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
// none. An index by which facts are not found is damage: the look-up tables are made anew by it, so
// that would mend nothing.
func (j *Journal) differing(n *newest) (id string, err error) {
	t := n.tables
	if t == nil {
		t = j.readTables(n.from)
	}
	if t.err != nil {
		return "", t.err
	}
	if t.unindexed != "" {
		return "", damaged(j.path, fmt.Sprintf("the index of its facts does not lead to those of "+
			"payment %.40q", t.unindexed), "")
	}
	if id := n.differing(t); id != "" {
		return id, nil
	}
	tx, err := j.db.Begin()
	if err != nil {
		return "", err
	}
	defer tx.Rollback()
	for id := range n.others {
		if same, err := j.sameAsFacts(tx, id); err != nil || !same {
			return id, err
		}
	}
	return "", nil
}

// differing compares the rows of the payments that begin with one of the newest facts.
func (n *newest) differing(t *tables) (id string) {
	for _, row := range t.rows {
		id, ok := n.begins[row.firstSeq]
		if !ok {
			return row.id
		}
		l := n.whole[id]
		l.row = lookupOf(row.firstSeq, l.folder.Payment())
		if l.row != row || !l.sameMoney(t.money[row.firstSeq]) {
			return id
		}
		delete(n.begins, row.firstSeq)
	}
	for _, id := range n.begins { // without a row
		return id
	}
	return t.misled
}

// readTables reads what is said from this fact on, in one snapshot.
func (j *Journal) readTables(from int64) (t *tables) {
	t = &tables{}
	tx, err := j.db.Begin()
	if err != nil {
		t.err = err
		return t
	}
	defer tx.Rollback()
	for _, read := range []func() error{
		func() error { return one(tx, unindexed, &t.unindexed, from) },
		func() error { return one(tx, misled, &t.misled, from) },
		func() (err error) { t.rows, err = lookups(tx, from-1, -1); return err },
		func() (err error) {
			t.money, err = moneyOf(tx, moneyBetween, from, int64(math.MaxInt64))
			return err
		},
	} {
		if t.err = read(); t.err != nil {
			break
		}
	}
	return t
}

// one reads the one column of the one row, if there is a row.
func one(tx *sql.Tx, query string, to *string, args ...any) error {
	err := tx.QueryRow(query, args...).Scan(to)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// unindexed is a payment of the newest facts that its index does not lead to.
const unindexed = `SELECT payment FROM (SELECT payment, count(*) || ' ' || sum(seq) AS facts
		FROM facts NOT INDEXED WHERE seq >= ?1 AND payment IS NOT NULL GROUP BY payment) AS f
	WHERE facts <> (SELECT count(*) || ' ' || sum(g.seq)
		FROM facts AS g INDEXED BY facts_by_payment WHERE g.payment = f.payment AND g.seq >= ?1)
	LIMIT 1`

// misled is a payment that is not found by its id.
const misled = `SELECT id FROM payments AS p NOT INDEXED WHERE first_seq >= ? AND first_seq IS NOT
	(SELECT first_seq FROM payments INDEXED BY sqlite_autoindex_payments_1 WHERE id = p.id) LIMIT 1`

// moneyBetween are the movements of payments that begin between two facts. (In the order of seq
// alone SQLite would read them all.)
const moneyBetween = "INDEXED BY money_by_payment WHERE first_seq BETWEEN ? AND ? " +
	"ORDER BY first_seq, seq"

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

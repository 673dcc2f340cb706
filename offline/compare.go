package offline

import (
	"cmp"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"kiosk-agent/payment"
)

// rowPiece is how many look-up rows are read at once.
const rowPiece = 500

// maxFlights bounds the payments that are folded side by side; what is above it is compared one by
// one in the end. A terminal has a handful whose last fact comes late. A test makes it less.
var maxFlights = 10_000

// comparer holds the look-up rows against the facts, which come in order: a payment's row is taken
// up at its first fact, compared at the one that the row names as the last, and forgotten. Rows
// that say something of facts behind the head are compared in a snapshot, and whatever does not fit
// in otherwise.
type comparer struct {
	r        *Reader
	head     int64
	findings *findings
	rows     rowReader
	live     map[string]*flight
	later    map[string]int64 // the first fact of payments that are compared in the end, by id
	orphans  int
}

// flight is a payment between its first fact and its last.
type flight struct {
	live
	want  lookup
	money []moneyRow
	err   error // of a fact that cannot be read
}

func newComparer(r *Reader, head int64, f *findings) *comparer {
	c := &comparer{r: r, head: head, findings: f, live: map[string]*flight{},
		later: map[string]int64{}, rows: rowReader{pieces: make(chan rowsRead, 1),
			stop: make(chan struct{})}}
	go c.rows.read(r.db)
	return c
}

// add takes the next fact of the journal.
func (c *comparer) add(f *checked) error {
	id := f.payment
	if id == "" {
		return nil
	}
	if payment.Kind(f.kind) == payment.KindRequested {
		known, err := c.begin(f)
		if err != nil || !known {
			return err
		}
	}
	fl := c.live[id]
	if fl == nil {
		return c.stray(f)
	}
	if fl.err == nil {
		fl.err = f.err
		fl.folder.Add(f.fact)
	}
	if f.seq >= fl.want.lastSeq {
		delete(c.live, id)
		c.compare(fl.want, &fl.live, fl.money, fl.err)
	}
	return nil
}

// begin takes up the row of a payment; known is false when there is none.
func (c *comparer) begin(f *checked) (known bool, err error) {
	row, money, ok, err := c.take(f.seq)
	if err != nil {
		return false, err
	}
	if ok && row.id != f.payment {
		c.later[row.id] = row.firstSeq
	}
	if !ok || row.id != f.payment {
		c.orphan(f.seq)
		return false, nil
	}
	if row.lastSeq > c.head || c.live[row.id] != nil || len(c.live) >= maxFlights {
		delete(c.live, row.id)
		c.later[row.id] = row.firstSeq
		return true, nil
	}
	c.live[row.id] = &flight{want: row, money: money}
	return true, nil
}

// take is the row that begins at this fact. One before it begins at no fact that requests anything.
func (c *comparer) take(seq int64) (row lookup, money []moneyRow, ok bool, err error) {
	for {
		row, ok, err = c.rows.peek()
		if err != nil || !ok || row.firstSeq > seq {
			return lookup{}, nil, false, err
		}
		money = c.rows.next()
		if row.firstSeq == seq {
			return row, money, true, nil
		}
		c.later[row.id] = row.firstSeq
	}
}

// stray is a fact of a payment that is not taken up: its row is compared in the end, or there is
// none.
func (c *comparer) stray(f *checked) error {
	if _, ok := c.later[f.payment]; ok {
		return nil
	}
	var first int64
	err := c.r.db.QueryRow("SELECT first_seq FROM payments WHERE id = ?", f.payment).Scan(&first)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		c.orphan(f.seq)
		return nil
	case err == nil:
		c.later[f.payment] = first
	}
	return err
}

func (c *comparer) orphan(seq int64) {
	if c.orphans++; c.orphans <= 20 {
		c.findings.add(seq, "its payment is not in the look-up table")
	}
}

// compare says how a payment's rows differ from its facts; l is nil when it has none.
func (c *comparer) compare(row lookup, l *live, money []moneyRow, err error) {
	if l != nil && err == nil {
		l.row = lookupOf(row.firstSeq, l.folder.Payment())
	}
	switch {
	case err != nil:
		c.findings.add(row.firstSeq, "its payment cannot be put together: %v", err)
	case l == nil || !l.folder.Seen():
		c.findings.add(row.firstSeq,
			"the look-up table has a payment here that no fact requested")
	case l.row != row:
		c.findings.add(row.firstSeq,
			"the look-up table says something else about this payment than its facts")
	case !l.sameMoney(money):
		c.findings.add(row.firstSeq,
			"the table of movements says something else about its money than its facts")
	}
}

// end compares what is left, and ends the reading.
func (c *comparer) end(complete bool) error {
	defer c.rows.end()
	if !complete {
		return nil
	}
	for {
		row, ok, err := c.rows.peek()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		c.rows.next()
		c.later[row.id] = row.firstSeq
	}
	for id, fl := range c.live { // no fact has the number that its row has for the last
		c.later[id] = fl.want.firstSeq
	}
	firsts := slices.SortedFunc(maps.Values(c.later), cmp.Compare)
	for _, first := range slices.Compact(firsts) {
		if err := c.alone(first); err != nil {
			return err
		}
	}
	return nil
}

// alone compares one row in a snapshot.
func (c *comparer) alone(first int64) error {
	tx, err := c.r.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	rows, err := lookups(tx, first-1, 1)
	if err != nil || len(rows) == 0 || rows[0].firstSeq != first {
		return err
	}
	row := rows[0]
	l, err := load(tx, row.id)
	if err != nil && !errors.Is(err, payment.ErrFact) {
		return err
	}
	money, merr := moneyOf(tx, "WHERE first_seq = ? ORDER BY seq", first)
	if merr != nil {
		return merr
	}
	if err == nil && l != nil && l.row.firstSeq != first {
		c.findings.add(first,
			"the look-up table says something else about this payment than its facts")
		return nil
	}
	c.compare(row, l, money[first], err)
	return nil
}

// rowReader reads the look-up rows ahead, in pieces, each in a snapshot.
type rowReader struct {
	pieces chan rowsRead
	stop   chan struct{}
	now    rowsRead
}

type rowsRead struct {
	rows  []lookup
	money map[int64][]moneyRow
	err   error
}

func (r *rowReader) read(db *sql.DB) {
	defer close(r.pieces)
	for after := int64(0); ; {
		p := readRows(db, after)
		if p.err == nil && len(p.rows) == 0 {
			return
		}
		select {
		case r.pieces <- p:
		case <-r.stop:
			return
		}
		if p.err != nil {
			return
		}
		after = p.rows[len(p.rows)-1].firstSeq
	}
}

func readRows(db *sql.DB, after int64) (p rowsRead) {
	tx, err := db.Begin()
	if err != nil {
		return rowsRead{err: err}
	}
	defer tx.Rollback()
	if p.rows, p.err = lookups(tx, after, rowPiece); p.err != nil || len(p.rows) == 0 {
		return p
	}
	last := p.rows[len(p.rows)-1].firstSeq
	p.money, p.err = moneyOf(tx, moneyBetween, after+1, last)
	return p
}

// peek is the next row; ok is false when there is none.
func (r *rowReader) peek() (row lookup, ok bool, err error) {
	for len(r.now.rows) == 0 {
		if r.now, ok = <-r.pieces; !ok || r.now.err != nil {
			return row, false, r.now.err
		}
	}
	return r.now.rows[0], true, nil
}

// next goes on to the row behind, and returns the money of this one.
func (r *rowReader) next() []moneyRow {
	row := r.now.rows[0]
	r.now.rows = r.now.rows[1:]
	return r.now.money[row.firstSeq]
}

// end ends the reading and waits for that.
func (r *rowReader) end() {
	close(r.stop)
	for range r.pieces { // until it is closed
	}
}

package offline

import (
	"database/sql"
	"slices"

	"kiosk-agent/payment"
)

// Proved are the query_proved facts, oldest first: which endpoints of which accounts.
func (r *Reader) Proved() ([]payment.QueryProved, error) {
	facts, err := selectFacts(r.db, "WHERE payment IS NULL AND kind = ? ORDER BY seq",
		string(payment.KindQueryProved))
	if err != nil {
		return nil, r.reading("look up which queries are proved", err)
	}
	proved := make([]payment.QueryProved, 0, len(facts))
	for _, f := range facts {
		if p, ok := f.Data.(payment.QueryProved); ok {
			proved = append(proved, p)
		}
	}
	return proved, nil
}

const newestClause = "WHERE payment IS NULL AND kind = ? ORDER BY seq DESC LIMIT 1"

// newest is the newest fact about the journal of one kind.
func newest[T payment.Data](r *Reader) (d T, ok bool, err error) {
	facts, err := selectFacts(r.db, newestClause, string(d.Kind()))
	if err != nil || len(facts) == 0 {
		return d, false, r.reading("look up a fact about the journal", err)
	}
	d, ok = facts[0].Data.(T)
	return d, ok, nil
}

// Watched are the ids of the newest final payments, at most limit of them, newest first; with
// unpaid of those that are not approved.
func (r *Reader) Watched(unpaid bool, limit int) ([]string, error) {
	return r.many("SELECT id FROM payments WHERE final = 1 AND (status <> ? OR NOT ?) "+
		"ORDER BY first_seq DESC LIMIT ?", string(payment.StatusApproved), unpaid, max(limit, 0))
}

// A payment that staff have resolved is work again only when money or a dispute that they did not
// foresee comes after it: then needs_staff is 1. What a till was not told stays, until somebody has
// looked into its book: owed_open.
const (
	workNeeded = "SELECT first_seq FROM payments WHERE needs_staff = 1"
	workOwed   = `SELECT first_seq FROM payments
		WHERE owed = 1 AND owed_open = 1 AND needs_staff = 0`
	workEntries = `SELECT seq FROM parked WHERE opened_by IS NULL AND closed_by IS NULL
		UNION SELECT seq FROM unmatched WHERE closed_by IS NULL ORDER BY 1`
)

// Work is everything that staff must do: first the payments that need them or whose outcome is
// owed, then the unmatched records and the parked deliveries that nobody has closed; each group
// oldest first.
func (r *Reader) Work() ([]payment.WorkItem, error) {
	tx, err := r.db.Begin() // one snapshot, as in list
	if err != nil {
		return nil, failure(r.path, "make the worklist", err)
	}
	defer tx.Rollback()
	items, err := work(tx)
	if err == nil {
		return items, nil
	}
	if current, cerr := lookupsCurrent(tx); cerr == nil && !current {
		return nil, &Error{Kind: ErrIO, Path: r.path,
			What: "it was last written by an older version",
			Hint: "start the agent once: it brings the journal up to date"}
	}
	return nil, r.reading("make the worklist", err)
}

func work(tx *sql.Tx) ([]payment.WorkItem, error) {
	var items []payment.WorkItem
	seqs, err := column[int64](tx, workNeeded)
	if err != nil {
		return nil, err
	}
	owed, err := column[int64](tx, workOwed)
	if err != nil {
		return nil, err
	}
	seqs = append(seqs, owed...)
	slices.Sort(seqs)
	for _, seq := range seqs {
		facts, err := selectFacts(tx, ofPaymentAt, seq)
		if err != nil {
			return nil, err
		}
		p, _ := payment.Fold(facts)
		if tasks := p.Tasks(); len(tasks) > 0 {
			items = append(items, payment.WorkItem{Payment: &p, Tasks: tasks})
		}
	}
	if seqs, err = column[int64](tx, workEntries); err != nil {
		return nil, err
	}
	for _, seq := range seqs {
		facts, err := selectFacts(tx, "WHERE seq = ? AND body IS NOT NULL", seq)
		if err != nil {
			return nil, err
		}
		for _, f := range facts {
			items = append(items, payment.WorkItem{Entry: &f, Tasks: payment.EntryWork(f.Data)})
		}
	}
	return items, nil
}

// Entry is the unmatched or parked fact with this sequence, open or closed; ok is false when that
// is no such fact.
func (r *Reader) Entry(seq int64) (f payment.Fact, ok bool, err error) {
	facts, err := selectFacts(r.db, "WHERE seq = ? AND kind IN ('parked', 'unmatched')", seq)
	if err != nil || len(facts) == 0 {
		return payment.Fact{}, false, r.reading("look up an entry", err)
	}
	return facts[0], true, nil
}

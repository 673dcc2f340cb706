package offline

import (
	"database/sql"
	"slices"
	"time"

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

// newestClause is the newest fact about the journal of one kind.
const newestClause = "WHERE payment IS NULL AND kind = ? ORDER BY seq DESC LIMIT 1"

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
		UNION SELECT seq FROM unmatched WHERE closed_by IS NULL
		UNION SELECT seq FROM left_behind WHERE ended_by IS NULL AND lost = 1
		UNION SELECT min(seq) FROM left_behind WHERE ended_by IS NULL AND lost = 0
			HAVING count(*) > 0 ORDER BY 1`
	openLeft = "WHERE seq IN (SELECT seq FROM left_behind WHERE ended_by IS NULL AND lost = 0) " +
		"ORDER BY seq"
)

// Work is WorkAt for whom the time of day makes no difference.
func (r *Reader) Work() ([]payment.WorkItem, error) { return r.WorkAt(time.Time{}) }

// WorkAt is everything that staff must do at this moment: first the payments that need them or
// whose outcome is owed, then the unmatched records and the parked deliveries that nobody has
// closed, and one entry for all that was left at the relay; each group oldest first.
func (r *Reader) WorkAt(now time.Time) ([]payment.WorkItem, error) {
	tx, err := r.db.Begin() // one snapshot, as in list
	if err != nil {
		return nil, failure(r.path, "make the worklist", err)
	}
	defer tx.Rollback()
	items, err := work(tx, now)
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

func work(tx *sql.Tx, now time.Time) ([]payment.WorkItem, error) {
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
			item := payment.WorkItem{Entry: &f, Tasks: payment.EntryWork(f.Data)}
			if l, ok := f.Data.(payment.Left); ok && !l.Lost {
				left, err := selectFacts(tx, openLeft)
				if err != nil {
					return nil, err
				}
				item.Tasks = payment.LeftWork(dataOf[payment.Left](left), now)
			}
			items = append(items, item)
		}
	}
	return items, nil
}

// dataOf is what facts of one kind say.
func dataOf[T payment.Data](facts []payment.Fact) (all []T) {
	for _, f := range facts {
		if d, ok := f.Data.(T); ok {
			all = append(all, d)
		}
	}
	return all
}

// Left are the left facts that no later one has ended, oldest first: what they speak of is at the
// relay alone.
func (r *Reader) Left() ([]payment.Fact, error) {
	facts, err := selectFacts(r.db, openLeft)
	return facts, r.reading("read what was left at the relay", err)
}

// Kept reports whether a parked fact with this payment.Content is here whole.
func (r *Reader) Kept(content string) (bool, error) {
	var n int
	err := r.db.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM facts f JOIN parked p ON p.seq = f.seq
		WHERE f.content = ? AND p.bytes > 0 LIMIT 1)`, content).Scan(&n)
	return n > 0, failure(r.path, "look for a parked delivery", err)
}

// Unheard reports whether something may have been said of this payment, since it was requested,
// that nobody here has heard: a gap was found, or a delivery came that does not open. What was
// opened later, read again, or closed by staff was heard.
func (r *Reader) Unheard(id string) (bool, error) {
	var unheard bool
	err := r.db.QueryRow(`WITH began AS (SELECT min(seq) AS seq FROM facts WHERE payment = ?)
		SELECT EXISTS (SELECT 1 FROM facts f, began
				WHERE f.seq > began.seq AND f.payment IS NULL AND f.kind = ?)
			OR EXISTS (SELECT 1 FROM parked p, began
				WHERE p.seq > began.seq AND p.opened_by IS NULL AND p.closed_by IS NULL)
			OR EXISTS (SELECT 1 FROM left_behind l, began
				WHERE l.seq > began.seq AND l.ended_by IS NULL)`,
		id, string(payment.KindGap)).Scan(&unheard)
	return unheard, failure(r.path, "look for what was not heard", err)
}

// Places are how many parked deliveries hold a place, and their size in bytes: those that have not
// opened, that staff have not closed, and that the relay received after this moment.
func (r *Reader) Places(since time.Time) (n int, bytes int64, err error) {
	err = r.db.QueryRow(`SELECT count(*), coalesce(sum(bytes), 0) FROM parked
		WHERE opened_by IS NULL AND closed_by IS NULL AND received_ms > ?`,
		since.UnixMilli()).Scan(&n, &bytes)
	return n, bytes, failure(r.path, "count the places", err)
}

// Junk is the newest junk fact; ok is false when there is none.
func (r *Reader) Junk() (f payment.Fact, ok bool, err error) {
	facts, err := selectFacts(r.db, newestClause, string(payment.KindJunk))
	if err != nil || len(facts) == 0 {
		return f, false, r.reading("look up a fact about the journal", err)
	}
	return facts[0], true, nil
}

// Entry is the unmatched, parked or left fact with this sequence, open or closed; ok is false when
// that is no such fact.
func (r *Reader) Entry(seq int64) (f payment.Fact, ok bool, err error) {
	facts, err := selectFacts(r.db, "WHERE seq = ? AND kind IN ('parked', 'unmatched', 'left')",
		seq)
	if err != nil || len(facts) == 0 {
		return payment.Fact{}, false, r.reading("look up an entry", err)
	}
	return facts[0], true, nil
}

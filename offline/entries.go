package offline

import (
	"database/sql"
	"fmt"

	"kiosk-agent/payment"
)

// The look-up tables parked and unmatched: the facts that are entries of the worklist by
// themselves, with the first later fact that a parked delivery opened into, and the first one by
// which staff closed the entry.

// note writes down what a fact makes of the entries.
func note(tx *sql.Tx, f payment.Fact) error {
	switch f.Kind() {
	case payment.KindParked:
		if _, err := tx.Exec("INSERT INTO parked (seq) VALUES (?)", f.Seq); err != nil {
			return err
		}
	case payment.KindUnmatched:
		if _, err := tx.Exec("INSERT INTO unmatched (seq) VALUES (?)", f.Seq); err != nil {
			return err
		}
	}
	return settleEntry(tx, f)
}

// settleEntry opens or closes an older entry by this fact.
func settleEntry(tx *sql.Tx, f payment.Fact) error {
	if from := fromParked(f.Data); from != 0 {
		_, err := tx.Exec("UPDATE parked SET opened_by = ? WHERE seq = ? AND opened_by IS NULL",
			f.Seq, from)
		return err
	}
	entry := closes(f.Data)
	if entry == 0 {
		return nil
	}
	for _, table := range []string{"parked", "unmatched"} {
		if _, err := tx.Exec("UPDATE "+table+
			" SET closed_by = ? WHERE seq = ? AND closed_by IS NULL", f.Seq, entry); err != nil {
			return err
		}
	}
	return nil
}

// fromParked is the parked fact that the fact's delivery was opened from, or 0.
func fromParked(d payment.Data) int64 {
	switch d := d.(type) {
	case payment.Notified:
		return d.FromParked
	case payment.Unmatched:
		return d.FromParked
	default:
		return 0
	}
}

// closes is the entry that the fact closes, or 0.
func closes(d payment.Data) int64 {
	if r, ok := d.(payment.Resolved); ok {
		return r.Entry
	}
	return 0
}

// checkEntry refuses to close what is no entry.
func (j *Journal) checkEntry(q querier, f payment.Fact) error {
	entry := closes(f.Data)
	if entry == 0 {
		return nil
	}
	var n int
	if err := q.QueryRow(
		"SELECT count(*) FROM facts WHERE seq = ? AND kind IN ('parked', 'unmatched')",
		entry).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return &Error{Kind: ErrInvalid, Path: j.path,
			What: fmt.Sprintf("fact %d is no entry of the worklist", entry)}
	}
	return nil
}

func rebuildEntries(tx *sql.Tx) error {
	if _, err := tx.Exec(`
		INSERT INTO parked (seq) SELECT seq FROM facts
			WHERE payment IS NULL AND kind = 'parked' AND body IS NOT NULL;
		INSERT INTO unmatched (seq) SELECT seq FROM facts
			WHERE payment IS NULL AND kind = 'unmatched'`); err != nil {
		return err
	}
	return eachRecord(tx, 1, 0, func(r *record) error {
		switch payment.Kind(r.kind) {
		case payment.KindNotified, payment.KindUnmatched, payment.KindResolved:
		default:
			return nil
		}
		f, err := r.fact()
		if err != nil {
			return err
		}
		if err := noteMoney(tx, f); err != nil {
			return err
		}
		return settleEntry(tx, f)
	})
}

// entry is a row of parked or unmatched.
type entry struct {
	openedBy, closedBy int64 // 0 = NULL
}

// entries is what the facts up to the head of a verification say about one of the tables.
type entries map[int64]*entry

// note takes the next fact of the journal.
func (v *verifier) note(f payment.Fact, r *record) {
	if f.Data == nil {
		return
	}
	switch {
	case f.Kind() == payment.KindParked && r.body != nil:
		v.parked[f.Seq] = &entry{}
	case f.Kind() == payment.KindUnmatched:
		v.unmatched[f.Seq] = &entry{}
	}
	if e := v.parked[fromParked(f.Data)]; e != nil && e.openedBy == 0 {
		e.openedBy = f.Seq
	}
	for _, table := range []entries{v.parked, v.unmatched} {
		if e := table[closes(f.Data)]; e != nil && e.closedBy == 0 {
			e.closedBy = f.Seq
		}
	}
}

// entryRows compares the tables of entries with the facts up to the head.
func (v *verifier) entryRows() error {
	err := v.compareEntries(v.parked, "parked deliveries",
		`SELECT p.seq, coalesce(p.opened_by, 0), coalesce(p.closed_by, 0),
		f.seq IS NOT NULL AND f.body IS NULL
		FROM parked p LEFT JOIN facts f ON f.seq = p.seq WHERE p.seq <= ?`)
	if err != nil {
		return err
	}
	return v.compareEntries(v.unmatched, "unmatched records",
		"SELECT seq, 0, coalesce(closed_by, 0), 0 FROM unmatched WHERE seq <= ?")
}

func (v *verifier) compareEntries(want entries, what, query string) error {
	rows, err := v.r.db.Query(query, v.head.seq)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var got entry
		var dropped bool
		if err := rows.Scan(&seq, &got.openedBy, &got.closedBy, &dropped); err != nil {
			return err
		}
		for _, by := range []*int64{&got.openedBy, &got.closedBy} {
			if *by > v.head.seq { // committed since the verification began
				*by = 0
			}
		}
		if e := want[seq]; !dropped && (e == nil || *e != got) {
			v.problem(seq, "the table of %s says something else than the facts", what)
		}
		delete(want, seq)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for seq := range want {
		var dropped bool // by retention, since its body was read
		if err := v.r.db.QueryRow("SELECT count(*) FROM facts WHERE seq = ? AND body IS NULL",
			seq).Scan(&dropped); err != nil {
			return err
		}
		if !dropped {
			v.problem(seq, "it is not in the table of %s", what)
		}
	}
	return nil
}

package offline

import (
	"database/sql"
	"fmt"
	"maps"

	"kiosk-agent/payment"
)

// The look-up tables parked, unmatched and left_behind: the facts that are entries of the worklist
// by themselves, with the first later fact that a parked delivery opened into, the first one by
// which staff closed the entry, and the first one that reads again what was left at the relay.

// note writes down what a fact makes of the entries.
func note(tx *sql.Tx, f payment.Fact) error {
	var err error
	switch d := f.Data.(type) {
	case payment.Parked:
		_, err = tx.Exec("INSERT INTO parked (seq, bytes, received_ms) VALUES (?, ?, ?)", f.Seq,
			keptBytes(d), d.Envelope.ReceivedAt.UnixMilli())
	case payment.Unmatched:
		_, err = tx.Exec("INSERT INTO unmatched (seq) VALUES (?)", f.Seq)
	case payment.Left:
		err = noteLeft(tx, f.Seq, d)
	}
	if err != nil {
		return err
	}
	return settleEntry(tx, f)
}

// keptBytes is the size of a parked delivery; 0 when its content is not here.
func keptBytes(p payment.Parked) int64 {
	if p.Cut {
		return 0
	}
	return p.Envelope.Size()
}

func noteLeft(tx *sql.Tx, seq int64, l payment.Left) error {
	if l.Read > 0 {
		_, err := tx.Exec("UPDATE left_behind SET ended_by = ? "+
			"WHERE seq <= ? AND lost = 0 AND ended_by IS NULL", seq, l.Read)
		return err
	}
	_, err := tx.Exec(
		"INSERT INTO left_behind (seq, epoch, from_pos, to_pos, lost) VALUES (?, ?, ?, ?, ?)",
		seq, l.Epoch, int64(l.From), int64(l.To), l.Lost)
	return err
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
	for _, update := range []string{
		"UPDATE parked SET closed_by = ? WHERE seq = ? AND closed_by IS NULL",
		"UPDATE unmatched SET closed_by = ? WHERE seq = ? AND closed_by IS NULL",
		"UPDATE left_behind SET ended_by = ? WHERE seq = ? AND ended_by IS NULL AND lost = 1",
	} {
		if _, err := tx.Exec(update, f.Seq, entry); err != nil {
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
		"SELECT count(*) FROM facts WHERE seq = ? AND kind IN ('parked', 'unmatched', 'left')",
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
	return eachRecord(tx, 1, 0, func(r *record) error {
		switch payment.Kind(r.kind) {
		case payment.KindNotified, payment.KindUnmatched, payment.KindResolved, payment.KindLeft:
		case payment.KindParked:
			if r.body == nil {
				return nil
			}
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
		return note(tx, f)
	})
}

// entry is a row of parked, unmatched or left_behind.
type entry struct {
	openedBy, closedBy int64  // 0 = NULL; of left_behind closedBy is ended_by
	says               string // what else stands in the row
}

// entries is what the facts up to the head of a verification say about one of the tables.
type entries map[int64]*entry

func parkedRow(p payment.Parked) string {
	return fmt.Sprintf("%d %d", keptBytes(p), p.Envelope.ReceivedAt.UnixMilli())
}

func leftRow(l payment.Left) string {
	lost := 0
	if l.Lost {
		lost = 1
	}
	return fmt.Sprintf("%s %d %d %d", l.Epoch, int64(l.From), int64(l.To), lost)
}

// note takes the next fact of the journal.
func (v *verifier) note(f payment.Fact, r *record) {
	if f.Data == nil {
		return
	}
	switch d := f.Data.(type) {
	case payment.Parked:
		if r.body != nil {
			v.parked[f.Seq] = &entry{says: parkedRow(d)}
		}
	case payment.Unmatched:
		v.unmatched[f.Seq] = &entry{}
	case payment.Left:
		v.noteLeft(f.Seq, d)
	}
	if e := v.parked[fromParked(f.Data)]; e != nil && e.openedBy == 0 {
		e.openedBy = f.Seq
	}
	for _, table := range []entries{v.parked, v.unmatched} {
		if e := table[closes(f.Data)]; e != nil && e.closedBy == 0 {
			e.closedBy = f.Seq
		}
	}
	if e := v.lost[closes(f.Data)]; e != nil && e.closedBy == 0 {
		e.closedBy = f.Seq
	}
}

func (v *verifier) noteLeft(seq int64, l payment.Left) {
	switch e := (&entry{says: leftRow(l)}); {
	case l.Read > 0:
		for old, e := range v.left {
			if old <= l.Read && e.closedBy == 0 {
				e.closedBy = seq
			}
		}
	case l.Lost:
		v.lost[seq] = e
	default:
		v.left[seq] = e
	}
}

// entryRows compares the tables of entries with the facts up to the head.
func (v *verifier) entryRows() error {
	err := v.compareEntries(v.parked, "parked deliveries",
		`SELECT p.seq, coalesce(p.opened_by, 0), coalesce(p.closed_by, 0),
		p.bytes || ' ' || p.received_ms, f.seq IS NOT NULL AND f.body IS NULL
		FROM parked p LEFT JOIN facts f ON f.seq = p.seq WHERE p.seq <= ?`)
	if err != nil {
		return err
	}
	if err := v.compareEntries(v.unmatched, "unmatched records",
		"SELECT seq, 0, coalesce(closed_by, 0), '', 0 FROM unmatched WHERE seq <= ?"); err != nil {
		return err
	}
	maps.Copy(v.left, v.lost)
	return v.compareEntries(v.left, "what was left at the relay",
		`SELECT seq, 0, coalesce(ended_by, 0),
		epoch || ' ' || from_pos || ' ' || to_pos || ' ' || lost, 0
		FROM left_behind WHERE seq <= ?`)
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
		if err := rows.Scan(&seq, &got.openedBy, &got.closedBy, &got.says,
			&dropped); err != nil {
			return err
		}
		for _, by := range []*int64{&got.openedBy, &got.closedBy} {
			if *by > v.head.seq { // committed since the verification began
				*by = 0
			}
		}
		if e := want[seq]; !dropped && (e == nil || *e != got) {
			v.ofRows.add(seq, "the table of %s says something else than the facts", what)
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
			v.ofRows.add(seq, "it is not in the table of %s", what)
		}
	}
	return nil
}

package offline

import (
	"database/sql"
	"slices"
	"time"

	"kiosk-agent/payment"
)

// The look-up table money: the movements that follow from the facts, one row for each. It is
// written in the transaction of the fact that states the movement. Nothing in it can refuse a fact:
// what is there already is left as it is.

const moneyColumns = `seq, key, first_seq, till, class, amount, currency, scheme, merchant_ref,
	provider_ref, paid_ms`

const insertMoney = "INSERT OR IGNORE INTO money (" + moneyColumns +
	") VALUES (?, ?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?)"

// moneyRow is one row as it is written and compared.
type moneyRow struct {
	firstSeq int64 // 0: of no payment
	till     string
	payment.Movement
}

func (m moneyRow) insert(tx *sql.Tx) error {
	amount, paid := m.nullable()
	_, err := tx.Exec(insertMoney, m.Seq, m.Key, m.firstSeq, m.till, string(m.Class), amount,
		m.Currency, m.Scheme, m.MerchantRef, m.TransactionRef, paid)
	return err
}

// nullable are the columns that are NULL where the gateway has not said.
func (m moneyRow) nullable() (amount, paid sql.NullInt64) {
	return sql.NullInt64{Int64: m.Amount, Valid: m.Stated},
		sql.NullInt64{Int64: m.PaidAt.UnixMilli(), Valid: !m.PaidAt.IsZero()}
}

// update writes what is known now of a movement and was not before: a transaction reference, or an
// amount that could not be read.
func (m moneyRow) update(tx *sql.Tx) error {
	amount, paid := m.nullable()
	_, err := tx.Exec(`UPDATE money SET class = ?, amount = ?, currency = ?, scheme = ?,
		provider_ref = ?, paid_ms = ? WHERE seq = ?`, string(m.Class), amount, m.Currency, m.Scheme,
		m.TransactionRef, paid, m.Seq)
	return err
}

// saveMoney writes what has changed of a payment's movements: further ones, and what is known now
// of those that are there.
func saveMoney(tx *sql.Tx, l lookup, was, now []payment.Movement) error {
	for i, m := range now {
		switch {
		case i >= len(was):
			if err := (moneyRow{l.firstSeq, l.till, m}).insert(tx); err != nil {
				return err
			}
		case was[i] != m:
			if err := (moneyRow{l.firstSeq, l.till, m}).update(tx); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteMoney writes the movement of a record that names no payment of this journal.
func noteMoney(tx *sql.Tx, f payment.Fact) error {
	u, ok := f.Data.(payment.Unmatched)
	if !ok {
		return nil
	}
	m, ok := payment.UnmatchedMovement(f.Seq, u.Record)
	if !ok {
		return nil
	}
	return moneyRow{0, "", m}.insert(tx)
}

// Movements are the movements of money with a sequence in (from, to], in order.
func (r *Reader) Movements(from, to int64) ([]payment.Movement, error) {
	rows, err := moneyRows(r.db, "WHERE seq > ? AND seq <= ? ORDER BY seq", from, to)
	if err != nil {
		return nil, r.reading("read the movements", err)
	}
	all := make([]payment.Movement, len(rows))
	for i, m := range rows {
		all[i] = m.Movement
	}
	return all, nil
}

func moneyRows(q querier, where string, args ...any) (all []moneyRow, err error) {
	rows, err := q.Query("SELECT "+moneyColumns+" FROM money "+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var m moneyRow
		var first, amount, paid sql.NullInt64
		var class string
		if err := rows.Scan(&m.Seq, &m.Key, &first, &m.till, &class, &amount, &m.Currency,
			&m.Scheme, &m.MerchantRef, &m.TransactionRef, &paid); err != nil {
			return nil, err
		}
		m.firstSeq, m.Class = first.Int64, payment.Class(class)
		m.Amount, m.Stated = amount.Int64, amount.Valid
		if paid.Valid {
			m.PaidAt = time.UnixMilli(paid.Int64).UTC()
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// moneyOf are the rows that the clause selects, by the payment's first fact.
func moneyOf(q querier, where string, args ...any) (map[int64][]moneyRow, error) {
	rows, err := moneyRows(q, where, args...)
	all := make(map[int64][]moneyRow, len(rows))
	for _, m := range rows {
		all[m.firstSeq] = append(all[m.firstSeq], m)
	}
	return all, err
}

// sameMoney compares a payment's rows with what follows from its facts.
func (l *live) sameMoney(got []moneyRow) bool {
	want := l.folder.Movements()
	return slices.EqualFunc(got, want, func(g moneyRow, w payment.Movement) bool {
		if w.PaidAt.IsZero() != g.PaidAt.IsZero() ||
			!w.PaidAt.IsZero() && w.PaidAt.UnixMilli() != g.PaidAt.UnixMilli() {
			return false
		}
		g.PaidAt, w.PaidAt = time.Time{}, time.Time{}
		return g.Movement == w && g.till == l.row.till
	})
}

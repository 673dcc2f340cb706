package offline

import (
	"time"

	"kiosk-agent/payment"
)

// clockStep is how far the wall clock may have been set back and a day's facts are still found.
const clockStep = 24 * time.Hour

// leftOfSales is payment.Payment.Left of the approved sales whose payment was recorded in a time,
// from this fact on.
const leftOfSales = `
SELECT count(*), coalesce(sum(min(amount, come)), 0) FROM (
	SELECT p.amount AS amount, (SELECT CASE
			WHEN max(b.class = 'back' AND (b.amount IS NULL OR b.currency <> p.currency)) THEN 0
			ELSE sum(b.amount) FILTER (WHERE b.currency = p.currency) END
		FROM money AS b WHERE b.first_seq = m.first_seq) AS come
	FROM money AS m
		JOIN facts AS f ON f.seq = m.seq
		JOIN payments AS p ON p.first_seq = m.first_seq
	WHERE m.seq >= ? AND m.till = ? AND m.class = 'sale' AND p.status = 'approved' AND
		f.at_ms >= ? AND f.at_ms < ?)
WHERE come > 0`

// Sold is what the till has sold in [from, until) by the wall clock.
func (r *Reader) Sold(till string, from, until time.Time) (s payment.Sold, err error) {
	tx, err := r.db.Begin() // one snapshot
	if err != nil {
		return s, failure(r.path, "add up the sales", err)
	}
	defer tx.Rollback()
	first, err := recordedFrom(tx, from.Add(-clockStep))
	if err == nil {
		err = tx.QueryRow(leftOfSales, first, till, from.UnixMilli(), until.UnixMilli()).
			Scan(&s.Count, &s.Amount)
	}
	return s, failure(r.path, "add up the sales", err)
}

// recordedFrom is a sequence before which nothing was recorded at or after this moment, where the
// clock does not run backwards. It looks at few facts: each step back is twice the one before.
func recordedFrom(q querier, at time.Time) (seq int64, err error) {
	if err := q.QueryRow("SELECT coalesce(max(seq), 0) FROM facts").Scan(&seq); err != nil {
		return 0, err
	}
	for step := int64(64); seq > 1; step *= 2 {
		seq = max(seq-step, 1)
		var ms int64
		if err := q.QueryRow("SELECT at_ms FROM facts WHERE seq = ?", seq).Scan(&ms); err != nil {
			return 0, err
		}
		if ms < at.UnixMilli() {
			break
		}
	}
	return seq, nil
}

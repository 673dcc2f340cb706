package offline

import (
	"database/sql"
	"errors"

	"kiosk-agent/payment"
)

const recordColumns = "SELECT seq, payment, kind, at_ms, boot, up_ms, body, body_hash, content, " +
	"hash FROM facts "

var errHashLength = errors.New("a hash has not 32 bytes")

func scanRecord(rows *sql.Rows) (r record, err error) {
	var id, content sql.NullString
	var bodyHash, hash sql.RawBytes
	if err := rows.Scan(&r.seq, &id, &r.kind, &r.atMs, &r.boot, &r.upMs, &r.body, &bodyHash,
		&content, &hash); err != nil {
		return r, err
	}
	if len(bodyHash) != len(r.bodyHash) || len(hash) != len(r.hash) {
		return r, errHashLength
	}
	copy(r.bodyHash[:], bodyHash)
	copy(r.hash[:], hash)
	r.payment, r.content = id.String, content.String
	return r, nil
}

// selectRecords calls fn with each row of facts that the clause selects.
func selectRecords(q querier, clause string, args []any, fn func(*record) error) error {
	rows, err := q.Query(recordColumns+clause, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return err
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// piece is how many facts are read at once: a long reading holds no snapshot that the write-ahead
// log would have to grow for.
const piece = 250

// eachRecord calls fn with the facts from one sequence to another (0 = the end), in order.
func eachRecord(q querier, from, to int64, fn func(*record) error) error {
	if to == 0 {
		to = 1<<63 - 1
	}
	for {
		records := make([]record, 0, piece)
		err := selectRecords(q, "WHERE seq >= ? AND seq <= ? ORDER BY seq LIMIT ?",
			[]any{from, to, piece}, func(r *record) error {
				records = append(records, *r)
				return nil
			})
		if err != nil || len(records) == 0 {
			return err
		}
		for i := range records {
			if err := fn(&records[i]); err != nil {
				return err
			}
		}
		from = records[len(records)-1].seq + 1
	}
}

func selectFacts(q querier, clause string, args ...any) ([]payment.Fact, error) {
	var facts []payment.Fact
	err := selectRecords(q, clause, args, func(r *record) error {
		f, err := r.fact()
		facts = append(facts, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	return facts, nil
}

func factsOf(q querier, id string) ([]payment.Fact, error) {
	return selectFacts(q, "WHERE payment = ? ORDER BY seq", id)
}

// column reads the one column of each row.
func column[T any](q querier, query string, args ...any) ([]T, error) {
	rows, err := q.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

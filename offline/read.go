package offline

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"math"
	"strings"

	"kiosk-agent/payment"
)

// Reader looks things up in a journal. Each call sees everything that was committed before it, and
// blocks no writer. A fact that this program cannot read makes the error wrap payment.ErrFact.
type Reader struct {
	path string
	id   string
	db   *sql.DB
}

// Close ends the use of a Reader that OpenReadOnly made.
func (r *Reader) Close() error { return failure(r.path, "close", r.db.Close()) }

// JournalID is the id that the journal was given when it was made: 32 hex digits.
func (r *Reader) JournalID() string { return r.id }

// Head is the newest fact. An empty journal has Seq 0 and the hash that stands before fact 1.
func (r *Reader) Head() (payment.Head, error) {
	h, err := readHead(r.db, r.id)
	return r.anchor(h), failure(r.path, "read the head", err)
}

func (r *Reader) anchor(h head) payment.Head {
	return payment.Head{JournalID: r.id, Seq: h.seq, Hash: hex.EncodeToString(h.hash[:])}
}

// HashAt is the hash, in hex, of the fact with this sequence; ok is false when the journal has
// none. 0 stands before fact 1.
func (r *Reader) HashAt(seq int64) (hash string, ok bool, err error) {
	if seq == 0 {
		g := genesis(r.id)
		return hex.EncodeToString(g[:]), true, nil
	}
	var b []byte
	err = r.db.QueryRow("SELECT hash FROM facts WHERE seq = ?", seq).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return hex.EncodeToString(b), err == nil, failure(r.path, "read a hash", err)
}

// Facts are a payment's facts in journal order; none for an unknown id.
func (r *Reader) Facts(id string) ([]payment.Fact, error) {
	facts, err := factsOf(r.db, id)
	return facts, r.reading("read a payment", err)
}

// Payment is what a payment's facts say; ok is false for an unknown id.
func (r *Reader) Payment(id string) (p payment.Payment, ok bool, err error) {
	facts, err := r.Facts(id)
	if err != nil {
		return payment.Payment{}, false, err
	}
	p, ok = payment.Fold(facts)
	return p, ok, nil
}

// ByMerchantRef is the id of the payment with this merchantRef; "" when there is none.
func (r *Reader) ByMerchantRef(ref string) (id string, err error) {
	return r.one("SELECT id FROM payments WHERE merchant_ref = ?", ref)
}

// ByReference is the id of the newest payment that this till started with this reference; "" when
// there is none.
func (r *Reader) ByReference(till, reference string) (id string, err error) {
	return r.one(
		"SELECT id FROM payments WHERE till = ? AND reference = ? ORDER BY first_seq DESC LIMIT 1",
		till, reference)
}

// Newest is the id of the payment that this till started last; "" when there is none.
func (r *Reader) Newest(till string) (id string, err error) {
	return r.one("SELECT id FROM payments WHERE till = ? ORDER BY first_seq DESC LIMIT 1", till)
}

// Unsettled are the ids of every payment that is not final or whose outcome is owed, oldest first.
func (r *Reader) Unsettled() ([]string, error) {
	return r.many("SELECT id FROM payments WHERE unsettled = 1 ORDER BY first_seq")
}

// Owed are the ids of the till's payments whose final outcome it has not acknowledged, oldest
// first: its outbox.
func (r *Reader) Owed(till string) ([]string, error) {
	return r.many("SELECT id FROM payments WHERE till = ? AND owed = 1 ORDER BY first_seq", till)
}

// Seen reports whether a fact with this payment.Content was committed before.
func (r *Reader) Seen(content string) (bool, error) {
	if content == "" {
		return false, nil
	}
	var n int
	err := r.db.QueryRow("SELECT count(*) FROM (SELECT 1 FROM facts WHERE content = ? LIMIT 1)",
		content).Scan(&n)
	return n > 0, failure(r.path, "look for a content", err)
}

// Parked are the parked facts that no later fact has opened and that retention has not dropped,
// oldest first, whole.
func (r *Reader) Parked() ([]payment.Fact, error) {
	facts, err := selectFacts(r.db, `WHERE seq IN (SELECT seq FROM parked WHERE opened_by IS `+
		`NULL) AND body IS NOT NULL ORDER BY seq`)
	return facts, r.reading("read the parked deliveries", err)
}

// ofPaymentAt selects the facts of the payment that begins with this one.
const ofPaymentAt = "WHERE payment = (SELECT id FROM payments WHERE first_seq = ?) ORDER BY seq"

// maxPage is the most that one page holds.
const maxPage = 200

// List is one page of a till's payments, newest first. A Limit outside 1-200 is taken as the
// nearest.
func (r *Reader) List(till string, q payment.ListQuery) (payment.Page, error) {
	return r.list("till = ? AND ", []any{till}, q)
}

// ListAll is one page of the payments of all tills, newest first.
func (r *Reader) ListAll(q payment.ListQuery) (payment.Page, error) {
	return r.list("", nil, q)
}

func (r *Reader) list(where string, args []any, q payment.ListQuery) (page payment.Page,
	err error) {
	before, limit, since := q.Before, min(max(q.Limit, 1), maxPage), int64(math.MinInt64)
	if before <= 0 {
		before = math.MaxInt64
	}
	if !q.Since.IsZero() {
		since = q.Since.UnixMilli()
	}
	where += "first_seq < ? AND created_ms >= ?"
	args = append(args, before, since, limit+1)
	if q.Unacknowledged {
		where += " AND owed = 1"
	}
	// one snapshot: what the row says and what its facts say belong together
	tx, err := r.db.Begin()
	if err != nil {
		return page, failure(r.path, "list", err)
	}
	defer tx.Rollback()
	seqs, err := column[int64](tx,
		"SELECT first_seq FROM payments WHERE "+where+" ORDER BY first_seq DESC LIMIT ?", args...)
	if err != nil {
		return page, failure(r.path, "list", err)
	}
	more := len(seqs) > limit
	seqs = seqs[:min(len(seqs), limit)]
	if page.Payments, err = payments(tx, seqs); err != nil {
		return payment.Page{}, r.reading("list", err)
	}
	if more {
		page.Next = seqs[limit-1]
	}
	return page, nil
}

// payments are those that begin with these facts, in this order. Their facts are read at once: to
// ask for each costs more than to read it.
func payments(tx *sql.Tx, seqs []int64) ([]payment.Payment, error) {
	if len(seqs) == 0 {
		return nil, nil
	}
	args := make([]any, len(seqs))
	for i, seq := range seqs {
		args[i] = seq
	}
	facts, err := selectFacts(tx, "WHERE payment IN (SELECT id FROM payments WHERE first_seq IN (?"+
		strings.Repeat(", ?", len(seqs)-1)+")) ORDER BY payment, seq", args...)
	if err != nil {
		return nil, err
	}
	of := make(map[int64]payment.Payment, len(seqs))
	for len(facts) > 0 {
		n := 1
		for n < len(facts) && facts[n].Payment == facts[0].Payment {
			n++
		}
		of[facts[0].Seq], _ = payment.Fold(facts[:n])
		facts = facts[n:]
	}
	all := make([]payment.Payment, len(seqs))
	for i, seq := range seqs {
		all[i] = of[seq]
	}
	return all, nil
}

// Each calls fn with every fact from this sequence on, and its hash in hex, in order, until fn
// returns an error, which it returns. It reads in pieces, so that a slow fn holds nothing up; facts
// committed meanwhile are included.
func (r *Reader) Each(from int64, fn func(f payment.Fact, hash string) error) error {
	var stop error
	err := eachRecord(r.db, from, 0, func(rec *record) error {
		f, err := rec.fact()
		if err != nil {
			return err
		}
		stop = fn(f, hex.EncodeToString(rec.hash[:]))
		return stop
	})
	if stop != nil {
		return stop
	}
	return r.reading("read the facts", err)
}

// reading gives an error its kind; one about a fact keeps payment.ErrFact visible.
func (r *Reader) reading(what string, err error) error {
	if errors.Is(err, payment.ErrFact) {
		return &Error{Kind: ErrDamaged, Path: r.path, What: what, Cause: err,
			Hint: "was it written by a newer version? see 'journal verify'"}
	}
	return failure(r.path, what, err)
}

func (r *Reader) one(query string, args ...any) (id string, err error) {
	err = r.db.QueryRow(query, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, failure(r.path, "look up a payment", err)
}

func (r *Reader) many(query string, args ...any) ([]string, error) {
	ids, err := column[string](r.db, query, args...)
	return ids, failure(r.path, "look up payments", err)
}

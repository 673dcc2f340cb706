package offline

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode"
	"unicode/utf8"

	"kiosk-agent/payment"
)

// Limits of what a fact may hold. They are far above anything that the agent makes.
const (
	maxName = 128     // bytes of a payment's id or a boot id
	maxBody = 1 << 20 // bytes of a fact's encoded data
)

// batch is what one Append writes: the rows, and the facts exactly as they will be read back.
type batch struct {
	rows  []record
	facts []payment.Fact
	pos   *payment.Position
	head  head // after it
	opens bool // it opens a payment
}

// Append commits the facts and, when pos is not nil, the position in the relay's stream (the zero
// Position forgets it): one transaction, on the disk when it returns nil. It then fills in Seq, and
// At and Up as they were stored, in whole milliseconds. Without facts and position it does nothing.
//
// On error nothing was committed and the facts are as they were. The error is ErrInvalid when the
// facts break a rule (a payment begins with requested, once; a merchantRef is used once; only an
// entry of the worklist is closed), ErrFull when a payment would be opened below MinFree or the
// disk is full, and otherwise ErrIO, ErrDamaged or ErrClosed. In one case the error leaves open
// what was committed: when after a failed commit the database cannot be asked. The next Append, or
// Writable, finds out first.
func (j *Journal) Append(facts []payment.Fact, pos *payment.Position) error {
	if len(facts) == 0 && pos == nil {
		return nil
	}
	if err := j.enter(); err != nil {
		return err
	}
	defer j.mu.Unlock()
	b, err := j.prepare(facts, pos)
	if err != nil {
		return &Error{Kind: ErrInvalid, Path: j.path, What: "facts not accepted", Cause: err}
	}
	if b.opens {
		if err := j.room(); err != nil {
			return err
		}
	}
	if err := j.commit(b); err != nil {
		return err
	}
	j.head, j.lastErr, j.sure.written = b.head, nil, j.sure.seq
	j.unmoved++
	for i := range facts {
		facts[i].Seq, facts[i].At, facts[i].Up = b.facts[i].Seq, b.facts[i].At, b.facts[i].Up
	}
	return nil
}

// prepare checks, encodes and chains the facts, without touching the database.
func (j *Journal) prepare(facts []payment.Fact, pos *payment.Position) (*batch, error) {
	b := &batch{head: j.head, pos: pos, rows: make([]record, len(facts)),
		facts: make([]payment.Fact, len(facts))}
	if pos != nil && pos.Seq > math.MaxInt64 {
		return nil, errors.New("the position's sequence is too large")
	}
	for i, f := range facts {
		r, err := encode(f)
		if err != nil {
			return nil, err
		}
		r.seq = b.head.seq + 1
		r.hash = r.link(b.head.hash)
		// What cannot be read back is not written; and what is folded is what will be read.
		if b.facts[i], err = r.fact(); err != nil {
			return nil, err
		}
		b.rows[i], b.head = r, head{r.seq, r.hash}
		b.opens = b.opens || f.Kind() == payment.KindRequested
	}
	return b, nil
}

// encode makes the row of a fact, without its place in the chain.
func encode(f payment.Fact) (r record, err error) {
	if f.Data == nil {
		return r, errors.New("a fact without data")
	}
	kind := f.Kind()
	if payment.AboutJournal(f.Data) != (f.Payment == "") {
		return r,
			fmt.Errorf("%s with payment %.40q: facts about a payment name it, facts about the "+
				"journal do not", kind, f.Payment)
	}
	if !plain(f.Payment) || !plain(f.Boot) {
		return r, fmt.Errorf("%s: the payment's id or the boot id is not plain text", kind)
	}
	body, err := payment.EncodeData(f.Data)
	if err != nil {
		return r, fmt.Errorf("%s: %w", kind, err)
	}
	if len(body) > maxBody {
		return r, fmt.Errorf("%s: %d bytes are too many", kind, len(body))
	}
	return record{
		payment: f.Payment, kind: string(kind), atMs: f.At.UnixMilli(), boot: f.Boot,
		upMs: int64(f.Up / time.Millisecond), body: body, bodyHash: sha256.Sum256(body),
		content: payment.Content(f.Data),
	}, nil
}

func plain(s string) bool {
	if len(s) > maxName || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// commit writes the batch. Whatever goes wrong, the cache is dropped; when the outcome is not known
// it is found out at once.
func (j *Journal) commit(b *batch) error {
	tx, err := j.writer.Begin()
	if err != nil {
		return j.failed("begin", err)
	}
	if err := j.write(tx, b); err != nil {
		j.folded.drop()
		rerr := tx.Rollback()
		if refused := failure(j.path, "facts not accepted", err); errors.Is(refused, ErrInvalid) &&
			rerr == nil {
			return refused
		}
		return j.failed("write", err)
	}
	err = j.commitTx(tx)
	if err == nil {
		return nil
	}
	err = j.failed("commit", err)
	if j.settle() == nil && j.head == b.head {
		return nil // it was committed: what failed came after
	}
	return err
}

// failed notes a write that did not succeed.
func (j *Journal) failed(what string, err error) error {
	j.folded.drop()
	j.doubtful, j.sure.written = true, -1
	j.lastErr = failure(j.path, what, err)
	return j.lastErr
}

const insertFact = `INSERT INTO facts
	(seq, payment, kind, at_ms, boot, up_ms, body, body_hash, content, hash)
	VALUES (?, nullif(?, ''), ?, ?, ?, ?, ?, ?, nullif(?, ''), ?)`

// change is what a batch does to one payment.
type change struct {
	live  *live
	was   lookup
	moved []payment.Movement // before it
	isNew bool
}

// write puts the batch and everything that follows from it into the transaction.
func (j *Journal) write(tx *sql.Tx, b *batch) error {
	changes, err := j.changes(tx, b.facts)
	if err != nil {
		return err
	}
	if err := j.writeSure(tx); err != nil {
		return err
	}
	for i := range b.rows {
		r, f := &b.rows[i], b.facts[i]
		if err := j.checkEntry(tx, f); err != nil {
			return err
		}
		if _, err := tx.Exec(insertFact, r.seq, r.payment, r.kind, r.atMs, r.boot, r.upMs, r.body,
			r.bodyHash[:], r.content,
			r.hash[:]); err != nil {
			return err
		}
		if err := note(tx, f); err != nil {
			return err
		}
		if err := noteMoney(tx, f); err != nil {
			return err
		}
		if c := changes[f.Payment]; c != nil {
			c.live.folder.Add(f)
		}
	}
	for _, c := range changes {
		c.live.row = lookupOf(c.live.row.firstSeq, c.live.folder.Payment())
		if err := c.live.row.save(tx, c.was, c.isNew); err != nil {
			return err
		}
		if err := saveMoney(tx, c.live.row, c.moved, c.live.folder.Movements()); err != nil {
			return err
		}
	}
	if b.pos == nil {
		return nil
	}
	if *b.pos == (payment.Position{}) {
		_, err := tx.Exec("DELETE FROM position")
		return err
	}
	_, err = tx.Exec("INSERT OR REPLACE INTO position (one, epoch, seq, id) VALUES (1, ?, ?, ?)",
		b.pos.Epoch, int64(b.pos.Seq), b.pos.ID)
	return err
}

// changes finds the payments that the facts belong to, or begins them.
func (j *Journal) changes(tx *sql.Tx, facts []payment.Fact) (map[string]*change, error) {
	all := map[string]*change{}
	for _, f := range facts {
		id, requested := f.Payment, f.Kind() == payment.KindRequested
		if id == "" {
			continue
		}
		l := j.folded.get(id)
		if c := all[id]; c != nil {
			l = c.live
		} else if l == nil {
			var err error
			if l, err = load(tx, id); err != nil {
				return nil, err
			}
		}
		switch {
		case l != nil && requested:
			return nil, &Error{Kind: ErrInvalid, Path: j.path,
				What: "payment " + id + " was requested before"}
		case l == nil && !requested:
			return nil, &Error{Kind: ErrInvalid, Path: j.path,
				What: "payment " + id + " does not begin with requested"}
		case l == nil:
			l = &live{row: lookup{firstSeq: f.Seq}}
			all[id] = &change{live: l, isNew: true}
		case all[id] == nil:
			all[id] = &change{live: l, was: l.row, moved: l.folder.Movements()}
		}
		j.folded.put(id, l)
	}
	return all, nil
}

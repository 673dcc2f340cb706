package offline

import (
	"database/sql"
	"errors"
	"strconv"
	"time"

	"kiosk-agent/payment"
)

// What is known of a loss: the relay remembers facts that are not here.

// RolledBack is the newest rolled_back fact that no recovered fact follows; ok is false when there
// is none.
func (r *Reader) RolledBack() (b payment.RolledBack, ok bool, err error) {
	facts, err := selectFacts(r.db, `WHERE payment IS NULL AND kind = 'rolled_back' AND seq > (
		SELECT coalesce(max(seq), 0) FROM facts WHERE payment IS NULL AND kind = 'recovered')
		ORDER BY seq DESC LIMIT 1`)
	if err != nil || len(facts) == 0 {
		return b, false, r.reading("look for a rollback", err)
	}
	b, ok = facts[0].Data.(payment.RolledBack)
	return b, ok, nil
}

// GivenUp reports whether staff have accepted this journal in place of the one with this head: a
// recovered fact gives it up, or follows the rolled_back fact that names it.
func (r *Reader) GivenUp(h payment.Head) (bool, error) {
	facts, err := selectFacts(r.db,
		"WHERE payment IS NULL AND kind IN ('rolled_back', 'recovered') ORDER BY seq")
	if err != nil {
		return false, r.reading("look for a recovery", err)
	}
	named := false
	for _, f := range facts {
		switch d := f.Data.(type) {
		case payment.RolledBack:
			named = named || d.Known == h
		case payment.Recovered:
			if named || d.Lost == h {
				return true, nil
			}
		}
	}
	return false, nil
}

// sure is the newest fact that was certainly recorded before a loss that is found now: the newest
// one at the last Anchored, by this process or an earlier one. It stands in meta, written with the
// next facts, so that the processes to come know that these may have come after a loss.
type sure struct {
	seq     int64
	written int64 // as it stands in meta; -1: not, or nobody knows
	proved  bool  // Anchored was called
}

const metaSure = "sure"

// readSure takes over what an earlier process has left. In a journal without it, of an older
// version perhaps, it is the newest fact.
func (j *Journal) readSure() error {
	text, err := readMeta(j.db, metaSure)
	if errors.Is(err, sql.ErrNoRows) {
		j.sure = sure{seq: j.head.seq, written: -1}
		return nil
	}
	if err == nil {
		j.sure.seq, err = strconv.ParseInt(text, 10, 64)
		j.sure.written = j.sure.seq
	}
	return failure(j.path, "read which facts are older than a loss", err)
}

// writeSure writes it down where it has changed.
func (j *Journal) writeSure(db execer) error {
	if j.sure.written == j.sure.seq {
		return nil
	}
	_, err := db.Exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", metaSure,
		strconv.FormatInt(j.sure.seq, 10))
	return err
}

type execer interface {
	Exec(query string, args ...any) (sql.Result, error)
}

// Anchored notes that the journal contains the head that the relay remembers, and that the relay
// is heard: what it holds now was recorded before any loss that is found later.
func (j *Journal) Anchored() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sure.seq, j.sure.proved = j.head.seq, true
}

// BeforeLoss is the newest fact that was certainly recorded before a loss that is found now, and
// its wall clock; 0 and the zero time when there is none. It is never a fact that was recorded
// after the loss, however the older journal came here and however many processes have worked on it
// before the relay was heard. It may be older than the last fact before the loss: by what was
// recorded since the relay was heard last.
func (j *Journal) BeforeLoss() (seq int64, at time.Time, err error) {
	j.mu.Lock()
	seq = j.sure.seq
	j.mu.Unlock()
	if seq == 0 {
		return 0, time.Time{}, nil
	}
	var ms int64
	err = j.db.QueryRow("SELECT at_ms FROM facts WHERE seq = ?", seq).Scan(&ms)
	return seq, time.UnixMilli(ms).UTC(), failure(j.path, "read when a fact was made", err)
}

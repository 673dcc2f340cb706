package offline

import (
	"database/sql"
	"fmt"
	"strings"

	"kiosk-agent/payment"
)

// lookup is one row of payments: what follows from a payment's facts, as far as it is searched for.
type lookup struct {
	firstSeq, lastSeq                int64
	id, till, reference, merchantRef string
	amount                           int64
	currency                         string
	createdMs                        int64
	status, flags                    string
	final, owed, unsettled           bool
	acknowledged                     bool
	revision, offeredRev             int64
	resolution                       string
	needsStaff                       bool
	account, lane                    string
	owedOpen                         bool
}

// lookupOf is the row that belongs to a payment.
func lookupOf(firstSeq int64, p payment.Payment) lookup {
	flags := make([]string, len(p.Flags))
	for i, f := range p.Flags {
		flags[i] = string(f)
	}
	l := lookup{
		firstSeq: firstSeq, lastSeq: p.LastSeq, id: p.ID, till: p.Till, reference: p.Reference,
		merchantRef: p.MerchantRef,
		amount:      p.Money.Amount, currency: string(p.Money.Currency),
		createdMs: p.CreatedAt.UnixMilli(), status: string(p.Status),
		flags: strings.Join(flags, " "), final: p.Final, owed: p.Owed, unsettled: p.Owed ||
			!p.Final, acknowledged: p.Acknowledged,
		revision: p.Revision, offeredRev: p.OfferedRev, needsStaff: p.NeedsStaff(),
		account: p.Account, lane: p.Lane, owedOpen: p.OwedOpen(),
	}
	if p.Resolution != nil {
		l.resolution = p.Resolution.Outcome
	}
	return l
}

const lookupColumns = `first_seq, last_seq, id, till, reference, merchant_ref, amount, currency,
	created_ms, status, flags, final, owed, unsettled, acknowledged, revision, offered_rev,
	resolution, needs_staff, account, lane, owed_open`

func (l *lookup) values() []any {
	return []any{l.firstSeq, l.lastSeq, l.id, l.till, l.reference, l.merchantRef, l.amount,
		l.currency, l.createdMs, l.status, l.flags, l.final, l.owed, l.unsettled, l.acknowledged,
		l.revision, l.offeredRev, l.resolution, l.needsStaff, l.account, l.lane,
		l.owedOpen}
}

func scanLookup(row interface{ Scan(...any) error }) (l lookup, err error) {
	err = row.Scan(&l.firstSeq, &l.lastSeq, &l.id, &l.till, &l.reference, &l.merchantRef, &l.amount,
		&l.currency, &l.createdMs,
		&l.status, &l.flags, &l.final, &l.owed, &l.unsettled, &l.acknowledged, &l.revision,
		&l.offeredRev, &l.resolution, &l.needsStaff, &l.account, &l.lane, &l.owedOpen)
	return l, err
}

const insertLookup = "INSERT INTO payments (" + lookupColumns +
	") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"

// save writes the row; was is what the table holds. Columns with an index are left alone when they
// stay the same: each page that is touched goes to the disk.
func (l *lookup) save(tx *sql.Tx, was lookup, isNew bool) error {
	if isNew {
		_, err := tx.Exec(insertLookup, l.values()...)
		return err
	}
	if _, err := tx.Exec(
		`UPDATE payments SET last_seq = ?, status = ?, flags = ?, final = ?, acknowledged = ?,
		revision = ?, offered_rev = ?, resolution = ? WHERE first_seq = ?`,
		l.lastSeq, l.status, l.flags, l.final, l.acknowledged, l.revision, l.offeredRev,
		l.resolution, l.firstSeq); err != nil {
		return err
	}
	if l.owed == was.owed && l.unsettled == was.unsettled && l.needsStaff == was.needsStaff &&
		l.owedOpen == was.owedOpen {
		return nil
	}
	_, err := tx.Exec(
		"UPDATE payments SET owed = ?, unsettled = ?, needs_staff = ?, owed_open = ? "+
			"WHERE first_seq = ?", l.owed, l.unsettled, l.needsStaff, l.owedOpen, l.firstSeq)
	return err
}

// live is a payment whose facts have been folded, and the row that the table holds for it.
type live struct {
	folder payment.Folder
	row    lookup
	used   uint64
}

// foldCache keeps the payments that facts were appended to last, so that an append does not read
// all the others again. It must be dropped whenever a transaction does not commit.
type foldCache struct {
	byID  map[string]*live
	clock uint64
}

// maxFolded bounds the cache: a terminal has a handful of payments in flight.
const maxFolded = 64

func newFoldCache() *foldCache { return &foldCache{byID: map[string]*live{}} }

func (c *foldCache) drop() { clear(c.byID) }

func (c *foldCache) get(id string) *live {
	l := c.byID[id]
	if l != nil {
		c.clock++
		l.used = c.clock
	}
	return l
}

func (c *foldCache) put(id string, l *live) {
	if len(c.byID) >= maxFolded {
		oldest := ""
		for k, v := range c.byID {
			if oldest == "" || v.used < c.byID[oldest].used {
				oldest = k
			}
		}
		delete(c.byID, oldest)
	}
	c.clock++
	l.used = c.clock
	c.byID[id] = l
}

// load folds a payment from its committed facts; nil when there is none.
func load(q querier, id string) (*live, error) {
	facts, err := factsOf(q, id)
	if err != nil || len(facts) == 0 {
		return nil, err
	}
	l := &live{}
	for _, f := range facts {
		l.folder.Add(f)
	}
	l.row = lookupOf(facts[0].Seq, l.folder.Payment())
	return l, nil
}

// current reports whether schema and look-up tables are this program's; where that cannot be told,
// they are not.
func (j *Journal) current(program int) bool {
	n, err := readSchemaNumber(j.db)
	if err != nil || n.version != program {
		return false
	}
	current, err := lookupsCurrent(j.db)
	return err == nil && current
}

// refreshLookups makes the look-up tables anew when they are of another version, or when a row of
// the newest payments differs from their facts. That is no damage: the tables follow from the
// facts.
func (j *Journal) refreshLookups(n *newest) error {
	j.folded = newFoldCache()
	version, err := readMeta(j.writer, "projection")
	if err != nil {
		return failure(j.path, "read the version of the look-up tables", err)
	}
	rebuild := version != projectionVersion
	if rebuild && version != "0" { // 0: a journal that was just made
		j.rebuilt = "they are of version " + version + ", this program has " + projectionVersion
	}
	if !rebuild {
		id, err := j.differing(n)
		if err != nil {
			return j.reading("check the look-up tables", err)
		}
		if id != "" {
			rebuild, j.rebuilt = true, "the row of payment "+id+" differed from its facts"
		}
	}
	if !rebuild {
		return nil
	}
	return j.reading("make the look-up tables anew", j.rebuild())
}

func (j *Journal) rebuild() error {
	tx, err := j.writer.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(
		"DELETE FROM money; DELETE FROM payments; " +
			"DELETE FROM parked; DELETE FROM unmatched; DELETE FROM left_behind"); err != nil {
		return err
	}
	for last := ""; ; {
		ids, err := column[string](tx,
			`SELECT DISTINCT payment FROM facts WHERE payment > ? ORDER BY payment LIMIT 500`, last)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			l, err := load(tx, id)
			if err != nil {
				return err
			}
			if l == nil || !l.folder.Seen() { // nil: an index names a payment that no fact is about
				return damaged(j.path, fmt.Sprintf("payment %.40q does not begin with requested",
					id), "")
			}
			if err := l.row.save(tx, lookup{}, true); err != nil {
				return err
			}
			if err := saveMoney(tx, l.row, nil, l.folder.Movements()); err != nil {
				return err
			}
		}
		last = ids[len(ids)-1]
	}
	if err := rebuildEntries(tx); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE meta SET value = ? WHERE key = 'projection'",
		projectionVersion); err != nil {
		return err
	}
	return tx.Commit()
}

package offline

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"kiosk-agent/payment"
)

// Problem is one thing that is wrong with a journal. Its text holds no content of a fact.
type Problem struct {
	Seq  int64 // the fact; 0 = the journal as a whole
	What string
}

// Report is what Verify found. The journal is whole when Problems is empty.
type Report struct {
	Facts    int64 // looked at
	Payments int64 // requested by them
	Head     payment.Head
	Anchored bool // the end was compared with a head that somebody else remembers
	GivenUp  bool // that head is not here, and staff have accepted the journal without it
	// the journal itself says that it is not the newest one, and nobody has recovered it since
	RolledBack *payment.RolledBack
	Problems   []Problem // at most 100, then one that counts the others
}

const maxProblems = 100

// Verify checks the whole journal as it was when the call began: every fact's hash and body, that
// no sequence is missing, that every kind can be read, that the look-up tables say what the facts
// say (unless they are of another version: then the next Open makes them anew), that the schema
// with its append-only triggers is as the program made it, and the file's structure. It finds any
// altered, reordered or removed fact, except facts removed at the very end: only VerifyAgainst sees
// those. progress, when not nil, is called from time to time. The error is about reading, not about
// what was found.
func (r *Reader) Verify(progress func(done, total int64)) (Report, error) {
	return r.verify(true, progress)
}

func (r *Reader) verify(lookups bool, progress func(done, total int64)) (Report, error) {
	h, err := readHead(r.db, r.id)
	if err != nil {
		return Report{}, failure(r.path, "read the head", err)
	}
	v := &verifier{r: r, head: h, progress: progress, parked: entries{}, unmatched: entries{},
		left: entries{}, lost: entries{}}
	v.report.Head = r.anchor(h)
	current, err := lookupsCurrent(r.db)
	if err != nil {
		return Report{}, failure(r.path, "read the version of the look-up tables", err)
	}
	// They look at the same file, and at nothing that the other finds.
	var beside errgroup.Group
	beside.Go(func() error { return cmp.Or(v.schema(), v.structure()) })
	err = v.facts(current && lookups)
	if err == nil && current && lookups {
		err = v.entryRows()
	}
	if err = cmp.Or(err, beside.Wait()); err != nil {
		return v.report, failure(r.path, "verify", err)
	}
	v.report.Problems = merged(&v.ofFacts, &v.ofFile, &v.ofRows)
	b, ok, err := r.RolledBack()
	if err != nil && !errors.Is(err, payment.ErrFact) { // a fact that cannot be read is a problem
		return v.report, err
	}
	if ok {
		v.report.RolledBack = &b
	}
	return v.report, nil
}

// VerifyAgainst is Verify, and compares the journal with a head of it that was remembered
// elsewhere: then facts removed at the end, an older copy and another journal show too, unless
// staff have given just that head up.
func (r *Reader) VerifyAgainst(known payment.Head, progress func(done, total int64)) (Report,
	error) {
	report, err := r.Verify(progress)
	if err != nil {
		return report, err
	}
	report.Anchored = true
	report.GivenUp, err = r.GivenUp(known)
	if report.GivenUp || err != nil && !errors.Is(err, payment.ErrFact) {
		return report, err
	}
	hash, ok, err := r.HashAt(known.Seq)
	if err != nil {
		return report, err
	}
	switch {
	case known.JournalID != r.id:
		report.Problems = append(report.Problems,
			Problem{0, "the known head is of another journal"})
	case !ok:
		report.Problems = append(report.Problems, Problem{0, fmt.Sprintf(
			"fact %d was there before; the journal ends at %d: facts were removed at the end, "+
				"or this is an older copy", known.Seq, report.Head.Seq)})
	case hash != known.Hash:
		report.Problems = append(report.Problems,
			Problem{known.Seq,
				"its hash was another before: the journal was made anew from here or earlier"})
	}
	return report, nil
}

// findings are the first problems of a kind, and how many there are more.
type findings struct {
	first []Problem
	more  int
}

func (f *findings) add(seq int64, format string, args ...any) {
	if len(f.first) >= maxProblems {
		f.more++
		return
	}
	f.first = append(f.first, Problem{seq, fmt.Sprintf(format, args...)})
}

// merged are the first of these findings, in the order of the facts.
func merged(all ...*findings) (problems []Problem) {
	more := 0
	for _, f := range all {
		kept := f.first[:min(len(f.first), maxProblems-len(problems))]
		problems = append(problems, kept...)
		more += f.more + len(f.first) - len(kept)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Seq, b.Seq) })
	if more > 0 {
		problems = append(problems, Problem{0, fmt.Sprintf("and %d more", more)})
	}
	return problems
}

// verifier is one run of Verify.
type verifier struct {
	r        *Reader
	head     head
	report   Report
	progress func(done, total int64)
	// ofFile is of the goroutine that looks at the file beside the one that reads it
	ofFacts, ofRows, ofFile findings
	// what the facts say; of parked ones only those that have a body
	parked, unmatched, left, lost entries
}

// facts goes along the chain, and along the look-up rows beside it.
func (v *verifier) facts(rows bool) (err error) {
	compare := func(*checked) error { return nil }
	if rows {
		c := newComparer(v.r, v.head.seq, &v.ofRows)
		compare = c.add
		defer func() { err = cmp.Or(err, c.end(err == nil)) }()
	}
	w := walk{next: 1, prev: genesis(v.r.id)}
	err = eachChecked(v.r.db, w, v.head.seq, readMany, func(c *checked) error {
		for _, what := range c.problems {
			v.ofFacts.add(c.seq, "%s", what)
		}
		v.note(c.fact, &c.record)
		v.report.Facts++
		if payment.Kind(c.kind) == payment.KindRequested {
			v.report.Payments++
		}
		if v.progress != nil && c.seq%piece == 0 {
			v.progress(c.seq, v.head.seq)
		}
		return compare(c)
	})
	if err == nil && v.progress != nil {
		v.progress(v.head.seq, v.head.seq)
	}
	return err
}

func lookups(tx *sql.Tx, after int64, limit int) ([]lookup, error) {
	rows, err := tx.Query("SELECT "+lookupColumns+
		" FROM payments WHERE first_seq > ? ORDER BY first_seq LIMIT ?", after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []lookup
	for rows.Next() {
		l, err := scanLookup(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, rows.Err()
}

// schema compares every table, index and trigger with what the migrations make. A newer program may
// have added some, and columns.
func (v *verifier) schema() error {
	all, err := migrations(schemaFiles)
	if err != nil {
		return err
	}
	n, err := readSchemaNumber(v.r.db)
	if err != nil {
		return err
	}
	want, err := wantedObjects(all[:min(n.version, len(all))])
	if err != nil {
		return err
	}
	got, err := schemaObjects(v.r.db)
	if err != nil {
		return err
	}
	var names []string
	for name := range want {
		names = append(names, name)
	}
	for name := range got {
		if _, ok := want[name]; !ok && n.version <= len(all) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		text, ok := got[name]
		switch {
		case !ok:
			v.ofFile.add(0, "the schema lacks %s", name)
		case n.version > len(all) && grown(want[name], text): // a newer program's columns
		case text != want[name]:
			v.ofFile.add(0, "the schema has another %s than the program makes", name)
		}
	}
	return nil
}

// structure lets SQLite check pages, cells, constraints and that indexes agree with their tables.
func (v *verifier) structure() error {
	found, err := column[string](v.r.db, "PRAGMA integrity_check(20)")
	if err != nil {
		return err
	}
	for _, what := range found {
		if what != "ok" {
			v.ofFile.add(0, "the file's structure: %s", what)
		}
	}
	return nil
}

package offline

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
	"kiosk-agent/test/everyfield"
)

// TestEveryKind: a fact of each kind, with something in every field, is committed and read back as
// it was; the look-up tables that the commit wrote are those that the facts make, and retention
// may drop the bodies of the kinds that it knows, and of no other.
func TestEveryKind(t *testing.T) {
	for _, k := range payment.Kinds() {
		t.Run(string(k), func(t *testing.T) { checkKind(t, k) })
	}
}

func checkKind(t *testing.T, k payment.Kind) {
	empty, err := payment.DecodeData(k, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := everyfield.Of(empty) // its numbers are 1: fact 1 is one that can be closed
	if err != nil {
		t.Fatal(err)
	}
	j, path := fresh(t)
	x := &fixture{}
	facts := []payment.Fact{x.fact("", parked("x"))}
	id := "P1"
	switch {
	case payment.AboutJournal(data):
		id = ""
	case k != payment.KindRequested:
		facts = append(facts, x.fact(id, requested("till-1", "R1")))
	}
	facts = appendAll(t, j, append(facts, x.fact(id, data))...)
	var back []payment.Fact
	if err := j.Each(1, func(f payment.Fact, _ string) error {
		back = append(back, f)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(facts, back); diff != "" {
		t.Errorf("read back otherwise: %s", diff)
	}
	written := lookupTables(t, j)
	if err := j.rebuild(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(written, lookupTables(t, j)); diff != "" {
		t.Errorf("the look-up tables are not what the facts say: %s", diff)
	}
	_, err = j.writer.Exec("UPDATE facts SET body = NULL WHERE seq = ?", len(facts))
	if (err == nil) != droppable(k) {
		t.Errorf("the trigger lets a body go: %t; droppable: %t", err == nil, droppable(k))
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
}

// lookupTables is what the look-up tables hold, row by row.
func lookupTables(t *testing.T, j *Journal) (rows []string) {
	t.Helper()
	for _, table := range []string{"payments", "parked", "unmatched", "money"} {
		found, err := j.writer.Query("SELECT * FROM " + table + " ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		columns, err := found.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		for found.Next() {
			if err := found.Scan(values...); err != nil {
				t.Fatal(err)
			}
			row := table
			for i, name := range columns {
				row += fmt.Sprintf(" %s=%v", name, *values[i].(*any))
			}
			rows = append(rows, row)
		}
		if err := found.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.ContainsFunc(rows, func(r string) bool { return len(r) > 0 }) {
		t.Fatal("no row found")
	}
	return rows
}

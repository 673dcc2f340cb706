package offline

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kiosk-agent/payment"
)

// TestLookupsFollowFromFacts draws histories of several payments, cut into batches of any kind,
// some of them refused, with a new start now and then: at every moment each row, written from the
// cache, is what a fresh fold of the facts says.
func TestLookupsFollowFromFacts(t *testing.T) {
	j, path := fresh(t)
	defer func() { j.Close() }()
	x := &fixture{}
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		known := map[string][]payment.Fact{}
		for step := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			var batch []payment.Fact
			for range rapid.IntRange(1, 4).Draw(rt, "facts") {
				id := fmt.Sprintf("P%d-%d", run, rapid.IntRange(1, 3).Draw(rt, "payment"))
				batch = append(batch, x.fact(id,
					drawData(rt, id, len(known[id]) > 0 || has(batch, id))))
			}
			bad := rapid.IntRange(0, 5).Draw(rt, "bad") == 0
			if bad {
				batch = append(batch, x.fact(fmt.Sprintf("nobody%d", step), payment.Shown{}))
			}
			if err := j.Append(batch, nil); bad != errors.Is(err, ErrInvalid) || !bad &&
				err != nil {
				rt.Fatal(err)
			}
			if !bad {
				for _, f := range batch {
					known[f.Payment] = append(known[f.Payment], f)
				}
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				j.Close()
				j = open(t, Config{Path: path})
			}
			for id, facts := range known {
				if len(facts) > 0 {
					compare(rt, j, id, facts)
				}
			}
		}
	})
	closeJournal(t, j)
	mustBeWhole(t, path)
}

func has(batch []payment.Fact, id string) bool {
	for _, f := range batch {
		if f.Payment == id {
			return true
		}
	}
	return false
}

func compare(t *rapid.T, j *Journal, id string, facts []payment.Fact) {
	want, _ := payment.Fold(facts)
	got, ok, err := j.Payment(id)
	if err != nil || !ok {
		t.Fatal(id, ok, err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	row, err := scanLookup(j.db.QueryRow("SELECT "+lookupColumns+" FROM payments WHERE id = ?", id))
	if err != nil {
		t.Fatal(err)
	}
	if fresh := lookupOf(facts[0].Seq, want); row != fresh {
		t.Fatalf("the row is %+v, the facts say %+v", row, fresh)
	}
}

func drawData(t *rapid.T, id string, begun bool) payment.Data {
	if !begun {
		r := requested("till-"+id[len(id)-1:], id)
		r.Policy.Query = rapid.Bool().Draw(t, "query")
		return r
	}
	transaction := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "transaction")
	good := paid("till-"+id[len(id)-1:], id, transaction)
	wrong := good
	wrong.Record.Amount = 7
	return rapid.SampledFrom([]payment.Data{
		payment.MintSent{}, payment.Minted{Payload: "x"}, payment.Shown{By: "display"},
		payment.CancelRequested{}, payment.Withdrawn{}, payment.PathProved{}, payment.QueryEmpty{},
		payment.Undecided{}, good, wrong,
		payment.Offered{Revision: 2, Status: payment.StatusCancelled},
		payment.Acknowledged{Revision: 2}, payment.Acknowledged{Revision: 3},
		payment.Resolved{Outcome: "approved", By: "ann", Reason: "seen"},
	}).Draw(t, "data")
}

// TestTheCacheIsBounded: more payments in flight than it holds.
func TestTheCacheIsBounded(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	const n = 3 * maxFolded
	var batch []payment.Fact
	for i := range n {
		batch = append(batch, x.fact(name("P", i), requested("t", name("R", i))))
	}
	appendAll(t, j, batch...)
	for i := range n {
		appendAll(t, j, x.fact(name("P", i), payment.Minted{Payload: "x"}))
	}
	if len(j.folded.byID) != maxFolded {
		t.Errorf("%d payments are kept", len(j.folded.byID))
	}
	closeJournal(t, j)
	if r := mustBeWhole(t, path); r.Payments != n {
		t.Errorf("%+v", r)
	}
}

// TestReadersBesideTheWriter: reads see whole batches, never go back, and a long one holds no
// append up.
func TestReadersBesideTheWriter(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	appendAll(t, j, x.sale("P", "t", "R")...)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := int64(0)
			for {
				select {
				case <-stop:
					return
				default:
				}
				head, err := j.Head()
				if err != nil || head.Seq < last || head.Seq%7 != 0 {
					t.Errorf("head %d after %d: %v", head.Seq, last, err)
					return
				}
				last = head.Seq
				if page, err := j.List("t", payment.ListQuery{Limit: 20}); err != nil ||
					page.Payments[0].Status != payment.StatusApproved {
					t.Error("a half-written payment", err)
					return
				}
				if r, err := j.Verify(nil); err != nil || len(r.Problems) > 0 {
					t.Errorf("%+v %v", r.Problems, err)
					return
				}
			}
		})
	}
	for i := range 100 {
		appendAll(t, j, x.sale(name("P", i), "t", name("R", i))...)
	}
	close(stop)
	readers.Wait()
	n := 0
	if err := j.Each(1, func(payment.Fact, string) error { // an append in the middle of a long read
		if n++; n == 100 {
			appendAll(t, j, x.sale("PZ", "t", "RZ")...)
		}
		return nil
	}); err != nil || n != 102*7 {
		t.Errorf("%d facts, %v", n, err)
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
}

// TestLookupsUseTheirIndexes: no look-up of the hot path reads a whole table.
func TestLookupsUseTheirIndexes(t *testing.T) {
	j, _ := fresh(t)
	for _, tc := range []struct{ query, index string }{
		{recordColumns + "WHERE payment = ? ORDER BY seq", "facts_by_payment"},
		{"SELECT 1 FROM facts WHERE content = ? LIMIT 1", "facts_by_content"},
		{"SELECT id FROM payments WHERE merchant_ref = ?", "sqlite_autoindex_payments"},
		{"SELECT id FROM payments WHERE till = ? AND reference = ? ORDER BY first_seq DESC LIMIT 1",
			"payments_by_reference"},
		{"SELECT id FROM payments WHERE till = ? ORDER BY first_seq DESC LIMIT 1",
			"payments_by_till"},
		{"SELECT id FROM payments WHERE unsettled = 1 ORDER BY first_seq", "payments_unsettled"},
		{"SELECT id FROM payments WHERE till = ? AND owed = 1 ORDER BY first_seq", "payments_owed"},
		{"SELECT first_seq FROM payments WHERE till = ? AND first_seq < ? AND created_ms >= ? " +
			"ORDER BY first_seq DESC LIMIT ?", "payments_by_till"},
		{recordColumns + newestClause, "facts_about_journal"},
		{workEntries, "parked_closed"},
		{workEntries, "unmatched_open"},
		{workNeeded, "payments_need_staff"},
		{workOwed, "payments_owed"},
		{selectDroppable, "facts_droppable"},
	} {
		rows, err := j.db.Query("EXPLAIN QUERY PLAN "+tc.query,
			make([]any, strings.Count(tc.query, "?"))...)
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan += detail + "; "
		}
		rows.Close()
		if !strings.Contains(plan, tc.index) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s\n\t%s", tc.query, plan)
		}
	}
}

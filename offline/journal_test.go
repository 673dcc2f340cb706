package offline

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
)

func TestAppendThenReadBack(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	facts := appendAll(t, j, x.sale("P1", "till-1", "R1")...)
	for i, f := range facts {
		if f.Seq != int64(i+1) || f.At.Nanosecond()%1e6 != 0 || f.Up%time.Millisecond != 0 {
			t.Fatalf("fact %d came back as %+v", i, f)
		}
	}
	got, err := j.Facts("P1")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(facts, got); d != "" {
		t.Error(d)
	}
	want, _ := payment.Fold(facts)
	p, ok, err := j.Payment("P1")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if d := cmp.Diff(want, p); d != "" {
		t.Error(d)
	}
	if p.Status != payment.StatusApproved || p.Owed {
		t.Errorf("the sale is %s, owed %v", p.Status, p.Owed)
	}
	closeJournal(t, j)
	again := open(t, Config{Path: path})
	if got, err = again.Facts("P1"); err != nil || len(got) != len(facts) || again.Rebuilt() != "" {
		t.Fatalf("after reopening: %d facts, %v, %q", len(got), err, again.Rebuilt())
	}
	closeJournal(t, again)
	if r := mustBeWhole(t, path); r.Facts != 7 || r.Payments != 1 || r.Head.Seq != 7 {
		t.Errorf("report %+v", r)
	}
}

func TestNothingToAppendIsNoTransaction(t *testing.T) {
	j, _ := fresh(t)
	before, err := j.Head()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(nil, nil); err != nil {
		t.Fatal(err)
	}
	if after, _ := j.Head(); after != before || before.Seq != 0 || len(before.Hash) != 64 {
		t.Errorf("head %+v, then %+v", before, after)
	}
	if hash, ok, err := j.HashAt(0); hash != before.Hash || !ok || err != nil {
		t.Error("the hash before fact 1 is not the empty journal's head")
	}
}

func TestPosition(t *testing.T) {
	j, path := fresh(t)
	if _, ok, err := j.Position(); ok || err != nil {
		t.Fatal("a new journal has a position", err)
	}
	pos := payment.Position{Epoch: "e1", Seq: 7, ID: "D7"}
	if err := j.Append(nil, &pos); err != nil {
		t.Fatal(err)
	}
	pos2 := payment.Position{Epoch: "e2", Seq: 1, ID: "D1"}
	x := &fixture{}
	if err := j.Append([]payment.Fact{x.fact("", payment.Gap{Reason: "epoch"})},
		&pos2); err != nil {
		t.Fatal(err)
	}
	bad := payment.Position{Epoch: "e3", Seq: 9}
	err := j.Append([]payment.Fact{x.fact("P1", payment.Shown{})}, &bad)
	if !errors.Is(err, ErrInvalid) {
		t.Fatal("facts of an unknown payment:", err)
	}
	if err := j.Append(nil, &payment.Position{Seq: math.MaxUint64}); !errors.Is(err, ErrInvalid) {
		t.Fatal("a sequence that does not fit:", err)
	}
	closeJournal(t, j)
	if got, ok, err := open(t, Config{Path: path}).Position(); got != pos2 || !ok || err != nil {
		t.Errorf("position %+v %v %v", got, ok, err)
	}
}

func TestRefusedFacts(t *testing.T) {
	j, _ := fresh(t)
	x := &fixture{}
	appendAll(t, j, x.fact("P1", requested("till-1", "R1")))
	long := requested("till-1", "R9")
	long.Description = string(make([]byte, maxBody))
	for _, tc := range []struct {
		name  string
		facts []payment.Fact
	}{
		{"requested twice", []payment.Fact{x.fact("P1", requested("till-1", "R2"))}},
		{"requested twice in one batch",
			[]payment.Fact{x.fact("P2", requested("till-1", "R2")),
				x.fact("P2", requested("till-1", "R3"))}},
		{"a merchantRef used twice", []payment.Fact{x.fact("P2", requested("till-1", "R1"))}},
		{"not begun with requested", []payment.Fact{x.fact("P2", payment.Minted{Payload: "x"})}},
		{"a good one before a bad one",
			[]payment.Fact{x.fact("P2", requested("till-1", "R2")), x.fact("P3", payment.Shown{})}},
		{"about a payment, without its id", []payment.Fact{x.fact("", payment.Shown{})}},
		{"about the journal, with an id", []payment.Fact{x.fact("P1", payment.Gap{})}},
		{"no data", []payment.Fact{x.fact("P1", nil)}},
		{"an id with a line break", []payment.Fact{x.fact("P\n", requested("till-1", "R2"))}},
		{"too long", []payment.Fact{x.fact("P9", long)}},
		{"not to be encoded", []payment.Fact{
			x.fact("P1", payment.Notified{
				Record: payment.Record{PaidAt: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}})}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, _ := j.Head()
			err := j.Append(tc.facts, &payment.Position{Epoch: "e"})
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			if after, _ := j.Head(); after != before {
				t.Error("something was committed")
			}
			for _, f := range tc.facts {
				if f.Seq != 0 {
					t.Error("a fact that was not committed has a sequence")
				}
			}
			if err := j.Writable(); err != nil {
				t.Error("a refusal is no failure of the disk:", err)
			}
		})
	}
	if _, ok, _ := j.Position(); ok {
		t.Error("the position of a refused batch was committed")
	}
	appendAll(t, j, x.fact("P1", payment.Minted{Payload: "x"}),
		x.fact("P2", requested("till-1", "R2")))
	if p, _, _ := j.Payment("P1"); p.Status != payment.StatusAwaiting || p.LastSeq != 2 {
		t.Errorf("after the refusals P1 is %+v", p)
	}
}

func TestLookups(t *testing.T) {
	j, _ := fresh(t)
	x := &fixture{}
	for i, ref := range []string{"R1", "R2", "R3"} {
		appendAll(t, j, x.sale(name("A", i), "till-1", ref)...)
	}
	again := requested("till-1", "R1")
	again.MerchantRef += "-again"
	appendAll(t, j, x.fact("A9", again), x.fact("A9", payment.Minted{Payload: "https://pay.test"}))
	appendAll(t, j, x.sale("B1", "till-2", "R1")[:4]...)
	got := map[string]any{}
	put := func(what string, v any, err error) {
		if err != nil {
			t.Fatal(what, err)
		}
		got[what] = v
	}
	id, err := j.ByMerchantRef("K001TEST-till-1-R2")
	put("by merchantRef", id, err)
	id, err = j.ByMerchantRef("nobody")
	put("by merchantRef, none", id, err)
	id, err = j.ByReference("till-1", "R1")
	put("by reference", id, err)
	id, err = j.ByReference("till-2", "R1")
	put("by reference of the other till", id, err)
	id, err = j.ByReference("till-2", "R2")
	put("by reference, none", id, err)
	id, err = j.Newest("till-1")
	put("newest", id, err)
	id, err = j.Newest("till-3")
	put("newest, none", id, err)
	ids, err := j.Unsettled()
	put("unsettled", ids, err)
	ids, err = j.Owed("till-1")
	put("owed", ids, err)
	ids, err = j.Owed("till-2")
	put("owed to the other", ids, err)
	seen, err := j.Seen(paid("till-1", "R2", "TR2").Record.Content())
	put("seen", seen, err)
	seen, err = j.Seen(paid("till-1", "R2", "other").Record.Content())
	put("not seen", seen, err)
	seen, err = j.Seen("")
	put("nothing seen", seen, err)
	want := map[string]any{
		"by merchantRef": "A000001", "by merchantRef, none": "", "by reference": "A9",
		"by reference of the other till": "B1", "by reference, none": "",
		"newest": "A9", "newest, none": "", "unsettled": []string{"A9", "B1"},
		"owed": []string(nil), "owed to the other": []string{"B1"}, "seen": true, "not seen": false,
		"nothing seen": false,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestList(t *testing.T) {
	j, _ := fresh(t)
	x := &fixture{}
	var made []payment.Payment
	for i := range 10 {
		facts := x.sale(name("A", i), "till-1", name("R", i))
		if i%3 == 0 {
			facts = facts[:6] // told, not acknowledged
		}
		p, _ := payment.Fold(appendAll(t, j, facts...))
		made = append(made, p)
		appendAll(t, j, x.sale(name("B", i), "till-2", name("R", i))...)
	}
	ids := func(q payment.ListQuery) string {
		page, err := j.List("till-1", q)
		if err != nil {
			t.Fatal(err)
		}
		s := ""
		for _, p := range page.Payments {
			s += p.ID[6:]
		}
		if page.Next != 0 {
			q.Before = page.Next
			next, err := j.List("till-1", q)
			if err != nil || len(next.Payments) == 0 {
				t.Fatal("the next page is empty", err)
			}
			s += "," + next.Payments[0].ID[6:]
		}
		return s
	}
	for _, tc := range []struct {
		q    payment.ListQuery
		want string
	}{
		{payment.ListQuery{Limit: 200}, "9876543210"},
		{payment.ListQuery{Limit: 999}, "9876543210"},
		{payment.ListQuery{Limit: 10}, "9876543210"},
		{payment.ListQuery{}, "9,8"},
		{payment.ListQuery{Limit: 4}, "9876,5"},
		{payment.ListQuery{Limit: 4, Unacknowledged: true}, "9630"},
		{payment.ListQuery{Limit: 3, Unacknowledged: true}, "963,0"},
		{payment.ListQuery{Limit: 9, Since: made[7].CreatedAt}, "987"},
		{payment.ListQuery{Limit: 9, Since: made[7].CreatedAt.Add(time.Millisecond)}, "98"},
		{payment.ListQuery{Limit: 2, Since: made[7].CreatedAt}, "98,7"},
	} {
		if got := ids(tc.q); got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.q, got, tc.want)
		}
	}
	page, err := j.List("till-1", payment.ListQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(made[9], page.Payments[0]); d != "" {
		t.Error(d)
	}
	if all, err := j.ListAll(payment.ListQuery{Limit: 200}); err != nil ||
		len(all.Payments) != 20 || all.Payments[0].ID != "B000009" {
		t.Errorf("all tills: %d, %v", len(all.Payments), err)
	}
}

func TestParkedUntilOpened(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	facts := appendAll(t, j, x.fact("", parked("a")), x.fact("", parked("b")),
		x.fact("", parked("c")), x.fact("P1", requested("till-1", "R1")))
	n := paid("till-1", "R1", "1")
	n.FromParked = 2
	// one delivery may open into several records
	other := payment.Unmatched{Record: n.Record, FromParked: 2}
	appendAll(t, j, x.fact("P1", n), x.fact("", other))
	got, err := j.Parked()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]payment.Fact{facts[0], facts[2]}, got); d != "" {
		t.Error(d)
	}
	if seen, _ := j.Seen(parked("c").Hash); !seen {
		t.Error("a parked delivery was not recognised")
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
}

func TestEachAndHashes(t *testing.T) {
	j, _ := fresh(t)
	x := &fixture{}
	var want []payment.Fact
	for i := range 200 {
		want = append(want, appendAll(t, j, x.sale(name("P", i), "till-1", name("R", i))...)...)
	}
	var got []payment.Fact
	var last string
	err := j.Each(3, func(f payment.Fact, hash string) error {
		got, last = append(got, f), hash
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want[2:], got); d != "" {
		t.Error(d)
	}
	head, err := j.Head()
	if err != nil || head.Hash != last || head.Seq != 1400 || head.JournalID != j.JournalID() {
		t.Errorf("head %+v %v", head, err)
	}
	if hash, ok, err := j.HashAt(1400); hash != last || !ok || err != nil {
		t.Error("HashAt and Each disagree")
	}
	if _, ok, err := j.HashAt(1401); ok || err != nil {
		t.Error("a hash beyond the end", err)
	}
	stop := fmt.Errorf("enough")
	if err := j.Each(1, func(payment.Fact, string) error { return stop }); err != stop {
		t.Error(err)
	}
}

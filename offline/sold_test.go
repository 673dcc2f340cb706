package offline

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kiosk-agent/payment"
)

// soldIn is what the facts say that a till has sold.
func soldIn(all []payment.Fact, till string, from, until time.Time) (s payment.Sold) {
	of, at := map[string][]payment.Fact{}, map[int64]time.Time{}
	for _, f := range all {
		at[f.Seq] = f.At
		if f.Payment != "" {
			of[f.Payment] = append(of[f.Payment], f)
		}
	}
	for _, facts := range of {
		p, _ := payment.Fold(facts)
		for _, m := range p.Movements {
			is := at[m.Seq].UnixMilli()
			if p.Till == till && m.Class == payment.ClassSale && is >= from.UnixMilli() &&
				is < until.UnixMilli() && p.Left() > 0 {
				s.Count, s.Amount = s.Count+1, s.Amount+p.Left()
			}
		}
	}
	return s
}

// compareSold compares what was sold with what the list of all facts says, for a time that begins
// and ends anywhere among them.
func compareSold(t *rapid.T, j *Journal, all []payment.Fact) {
	moment := func(name string) time.Time {
		return all[rapid.IntRange(0, len(all)-1).Draw(t, name)].At
	}
	from, until := moment("from"), moment("until").Add(time.Millisecond)
	for _, till := range []string{"till-1", "till-2"} {
		got, err := j.Sold(till, from, until)
		if want := soldIn(all, till, from, until); err != nil || got != want {
			t.Fatalf("%s sold %+v %v, want %+v", till, got, err, want)
		}
	}
}

// soldDay is a journal of sales on two tills around a midnight, and what became of them.
func soldDay(t *testing.T) (j *Journal, midnight time.Time, all []payment.Fact) {
	j, _ = fresh(t)
	midnight = wall.Add(24 * time.Hour)
	add := func(at time.Time, id string, d payment.Data) {
		f := payment.Fact{Payment: id, At: at, Boot: "boot-1", Up: time.Second, Data: d}
		all = append(all, appendAll(t, j, f)...)
	}
	sell := func(at time.Time, till, id string) {
		add(at, id, requested(till, id))
		add(at, id, payment.Minted{Payload: "https://pay.test/" + id})
		add(at, id, paid(till, id, "T"+id))
	}
	back := func(at time.Time, id string, amount int64) {
		d := paid("till-1", id, "B"+id)
		d.Record.Type, d.Record.Amount = payment.TypeRefund, amount
		add(at, id, d)
	}
	sell(midnight.Add(-time.Millisecond), "till-1", "yesterday")
	sell(midnight, "till-1", "first")
	sell(midnight.Add(time.Hour), "till-2", "another till's")
	sell(midnight.Add(2*time.Hour), "till-1", "voided")
	sell(midnight.Add(3*time.Hour), "till-1", "partly refunded")
	sell(midnight.Add(4*time.Hour), "till-1", "paid twice")
	sell(midnight.Add(5*time.Hour), "till-1", "paid twice, one given back")
	for _, id := range []string{"first", "voided", "partly refunded", "paid twice",
		"paid twice, one given back"} {
		add(midnight.Add(6*time.Hour), id, payment.Offered{Revision: 3,
			Status: payment.StatusApproved})
	}
	again := midnight.Add(7 * time.Hour)
	add(again, "paid twice", paid("till-1", "paid twice", "again"))
	add(again, "paid twice, one given back",
		paid("till-1", "paid twice, one given back", "again"))
	back(again, "voided", 1023)
	back(again, "partly refunded", 23)
	back(again, "paid twice, one given back", 1023)
	back(again, "yesterday", 1023) // of another day
	sell(midnight.Add(24*time.Hour), "till-1", "tomorrow")
	return j, midnight, all
}

func TestSoldInADay(t *testing.T) {
	j, midnight, all := soldDay(t)
	want := func(what string, got payment.Sold, count int, amount int64) {
		t.Helper()
		if got != (payment.Sold{Count: count, Amount: amount}) {
			t.Errorf("%s: %+v, want %d, %d", what, got, count, amount)
		}
	}
	check := func() {
		t.Helper()
		for n, of := range []struct {
			till   string
			count  int
			amount int64
		}{{"till-1", 4, 3*1023 + 1000}, {"till-2", 1, 1023}, {"till-3", 0, 0}} {
			got, err := j.Sold(of.till, midnight, midnight.Add(24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			want(of.till, got, of.count, of.amount)
			want(fmt.Sprint(n, " by its facts"),
				soldIn(all, of.till, midnight, midnight.Add(24*time.Hour)), of.count, of.amount)
		}
		before, err := j.Sold("till-1", midnight.Add(-24*time.Hour), midnight)
		if err != nil {
			t.Fatal(err)
		}
		want("yesterday, given back today", before, 0, 0)
	}
	check()
	path := j.Reader.path
	closeJournal(t, j)
	j = open(t, Config{Path: path})
	check()
}

// A refund whose amount nobody can read leaves nothing that is certain.
func TestSoldWithoutAnAmount(t *testing.T) {
	j, x := func() (*Journal, *fixture) { j, _ := fresh(t); return j, &fixture{} }()
	all := appendAll(t, j, x.sale("P1", "till-1", "P1")...)
	d := paid("till-1", "P1", "B")
	d.Record.Type, d.Record.Amount = payment.TypeRefund, payment.UnreadableAmount
	all = append(all, appendAll(t, j, x.fact("P1", d))...)
	got, err := j.Sold("till-1", wall, wall.Add(time.Hour))
	if err != nil || got != (payment.Sold{}) ||
		soldIn(all, "till-1", wall, wall.Add(time.Hour)) != got {
		t.Errorf("%+v %v", got, err)
	}
}

// A clock that was set back loses no sale of the day.
func TestSoldWithAClockThatWasSetBack(t *testing.T) {
	j, _ := fresh(t)
	x := &fixture{}
	for i := range 300 {
		id := fmt.Sprintf("P%03d", i)
		facts := x.sale(id, "till-1", id)
		if i == 150 {
			x.up -= 20 * time.Hour
		}
		appendAll(t, j, facts...)
	}
	got, err := j.Sold("till-1", wall.Add(-24*time.Hour), wall.Add(24*time.Hour))
	if err != nil || got != (payment.Sold{Count: 300, Amount: 300 * 1023}) {
		t.Errorf("%+v %v", got, err)
	}
}

package offline

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"kiosk-agent/payment"
)

// TestWorkFollowsFromFacts draws histories of payments and of entries that belong to none, with
// restarts and look-up tables made anew, and compares each look-up with what the list of all facts
// says.
func TestWorkFollowsFromFacts(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		path := filepath.Join(dir, name("j", run))
		j := open(t, Config{Path: path, Create: true})
		defer func() { j.Close() }()
		x := &fixture{}
		var all []payment.Fact
		for range rapid.IntRange(1, 10).Draw(rt, "steps") {
			var batch []payment.Fact
			for range rapid.IntRange(1, 3).Draw(rt, "facts") {
				batch = append(batch, drawFact(rt, x, append(slices.Clone(all), batch...)))
			}
			if err := j.Append(batch, nil); err != nil {
				rt.Fatal(err)
			}
			all = append(all, batch...)
			switch rapid.IntRange(0, 9).Draw(rt, "then") {
			case 0:
				j.Close()
				j = open(t, Config{Path: path})
			case 1:
				if err := j.rebuild(); err != nil {
					rt.Fatal(err)
				}
			}
			compareLookups(rt, j, all)
			compareParking(rt, j, all)
		}
		if report, err := j.Verify(nil); err != nil || len(report.Problems) > 0 {
			rt.Fatalf("%+v %v", report.Problems, err)
		}
	})
}

// drawFact draws what may come after these facts; their place in the slice is their sequence.
func drawFact(t *rapid.T, x *fixture, before []payment.Fact) payment.Fact {
	var toClose, toOpen []int64
	for i, f := range before {
		switch f.Kind() {
		case payment.KindParked:
			toOpen, toClose = append(toOpen, int64(i+1)), append(toClose, int64(i+1))
		case payment.KindUnmatched, payment.KindLeft:
			toClose = append(toClose, int64(i+1))
		}
	}
	from := rapid.SampledFrom(append(toOpen, 0)).Draw(t, "from parked")
	id := rapid.SampledFrom([]string{"P1", "P2", "P3"}).Draw(t, "payment")
	n := len(before)
	switch rapid.IntRange(0, 10).Draw(t, "about") {
	case 10:
		return x.fact("", drawLeft(t, n))
	case 0:
		p := parked(name("parked", n))
		if p.Cut = rapid.IntRange(0, 3).Draw(t, "of an older version") == 0; p.Cut {
			p.Envelope.Body = nil
		}
		p.Envelope.ReceivedAt = wall.Add(time.Duration(n) * time.Minute)
		return x.fact("", p)
	case 1:
		return x.fact("", payment.Unmatched{Source: "webhook",
			Record: payment.Record{MerchantRef: name("K001TEST-", n)}, FromParked: from})
	case 2:
		if len(toClose) > 0 {
			entry := rapid.SampledFrom(toClose).Draw(t, "entry")
			return x.fact("", payment.Resolved{Outcome: payment.ResolvedNotPaid, By: "ann",
				Reason: "junk", Entry: entry})
		}
		return x.fact("", payment.ClockOffset{Offset: payment.Millis(n)})
	case 3:
		return x.fact("", rapid.SampledFrom(
			[]payment.Data{payment.Gap{Reason: "x"}, payment.ClockOffset{Offset: payment.Millis(n)},
				payment.Junk{Count: int64(n)},
				payment.QueryProved{Endpoint: name("https://gateway.test/", n)},
				payment.RolledBack{Known: payment.Head{Seq: int64(n)}, Last: int64(n)},
				payment.Recovered{By: name("ann", n), Lost: payment.Head{Seq: 9}}}).Draw(t,
			"journal"))
	default:
		d := drawData(t, id, has(before, id))
		if p, ok := d.(payment.Notified); ok {
			p.FromParked = from
			d = p
		}
		return x.fact(id, d)
	}
}

// drawLeft draws a run of deliveries that found no place, a reading of all until then, or a loss.
func drawLeft(t *rapid.T, n int) payment.Left {
	l := payment.Left{Epoch: "E", From: uint64(n), To: uint64(n + 3), Count: 3}
	switch rapid.IntRange(0, 3).Draw(t, "left") {
	case 0:
		l.Read = int64(rapid.IntRange(1, n+1).Draw(t, "up to"))
	case 1:
		l.Lost = true
	}
	return l
}

// compareParking computes what is parked and what was left the long way.
func compareParking(t *rapid.T, j *Journal, all []payment.Fact) {
	since := wall.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "since")) * time.Minute)
	places, bytes, kept := map[int64]payment.Parked{}, int64(0), map[string]bool{}
	var left []payment.Fact
	var junk *payment.Fact
	for _, f := range all {
		switch d := f.Data.(type) {
		case payment.Parked:
			places[f.Seq] = d
			kept[d.Hash] = kept[d.Hash] || !d.Cut
		case payment.Unmatched:
			delete(places, d.FromParked)
		case payment.Notified:
			delete(places, d.FromParked)
		case payment.Resolved:
			delete(places, d.Entry)
		case payment.Junk:
			junk = &f
		case payment.Left:
			if d.Read > 0 {
				left = slices.DeleteFunc(left, func(l payment.Fact) bool { return l.Seq <= d.Read })
			} else if !d.Lost {
				left = append(left, f)
			}
		}
	}
	for seq, p := range places {
		if !p.Envelope.ReceivedAt.After(since) {
			delete(places, seq)
		} else if !p.Cut {
			bytes += p.Envelope.Size()
		}
	}
	n, size, err := j.Places(since)
	if err != nil || n != len(places) || size != bytes {
		t.Fatalf("%d places of %d bytes, want %d of %d: %v", n, size, len(places), bytes, err)
	}
	for content, want := range kept {
		if got, err := j.Kept(content); err != nil || got != want {
			t.Fatalf("kept %t, want %t: %v", got, want, err)
		}
	}
	got, err := j.Left()
	if d := cmp.Diff(left, got, cmpopts.EquateEmpty()); err != nil || d != "" {
		t.Fatal(err, d)
	}
	f, ok, err := j.Junk()
	if err != nil || ok != (junk != nil) || ok && !cmp.Equal(f, *junk) {
		t.Fatalf("junk %+v %t %v, want %+v", f, ok, err, junk)
	}
}

// compareLookups computes every look-up the long way.
func compareLookups(t *rapid.T, j *Journal, all []payment.Fact) {
	of := map[string][]payment.Fact{}
	var ids []string
	open := map[int64]payment.Fact{}
	proved := []payment.QueryProved{}
	var rolledBack *payment.RolledBack
	var remembered []payment.Head
	givenUp := map[payment.Head]bool{}
	for _, f := range all {
		if f.Payment != "" {
			if of[f.Payment] == nil {
				ids = append(ids, f.Payment)
			}
			of[f.Payment] = append(of[f.Payment], f)
		}
		switch d := f.Data.(type) {
		case payment.Parked:
			open[f.Seq] = f
		case payment.Unmatched:
			open[f.Seq] = f
			delete(open, d.FromParked)
		case payment.Notified:
			delete(open, d.FromParked)
		case payment.Resolved:
			if f, ok := open[d.Entry]; ok && closable(f.Data) {
				delete(open, d.Entry)
			}
		case payment.Left:
			if d.Read == 0 {
				open[f.Seq] = f
				continue
			}
			for seq, l := range open {
				if seq <= d.Read && !closable(l.Data) {
					delete(open, seq)
				}
			}
		case payment.QueryProved:
			proved = append(proved, d)
		case payment.RolledBack:
			rolledBack, remembered = &d, append(remembered, d.Known)
		case payment.Recovered:
			rolledBack = nil
			for _, h := range append(remembered, d.Lost) {
				givenUp[h] = true
			}
		}
	}
	compareSold(t, j, all)
	var work []payment.WorkItem
	var final, unpaid []string
	for _, id := range ids {
		p, _ := payment.Fold(of[id])
		if p.Final {
			final = append([]string{id}, final...)
			if p.Status != payment.StatusApproved {
				unpaid = append([]string{id}, unpaid...)
			}
		}
		if tasks := p.Tasks(); len(tasks) > 0 {
			work = append(work, payment.WorkItem{Payment: &p, Tasks: tasks})
		}
	}
	var left []payment.Left
	oldest := -1
	for _, f := range all {
		if _, ok := open[f.Seq]; !ok {
			continue
		}
		item := payment.WorkItem{Entry: &f, Tasks: payment.EntryWork(f.Data)}
		if !closable(f.Data) { // one task for all of them
			left = append(left, f.Data.(payment.Left))
			if oldest >= 0 {
				continue
			}
			oldest = len(work)
		}
		work = append(work, item)
	}
	if oldest >= 0 {
		work[oldest].Tasks = payment.LeftWork(left, time.Time{})
	}
	check := func(what string, want, got any, err error) {
		if err != nil {
			t.Fatal(what, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(what, d)
		}
	}
	gotWork, err := j.Work()
	check("work", work, gotWork, err)
	for _, limit := range []int{1, 10} {
		got, err := j.Watched(false, limit)
		check("watched", final[:min(limit, len(final))], got, err)
		got, err = j.Watched(true, limit)
		check("watched, not approved", unpaid[:min(limit, len(unpaid))], got, err)
	}
	endpoint, err := j.Proved()
	check("proved", proved, endpoint, err)
	b, ok, err := j.RolledBack()
	check("rolled back", rolledBack != nil, ok, err)
	if ok {
		check("rolled back", *rolledBack, b, nil)
	}
	for _, id := range ids {
		got, err := j.Unheard(id)
		check("unheard", unheard(all, open, of[id][0].Seq), got, err)
	}
	for seq := range int64(10) {
		h := payment.Head{Seq: seq}
		got, err := j.GivenUp(h)
		check("given up", givenUp[h], got, err)
	}
}

// unheard reports whether something came after a fact that nobody has heard, or may have come.
func unheard(all []payment.Fact, open map[int64]payment.Fact, after int64) bool {
	return slices.ContainsFunc(all, func(f payment.Fact) bool {
		_, waits := open[f.Seq]
		return f.Seq > after && (f.Kind() == payment.KindGap ||
			waits && f.Kind() != payment.KindUnmatched)
	})
}

// closable reports whether staff can close the entry.
func closable(d payment.Data) bool {
	l, ok := d.(payment.Left)
	return !ok || l.Lost
}

func TestEntriesAreClosedOnce(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	facts := appendAll(t, j, x.fact("", parked("a")),
		x.fact("", payment.Unmatched{Source: "webhook"}), x.fact("P1", requested("till-1", "R1")))
	closing := func(entry int64) payment.Fact {
		return x.fact("", payment.Resolved{Outcome: payment.ResolvedNotPaid, By: "ann",
			Reason: "junk", Entry: entry})
	}
	for _, entry := range []int64{3, 4, 99, -1} {
		if err := j.Append([]payment.Fact{closing(entry)}, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("entry %d: %v", entry, err)
		}
	}
	wrong := closing(1)
	wrong.Payment = "P1"
	if err := j.Append([]payment.Fact{wrong}, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("an entry of a payment: %v", err)
	}
	appendAll(t, j, closing(1), closing(2), closing(1)) // staff may say it twice
	if work, err := j.Work(); err != nil || len(work) != 0 {
		t.Errorf("work %+v %v", work, err)
	}
	for seq := int64(0); seq <= 7; seq++ {
		f, ok, err := j.Entry(seq)
		if want := seq == 1 || seq == 2; err != nil || ok != want || ok &&
			!cmp.Equal(f, facts[seq-1]) {
			t.Errorf("entry %d: %+v %v %v", seq, f, ok, err)
		}
	}
	if got, err := j.Parked(); err != nil || len(got) != 1 {
		t.Errorf("a closed delivery is tried again all the same: %+v %v", got, err)
	}
	n := paid("till-1", "R1", "1")
	n.FromParked = 1
	appendAll(t, j, x.fact("P1", n))
	if got, err := j.Parked(); err != nil || len(got) != 0 {
		t.Errorf("and may still open: %+v %v", got, err)
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
}

// TestWorkOfAnOlderVersion: a journal that no agent of this version has opened yet.
func TestWorkOfAnOlderVersion(t *testing.T) {
	old, err := os.ReadFile("testdata/schema-1.db")
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := errors.Join(err, os.WriteFile(path, old, 0o600)); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if e, ok := errors.AsType[*Error](func() error { _, err := r.Work(); return err }()); !ok ||
		e.Hint != "start the agent once: it brings the journal up to date" {
		t.Error(e)
	}
	if proved, err := r.Proved(); err != nil || len(proved) != 0 {
		t.Error(proved, err)
	}
	if report, err := r.Verify(nil); err != nil || len(report.Problems) > 0 ||
		report.Payments != 3 {
		t.Errorf("%+v %v", report, err)
	}
}

package offline

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kiosk-agent/payment"
)

const day = 24 * time.Hour

// moreFacts appends facts that are not about anything, so that what came before is not among the
// newest any more.
func moreFacts(t testing.TB, j *Journal, at time.Time) {
	t.Helper()
	var batch []payment.Fact
	for range retainFacts {
		batch = append(batch, payment.Fact{At: at, Boot: "b", Data: payment.ClockOffset{}})
	}
	appendAll(t, j, batch...)
}

// retainAll calls Retain until it is done.
func retainAll(t testing.TB, j *Journal, before time.Time) (dropped int) {
	t.Helper()
	for {
		n, done, err := j.Retain(before)
		if err != nil || n > retainBatch {
			t.Fatal(n, err)
		}
		if dropped += n; done {
			return dropped
		}
	}
}

// TestRetain: which bodies are dropped, and that they are nowhere in the files any more.
func TestRetain(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	secret := func(id string) payment.Minted {
		return payment.Minted{Payload: "https://pay.test/LINK-" + id, ProviderRef: "m"}
	}
	sale := func(id string, more ...payment.Data) {
		facts := []payment.Fact{x.fact(id, requested("t", id)), x.fact(id, secret(id))}
		for _, d := range more {
			facts = append(facts, x.fact(id, d))
		}
		appendAll(t, j, facts...)
	}
	offered, acked := payment.Offered{Revision: 3, Status: payment.StatusApproved},
		payment.Acknowledged{Revision: 3}
	resolved := payment.Resolved{Outcome: payment.ResolvedApproved, By: "ann", Reason: "seen"}
	sale("PACKED", paid("t", "PACKED", "1"), offered, acked)
	sale("POWED", paid("t", "POWED", "2"), offered)
	sale("PRUNNING", payment.Shown{By: "display"})
	sale("PTWICE", paid("t", "PTWICE", "3"), paid("t", "PTWICE", "4"),
		payment.Acknowledged{Revision: 4})
	sale("PSETTLED", paid("t", "PSETTLED", "5"), paid("t", "PSETTLED", "6"), resolved,
		payment.Acknowledged{Revision: 5})
	parkedFacts := appendAll(t, j, x.fact("", parked("DELIVERY-OPEN")),
		x.fact("", parked("DELIVERY-OPENED")), x.fact("", parked("DELIVERY-CLOSED")))
	opened := payment.Unmatched{Record: payment.Record{MerchantRef: "x"},
		FromParked: parkedFacts[1].Seq}
	closing := payment.Resolved{Outcome: payment.ResolvedNotPaid, By: "ann", Reason: "junk",
		Entry: parkedFacts[2].Seq}
	appendAll(t, j, x.fact("", opened), x.fact("", closing))
	now := wall.Add(100 * day)
	if n := retainAll(t, j, now); n != 0 {
		t.Errorf("%d of the newest facts were dropped", n)
	}
	moreFacts(t, j, wall.Add(5*day))
	moreFacts(t, j, now)
	payments := map[string]payment.Payment{}
	for _, id := range []string{"PACKED", "POWED", "PRUNNING", "PTWICE", "PSETTLED"} {
		p, _, err := j.Payment(id)
		must(t, err)
		payments[id] = p
	}
	before, err := j.Work()
	must(t, err)
	n := 0
	report, err := j.Verify(func(done, total int64) { // in the middle of a verification
		if done == total {
			n += retainAll(t, j, now.Add(-90*day))
		}
	})
	if err != nil || len(report.Problems) > 0 || n != 4 {
		t.Errorf("%d bodies were dropped; %+v %v", n, report.Problems, err)
	}
	if n := retainAll(t, j, now); n != 0 {
		t.Errorf("and %d again", n)
	}
	for id, was := range payments {
		p, _, err := j.Payment(id)
		if d := cmp.Diff(was, p); d != "" || err != nil {
			t.Error(id, d, err)
		}
	}
	if after, err := j.Work(); err != nil || !cmp.Equal(before, after) {
		t.Error("the worklist has changed", err)
	}
	if got, err := j.Parked(); err != nil || len(got) != 1 || got[0].Seq != parkedFacts[0].Seq {
		t.Errorf("to be tried again: %+v %v", got, err)
	}
	appendAll(t, j, x.fact("POWED", acked), x.fact("PRUNNING", paid("t", "PRUNNING", "7")))
	must(t, j.rebuild())
	closeJournal(t, j)
	mustBeWhole(t, path)
	file, err := os.ReadFile(path)
	must(t, err)
	for text, want := range map[string]bool{
		"LINK-PACKED": false, "LINK-POWED": true, "LINK-PRUNNING": true, "LINK-PTWICE": true,
		"LINK-PSETTLED": false,
		// in base64
		"REVMSVZFUlktT1BFTg": true, "REVMSVZFUlktT1BFTkVE": false, "REVMSVZFUlktQ0xPU0VE": false,
	} {
		if bytes.Contains(file, []byte(text)) != want {
			t.Errorf("%s in the file: %v", text, !want)
		}
	}
}

// TestRetainWithAWrongClock: no clock that steps makes anything old by itself.
func TestRetainWithAWrongClock(t *testing.T) {
	const year = 365 * day
	for _, tc := range []struct {
		name string
		// when the sale, the next 1000 facts, 1000 more and the newest one were made, from wall on
		sale, later, latest, newest time.Duration
		before                      time.Duration
		want                        int
	}{
		{"as it should be", 0, 5 * day, 100 * day, 100 * day, 10 * day, 1},
		{"too young for the caller", 0, 5 * day, 100 * day, 100 * day, -day, 0},
		{"less than a month before the newest facts", 0, day, 29 * day, 29 * day, 10 * day, 0},
		{"a caller in 2099", 0, day, 2 * day, 2 * day, 73 * year, 0},
		{"a clock that has just gone to 2099", 0, day, 2 * day, 73 * year, 73 * year, 0},
		{"a sale with the clock at 1970", -56 * year, 0, 100 * day, 100 * day, -40 * day, 0},
		{"the newest fact with the clock at 1970", 0, 5 * day, 100 * day, -56 * year, 10 * day, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j, path := fresh(t)
			x := &fixture{}
			facts := x.sale("P", "t", "R")
			for i := range facts {
				facts[i].At = wall.Add(tc.sale)
			}
			appendAll(t, j, facts...)
			moreFacts(t, j, wall.Add(tc.later))
			moreFacts(t, j, wall.Add(tc.latest))
			appendAll(t, j, payment.Fact{At: wall.Add(tc.newest), Data: payment.ClockOffset{}})
			if n := retainAll(t, j, wall.Add(tc.before)); n != tc.want {
				t.Errorf("%d bodies were dropped", n)
			}
			closeJournal(t, j)
			mustBeWhole(t, path)
		})
	}
}

// TestRetainInSteps: more than one call can drop, and what nobody may drop blocks nothing.
func TestRetainInSteps(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	for i := range 3 * retainBatch {
		facts := x.sale(name("P", i), "t", name("R", i))
		if i < retainBatch+10 {
			facts = facts[:3]
		}
		appendAll(t, j, facts...)
	}
	moreFacts(t, j, wall.Add(5*day))
	moreFacts(t, j, wall.Add(100*day))
	var got []string
	for range 4 {
		n, done, err := j.Retain(wall.Add(50 * day))
		must(t, err)
		got = append(got, fmt.Sprint(n, done))
	}
	if d := cmp.Diff([]string{"50 false", "40 true", "0 true", "0 true"}, got); d != "" {
		t.Error(d)
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
	if _, _, err := j.Retain(wall); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestRetainBounds: what plays months in minutes says so in Config.
func TestRetainBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Config{Path: path, Create: true, KeepFacts: 4, KeepFor: time.Minute})
	x := &fixture{}
	appendAll(t, j, x.sale("P", "t", "R")...)
	for want, age := range []time.Duration{50 * time.Second, 80 * time.Second} {
		for range 4 {
			appendAll(t, j, payment.Fact{At: wall.Add(age), Boot: "b", Data: payment.ClockOffset{}})
		}
		if n := retainAll(t, j, wall.Add(day)); n != want {
			t.Errorf("after %s %d bodies are dropped, want %d", age, n, want)
		}
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
}

// TestRetainOnAFullDisk: nothing is dropped, and later everything is.
func TestRetainOnAFullDisk(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	appendAll(t, j, x.sale("P", "t", "R")...)
	moreFacts(t, j, wall.Add(5*day))
	moreFacts(t, j, wall.Add(100*day))
	lift := limitFileSize(t, fileSize(t, path+"-wal"))
	if n, _, err := j.Retain(wall.Add(50 * day)); n != 0 || !errors.Is(err, ErrFull) &&
		!errors.Is(err, ErrIO) {
		t.Error(n, err)
	}
	lift()
	if n := retainAll(t, j, wall.Add(50*day)); n != 1 {
		t.Errorf("%d bodies were dropped", n)
	}
	appendAll(t, j, x.sale("P2", "t", "R2")...)
	closeJournal(t, j)
	mustBeWhole(t, path)
}

// TestAnyHistorySurvivesRetention draws histories, drops what may be dropped at any time, and goes
// on.
func TestAnyHistorySurvivesRetention(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		path := filepath.Join(dir, name("j", run))
		j := open(t, Config{Path: path, Create: true})
		defer func() { j.Close() }()
		x := &fixture{}
		var all []payment.Fact
		for range rapid.IntRange(1, 4).Draw(rt, "rounds") {
			for range rapid.IntRange(1, 12).Draw(rt, "facts") {
				all = append(all, drawFact(rt, x, all))
				must(t, j.Append(all[len(all)-1:], nil))
			}
			tx, err := j.writer.Begin()
			must(t, err)
			// as if all were old
			seqs, err := column[int64](tx, selectDroppable, 1000, 0, wall.Add(day).UnixMilli(),
				retainBatch)
			must(t, err, dropBodies(tx, seqs), tx.Commit())
			for _, seq := range seqs {
				checkDropped(rt, all, seq)
			}
			for i := range all {
				if p, ok, err := j.Payment(all[i].Payment); err != nil {
					rt.Fatal(err)
				} else if ok {
					same(rt, all, p)
				}
			}
			if rapid.Bool().Draw(rt, "restart") {
				j.Close()
				j = open(t, Config{Path: path})
			}
			if rapid.Bool().Draw(rt, "rebuild") {
				must(t, j.rebuild())
			}
			compareLookups(rt, j, all)
			if r, err := j.Verify(nil); err != nil || len(r.Problems) > 0 {
				rt.Fatalf("%+v %v", r.Problems, err)
			}
		}
	})
}

// checkDropped: nobody needs this fact's body.
func checkDropped(t *rapid.T, all []payment.Fact, seq int64) {
	f := all[seq-1]
	if f.Kind() == payment.KindMinted {
		if p := foldOf(all, f.Payment); !p.Final || p.Owed || p.NeedsStaff() {
			t.Fatalf("the link of a payment that is %s, owed %v, was dropped", p.Status, p.Owed)
		}
		return
	}
	for _, later := range all[seq:] {
		if fromParked(later.Data) == seq || closes(later.Data) == seq {
			return
		}
	}
	t.Fatalf("%s %d was dropped, and nobody has opened or closed it", f.Kind(), seq)
}

func foldOf(all []payment.Fact, id string) payment.Payment {
	var facts []payment.Fact
	for _, f := range all {
		if f.Payment == id {
			facts = append(facts, f)
		}
	}
	p, _ := payment.Fold(facts)
	return p
}

// same: all but the code and the link's own number.
func same(t *rapid.T, all []payment.Fact, got payment.Payment) {
	want := foldOf(all, got.ID)
	if len(want.Transactions) == 0 {
		want.ProviderRef, got.ProviderRef = "", ""
	}
	want.QRPayload, got.QRPayload = "", ""
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

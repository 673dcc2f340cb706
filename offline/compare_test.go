package offline

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
)

// crowd is a journal of payments that come to their ends at different times, some of them late.
func crowd(t testing.TB, payments int) (path string) {
	t.Helper()
	j, path := fresh(t)
	x := &fixture{}
	var late []payment.Fact
	for i := range payments {
		sale := x.sale(name("P", i), "till-1", name("R", i))
		if i%3 == 0 {
			late = append(late, sale[5:]...)
			sale = sale[:5]
		}
		appendAll(t, j, sale...)
		if len(late) > 40 {
			appendAll(t, j, late...)
			late = nil
		}
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
	return path
}

// upTo is a verification that began when the journal ended with this fact.
func upTo(t *testing.T, path string, seq int64) []Problem {
	t.Helper()
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	v := &verifier{r: r, head: head{seq: seq}, parked: entries{}, unmatched: entries{},
		left: entries{}, lost: entries{}}
	if err := v.facts(true); err != nil {
		t.Fatal(err)
	}
	return merged(&v.ofFacts, &v.ofRows)
}

// TestVerifyBesideTheWriter: a row that says something of facts behind the head that a verification
// began with is right, and one that is wrong is found there too.
func TestVerifyBesideTheWriter(t *testing.T) {
	path := crowd(t, 40)
	end := mustBeWhole(t, path).Head.Seq
	for seq := int64(1); seq <= end; seq += 13 {
		if problems := upTo(t, path, seq); len(problems) > 0 {
			t.Errorf("up to fact %d: %+v", seq, problems)
		}
	}
	tamper(t, path, "UPDATE payments SET owed = 1 - owed WHERE id = 'P000030'")
	for _, seq := range []int64{1, end / 2, end} {
		if problems := upTo(t, path, seq); len(problems) != 1 {
			t.Errorf("up to fact %d: %+v", seq, problems)
		}
	}
}

// TestVerifyBoundsWhatItFolds: with hardly a payment in the air at once the report is the same.
func TestVerifyBoundsWhatItFolds(t *testing.T) {
	path := crowd(t, 60)
	tamper(t, path, "UPDATE payments SET status = 'declined' WHERE id IN ('P000007', 'P000033')",
		"UPDATE money SET amount = 1 WHERE merchant_ref LIKE '%R000012'",
		"UPDATE payments SET last_seq = last_seq + 1000 WHERE id = 'P000020'")
	want := verify(t, path)
	if len(want.Problems) != 4 {
		t.Fatalf("%+v", want.Problems)
	}
	was := maxFlights
	defer func() { maxFlights = was }()
	for maxFlights = 0; maxFlights < 3; maxFlights++ {
		if diff := cmp.Diff(want, verify(t, path)); diff != "" {
			t.Errorf("%d: %s", maxFlights, diff)
		}
	}
}

// TestVerifySaysTheSameEachTime: what is reported does not depend on when which part was read.
func TestVerifySaysTheSameEachTime(t *testing.T) {
	path := crowd(t, 400)
	withoutTriggers(t, path, "UPDATE facts SET boot = 'x' WHERE seq % 40 = 0",
		"UPDATE facts SET body = x'7b7d' WHERE seq % 401 = 7",
		"DELETE FROM facts WHERE seq BETWEEN 250 AND 251 OR seq BETWEEN 500 AND 1300",
		"UPDATE payments SET flags = 'x' WHERE first_seq % 70 = 1",
		"DELETE FROM payments WHERE first_seq % 350 = 1")
	want := verify(t, path)
	if len(want.Problems) < 50 || !slices.IsSortedFunc(want.Problems[:len(want.Problems)-1],
		func(a, b Problem) int { return int(a.Seq - b.Seq) }) {
		t.Fatalf("%+v", want.Problems)
	}
	mustReport(t, want, 1301, "facts 500 to 1300 before it are missing")
	mustReport(t, want, 252, "facts 250 to 251 before it are missing")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for i := range 8 {
		runtime.GOMAXPROCS(1 + i%4)
		if diff := cmp.Diff(want, verify(t, path)); diff != "" {
			t.Error(fmt.Sprint(i), diff)
		}
	}
}

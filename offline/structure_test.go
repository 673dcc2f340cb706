package offline

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kiosk-agent/payment"
)

// beside opens a journal whose file is checked beside it, as a large one is.
func beside(path string) (*Journal, error) {
	return Open(Config{Path: path, CheckAtOpen: -1})
}

// mustRefuse is that nothing is written any more, for the damage that was found.
func mustRefuse(t *testing.T, j *Journal) {
	t.Helper()
	x := &fixture{}
	_, _, rerr := j.Retain(wall)
	for what, err := range map[string]error{
		"Append": j.Append(x.sale("P7", "till-1", "R7")[:2], nil), "Writable": j.Writable(),
		"Retain": rerr, "Checked": j.Checked(t.Context()),
	} {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, ok, err := j.Payment("P7"); ok || err != nil && !errors.Is(err, ErrDamaged) {
		t.Error("a payment was opened in a damaged journal", err)
	}
}

// TestEachDamagedPageBeside inverts each page of the file in turn. What Open finds in a small file,
// it finds in a large one too, or the first Append does before it has written anything.
func TestEachDamagedPageBeside(t *testing.T) {
	path, _, whole, want := undamaged(t)
	const page = 4096
	late := 0
	for at := 0; at < len(whole); at += page {
		damaged := slices.Clone(whole)
		for i := range damaged[at : at+page] {
			damaged[at+i] ^= 0xff
		}
		copied := copyJournal(t, path)
		if err := os.WriteFile(copied, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		small, err := Open(Config{Path: copied})
		if err == nil {
			if got, err := everything(small); err != nil || got != want {
				t.Errorf("page %d: nothing was found, and it tells something else", at/page+1)
			}
			closeJournal(t, small)
			continue
		}
		j, err := beside(copied)
		if err != nil {
			continue
		}
		late++
		mustRefuse(t, j)
		if err := j.Close(); err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	}
	t.Logf("%d pages are found by the first append", late)
	if late == 0 {
		t.Error("nothing was left to the check beside the journal")
	}
}

// misleading is a journal in which one reference is another in the index that leads from
// references to payments: a look-up does not find the payment.
func misleading(t *testing.T) (path, reference string) {
	t.Helper()
	j, path := fresh(t)
	x := &fixture{}
	var sales []payment.Fact
	for i := range 200 {
		sales = append(sales, x.sale(name("P", i), "till-1", name("REF", i))...)
	}
	appendAll(t, j, sales...)
	closeJournal(t, j)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// In the index the reference stands behind its till.
	reference = name("REF", 100)
	at := bytes.Index(content, []byte("till-1"+reference))
	for ; at >= 0; at = nextIndex(content, "till-1"+reference, at) {
		if !bytes.HasPrefix(content[at+len("till-1"+reference):], []byte("K001TEST")) {
			break // the row itself goes on with the merchantRef
		}
	}
	if at < 0 {
		t.Fatal("the index is not found in the file")
	}
	content[at+len("till-1REF")] = 'x'
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, reference
}

func nextIndex(in []byte, what string, after int) int {
	at := bytes.Index(in[after+1:], []byte(what))
	if at < 0 {
		return -1
	}
	return after + 1 + at
}

// TestMisleadingIndexOpensNoPayment: where a look-up does not find the payment that a request has
// started, no second one is opened for it.
func TestMisleadingIndexOpensNoPayment(t *testing.T) {
	path, reference := misleading(t)
	if j, err := Open(Config{Path: path, TailFacts: 10, CheckAtOpen: 1 << 30}); !errors.Is(err,
		ErrDamaged) {
		t.Errorf("a small file is opened: %v %v", j, err)
	}
	j, err := Open(Config{Path: path, TailFacts: 10, CheckAtOpen: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if id, err := j.ByReference("till-1", reference); id != "" || err != nil {
		t.Fatalf("the look-up is not misled: %q %v", id, err)
	}
	x := &fixture{}
	err = j.Append([]payment.Fact{x.fact("P7", requested("till-1", reference+"-2"))}, nil)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "payments_by_reference") {
		t.Errorf("a second payment is opened: %v", err)
	}
	mustRefuse(t, j)
}

// TestAppendWaitsSoLong: a table that takes too long to check holds nobody up for longer than it
// may, and is checked all the same.
func TestAppendWaitsSoLong(t *testing.T) {
	path, reference := misleading(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	passed := false // the damage may be found before the append, which then did not wait either
	for range 50 {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, Config{Path: path, TailFacts: 10, CheckAtOpen: -1, CheckLookups: 1})
		x := &fixture{}
		err := j.Append([]payment.Fact{x.fact("P7", requested("till-1", reference+"-2"))}, nil)
		passed = passed || err == nil
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		if err := j.Checked(t.Context()); !errors.Is(err, ErrDamaged) ||
			!strings.Contains(err.Error(), "payments_by_reference") {
			t.Fatalf("the damage is not found: %v", err)
		}
		err = j.Append([]payment.Fact{x.fact("P8", requested("till-1", "R8"))}, nil)
		if !errors.Is(err, ErrDamaged) {
			t.Fatalf("a payment is opened in a damaged journal: %v", err)
		}
		closeJournal(t, j)
	}
	if !passed {
		t.Error("every append has waited until the damage was found")
	}
}

// TestWholeFileIsChecked: the time that an append waits bounds nothing of what is found in the end.
func TestWholeFileIsChecked(t *testing.T) {
	path, _ := sample(t)
	cfg := Config{Path: path, TailFacts: 1, CheckAtOpen: -1, CheckBudget: 1}
	j := open(t, cfg)
	appendAll(t, j, (&fixture{}).fact("", payment.Gap{Reason: "x"}))
	if err := j.Checked(t.Context()); err != nil {
		t.Error(err)
	}
	closeJournal(t, j)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mark := []byte(payment.Content(parked("a")))
	found := 0
	for at := bytes.Index(content, mark); at >= 0; at = nextIndex(content, string(mark), at) {
		damaged := slices.Clone(content)
		damaged[at] ^= 1
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, cfg)
		if err := j.Checked(t.Context()); err != nil &&
			strings.Contains(err.Error(), "facts_by_content") {
			found++
			mustRefuse(t, j)
		}
		closeJournal(t, j) // in a body it is no matter of the structure
	}
	if found < 2 { // in the fact and in the index
		t.Errorf("found %d times", found)
	}
}

// TestCheckEndsWithTheJournal: neither an append nor Close waits for a check that cannot end.
func TestCheckEndsWithTheJournal(t *testing.T) {
	j, _ := fresh(t)
	j.checking = newChecking(true)
	j.checking.begun = true
	go func() {
		defer close(j.checking.done)
		<-j.checking.ctx.Done()
		close(j.checking.first)
	}()
	told := make(chan error, 1)
	go func() { told <- j.Append((&fixture{}).sale("P1", "till-1", "R1"), nil) }()
	closeJournal(t, j)
	if err := <-told; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := j.Checked(t.Context()); err != nil {
		t.Error(err)
	}
	never, path := fresh(t)
	closeJournal(t, never)
	if j, err := beside(path); err != nil {
		t.Fatal(err)
	} else {
		closeJournal(t, j) // nobody has begun it
	}
}

// TestUnreadableFileIsCheckedAgain: a disk that could not be read is no damage for good.
func TestUnreadableFileIsCheckedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChecking(true)
		defer c.stop()
		answers := []error{&Error{Kind: ErrIO}, &Error{Kind: ErrIO}, nil}
		var tried []time.Duration
		begun := time.Now()
		go c.until(func() error {
			tried = append(tried, time.Since(begun))
			return answers[len(tried)-1]
		}, func() {})
		for _, want := range answers {
			synctest.Wait()
			if got := c.says(); !errors.Is(got, want) && got != want {
				t.Errorf("after %v: %v", time.Since(begun), got)
			}
			time.Sleep(checkAgain)
		}
		if !slices.Equal(tried, []time.Duration{0, checkAgain, 2 * checkAgain}) {
			t.Errorf("tried %v", tried)
		}
	})
}

// TestLargeJournalIsCheckedBeside: by its size alone.
func TestLargeJournalIsCheckedBeside(t *testing.T) {
	j, path := fresh(t)
	if small, err := j.small(); err != nil || !small {
		t.Error("a new journal is large", err)
	}
	x := &fixture{}
	appendAll(t, j, x.fact("", parked(strings.Repeat("x", smallFile/2))),
		x.fact("", parked(strings.Repeat("y", smallFile/2))))
	closeJournal(t, j)
	j = open(t, Config{Path: path})
	if small, err := j.small(); err != nil || small || j.checking.begun {
		t.Errorf("small %v (%v), checked at once %v", small, err, j.checking.begun)
	}
	if err := j.Checked(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestIndexOfTheNewestFacts: where the index of facts does not lead to those of a payment of the
// newest, Open refuses; the look-up tables would be made anew by it.
func TestIndexOfTheNewestFacts(t *testing.T) {
	path, _, whole, _ := undamaged(t)
	refused := 0
	for at := bytes.Index(whole, []byte("P3")); at >= 0; at = nextIndex(whole, "P3", at) {
		damaged := slices.Clone(whole)
		damaged[at] ^= 1
		copied := copyJournal(t, path)
		if err := os.WriteFile(copied, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := beside(copied)
		if err == nil {
			closeJournal(t, j)
		} else if strings.Contains(err.Error(), "the index of its facts") {
			refused++
		}
	}
	if refused < 2 { // an entry for each of its facts
		t.Errorf("refused %d times", refused)
	}
}

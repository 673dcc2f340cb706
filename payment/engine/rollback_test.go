package engine_test

import (
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

var lost = payment.Head{JournalID: "other", Seq: 900, Hash: "abc"}

// remembers is what the relay says before the hello.
func (r *rig) remembers(known payment.Head) error {
	r.t.Helper()
	a, to := r.ask(func(t engine.Ticket) engine.Event {
		return engine.RelayRemembered{Known: known, To: t}
	})
	if !r.answered(to) {
		r.t.Fatal("the relay's client was not answered")
	}
	return a.Err
}

func (r *rig) recover(by, reason string) error {
	r.t.Helper()
	a, to := r.ask(func(t engine.Ticket) engine.Event {
		return engine.Recovering{By: by, Reason: reason, To: t}
	})
	if !r.answered(to) {
		r.t.Fatal("recover was not answered")
	}
	return a.Err
}

// recovers is staff's recovery, once the backlog is read.
func (r *rig) recovers() {
	r.t.Helper()
	r.step(engine.CaughtUp{})
	if err := r.recover("ann", "the disk was replaced"); err != nil {
		r.t.Fatal(err)
	}
}

// head is the journal's newest fact.
func (r *rig) head() payment.Head {
	r.t.Helper()
	h, err := r.j.Head()
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// records makes a fact.
func (r *rig) records() {
	r.t.Helper()
	r.step(engine.GapFound{Reason: "x"})
}

func (r *rig) rolledBack(want bool) {
	r.t.Helper()
	if got := strings.Contains(r.reasons(), "journal_rollback "); got != want {
		r.t.Errorf("rolled back: %t, want %t", got, want)
	}
	if !want {
		return
	}
	_, err := r.tryStart(till1, request("while it is rolled back"))
	if payment.CodeOf(err) != payment.CodeNotReady {
		r.t.Errorf("a sale: %v", err)
	}
}

// TestARollbackIsAStateOfTheJournal: until staff have recovered no sale starts, whatever any relay
// says, after restarts, with more facts than the relay knew, and with a relay that knows nothing.
func TestARollbackIsAStateOfTheJournal(t *testing.T) {
	r := newRig(t)
	beyond := r.head()
	beyond.Seq += 3
	if err := r.remembers(beyond); err != nil {
		t.Fatal(err)
	}
	r.rolledBack(true)
	for range 8 {
		r.records()
	}
	for _, tc := range []struct {
		name string
		then func()
	}{
		{"the relay knows what is here", func() { r.remembers(r.head()) }},
		{"a relay that knows nothing", func() { r.remembers(payment.Head{}) }},
		{"another journal's relay", func() { r.remembers(lost) }},
		{"a restart", func() { r.crash() }},
		{"another boot", func() { r.reboot() }},
		{"its hello was heard", func() { r.step(engine.RelayRemembered{Known: r.head()}) }},
	} {
		tc.then()
		r.makeReady()
		t.Run(tc.name, func(*testing.T) { r.rolledBack(true) })
	}
	if got := all[payment.RolledBack](r); len(got) != 1 || got[0].Known != beyond {
		t.Errorf("booked %+v", got)
	}
	r.recovers()
	r.rolledBack(false)
	r.crash()
	r.makeReady()
	r.rolledBack(false)
	r.sale(till1, "R1")
}

// TestWhatIsNoPartOfTheJournal: a head is here when the journal has its fact with its hash.
func TestWhatIsNoPartOfTheJournal(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*payment.Head)
		want   string
	}{
		"the newest":      {func(*payment.Head) {}, ""},
		"none":            {func(h *payment.Head) { *h = payment.Head{} }, ""},
		"not here":        {func(h *payment.Head) { h.Seq++ }, "fact 4, which is not here"},
		"another hash":    {func(h *payment.Head) { h.Hash = lost.Hash }, "fact 3 is another"},
		"an older place":  {func(h *payment.Head) { h.Seq-- }, "fact 2 is another"},
		"another journal": {func(h *payment.Head) { h.JournalID = "other" }, "another journal"},
		"beyond numbers":  {func(h *payment.Head) { h.Seq = -1 }, "is not here"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for range 3 {
				r.records()
			}
			h := r.head()
			tc.change(&h)
			if err := r.remembers(h); err != nil {
				t.Fatal(err)
			}
			r.rolledBack(tc.want != "")
			got := all[payment.RolledBack](r)
			if len(got) > 1 || (len(got) == 1) != (tc.want != "") ||
				len(got) == 1 && !strings.Contains(got[0].Reason, tc.want) {
				t.Errorf("booked %+v, want %q", got, tc.want)
			}
		})
	}
}

// TestNoHelloBeforeTheRollbackIsBooked: the answer lets the relay's client go on.
func TestNoHelloBeforeTheRollbackIsBooked(t *testing.T) {
	r := newRig(t)
	r.j.refuse = always
	for range 2 {
		if err := r.remembers(lost); payment.CodeOf(err) != payment.CodeJournalUnavailable {
			t.Fatalf("hello is said, %v", err)
		}
	}
	r.j.refuse = nil
	r.rolledBack(true) // found, and not written down
	// The relay forgets in between: what was found is to be written down all the same.
	if err := r.remembers(payment.Head{}); err != nil {
		t.Fatal(err)
	}
	if got := all[payment.RolledBack](r); len(got) != 1 || got[0].Known != lost {
		t.Errorf("booked %+v", got)
	}
	r.crash()
	r.makeReady()
	r.rolledBack(true)
}

func TestNoHelloWhileTheJournalCannotBeCompared(t *testing.T) {
	for _, blind := range []string{"HashAt", "GivenUp", "BeforeLoss"} {
		t.Run(blind, func(t *testing.T) {
			r := newRig(t)
			r.j.blind = blind
			err := r.remembers(lost)
			if payment.CodeOf(err) != payment.CodeJournalUnavailable {
				t.Errorf("hello is said, %v", err)
			}
			if got := r.reasons(); got != "relay_down " && got != "journal_rollback " {
				t.Errorf("reasons %q", got)
			}
			if s := r.inspect(); s.Judged && s.RolledBack == nil {
				t.Error("the relay may be told this journal's head")
			}
			r.j.blind = ""
			r.pass(0) // nobody brings it again
			r.rolledBack(true)
			if err := r.remembers(lost); err != nil {
				t.Fatal(err)
			}
			if got := all[payment.RolledBack](r); len(got) != 1 || got[0].Known != lost {
				t.Errorf("booked %+v", got)
			}
		})
	}
}

// TestARollbackThoughItSaidNo: the commit failed late; the fact is there all the same.
func TestARollbackThoughItSaidNo(t *testing.T) {
	r := newRig(t)
	r.j.lie = true
	if err := r.remembers(lost); err == nil {
		t.Fatal("hello is said")
	}
	r.j.lie = false
	if err := r.remembers(lost); err != nil {
		t.Fatal(err)
	}
	if n := len(all[payment.RolledBack](r)); n != 1 {
		t.Errorf("%d facts", n)
	}
	r.step(engine.CaughtUp{})
	r.j.lie = true
	if err := r.recover("ann", "the disk was replaced"); err == nil {
		t.Fatal("recovered without a commit")
	}
	r.j.lie = false
	r.pass(0)
	r.rolledBack(false) // the journal says so
	if len(r.adopted) != 1 || r.adopted[0] != lost {
		t.Errorf("the relay was told %+v", r.adopted)
	}
}

func TestRecoverNeedsABacklogAndAReason(t *testing.T) {
	r := newRig(t, asking)
	wantCode := func(err error, want payment.Code) {
		t.Helper()
		if payment.CodeOf(err) != want || err == nil {
			t.Errorf("%v, want %s", err, want)
		}
	}
	wantCode(r.recover("ann", "why not"), payment.CodeInvalid)
	r.step(engine.RelayChanged{Connected: true})
	r.step(engine.RelayRemembered{Known: lost})
	if reasons := r.inspect().Reasons; len(reasons) != 1 || reasons[0].Code != "journal_rollback" {
		t.Fatalf("reasons %+v", reasons)
	}
	wantCode(r.recover("ann", "the disk was replaced"), payment.CodeNotReady)
	r.step(engine.CaughtUp{})
	wantCode(r.recover("ann", " "), payment.CodeInvalid)
	wantCode(r.recover("", "the disk was replaced"), payment.CodeInvalid)
	wantCode(r.recover("ann", strings.Repeat("x", 501)), payment.CodeInvalid)
	r.j.refuse = always
	wantCode(r.recover("ann", "the disk was replaced"), payment.CodeJournalUnavailable)
	r.j.refuse = nil
	if r.inspect().Ready || len(r.adopted) != 0 {
		t.Fatal("recovered without a commit")
	}
	if err := r.recover("ann", "the disk was replaced"); err != nil {
		t.Fatal(err)
	}
	if got := all[payment.Recovered](r); len(got) != 1 ||
		got[0] != (payment.Recovered{Reason: "the disk was replaced", By: "ann", Lost: lost}) {
		t.Errorf("booked %+v", got)
	}
	if !r.inspect().Ready || len(r.adopted) != 1 || r.adopted[0] != lost {
		t.Errorf("ready %v, the relay was told %+v", r.inspect().Ready, r.adopted)
	}
}

// TestTheRelayHearsOfARecoveryEvenAfterACrash: it may have been told nothing before the process
// died. What staff have given up is no rollback any more, however often a relay brings it back.
func TestTheRelayHearsOfARecoveryEvenAfterACrash(t *testing.T) {
	r := newRig(t)
	r.step(engine.RelayRemembered{Known: lost})
	newer := lost
	newer.Seq = 901
	r.step(engine.RelayRemembered{Known: newer}) // a clone, perhaps
	r.recovers()
	r.adopted = nil
	r.crash()
	for _, known := range []payment.Head{newer, lost} {
		r.adopted = nil
		r.makeReady()
		r.step(engine.RelayRemembered{Known: known})
		if !r.inspect().Ready || len(r.adopted) != 1 || r.adopted[0] != known {
			t.Errorf("ready %v, told %+v", r.inspect().Ready, r.adopted)
		}
	}
	other := lost
	other.Seq = 902
	r.step(engine.RelayRemembered{Known: other})
	if r.inspect().Ready {
		t.Error("another rollback was passed over")
	}
	r.adopted = nil
	r.step(engine.RelayRemembered{Known: lost}) // given up; but there is more now
	if r.rolledBack(true); len(r.adopted) != 0 {
		t.Errorf("told %+v", r.adopted)
	}
	if got := all[payment.RolledBack](r); len(got) != 2 {
		t.Errorf("booked %+v", got)
	}
}

// TestTheWindowBeginsBeforeTheLoss: what staff must compare begins with the newest fact that was
// here before the loss. What was recorded since moves nothing, and no restart does.
func TestTheWindowBeginsBeforeTheLoss(t *testing.T) {
	r := newRig(t)
	r.records()
	r.step(engine.RelayRemembered{Known: r.head()})
	r.crash() // an older journal is put in place
	last, made := r.head(), day.Truncate(time.Millisecond)
	for range 3 { // processes that never hear the relay
		r.now.Wall = r.now.Wall.Add(time.Hour)
		r.records()
		r.crash()
	}
	known := r.head()
	known.Seq += 40
	r.step(engine.RelayRemembered{Known: known})
	r.now.Wall = r.now.Wall.Add(time.Hour)
	r.records()
	r.reboot()
	r.makeReady()
	if snap := r.inspect(); snap.RolledBack == nil || snap.RolledBack.Last != last.Seq ||
		!snap.RolledBack.Since.Equal(made) || snap.Lost != known {
		t.Errorf("state %+v, lost %+v", snap.RolledBack, snap.Lost)
	}
	r.recovers()
	if got := all[payment.Recovered](r); len(got) != 1 || !got[0].Since.Equal(made) ||
		got[0].Lost != known {
		t.Errorf("recovered %+v, want since %s", got, made)
	}
}

// TestTheWindowOfAClone: while the connection lives on which the journal was found to be the
// newest, nothing is lost.
func TestTheWindowOfAClone(t *testing.T) {
	r := newRig(t)
	r.records()
	r.prove()
	last := r.head()
	r.records() // the clone works already
	known := r.head()
	known.Hash = lost.Hash
	r.step(engine.RelayRemembered{Known: known})
	r.prove()
	if got := all[payment.RolledBack](r); len(got) != 1 || got[0].Last != last.Seq {
		t.Errorf("booked %+v, want the loss after %d", got, last.Seq)
	}
}

// TestTheWindowAfterALateComparison: what the relay told while the journal could not be read says
// nothing of facts that were made since.
func TestTheWindowAfterALateComparison(t *testing.T) {
	r := newRig(t)
	r.records()
	r.prove()
	last := r.head()
	r.j.blind = "HashAt"
	if err := r.remembers(last); err == nil {
		t.Fatal("compared")
	}
	r.records() // a clone works by now
	r.j.blind = ""
	r.pass(0)
	r.rolledBack(false)
	r.step(engine.RelayRemembered{Known: lost})
	if got := all[payment.RolledBack](r); len(got) != 1 || got[0].Last != last.Seq {
		t.Errorf("booked %+v, want the loss after %d", got, last.Seq)
	}
}

// TestTheHeadIsCarriedAfterWhatMustNotBeMadeTwice: a canary leaves at once, so that the relay soon
// knows what would be sold twice if the journal lost it.
func TestTheHeadIsCarriedAfterWhatMustNotBeMadeTwice(t *testing.T) {
	r := newRig(t)
	carried := func(when string, want int) {
		t.Helper()
		if r.carries != want {
			t.Errorf("%s: a canary was asked for %d times, want %d", when, r.carries, want)
		}
		r.carries = 0
	}
	p := r.start(till1, "R1")
	carried("a code was made", 1)
	r.confirm(p)
	carried("it is shown", 0)
	r.mustDeliver(paid(p))
	carried("it is paid", 1)
	r.mustAcknowledge(till1, p.ID)
	carried("the till has it", 1)
	r.records()
	carried("something else", 0)
	r.step(engine.RelayRemembered{Known: lost})
	r.mustDeliver(paid(p, status(payment.RecordSuccess, "second")))
	carried("a rolled-back journal tells nobody of its head", 0)
	r.recovers()
	r.step(engine.RelayChanged{Cause: "EOF"})
	r.mustDeliver(paid(p, status(payment.RecordSuccess, "third")))
	carried("nobody is connected", 0)
}

// TestTheRelayForgetsBeforeItIsCompared: the journal could not be read when the relay told what it
// remembers, and by the time that it can the relay remembers nothing, or something else that is
// here.
func TestTheRelayForgetsBeforeItIsCompared(t *testing.T) {
	for name, later := range map[string]func(r *rig) payment.Head{
		"nothing":      func(*rig) payment.Head { return payment.Head{} },
		"an older one": func(r *rig) payment.Head { return r.head() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.j.fails = 2 // now, and before what comes later
			if err := r.remembers(lost); err == nil {
				t.Fatal("compared")
			}
			if err := r.remembers(later(r)); err == nil {
				t.Fatal("a hello before what was told first is compared")
			}
			if err := r.remembers(later(r)); err != nil {
				t.Fatal(err)
			}
			r.rolledBack(true)
			if got := all[payment.RolledBack](r); len(got) != 1 || got[0].Known != lost {
				t.Errorf("booked %+v", got)
			}
		})
	}
}

// TestTheRelayForgetsTheSecondThing: while the journal could not be read the relay told its head
// twice, the second time that of a clone, and then lost its store.
func TestTheRelayForgetsTheSecondThing(t *testing.T) {
	r := newRig(t)
	r.j.fails = 2
	for _, known := range []payment.Head{r.head(), lost} {
		if err := r.remembers(known); err == nil {
			t.Fatal("compared")
		}
	}
	if err := r.remembers(payment.Head{}); err != nil {
		t.Fatal(err)
	}
	r.rolledBack(true)
	if got := all[payment.RolledBack](r); len(got) != 1 || got[0].Known != lost {
		t.Errorf("booked %+v", got)
	}
}

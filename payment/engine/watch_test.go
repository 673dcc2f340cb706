package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// places is how many final payments are asked for: each once an hour, with half of the questions.
const places = 1800

// history writes payments into the journal that ended just now, one after the other: n of them,
// approved or cancelled. It returns the oldest.
func (r *rig) history(name string, n int, approved bool) (oldest payment.Payment) {
	r.t.Helper()
	var facts []payment.Fact
	for i := range n {
		id := fmt.Sprintf("01JTEST%s%05d", name, i)
		r.now.Up += time.Millisecond
		add := func(d payment.Data) {
			facts = append(facts, payment.Fact{Payment: id, At: day, Boot: r.now.Boot, Up: r.now.Up,
				Data: d})
		}
		ref := tag + "-" + id
		add(payment.Requested{Till: till1, Reference: id, MerchantRef: ref, Money: sgd10,
			Provider: r.cfg.Provider, DeadlineUp: payment.ToMillis(r.now.Up + time.Minute),
			DeadlineAt: day,
			Policy:     payment.Policy{Query: true, Watch: r.cfg.Policy.Watch}})
		add(payment.Minted{Payload: "https://pay.test/" + ref})
		if approved {
			add(payment.Notified{Source: "webhook",
				Record: paid(payment.Payment{ID: id, MerchantRef: ref, Money: sgd10})})
		} else {
			add(payment.CancelRequested{})
			add(payment.Withdrawn{})
			add(payment.Undecided{})
		}
		if i == 0 {
			oldest = payment.Payment{ID: id, MerchantRef: ref, Money: sgd10}
		}
	}
	if err := r.j.Append(facts, nil); err != nil {
		r.t.Fatal(err)
	}
	return oldest
}

// askedFor passes time and counts the questions about each payment; none has an answer with money
// in it.
func (r *rig) askedFor(d time.Duration) map[string]int {
	r.t.Helper()
	asked := make(map[string]int)
	for end := r.now.Up + d; r.now.Up < end; {
		r.wakes = 0
		r.pass(time.Second)
		for len(r.asked) > 0 {
			asked[r.answerNext(nothing()).Payment]++
		}
	}
	return asked
}

func (r *rig) wantWatch(want engine.Watch) {
	r.t.Helper()
	if d := cmp.Diff(want, r.inspect().Watch); d != "" {
		r.t.Errorf("what is watched (-want +got):\n%s", d)
	}
}

// TestMoneyThatMayStillComeIsAskedForFirst: however many payments were approved after it, one that
// ended unpaid is asked for; what finds no place is said.
func TestMoneyThatMayStillComeIsAskedForFirst(t *testing.T) {
	r := bareRig(t, asking)
	r.lean = true
	old := r.history("A", 1, false)
	r.history("B", places+200, true)
	r.begin()
	r.wantWatch(engine.Watch{Asked: places, LeftApproved: 201})
	r.pass(0)
	if q := r.answerNext(nothing()); q.Payment != old.ID {
		t.Errorf("the first question is about %s, not the one that may still be paid", q.Payment)
	}
	r.makeReady()
	r.attach(till1)
	for i := range 3 { // sales go on, and each has a place
		p := r.sale(till1, fmt.Sprint("R", i))
		r.cancel(till1, p.ID)
		r.pass(30 * time.Second)
		r.wantWatch(engine.Watch{Asked: places, LeftApproved: 202 + i})
		r.makeReady()
	}
	asked := r.askedFor(time.Hour)
	if asked[old.ID] == 0 {
		t.Error("the oldest payment, cancelled some minutes ago, is not asked for any more")
	}
	if n := len(asked); n < places-10 {
		t.Errorf("%d payments were asked for in an hour", n)
	}
}

// TestUnpaidPaymentsWithoutAPlace: of too many that may still be paid the newest are asked for. A
// place that is free goes to the next one: when another is approved, and when its watch is over.
func TestUnpaidPaymentsWithoutAPlace(t *testing.T) {
	r := bareRig(t, asking)
	r.lean = true
	approved := r.history("A", 1, true)
	old := r.history("B", places+2, false)
	r.begin()
	r.wantWatch(engine.Watch{Asked: places, Left: 2, LeftApproved: 1})
	asked := r.askedFor(time.Hour)
	if len(asked) != places || asked[old.ID] != 0 || asked[approved.ID] != 0 {
		t.Errorf("%d payments were asked for, the oldest %d times, the approved one %d times",
			len(asked), asked[old.ID], asked[approved.ID])
	}
	newest := fmt.Sprintf("01JTESTB%05d", places+1)
	r.mustDeliver(paid(payment.Payment{ID: newest, MerchantRef: tag + "-" + newest, Money: sgd10}))
	r.wantWatch(engine.Watch{Asked: places, Left: 1, LeftApproved: 2})
	r.askedFor(22 * time.Hour)
	r.wantWatch(engine.Watch{Asked: places, Left: 1, LeftApproved: 2})
	r.pass(time.Hour)
	r.wantWatch(engine.Watch{})
}

// TestAWordThatDecidesNothingIsAskedAbout, also where its payment has no place.
func TestAWordThatDecidesNothingIsAskedAbout(t *testing.T) {
	r := bareRig(t, asking)
	r.lean = true
	old := r.history("A", 1, true)
	r.history("B", places, true)
	r.begin()
	r.askedFor(time.Hour)
	r.mustDeliver(paid(old, status("REVERSING", "9")))
	if asked := r.askedFor(time.Minute); asked[old.ID] != 1 {
		t.Errorf("it was asked for %d times", asked[old.ID])
	}
}

// TestASlowGatewayIsSaid: where each question takes its whole time, a sale has a question left, and
// what was to be asked for and was not is said.
func TestASlowGatewayIsSaid(t *testing.T) {
	r := bareRig(t, asking)
	r.lean = true
	r.history("A", 1000, true)
	r.history("B", 400, false)
	r.begin()
	r.makeReady()
	r.attach(till1)
	r.pass(10 * time.Second)
	if len(r.asked) != 3 {
		t.Fatalf("%d questions are under way", len(r.asked))
	}
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(time.Second)
	if q := r.asked[len(r.asked)-1]; len(r.asked) != 4 || q.Payment != p.ID {
		t.Fatalf("the sale's end waits for others: %v", r.asked)
	}
	r.pass(2 * time.Hour) // 3 questions a minute, none answered
	w := r.inspect().Watch
	if w.Left < 30 || w.LeftApproved != 1000 || w.Asked+w.Left+w.LeftApproved != 1401 {
		t.Errorf("%+v", w)
	}
}

// TestAWatchLastsByBootClocks: it goes on after a reboot, however wrong the wall clock is, for as
// long as is left of it by what the facts tell of the time. A machine whose clock ran before the
// journal came to it has not watched meanwhile.
func TestAWatchLastsByBootClocks(t *testing.T) {
	r := bareRig(t, asking)
	r.lean = true
	old := r.history("A", 1, false)
	r.now.Up += 20 * time.Hour
	recent := r.history("B", 1, false)
	r.now.Boot, r.now.Up, r.now.Wall = "boot-2", 50*time.Hour, r.now.Wall.AddDate(-30, 0, 0)
	r.history("C", 1, true)
	r.now.Up += time.Hour
	r.history("D", 1, true)
	r.now.Boot, r.now.Up, r.now.Wall = "boot-3", 200*time.Hour, r.now.Wall.AddDate(60, 0, 0)
	r.begin()
	r.wantWatch(engine.Watch{Asked: 4})
	r.askedFor(3*time.Hour - time.Minute) // 20 h, 1 h, and 3 h here
	r.wantWatch(engine.Watch{Asked: 4})
	r.pass(time.Minute)
	if asked := r.askedFor(2 * time.Hour); asked[old.ID] != 0 || asked[recent.ID] == 0 {
		t.Errorf("asked for the old one %d times, the other %d times", asked[old.ID],
			asked[recent.ID])
	}
	r.wantWatch(engine.Watch{Asked: 3})
	r.pass(18 * time.Hour)
	r.wantWatch(engine.Watch{Asked: 1}) // the newest
}

package engine_test

import (
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

func (r *rig) resolve(ev engine.Resolving) error {
	r.t.Helper()
	a, to := r.ask(func(t engine.Ticket) engine.Event { ev.To = t; return ev })
	if !r.answered(to) {
		r.t.Fatal("resolve was not answered")
	}
	return a.Err
}

func TestResolve(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	if err := r.resolve(engine.Resolving{ID: p.ID, Outcome: "approved", By: "ann",
		Reason: "portal"}); payment.CodeOf(err) != payment.CodeInvalid {
		t.Errorf("a running payment: %v", err)
	}
	r.cancel(till1, p.ID)
	r.pass(26 * time.Second)
	unknown := r.wantStatus(p.ID, payment.StatusUnknown)
	if tasks := unknown.Tasks(); len(tasks) != 2 || tasks[0].Code != "unknown" ||
		tasks[1].Code != "owed" {
		t.Errorf("tasks %+v", tasks)
	}
	for _, ev := range []engine.Resolving{
		{ID: p.ID, Outcome: "paid", By: "ann", Reason: "in the portal"},
		{ID: p.ID, Outcome: "approved", Reason: "in the portal"},
		{ID: p.ID, Outcome: "approved", By: "ann", Reason: "in the portal"}, // under which number?
		{ID: p.ID, Outcome: "approved", By: "ann", Reason: "short", PortalRef: "P-1"},
		{ID: p.ID, Outcome: "not-paid", By: "ann",
			Reason: "the card 4111 1111 1111 1111 was declined"},
		{ID: p.ID, By: "ann", Reason: "in the portal"},
		{ID: p.ID, Finding: payment.FindingBooked, By: "ann", Reason: "in the portal"},
		{ID: p.ID, Outcome: "approved", By: "ann"},
		{ID: p.ID, Outcome: "approved", By: "ann", Reason: "two\nlines"},
	} {
		if err := r.resolve(ev); payment.CodeOf(err) != payment.CodeInvalid {
			t.Errorf("%+v: %v", ev, err)
		}
	}
	if err := r.resolve(engine.Resolving{ID: "01JNOSUCH", Outcome: "approved", By: "ann",
		Reason: "in the portal"}); payment.CodeOf(err) != payment.CodeNotFound {
		t.Errorf("no such payment: %v", err)
	}
	if err := r.resolve(engine.Resolving{ID: p.ID, Outcome: "not-paid", By: "ann",
		Reason: "not in the portal"}); err != nil {
		t.Fatal(err)
	}
	got := r.wantStatus(p.ID, payment.StatusUnknown)
	if got.Resolution.Outcome != "not-paid" || got.Revision != unknown.Revision+1 ||
		got.NeedsStaff() || !got.OwedOpen() {
		t.Errorf("resolved: %+v, tasks %+v", got.Resolution, got.Tasks())
	}

	r.mustDeliver(paid(p)) // the money was there after all
	got = r.wantStatus(p.ID, payment.StatusApproved)
	if tasks := got.Tasks(); !got.Resolution.Contradicted || len(tasks) == 0 ||
		tasks[0].Code != "contradicted" {
		t.Errorf("contradicted: %+v, tasks %+v", got.Resolution, got.Tasks())
	}
	if err := r.resolve(engine.Resolving{ID: p.ID, Finding: payment.FindingBooked, By: "ann",
		Reason: "booked by hand", Seen: got.LastSeq}); err != nil {
		t.Fatal(err)
	}
	if got = r.payment(p.ID); got.Resolution.Contradicted || got.NeedsStaff() {
		t.Errorf("resolved again: %+v", got.Resolution)
	}
}

func TestResolvedAsApprovedAgreesWithLaterMoney(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(26 * time.Second)
	if err := r.resolve(engine.Resolving{ID: p.ID, Outcome: "approved", By: "ann",
		Reason: "seen in the portal", PortalRef: "P-1"}); err != nil {
		t.Fatal(err)
	}
	r.mustDeliver(paid(p))
	if got := r.wantStatus(p.ID, payment.StatusApproved); got.Resolution.Contradicted ||
		got.NeedsStaff() {
		t.Errorf("%+v, %+v", got.Resolution, got.Tasks())
	}
	r.mustDeliver(paid(p, status(payment.RecordSuccess, "second")))
	if got := r.payment(p.ID); !got.Resolution.Contradicted || len(got.Tasks()) < 2 {
		t.Errorf("a duplicate is new work: %+v, %+v", got.Resolution, got.Tasks())
	}
}

func TestResolveAnEntry(t *testing.T) {
	r := newRig(t)
	r.mustDeliver(paid(payment.Payment{ID: "X", MerchantRef: tag + "-01JNOTHERE", Money: sgd10}))
	work, err := r.j.Work()
	if err != nil || len(work) != 1 || work[0].Entry == nil ||
		work[0].Tasks[0].Code != "unmatched" {
		t.Fatalf("work %+v, %v", work, err)
	}
	seq := work[0].Entry.Seq
	if err := r.resolve(engine.Resolving{Entry: seq + 5, Outcome: "approved", By: "ann",
		Reason: "in the portal"}); payment.CodeOf(err) != payment.CodeNotFound {
		t.Errorf("no such entry: %v", err)
	}
	if err := r.resolve(engine.Resolving{Entry: seq, Outcome: "approved", By: "ann",
		Reason: "found in the till's book", PortalRef: "R-17"}); err != nil {
		t.Fatal(err)
	}
	if work, err := r.j.Work(); err != nil || len(work) != 0 {
		t.Errorf("work %+v, %v", work, err)
	}
}

// TestTheWallClockChangesNoOutcome steps it by years in the middle of a payment, both ways.
func TestTheWallClockChangesNoOutcome(t *testing.T) {
	for _, years := range []int{-60, -3, 3, 70} {
		r := newRig(t, asking)
		r.step(engine.ClockLearned{Offset: time.Second})
		p := r.sale(till1, "R1")
		r.now.Wall = r.now.Wall.AddDate(years, 0, 0)
		r.pass(100 * time.Second)
		r.wantStatus(p.ID, payment.StatusAwaiting)
		reasons := r.inspect().Reasons
		if len(reasons) == 0 || reasons[len(reasons)-1].Code != "clock_implausible" &&
			reasons[0].Code != "clock_implausible" {
			t.Errorf("%d years: %+v", years, reasons)
		}
		r.asked = nil
		r.pass(79 * time.Second)
		r.wantStatus(p.ID, payment.StatusAwaiting)
		r.pass(time.Second)
		if got := r.payment(p.ID); got.EndedBy != payment.KindDeadlinePassed {
			t.Errorf("%d years: ended by %q", years, got.EndedBy)
		}
		r.mustDeliver(paid(p))
		r.wantStatus(p.ID, payment.StatusApproved)
	}
}

func TestTheRelaysClockIsLearnedOnce(t *testing.T) {
	r := newRig(t)
	for range 5 {
		r.step(engine.ClockLearned{Offset: 1500 * time.Millisecond,
			Uncertainty: 100 * time.Millisecond})
	}
	if got := all[payment.ClockOffset](r); len(got) != 0 {
		t.Errorf("an offset that is worth nothing: %+v", got)
	}
	for range 5 {
		r.step(engine.ClockLearned{Offset: -time.Minute, Uncertainty: 100 * time.Millisecond})
	}
	if got := all[payment.ClockOffset](r); len(got) != 1 || got[0].Offset != -60_000 {
		t.Errorf("booked %+v", got)
	}
	if c := r.inspect().Clock; !c.Known || c.Offset != -time.Minute || !r.inspect().Ready {
		t.Errorf("%+v", c)
	}
	r.step(engine.ClockLearned{Offset: 11 * time.Minute})
	if r.inspect().Ready {
		t.Error("eleven minutes apart, and ready")
	}
	r.now.Wall = r.now.Wall.Add(11 * time.Minute) // somebody has set the clock
	if !r.inspect().Ready {
		t.Errorf("set right: %+v", r.inspect().Reasons)
	}
}

// listed reports whether the payment is on the staff's worklist for more than a missing
// acknowledgement.
func (r *rig) listed(id string) bool {
	r.t.Helper()
	work, err := r.j.Work()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, w := range work {
		if w.Payment != nil && w.Payment.ID == id && w.Payment.NeedsStaff() {
			return true
		}
	}
	return false
}

// TestMoneyAfterTheResolution: whatever comes after staff have settled a payment brings it back.
func TestMoneyAfterTheResolution(t *testing.T) {
	refund := func(tx string, amount int64) func(*payment.Record) {
		return func(r *payment.Record) {
			r.Type, r.TransactionRef, r.Amount = payment.TypeRefund, tx, amount
		}
	}
	wrong := func(tx string) func(*payment.Record) {
		return func(r *payment.Record) { r.Amount, r.TransactionRef = 500, tx }
	}
	tx := func(ref string) func(*payment.Record) { return status(payment.RecordSuccess, ref) }
	for _, tc := range []struct {
		name   string
		before []func(*payment.Record)
		found  engine.Resolving
		after  func(*payment.Record)
	}{
		{"a third payment after the second was settled", []func(*payment.Record){tx("A"), tx("B")},
			engine.Resolving{Finding: payment.FindingGivenBack, Refs: []string{"B"}}, tx("C")},
		{"a second refund after the first was settled",
			[]func(*payment.Record){tx("A"), refund("R1", 100)},
			engine.Resolving{Finding: payment.FindingKept}, refund("R2", 923)},
		{"a second payment of the same wrong amount", []func(*payment.Record){wrong("A")},
			engine.Resolving{Finding: payment.FindingGivenBack}, wrong("B")},
		{"the paid transaction is reported as declined",
			[]func(*payment.Record){tx("A"), tx("B")},
			engine.Resolving{Finding: payment.FindingGivenBack, Refs: []string{"B"}},
			status(payment.RecordDeclined, "A")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			p := r.sale(till1, "R1")
			for _, c := range tc.before {
				r.mustDeliver(paid(p, c))
			}
			if err := r.acknowledge(till1, p.ID, r.payment(p.ID).Revision); err != nil {
				t.Fatal(err)
			}
			ev := tc.found
			ev.ID, ev.By, ev.Reason = p.ID, "ann", "looked it up in the portal"
			ev.Seen = r.payment(p.ID).LastSeq
			if err := r.resolve(ev); err != nil {
				t.Fatal(err)
			}
			if r.listed(p.ID) {
				t.Fatal("still on the worklist after resolve")
			}
			r.mustDeliver(paid(p, tc.after))
			if !r.listed(p.ID) {
				t.Errorf("nobody is told: %+v", r.payment(p.ID).Movements)
			}
		})
	}
}

// TestResolutionOfWhatHasChanged: what arrived while staff were reading refuses what they say.
func TestResolutionOfWhatHasChanged(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p, status(payment.RecordSuccess, "A")))
	r.mustDeliver(paid(p, status(payment.RecordSuccess, "B")))
	seen := r.payment(p.ID).LastSeq
	r.mustDeliver(paid(p, status(payment.RecordSuccess, "C")))
	ev := engine.Resolving{ID: p.ID, Finding: payment.FindingGivenBack, By: "ann", Seen: seen,
		Reason: "looked it up in the portal", Refs: []string{"B", "C"}}
	if err := r.resolve(ev); payment.CodeOf(err) != payment.CodeInvalid ||
		!strings.Contains(err.Error(), "while you were reading") {
		t.Errorf("taken, or refused otherwise: %v", err)
	}
	ev.Seen = r.payment(p.ID).LastSeq
	if err := r.resolve(ev); err != nil || r.listed(p.ID) {
		t.Errorf("%v", err)
	}
}

// TestClaim: what a customer says puts a final payment on the list and asks the gateway; it changes
// no status, and a resolution takes it off.
func TestClaim(t *testing.T) {
	r := newRig(t)
	claim := func(id string, c payment.Claimed) error {
		a, to := r.ask(func(t engine.Ticket) engine.Event {
			return engine.Claiming{ID: id, Claim: c, To: t}
		})
		if !r.answered(to) {
			t.Fatal("claim was not answered")
		}
		return a.Err
	}
	p := r.sale(till1, "R1")
	said := payment.Claimed{By: "ann", Amount: p.Money.Amount, Number: "2026112800123"}
	if err := claim(p.ID, said); payment.CodeOf(err) != payment.CodeInvalid {
		t.Errorf("a running payment: %v", err)
	}
	if err := claim("01JNOSUCH", said); payment.CodeOf(err) != payment.CodeNotFound {
		t.Errorf("no such payment: %v", err)
	}
	r.cancel(till1, p.ID)
	r.pass(6 * time.Second)
	r.prove()
	cancelled := r.wantStatus(p.ID, payment.StatusCancelled, payment.FlagUnconfirmed)
	if err := r.acknowledge(till1, p.ID, cancelled.Revision); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []payment.Claimed{{Number: "1"}, {By: "ann", Amount: -1},
		{By: "ann", Number: "4111111111111111"}, {By: "ann", Number: strings.Repeat("x", 65)}} {
		if err := claim(p.ID, bad); payment.CodeOf(err) != payment.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if r.listed(p.ID) {
		t.Fatal("on the list before anybody claims anything")
	}
	if err := claim(p.ID, said); err != nil {
		t.Fatal(err)
	}
	if got := r.wantStatus(p.ID, payment.StatusCancelled,
		payment.FlagUnconfirmed); !r.listed(p.ID) ||
		got.Revision != cancelled.Revision {
		t.Errorf("listed %t, revision %d", r.listed(p.ID), got.Revision)
	}
	if err := r.resolve(engine.Resolving{ID: p.ID, Outcome: "not-paid", By: "ann",
		Reason: "the portal shows none"}); err != nil || r.listed(p.ID) {
		t.Errorf("%v", err)
	}
	if err := claim(p.ID, said); err != nil || !r.listed(p.ID) {
		t.Errorf("a claim after the resolution: %v", err)
	}
}

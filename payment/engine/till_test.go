package engine_test

import (
	"fmt"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

func TestNotCancellable(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	a, _ := r.cancel(till2, p.ID)
	wantCode(t, a.Err, payment.CodeNotOwner)
	a, _ = r.cancel(till1, "unknown")
	wantCode(t, a.Err, payment.CodeNotFound)
	for _, key := range []payment.Key{{}, {Reference: "R9"}} {
		a, _ = r.ask(func(to engine.Ticket) engine.Event {
			return engine.CancelAsked{Till: till1, Key: key, To: to}
		})
		wantCode(t, a.Err, payment.CodeNotFound)
	}
	a, _ = r.ask(func(to engine.Ticket) engine.Event { // references are per till
		return engine.CancelAsked{Till: till2, Key: payment.Key{Reference: "R1"}, To: to}
	})
	wantCode(t, a.Err, payment.CodeNotFound)
	r.wantFacts(p.ID, "requested minted shown")
	r.mustDeliver(paid(p))
	a, _ = r.cancel(till1, p.ID)
	if e := wantCode(t, a.Err, payment.CodeNotCancellable); e.Payment == nil ||
		e.Payment.Status != payment.StatusApproved {
		t.Errorf("%+v", e)
	}
	r.wantFacts(p.ID, "requested minted shown notified offered")
}

func TestEveryCancelIsAnsweredOnce(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	var waiters []engine.Ticket
	for _, key := range []payment.Key{{ID: p.ID}, {Reference: "R1"}, {ID: p.ID}} {
		_, to := r.ask(func(to engine.Ticket) engine.Event {
			return engine.CancelAsked{Till: till1, Key: key, To: to}
		})
		waiters = append(waiters, to)
		r.pass(time.Second)
	}
	r.pass(5 * time.Second)
	r.prove()
	for _, w := range waiters {
		if a := r.answers[w]; !r.answered(w) || a.Err != nil ||
			a.Payment.Status != payment.StatusCancelled {
			t.Errorf("answered %+v", a)
		}
	}
	r.wantFacts(p.ID, "requested minted shown cancel_requested withdrawn path_proved offered")
	r.pass(time.Minute)
	if r.extra != 0 {
		t.Errorf("%d answers too many", r.extra)
	}
}

func TestCancelWhileTheDeadlineIsDecided(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.pass(182 * time.Second)
	_, waiter := r.cancel(till1, p.ID)
	r.pass(4 * time.Second)
	r.prove()
	if a := r.answers[waiter]; a.Err != nil || a.Payment.Status != payment.StatusExpired {
		t.Errorf("answered %+v", a)
	}
	r.wantFacts(p.ID, "requested minted shown deadline_passed withdrawn path_proved offered")
}

func TestAcknowledge(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	wantCode(t, r.acknowledge(till1, p.ID, p.Revision), payment.CodeInvalid) // not final
	r.cancel(till1, p.ID)
	wantCode(t, r.acknowledge(till1, p.ID, 3), payment.CodeInvalid) // still not
	r.pass(6 * time.Second)
	r.prove()
	final := r.payment(p.ID).Revision
	for _, revision := range []int64{final + 1, 0, -1} {
		wantCode(t, r.acknowledge(till1, p.ID, revision), payment.CodeInvalid)
	}
	wantCode(t, r.acknowledge(till2, p.ID, final), payment.CodeNotOwner)
	wantCode(t, r.acknowledge(till1, "unknown", 1), payment.CodeNotFound)
	if r.payment(p.ID).AckedRev != 0 {
		t.Fatal("a refused acknowledgement was booked")
	}

	r.mustDeliver(paid(p)) // the correction arrives before the till has stored the first answer
	if err := r.acknowledge(till1, p.ID, final); err != nil {
		t.Fatalf("an older revision: %v", err)
	}
	if got := r.payment(p.ID); got.Acknowledged || !got.Owed || got.AckedRev != final {
		t.Errorf("after an older revision: %+v", got)
	}
	r.mustAcknowledge(till1, p.ID)
	if got := r.payment(p.ID); !got.Acknowledged || got.Owed {
		t.Errorf("after the newest: %+v", got)
	}
	before := r.facts(p.ID)
	for revision := range int64(4) {
		if err := r.acknowledge(till1, p.ID, revision+1); err != nil {
			t.Errorf("acknowledged again: %v", err)
		}
	}
	r.wantFacts(p.ID, before)
	if got := r.payment(p.ID); !got.Acknowledged {
		t.Error("an old acknowledgement took back a newer one")
	}
}

func TestOwedOutcomesOldestFirst(t *testing.T) {
	r := newRig(t)
	r.step(engine.Detached{Till: till1})
	var ids []string
	for i := range 53 {
		r.prove()
		p := r.sale(till1, fmt.Sprintf("R%d", i))
		r.mustDeliver(paid(p))
		ids = append(ids, p.ID)
	}
	other := r.sale(till2, "R0")
	r.mustDeliver(paid(other))
	if n := len(all[payment.Offered](r)); n != 0 {
		t.Fatalf("%d offers to nobody", n)
	}
	r.mustAcknowledge(till1, ids[1])
	r.forget()
	r.attach(till1)
	if len(r.owed) != 50 {
		t.Fatalf("%d were told", len(r.owed))
	}
	session, want := r.ticket, append([]string{ids[0]}, ids[2:51]...)
	for i, o := range r.owed {
		if o.Payment.ID != want[i] || o.Session != session ||
			o.Payment.Status != payment.StatusApproved {
			t.Errorf("owed %d: %s, want %s", i, o.Payment.ID, want[i])
		}
		r.mustAcknowledge(till1, o.Payment.ID)
	}
	r.forget()
	r.attach(till1)
	if len(r.owed) != 2 || r.owed[0].Payment.ID != ids[51] || r.owed[1].Payment.ID != ids[52] {
		t.Errorf("the rest: %+v", r.owed)
	}
	r.mustAcknowledge(till1, ids[51])
	r.mustAcknowledge(till1, ids[52])
	r.forget()
	r.attach(till1)
	if len(r.owed) != 0 {
		t.Errorf("acknowledged and told again: %+v", r.owed)
	}
}

// TestOfferedIsCommittedBeforeAnythingFinalIsTold: also to a till that only asks.
func TestOfferedIsCommittedBeforeAnythingFinalIsTold(t *testing.T) {
	for name, ask := range map[string]func(*rig, payment.Payment){
		"get": func(r *rig, p payment.Payment) { r.get(till1, p.ID) },
		"last": func(r *rig, _ payment.Payment) {
			r.ask(func(to engine.Ticket) engine.Event {
				return engine.GetAsked{Till: till1, Newest: true, To: to}
			})
		},
		"list": func(r *rig, _ payment.Payment) {
			r.ask(func(to engine.Ticket) engine.Event {
				return engine.ListAsked{Till: till1, Query: payment.ListQuery{Limit: 5}, To: to}
			})
		},
		"start":  func(r *rig, _ payment.Payment) { r.start(till1, "R1") },
		"attach": func(r *rig, _ payment.Payment) { r.attach(till1) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.step(engine.Detached{Till: till1})
			p := r.sale(till1, "R1")
			r.mustDeliver(paid(p))
			r.wantFacts(p.ID, "requested minted shown notified")
			ask(r, p)
			ask(r, p)
			r.wantFacts(p.ID, "requested minted shown notified offered")
		})
	}
}

func TestReadingAnothersPayment(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	_, err := r.get(till2, p.ID)
	wantCode(t, err, payment.CodeNotFound)
	last, _ := r.ask(func(to engine.Ticket) engine.Event {
		return engine.GetAsked{Till: till2, Newest: true, To: to}
	})
	wantCode(t, last.Err, payment.CodeNotFound)
	list, _ := r.ask(func(to engine.Ticket) engine.Event {
		return engine.ListAsked{Till: till2, Query: payment.ListQuery{Limit: 5}, To: to}
	})
	if list.Err != nil || len(list.Page.Payments) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestAttachedIsCounted(t *testing.T) {
	r := newRig(t)
	count := func() int { return r.inspect().Attached[till1] }
	r.attach(till1)
	if count() != 2 {
		t.Errorf("%d connections", count())
	}
	for _, want := range []int{1, 0, 0} {
		r.step(engine.Detached{Till: till1})
		if count() != want {
			t.Errorf("%d connections, want %d", count(), want)
		}
	}
	r.attach(till1)
	if count() != 1 {
		t.Errorf("%d connections: one detach too many counts for ever", count())
	}
}

func TestInspect(t *testing.T) {
	r := newRig(t)
	if s := r.inspect(); !s.Ready || len(s.Reasons) != 0 || s.Active != nil || !s.Relay ||
		!s.Display || s.CanaryAge != 0 {
		t.Errorf("%+v", s)
	}
	p := r.sale(till1, "R1")
	r.pass(3 * time.Second)
	if s := r.inspect(); s.Active == nil || s.Active.ID != p.ID || s.CanaryAge != 3*time.Second {
		t.Errorf("%+v", s)
	}
	b := bareRig(t)
	b.begin()
	if s := b.inspect(); s.Ready || s.CanaryAge != -1 || s.Relay || s.Display {
		t.Errorf("%+v", s)
	}
}

// TestAReadAtTheVeryDeadline: the answer must not hold a code that the same step withdraws.
func TestAReadAtTheVeryDeadline(t *testing.T) {
	for name, read := range map[string]func(*rig, payment.Payment) payment.Payment{
		"get": func(r *rig, p payment.Payment) payment.Payment {
			got,
				_ := r.get(till1, p.ID)
			return got
		},
		"start": func(r *rig, _ payment.Payment) payment.Payment { return r.start(till1, "R1") },
	} {
		r := newRig(t)
		p := r.sale(till1, "R1")
		r.now.Up += 180 * time.Second
		if got := read(r, p); got.ID != p.ID || got.QRPayload != "" ||
			got.EndedBy != payment.KindDeadlinePassed {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestAReadThatFindsTheEnd: the step that answers is the one that ends the payment, and nobody is
// attached.
func TestAReadThatFindsTheEnd(t *testing.T) {
	r := newRig(t)
	r.step(engine.Detached{Till: till1})
	p := r.sale(till1, "R1")
	r.pass(181 * time.Second)
	r.now.Up += time.Minute
	if got, err := r.get(till1, p.ID); err != nil || got.Status != payment.StatusUnknown {
		t.Errorf("%+v %v", got, err)
	}
	r.wantFacts(p.ID, "requested minted shown deadline_passed withdrawn undecided offered")
}

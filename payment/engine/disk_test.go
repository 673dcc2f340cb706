package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// TestNoCommitNoWord lets the commit of each step of a payment fail once: nothing of it is told,
// and it comes again. (The rig itself compares everything that is told with the journal.)
func TestNoCommitNoWord(t *testing.T) {
	for _, tc := range []struct {
		kind payment.Kind
		do   func(r *rig, p payment.Payment)
		want string // facts once the journal takes entries again
	}{
		{payment.KindShown, func(r *rig, p payment.Payment) { r.confirm(p) }, "requested minted"},
		{payment.KindCancelRequested, func(r *rig, p payment.Payment) {
			r.confirm(p)
			a, _ := r.cancel(till1, p.ID)
			wantCode(r.t, a.Err, payment.CodeJournalUnavailable)
		}, "requested minted shown"},
		{payment.KindDisplayLost, func(r *rig, _ payment.Payment) { r.pass(6 * time.Second) },
			"requested minted display_lost withdrawn"},
		{payment.KindDeadlinePassed, func(r *rig, p payment.Payment) {
			r.confirm(p)
			r.pass(181 * time.Second)
		}, "requested minted shown deadline_passed withdrawn"},
		{payment.KindNotified, func(r *rig, p payment.Payment) {
			r.confirm(p)
			wantCode(r.t, r.deliver(paid(p)), payment.CodeJournalUnavailable)
			r.deliver(paid(p))
			r.j.refuse = nil
			r.mustDeliver(paid(p)) // the relay delivers again what was not acknowledged
		}, "requested minted shown notified offered"},
		{payment.KindPathProved, func(r *rig, p payment.Payment) {
			r.confirm(p)
			r.cancel(till1, p.ID)
			r.pass(6 * time.Second)
			r.prove()
			r.prove()
			r.j.refuse = nil
			r.prove()
		}, "requested minted shown cancel_requested withdrawn path_proved offered"},
		{payment.KindUndecided, func(r *rig, p payment.Payment) {
			r.confirm(p)
			r.cancel(till1, p.ID)
			r.pass(30 * time.Second)
		}, "requested minted shown cancel_requested withdrawn undecided offered"},
		{payment.KindAcknowledged, func(r *rig, p payment.Payment) {
			r.confirm(p)
			r.mustDeliver(paid(p))
			wantCode(r.t, r.acknowledge(till1, p.ID, 3), payment.CodeJournalUnavailable)
		}, "requested minted shown notified offered"},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			r := newRig(t)
			p := r.start(till1, "R1")
			r.j.refuse = on(tc.kind)
			tc.do(r, p)
			r.j.refuse = nil
			r.pass(time.Second)
			r.wantFacts(p.ID, tc.want)
		})
	}
}

func TestReadsGoOnWithoutAJournalToWriteTo(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.step(engine.Detached{Till: till1})
	r.mustDeliver(paid(p)) // nobody there to be told
	r.j.refuse = always
	r.attach(till1)
	if len(r.owed) != 1 || r.owed[0].Payment.Status != payment.StatusApproved {
		t.Errorf("owed %+v", r.owed)
	}
	if got, err := r.get(till1, p.ID); err != nil || got.Status != payment.StatusApproved {
		t.Errorf("get: %+v %v", got, err)
	}
	last, _ := r.ask(func(to engine.Ticket) engine.Event {
		return engine.GetAsked{Till: till1, Newest: true, To: to}
	})
	if last.Err != nil || last.Payment.ID != p.ID {
		t.Errorf("last: %+v", last)
	}
	list, _ := r.ask(func(to engine.Ticket) engine.Event {
		return engine.ListAsked{Till: till1, Query: payment.ListQuery{Limit: 10}, To: to}
	})
	if list.Err != nil || len(list.Page.Payments) != 1 {
		t.Errorf("list: %+v", list)
	}
	sold, _ := r.ask(func(to engine.Ticket) engine.Event {
		return engine.SoldAsked{Till: till1, From: p.CreatedAt, Until: p.CreatedAt.Add(time.Hour),
			To: to}
	})
	if sold.Err != nil || sold.Sold != (payment.Sold{Count: 1, Amount: p.Money.Amount}) {
		t.Errorf("sold: %+v", sold)
	}
	if s := r.inspect(); s.Ready || s.Reasons[0].Code != "journal_unavailable" {
		t.Errorf("state: %+v", s)
	}
	if again, err := r.tryStart(till1, request("R1")); err != nil || again.ID != p.ID {
		t.Errorf("the same request: %v", err)
	}
	_, err := r.tryStart(till1, request("R2"))
	wantCode(t, err, payment.CodeJournalUnavailable)
	r.wantFacts(p.ID, "requested minted shown notified")

	// What was told is booked as told as soon as it can be: a reversal that arrives later regresses
	// no approval.
	r.j.refuse = nil
	r.mustDeliver(paid(p, func(rec *payment.Record) { rec.Type = payment.TypeVoid }))
	r.wantStatus(p.ID, payment.StatusApproved, payment.FlagReversed)
	r.wantFacts(p.ID, "requested minted shown notified offered notified offered")
	if !r.inspect().Ready {
		t.Error("the terminal is not ready again")
	}
}

// TestTheTerminalBecomesReadyByItself: a till that waits for ready would otherwise never try again.
func TestTheTerminalBecomesReadyByItself(t *testing.T) {
	r := newRig(t)
	r.j.refuse = always
	_, err := r.tryStart(till1, request("R1"))
	wantCode(t, err, payment.CodeJournalUnavailable)
	r.pass(time.Second)
	r.wantScreen(payment.ScreenOutOfService)
	r.j.refuse = nil
	r.forget()
	r.pass(time.Second)
	if s := r.inspect(); !s.Ready || r.ready != 1 {
		t.Errorf("still not ready: %+v; told %d times", s.Reasons, r.ready)
	}
	r.wantScreen(payment.ScreenIdle)
}

// TestUnknownMayBeToldWithoutACommit: it promises nothing, and the till must hear something by
// deadline + answer_within.
func TestUnknownMayBeToldWithoutACommit(t *testing.T) {
	for _, tc := range []struct {
		name  string
		begin func(r *rig, p payment.Payment) engine.Ticket // the journal fails from some moment on
		after time.Duration
	}{
		{"after a cancel", func(r *rig, p payment.Payment) engine.Ticket {
			_, w := r.cancel(till1, p.ID)
			r.j.refuse = always
			return w
		}, 25 * time.Second},
		{"after the deadline", func(r *rig, _ payment.Payment) engine.Ticket {
			r.pass(180 * time.Second)
			r.j.refuse = always
			return 0
		}, 25 * time.Second},
		{"from before the deadline on", func(r *rig, _ payment.Payment) engine.Ticket {
			r.j.refuse = always
			return 0
		}, 205 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			p := r.sale(till1, "R1")
			waiter := tc.begin(r, p)
			r.forget()
			r.pass(tc.after - time.Millisecond)
			r.prove() // a proof that cannot be committed answers nobody
			if len(r.changed) != 0 || waiter != 0 && r.answered(waiter) {
				t.Fatalf("told too early: %+v", r.changed)
			}
			r.pass(1500 * time.Millisecond)
			if len(r.changed) != 1 || r.changed[0].Status != payment.StatusUnknown ||
				r.changed[0].QRPayload != "" {
				t.Fatalf("told %+v", r.changed)
			}
			if a := r.answers[waiter]; waiter != 0 &&
				(a.Err != nil || a.Payment.Status != payment.StatusUnknown) {
				t.Errorf("the cancel was answered %+v", a)
			}
			r.pass(time.Minute)
			if len(r.changed) != 1 {
				t.Error("told again and again")
			}
			if r.screen.Payload != "" {
				t.Error("the code is on the screen")
			}
			r.j.refuse = nil
			r.mustDeliver(paid(p))
			r.wantStatus(p.ID, payment.StatusApproved)
			if told := r.told(); told.Status != payment.StatusApproved ||
				told.Revision <= r.changed[0].Revision {
				t.Errorf("told %+v", told)
			}
		})
	}
}

func TestACancelWhoseCommitFails(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.j.refuse = always
	a, _ := r.cancel(till1, p.ID)
	wantCode(t, a.Err, payment.CodeJournalUnavailable)
	r.wantScreen(payment.ScreenChecking)
	r.j.refuse = nil
	r.mustDeliver(paid(p, status(payment.RecordDeclined, "1")))
	r.wantScreen(payment.ScreenChecking) // what was withdrawn stays withdrawn
	_, waiter := r.cancel(till1, p.ID)
	r.pass(6 * time.Second)
	r.prove()
	if a := r.answers[waiter]; a.Err != nil || a.Payment.Status != payment.StatusDeclined {
		t.Errorf("%+v", a)
	}
}

// TestTheCodeIsGoneOnceMoneyWasSeen: the journal takes the payment only at the second try; nobody
// may pay again in between.
func TestTheCodeIsGoneOnceMoneyWasSeen(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.j.refuse = on(payment.KindNotified)
	r.deliver(paid(p))
	r.wantScreen(payment.ScreenChecking)
	r.pass(5 * time.Second)
	r.wantScreen(payment.ScreenChecking)
	r.j.refuse = nil
	r.mustDeliver(paid(p, status(payment.RecordDeclined, "0")))
	r.wantScreen(payment.ScreenChecking)
	r.mustDeliver(paid(p))
	r.wantScreen(payment.ScreenApproved)
}

// TestADeliveryThatCannotBeLookedUpIsNotAcknowledged: booked as unmatched, the money would never
// find its payment.
func TestADeliveryThatCannotBeLookedUpIsNotAcknowledged(t *testing.T) {
	for _, open := range []bool{true, false} {
		r := newRig(t)
		p := r.sale(till1, "R1")
		if !open {
			r.cancel(till1, p.ID)
			r.pass(6 * time.Second)
			r.prove()
		}
		head, _ := r.j.Head()
		other := payment.Record{MerchantRef: tag + "-01JNOBODY", Type: payment.TypePay,
			Status: payment.RecordSuccess}
		for blind, e := range map[string]payment.Envelope{
			"Seen": seal("right", paid(p)), "ByMerchantRef": seal("right", other, paid(p)),
			"Facts": seal("right", other, paid(p)),
		} {
			r.j.blind = blind
			if open && blind != "Seen" {
				e = seal("right", paid(p), other)
				r.j.blind = "ByMerchantRef"
			}
			wantCode(t, r.deliverEnvelope(e), payment.CodeJournalUnavailable)
		}
		for _, r.j.blind = range []string{"Kept", "Places"} {
			wantCode(t, r.deliverEnvelope(seal("wrong", paid(p))), payment.CodeJournalUnavailable)
		}
		if after, _ := r.j.Head(); after != head {
			t.Error("something was committed")
		}
		r.j.blind = ""
		r.mustDeliver(paid(p))
		if got := r.payment(p.ID); got.Status != payment.StatusApproved {
			t.Errorf("status %s", got.Status)
		}
	}
}

// TestNotPaidIsToldOnceThatIsOnRecord: a till that asks hears that nobody paid when it is committed
// that it was told so. Else a crash would forget it, and the money that comes then would not be
// late: no member of staff would hear of it.
func TestNotPaidIsToldOnceThatIsOnRecord(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.step(engine.Detached{Till: till1})
	r.pass(3 * time.Minute)
	r.pass(6 * time.Second)
	r.prove()
	r.wantStatus(p.ID, payment.StatusExpired, payment.FlagUnconfirmed) // nobody there to be told
	asks := map[string]func(engine.Ticket) engine.Event{
		"get": func(to engine.Ticket) engine.Event {
			return engine.GetAsked{Till: till1, Key: payment.Key{ID: p.ID}, To: to}
		},
		"last": func(to engine.Ticket) engine.Event {
			return engine.GetAsked{Till: till1, Newest: true, To: to}
		},
		"list": func(to engine.Ticket) engine.Event {
			return engine.ListAsked{Till: till1, Query: payment.ListQuery{Limit: 10}, To: to}
		},
		"start": func(to engine.Ticket) engine.Event {
			return engine.StartAsked{Till: till1, Request: request("R1"), To: to}
		},
	}
	r.j.refuse = always
	r.forget()
	r.attach(till1)
	if len(r.owed) > 0 {
		t.Errorf("owed %+v", r.owed)
	}
	for what, ask := range asks {
		if a, _ := r.ask(ask); a.Err == nil {
			t.Errorf("%s: told %s", what, a.Payment.Status)
		} else {
			wantCode(t, a.Err, payment.CodeJournalUnavailable)
		}
	}
	r.j.refuse = nil
	r.pass(time.Second)
	if len(r.owed) != 1 || r.owed[0].Payment.Status != payment.StatusExpired {
		t.Errorf("owed %+v", r.owed)
	}
	for what, ask := range asks {
		if a, _ := r.ask(ask); a.Err != nil {
			t.Errorf("%s: %v", what, a.Err)
		}
	}
	r.crash()
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved, payment.FlagLate)
}

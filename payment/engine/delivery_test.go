package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

func (r *rig) wantPosition() {
	r.t.Helper()
	pos, ok, err := r.j.Position()
	if err != nil || !ok || pos != r.position() {
		r.t.Fatalf("position %+v %t %v, want %+v", pos, ok, err, r.position())
	}
}

func TestTheSameDeliveryTwice(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	told := len(r.changed)
	for range 3 {
		r.mustDeliver(paid(p))
		r.wantPosition()
	}
	r.crash()
	r.mustDeliver(paid(p))
	if n := len(all[payment.Notified](r)); n != 1 {
		t.Errorf("%d notified facts", n)
	}
	if len(r.changed) != told {
		t.Error("the till was told again")
	}
	r.wantStatus(p.ID, payment.StatusApproved)
}

func TestTheCustomerPaysTwice(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p), paid(p, status(payment.RecordSuccess, "second")))
	got := r.wantStatus(p.ID, payment.StatusApproved, payment.FlagDuplicate)
	if len(got.Transactions) != 2 || got.ProviderRef != "tx-"+p.ID {
		t.Errorf("transactions %v, provider_ref %q", got.Transactions, got.ProviderRef)
	}
}

func TestTheCustomerPaysAgainAfterTheAcknowledgement(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	r.mustAcknowledge(till1, p.ID)
	r.mustDeliver(paid(p, status(payment.RecordSuccess, "second")))
	got := r.wantStatus(p.ID, payment.StatusApproved, payment.FlagDuplicate)
	if !got.Owed || r.told().Revision != got.Revision || got.OfferedRev != got.Revision {
		t.Errorf("the second payment is not told: %+v", got)
	}
}

func TestContradictions(t *testing.T) {
	wrong := func(r *payment.Record) { r.Amount = 1 }
	for _, tc := range []struct {
		name    string
		records func(payment.Payment) []payment.Record
		want    payment.Status
		flags   []payment.Flag
	}{
		{"one transaction declined and expired", func(p payment.Payment) []payment.Record {
			return []payment.Record{paid(p, status(payment.RecordDeclined, "1")),
				paid(p, status(payment.RecordExpired, "1"))}
		}, payment.StatusUnknown, nil},
		{"one transaction declined, then paid: the payment counts",
			func(p payment.Payment) []payment.Record {
				return []payment.Record{paid(p, status(payment.RecordDeclined, "1")),
					paid(p, status(payment.RecordSuccess, "1"))}
			}, payment.StatusApproved, nil},
		{"paid wrongly, then rightly", func(p payment.Payment) []payment.Record {
			return []payment.Record{paid(p, wrong,
				func(r *payment.Record) { r.TransactionRef = "x" }), paid(p)}
		}, payment.StatusApproved, []payment.Flag{payment.FlagAmountMismatch}},
		{"paid rightly, then wrongly", func(p payment.Payment) []payment.Record {
			return []payment.Record{paid(p),
				paid(p, wrong, func(r *payment.Record) { r.TransactionRef = "x" })}
		}, payment.StatusApproved, []payment.Flag{payment.FlagAmountMismatch}},
		{"void and payment in one delivery", func(p payment.Payment) []payment.Record {
			return []payment.Record{paid(p),
				paid(p, func(r *payment.Record) { r.Type = payment.TypeVoid })}
		}, payment.StatusUnknown, []payment.Flag{payment.FlagReversed}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			p := r.sale(till1, "R1")
			r.mustDeliver(tc.records(p)...)
			r.wantStatus(p.ID, tc.want, tc.flags...)
		})
	}
}

func TestARefundAfterTheOfferChangesNoApproval(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	r.mustDeliver(paid(p, func(r *payment.Record) { r.Type = payment.TypeRefund }))
	r.wantStatus(p.ID, payment.StatusApproved, payment.FlagReversed)
}

func TestRecordsWithoutAPayment(t *testing.T) {
	r := newRig(t)
	ours := payment.Record{MerchantRef: tag + "-01JNOBODY", Type: payment.TypePay,
		Status: payment.RecordSuccess, Amount: 5, Currency: "SGD"}
	foreign, noTag, prefix := ours, ours, ours
	foreign.MerchantRef, noTag.MerchantRef, prefix.MerchantRef = "K002TEST-01JNOBODY", "",
		tag+"X-01JNOBODY"
	r.mustDeliver(ours, foreign, noTag, prefix)
	r.mustDeliver(ours)
	r.wantPosition()
	got := all[payment.Unmatched](r)
	if len(got) != 1 || got[0].Record.MerchantRef != ours.MerchantRef || got[0].Delivery != "D1" ||
		got[0].Source != "webhook" {
		t.Errorf("unmatched %+v", got)
	}
}

func TestTheTagChangesAndOldPaymentsAreStillFound(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.cfg.Tag = "K009TEST"
	r.crash()
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved)
}

func TestOneDeliveryAboutTwoPayments(t *testing.T) {
	r := newRig(t)
	a := r.sale(till1, "R1")
	r.cancel(till1, a.ID)
	r.pass(6 * time.Second)
	r.prove()
	b := r.sale(till2, "R2")
	commits := r.j.commits
	r.mustDeliver(paid(b), paid(a))
	r.wantStatus(a.ID, payment.StatusApproved, payment.FlagLate)
	r.wantStatus(b.ID, payment.StatusApproved)
	if r.j.commits != commits+1 {
		t.Error("one delivery is one commit")
	}
}

func TestAMarkMovesThePositionOnly(t *testing.T) {
	r := newRig(t)
	head, _ := r.j.Head()
	r.seq = 7
	a, to := r.ask(func(to engine.Ticket) engine.Event {
		return engine.Delivered{Position: r.position(), Mark: true, To: to}
	})
	if !r.answered(to) || a.Err != nil {
		t.Fatal(a.Err)
	}
	r.wantPosition()
	if after, _ := r.j.Head(); after != head {
		t.Error("a mark made a fact")
	}
}

func TestGap(t *testing.T) {
	r := newRig(t)
	a, to := r.ask(func(to engine.Ticket) engine.Event {
		return engine.GapFound{Reason: "epoch", To: to}
	})
	if !r.answered(to) || a.Err != nil || len(all[payment.Gap](r)) != 1 {
		t.Errorf("%v %v", a.Err, all[payment.Gap](r))
	}
	r.j.refuse = always
	if a, _ = r.ask(func(to engine.Ticket) engine.Event {
		return engine.GapFound{Reason: "epoch",
			To: to}
	}); a.Err == nil {
		t.Error("a gap that was not committed was confirmed")
	}
}

func TestParkedDeliveriesOpenWithTheRightSecret(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.gw.secret = "wrong"
	poison := payment.Envelope{Method: "POST", Body: []byte("not JSON"), ReceivedAt: day}
	for _, e := range []payment.Envelope{seal("right", paid(p)), poison, seal("right", paid(p))} {
		if err := r.deliverEnvelope(e); err != nil {
			t.Fatalf("a delivery that does not open holds up the stream: %v", err)
		}
		r.wantPosition()
	}
	if got := all[payment.Junk](r); len(got) != 1 || got[0].Count != 1 {
		t.Fatalf("junk %+v", got)
	}
	if got := all[payment.Parked](r); len(got) != 1 || got[0].Cut ||
		string(got[0].Envelope.Body) != string(seal("right", paid(p)).Body) {
		t.Fatalf("parked %+v", got)
	}
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.crash() // with the same wrong secret
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.gw.secret = "right"
	r.crash()
	r.wantStatus(p.ID, payment.StatusApproved)
	n := all[payment.Notified](r)
	if len(n) != 1 || n[0].FromParked == 0 || n[0].Delivery != "D1" {
		t.Errorf("notified %+v", n)
	}
	r.crash()
	if len(all[payment.Notified](r)) != 1 {
		t.Error("opened again")
	}
	r.attach(till1)
	if len(r.owed) != 1 || r.owed[0].Payment.Status != payment.StatusApproved {
		t.Errorf("owed %+v", r.owed)
	}
}

func TestAParkedDeliveryOfNoPaymentIsClosedToo(t *testing.T) {
	r := newRig(t)
	r.gw.secret = "wrong"
	if err := r.deliverEnvelope(seal("right",
		payment.Record{MerchantRef: "K002TEST-1", Type: payment.TypePay,
			Status: "SUCCESS"})); err != nil {
		t.Fatal(err)
	}
	r.gw.secret = "right"
	r.crash()
	left, err := r.j.Parked()
	if err != nil || len(left) != 0 || len(all[payment.Unmatched](r)) != 1 {
		t.Errorf("left %v, unmatched %v, %v", left, all[payment.Unmatched](r), err)
	}
}

// TestTwoPaymentsUnderOneReference: of two moments they are two payments, whether one was known or
// none; the same answer again says nothing, and neither does the same transaction named twice.
func TestTwoPaymentsUnderOneReference(t *testing.T) {
	at := func(s time.Duration) func(*payment.Record) {
		return func(r *payment.Record) { r.PaidAt = r.PaidAt.Add(s) }
	}
	for name, known := range map[string]bool{"none is known": false, "one is known": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, asking)
			p := r.sale(till1, "R1")
			if known {
				r.mustDeliver(paid(p))
			}
			r.cancel(till1, p.ID)
			r.pass(0)
			answer := found(paid(p), paid(p), paid(p, at(time.Minute)))
			for round := range 3 {
				r.step(engine.Queried{Payment: p.ID, Round: uint64(90 + round), Answer: answer})
			}
			got := r.wantStatus(p.ID, payment.StatusApproved, payment.FlagDuplicate)
			if len(got.Movements) != 2 || got.Movements[0].Ref() == got.Movements[1].Ref() ||
				len(all[payment.Notified](r)) != 2 {
				t.Errorf("%+v, booked %+v", got.Movements, all[payment.Notified](r))
			}
		})
	}
}

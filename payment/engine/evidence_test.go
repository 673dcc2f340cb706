package engine_test

import (
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// TestGuaranteeOne delivers one record that differs from the right one in one thing.
func TestGuaranteeOne(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*payment.Record)
		want   payment.Status
	}{
		{"right", func(*payment.Record) {}, payment.StatusApproved},
		{"no response code", func(r *payment.Record) { r.ResponseCode = "" },
			payment.StatusApproved},
		{"no transactionRef", func(r *payment.Record) { r.TransactionRef = "" },
			payment.StatusApproved},
		{"unknown scheme", func(r *payment.Record) { r.Scheme = "BARTER" }, payment.StatusApproved},
		{"a cent less", func(r *payment.Record) { r.Amount-- }, payment.StatusUnknown},
		{"a cent more", func(r *payment.Record) { r.Amount++ }, payment.StatusUnknown},
		{"unreadable amount", func(r *payment.Record) {
			r.Amount,
				r.AmountText = payment.UnreadableAmount, "ten"
		}, payment.StatusAwaiting},
		{"other currency", func(r *payment.Record) { r.Currency = "IDR" }, payment.StatusUnknown},
		{"currency in another case", func(r *payment.Record) { r.Currency = "sgd" },
			payment.StatusAwaiting},
		{"response code 05", func(r *payment.Record) { r.ResponseCode = "05" },
			payment.StatusUnknown},
		{"response code 0", func(r *payment.Record) { r.ResponseCode = "0" },
			payment.StatusAwaiting},
		{"status in another case", func(r *payment.Record) { r.Status = "success" },
			payment.StatusAwaiting},
		{"unknown status", func(r *payment.Record) { r.Status = "AUTHORISED" },
			payment.StatusAwaiting},
		{"no status", func(r *payment.Record) { r.Status = "" }, payment.StatusAwaiting},
		{"sent", func(r *payment.Record) { r.Status = payment.RecordSent }, payment.StatusAwaiting},
		{"no type", func(r *payment.Record) { r.Type = "" }, payment.StatusAwaiting},
		{"void", func(r *payment.Record) { r.Type = payment.TypeVoid }, payment.StatusAwaiting},
		{"refund", func(r *payment.Record) { r.Type = payment.TypeRefund }, payment.StatusAwaiting},
		{"merchantRef in another case",
			func(r *payment.Record) { r.MerchantRef = strings.ToLower(r.MerchantRef) },
			payment.StatusAwaiting},
		{"longer merchantRef", func(r *payment.Record) { r.MerchantRef += "0" },
			payment.StatusAwaiting},
		{"merchantRef with a space", func(r *payment.Record) {
			r.MerchantRef = " " +
				r.MerchantRef
		}, payment.StatusAwaiting},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			p := r.sale(till1, "R1")
			r.mustDeliver(paid(p, tc.change))
			if got := r.payment(p.ID).Status; got != tc.want {
				t.Fatalf("status %s, want %s", got, tc.want)
			}
			for _, told := range r.changed {
				if told.Status == payment.StatusApproved && tc.want != payment.StatusApproved {
					t.Error("the till was told approved")
				}
			}
		})
	}
}

// TestTheCustomerHasOpenedTheLink: the screen says so, the code stays, and nothing is decided.
func TestTheCustomerHasOpenedTheLink(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	opened := paid(p, status(payment.RecordSent, "9"))
	r.mustDeliver(opened)
	r.mustDeliver(opened)
	r.wantStatus(p.ID, payment.StatusAwaiting)
	if r.screen.Kind != payment.ScreenOpened || r.screen.Payload == "" {
		t.Errorf("the screen shows %+v", r.screen)
	}
	r.wantFacts(p.ID, "requested minted shown opened")
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved)
}

func TestAttemptsEndNoPaymentOnALink(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p, status(payment.RecordDeclined, "1"),
		func(rec *payment.Record) { rec.ResponseCode = "51" }))
	r.mustDeliver(paid(p, status(payment.RecordExpired, "2")))
	got := r.wantStatus(p.ID, payment.StatusAwaiting)
	if len(got.Attempts) != 2 || got.Attempts[0].Status != "declined" ||
		got.Attempts[1].Status != "expired" || got.Revision != p.Revision+2 {
		t.Errorf("attempts %+v, revision %d", got.Attempts, got.Revision)
	}
	if told := r.told(); told.Revision != got.Revision || told.QRPayload == "" {
		t.Errorf("told %+v", told)
	}
	r.wantScreen(payment.ScreenPay)
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved)
}

func TestADeclineEndsAPaymentInModeQR(t *testing.T) {
	for record, want := range map[string]payment.Status{
		payment.RecordDeclined: payment.StatusDeclined,
		payment.RecordExpired:  payment.StatusExpired,
	} {
		r := newRig(t, func(c *engine.Config) { c.Policy.FinishDeclined = true })
		p := r.sale(till1, "R1")
		r.mustDeliver(paid(p, status(record, "1")))
		r.wantStatus(p.ID, want)
		r.wantScreen(payment.Screen(want))
		r.sale(till1, "R2")
		r.mustDeliver(paid(p))
		r.wantStatus(p.ID, payment.StatusApproved, payment.FlagLate)
	}
}

// TestTheProofMustBeSentAfterTheWithdrawalAndSettle: a payment made in the last moment had time to
// be reported.
func TestTheProofMustBeSentAfterTheWithdrawalAndSettle(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.pass(10 * time.Second)
	early := r.now.Up
	_, waiter := r.cancel(till1, p.ID)
	r.wantScreen(payment.ScreenChecking)
	withdrawn := r.now.Up
	r.pass(5*time.Second - time.Millisecond)
	for _, sent := range []time.Duration{early, withdrawn, withdrawn + time.Second, r.now.Up} {
		r.step(engine.CanaryReturned{SentUp: sent})
		r.wantStatus(p.ID, payment.StatusAwaiting)
	}
	if r.canary != 0 {
		t.Error("a canary was asked for before it can count")
	}
	r.pass(time.Millisecond)
	if r.canary != 1 {
		t.Errorf("%d canaries were asked for when one can count", r.canary)
	}
	if r.answered(waiter) {
		t.Fatal("the cancel was answered before the proof")
	}
	r.pass(10 * time.Second)
	r.step(engine.CanaryReturned{SentUp: withdrawn + 5*time.Second})
	r.wantStatus(p.ID, payment.StatusCancelled, payment.FlagUnconfirmed)
	r.wantFacts(p.ID, "requested minted shown cancel_requested withdrawn path_proved offered")
	r.wantScreen(payment.ScreenCancelled)
	if a := r.answers[waiter]; a.Err != nil || a.Payment.Status != payment.StatusCancelled ||
		a.Payment.Reason.Code != "cancelled" {
		t.Errorf("the cancel was answered %+v", a)
	}
}

func TestThePaymentWinsWhileItIsCancelled(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	_, waiter := r.cancel(till1, p.ID)
	r.mustDeliver(paid(p))
	if a := r.answers[waiter]; a.Err != nil || a.Payment.Status != payment.StatusApproved {
		t.Errorf("the cancel was answered %+v", a)
	}
	r.wantScreen(payment.ScreenApproved)
	r.wantStatus(p.ID, payment.StatusApproved)
}

func TestDeadline(t *testing.T) {
	for _, tc := range []struct {
		name  string
		then  func(*rig, payment.Payment)
		want  payment.Status
		flags []payment.Flag
	}{
		{"nothing was paid", func(r *rig, _ payment.Payment) {
			r.pass(6 * time.Second)
			r.prove()
		}, payment.StatusExpired, []payment.Flag{payment.FlagUnconfirmed}},
		{"paid in the last second", func(r *rig, p payment.Payment) { r.mustDeliver(paid(p)) },
			payment.StatusApproved, nil},
		{"declined in the last second", func(r *rig, p payment.Payment) {
			r.mustDeliver(paid(p, status(payment.RecordDeclined, "1")))
			r.pass(6 * time.Second)
			r.prove()
		}, payment.StatusDeclined, []payment.Flag{payment.FlagUnconfirmed}},
		{"a code that lapsed", func(r *rig, p payment.Payment) {
			r.mustDeliver(paid(p, status(payment.RecordExpired, "1")))
			r.pass(6 * time.Second)
			r.prove()
		}, payment.StatusExpired, []payment.Flag{payment.FlagUnconfirmed}},
		{"the path is deaf", func(r *rig, _ payment.Payment) { r.pass(25 * time.Second) },
			payment.StatusUnknown, nil},
		{"wrong amount", func(r *rig, p payment.Payment) {
			r.mustDeliver(paid(p, func(rec *payment.Record) { rec.Amount = 1 }))
		}, payment.StatusUnknown, []payment.Flag{payment.FlagAmountMismatch}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			p := r.sale(till1, "R1")
			r.pass(180*time.Second - time.Millisecond)
			r.wantScreen(payment.ScreenPay)
			r.pass(time.Millisecond)
			r.wantScreen(payment.ScreenChecking)
			if !strings.HasSuffix(r.facts(p.ID), "deadline_passed withdrawn") {
				t.Fatal(r.facts(p.ID))
			}
			tc.then(r, p)
			r.wantStatus(p.ID, tc.want, tc.flags...)
			if told := r.told(); told.Status != tc.want || told.OfferedRev != told.Revision {
				t.Errorf("told %+v", told)
			}
			if _, err := r.tryStart(till1, request("R1")); err != nil {
				t.Errorf("the same request again: %v", err)
			}
		})
	}
}

func TestUndecidedIsToldExactlyWhenTheTillMustHearIt(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.pass(180*time.Second + 25*time.Second - time.Millisecond)
	r.wantStatus(p.ID, payment.StatusAwaiting)
	if r.canary < 9 {
		t.Errorf("only %d canaries were asked for in 20 seconds", r.canary)
	}
	r.pass(time.Millisecond)
	got := r.wantStatus(p.ID, payment.StatusUnknown)
	if got.Reason.Code != "no_answer" {
		t.Errorf("reason %+v", got.Reason)
	}
	r.wantFacts(p.ID, "requested minted shown deadline_passed withdrawn undecided offered")
	r.prove()
	r.wantStatus(p.ID, payment.StatusUnknown)
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved) // not late: not-paid was never said
}

// TestAWakeThatCameLateMovesNoDeadline: the till counts from the deadline, not from when the
// machine woke up.
func TestAWakeThatCameLateMovesNoDeadline(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.now.Up += 190 * time.Second // suspended
	r.pass(15*time.Second - time.Millisecond)
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.pass(time.Millisecond)
	r.wantStatus(p.ID, payment.StatusUnknown)
}

func TestCancelIsAnsweredWithinAnswerWithin(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.pass(170 * time.Second)
	_, waiter := r.cancel(till1, p.ID)
	r.pass(25*time.Second - time.Millisecond)
	if r.answered(waiter) {
		t.Fatal("answered too early")
	}
	r.pass(time.Millisecond)
	if a := r.answers[waiter]; a.Err != nil || a.Payment.Status != payment.StatusUnknown {
		t.Errorf("the cancel was answered %+v", a)
	}
	r.wantFacts(p.ID, "requested minted shown cancel_requested withdrawn undecided offered")
}

func TestLateMoneyIsACorrection(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(6 * time.Second)
	r.prove()
	r.mustAcknowledge(till1, p.ID)
	next := r.sale(till1, "R2")
	r.mustDeliver(paid(p))
	got := r.wantStatus(p.ID, payment.StatusApproved, payment.FlagLate)
	if !got.Owed || got.Acknowledged || r.told().ID != p.ID || r.told().Revision != got.Revision {
		t.Errorf("correction %+v", got)
	}
	r.wantScreen(payment.ScreenPay) // the next customer's
	if r.screen.Payment != next.ID {
		t.Error("another payment's code is on the screen")
	}
	r.wantStatus(next.ID, payment.StatusAwaiting)
	if err := r.acknowledge(till1, p.ID, got.Revision); err != nil {
		t.Fatal(err)
	}
}

func TestACorrectionReachesTheScreenThatStillShowsTheOldOutcome(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(6 * time.Second)
	r.prove()
	r.wantScreen(payment.ScreenCancelled)
	r.pass(4 * time.Second)
	r.mustDeliver(paid(p))
	r.wantScreen(payment.ScreenApproved)
	r.pass(6 * time.Second)
	r.wantScreen(payment.ScreenIdle)
}

func TestDisplayLost(t *testing.T) {
	for _, tc := range []struct {
		name string
		lose func(*rig, payment.Payment)
	}{
		{"no confirmation", func(r *rig, _ payment.Payment) {
			r.pass(5*time.Second - time.Millisecond)
			r.wantScreen(payment.ScreenPay)
			r.pass(time.Millisecond)
		}},
		{"the code does not fit", func(r *rig, p payment.Payment) {
			r.step(engine.DisplayRefused{Payment: p.ID, Reason: "2 px per module"})
		}},
		{"another payment's confirmation", func(r *rig, _ payment.Payment) {
			r.step(engine.DisplayShows{Kind: payment.ScreenPay, Payment: "another", Revision: 2})
			r.step(engine.DisplayShows{Kind: payment.ScreenIdle})
			r.pass(5 * time.Second)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			p := r.start(till1, "R1")
			tc.lose(r, p)
			r.wantScreen(payment.ScreenChecking)
			r.confirm(p) // too late
			r.pass(6 * time.Second)
			r.prove()
			if got := r.wantStatus(p.ID, payment.StatusCancelled,
				payment.FlagUnconfirmed); got.Reason.Code != "display_lost" {
				t.Errorf("reason %+v", got.Reason)
			}
			r.wantFacts(p.ID, "requested minted display_lost withdrawn path_proved offered")
		})
	}
}

func TestATillThatShowsTheCodeItself(t *testing.T) {
	r := newRig(t)
	r.step(engine.DisplayChanged{}) // no customer display is needed
	shows := func(till, id string) error {
		a, _ := r.ask(func(to engine.Ticket) engine.Event {
			return engine.TillShows{Till: till, ID: id, To: to}
		})
		return a.Err
	}
	p := r.start(tillOwn, "R1")
	wantCode(t, shows(till1, p.ID), payment.CodeNotOwner)
	wantCode(t, shows(tillOwn, "unknown"), payment.CodeNotFound)
	if err := shows(tillOwn, p.ID); err != nil {
		t.Fatal(err)
	}
	if err := shows(tillOwn, p.ID); err != nil {
		t.Fatal("said twice: ", err)
	}
	r.wantFacts(p.ID, "requested minted shown")
	r.step(engine.DisplayRefused{Payment: p.ID, Reason: "too small"})
	r.pass(10 * time.Second)
	if got := r.payment(p.ID); got.EndedBy != "" {
		t.Errorf("ended by %s", got.EndedBy)
	}
	r.mustDeliver(paid(p))

	r.makeReady()
	q := r.start(till1, "R2")
	wantCode(t, shows(till1, q.ID), payment.CodeInvalid)
	r.mustDeliver(paid(q))

	silent := r.start(tillOwn, "R3")
	r.pass(5 * time.Second)
	if got := r.payment(silent.ID); got.EndedBy != payment.KindDisplayLost {
		t.Error("a till that never showed its code goes on waiting")
	}
}

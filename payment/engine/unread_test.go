package engine_test

import (
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// TestWhatCannotBeReadIsAskedAbout: a word that nobody knows, money that cannot be read, or our
// reference in other letters, about a payment that is open. The gateway is asked at once, and what
// it then says counts. Where it says nothing the end is unknown, with a task in its words; silence
// never makes it cancelled.
func TestWhatCannotBeReadIsAskedAbout(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*payment.Record)
		said   string
	}{
		"lower case":         {func(r *payment.Record) { r.Status = "success" }, "success"},
		"a space":            {func(r *payment.Record) { r.Status = "SUCCESS " }, "SUCCESS "},
		"another word":       {func(r *payment.Record) { r.Status = "PAID" }, "PAID"},
		"another type":       {func(r *payment.Record) { r.Type = "SALE" }, "SALE"},
		"amount":             {unreadAmount, `"1,023"`},
		"currency":           {func(r *payment.Record) { r.Currency = "?" }, `"?"`},
		"response code":      {func(r *payment.Record) { r.ResponseCode = "0" }, `"0"`},
		"reference in small": {inSmall, `" (`},
		"reference, no dash": {noDash, ".reference can have it read"},
		"reference, spaced": {func(r *payment.Record) { r.MerchantRef = " " + r.MerchantRef + " " },
			`" `},
	} {
		t.Run(name, func(t *testing.T) {
			for found, answer := range map[bool]func(payment.Payment) payment.QueryAnswer{
				true:  func(p payment.Payment) payment.QueryAnswer { return found(paid(p)) },
				false: func(payment.Payment) payment.QueryAnswer { return nothing() },
			} {
				r := newRig(t, asking)
				p := r.sale(till1, "R1")
				r.pass(10 * time.Second)
				r.mustDeliver(paid(p, tc.change))
				if len(r.asked) != 1 || r.asked[0].Payment != p.ID {
					t.Fatalf("asked %+v", r.asked)
				}
				r.answerNext(answer(p))
				if found {
					r.wantStatus(p.ID, payment.StatusApproved)
					r.wantTasks("owed")
					continue
				}
				r.wantStatus(p.ID, payment.StatusAwaiting)
				r.cancel(till1, p.ID)
				for range 8 {
					r.pass(0)
					for len(r.asked) > 0 {
						r.answerNext(nothing())
					}
					r.pass(5 * time.Second)
				}
				r.wantStatus(p.ID, payment.StatusUnknown)
				if tasks := r.payment(p.ID).Tasks(); len(tasks) == 0 ||
					tasks[0].Code != "doubtful" || !strings.Contains(tasks[0].Text, tc.said) {
					t.Errorf("tasks %+v", tasks)
				}
			}
		})
	}
}

func unreadAmount(r *payment.Record) {
	r.Amount, r.AmountText = payment.UnreadableAmount, "1,023"
}

func noDash(r *payment.Record) { r.MerchantRef = strings.Replace(r.MerchantRef, "-", "", 1) }

func inSmall(r *payment.Record) { r.MerchantRef = strings.ToLower(r.MerchantRef) }

// TestOursInOtherLettersIsNoStranger: also of a payment that is over, or that is not here.
func TestOursInOtherLettersIsNoStranger(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved)
	r.mustDeliver(paid(p, inSmall, func(r *payment.Record) { r.TransactionRef = "again" }))
	if got := r.payment(p.ID); len(got.Doubts) != 1 || len(got.Flags) != 0 {
		t.Errorf("doubts %+v, flags %v", got.Doubts, got.Flags)
	}
	lost := paid(p, inSmall)
	lost.MerchantRef = lost.MerchantRef[:len(lost.MerchantRef)-1] + "9"
	r.mustDeliver(lost)
	if u := all[payment.Unmatched](r); len(u) != 1 {
		t.Errorf("unmatched %+v", u)
	}
}

// TestWhatDoesNotOpenIsAskedAbout: it may be about any payment that is open; the worklist says what
// mends it.
func TestWhatDoesNotOpenIsAskedAbout(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.pass(10 * time.Second)
	if err := r.deliverEnvelope(seal("another", paid(p))); err != nil {
		t.Fatal(err)
	}
	if len(r.asked) != 1 || r.asked[0].Payment != p.ID {
		t.Errorf("asked %+v", r.asked)
	}
	r.gw.cure = "Set the secret."
	if err := r.deliverEnvelope(seal("yet another", paid(p))); err != nil {
		t.Fatal(err)
	}
	parked := all[payment.Parked](r)
	if tasks := payment.EntryWork(parked[1]); parked[1].Cure != r.gw.cure ||
		!strings.Contains(tasks[0].Text, ". Set the secret. The agent tries it again") {
		t.Errorf("%+v: %+v", parked, tasks)
	}
}

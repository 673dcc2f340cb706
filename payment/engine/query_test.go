package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// asking configures a transaction query.
func asking(c *engine.Config) { c.QueryEndpoint = "endpoint-1" }

// answerNext answers the oldest question that has none yet; there must be one.
func (r *rig) answerNext(a payment.QueryAnswer) engine.SendQuery {
	r.t.Helper()
	if len(r.asked) == 0 {
		r.t.Fatal("nothing was asked")
	}
	q := r.asked[0]
	r.asked = r.asked[1:]
	r.step(engine.Queried{Payment: q.Payment, Account: q.Account, Round: q.Round, Answer: a})
	return q
}

// nothing, missing, broken and found are what a query may answer.
func nothing() payment.QueryAnswer { return payment.QueryAnswer{HTTPStatus: 200} }
func missing() payment.QueryAnswer { return payment.QueryAnswer{HTTPStatus: 404, NotFound: true} }
func broken() payment.QueryAnswer {
	return payment.QueryAnswer{HTTPStatus: 500,
		Failure: "HTTP 500"}
}
func found(records ...payment.Record) payment.QueryAnswer {
	return payment.QueryAnswer{HTTPStatus: 200, Records: records}
}

func TestCancelAsksTwiceSettleApart(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.pass(10 * time.Second)
	if len(r.asked) != 0 {
		t.Fatalf("asked at once: %v", r.asked)
	}
	_, waiter := r.cancel(till1, p.ID)
	r.pass(0)
	if q := r.answerNext(nothing()); q.Payment != p.ID || q.MerchantRef != p.MerchantRef {
		t.Errorf("asked %+v", q)
	}
	r.pass(5*time.Second - 2*time.Millisecond)
	if len(r.asked) != 0 || r.answered(waiter) {
		t.Fatal("one answer is not enough, and the second question comes settle later")
	}
	r.pass(2 * time.Millisecond)
	r.answerNext(nothing())
	r.wantStatus(p.ID, payment.StatusCancelled)
	r.wantFacts(p.ID,
		"requested minted shown cancel_requested withdrawn query_empty query_empty offered")
	if a := r.answers[waiter]; a.Err != nil || a.Payment.Status != payment.StatusCancelled ||
		len(a.Payment.Flags) != 0 {
		t.Errorf("the cancel was answered %+v", a)
	}
	if r.canary != 0 {
		t.Error("with a query no canary is needed as proof")
	}
}

// TestPaymentWins: whatever was asked for, a SUCCESS that a query finds decides.
func TestPaymentWins(t *testing.T) {
	for name, before := range map[string]func(*rig){
		"first answer": func(*rig) {},
		"second":       func(r *rig) { r.answerNext(nothing()); r.pass(5 * time.Second) },
		"after a failure": func(r *rig) {
			r.answerNext(broken())
			r.pass(5 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, asking)
			p := r.sale(till1, "R1")
			_, waiter := r.cancel(till1, p.ID)
			r.pass(0)
			before(r)
			r.answerNext(found(paid(p)))
			r.wantStatus(p.ID, payment.StatusApproved)
			if a := r.answers[waiter]; a.Payment.Status != payment.StatusApproved {
				t.Errorf("the cancel was answered %+v", a)
			}
			if n := all[payment.Notified](r); len(n) != 1 || n[0].Source != "query" {
				t.Errorf("booked %+v", n)
			}
		})
	}
}

// TestWhatIsNoSilence: answers without a payment that do not say that there is none.
func TestWhatIsNoSilence(t *testing.T) {
	for name, answer := range map[string]func(p payment.Payment) payment.QueryAnswer{
		"failure":           func(payment.Payment) payment.QueryAnswer { return broken() },
		"404 without proof": func(payment.Payment) payment.QueryAnswer { return missing() },
		"another reference": func(p payment.Payment) payment.QueryAnswer {
			return found(paid(p, func(r *payment.Record) { r.MerchantRef = "OTHER-1" }))
		},
		"an unknown status": func(p payment.Payment) payment.QueryAnswer {
			return found(paid(p, status("PROCESSING", "7")))
		},
		"an unknown type": func(p payment.Payment) payment.QueryAnswer {
			return found(paid(p, func(r *payment.Record) { r.Type = "CAPTURE" }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, asking)
			p := r.sale(till1, "R1")
			r.cancel(till1, p.ID)
			for range 6 {
				r.pass(0)
				for len(r.asked) > 0 {
					r.answerNext(answer(p))
				}
				r.pass(5 * time.Second)
			}
			got := r.wantStatus(p.ID, payment.StatusUnknown)
			if got.Reason.Code != "no_answer" {
				t.Errorf("reason %+v", got.Reason)
			}
			if len(all[payment.QueryEmpty](r)) != 0 || len(all[payment.QueryFailed](r)) < 4 {
				t.Errorf("facts %s", r.facts(p.ID))
			}
		})
	}
}

// TestA404CountsOnceTheEndpointIsProved, and no longer when the configuration names another one.
func TestA404CountsOnceTheEndpointIsProved(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(0)
	r.answerNext(found(paid(p)))
	r.wantStatus(p.ID, payment.StatusApproved)
	if proved := all[payment.QueryProved](r); len(proved) != 1 ||
		proved[0].Endpoint != "endpoint-1" {
		t.Fatalf("proved %+v", proved)
	}
	ends := func(reference string) payment.Status {
		p := r.sale(till1, reference)
		r.cancel(till1, p.ID)
		for range 6 {
			r.pass(0)
			for len(r.asked) > 0 {
				r.answerNext(missing())
			}
			r.pass(5 * time.Second)
		}
		return r.payment(p.ID).Status
	}
	if got := ends("R2"); got != payment.StatusCancelled {
		t.Errorf("404 of a proved endpoint: %s", got)
	}
	r.again()
	if got := ends("R3"); got != payment.StatusCancelled {
		t.Errorf("after a restart: %s", got)
	}
	r.cfg.QueryEndpoint = "endpoint-2"
	r.again()
	if got := ends("R4"); got != payment.StatusUnknown {
		t.Errorf("404 of another endpoint: %s", got)
	}
}

// again restarts the program and makes it ready for a sale.
func (r *rig) again() {
	r.t.Helper()
	r.asked = nil
	r.crash()
	r.makeReady()
	r.attach(till1)
}

// TestAQuestionBeforeTheWithdrawalProvesNothing: its answer may have been true before the customer
// paid.
func TestAQuestionBeforeTheWithdrawalProvesNothing(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.pass(30 * time.Second)
	if len(r.asked) != 1 {
		t.Fatalf("while it is awaited it is asked for every 30 s: %v", r.asked)
	}
	r.cancel(till1, p.ID)
	r.answerNext(nothing())
	if got := all[payment.QueryEmpty](r); len(got) != 0 {
		t.Fatal("an answer to a question from before the withdrawal was booked")
	}
	r.pass(5 * time.Second)
	r.answerNext(nothing())
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.pass(5 * time.Second)
	r.answerNext(nothing())
	r.wantStatus(p.ID, payment.StatusCancelled)
}

func TestALostWebhookIsFoundWhileTheCodeIsShown(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.pass(30 * time.Second)
	r.answerNext(found(paid(p)))
	r.wantStatus(p.ID, payment.StatusApproved)
	r.wantScreen(payment.ScreenApproved)
}

// TestARestartDoesNotShortenSettle: the second question comes settle after the first answer,
// whoever asked that.
func TestARestartDoesNotShortenSettle(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(0)
	r.answerNext(nothing())
	first := r.now.Up
	r.pass(time.Second)
	r.crash()
	r.pass(10 * time.Second)
	if got := r.askedUp - first; got < 5*time.Second {
		t.Errorf("asked again after %s", got)
	}
	r.answerNext(nothing())
	r.wantStatus(p.ID, payment.StatusCancelled)
}

// TestLateMoneyIsFound: the payment is asked for less and less often until its watch is over; what
// is found is a correction.
func TestLateMoneyIsFound(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(0)
	r.answerNext(nothing())
	r.pass(5 * time.Second)
	r.answerNext(nothing())
	cancelled := r.wantStatus(p.ID, payment.StatusCancelled)
	if err := r.acknowledge(till1, p.ID, cancelled.Revision); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for range 26 * 60 {
		r.pass(time.Minute)
		for len(r.asked) > 0 {
			asked++
			r.answerNext(nothing())
		}
	}
	if asked < 20 || asked > 40 {
		t.Errorf("asked %d times in a day", asked)
	}
	if n := r.inspect().Watch.Asked; n != 0 {
		t.Errorf("%d payments are watched after the watch", n)
	}
	if facts := r.facts(p.ID); facts != "requested minted shown cancel_requested withdrawn "+
		"query_empty query_empty offered acknowledged" {
		t.Errorf("the watch wrote facts: %s", facts)
	}

	r.makeReady()
	p = r.sale(till1, "R2")
	r.cancel(till1, p.ID)
	for range 2 {
		r.pass(0)
		r.answerNext(nothing())
		r.pass(5 * time.Second)
	}
	r.pass(31 * time.Second)
	r.answerNext(found(paid(p)))
	late := r.wantStatus(p.ID, payment.StatusApproved, payment.FlagLate)
	if told := r.told(); told.ID != p.ID || told.Status != payment.StatusApproved || !late.Owed {
		t.Errorf("the till was told %+v, owed %v", told, late.Owed)
	}
}

func TestTheWatchGoesOnAfterARestart(t *testing.T) {
	for _, reboot := range []bool{false, true} {
		r := newRig(t, asking)
		p := r.sale(till1, "R1")
		r.cancel(till1, p.ID)
		for range 2 {
			r.pass(0)
			r.answerNext(nothing())
			r.pass(5 * time.Second)
		}
		r.wantStatus(p.ID, payment.StatusCancelled)
		if reboot {
			r.now.Wall = r.now.Wall.AddDate(30, 0, 0)
			r.reboot()
		} else {
			r.crash()
		}
		r.pass(time.Second)
		r.answerNext(found(paid(p)))
		r.wantStatus(p.ID, payment.StatusApproved, payment.FlagLate)
		r.pass(time.Hour)
		if n := r.inspect().Watch.Asked; n != 1 {
			t.Errorf("an hour later %d payments are watched", n)
		}
	}
}

func TestAGapAsksForEverything(t *testing.T) {
	r := newRig(t, asking)
	var ended []payment.Payment
	for i := range 3 {
		p := r.sale(till1, fmt.Sprint("R", i))
		r.cancel(till1, p.ID)
		for range 2 {
			r.pass(0)
			r.answerNext(nothing())
			r.pass(5 * time.Second)
		}
		ended = append(ended, p)
	}
	for range 4 * 60 {
		r.pass(time.Minute)
		for len(r.asked) > 0 {
			r.answerNext(nothing())
		}
	}
	r.makeReady()
	open := r.sale(till1, "open")
	r.step(engine.GapFound{Reason: "epoch"})
	r.pass(10 * time.Second)
	seen := map[string]bool{}
	for _, q := range r.asked {
		seen[q.Payment] = true
	}
	for _, p := range append(ended, open) {
		if !seen[p.ID] {
			t.Errorf("%s (%s) was not asked for after the gap", p.ID, r.payment(p.ID).Status)
		}
	}
	if len(r.asked) > 10 {
		t.Errorf("%d queries in 10 s", len(r.asked))
	}
}

func TestQueriesKeepTheirLimits(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	var last time.Duration
	for range 300 {
		n := len(r.asked)
		r.pass(100 * time.Millisecond)
		if len(r.asked) > n {
			if last != 0 && r.askedUp-last < 5*time.Second {
				t.Fatalf("asked for one payment after %s", r.askedUp-last)
			}
			last = r.askedUp
			r.answerNext(broken())
		}
	}
	if last == 0 {
		t.Fatal("never asked")
	}
}

func TestOneAnswerStatesAPaymentOnce(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(0)
	r.answerNext(found(paid(p), paid(p), paid(p, status(payment.RecordSent, "9"))))
	got := r.wantStatus(p.ID, payment.StatusApproved)
	if len(got.Flags) != 0 || len(all[payment.Notified](r)) != 1 {
		t.Errorf("flags %v, booked %+v", got.Flags, all[payment.Notified](r))
	}
}

// TestAnAnswerCountsHoweverLate: money in an answer that nobody waits for any more is booked all
// the same.
func TestAnAnswerCountsHoweverLate(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.pass(0)
	r.pass(30 * time.Second)
	r.wantStatus(p.ID, payment.StatusUnknown)
	r.step(engine.Queried{Payment: p.ID, Round: 99, Answer: found(paid(p))})
	r.wantStatus(p.ID, payment.StatusApproved)
}

// TestSettleIsFromAnswerToQuestion: silence counts twice when settle has passed from the first
// answer to the sending of the second question. Nothing that asks for haste shortens it.
func TestSettleIsFromAnswerToQuestion(t *testing.T) {
	settle := func(c *engine.Config) { c.Policy.Settle = 10_000 }
	for name, haste := range map[string]func(r *rig, p payment.Payment){
		"a word that decides nothing": func(r *rig, p payment.Payment) {
			r.mustDeliver(paid(p, status(payment.RecordRecheck, "")))
		},
		"a gap": func(r *rig, _ payment.Payment) {
			r.step(engine.GapFound{Reason: "the relay was restored"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, asking, settle)
			p := r.sale(till1, "R1")
			r.pass(10 * time.Second)
			r.cancel(till1, p.ID)
			r.pass(0)
			r.pass(100 * time.Millisecond)
			r.answerNext(nothing())
			first := r.now.Up
			r.pass(time.Second)
			haste(r, p)
			r.pass(5 * time.Second)
			for len(r.asked) > 0 { // a slow answer to a hasty question
				r.pass(6 * time.Second)
				r.answerNext(nothing())
			}
			if got := r.payment(p.ID); got.Final {
				t.Fatalf("told %s: asked again %s after the first answer", got.Status,
					r.askedUp-first)
			}
			r.pass(first + 10*time.Second - r.now.Up)
			r.answerNext(nothing())
			r.wantStatus(p.ID, payment.StatusCancelled)
		})
	}
}

// TestARebootWaivesNoSettle: answers, or a withdrawal and a canary, of two boots are apart by what
// this boot knows itself.
func TestARebootWaivesNoSettle(t *testing.T) {
	long := func(c *engine.Config) { c.Policy.Settle, c.Policy.AnswerWithin = 60_000, 100_000 }
	reboot := func(r *rig) {
		r.asked = nil
		r.now.Boot, r.now.Up, r.now.Wall = r.now.Boot+"'", 12*time.Second,
			r.now.Wall.Add(15*time.Second)
		r.crash()
	}
	t.Run("answers", func(t *testing.T) {
		r := newRig(t, asking, long)
		p := r.sale(till1, "R1")
		r.cancel(till1, p.ID)
		r.pass(0)
		r.answerNext(nothing())
		reboot(r)
		r.pass(0)
		for len(r.asked) > 0 {
			r.answerNext(nothing())
		}
		if got := r.payment(p.ID); got.Final {
			t.Fatalf("told %s: this boot is only %s old", got.Status, r.now.Up)
		}
		r.pass(60*time.Second - r.now.Up)
		r.answerNext(nothing())
		r.wantStatus(p.ID, payment.StatusCancelled)
	})
	t.Run("a canary", func(t *testing.T) {
		r := newRig(t, long)
		p := r.sale(till1, "R1")
		r.cancel(till1, p.ID)
		reboot(r)
		r.makeReady()
		if got := r.payment(p.ID); got.Final {
			t.Fatalf("told %s %v: this boot is only %s old", got.Status, got.Flags, r.now.Up)
		}
		r.pass(60*time.Second - r.now.Up)
		r.prove()
		r.wantStatus(p.ID, payment.StatusCancelled, payment.FlagUnconfirmed)
	})
}

// TestOnePaymentIsCountedOnce: in whichever words the gateway reports it; two of one answer are
// two, also where they say the same.
func TestOnePaymentIsCountedOnce(t *testing.T) {
	tx := func(ref string) func(*payment.Record) { return status(payment.RecordSuccess, ref) }
	for _, tc := range []struct {
		name    string
		webhook string
		answers [][]string
		want    int
	}{
		{"without a reference, then with one", "", [][]string{{"A"}}, 1},
		{"with a reference, then without", "A", [][]string{{""}}, 1},
		{"two references", "A", [][]string{{"A", "B"}}, 2},
		{"two of one answer without references", "", [][]string{{"", ""}}, 2},
		{"the same answer again", "", [][]string{{"", ""}, {"", ""}}, 2},
		{"they turn out to have one", "", [][]string{{"", ""}, {"A", "B"}}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, asking)
			p := r.sale(till1, "R1")
			r.mustDeliver(paid(p, tx(tc.webhook)))
			for _, refs := range tc.answers {
				r.step(engine.GapFound{Reason: "asks again"})
				r.pass(2 * time.Minute)
				var records []payment.Record
				for _, ref := range refs {
					records = append(records, paid(p, tx(ref)))
				}
				r.answerNext(found(records...))
			}
			got := r.payment(p.ID)
			if len(got.Transactions) != tc.want ||
				slices.Contains(got.Flags, payment.FlagDuplicate) != (tc.want > 1) {
				t.Errorf("%d payments %q, flags %v", len(got.Transactions), got.Transactions,
					got.Flags)
			}
		})
	}
}

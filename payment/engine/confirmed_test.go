package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// confirming is a terminal whose approvals need the query's word.
func confirming(c *engine.Config) { asking(c); c.Policy.ApproveNeedsQuery = true }

// TestANotificationAloneIsNoApproval: with approve_needs_query the code leaves the screen when a
// notification says paid, the query is asked at once, and only its word is told as approved.
// Without that the till hears unknown within answer_within, and staff are told what to do.
func TestANotificationAloneIsNoApproval(t *testing.T) {
	r := newRig(t, confirming)
	p := r.sale(till1, "R1")
	r.pass(10 * time.Second)
	r.mustDeliver(paid(p))
	if got := r.payment(p.ID); got.Status != payment.StatusAwaiting || !got.Withdrawn ||
		got.EndedBy != payment.KindDeadlinePassed {
		t.Fatalf("%s, withdrawn %t, ended by %q", got.Status, got.Withdrawn, got.EndedBy)
	}
	r.pass(0)
	r.answerNext(found(paid(p)))
	r.wantStatus(p.ID, payment.StatusApproved)
	if got := r.payment(p.ID); len(got.Flags) > 0 || len(got.Transactions) != 1 {
		t.Errorf("flags %v, transactions %v", got.Flags, got.Transactions)
	}
	r.wantTasks("owed")

	q := newRig(t, confirming)
	p = q.sale(till1, "R1")
	q.pass(10 * time.Second)
	q.mustDeliver(paid(p))
	within := p.Policy.AnswerWithin.Duration()
	for began := q.now.Up; q.now.Up < began+within-time.Second; q.pass(time.Second) {
		for len(q.asked) > 0 {
			q.answerNext(nothing())
		}
		q.wantStatus(p.ID, payment.StatusAwaiting)
	}
	q.pass(2 * time.Second)
	q.wantStatus(p.ID, payment.StatusUnknown)
	got := q.payment(p.ID)
	if got.Reason == nil || got.Reason.Code != "not_confirmed" {
		t.Errorf("reason %+v", got.Reason)
	}
	if tasks := got.Tasks(); len(tasks) == 0 || tasks[0].Code != "doubtful" ||
		!strings.Contains(tasks[0].Text, "payment.approve_needs_query") {
		t.Errorf("tasks %+v", tasks)
	}
	for len(q.asked) == 0 { // it is watched
		q.pass(10 * time.Second)
	}
	q.answerNext(found(paid(p)))
	q.wantStatus(p.ID, payment.StatusApproved)
}

// TestTheQueryAloneApproves: its word needs no notification.
func TestTheQueryAloneApproves(t *testing.T) {
	r := newRig(t, confirming)
	p := r.sale(till1, "R1")
	r.pass(31 * time.Second)
	r.answerNext(found(paid(p)))
	r.wantStatus(p.ID, payment.StatusApproved)
}

// raised is what a notification says where a configured word makes a payment of it.
func raised(r *payment.Record) {
	r.Said.Status = "PAID"
}

// TestAConfiguredWordIsNoPaymentByItself: it counts with the query's word beside it, where the
// policy wants that, or once staff have confirmed it by a sale that the query had reported.
func TestAConfiguredWordIsNoPaymentByItself(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.pass(10 * time.Second)
	r.mustDeliver(paid(p, raised))
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.answerNext(nothing())
	r.wantStatus(p.ID, payment.StatusAwaiting)
	if d := r.payment(p.ID).Doubts; len(d) != 1 || !strings.Contains(d[0].Why, "gateway confirm") {
		t.Errorf("doubts %+v", d)
	}
	r.pass(31 * time.Second)
	r.answerNext(found(paid(p, raised))) // nor by the query in the same word
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.pass(31 * time.Second)
	r.answerNext(found(paid(p)))
	r.wantStatus(p.ID, payment.StatusApproved)

	q := newRig(t, confirming)
	p = q.sale(till1, "R1")
	q.pass(10 * time.Second)
	q.mustDeliver(paid(p, raised))
	q.wantStatus(p.ID, payment.StatusAwaiting)
	q.pass(0)
	q.answerNext(found(paid(p, raised)))
	q.wantStatus(p.ID, payment.StatusApproved)
}

// TestConfirm: staff confirm a word by a sale whose notification had it and which the query reports
// in known words; from then on, and after a restart, it is a payment. Nothing else confirms one.
func TestConfirm(t *testing.T) {
	r := newRig(t, asking)
	p := r.sale(till1, "R1")
	r.pass(10 * time.Second)
	r.mustDeliver(paid(p, func(r *payment.Record) { r.Status = "PAID" })) // not configured yet
	if _, err := r.confirmsWord(p.ID); err == nil || !strings.Contains(err.Error(), "query") {
		t.Errorf("confirmed without the query's word: %v", err)
	}
	r.answerNext(found(paid(p)))
	r.wantStatus(p.ID, payment.StatusApproved)
	words, err := r.confirmsWord(p.ID)
	if err != nil || !slices.Equal(words, []string{"status PAID"}) {
		t.Fatalf("confirmed %q, %v", words, err)
	}
	if _, err := r.confirmsWord(p.ID); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("confirmed twice: %v", err)
	}
	r.settlesAll(p.ID)
	for _, reference := range []string{"R2", "R3"} {
		p = r.sale(till1, reference)
		r.mustDeliver(paid(p, raised))
		r.wantStatus(p.ID, payment.StatusApproved)
		if _, err := r.confirmsWord(p.ID); err == nil ||
			!strings.Contains(err.Error(), "PAID is confirmed already") {
			t.Errorf("there is nothing to confirm: %v", err)
		}
		r.settlesAll(p.ID)
		r.reboot()
		r.makeReady()
	}
	p = r.sale(till1, "R4")
	r.mustDeliver(paid(p, func(r *payment.Record) { r.Said.Status = "OTHER" }))
	r.wantStatus(p.ID, payment.StatusAwaiting)
}

// confirmsWord is staff's confirmation by one payment.
func (r *rig) confirmsWord(id string) ([]string, error) {
	a, _ := r.ask(func(to engine.Ticket) engine.Event {
		return engine.Confirming{ID: id, By: "Ana", To: to}
	})
	return a.Words, a.Err
}

// settlesAll acknowledges a final payment, so that the next sale may begin.
func (r *rig) settlesAll(id string) {
	r.t.Helper()
	if err := r.acknowledge(till1, id, r.payment(id).Revision); err != nil {
		r.t.Fatal(err)
	}
}

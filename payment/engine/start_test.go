package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// obstacles are the reasons for which a sale is refused, the one that is told first at the top:
// each test takes away the topmost and expects the next.
var obstacles = []struct {
	code   payment.Code
	reason string // of not_ready
	put    func(*rig, *payment.Request)
	remove func(*rig, *payment.Request)
}{
	{payment.CodeReferenceInvalid, "", func(_ *rig, q *payment.Request) { q.Reference = "" },
		func(_ *rig, q *payment.Request) { q.Reference = "used" }},
	{payment.CodeAmountInvalid, "", func(_ *rig, q *payment.Request) { q.Money.Amount = 0 },
		func(_ *rig, q *payment.Request) { q.Money.Amount = 5 }},
	{payment.CodeReferenceConflict, "", nil, func(_ *rig, q *payment.Request) { q.Money = sgd10 }},
	{payment.CodeReferenceReused, "", nil,
		func(_ *rig, q *payment.Request) { q.Reference = "new" }},
	{payment.CodeInvalid, "", func(_ *rig, q *payment.Request) { q.Timeout = time.Second },
		func(_ *rig, q *payment.Request) { q.Timeout = 0 }},
	{payment.CodeInvalid, "", func(_ *rig, q *payment.Request) { q.Schemes = []string{"gold"} },
		func(_ *rig, q *payment.Request) { q.Schemes = nil }},
	{payment.CodeBusy, "", func(r *rig, _ *payment.Request) { r.sale(till2, "other") },
		func(r *rig, _ *payment.Request) {
			r.mustDeliver(paid(r.payment(newest(r, till2))))
		}},
	{payment.CodeNotReady, "journal_rollback",
		func(r *rig, _ *payment.Request) { r.step(engine.RelayRemembered{Known: lost}) },
		func(r *rig, _ *payment.Request) { r.recovers() }},
	{payment.CodeNotReady, "clock_implausible",
		func(r *rig, _ *payment.Request) { r.now.Wall = r.now.Wall.AddDate(-1, 0, 0) },
		func(r *rig, _ *payment.Request) { r.now.Wall = r.now.Wall.AddDate(1, 0, 0) }},
	{payment.CodeNotReady, "relay_down",
		func(r *rig, _ *payment.Request) { r.step(engine.RelayChanged{Cause: "no route"}) },
		func(r *rig, _ *payment.Request) { r.step(engine.RelayChanged{Connected: true}) }},
	{payment.CodeNotReady, "path_unproven",
		func(r *rig, _ *payment.Request) { r.pass(61 * time.Second) },
		func(r *rig, _ *payment.Request) { r.prove() }},
	{payment.CodeNotReady, "no_display",
		func(r *rig, _ *payment.Request) { r.step(engine.DisplayChanged{Cause: "gone"}) },
		func(r *rig, _ *payment.Request) {
			r.step(engine.DisplayChanged{Connected: true})
			r.step(engine.DisplayShows{Kind: payment.ScreenIdle})
		}},
	{payment.CodeInternal, "", func(r *rig, _ *payment.Request) {
		r.gw.fail = errors.New("no key")
	}, func(r *rig, _ *payment.Request) { r.gw.fail = nil }},
	{payment.CodeNotReady, "display_too_small",
		func(r *rig, _ *payment.Request) { r.disp.tooSmall = errors.New("2 px") },
		func(r *rig, _ *payment.Request) { r.disp.tooSmall = nil }},
	{payment.CodeJournalUnavailable, "",
		func(r *rig, _ *payment.Request) { r.j.refuse = on(payment.KindRequested) },
		func(r *rig, _ *payment.Request) { r.j.refuse = nil }},
}

func newest(r *rig, till string) string {
	r.t.Helper()
	id, err := r.j.Newest(till)
	if err != nil || id == "" {
		r.t.Fatalf("no payment of %s: %v", till, err)
	}
	return id
}

func TestStartRefusesInOrder(t *testing.T) {
	r := newRig(t)
	used := r.sale(till1, "used")
	r.mustDeliver(paid(used))
	if err := r.acknowledge(till1, used.ID, r.told().Revision); err != nil {
		t.Fatal(err)
	}
	var q payment.Request
	q.Money = sgd10
	for _, o := range obstacles {
		if o.put != nil {
			o.put(r, &q)
		}
	}
	q.Money.Amount = 0
	for i, o := range obstacles {
		before := len(all[payment.Requested](r))
		_, err := r.tryStart(till1, q)
		e := wantCode(t, err, o.code)
		if got := len(all[payment.Requested](r)); got != before {
			t.Fatalf("obstacle %d %s: something was started", i, o.code)
		}
		if o.reason != "" && (len(e.Reasons) == 0 || e.Reasons[0].Code != o.reason ||
			e.Reasons[0].Hint == "" || e.Reasons[0].Message == "") {
			t.Fatalf("obstacle %d: reasons %+v, want %s first", i, e.Reasons, o.reason)
		}
		o.remove(r, &q)
	}
	p, err := r.tryStart(till1, q)
	if err != nil {
		t.Fatalf("with no obstacle left: %v", err)
	}
	if p.Reference != "new" || p.Status != payment.StatusAwaiting {
		t.Errorf("started %+v", p)
	}
}

// TestARepeatUnderAnotherConfiguration: a sale that has begun is the answer to its request, also
// where nothing of the kind could begin any more. A till that is refused charges in another way.
func TestARepeatUnderAnotherConfiguration(t *testing.T) {
	for name, change := range map[string]func(*engine.Config){
		"max_amount": func(c *engine.Config) { c.MaxAmount = 999 },
		"currency":   func(c *engine.Config) { c.Currency = payment.IDR },
		"timeouts":   func(c *engine.Config) { c.MinTimeout = 5 * time.Minute },
		"schemes":    func(c *engine.Config) { c.Schemes = []string{"alipay"} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			q := request("R1")
			q.Timeout, q.Schemes = time.Minute, []string{"paynow"}
			p, err := r.tryStart(till1, q)
			if err != nil {
				t.Fatal(err)
			}
			change(&r.cfg)
			r.crash()
			r.makeReady()
			again, err := r.tryStart(till1, q)
			if err != nil || again.ID != p.ID || again.Money != q.Money {
				t.Errorf("the repeat is answered with %+v, %v", again, err)
			}
			q.Reference = "R2"
			if _, err := r.tryStart(till1, q); payment.CodeOf(err) != payment.CodeAmountInvalid &&
				payment.CodeOf(err) != payment.CodeInvalid {
				t.Errorf("another one is answered with %v", err)
			}
		})
	}
}

func TestStartChecksTheRequest(t *testing.T) {
	r := newRig(t)
	for _, tc := range []struct {
		name   string
		change func(*payment.Request)
		want   payment.Code
	}{
		{"no reference", func(q *payment.Request) { q.Reference = "" },
			payment.CodeReferenceInvalid},
		{"41 characters", func(q *payment.Request) { q.Reference = strings.Repeat("x", 41) },
			payment.CodeReferenceInvalid},
		{"a control character", func(q *payment.Request) { q.Reference = "a\tb" },
			payment.CodeReferenceInvalid},
		{"DEL", func(q *payment.Request) { q.Reference = "a\x7f" }, payment.CodeReferenceInvalid},
		{"not ASCII", func(q *payment.Request) { q.Reference = "é" }, payment.CodeReferenceInvalid},
		{"negative", func(q *payment.Request) { q.Money.Amount = -1 }, payment.CodeAmountInvalid},
		{"zero", func(q *payment.Request) { q.Money.Amount = 0 }, payment.CodeAmountInvalid},
		{"above the limit", func(q *payment.Request) { q.Money.Amount = 999_999_901 },
			payment.CodeAmountInvalid},
		{"another currency", func(q *payment.Request) { q.Money.Currency = payment.IDR },
			payment.CodeAmountInvalid},
		{"no currency", func(q *payment.Request) { q.Money.Currency = "" },
			payment.CodeAmountInvalid},
		{"too short", func(q *payment.Request) { q.Timeout = 30*time.Second - 1 },
			payment.CodeInvalid},
		{"too long", func(q *payment.Request) { q.Timeout = 900*time.Second + 1 },
			payment.CodeInvalid},
		{"negative time", func(q *payment.Request) { q.Timeout = -1 }, payment.CodeInvalid},
		{"unknown scheme", func(q *payment.Request) { q.Schemes = []string{"paynow", "barter"} },
			payment.CodeInvalid},
		{"scheme twice", func(q *payment.Request) { q.Schemes = []string{"paynow", "paynow"} },
			payment.CodeInvalid},
	} {
		q := request("R1")
		tc.change(&q)
		_, err := r.tryStart(till1, q)
		if e := wantCode(t, err, tc.want); e.Retryable {
			t.Errorf("%s: a malformed request is no better the next time", tc.name)
		}
	}
	if len(r.gw.minted) != 0 || r.j.commits != 0 {
		t.Error("a refused request left something behind")
	}
	q := payment.Request{
		Reference: strings.Repeat("~", 40),
		Money:     payment.Money{Amount: 999_999_900, Currency: payment.SGD},
		Timeout:   30 * time.Second, Schemes: []string{"paynow"}, Description: "a coffee",
	}
	p, err := r.tryStart(till1, q)
	if err != nil {
		t.Fatal(err)
	}
	m := r.gw.minted[0]
	if m.Money != q.Money || m.Timeout != q.Timeout || m.MerchantRef != p.MerchantRef ||
		len(m.Schemes) != 1 {
		t.Errorf("minted %+v", m)
	}
	if p.Deadline != r.now.Up+30*time.Second ||
		!p.DeadlineAt.Equal(r.now.Wall.Add(30*time.Second)) || p.Description != "a coffee" {
		t.Errorf("payment %+v", p)
	}
	if !strings.HasPrefix(p.MerchantRef, tag+"-") || len(p.MerchantRef) != 35 {
		t.Errorf("merchantRef %q", p.MerchantRef)
	}
}

func TestARefusedStartUsesUpNoReference(t *testing.T) {
	r := newRig(t)
	r.step(engine.RelayChanged{})
	if _, err := r.tryStart(till1, request("R1")); err == nil {
		t.Fatal("started without a relay")
	}
	r.step(engine.RelayChanged{Connected: true})
	r.j.refuse = always
	_, err := r.tryStart(till1, request("R1"))
	wantCode(t, err, payment.CodeJournalUnavailable)
	r.j.refuse = nil
	r.sale(till1, "R1")
}

func approve(r *rig, p payment.Payment) { r.mustDeliver(paid(p)) }

// cancelAndWait ends a payment as cancelled.
func cancelAndWait(r *rig, p payment.Payment) {
	r.cancel(till1, p.ID)
	r.pass(6 * time.Second)
	r.prove()
}

func anotherAmount() payment.Request {
	q := request("R1")
	q.Money.Amount++
	return q
}

// repeats is every case of a reference that is used again (docs/INTEGRATION.md, "Timeouts, crashes,
// power cuts").
var repeats = []struct {
	name   string
	before func(r *rig, p payment.Payment)
	ask    payment.Request
	want   payment.Code // "" = the same payment
}{
	{"awaiting", func(*rig, payment.Payment) {}, request("R1"), ""},
	{"awaiting, another amount", func(*rig, payment.Payment) {}, anotherAmount(),
		payment.CodeReferenceConflict},
	{"cancelling", func(r *rig, p payment.Payment) { r.cancel(till1, p.ID) }, request("R1"), ""},
	{"approved", approve, request("R1"), ""},
	{"approved, another amount", approve, anotherAmount(), payment.CodeReferenceConflict},
	{"approved, just inside the window", func(r *rig, p payment.Payment) {
		approve(r, p)
		r.pass(10*time.Minute - time.Millisecond)
	}, request("R1"), ""},
	{"approved, window over", func(r *rig, p payment.Payment) {
		approve(r, p)
		r.pass(10 * time.Minute)
	}, request("R1"), payment.CodeReferenceReused},
	{"approved, agent restarted", func(r *rig, p payment.Payment) {
		approve(r, p)
		r.crash()
	}, request("R1"), ""},
	{"approved, rebooted", func(r *rig, p payment.Payment) {
		approve(r, p)
		r.reboot()
	}, request("R1"), payment.CodeReferenceReused},
	{"acknowledged", func(r *rig, p payment.Payment) {
		approve(r, p)
		r.mustAcknowledge(till1, p.ID)
	}, request("R1"), payment.CodeReferenceReused},
	{"an older revision acknowledged", func(r *rig, p payment.Payment) {
		cancelAndWait(r, p)
		r.mustAcknowledge(till1, p.ID)
		approve(r, p)
	}, request("R1"), payment.CodeReferenceReused},
	{"corrected after the window", func(r *rig, p payment.Payment) {
		cancelAndWait(r, p)
		r.pass(10 * time.Minute)
		approve(r, p)
	}, request("R1"), payment.CodeReferenceReused},
	{"corrected inside the window, nothing acknowledged", func(r *rig, p payment.Payment) {
		cancelAndWait(r, p)
		r.pass(time.Minute)
		approve(r, p)
	}, request("R1"), ""},
}

func TestRepeatedReference(t *testing.T) {
	for _, tc := range repeats {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			p := r.sale(till1, "R1")
			tc.before(r, p)
			r.makeReady()
			again, err := r.tryStart(till1, tc.ask)
			if tc.want == "" {
				if err != nil || again.ID != p.ID {
					t.Fatalf("got %q, %v; want the same payment", again.ID, err)
				}
			} else if e := wantCode(t, err, tc.want); e.Payment == nil || e.Payment.ID != p.ID ||
				e.Retryable {
				t.Errorf("the refusal does not name the payment: %+v", e)
			}
			if n := len(all[payment.Requested](r)); n != 1 {
				t.Errorf("%d payments were started", n)
			}
		})
	}
}

func (r *rig) mustAcknowledge(till, id string) {
	r.t.Helper()
	if err := r.acknowledge(till, id, r.payment(id).Revision); err != nil {
		r.t.Fatalf("acknowledge: %v", err)
	}
}

func TestReferencesArePerTill(t *testing.T) {
	r := newRig(t)
	a := r.sale(till1, "R1")
	r.mustDeliver(paid(a))
	b := r.sale(till2, "R1")
	if a.ID == b.ID {
		t.Fatal("two tills got one payment")
	}
	r.mustDeliver(paid(b, func(rec *payment.Record) { rec.Amount = 1 }))
	r.wantStatus(a.ID, payment.StatusApproved)
	r.wantStatus(b.ID, payment.StatusUnknown, payment.FlagAmountMismatch)
	for till, want := range map[string]string{till1: a.ID, till2: b.ID} {
		got, to := r.ask(func(to engine.Ticket) engine.Event {
			return engine.GetAsked{Till: till, Key: payment.Key{Reference: "R1"}, To: to}
		})
		if !r.answered(to) || got.Payment.ID != want {
			t.Errorf("%s reads %q, want %q", till, got.Payment.ID, want)
		}
	}
}

func TestBusyNamesTheOtherPayment(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	_, err := r.tryStart(till2, request("R1"))
	if e := wantCode(t, err, payment.CodeBusy); e.Payment == nil || e.Payment.ID != p.ID ||
		!e.Retryable {
		t.Errorf("busy: %+v", e)
	}
}

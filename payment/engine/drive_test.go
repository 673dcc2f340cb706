package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// pass lets time go by, waking the machine whenever it asks for it.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	until := r.now.Up + d
	for {
		at, ok := r.m.NextWake()
		if r.failed {
			at, ok = r.now.Up+time.Second, true
		}
		if !ok || at > until || r.dead {
			break
		}
		r.now.Wall = r.now.Wall.Add(max(0, at-r.now.Up))
		r.now.Up = max(r.now.Up, at)
		if r.wakes++; r.wakes > 10_000 {
			r.t.Fatal("the machine never sleeps")
		}
		r.step(engine.Ticked{})
	}
	r.now.Wall = r.now.Wall.Add(until - r.now.Up)
	r.now.Up = until
	r.step(engine.Ticked{})
}

// ask steps an event that is answered and returns the answer; ok is false while there is none.
func (r *rig) ask(event func(engine.Ticket) engine.Event) (a engine.Answer, to engine.Ticket) {
	r.t.Helper()
	r.ticket++
	to = r.ticket
	r.step(event(to))
	return r.answers[to], to
}

func (r *rig) answered(to engine.Ticket) bool { _, ok := r.answers[to]; return ok }

func request(reference string) payment.Request {
	return payment.Request{Reference: reference, Money: sgd10}
}

func (r *rig) tryStart(till string, q payment.Request) (payment.Payment, error) {
	r.t.Helper()
	a, to := r.ask(func(t engine.Ticket) engine.Event {
		return engine.StartAsked{Till: till, Request: q, To: t}
	})
	if !r.answered(to) {
		r.t.Fatal("payment.start was not answered")
	}
	return a.Payment, a.Err
}

// start starts a sale that must be possible; its code is not on the screen yet.
func (r *rig) start(till, reference string) payment.Payment {
	r.t.Helper()
	p, err := r.tryStart(till, request(reference))
	if err != nil {
		r.t.Fatalf("start: %v", err)
	}
	return p
}

// sale starts a sale and lets the display confirm its code.
func (r *rig) sale(till, reference string) payment.Payment {
	r.t.Helper()
	p := r.start(till, reference)
	r.confirm(p)
	return p
}

func (r *rig) confirm(p payment.Payment) {
	r.t.Helper()
	r.step(engine.DisplayShows{Kind: payment.ScreenPay, Payment: p.ID, Revision: p.Revision})
}

func (r *rig) cancel(till, id string) (engine.Answer, engine.Ticket) {
	r.t.Helper()
	return r.ask(func(t engine.Ticket) engine.Event {
		return engine.CancelAsked{Till: till, Key: payment.Key{ID: id}, To: t}
	})
}

// paid is the record of a payment that satisfies guarantee 1, changed as the test wants.
func paid(p payment.Payment, change ...func(*payment.Record)) payment.Record {
	rec := payment.Record{
		MerchantRef: p.MerchantRef, TransactionRef: "tx-" + p.ID, Type: payment.TypePay,
		Status: payment.RecordSuccess, ResponseCode: "00", Amount: p.Money.Amount,
		Currency: string(p.Money.Currency), Scheme: "VISA", PaidAt: day,
	}
	for _, c := range change {
		c(&rec)
	}
	return rec
}

func status(s, transaction string) func(*payment.Record) {
	return func(r *payment.Record) { r.Status, r.TransactionRef = s, transaction }
}

// deliver hands records over as one delivery and returns whether the relay may be told that they
// are in the journal.
func (r *rig) deliver(records ...payment.Record) error {
	r.t.Helper()
	return r.deliverEnvelope(seal(r.gw.secret, records...))
}

func (r *rig) deliverEnvelope(e payment.Envelope) error {
	r.t.Helper()
	r.seq++
	a, to := r.ask(func(t engine.Ticket) engine.Event {
		return engine.Delivered{Envelope: e, Position: r.position(), To: t}
	})
	if !r.answered(to) {
		r.t.Fatal("a delivery was not answered")
	}
	if a.Err != nil {
		r.seq--
	}
	return a.Err
}

func (r *rig) position() payment.Position {
	return payment.Position{Epoch: "E", Seq: r.seq, ID: fmt.Sprintf("D%d", r.seq)}
}

func (r *rig) mustDeliver(records ...payment.Record) {
	r.t.Helper()
	if err := r.deliver(records...); err != nil {
		r.t.Fatalf("deliver: %v", err)
	}
}

func (r *rig) prove() { r.t.Helper(); r.step(engine.CanaryReturned{SentUp: r.now.Up}) }

func (r *rig) get(till, id string) (payment.Payment, error) {
	r.t.Helper()
	a, to := r.ask(func(t engine.Ticket) engine.Event {
		return engine.GetAsked{Till: till, Key: payment.Key{ID: id}, To: t}
	})
	if !r.answered(to) {
		r.t.Fatal("payment.get was not answered")
	}
	return a.Payment, a.Err
}

func (r *rig) acknowledge(till, id string, revision int64) error {
	r.t.Helper()
	a, to := r.ask(func(t engine.Ticket) engine.Event {
		return engine.Acknowledged{Till: till, ID: id, Revision: revision, To: t}
	})
	if !r.answered(to) {
		r.t.Fatal("payment.acknowledge was not answered")
	}
	return a.Err
}

func (r *rig) inspect() engine.Snapshot {
	r.t.Helper()
	a, _ := r.ask(func(t engine.Ticket) engine.Event { return engine.Inspected{To: t} })
	return a.State
}

// forget drops what has been told so far.
func (r *rig) forget() {
	r.changed, r.owed, r.screens, r.canary, r.ready, r.extra = nil, nil, nil, 0, 0, 0
}

// facts are the kinds of a payment's facts, in order.
func (r *rig) facts(id string) string {
	r.t.Helper()
	facts, err := r.j.Journal.Facts(id)
	if err != nil {
		r.t.Fatal(err)
	}
	kinds := make([]string, len(facts))
	for i, f := range facts {
		kinds[i] = string(f.Kind())
	}
	return strings.Join(kinds, " ")
}

// all are the journal's facts of one kind.
func all[D payment.Data](r *rig) []D {
	r.t.Helper()
	var found []D
	err := r.j.Each(1, func(f payment.Fact, _ string) error {
		if d, ok := f.Data.(D); ok {
			found = append(found, d)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

func (r *rig) wantStatus(id string, want payment.Status, flags ...payment.Flag) payment.Payment {
	r.t.Helper()
	p := r.payment(id)
	if p.Status != want || !slices.Equal(p.Flags, flags) {
		r.t.Fatalf("status %s %v, want %s %v; facts: %s", p.Status, p.Flags, want, flags,
			r.facts(id))
	}
	return p
}

func (r *rig) wantFacts(id, want string) {
	r.t.Helper()
	if got := r.facts(id); got != want {
		r.t.Fatalf("facts\n got %s\nwant %s", got, want)
	}
}

func (r *rig) wantScreen(kind payment.Screen) {
	r.t.Helper()
	if r.screen.Kind != kind {
		r.t.Fatalf("the screen shows %s %q, want %s", r.screen.Kind, r.screen.Reason, kind)
	}
	if (r.screen.Payload != "") != (kind == payment.ScreenPay) {
		r.t.Fatalf("screen %s with payload %q", kind, r.screen.Payload)
	}
}

// told is the newest change that the tills heard of.
func (r *rig) told() payment.Payment {
	r.t.Helper()
	if len(r.changed) == 0 {
		r.t.Fatal("nobody was told anything")
	}
	return r.changed[len(r.changed)-1]
}

func wantCode(t rapid.TB, err error, want payment.Code) *payment.Error {
	t.Helper()
	var e *payment.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want %s", err, want)
	}
	if e.Code != want {
		t.Fatalf("error %s (%v), want %s", e.Code, err, want)
	}
	if e.Message == "" || e.Hint == "" || e.Op == "" {
		t.Errorf("error %s says too little: %+v", e.Code, e)
	}
	return e
}

package engine_test

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// oracle knows what the customers did and what the tills heard, and nothing of how the engine
// works. It never folds a fact.
type oracle struct {
	t        rapid.TB
	sales    map[string]*sale // by the payment's id
	refs     map[string]string
	attached map[string]int
}

// sale is what the world outside knows about one payment.
type sale struct {
	till, reference string
	money           payment.Money
	// a matching SUCCESS was handed to the engine, whether or not the engine took it
	paid      bool
	booked    bool // and the engine said that it has it
	voided    bool
	shown     payment.Payment // as told last
	approved  bool            // the owner was told approved, and that was committed
	acked     int64
	finalBoot string // first told final
	finalUp   time.Duration
}

func newOracle(t rapid.TB) *oracle {
	return &oracle{t: t, sales: map[string]*sale{}, refs: map[string]string{},
		attached: map[string]int{}}
}

// heard checks everything that is told about a payment.
func (o *oracle) heard(r *rig, p payment.Payment, how engine.Effect) {
	s := o.sales[p.ID]
	if s == nil {
		s = &sale{till: p.Till, reference: p.Reference, money: p.Money}
		o.sales[p.ID] = s
		key := p.Till + "/" + p.Reference
		if first, used := o.refs[key]; used {
			o.t.Fatalf("%s was used by %s and begins %s", key, first, p.ID)
		}
		o.refs[key] = p.ID
	}
	if p.Till != s.till || p.Reference != s.reference || p.Money != s.money {
		o.t.Fatalf("%s changed its request: %+v, was %+v", p.ID, p, s)
	}
	if p.Status == payment.StatusApproved && !s.paid {
		o.t.Fatalf("an invented approval: %+v", p)
	}
	if owed, ok := how.(engine.Owed); ok && owed.Payment.Revision <= s.acked {
		o.t.Fatalf("%s: revision %d was acknowledged and is offered again", p.ID, s.acked)
	}
	if unwritten(p) {
		return
	}
	if p.Final && s.finalBoot == "" {
		s.finalBoot, s.finalUp = r.now.Boot, r.now.Up
	}
	o.goesForward(s, p)
	if !r.failed {
		o.offered(r, s, p, how)
		s.shown = p
	}
}

// goesForward compares with what was told before.
func (o *oracle) goesForward(s *sale, p payment.Payment) {
	was := s.shown
	switch {
	case p.Revision < was.Revision:
		o.t.Fatalf("%s: revision %d after %d", p.ID, p.Revision, was.Revision)
	case p.Revision == was.Revision &&
		(p.Status != was.Status || !slices.Equal(p.Flags, was.Flags) ||
			p.QRPayload != was.QRPayload):
		o.t.Fatalf("%s: two answers at revision %d: %+v, was %+v", p.ID, p.Revision, p, was)
	case was.Final && !p.Final:
		o.t.Fatalf("%s: %s after %s", p.ID, p.Status, was.Status)
	case s.approved && p.Status != payment.StatusApproved:
		o.t.Fatalf("%s: approved was told, and now %s", p.ID, p.Status)
	case p.Final && p.QRPayload != "":
		o.t.Fatalf("%s is %s and can be paid", p.ID, p.Status)
	}
}

// offered checks that what is final was committed as offered before its owner hears it.
func (o *oracle) offered(r *rig, s *sale, p payment.Payment, how engine.Effect) {
	if !p.Final {
		return
	}
	if _, all := how.(engine.Changed); all && o.attached[s.till] == 0 {
		return
	}
	if got := r.payment(p.ID).OfferedRev; got < p.Revision {
		o.t.Fatalf("%s: revision %d is told, %d was offered", p.ID, p.Revision, got)
	}
	s.approved = s.approved || p.Status == payment.StatusApproved
}

// started checks the answer to payment.start: it may be an older payment only while the two cannot
// be mixed up.
func (o *oracle) started(r *rig, till string, q payment.Request, p payment.Payment) {
	if p.Till != till || p.Reference != q.Reference || p.Money != q.Money {
		o.t.Fatalf("%s asked for %+v and got %+v", till, q, p)
	}
	s := o.sales[p.ID]
	if !p.Final {
		return
	}
	if s.acked > 0 {
		o.t.Fatalf("%s: acknowledged, and answers another request", p.ID)
	}
	if s.finalBoot != r.now.Boot || r.now.Up-s.finalUp > 10*time.Minute {
		o.t.Fatalf("%s: final since %s %s, answers a request at %s %s", p.ID, s.finalBoot,
			s.finalUp, r.now.Boot, r.now.Up)
	}
}

// atMostOneOpen looks at the whole journal.
func (o *oracle) atMostOneOpen(r *rig) {
	var open []string
	for id := range o.sales {
		if p, ok, err := r.j.Payment(id); err != nil {
			o.t.Fatal(err)
		} else if ok && !p.Final {
			open = append(open, id)
		}
	}
	if len(open) > 1 {
		o.t.Fatalf("several payments are open: %v", open)
	}
}

// atTheEnd checks what must hold once the disk is well, the relay has delivered everything and the
// time is over.
func (o *oracle) atTheEnd(r *rig) {
	for _, id := range slices.Sorted(maps.Keys(o.sales)) {
		s, p := o.sales[id], r.payment(id)
		switch {
		case !p.Final:
			o.t.Fatalf("%s is stuck: %s, facts %s", id, p.Status, r.facts(id))
		case s.booked && p.Status != payment.StatusApproved &&
			(!s.voided || p.Status != payment.StatusUnknown):
			o.t.Fatalf("a lost approval: %s is %s, facts %s", id, p.Status, r.facts(id))
		case p.Status == payment.StatusApproved && !s.paid:
			o.t.Fatalf("%s is approved and nobody paid", id)
		case p.Acknowledged != (s.acked >= p.Revision), p.Owed == p.Acknowledged:
			o.t.Fatalf("%s: acknowledged %t, owed %t; the till stored %d of %d", id, p.Acknowledged,
				p.Owed, s.acked, p.Revision)
		}
	}
	for _, till := range []string{till1, till2} {
		r.forget()
		r.attach(till)
		for id, s := range o.sales {
			told := slices.ContainsFunc(r.owed,
				func(e engine.Owed) bool { return e.Payment.ID == id })
			if want := s.till == till && s.acked < r.payment(id).Revision; told != want {
				o.t.Fatalf("%s is told %s: %t, want %t", till, id, told, want)
			}
		}
	}
	report, err := r.j.Verify(nil)
	if err != nil || len(report.Problems) > 0 {
		o.t.Fatalf("the journal: %v %v", err, report.Problems)
	}
}

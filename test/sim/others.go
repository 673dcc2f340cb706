package sim

import (
	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// word is what a till gets for an answer: what the API lets it see.
type word struct {
	payment device.Payment
	page    []device.View
	next    int64
	err     *device.Error
}

// kind is why a till was refused.
func (a word) kind() payment.Code { return payment.Code(a.err.Data.Kind) }

func moneyOf(p device.Payment) payment.Money {
	return payment.Money{Amount: p.Amount, Currency: p.Currency}
}

// view is a payment as it goes to a till, which the oracle looks at: an outline of another till's,
// and never that as its own.
func (o *oracle) view(till string, p payment.Payment) device.View {
	o.told(till, p)
	v := device.ViewFor(p, till)
	switch own := v.(type) {
	case device.Payment:
		l := o.w.gw.byRef[own.MerchantRef]
		if a := o.accounts[own.ID]; own.Till != till || a == nil || a.till != till ||
			l != nil && l.sale != nil && l.sale.till != till {
			o.w.fail("%s is told of another till's sale as its own: %s", till, own.ID)
		}
	case device.Outline:
		if p.Till == till {
			o.w.fail("%s is told of its own sale in outline: %s", till, own.ID)
		}
		o.w.met(outlineHeard)
	}
	return v
}

// answers is an answer as it goes to a till: whatever it asked for, never another till's.
func (o *oracle) answers(till string, ans engine.Answer) (out word) {
	if ans.Err != nil {
		out.err = device.ErrorFor(ans.Err, till)
		if p, ok := out.err.Data.Payment.(device.Payment); ok && p.Till != till {
			o.w.fail("%s is refused with another till's sale: %s", till, p.ID)
		}
		return out
	}
	if ans.Payment.ID != "" {
		own, ok := o.view(till, ans.Payment).(device.Payment)
		if !ok {
			o.w.fail("%s gets another till's payment for an answer: %s", till, ans.Payment.ID)
		}
		out.payment = own
	}
	for _, p := range ans.Page.Payments {
		if p.Till != till {
			o.w.fail("%s finds another till's payment in its list: %s", till, p.ID)
		}
		if p.Final {
			o.told(till, p)
		}
		out.page = append(out.page, device.ViewFor(p, till))
	}
	out.next = ans.Page.Next
	return out
}

// attaches: a till connects, and may be owed more than it is told at once.
func (o *oracle) attaches(till string) {
	if ids, err := o.w.disk.Journal.Owed(till); err == nil && len(ids) > 50 {
		o.w.met(owedPages)
	}
}

// owes: a connection is told what its till is owed.
func (o *oracle) owes(till string, p payment.Payment) {
	if p.Till != till {
		o.w.fail("%s is told what %s is owed: %s", till, p.Till, p.ID)
	}
}

// acknowledging: a till says that it has stored a revision of its own sale.
func (o *oracle) acknowledging(s *sale, rev int64) {
	if a := o.accounts[s.id]; a != nil {
		a.acking = max(a.acking, rev)
	}
}

// byItsOwner fails when somebody else has ended or acknowledged a sale.
func (o *oracle) byItsOwner(e entry, a *account) {
	switch d := e.f.Data.(type) {
	case payment.CancelRequested:
		if d.By != a.till {
			o.w.fail("%s of %s is cancelled by %s", a.id, a.till, d.By)
		}
	case payment.Acknowledged:
		if s := a.link.sale; o.live(e) && s != nil && s.line == nil && d.Revision > a.acking {
			o.w.fail("revision %d of %s is acknowledged, and its till has said %d", d.Revision,
				a.id, a.acking)
		}
	}
}

// meddles touches a payment of another till, by what names it: nothing may come of that, and
// nothing is learnt.
func (t *jsonTill) meddles() {
	w := t.w
	var others []*sale
	for _, s := range w.sales {
		if s.till != t.name && len(s.ids) > 0 {
			others = append(others, s)
		}
	}
	if len(others) == 0 {
		return
	}
	s := others[len(others)-1] // rather the newest, which may run
	if w.chance(0.4) {
		s = pick(w, others...)
	}
	id := s.ids[len(s.ids)-1]
	a := w.oracle.accounts[id]
	if a == nil { // lost with a journal
		return
	}
	t.connects()
	want, what, mayBeOwn := payment.CodeNotOwner, "", false
	var event func(engine.Ticket) engine.Event
	n := w.rng.IntN(6)
	if a.offered > a.acked && w.chance(0.5) {
		n = 2
	}
	switch n {
	case 0, 1:
		what = "cancels"
		if !a.ended {
			w.met(meddledRunning)
		}
		event = func(to engine.Ticket) engine.Event {
			return engine.CancelAsked{Till: t.name, Key: payment.Key{ID: id}, To: to}
		}
	case 2:
		what = "acknowledges"
		if a.offered > a.acked {
			w.met(meddledFinal)
		}
		rev := max(1, a.offered)
		event = func(to engine.Ticket) engine.Event {
			return engine.Acknowledged{Till: t.name, ID: id, Revision: rev, To: to}
		}
	case 3:
		what = "shows"
		event = func(to engine.Ticket) engine.Event {
			return engine.TillShows{Till: t.name, ID: id, To: to}
		}
	default:
		what, want = "asks for", payment.CodeNotFound
		key := payment.Key{ID: id}
		if w.chance(0.5) {
			key, mayBeOwn = payment.Key{Reference: a.reference}, true
		}
		event = func(to engine.Ticket) engine.Event {
			return engine.GetAsked{Till: t.name, Key: key, To: to}
		}
	}
	if s.line != nil {
		w.met(meddledOnLine)
	}
	t.say("%s sale %d of %s", what, s.no, s.till)
	t.ask(event, func(ans word) {
		switch {
		case ans.err == nil && mayBeOwn && ans.payment.Reference == a.reference:
			// its own one of that reference
		case ans.err == nil:
			w.fail("%s %s sale %d of %s, and is let", t.name, what, s.no, s.till)
		case ans.kind() != want && ans.kind() != payment.CodeJournalUnavailable &&
			ans.kind() != payment.CodeNotFound:
			w.fail("%s %s sale %d of %s: %v", t.name, what, s.no, s.till, ans.err)
		case ans.err.Data.Payment != nil:
			w.fail("%s %s sale %d of %s, and learns of it: %+v", t.name, what, s.no, s.till,
				ans.err.Data.Payment)
		}
	})
}

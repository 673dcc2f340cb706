package sim

import (
	"slices"
	"strconv"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// moneyBook is what the journal has heard of one payment's money, counted from single records as
// docs/SALE.md says: payments of the right amount are the greatest of the different transaction
// references, the payments that one answer of the query reports, and one if there is any.
type moneyBook struct {
	named map[string]bool // references of payments of the right amount
	some  bool            // one is reported, with a reference or without
	most  int             // that one answer reports
	asked bool            // the query has reported one
	// what webhooks had said, and the query has said since, where that is needed
	confirmed map[string]bool
	wrong     map[string]bool // references of other amounts, currencies and codes
	other     bool            // of them another amount or currency
	back      map[string]int64
	early     int              // of back: before approved was first offered
	again     int              // facts that say so again, because there are more of them
	calls     map[string]int64 // amounts, by what staff name a payment by

	approved bool // was offered
	// what staff knew when they settled it, and what they said will still come
	settled *settlement
}

// settlement is the newest resolution about the money.
type settlement struct {
	right, wrong, back int
	sale               bool  // one payment of the right amount is no news
	give               int64 // nor is that much given back
}

// hears takes one record that is booked as this fact.
func (b *moneyBook) hears(l *link, r payment.Record, seq int64) {
	if r.Type == payment.TypePay && r.Status == payment.RecordSuccess {
		set(&b.calls, r.TransactionRef, r.Amount)
		set(&b.calls, "#"+strconv.FormatInt(seq, 10), r.Amount)
	}
	switch {
	case r.Status != payment.RecordSuccess:
	case r.Type == payment.TypePay && l.rightly(r):
		b.some = true
		if r.TransactionRef != "" {
			set(&b.named, r.TransactionRef, true)
		}
	case r.Type == payment.TypePay:
		if set(&b.wrong, r.TransactionRef, true); len(b.wrong) > 1 {
			delete(b.wrong, "") // it was one of those
		}
		b.other = b.other || r.Amount != l.money.Amount || r.Currency != string(l.money.Currency)
	default:
		if _, again := b.back[r.Content()]; again {
			return
		}
		set(&b.back, r.Content(), r.Amount)
		if !b.approved {
			b.early++
		}
	}
}

func set[V any](m *map[string]V, key string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = v
}

// right counts the payments of the right amount.
func (b *moneyBook) right() int {
	n := max(len(b.named), b.most)
	if b.some {
		n = max(n, 1)
	}
	return n
}

// rightly reports whether a record says that the link was paid as guarantee 1 wants it.
func (l *link) rightly(r payment.Record) bool {
	return r.Type == payment.TypePay && r.Status == payment.RecordSuccess &&
		r.MerchantRef == l.ref && r.Amount == l.money.Amount &&
		r.Currency == string(l.money.Currency) && (r.ResponseCode == "" || r.ResponseCode == "00")
}

// settles takes what staff said about the payment.
func (b *moneyBook) settles(d payment.Resolved) {
	if d.Finding == payment.FindingTillChecked && b.settled != nil {
		return // it is about the till's book
	}
	s := &settlement{right: b.right(), wrong: len(b.wrong), back: len(b.back)}
	s.sale = d.Outcome == payment.ResolvedApproved && s.right == 0
	if d.Finding == payment.FindingGivenBack {
		for _, ref := range d.Refs {
			s.give += b.calls[ref]
		}
	}
	b.settled = s
}

// news reports whether money has moved since staff settled the payment that they did not foresee.
func (b *moneyBook) news() bool {
	s := b.settled
	if s == nil {
		return false
	}
	return b.right()-s.right > 0 && !(s.sale && b.right() == 1) || len(b.wrong) > s.wrong ||
		len(b.back) > s.back && b.given() > s.give
}

// given sums up what was given back.
func (b *moneyBook) given() (sum int64) {
	for _, n := range b.back {
		sum += n
	}
	return sum
}

// booksAnswer takes the whole answer of a query whose step was committed, or has nothing to commit.
// What could not be looked up is not booked.
func (o *oracle) booksAnswer() {
	x := o.w.agent
	if x == nil || x.unread != o.w.disk.unread {
		return
	}
	q, ok := x.now.(engine.Queried)
	if !ok || q.Answer.Failure != "" {
		return
	}
	answer := q.Answer.Records
	for _, a := range o.accounts {
		n := 0
		for i, r := range answer {
			if a.link.rightly(r) && !slices.ContainsFunc(answer[:i], func(e payment.Record) bool {
				return r.TransactionRef != "" && e == r // the same line twice
			}) {
				n++
			}
		}
		a.money.most = max(a.money.most, n)
		for i := len(o.facts) - 1; i >= 0 && o.facts[i].at == o.w.t; i-- { // of this commit
			if e := &o.facts[i]; e.f.Payment == a.id {
				e.most = n
				break
			}
		}
	}
}

// isMissing reports whether a fact says again what is on record because the answer that it comes
// from has more payments than are known.
func (o *oracle) isMissing(f payment.Fact) bool {
	n, ok := f.Data.(payment.Notified)
	a := o.accounts[f.Payment]
	if !ok || a == nil || !a.link.rightly(n.Record) {
		return false
	}
	if c := n.Record.Content(); a.policy.ApproveNeedsQuery && n.Source == payment.SourceQuery &&
		!a.money.confirmed[c] {
		return true
	}
	if a.money.again >= n.Payments {
		return false
	}
	a.money.again++
	return true
}

// staffHave reports whether the payment is with staff because of its money, and not only because
// its till has not confirmed the outcome.
func (v *verdict) staffHave(p payment.Payment) bool {
	for _, i := range v.work {
		if i.Payment != nil && i.Payment.ID == p.ID {
			return slices.ContainsFunc(i.Tasks,
				func(t payment.Task) bool { return t.Code != "owed" })
		}
	}
	return false
}

// money compares what the journal has heard of a payment's money with what the agent makes of it.
func (v *verdict) money(a *account, p payment.Payment) {
	w, b := v.w, &a.money
	flagged := func(f payment.Flag) bool { return slices.Contains(p.Flags, f) }
	switch {
	case b.right() > 1 != flagged(payment.FlagDuplicate):
		w.fail("%s has %d payments of the right amount, and its flags are %v", a.id, b.right(),
			p.Flags)
	case len(b.back) > 0 != flagged(payment.FlagReversed):
		w.fail("%s: %d reversals were carried out, and its flags are %v", a.id, len(b.back),
			p.Flags)
	case b.other != flagged(payment.FlagAmountMismatch):
		w.fail("%s: another amount is reported, %t, and its flags are %v", a.id, b.other, p.Flags)
	case b.news() && !v.staffHave(p):
		w.fail("%s was settled by staff, money has moved since, and nobody is told: %d right, "+
			"%d wrong, %d given back", a.id, b.right(), len(b.wrong), len(b.back))
	case b.settled != nil && b.news():
		w.met(movedAfterSettled)
	}
}

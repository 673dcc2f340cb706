package sim

import (
	"fmt"
	"time"

	"kiosk-agent/payment"
)

// paysAgain lets one code be paid more than once: by two phones, by somebody who thinks that it did
// not work, and once more after staff have looked at the first two.
func (w *World) paysAgain(l *link, at time.Duration) {
	for i := range pick(w, 2, 2, 3, 3, 4) {
		if i >= 2 && w.chance(0.6) {
			at += w.between(2*time.Second, 20*time.Second)
			w.after(at, w.staff.works)
			at += w.between(0, 10*time.Second)
		}
		w.after(at, func() { w.pays(l) })
		at += pick(w, w.between(0, 2*time.Second), w.between(0, time.Minute))
	}
}

// paysAndReturns lets somebody pay and get the money back: all of it, a part, another amount than
// was paid, in two parts, twice, or not at all.
func (w *World) paysAndReturns(l *link) {
	c := w.pays(l)
	if c == nil {
		return
	}
	at := pick(w, w.between(0, 5*time.Second), w.between(0, 10*time.Minute))
	part := 1 + w.rng.Int64N(max(1, c.amount-1))
	later := func(do func()) {
		at += pick(w, w.between(0, 10*time.Second), w.between(0, 5*time.Minute))
		if w.chance(0.5) {
			w.after(at, w.staff.works)
			at += w.between(0, 10*time.Second)
		}
		w.after(at, do)
	}
	back := func(amount int64) { w.gw.reverse(l, c, amount) }
	switch w.rng.IntN(10) {
	case 0, 1, 2:
		w.after(at, func() { back(c.amount) })
	case 3:
		w.after(at, func() { back(part) })
	case 4: // in two parts
		w.after(at, func() { back(part) })
		later(func() { back(max(1, c.amount-part)) })
	case 5: // by two people, each of whom gives back all of it
		w.after(at, func() { back(c.amount) })
		later(func() { back(c.amount) })
	case 6: // somebody mistypes
		w.after(at, func() { back(c.amount + pick[int64](w, 1, 100)) })
	case 7, 8:
		w.after(at, func() { w.gw.refuses(l, c) })
	default: // at the second try
		w.after(at, func() { w.gw.refuses(l, c) })
		later(func() { back(c.amount) })
	}
}

// reverse gives money back. A webhook has no type: a reversal is seen by the query alone.
func (g *gateway) reverse(l *link, c *capture, amount int64) {
	w := g.w
	switch {
	case c.backs > 0:
		w.met(reversedAgain)
	case amount < c.amount:
		w.met(reversedInPart)
	case amount > c.amount:
		w.met(reversedTooMuch)
	}
	c.backs++
	c.back += amount
	r := g.reversal(l, c, payment.RecordSuccess)
	r.Amount = amount
	if amount < c.amount {
		r.Type = payment.TypeRefund
	}
	g.shows(l, r)
}

// refuses is a reversal that staff asked for and that was not done.
func (g *gateway) refuses(l *link, c *capture) {
	g.w.met(reversalRefused)
	r := g.reversal(l, c, pick(g.w, payment.RecordDeclined, payment.RecordExpired))
	r.ResponseCode = "05"
	g.shows(l, r)
}

func (g *gateway) reversal(l *link, c *capture, status string) payment.Record {
	r := g.record(l, status)
	r.Type = pick(g.w, payment.TypeVoid, payment.TypeRefund)
	r.TransactionRef = fmt.Sprintf("%sR%d", c.txn, g.txns)
	r.Amount = c.amount
	return r
}

// shows lets the query report a record.
func (g *gateway) shows(l *link, r payment.Record) {
	l.records = append(l.records, &statement{rec: r, visible: g.w.t + g.w.between(0, lag)})
	g.w.say("gateway", "%s %s of %d for %s: %s", r.Type, r.Status, r.Amount, short(l.ref),
		r.TransactionRef)
}

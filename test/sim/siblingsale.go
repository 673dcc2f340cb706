package sim

import (
	"fmt"
	"slices"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// sells lets its till ask for a sale, whose customer mostly pays.
func (b *sibling) sells() {
	w := b.w
	if b.journal == nil {
		return
	}
	b.payments++
	r := payment.Request{Reference: fmt.Sprintf("S%d", b.payments), Timeout: time.Minute,
		Money: payment.Money{Amount: 1000, Currency: payment.SGD}}
	b.ask(func(to engine.Ticket) engine.Event {
		return engine.StartAsked{Till: "till", Request: r, To: to}
	}, func(ans engine.Answer) {
		if ans.Err != nil {
			return
		}
		s := &sibSale{ref: ans.Payment.MerchantRef, id: ans.Payment.ID}
		b.sales = append(b.sales, s)
		b.say("sells %s", short(s.id))
		if w.chance(0.8) {
			w.after(w.between(time.Second, 90*time.Second), func() { b.isPaid(s) })
		}
	})
}

// isPaid: the gateway takes the money, and posts until the relay has it.
func (b *sibling) isPaid(s *sibSale) {
	g := b.w.gw
	g.txns++
	r := payment.Record{MerchantRef: s.ref, TransactionRef: fmt.Sprintf("TXN%06d", g.txns),
		Type: payment.TypePay, Status: payment.RecordSuccess, Amount: 1000,
		Currency: string(payment.SGD), PaidAt: b.w.trueWall().Truncate(time.Second)}
	s.body, s.content = g.seal(b.account(), r), r.Content()
	b.say("%s is paid", short(s.id))
	b.posts(s)
}

func (b *sibling) posts(s *sibSale) {
	w := b.w
	d := w.between(20*time.Millisecond, time.Second)
	w.relay.hook(hookRequest{shared: true, body: s.body}, d, func(err error) {
		if s.taken = err == nil; !s.taken {
			w.after(w.between(5*time.Second, 30*time.Second), func() { b.posts(s) })
		}
	})
}

// goesOn is what happens to it by itself: sales, crashes, backups, and staff who accept its
// journal.
func (b *sibling) goesOn() {
	w := b.w
	if w.healed {
		return
	}
	w.after(w.between(5*time.Second, 60*time.Second), func() {
		switch n := w.rng.IntN(12); {
		case n < 7 || w.prof.level == 0:
			b.sells()
		case n < 9 && b.journal != nil:
			b.backsUp()
		case n < 11:
			b.dies(w.between(time.Second, 5*time.Minute))
		}
		b.recovers()
		b.goesOn()
	})
}

// recovers accepts its journal where that is asked for.
func (b *sibling) recovers() {
	if b.journal == nil || !b.caughtUp {
		return
	}
	b.ask(func(to engine.Ticket) engine.Event { return engine.Inspected{To: to} },
		func(ans engine.Answer) {
			if ans.State.RolledBack == nil {
				return
			}
			b.ask(func(to engine.Ticket) engine.Event {
				return engine.Recovering{By: "staff", Reason: "the disk was replaced", To: to}
			}, func(engine.Answer) {})
		})
}

// judgeSibling: what the relay holds of its payments is in its journal, each approved or with
// staff.
func (w *World) judgeSibling() {
	b := w.sibling
	if b == nil {
		return
	}
	if b.journal == nil || !b.caughtUp {
		w.fail("the sibling does not come back")
	}
	held := map[string]bool{}
	for _, m := range w.relay.disk.All() {
		held[string(m.Body)] = true
	}
	report, err := b.journal.Verify(nil)
	if err != nil || len(report.Problems) > 0 {
		w.fail("the sibling's journal does not verify: %v, %v", err, report.Problems)
	}
	work, err := b.journal.Work()
	if err != nil {
		w.fail("the sibling's worklist cannot be read: %v", err)
	}
	for _, s := range b.sales {
		p, ok, err := b.journal.Payment(s.id)
		if err != nil || !ok && !s.lost {
			w.fail("the sibling has lost %s: %v", s.id, err)
		}
		if p.Status == payment.StatusApproved && s.body == nil {
			w.fail("the sibling's %s is approved and nobody paid", s.id)
		}
		if !s.taken || !held[string(s.body)] {
			continue
		}
		w.met(siblingPaid)
		listed := slices.ContainsFunc(work, func(i payment.WorkItem) bool {
			if i.Entry == nil {
				return false
			}
			u, ok := i.Entry.Data.(payment.Unmatched)
			return ok && u.Record.MerchantRef == s.ref
		})
		if seen, err := b.journal.Seen(s.content); err != nil || !seen ||
			p.Status != payment.StatusApproved && !listed {
			w.fail("the relay holds the payment of the sibling's %s, which is %q, and nobody is "+
				"told: %v", s.id, p.Status, err)
		}
	}
}

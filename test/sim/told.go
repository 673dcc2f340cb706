package sim

import (
	"encoding/json"
	"slices"
	"strings"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// told checks every word about a payment to its own till, at the moment it leaves the engine.
func (o *oracle) told(till string, p payment.Payment) {
	w := o.w
	if p.Till != till {
		return
	}
	a, l := o.accounts[p.ID], w.gw.byRef[p.MerchantRef]
	if a == nil || l == nil || a.ref != p.MerchantRef || l.money != p.Money {
		w.fail("%s is told of a payment that was never committed: %+v", till, p)
	}
	if p.QRPayload != "" && p.QRPayload != l.payload {
		w.fail("%s is given another code than the one of %s: %s", till, p.ID, p.QRPayload)
	}
	if p.QRPayload != "" && l.account != w.agent.accounts[0].Name && !w.agent.failed {
		w.fail("%s is given the code of %s, which was made at another account", till, p.ID)
	}
	if p.QRPayload != "" && a.ended && !w.agent.failed {
		// what the disk holds and says it does not, nobody knows yet
		w.fail("%s is given the code of %s after its end", till, p.ID)
	}
	o.asMade(a, p)
	good, _, _ := l.captured()
	if p.Status == payment.StatusApproved {
		if a.policy.ApproveNeedsQuery && !a.money.asked {
			w.fail("%s is told that %s is approved, and no query has said so", till, p.ID)
		}
		if good == 0 {
			w.fail("an invented approval: %s is told that %s is approved", till, p.ID)
		}
		if n := a.money.early; n > 0 && n >= a.money.right() {
			w.fail("%s is told that %s is approved, and its %d payments were known to be given "+
				"back before that", till, p.ID, a.money.right())
		}
		a.toldApproved, a.heard = true, true
	} else if a.toldApproved && !(p.Status == payment.StatusUnknown && a.money.early > 0) {
		// what was told while the disk took no entry is forgotten by a crash: then a reversal
		// that is known now was first
		w.fail("an approval is taken back: %s is told that %s is %s", till, p.ID, p.Status)
	}
	if !p.Final || p.Reason != nil && p.Reason.Code == "journal_unavailable" {
		return
	}
	if !w.agent.failed && p.Line == nil && a.offered < p.Revision {
		w.fail("%s is told revision %d of %s, and %d was committed as offered", till, p.Revision,
			p.ID, a.offered)
	}
	o.notPaid(a, p)
}

// notPaid checks the evidence behind "no payment was made".
func (o *oracle) notPaid(a *account, p payment.Payment) {
	switch p.Status {
	case payment.StatusDeclined, payment.StatusExpired, payment.StatusCancelled:
	default:
		return
	}
	w, l := o.w, a.link
	if a.mint.failed && l.exposed && !o.unminted[a.id] {
		w.fail("%s is told as never minted, and its code was shown", p.ID)
	}
	if !a.withdrawn || a.mint.failed {
		return // finished by an attempt in mode qr, or never minted
	}
	if !slices.Contains(p.Flags, payment.FlagUnconfirmed) {
		if n := len(a.empties); !a.policy.FinishDeclined &&
			(n < 2 || a.empties[n-1]-a.empties[0] < a.policy.Settle.Duration()) {
			w.fail("%s is told as %s, and there were no two answers %s apart: %v", p.ID, p.Status,
				a.policy.Settle.Duration(), a.empties)
		}
		for _, c := range l.caps {
			if c.good && c.at <= a.withdrawnAt && a.policy.Query && !a.policy.FinishDeclined {
				w.fail("%s is told as %s, and %s was paid before its code was withdrawn: two "+
					"queries must have shown it", p.ID, p.Status, c.txn)
			}
		}
		return
	}
	for _, m := range w.relay.hooks() {
		var s sealed
		received := w.relay.arrived[m.ID]
		if received > a.withdrawnAt ||
			json.Unmarshal(m.Body, &s) != nil ||
			len(w.agent.sealedBy(s.Secret)) == 0 {
			continue
		}
		for _, r := range s.Records {
			if r.MerchantRef == a.ref && l.rightly(r) && l.stated(r) &&
				!a.policy.FinishDeclined {
				w.fail("%s is told as %s unconfirmed, and the relay held its payment before "+
					"the canary was sent", p.ID, p.Status)
			}
		}
	}
}

// envelopeOf is a delivery as the engine gets it, without what does not identify it.
func envelopeOf(body []byte) payment.Envelope {
	return payment.Envelope{Method: "POST",
		Body: body}
}

// started checks the answer to payment.start: never another sale's.
func (o *oracle) started(s *sale, p device.Payment) {
	w := o.w
	l := w.gw.byRef[p.MerchantRef]
	if l == nil || p.Till != s.till || p.Reference != s.reference || moneyOf(p) != s.money {
		w.fail("%s asked for %s, %d and got %s, %d", s.till, s.reference, s.money.Amount,
			p.Reference, p.Amount)
	}
	owner := l.sale
	if owner == s || o.unacked[p.ID] {
		return
	}
	if owner != nil && owner.stored > 0 {
		w.fail("an old answer to a new request: sale %d was acknowledged and answers sale %d",
			owner.no, s.no)
	}
}

// refused: a sale that is refused must cost nothing. Its link, if one was made, is watched by
// exposed.
func (o *oracle) refused(s *sale, kind payment.Code) {
	if kind == payment.CodeAmountInvalid {
		o.w.met(overTheLimit)
		switch a := o.byAsk[s.till+"/"+s.reference]; {
		case a != nil:
			o.w.fail("sale %d is refused for its amount, and there is %s", s.no, a.id)
		case s.money.Amount <= o.w.prof.maxAmount && s.money.Currency == o.w.prof.currency:
			o.w.fail("sale %d is refused for its amount, %d", s.no, s.money.Amount)
		}
	}
	if kind == payment.CodeReferenceReused && s.id == "" &&
		o.byAsk[s.till+"/"+s.reference] == nil {
		o.w.fail("%s is refused as reused and was never used", s.reference)
	}
}

// stored: the engine has said that it booked the till's acknowledgement.
func (o *oracle) stored(s *sale, rev int64) {
	if a := o.accounts[s.id]; a != nil && a.acked < rev {
		o.w.fail("the acknowledgement of %s, revision %d, was answered and is not in the journal",
			s.id, rev)
	}
}

// superseded: the engine has said that the till on a line is not given this response unasked any
// more. After a crash only the journal knows.
func (o *oracle) superseded(till string, k payment.Key) {
	a := o.accounts[k.ID]
	if a == nil {
		a = o.byAsk[till+"/"+k.Reference]
	}
	if a != nil && !a.superseded {
		o.w.fail("that %s is not given unasked was answered and is not in the journal", a.id)
	}
}

// lineApproved checks an approval that a till on a line books.
func (o *oracle) lineApproved(s *sale, txn string, last bool) {
	w := o.w
	if a := o.offeredAs(s.line, s.line.taken); a != nil && a.link.sale != nil && a.link.sale != s &&
		a.link.sale.line == s.line && s.line.underWay(s) {
		// Nobody can call back what has left: the till takes it for something else.
		w.met(takenUnderWay)
		a.link.sale.discarded, s.twin = true, true
		return
	}
	if a := o.offeredAs(s.line, s.line.taken); a != nil && o.mayTakeOver(s, a) {
		w.say(s.line.name, "hears in sale %d of sale %d, which ran: nobody can tell them apart",
			s.no,
			a.link.sale.no)
		a.link.sale.discarded, s.twin = true, true
		return
	}
	for _, l := range w.gw.links {
		if told := o.offeredAs(s.line, s.line.taken); txn == "" && told != nil && told.link != l {
			continue // of those without a name it is the one that the frame is about
		}
		for _, c := range l.caps {
			if !c.isNamed(s, l, txn) {
				continue
			}
			switch {
			case !c.good, l.money.Amount != s.money.Amount, l.sale == s && l.money != s.money:
				w.fail("the line approves sale %d with a payment of another amount: %s", s.no,
					c.txn)
			case l.sale != s && l.sale.line == s.line && s.line.style == constant &&
				!l.sale.approved && (last || l.sale.status == payment.StatusUnknown ||
				l.sale.misheard || o.begunUntold(l)):
				// The same again under the same number, and the till never heard of that approval,
				// or took what was under way for that sale's answer:
				// nobody can tell the two apart, nor that another currency was configured between
				// them, which no frame has.
				l.sale.discarded, s.twin = true, true // the money stands in the book once
			case l.sale != s:
				w.fail("the line approves sale %d with the payment of sale %d", s.no, l.sale.no)
			}
			return
		}
	}
	w.fail("the line approves sale %d with transaction %q, which there never was", s.no, txn)
}

// denied: the disk has written facts and said that it has not. A sale may have begun that way, or
// an approval may be on record as told that nobody has been told.
func (o *oracle) denied(facts []payment.Fact) {
	for _, f := range facts {
		a := o.accounts[f.Payment]
		switch d := f.Data.(type) {
		case payment.Requested:
			a.denied = true
		case payment.Offered:
			if d.Status == payment.StatusApproved && !a.heard {
				a.toldApproved = false
			}
		}
	}
}

// begunUntold reports whether the till was told that this sale was not started, which the disk had
// denied: it began all the same.
func (o *oracle) begunUntold(l *link) bool {
	for _, a := range o.accounts {
		if a.link == l && a.denied {
			return true
		}
	}
	return false
}

// isNamed reports whether an approval on the line may be about this payment. Without a reference it
// is about the sale that the till has asked for.
func (c *capture) isNamed(s *sale, l *link, txn string) bool {
	if txn == "" {
		return c.good && l.sale == s
	}
	return strings.HasSuffix(c.txn, txn) || strings.HasSuffix(txn, c.txn)
}

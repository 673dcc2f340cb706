package sim

import (
	"slices"
	"time"

	"kiosk-agent/payment"
)

// receiptMeans is how long after its end the receipt number of a sale that was not acknowledged may
// mean that sale: nobody is asked to pay for it again.
const receiptMeans = 10 * time.Minute

// beginsOnLine checks that somebody has asked for a payment that begins on a line: one till, with
// one request, for one customer; and by its receipt number not for a sale that may be paid.
func (o *oracle) beginsOnLine(s *sale, a *account) {
	w := o.w
	x := s.attempted(s.askedWith)
	if s.reached == 0 {
		w.fail("%s begins, and the request for sale %d has not come", a.id, s.no)
	}
	if x.begun++; x.begun > 1 && !o.lostOne(s) {
		w.fail("one request of the till on the line began two payments: sale %d", s.no)
	}
	if most := s.line.kind.waits; most > 0 {
		if d := s.deadline - w.t + a.policy.AnswerWithin.Duration(); d > most-3*lineACK {
			w.fail("%s may be answered after %s: the till waits %s", a.id, d, most)
		}
	}
	if s.receipt == "" {
		return
	}
	for _, e := range o.facts {
		b := o.accounts[e.f.Payment]
		if e.f.Kind() == payment.KindRequested && b != nil && b != a && o.mayMean(b, s) {
			w.fail("a second code for receipt %s: sale %d, and %s of sale %d may be paid",
				s.receipt, s.no, b.id, b.link.sale.no)
		}
	}
	w.metIf(len(s.attempts) > 1 && len(s.ids) > 1, chargedAgain)
}

// lineACK is how long a terminal waits for an ACK.
const lineACK = 1800 * time.Millisecond

// mayMean reports whether the receipt number of s may mean the sale of b, which the till on the
// line has not acknowledged.
func (o *oracle) mayMean(b *account, s *sale) bool {
	was := b.link.sale
	if b.till != s.till || was == nil || was.receipt != s.receipt || b.denied || b.lineAcked ||
		was.money.Amount != s.money.Amount || b.acked > 0 {
		return false
	}
	if was.attempted(s.ecn) != nil && !o.hadNumbers(b) {
		return false // an ECN that comes again tells nothing
	}
	return b.overAt == 0 || b.overBoot == o.w.now().Boot && o.w.t-b.overAt < receiptMeans
}

// hadNumbers reports whether the three sales on the line before this one had receipt numbers, each
// its own: then the till numbers its receipts.
func (o *oracle) hadNumbers(b *account) bool {
	var before []string
	for _, e := range o.facts {
		x := o.accounts[e.f.Payment]
		if x == b {
			break
		}
		if e.f.Kind() != payment.KindRequested || x.till != b.till {
			continue
		}
		receipt := ""
		if x.link.sale != nil {
			receipt = x.link.sale.receipt
		}
		before = append(before, receipt)
	}
	if len(before) < 3 {
		return false
	}
	before = before[len(before)-3:]
	slices.Sort(before)
	return before[0] != "" && len(slices.Compact(before)) == 3
}

// isOver notes when it was decided that nobody is asked to pay any more: the payment is over then
// or later.
func (a *account) isOver(e entry) {
	if a.overAt == 0 {
		a.overAt, a.overBoot = e.at, e.f.Boot
	}
}

// isAskedAgain notes what a cashier's second try meets.
func (o *oracle) isAskedAgain(s *sale) {
	for _, id := range s.ids {
		if a := o.accounts[id]; a != nil {
			o.w.metIf(a.overAt == 0, askedAgainRunning)
			o.w.metIf(a.overAt > 0, askedAgainOver)
		}
	}
}

// isAskedFor notes what the next customer's sale has in common with one that the till has not
// acknowledged.
func (o *oracle) isAskedFor(s *sale) {
	for _, was := range o.w.sales {
		if was == s || was.line != s.line || was.receipt == "" || was.money.Amount !=
			s.money.Amount || !slices.ContainsFunc(was.ids, o.unheard) {
			continue
		}
		o.w.metIf(was.receipt == s.receipt, receiptOfAnother)
		o.w.metIf(was.receipt != s.receipt, amountOfAnother)
	}
}

// unheard reports whether a payment may be paid and no till has acknowledged it.
func (o *oracle) unheard(id string) bool {
	a := o.accounts[id]
	return a != nil && a.acked == 0 && !a.lineAcked && a.paid
}

// lineAcks: the session takes what came in for the till's word that it has an outcome.
func (o *oracle) lineAcks(id string) {
	if a := o.accounts[id]; a != nil {
		a.lineAcked = true
	}
}

// mayTakeOver reports whether the sale that a runs for may be answered to another customer's
// request: that came while its code could be paid, with the same receipt number and amount.
func (o *oracle) mayTakeOver(s *sale, a *account) bool {
	was, x := a.link.sale, s.attempts[len(s.attempts)-1]
	return was != nil && was != s && was.line == s.line && s.receipt != "" &&
		was.receipt == s.receipt && was.function == s.function &&
		was.money.Amount == s.money.Amount && (a.overAt == 0 || x.reached < a.overAt)
}

// isRefused: a second try is refused, and the sale runs. Nothing was wrong, so the till asked for
// that sale.
func (o *oracle) isRefused(s *sale) {
	for _, id := range s.ids {
		if a := o.accounts[id]; a != nil && a.overAt == 0 && o.w.prof.level == 0 &&
			len(s.attempts) > 1 && !a.policy.FinishDeclined {
			o.w.fail("sale %d runs, and its second try is refused", s.no)
		}
	}
}

// isDoubted: a sale is told TO for its receipt number. Where nothing was wrong some till has given
// a sale with that number up.
func (o *oracle) isDoubted(s *sale) {
	if o.w.prof.level > 0 || len(s.ids) > 0 || s.line.underWay(s) {
		return // what had left for an earlier request is taken for the answer to this one
	}
	for _, b := range o.accounts {
		if was := b.link.sale; was != nil && was.line == s.line && was.receipt == s.receipt &&
			b.acked == 0 {
			return
		}
	}
	o.w.fail("sale %d is told TO, and every sale with its receipt number was acknowledged", s.no)
}

// isOfBefore: an answer has the ECN of an earlier request for the sale that the till is asking for.
func (o *oracle) isOfBefore(t *ecrTill, s *sale, ecn string) {
	if s == nil || o.w.prof.level > 0 || s.attempted(ecn) == nil {
		return
	}
	if x := s.attempts[len(s.attempts)-1]; x.reached > 0 && t.leftAt > x.reached+time.Second {
		o.w.fail("sale %d is asked for with ECN %s, and answered under %s", s.no, x.ecn, ecn)
	}
}

package sim

import (
	"fmt"
	"slices"
	"time"

	"kiosk-agent/payment"
)

// receipts is how a till on a line fills in its receipt number, where its dialect has one.
type receipts string

const (
	noReceipts      receipts = "no receipts"
	countedReceipts receipts = "receipts counted"
	oneReceipt      receipts = "one receipt" // for every customer
	receiptsInTurn  receipts = "two receipts in turn"
)

// cashier is what people do at a till on a line whose sale is not answered in time.
type cashier struct {
	receipts receipts
	waits    time.Duration // for the answer to a sale
	// then the sale is asked for again, with a new ECN and the receipt number of before; else the
	// till asks for the last result
	again bool
	deaf  bool // the till hears only what it waits for
	busy  bool // the next customer is there already
	same  bool // every customer pays the same
}

// waitsLongest is how long a till waits that does not try again.
const waitsLongest = 240 * time.Second

// impatient is how long a cashier waits who should not: the sale runs, in most cases.
const impatient = 15 * time.Second

// maxTries is how often a cashier asks for one sale.
const maxTries = 4

// maxInLine is how many customers stand at a busy till, beside those who come by themselves.
const maxInLine = 8

func (w *World) drawCashier() cashier {
	c := cashier{waits: waitsLongest, busy: w.chance(0.5), same: w.chance(0.4)}
	c.receipts = pick(w, noReceipts, countedReceipts, countedReceipts, oneReceipt, receiptsInTurn)
	if c.receipts == oneReceipt {
		c.busy, c.same = w.chance(0.8), w.chance(0.8)
	}
	if c.receipts != noReceipts && w.chance(0.7) {
		c.again, c.deaf = true, w.chance(0.7)
		c.waits = pick(w, 120*time.Second, 120*time.Second, 60*time.Second, impatient)
	}
	return c
}

func (c cashier) String() string {
	return fmt.Sprintf("%s, waits %s, again %t, deaf %t, busy %t, one price %t", c.receipts,
		c.waits, c.again, c.deaf, c.busy, c.same)
}

// attempt is one request for a sale, whatever its transmissions: a cashier who tries again makes
// another one for the same customer.
type attempt struct {
	ecn     string
	reached time.Duration // true time at which it was with the agent first; 0 = it was not
	begun   int           // payments that were made for it
}

// attempted is the newest request for this sale with that ECN.
func (s *sale) attempted(ecn string) *attempt {
	for _, a := range slices.Backward(s.attempts) {
		if a.ecn == ecn {
			return a
		}
	}
	return nil
}

// asksWith gives the sale's next request its ECN.
func (s *sale) asksWith(ecn string) {
	s.ecn = ecn
	s.attempts = append(s.attempts, &attempt{ecn: ecn})
}

// habits are those of the cashier; a till without a receipt number has others.
func (t *ecrTill) habits() cashier {
	c := t.w.prof.cashiers[t.no]
	if !t.kind.receipts {
		return cashier{receipts: noReceipts, waits: waitsLongest, busy: c.busy, same: c.same}
	}
	return c
}

// receipt is the number that the next customer's receipt has.
func (t *ecrTill) receipt() string {
	t.receiptsMade++
	n := 0
	switch t.habits().receipts {
	case noReceipts:
		return ""
	case countedReceipts:
		n = t.receiptsMade
	case oneReceipt:
		n = 20
	case receiptsInTurn:
		n = 20 + t.receiptsMade%2
	}
	return fmt.Sprintf("R%012d", n)
}

// listens reports whether the till takes what comes in.
func (t *ecrTill) listens() bool { return !t.habits().deaf || t.sent != nil || t.asked != nil }

// givesUp is a sale that was not answered while the till waited: it says "unsuccessful".
func (t *ecrTill) givesUp(s *sale) {
	w := t.w
	runs := t.habits().waits > impatient && len(s.attempts) > 1 &&
		s.attempts[len(s.attempts)-1].begun == 0
	if w.prof.level == 0 && !w.healed && !s.ignored &&
		(runs || t.habits().waits >= 120*time.Second) {
		w.fail("sale %d is not answered within %s, and nothing went wrong", s.no, t.habits().waits)
	}
	t.mayTryAgain(s)
}

// mayTryAgain lets the cashier try again, or let it be.
func (t *ecrTill) mayTryAgain(s *sale) {
	w := t.w
	leaves := 0.25
	if t.habits().receipts == oneReceipt {
		leaves = 0.5 // and the next one has the same
	}
	if len(s.attempts) >= maxTries || w.chance(leaves) {
		t.say("lets sale %d be", s.no)
		t.decides(s, payment.StatusUnknown, "")
		return
	}
	t.waitFor(w.between(2*time.Second, 40*time.Second), func() {
		if t.sale == s && t.sent == nil && t.asked == nil {
			t.triesAgain(s)
		}
	})
}

// triesAgain asks for the same customer's sale once more.
func (t *ecrTill) triesAgain(s *sale) {
	s.asksWith(t.number())
	t.say("tries sale %d again: ECN %s, receipt %s", s.no, s.ecn, s.receipt)
	t.w.oracle.isAskedAgain(s)
	t.send(&request{m: t.d.Sale(s.ecn, s.function, s.money.Amount, s.receipt), s: s})
}

// next lets the next customer of a busy till come.
func (t *ecrTill) next() {
	w := t.w
	if w.healed || !t.habits().busy || t.inLine >= maxInLine || w.chance(0.3) {
		return
	}
	t.inLine++
	w.after(t.rested-w.t+w.between(0, pick(w, time.Second, 20*time.Second)), t.wants)
}

// misses pulls the cable while the customer pays, until the till has given up.
func (t *ecrTill) misses(s *sale) {
	w := t.w
	if !t.habits().again || !w.hit(lineMissesAnswer) {
		return
	}
	w.after(w.between(5*time.Second, 60*time.Second), func() {
		if t.plugged && t.sale == s {
			t.pulls(s.asked + t.kind.waits + w.between(-5*time.Second, 40*time.Second) - w.t)
		}
	})
}

// reaches notes the first byte of the sale's newest request.
func (s *sale) reaches(at time.Duration) {
	if s.reached == 0 {
		s.reached = at
	}
	if a := s.attempts[len(s.attempts)-1]; a.reached == 0 {
		a.reached = at
	}
}

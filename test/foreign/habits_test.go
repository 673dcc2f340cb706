package foreign_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/test/foreign"
)

// wait is the patience of a till that is tried here: a hundredth of a real one's.
const wait = 600 * time.Millisecond

// each plays a test with every kind of till that it is about.
func each(t *testing.T, about func(foreign.Kind) bool, o options,
	play func(t *testing.T, r *rig, k foreign.Kind)) {
	t.Helper()
	for _, k := range foreign.Kinds() {
		if !about(k) {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			play(t, newRig(t, k, o), k)
		})
	}
}

func all(foreign.Kind) bool     { return true }
func waits(k foreign.Kind) bool { return k.Receipt != "" && k.Poll == "" }
func polls(k foreign.Kind) bool { return k.Poll != "" }

// TestTriesAgainMeanwhile: the till's wait ends while the customer still pays, and the cashier
// sends the sale again, with a new number and the same receipt. It is the same sale: one code, and
// PAID.
func TestTriesAgainMeanwhile(t *testing.T) {
	each(t, waits, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		for _, dials := range []bool{false, true} {
			till := r.till(k, quickly(foreign.Habits{Wait: wait, Repeats: 20, Dials: dials}))
			again := make(chan struct{}, 20)
			s := sells(till, foreign.Order{Tender: foreign.Any, Cents: 1023, Taken: func(n int) {
				if n > 1 {
					again <- struct{}{}
				}
			}})
			p := r.shown(s)
			happens(r, "the till tries again", again)
			happens(r, "it tries a third time", again)
			r.pays(p)
			sale := r.end(s)
			reads(t, "paid after the till had tried again", sale.Screen, "PAID")
			till.Close()
			if sale.Sent < 3 {
				t.Errorf("it was begun %d times", sale.Sent)
			}
		}
		if n := len(r.payments()); n != 2 {
			t.Errorf("%d codes for two customers", n)
		}
	})
}

// TestTriesAgainTooLate: the customer paid when the till had stopped waiting, and then the cashier
// tries again, sooner than such tills are known to. Nobody is asked for the money a second time:
// the cashier reads PAID, or that staff must look, who have it on their list.
func TestTriesAgainTooLate(t *testing.T) {
	each(t, waits, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{}))
		r.changesReceipts(till)
		till.Change(func(h *foreign.Habits) { h.Wait, h.Dials = wait, true })
		s := sells(till, foreign.Order{Tender: foreign.Any, Cents: 1023})
		p := r.shown(s)
		reads(t, "nobody has paid yet", r.end(s).Screen, "UNSUCCESSFUL, TRY AGAIN: no answer")
		r.pays(p)
		r.becomes(p.ID, payment.StatusApproved)
		till.Change(func(h *foreign.Habits) { h.Wait = patience })
		sale := till.Sell(foreign.Order{Tender: foreign.Any, Cents: 1023, Repeat: true})
		if sale.Belief == foreign.Paid {
			r.balanced(till)
		} else {
			reads(t, "it was paid meanwhile", sale.Screen, lookThere)
			reads(t, "the last sale", till.Ask(foreign.Last).Screen,
				"TO"+lookThere[len("ASK STAFF:"):])
			r.owes(p.ID)
		}
		if n := len(r.payments()); n != 4 {
			t.Errorf("%d codes for four customers", n)
		}
	})
}

// lookThere is what the cashier reads where the terminal cannot tell a repeat from a new customer.
const lookThere = "ASK STAFF: SAME REQUEST AGAIN - CHECK THE LAST SALE"

// changesReceipts lets the terminal see that this till has a number for each customer.
func (r *rig) changesReceipts(till *foreign.Till) {
	r.t.Helper()
	for range 3 {
		s := sells(till, foreign.Order{Tender: foreign.Any, Cents: 500})
		r.pays(r.shown(s))
		reads(r.t, "a customer before", r.end(s).Screen, "PAID")
	}
}

// TestTriesAgainAfterItsWait: the line was out while the customer paid, until the till had waited
// for as long as its dialect says that it waits. Then the cashier tries again and reads PAID, with
// the old approval under the new number, and once only.
func TestTriesAgainAfterItsWait(t *testing.T) {
	t.Parallel()
	const waits = 44 * time.Second // the least: half a minute for the customer, 12 s for the answer
	o := options{timers: quick + fmt.Sprintf("till_waits = %q\n", waits)}
	var ends []func()
	for _, k := range foreign.Kinds() {
		if k.Receipt == "" || k.Poll != "" {
			continue
		}
		r := newRig(t, k, o)
		till := r.till(k, quickly(foreign.Habits{Repeats: 1}))
		r.changesReceipts(till)
		till.Change(func(h *foreign.Habits) { h.Wait = waits })
		s := sells(till, foreign.Order{Tender: foreign.Any, Cents: 1023, Mishap: foreign.Unplugged})
		r.pays(r.shown(s))
		ends = append(ends, func() {
			sale := r.end(s)
			reads(t, k.Name+", paid meanwhile", sale.Screen, "PAID")
			if n := len(r.payments()); n != 4 || sale.Sent != 2 {
				t.Errorf("%s: %d codes for four customers, begun %d times", k.Name, n, sale.Sent)
			}
			r.owes()
			s := sells(till, foreign.Order{Tender: foreign.Any, Cents: 1023})
			r.pays(r.shown(s))
			reads(t, k.Name+", the next customer", r.end(s).Screen, "PAID")
			r.balanced(till)
		})
	}
	for _, ended := range ends { // all at once: their tills' wait is the same
		ended()
	}
}

// TestNeverAcks: a till that acknowledges no answer sells, and reads the truth; what it was told
// stays on staff's list. Where its number never changes, a sale of another amount is refused for
// the moments in which the terminal cannot tell it from a repeat, and then sold.
func TestNeverAcks(t *testing.T) {
	each(t, all, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{NeverAcks: true}))
		var told []string
		for i := range 3 {
			p := r.sold(till, foreign.Order{Tender: foreign.Any, Cents: 1000 + int64(i)})
			told = append(told, p.ID)
		}
		r.owes(told...)
		r.balanced(till)
	})
}

// sold sells to a customer, who comes again until a code is shown, and pays it.
func (r *rig) sold(till *foreign.Till, o foreign.Order) (p payment.Payment) {
	r.t.Helper()
	r.eventually("it is sold", func() error {
		taken := make(chan int, 8)
		o.Taken = func(n int) { taken <- n }
		s := sells(till, o)
		select {
		case id := <-r.begun:
			p = r.whole(id)
			// no customer pays before the terminal has even acknowledged the sale
			happens(r, "the terminal acknowledges the sale", taken)
			r.pays(p)
			if sale := r.end(s); sale.Belief != foreign.Paid {
				r.t.Errorf("it was paid, and the cashier reads %q", sale.Screen)
			}
			return nil
		case sale := <-s:
			if sale.Belief == foreign.Paid {
				r.t.Fatalf("nobody has paid, and the cashier reads %q", sale.Screen)
			}
			return errors.New(sale.Screen)
		}
	})
	return p
}

// TestOneReceipt: a till that has the same receipt for ever. Its customers buy the same for the
// same: each pays a code of their own, and nobody hears an old approval.
func TestOneReceipt(t *testing.T) {
	each(t, all, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{OneReceipt: true}))
		for range 4 {
			r.sold(till, foreign.Order{Tender: foreign.Any, Cents: 250})
		}
		if n := len(r.payments()); n != 4 {
			t.Errorf("%d codes for 4 customers", n)
		}
		r.balanced(till)
	})
}

// TestOneReceiptUnacknowledged: the same till, and it acknowledges nothing. The next customer for
// the same amount looks like a repeat; the cashier reads that staff must look, for 10 minutes where
// the receipt says so and for the repeat's moment where the number does, and never PAID.
func TestOneReceiptUnacknowledged(t *testing.T) {
	each(t, all, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{OneReceipt: true, NeverAcks: true}))
		p := r.sold(till, foreign.Order{Tender: foreign.Any, Cents: 250})
		switch k.Name {
		case "NETS ECR2":
			sale := till.Sell(foreign.Order{Tender: foreign.Any, Cents: 250})
			reads(t, "the next customer", sale.Screen, lookThere)
			r.owes(p.ID)
			r.sold(till, foreign.Order{Tender: foreign.Any, Cents: 260})
		default:
			r.sold(till, foreign.Order{Tender: foreign.Any, Cents: 250})
		}
		r.balanced(till)
	})
}

// TestPolls: a till that asks for the outcome instead of waiting for it. While the customer pays it
// is told nothing that it could take for an end.
func TestPolls(t *testing.T) {
	each(t, polls, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{Wait: wait / 3, PollEvery: wait / 3}))
		for i, pays := range []bool{true, false} {
			s := sells(till, foreign.Order{Tender: foreign.Card, Cents: 1000 + int64(i)})
			p := r.shown(s)
			r.eventually("it has polled", func() error {
				if n := till.Polled(); n < 3*(i+1) {
					return fmt.Errorf("%d polls", n)
				}
				return nil
			})
			if pays {
				r.pays(p)
				reads(t, "paid while it polls", r.end(s).Screen, "PAID")
			} else {
				r.isDeclined(p)
				reads(t, "declined while it polls", r.end(s).Screen, "NOT PAID: DECLINED")
			}
		}
		r.balanced(till)
	})
}

// TestDecidesByText: a till that looks for the word APPROVED, whatever the code. It finds it where
// the customer has paid, and nowhere else.
func TestDecidesByText(t *testing.T) {
	each(t, all, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{ByText: true}))
		s := sells(till, foreign.Order{Tender: foreign.Card, Cents: 1000})
		r.pays(r.shown(s))
		reads(t, "paid", r.end(s).Screen, "PAID")
		s = sells(till, foreign.Order{Tender: foreign.Card, Cents: 1000})
		r.isDeclined(r.shown(s))
		reads(t, "declined", r.end(s).Screen, "NOT PAID: DECLINED")
		for _, cents := range []int64{0, 999_999_999_999} {
			sale := till.Sell(foreign.Order{Tender: foreign.Card, Cents: cents})
			if sale.Belief != foreign.Refusal {
				t.Errorf("%d cents: the cashier reads %q", cents, sale.Screen)
			}
		}
		for _, c := range []foreign.Command{foreign.Void, foreign.Refund} {
			if r := till.Ask(c); r.Version == "00" || strings.Contains(r.Screen, "APPROVED") {
				t.Errorf("%s: the cashier reads %q", c, r.Screen)
			}
		}
		r.balanced(till)
	})
}

// TestIndexesText: a till that takes field 02 of every answer without a look whether it is there.
// Nothing that any of them asks ends its program.
func TestIndexesText(t *testing.T) {
	each(t, all, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{IndexesText: true}))
		for _, c := range foreign.Commands() {
			if r := till.Ask(c); r.Err != nil && k.Has(c) {
				t.Errorf("%s: the cashier reads %q", c, r.Screen)
			}
		}
		for _, function := range []string{"ZZ", "A1", "C0", "D0", "30", "20"} {
			f := foreign.Frame{Head: "600000000010", Function: function, Version: k.Version}
			if r := till.Say(f); r.Err != nil && r.Function != "" {
				t.Errorf("%s: the cashier reads %q", function, r.Screen)
			}
		}
		r.balanced(till)
	})
}

// TestAsksStatus: a till that asks before each sale whether the terminal is ready is told so, and
// its customers pay as ever.
func TestAsksStatus(t *testing.T) {
	asks := func(k foreign.Kind) bool { return k.Has(foreign.Status) }
	each(t, asks, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{AsksStatus: true}))
		for range 3 {
			s := sells(till, foreign.Order{Tender: foreign.Any, Cents: 1000})
			r.pays(r.shown(s))
			reads(t, "a sale", r.end(s).Screen, "PAID")
		}
		r.balanced(till)
	})
}

// TestDials: a till that opens a connection for each command and closes it after the answer: no
// command of 20 is lost.
func TestDials(t *testing.T) {
	each(t, all, options{}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, foreign.Habits{Dials: true})
		for i := range 20 {
			s := sells(till, foreign.Order{Tender: foreign.Any, Cents: 1000 + int64(i)})
			r.pays(r.shown(s))
			reads(t, fmt.Sprintf("sale %d", i), r.end(s).Screen, "PAID")
			if c := foreign.Last; i%4 == 0 {
				if re := till.Ask(c); re.Version != "00" {
					t.Errorf("%s: the cashier reads %q", c, re.Screen)
				}
			}
		}
		r.balanced(till)
	})
}

// TestFloats: a till that counts in floats sends 1998.9999999999998 for 19.99. It is refused, with
// a word about the field, and nobody is shown a code.
func TestFloats(t *testing.T) {
	each(t, all, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{Floats: true}))
		sale := till.Sell(foreign.Order{Tender: foreign.Any, Cents: 1999})
		want := "20 INVALID FIELD"
		if k.Name == "PayCube" {
			want = "02 INVALID FIELD"
		}
		reads(t, "19.99 in floats", sale.Screen, want)
		if n := len(r.payments()); n != 0 {
			t.Errorf("%d codes", n)
		}
		r.balanced(till)
	})
}

// TestNotices: the notices of a Link POS kiosk, which go from a terminal to its till, start nothing
// where they come the other way, and the line sells afterwards.
func TestNotices(t *testing.T) {
	each(t, all, options{timers: quick}, func(t *testing.T, r *rig, k foreign.Kind) {
		till := r.till(k, quickly(foreign.Habits{}))
		for _, function := range []string{"C0", "C1", "C2", "C3", "P1", "P2", "P3", "P4", "D0",
			"D1"} {
			if k.Name == "PayCube" && function[0] == 'C' {
				continue // C1 and C2 are AXS's card sale and void
			}
			re := till.Say(foreign.Frame{Head: "600000000010", Function: function, Version: "00",
				More: '1'})
			if re.Err == nil && re.Version == "00" && k.Name != "Link POS" {
				t.Errorf("%s is answered %s", function, re.Screen)
			}
		}
		if n := len(r.payments()); n != 0 {
			t.Errorf("%d codes for a notice", n)
		}
		r.sold(till, foreign.Order{Tender: foreign.Any, Cents: 1000})
		r.balanced(till)
	})
}

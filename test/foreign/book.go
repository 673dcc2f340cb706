package foreign

import (
	"fmt"
	"sync"
)

// Belief is what a till believes about a sale, and so its cashier.
type Belief string

// The beliefs.
const (
	Paid    Belief = "paid"     // the goods are handed over
	NotPaid Belief = "not paid" // nothing was paid, whatever the customer says
	Unclear Belief = "unclear"  // the terminal does not know; staff look
	Silent  Belief = "silent"   // no answer came: "unsuccessful, try again"
	Refusal Belief = "refused"  // the terminal did not begin
	Crashed Belief = "crashed"  // the till's program has ended
)

// Sale is a line of the till's book: one customer at the counter, however often it was tried.
type Sale struct {
	Kind    string
	Receipt string
	Cents   int64
	Tender  Tender
	Belief  Belief
	Screen  string // what the cashier reads
	Code    string // of the answer that decided
	Text    string // its field 02
	Ref     string // its field D3
	Amount  string // its field 40
	Sent    int    // how many times it was begun
	Polls   int
	Mishap  Mishap
	Answer  Frame // that decided
}

func (s Sale) String() string {
	return fmt.Sprintf("%s %s %s %d.%02d: %s (%s %q, D3 %q) after %d, %d polls, %s", s.Kind,
		s.Receipt, s.Tender, s.Cents/100, s.Cents%100, s.Belief, s.Code, s.Text, s.Ref, s.Sent,
		s.Polls, s.Mishap)
}

// Book is what a till believes about its customers.
type Book struct {
	mu    sync.Mutex
	sales []Sale
}

func (b *Book) write(s Sale) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sales = append(b.sales, s)
}

// Sales are the lines, oldest first.
func (b *Book) Sales() []Sale {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Sale(nil), b.sales...)
}

// Taken is what the till believes to have taken, in cents.
func (b *Book) Taken() (cents int64) {
	for _, s := range b.Sales() {
		if s.Belief == Paid {
			cents += s.Cents
		}
	}
	return cents
}

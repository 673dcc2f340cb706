package sim

import (
	"time"

	"kiosk-agent/payment"
)

// sale is what a till asked for once, in its own eyes: repeats of the request are the same sale.
type sale struct {
	no        int
	till      string
	line      *ecrTill      // the till, where it is on a line
	reference string        // of a JSON-RPC till
	ecn       string        // of a till on a line: of its newest request
	attempts  []*attempt    // on a line
	askedWith string        // on a line: the ECN that the agent asks for a payment with
	receipt   string        // on a line
	function  string        // on a line
	accepted  bool          // on a line: the request was acknowledged
	reached   time.Duration // on a line: true time at which the request was with the agent first
	ignored   bool          // on a line: the till took an answer to it for one that it had already
	// on a line: it was booked as not paid by what had left before its request was there
	misheard  bool
	discarded bool // on a line: the till acknowledged a response to it and did not book it
	// on a line: booked with the payment of an earlier sale that nobody can tell from it
	twin      bool
	money     payment.Money
	asked     time.Duration // true time of the first request
	askedBoot int
	timeout   time.Duration
	deadline  time.Duration // true time, once it is known
	over      bool          // the till asks no more

	links []*link // that came to be for it
	ids   []string

	// The till's book.
	heard    bool
	status   payment.Status // what the till believes; "" = nothing
	rev      int64          // JSON-RPC: newest revision that was heard
	stored   int64          // newest revision that the till acknowledges
	id       string         // JSON-RPC: the agent's name for it
	payload  string         // JSON-RPC: the code, as told
	txn      string         // of an approval
	approved bool           // approved was heard, ever
}

func (w *World) newSale(till string) *sale {
	s := &sale{no: len(w.sales) + 1, till: till, asked: w.t, askedBoot: w.boots,
		money: payment.Money{Amount: w.amount(), Currency: w.prof.currency}}
	w.sales = append(w.sales, s)
	if w.hit(tillMeddles) {
		w.after(w.between(time.Second, time.Minute), pick(w, w.tills...).meddles)
	}
	return s
}

// amount is often the same, so that sales can be taken for one another.
func (w *World) amount() int64 {
	return pick(w, int64(1000), 1000, 1000, 2550, int64(1+w.rng.IntN(100000)))
}

// saleOf is the sale that a payment was made for; nil when nobody asked for one.
func (w *World) saleOf(merchantRef string) *sale {
	if l := w.gw.byRef[merchantRef]; l != nil {
		return l.sale
	}
	return nil
}

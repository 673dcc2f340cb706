package ecrtill

import (
	"bytes"
	"slices"
	"sync"
)

// Entry is one sale in the Book.
type Entry struct {
	ECN       string
	Function  string
	Amount    int64
	Accepted  bool // the terminal acknowledged the request, or answered it
	Verdict   Verdict
	Code      string // of the answer that decided; "" = none
	Reference string // of the transaction, when approved
	ByLast    bool   // decided by asking for the last result
}

// Stray is a response that the till could not use.
type Stray struct {
	Why     string
	Message Message
	Raw     []byte
}

// Book is what the till believes happened, sale by sale, oldest first. It outlives the till's
// memory: an auditor keeps it.
type Book struct {
	mu         sync.Mutex
	entries    []*Entry
	strays     []Stray
	duplicates int
}

// Entries is a copy of every sale.
func (b *Book) Entries() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Entry, len(b.entries))
	for i, e := range b.entries {
		out[i] = *e
	}
	return out
}

// Approved is how many sales the till believes to be paid, and their sum in cents.
func (b *Book) Approved() (sales int, cents int64) {
	for _, e := range b.Entries() {
		if e.Verdict == Approved {
			sales++
			cents += e.Amount
		}
	}
	return sales, cents
}

// Strays are the responses that answered nothing the till had asked.
func (b *Book) Strays() []Stray {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.strays)
}

// Duplicates is how often a response came again that the till had already taken.
func (b *Book) Duplicates() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.duplicates
}

func (b *Book) open(ecn, function string, amount int64) *Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := &Entry{ECN: ecn, Function: function, Amount: amount, Verdict: Open}
	b.entries = append(b.entries, e)
	return e
}

func (b *Book) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *Book) get(e *Entry) Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *e
}

func (b *Book) stray(why string, m Message, raw []byte) {
	b.change(func() {
		b.strays = append(b.strays,
			Stray{Why: why, Message: m, Raw: bytes.Clone(raw)})
	})
}

// booked reports whether an approval with this reference stands in the book already.
func (b *Book) booked(reference string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return reference != "" && slices.ContainsFunc(b.entries,
		func(e *Entry) bool { return e.Verdict == Approved && e.Reference == reference })
}

// decide enters an answer to the sale e. A verdict that stands is never changed.
func (b *Book) decide(e *Entry, r Result) {
	b.change(func() {
		if e.Verdict != Open {
			return
		}
		e.Accepted, e.Verdict, e.Code, e.ByLast = true, r.Verdict, r.Code, r.ByLast
		if r.Verdict == Approved {
			e.Reference = r.Reference
		}
	})
}

// end closes a sale without an answer.
func (b *Book) end(e *Entry, v Verdict) {
	b.change(func() {
		if e.Verdict == Open {
			e.Verdict = v
		}
	})
}

// Reconcile settles the newest sale that is forgotten or uncertain and that r names by number and
// amount, as staff do with the last result's slip. It reports whether there was one.
func (b *Book) Reconcile(r Result) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range slices.Backward(b.entries) {
		if e.ECN != r.ECN || e.Amount != r.Amount {
			continue
		}
		if e.Verdict != Forgotten && e.Verdict != Uncertain {
			return false
		}
		e.Accepted, e.Verdict, e.Code, e.ByLast = true, r.Verdict, r.Code, true
		if r.Verdict == Approved {
			e.Reference = r.Reference
		}
		return true
	}
	return false
}

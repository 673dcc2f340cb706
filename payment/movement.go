package payment

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Movement is one movement of money between a customer and the merchant, as the gateway has stated
// it. Totals are made of movements; no status is.
//
// One payment is counted once, however often and in whichever words it is reported: for each
// transaction reference, and where none is stated for each content. A statement without reference
// joins a payment with one, and the other way round. A query's answer that reports more payments
// than are known adds those that are missing, also where two have one reference and were made at
// different moments.
type Movement struct {
	Seq   int64  // of the fact that stated it first
	Key   string // what is counted once, in the whole journal
	Class Class
	// minor units of Currency, given back negative; 0 where the statement could not be read: its
	// total is incomplete then
	Amount         int64
	Stated         bool
	Currency       string
	Scheme         string
	MerchantRef    string
	TransactionRef string
	PaidAt         time.Time // the gateway's clock
}

// Ref is what staff name the movement by.
func (m Movement) Ref() string {
	if m.TransactionRef != "" {
		return m.TransactionRef
	}
	return "#" + strconv.FormatInt(m.Seq, 10)
}

// pays reports whether the customer's money came in by it.
func (m Movement) pays() bool { return m.Class != ClassBack && m.Amount >= 0 }

// words tells the movement in a line of the worklist.
func (m Movement) words() string {
	amount := "an amount that cannot be read"
	if m.Stated {
		amount = Money{max(m.Amount, -m.Amount), Currency(m.Currency)}.String()
	}
	what := "a payment of "
	if !m.pays() {
		what = "given back: "
	}
	if m.TransactionRef == "" {
		return what + amount
	}
	return what + amount + " (transaction " + m.TransactionRef + ")"
}

// Doubt is a statement that may be about money and cannot be counted.
type Doubt struct {
	Seq            int64
	TransactionRef string
	Why            string // what it says, in words
	// it cannot be true together with another statement, or contradicts itself: no later one clears
	// it
	Conflict bool
	Unread   bool // that there was a payment is clear: what cannot be read is which
	// of Unread: all of it can be read, and the query has not said so yet, which it must
	// (Policy.ApproveNeedsQuery)
	Waits bool
}

// The words of Record.Status that are no outcome and no doubt: they only ask for the query.
const (
	// verified, but not of now: perhaps a late repetition, perhaps a replay
	RecordStale = "STALE"
	// something has happened, where the gateway's word is no evidence of it
	RecordRecheck = "RECHECK"
)

// UnmatchedMovement is the movement that a record of no payment of this journal states; ok is false
// where it states none. Its Key is the same for every repetition of it.
func UnmatchedMovement(seq int64, r Record) (m Movement, ok bool) {
	switch {
	case paysClearly(r):
		return movement(seq, ClassUnmatched, 1, r, "UNMATCHED|"+payKey(r)), true
	case givesBack(r):
		return movement(seq, ClassUnmatched, -1, r, "UNMATCHED|BACK|"+r.Content()), true
	default:
		return Movement{}, false
	}
}

// paysClearly reports whether a record says that money came in, of whatever amount.
func paysClearly(r Record) bool {
	return r.Type == TypePay && r.Status == RecordSuccess &&
		(r.ResponseCode == "" || r.ResponseCode == "00")
}

func givesBack(r Record) bool {
	return (r.Type == TypeVoid || r.Type == TypeRefund) && r.Status == RecordSuccess
}

func payKey(r Record) string {
	if r.TransactionRef == "" {
		return "PAY|" + r.Content()
	}
	return "PAY|" + r.MerchantRef + "|" + r.TransactionRef
}

func movement(seq int64, class Class, sign int64, r Record, key string) Movement {
	m := Movement{Seq: seq, Key: key, Class: class, Currency: r.Currency, Scheme: r.Scheme,
		MerchantRef: r.MerchantRef, TransactionRef: r.TransactionRef, PaidAt: r.PaidAt}
	if r.Amount != UnreadableAmount && currencyCode(r.Currency) {
		m.Stated, m.Amount = true, sign*max(r.Amount, -r.Amount)
	}
	return m
}

// vague reports whether it could not be read how much money it is: any payment can be meant.
func (m Movement) vague() bool { return !m.Stated && !foreign(m.Currency) }

// count books the movement that a statement is about, or a doubt.
func (f *Folder) count(fact Fact, d Notified) {
	r := d.Record
	if r.MerchantRef != f.p.MerchantRef {
		if inOtherLetters(r.MerchantRef, f.p.MerchantRef) {
			f.doubt(fact, r, "the gateway reports "+r.Status+" for the reference as "+
				strconv.Quote(r.MerchantRef)+" ("+f.p.Provider+".reference can have it read)",
				false)
		}
		return
	}
	refused := r.Status == RecordDeclined || r.Status == RecordExpired
	switch back := r.Type == TypeVoid || r.Type == TypeRefund; {
	case paysClearly(r):
		f.countPay(fact, d)
		if what := r.unread(); what != "" {
			f.doubt(fact, r, "the gateway reports a payment "+what, false)
		} else if f.waits(d) {
			f.doubt(fact, r, "its notification reports a payment of "+statedAmount(r), false)
			f.p.Doubts[len(f.p.Doubts)-1].Waits = true
		} else {
			f.clearDoubts(r)
		}
	case givesBack(r):
		f.countBack(fact, r)
		f.clearDoubts(r)
	case back && !refused:
		f.doubt(fact, r, "a reversal is reported as "+r.Status, true)
	case back, r.Type == TypePay && r.Status == RecordSent,
		r.Status == RecordStale, r.Status == RecordRecheck:
	case r.Type != TypePay:
		f.doubt(fact, r, "the gateway reports a transaction of type "+r.Type+
			f.meant(r.Said.Type, r.Type), false)
	case r.Status == RecordSuccess && !responseCode(r.ResponseCode):
		f.doubt(fact, r, "the gateway reports a payment "+r.unread()+
			f.meant(r.Said.ResponseCode, r.ResponseCode), false)
	case r.Status == RecordSuccess:
		f.doubt(fact, r, "SUCCESS is reported with response code "+r.ResponseCode, true)
	case !refused:
		f.doubt(fact, r, "the gateway reports the word "+r.Status+
			f.meant(r.Said.Status, r.Status), false)
	case f.paidBy(r.TransactionRef):
		f.doubt(fact, r, "a transaction that had succeeded is reported as "+r.Status, true)
	default:
		f.clearDoubts(r)
	}
}

// inOtherLetters reports whether a reference is ours in another case, with a space around it or
// without its dash.
func inOtherLetters(ref, ours string) bool {
	letters := func(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "-", "") }
	return strings.EqualFold(letters(ref), letters(ours))
}

// waits reports whether a payment that this statement reports is not told as one before the query
// says so, too.
func (f *Folder) waits(d Notified) bool {
	return f.p.Policy.ApproveNeedsQuery && d.Source != SourceQuery && !f.e.Paid
}

// paidBy reports whether a movement of this very transaction is booked.
func (f *Folder) paidBy(ref string) bool {
	return ref != "" && slices.ContainsFunc(f.p.Movements, func(m Movement) bool {
		return m.Class != ClassBack && m.TransactionRef == ref
	})
}

// countPay books a payment that is new; one of the same transaction, or one that joins it, is not.
// What could not be read before is, once a statement of the same payment can be.
func (f *Folder) countPay(fact Fact, d Notified) {
	r := d.Record
	class := f.classOf(r)
	least := 1 // payments of this amount that there are
	if class != ClassOtherAmount {
		least = max(least, d.Payments)
	}
	// payments of this amount, or of one that could not be read; one of them without a reference,
	// one that could not be read, and the one of this transaction, also with another amount
	alike, nameless, unread, known, other := 0, -1, -1, -1, -1
	is := movement(fact.Seq, class, 1, r, "")
	for i, m := range f.p.Movements {
		if m.Class == ClassBack {
			continue
		}
		same := m.vague() || is.vague() ||
			m.Stated == is.Stated && m.Currency == is.Currency && m.Amount == is.Amount
		if r.TransactionRef != "" && m.TransactionRef == r.TransactionRef {
			if same {
				known = i
			} else {
				other = i
			}
		}
		if same {
			alike++
			if m.TransactionRef == "" && nameless < 0 {
				nameless = i
			}
			if m.vague() && unread < 0 {
				unread = i
			}
		}
	}
	if other >= 0 {
		f.doubt(fact, r, "transaction "+r.TransactionRef+" is reported with another amount: "+
			statedAmount(r), true)
		switch {
		case class == ClassOtherAmount:
			return
		case known < 0 && (alike < least || nameless < 0):
			f.restate(other, is)
			class, known, alike = f.classOf(r), other, alike+1
		}
	}
	switch enough := alike >= least; {
	case known >= 0 && f.read(known, r), enough && known >= 0:
		return
	case r.TransactionRef == "" && unread >= 0 && f.read(unread, r),
		enough && r.TransactionRef == "":
		return
	case enough && nameless >= 0:
		f.join(nameless, r.TransactionRef)
		f.read(nameless, r)
		return
	case known >= 0: // a second one under the same reference: it has none of its own
		r.TransactionRef = ""
	}
	key := payKey(d.Record)
	if class != ClassOtherAmount {
		f.p.Transactions = append(f.p.Transactions, r.TransactionRef)
	}
	if alike > 0 && (known >= 0 || r.TransactionRef == "") {
		key += "|" + strconv.Itoa(alike+1)
	}
	f.p.Movements = append(f.p.Movements, movement(fact.Seq, class, 1, r, key))
}

// classOf is what a payment by this record would be.
func (f *Folder) classOf(r Record) Class {
	switch {
	case r.Amount != f.p.Money.Amount || r.Currency != string(f.p.Money.Currency):
		return ClassOtherAmount
	case slices.ContainsFunc(f.p.Movements, func(m Movement) bool { return m.Class == ClassSale }):
		return ClassAgain
	default:
		return ClassSale
	}
}

// read completes a payment whose amount could not be read by a record of it that can be; it reports
// whether there was anything to complete.
func (f *Folder) read(i int, r Record) bool {
	is := movement(0, f.classOf(r), 1, r, "")
	if !f.p.Movements[i].vague() || is.vague() {
		return false
	}
	f.restate(i, is)
	return true
}

// restate gives a payment the amount of another statement of it: of the first that could be read,
// or of the one that says what the sale was about. By that the sale is approved, and so it counts.
func (f *Folder) restate(i int, is Movement) {
	f.p.Movements = slices.Clone(f.p.Movements)
	m := &f.p.Movements[i]
	m.Class, m.Amount, m.Stated, m.Currency = is.Class, is.Amount, is.Stated, is.Currency
	if m.Scheme == "" {
		m.Scheme = is.Scheme
	}
	if m.PaidAt.IsZero() {
		m.PaidAt = is.PaidAt
	}
	if m.Class != ClassOtherAmount {
		f.p.Transactions = append(f.p.Transactions, m.TransactionRef)
	}
}

// join gives a payment that was reported without a reference the one that it turns out to have.
func (f *Folder) join(i int, ref string) {
	f.p.Movements = slices.Clone(f.p.Movements)
	f.p.Movements[i].TransactionRef = ref
	if class := f.p.Movements[i].Class; class == ClassSale || class == ClassAgain {
		f.p.Transactions = slices.Clone(f.p.Transactions)
		if k := slices.Index(f.p.Transactions, ""); k >= 0 {
			f.p.Transactions[k] = ref
		}
	}
}

func (f *Folder) countBack(fact Fact, r Record) {
	key := "BACK|" + r.Content()
	if !slices.ContainsFunc(f.p.Movements, func(m Movement) bool { return m.Key == key }) {
		f.p.Movements = append(f.p.Movements, movement(fact.Seq, ClassBack, -1, r, key))
	}
}

func (f *Folder) doubt(fact Fact, r Record, why string, conflict bool) {
	unread := !conflict && r.Type == TypePay && r.Status == RecordSuccess
	f.p.Doubts = append(f.p.Doubts, Doubt{Seq: fact.Seq, TransactionRef: r.TransactionRef, Why: why,
		Conflict: conflict, Unread: unread})
}

// clearDoubts: a clear statement says what became of the transaction that an unclear one was about.
// Where one of them names none, money that moved is that transaction; an attempt that was refused
// may be another one.
func (f *Folder) clearDoubts(r Record) {
	moved := r.Status == RecordSuccess
	f.p.Doubts = slices.DeleteFunc(slices.Clone(f.p.Doubts), func(d Doubt) bool {
		same := d.TransactionRef == r.TransactionRef && (r.TransactionRef != "" || !d.Unread)
		if d.Waits && !paysClearly(r) {
			return false // that money goes back confirms no payment
		}
		return !d.Conflict && (same ||
			moved && (d.TransactionRef == "" || r.TransactionRef == ""))
	})
}

// AwaitsQuery reports whether a notification says that the customer has paid, and the query has not
// confirmed it yet.
func (p Payment) AwaitsQuery() bool {
	return slices.ContainsFunc(p.Doubts, func(d Doubt) bool { return d.Waits })
}

// Confirms reports whether a record of the query is the word that this payment needs, or that a
// notification of it waits for, also where the same is on record already.
func (p Payment) Confirms(r Record) bool {
	needs := p.Policy.ApproveNeedsQuery && p.Status != StatusApproved &&
		!slices.Contains(p.Flags, FlagReversed)
	return p.Pays(r) && (needs || slices.ContainsFunc(p.Doubts, func(d Doubt) bool {
		return d.Waits && (d.TransactionRef == r.TransactionRef || d.TransactionRef == "" ||
			r.TransactionRef == "")
	}))
}

// doubtful reports whether a statement is on record that nobody understands: it is no silence.
func (p Payment) doubtful() bool {
	return slices.ContainsFunc(p.Doubts, func(d Doubt) bool { return !d.Conflict })
}

// paying are the movements by which money came in.
func (p Payment) paying() (in []Movement) {
	for _, m := range p.Movements {
		if m.pays() {
			in = append(in, m)
		}
	}
	return in
}

// namesOf lists movements for a sentence.
func namesOf(ms []Movement) string {
	var names []string
	for _, m := range ms {
		names = append(names, m.Ref())
	}
	return strings.Join(names, ", ")
}

// Pays reports whether a record says that this payment was paid, with the right amount.
func (p Payment) Pays(r Record) bool {
	return paysClearly(r) && r.MerchantRef == p.MerchantRef && r.Amount == p.Money.Amount &&
		r.Currency == string(p.Money.Currency)
}

// PaymentsIn is how many payments of the right amount a query's answer reports. A transaction that
// it states twice, of one moment, is one.
func (p Payment) PaymentsIn(answer []Record) (n int) {
	for i, r := range answer {
		if p.Pays(r) && !slices.ContainsFunc(answer[:i], r.repeats) {
			n++
		}
	}
	return n
}

// Missing reports whether a record that is on record already may be about a payment that is not:
// the answer that it comes from reports more payments than are known, and more under its reference.
func (p Payment) Missing(r Record, answer []Record) bool {
	if !p.Pays(r) || p.PaymentsIn(answer) <= len(p.Transactions) {
		return false
	}
	alike := slices.DeleteFunc(slices.Clone(answer),
		func(e Record) bool { return e.TransactionRef != r.TransactionRef })
	return r.TransactionRef == "" || p.PaymentsIn(alike) > 1
}

package payment

import (
	"slices"
	"strconv"
	"time"
)

// Folder computes a Payment from its facts, one at a time and in journal order. The zero Folder has
// seen nothing.
type Folder struct {
	p            Payment
	e            Evidence
	seen         bool
	mismatch     bool
	contradicts  bool
	anyReversal  bool
	unconfirmed  bool
	toldNotPaid  bool // declined, expired or cancelled was offered
	late         bool
	toldApproved bool
	emptyUp      time.Duration // first query_empty after the withdrawal
	emptyBoot    string
	emptySeen    bool
	words        map[string]Record // transactionRef → first PAY outcome reported for it
	foreseen     foreseen
}

// foreseen is what the newest resolution says that will still come: it is no news.
type foreseen struct {
	sale     bool // one payment of the right amount
	back     int64
	currency string // of back
}

// Fold computes a payment from all of its facts. ok is false when they do not begin with requested.
func Fold(facts []Fact) (p Payment, ok bool) {
	var f Folder
	for _, fact := range facts {
		f.Add(fact)
	}
	return f.Payment(), f.seen
}

// Payment returns what the facts so far say. The slices are the caller's.
func (f *Folder) Payment() Payment {
	p := f.p
	p.Flags, p.Attempts = slices.Clone(p.Flags), slices.Clone(p.Attempts)
	p.Claims, p.Movements = slices.Clone(p.Claims), slices.Clone(p.Movements)
	p.Doubts, p.Settled = slices.Clone(p.Doubts), slices.Clone(p.Settled)
	p.Schemes, p.Transactions, p.Sent = slices.Clone(p.Schemes), slices.Clone(p.Transactions),
		slices.Clone(p.Sent)
	return p
}

// Movements are the payment's movements so far; for reading only.
func (f *Folder) Movements() []Movement { return f.p.Movements }

// Seen reports whether the payment has been requested.
func (f *Folder) Seen() bool { return f.seen }

// Add takes the payment's next fact. Facts before requested, and facts about the journal, are
// ignored.
func (f *Folder) Add(fact Fact) {
	if r, ok := fact.Data.(Requested); ok && !f.seen {
		f.open(fact, r)
		return
	}
	if !f.seen {
		return
	}
	before := f.visible()
	moved, doubts := len(f.p.Movements), len(f.p.Doubts)
	f.p.LastSeq = fact.Seq
	f.take(fact)
	f.conclude(fact)
	if _, ok := fact.Data.(Notified); ok {
		f.contradict(before, f.p.Movements[moved:], f.p.Doubts[min(doubts, len(f.p.Doubts)):])
	}
	if after := f.visible(); !before.equal(after) {
		f.p.Revision++
	}
	if r, ok := fact.Data.(Resolved); ok && r.Finding == FindingTillChecked {
		f.p.CheckedRev = f.p.Revision
	}
	switch d := fact.Data.(type) {
	case Offered:
		f.offered(fact, d)
	case Acknowledged:
		f.p.AckedRev = max(f.p.AckedRev, d.Revision)
	}
	f.p.Acknowledged = f.p.Final && f.p.AckedRev == f.p.Revision
	f.p.Owed = f.p.Final && !f.p.Acknowledged
}

func (f *Folder) open(fact Fact, r Requested) {
	f.seen = true
	f.e.Finish = r.Policy.FinishDeclined
	f.p = Payment{
		ID: fact.Payment, Till: r.Till, Reference: r.Reference, MerchantRef: r.MerchantRef,
		Money: r.Money, Status: StatusCreated, Revision: 1, Provider: r.Provider,
		CreatedAt: fact.At, DeadlineAt: r.DeadlineAt, Description: r.Description,
		Schemes: r.Schemes, Mode: r.Mode, Policy: r.Policy, Account: r.Account, Lane: r.Lane,
		Boot: fact.Boot, RequestedUp: fact.Up,
		Deadline: r.DeadlineUp.Duration(), LastSeq: fact.Seq, Line: r.Line,
	}
}

// take records what one fact says; conclude then draws the status from it.
func (f *Folder) take(fact Fact) {
	switch d := fact.Data.(type) {
	case MintSent:
		f.p.MintSent, f.p.Wallet = true, d.Scheme
	case MintFailed:
		if !f.p.Minted && !f.p.Final {
			f.e.MintFailed = true
			f.p.Reason = &Reason{Code: d.Reason, Message: d.Message}
		}
	case Minted:
		if f.e.MintFailed || f.p.Minted {
			return
		}
		f.p.Minted, f.e.Minted = true, true
		if d.Link {
			f.p.Wallet = ""
		}
		if !f.p.Final {
			// then the status changes with it; alone, what retention drops must make no revision
			f.p.QRPayload, f.p.ProviderRef = d.Payload, d.ProviderRef
			if sooner := d.DeadlineUp.Duration(); sooner > 0 && sooner < f.p.Deadline {
				f.p.DeadlineAt = f.p.DeadlineAt.Add(sooner - f.p.Deadline)
				f.p.Deadline = sooner
			}
		}
	case Opened:
		f.p.Opened = true
	case Shown:
		f.p.Shown = true
	case DisplayLost:
		f.e.Cancel = f.end(fact, &Reason{Code: "display_lost",
			Message: "no display showed the code: " + d.Reason}) || f.e.Cancel
	case CancelRequested:
		f.e.Cancel = f.end(fact, nil) || f.e.Cancel
	case DeadlinePassed:
		f.e.Deadline = f.end(fact, nil) || f.e.Deadline
	case Withdrawn:
		f.p.Withdrawn, f.p.WithdrawnUp = true, fact.Up
	case PathProved:
		if f.searching() && !f.p.Policy.Query && !f.p.doubtful() {
			f.e.Searched, f.unconfirmed = true, true
		}
	case QueryEmpty:
		f.queryEmpty(fact)
	case Undecided:
		f.e.Undecided = f.e.Undecided || f.p.EndedBy != "" && !f.p.Final
	case Notified:
		f.notified(fact, d)
	case Superseded:
		f.p.Superseded = true
	case Claimed:
		f.p.Claims = append(f.p.Claims, Claim{d, fact.Seq, fact.At})
		f.p.Settled = slices.DeleteFunc(slices.Clone(f.p.Settled),
			func(code string) bool { return code == "claimed" })
	case ReceiptPrinted:
		f.p.Receipts++
	case Resolved:
		f.resolved(fact, d)
	}
}

// resolved takes over what staff found out: it closes tasks, and says what is no news any more.
func (f *Folder) resolved(fact Fact, d Resolved) {
	closes := f.p.closes(d)
	f.p.Settled = slices.Clone(f.p.Settled)
	for _, code := range closes {
		if !slices.Contains(f.p.Settled, code) {
			f.p.Settled = append(f.p.Settled, code)
		}
	}
	if d.Finding == FindingTillChecked && f.p.Resolution != nil {
		return // what was found out about the money stays
	}
	f.p.Resolution = &Resolution{Outcome: d.Outcome, By: d.By, Reason: d.Reason, At: fact.At,
		Finding: d.Finding, Refs: d.Refs, PortalRef: d.PortalRef}
	f.foreseen = foreseen{sale: d.Outcome == ResolvedApproved && !f.e.Paid}
	if d.Finding == FindingGivenBack {
		for _, m := range f.p.paying() {
			if slices.Contains(d.Refs, m.Ref()) {
				f.foreseen.back, f.foreseen.currency = f.foreseen.back+m.Amount, m.Currency
			}
		}
	}
}

// contradict drops what staff found out when money or a dispute comes after it that they did not
// foresee, and says what is new.
func (f *Folder) contradict(before visible, moved []Movement, doubts []Doubt) {
	r := f.p.Resolution
	if r == nil {
		return
	}
	var news []string
	for _, m := range moved {
		if !f.foresaw(m) {
			news = append(news, m.words())
		}
	}
	for _, d := range doubts {
		news = append(news, d.Why)
	}
	if len(moved) == 0 && len(news) == 0 && !before.equal(f.visible()) {
		news = append(news, "the gateway's word has changed: the sale is "+string(f.p.Status))
	}
	if len(news) == 0 {
		return
	}
	c := *r
	c.Contradicted, c.News = true, append(slices.Clone(c.News), news...)
	f.p.Resolution, f.foreseen = &c, foreseen{}
	f.p.Settled = slices.DeleteFunc(slices.Clone(f.p.Settled), // what a customer said is no news
		func(code string) bool { return code != "claimed" })
}

// foresaw reports whether the newest resolution says that this movement will come, and uses it up.
func (f *Folder) foresaw(m Movement) bool {
	switch w := &f.foreseen; {
	case m.Class == ClassSale && w.sale:
		w.sale = false
		return true
	case m.Class == ClassBack && m.Stated && m.Currency == w.currency && -m.Amount <= w.back:
		w.back += m.Amount
		return true
	default:
		return false
	}
}

// searching reports whether the evidence rule is running: the customer's time has ended, and the
// code has left the screen.
func (f *Folder) searching() bool { return f.p.EndedBy != "" && f.p.Withdrawn && !f.p.Final }

// end notes what ended the customer's time; the first cause stays. It reports whether the fact
// counts: a final payment has ended already.
func (f *Folder) end(fact Fact, why *Reason) bool {
	if f.p.EndedBy != "" || f.p.Final {
		return !f.p.Final
	}
	f.p.EndedBy, f.p.EndedBoot, f.p.EndedUp = fact.Kind(), fact.Boot, fact.Up
	if why != nil {
		f.p.Reason = why
	}
	return true
}

// queryEmpty counts towards the evidence rule: two answers without a PAY SUCCESS after the
// withdrawal, settle apart: from the first answer to the sending of the second question. Of a
// question of another boot only that boot's own time is known.
func (f *Folder) queryEmpty(fact Fact) {
	if !f.searching() || !f.p.Policy.Query {
		return
	}
	if d, ok := fact.Data.(QueryEmpty); ok && d.Records == 0 && f.p.doubtful() || f.unread() {
		// the gateway has said something about it: an answer that does not name it is no answer
		return
	}
	if !f.emptySeen {
		f.emptySeen, f.emptyUp, f.emptyBoot = true, fact.Up, fact.Boot
		return
	}
	d, _ := fact.Data.(QueryEmpty)
	asked := d.SentUp.Duration()
	if asked == 0 {
		asked = fact.Up
	}
	if fact.Boot == f.emptyBoot {
		asked -= f.emptyUp
	}
	if asked >= f.p.Policy.Settle.Duration() {
		f.e.Searched = true
	}
}

func (f *Folder) notified(fact Fact, d Notified) {
	r := d.Record
	f.count(fact, d)
	switch judge(r, f.p.MerchantRef, f.p.Money) {
	case saysPaid:
		if !f.e.Paid && !f.waits(d) {
			f.paid(r)
		}
	case saysMismatch:
		f.mismatch, f.contradicts = true, true
		f.because("amount_mismatch", "the gateway reports a payment of "+statedAmount(r)+
			" for this reference")
	case saysContradictory:
		f.contradicts = true
		f.because("contradictory", "the gateway reports SUCCESS with response code "+r.ResponseCode)
	case saysReversed:
		f.anyReversal = true
		f.e.Reversed = f.e.Reversed || !f.toldApproved
	case saysDeclined, saysExpired:
		f.attempt(fact, r)
	}
	f.compareWords(r)
}

// paid takes over the first record that satisfies guarantee 1; count knows how many there are.
func (f *Folder) paid(r Record) {
	f.e.Paid = true
	f.late = f.toldNotPaid
	f.p.ProviderRef, f.p.Scheme, f.p.ResponseCode, f.p.PaidAt = r.TransactionRef, r.Scheme,
		r.ResponseCode, r.PaidAt
}

// attempt books one try that did not pay. Once the payment is final it can change nothing any more.
func (f *Folder) attempt(fact Fact, r Record) {
	if f.p.Final {
		return
	}
	status := string(StatusDeclined)
	if r.Status == RecordExpired {
		status = string(StatusExpired)
		f.e.Expired = true
	} else {
		f.e.Declined = true
		f.p.ResponseCode = r.ResponseCode
	}
	at := r.PaidAt
	if at.IsZero() {
		at = fact.At
	}
	f.p.Attempts = append(f.p.Attempts, Attempt{Status: status, Scheme: r.Scheme, At: at})
}

// compareWords finds one transactionRef reported in two ways.
func (f *Folder) compareWords(r Record) {
	if r.Type != TypePay || r.TransactionRef == "" || r.Status == RecordSuccess &&
		r.unread() != "" || r.MerchantRef != f.p.MerchantRef {
		return
	}
	switch r.Status {
	case RecordSuccess, RecordDeclined, RecordExpired:
	default:
		return
	}
	first, known := f.words[r.TransactionRef]
	if !known {
		if f.words == nil {
			f.words = make(map[string]Record)
		}
		f.words[r.TransactionRef] = r
		return
	}
	if first.Status != r.Status || first.Amount != r.Amount || first.Currency != r.Currency {
		f.contradicts = true
		f.because("contradictory", "the gateway reported transaction "+r.TransactionRef+
			" in two ways")
	}
}

func (f *Folder) because(code, message string) {
	f.p.Reason = &Reason{Code: code, Message: message}
}

// conclude draws status, flags and what depends on them.
func (f *Folder) conclude(fact Fact) {
	wasFinal := f.p.Final
	// a till that has its outcome hears that it is doubtful; before that, the gateway is asked
	// first
	f.e.Contradicts = f.contradicts || wasFinal && f.unread()
	e := f.e
	e.Finish = e.Finish && !f.unread() // there is a payment: no attempt's end is the sale's
	f.p.Status = Decide(e)
	f.p.Final = f.p.Status.Final()
	if f.p.Final && !wasFinal { // a correction begins no new window
		f.p.FinalBoot, f.p.FinalUp = fact.Boot, fact.Up
	}
	f.p.Disputed = f.e.Paid && f.contradicts
	f.p.Flags = f.flags()
	f.p.Reason = f.reason()
	if f.p.Final || f.p.EndedBy != "" {
		f.p.QRPayload = ""
	}
}

func (f *Folder) flags() []Flag {
	var flags []Flag
	for _, x := range []struct {
		set  bool
		flag Flag
	}{
		{f.late, FlagLate},
		{len(f.p.Transactions) > 1, FlagDuplicate},
		{f.mismatch, FlagAmountMismatch},
		{f.unconfirmed && !f.e.Paid && !f.e.Contradicts, FlagUnconfirmed},
		{f.anyReversal, FlagReversed},
	} {
		if x.set {
			flags = append(flags, x.flag)
		}
	}
	return flags
}

func (f *Folder) reason() *Reason {
	switch {
	case f.p.Status == StatusApproved:
		return nil
	case f.e.Paid:
		return &Reason{Code: "reversed",
			Message: "the gateway reports the payment and its reversal"}
	case f.p.Status == StatusUnknown && f.p.AwaitsQuery() && !f.contradicts:
		return &Reason{Code: "not_confirmed", Message: "the gateway's notification says that the " +
			"customer has paid, and its query has not confirmed it"}
	case f.p.Status == StatusUnknown && f.unread() && !f.contradicts:
		return &Reason{Code: "unreadable", Message: f.unreadWords()}
	case f.p.Status == StatusUnknown && !f.e.Contradicts:
		return &Reason{Code: "no_answer",
			Message: "whether the customer paid could not be found out in time"}
	case f.p.Status == StatusCancelled && f.p.Reason == nil:
		return &Reason{Code: "cancelled", Message: "cancelled before a payment was seen"}
	default:
		return f.p.Reason
	}
}

func (f *Folder) offered(fact Fact, d Offered) {
	if d.Frame != nil {
		f.p.Sent = append(f.p.Sent, Transmission{d.Revision, d.Status, d.Frame, fact.Boot, fact.Up})
	}
	f.p.OfferedRev = max(f.p.OfferedRev, d.Revision)
	switch d.Status {
	case StatusApproved:
		f.toldApproved = true
	case StatusDeclined, StatusExpired, StatusCancelled:
		f.toldNotPaid = true
	}
}

// visible is what a till can see and what therefore makes a new revision when it changes.
type visible struct {
	status   Status
	flags    []Flag
	attempts int
	// not the code itself: retention drops it, and revisions stay what they were
	payable bool
	// further money makes a revision, also where nothing else does
	moved                            int
	providerRef, scheme, code        string
	paidAt                           time.Time
	reasonCode, reasonText, resolved string
}

func (f *Folder) visible() visible {
	v := visible{
		status: f.p.Status, flags: f.p.Flags, attempts: len(f.p.Attempts),
		providerRef: f.p.ProviderRef, scheme: f.p.Scheme, code: f.p.ResponseCode,
		payable: f.p.Minted && !f.p.Final && f.p.EndedBy == "", paidAt: f.p.PaidAt,
		moved: len(f.p.Movements),
	}
	if r := f.p.Reason; r != nil {
		v.reasonCode, v.reasonText = r.Code, r.Message
	}
	if r := f.p.Resolution; r != nil {
		v.resolved = contentHash(r.Outcome, r.By, r.Reason, r.At.String(),
			strconv.FormatBool(r.Contradicted), strconv.Itoa(len(r.News)))
	}
	return v
}

func (v visible) equal(w visible) bool {
	return slices.Equal(v.flags, w.flags) && v.status == w.status && v.attempts == w.attempts &&
		v.providerRef == w.providerRef &&
		v.scheme == w.scheme && v.code == w.code && v.payable == w.payable &&
		v.paidAt.Equal(w.paidAt) && v.moved == w.moved && v.reasonCode == w.reasonCode &&
		v.reasonText == w.reasonText && v.resolved == w.resolved
}

// unread reports whether the gateway has said that there is a payment, and nobody can read which.
func (f *Folder) unread() bool {
	return slices.ContainsFunc(f.p.Doubts, func(d Doubt) bool { return d.Unread })
}

// unreadWords is what the newest of it says.
func (f *Folder) unreadWords() (words string) {
	for _, d := range f.p.Doubts {
		if d.Unread {
			words = d.Why
		}
	}
	return words
}

func statedAmount(r Record) string {
	return Money{r.Amount, Currency(r.Currency)}.String()
}

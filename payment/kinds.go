package payment

import (
	"slices"
	"time"
)

// Kind names what a fact says. The set is closed: a new one is a constant, a type of Data and a row
// of the table kinds, all in this file, and its case in the fold.
type Kind string

// Facts about one payment.
const (
	KindRequested       Kind = "requested"
	KindMintSent        Kind = "mint_sent"
	KindMintFailed      Kind = "mint_failed"
	KindMinted          Kind = "minted"
	KindShown           Kind = "shown"
	KindOpened          Kind = "opened"
	KindDisplayLost     Kind = "display_lost"
	KindCancelRequested Kind = "cancel_requested"
	KindDeadlinePassed  Kind = "deadline_passed"
	KindWithdrawn       Kind = "withdrawn"
	KindPathProved      Kind = "path_proved"
	KindNotified        Kind = "notified"
	KindQueryEmpty      Kind = "query_empty"
	KindQueryFailed     Kind = "query_failed"
	KindUndecided       Kind = "undecided"
	KindOffered         Kind = "offered"
	KindAcknowledged    Kind = "acknowledged"
	KindSuperseded      Kind = "superseded"
	KindResolved        Kind = "resolved"
	KindClaimed         Kind = "claimed"
	KindReceiptPrinted  Kind = "receipt_printed"
)

// Facts about the journal as a whole.
const (
	KindUnmatched    Kind = "unmatched"
	KindParked       Kind = "parked"
	KindLeft         Kind = "left"
	KindJunk         Kind = "junk"
	KindGap          Kind = "gap"
	KindClockOffset  Kind = "clock_offset"
	KindRolledBack   Kind = "rolled_back"
	KindRecovered    Kind = "recovered"
	KindQueryProved  Kind = "query_proved"
	KindDayClosed    Kind = "day_closed"
	KindReconciled   Kind = "reconciled"
	KindDifference   Kind = "difference"
	KindStaffChanged Kind = "staff_changed"
)

// The values of Notified.Source and Unmatched.Source.
const (
	SourceWebhook = "webhook"
	SourceQuery   = "query"
)

// ReasonNotified is DeadlinePassed.Reason where a notification says that the customer has paid, and
// the query must confirm it: nobody is to pay again meanwhile.
const ReasonNotified = "notified"

// The data of each kind. A field's JSON name is part of the journal's format: add fields, never
// rename one.
type (
	// Requested opens a payment: it is committed before anything leaves the device.
	Requested struct {
		Till        string   `json:"till"`
		Reference   string   `json:"reference"`
		MerchantRef string   `json:"merchant_ref"`
		Money       Money    `json:"money"`
		Schemes     []string `json:"schemes,omitempty"`
		Description string   `json:"description,omitempty"`
		Provider    string   `json:"provider"`
		Mode        string   `json:"mode"`
		// boot clock; valid in the fact's own boot only
		DeadlineUp Millis    `json:"deadline_up_ms"`
		DeadlineAt time.Time `json:"deadline_at"` // wall clock, for people
		Policy     Policy    `json:"policy"`
		Line       *Line     `json:"line,omitempty"` // from a till on an ECR line
		// the gateway account that it is made at; "" in journals before schema 3
		Account string `json:"account,omitempty"`
		Lane    string `json:"lane,omitempty"` // the display that shows it; "" = the only one
	}
	// MintSent says that a remote mint is about to leave; it is never sent again.
	MintSent struct {
		// the wallet that the code is for, where it is for one
		Scheme string `json:"scheme,omitempty"`
	}
	// MintFailed says that no link or code came to be.
	MintFailed struct {
		// "mint_failed"; before anything was asked of the gateway: "cancelled", "not_chosen",
		// "not_ready", "display_lost"
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	// Minted holds what the customer scans.
	Minted struct {
		Payload     string `json:"payload"`
		ProviderRef string `json:"provider_ref,omitempty"`
		// boot clock of the boot of mint_sent: the gateway's own end, where it is sooner
		DeadlineUp Millis `json:"deadline_up_ms,omitempty"`
		// a link in place of the gateway's code: for every scheme, not for the one of mint_sent
		Link bool `json:"link,omitempty"`
		// where Payload is a short link: the link that it leads to
		Target string `json:"target,omitempty"`
	}
	// Shown says that a display confirmed this payment.
	Shown struct {
		By       string `json:"by"` // "display" or "till"
		Revision int64  `json:"revision"`
	}
	// Opened says that the customer opened the link, where the gateway tells.
	Opened struct{}
	// DisplayLost says that no display confirmed the payment, or that it refused to draw the code.
	DisplayLost struct {
		Reason string `json:"reason"`
	}
	// CancelRequested says that a till or a member of staff asked to cancel.
	CancelRequested struct {
		By string `json:"by"`
	}
	// DeadlinePassed says that the customer's time is over.
	DeadlinePassed struct {
		// "reboot": the boot that counted it has ended; ReasonNotified
		Reason string `json:"reason,omitempty"`
	}
	// Withdrawn says that no display was told to show the code any longer.
	Withdrawn struct{}
	// PathProved says that a canary sent after Withdrawn came back through the relay.
	PathProved struct {
		SentUp Millis `json:"sent_up_ms"`
	}
	// Notified is a verified record that names this payment.
	Notified struct {
		Record     Record `json:"record"`
		Source     string `json:"source"`                // SourceWebhook or SourceQuery
		Delivery   string `json:"delivery,omitempty"`    // the relay's id of the delivery
		FromParked int64  `json:"from_parked,omitempty"` // Seq of the parked fact that now opened
		// of a query: how many payments of the right amount its answer reported, where that is more
		// than one
		Payments int `json:"payments,omitempty"`
		// the vault's key that vouches for it, and the SHA-256 of the notice, where one did
		Via   string `json:"via,omitempty"`
		Proof string `json:"proof,omitempty"`
	}
	// QueryEmpty says that a query answered and reported no PAY SUCCESS (a 404 only after a proven
	// good answer).
	QueryEmpty struct {
		HTTPStatus int `json:"http_status"`
		Records    int `json:"records"`
		// boot clock of the question; 0 in journals before schema 3
		SentUp Millis `json:"sent_up_ms,omitempty"`
	}
	// QueryFailed says that a query gave no answer that counts.
	QueryFailed struct {
		Reason string `json:"reason"`
	}
	// Undecided says that deadline or cancel plus answer_within has passed without evidence either
	// way.
	Undecided struct{}
	// Offered says that this revision is being told to the till: it is committed first. On an ECR
	// line every transmission is one, with the very bytes that go out.
	Offered struct {
		Revision int64  `json:"revision"`
		Status   Status `json:"status"`
		Frame    []byte `json:"frame,omitempty"`
	}
	// Acknowledged says that the till has stored this revision.
	Acknowledged struct {
		Revision int64 `json:"revision"`
	}
	// Superseded says that the till on this ECR line asked for another sale while the response to
	// this one was still due: it is not given unasked any more, also after a restart.
	Superseded struct{}
	// Resolved is what staff found out. It never changes the status. As a fact about the journal it
	// closes an entry of the worklist that belongs to no payment: an unmatched or a parked fact.
	Resolved struct {
		// ResolvedApproved, ResolvedNotPaid or ResolvedNoted
		Outcome string `json:"outcome"`
		By      string `json:"by"`
		Reason  string `json:"reason"`
		Entry   int64  `json:"entry,omitempty"` // Seq of the entry that belongs to no payment
		// what they found; "" in journals before schema 3
		Finding Finding `json:"finding,omitempty"`
		// the transactions that were given back
		Refs []string `json:"refs,omitempty"`
		// what the gateway's portal calls it
		PortalRef string `json:"portal_ref,omitempty"`
		// Seq of the newest fact of the payment that they had before them; 0 = all before this one
		Seen int64 `json:"seen,omitempty"`
		// the account that they were signed in with, and its role
		User string `json:"user,omitempty"`
		Role string `json:"role,omitempty"`
	}
	// Claimed says that a customer says that he has paid: what staff saw on his phone. It puts the
	// payment on the worklist, no more.
	Claimed struct {
		Amount int64     `json:"amount,omitempty"` // minor units; 0 = not seen
		PaidAt time.Time `json:"paid_at,omitzero"` // as the phone shows it
		Number string    `json:"number,omitempty"` // the transaction's, as the phone shows it
		By     string    `json:"by"`
		User   string    `json:"user,omitempty"`
		Role   string    `json:"role,omitempty"`
	}
	// Unmatched is a verified record with this terminal's tag and no such payment.
	Unmatched struct {
		Record     Record `json:"record"`
		Source     string `json:"source"`
		Delivery   string `json:"delivery,omitempty"`
		FromParked int64  `json:"from_parked,omitempty"`
	}
	// Parked is a delivery that did not open, kept whole so that it can be tried again.
	Parked struct {
		Reason   string   `json:"reason"`
		Cure     string   `json:"cure,omitempty"` // what mends it, in a sentence
		Delivery string   `json:"delivery,omitempty"`
		Envelope Envelope `json:"envelope"`
		// in journals before schema 3: there was no place, so that the content was dropped, and its
		// hash and the delivery's id remain. Nothing is cut any more: see Left.
		Cut  bool   `json:"cut,omitempty"`
		Hash string `json:"hash"` // Envelope.Content() before any cut
	}
	// Gap says that the relay may have lost or skipped deliveries.
	Gap struct {
		Reason string `json:"reason"`
	}
	// ClockOffset is the relay's clock minus this machine's.
	ClockOffset struct {
		Offset Millis `json:"offset_ms"`
	}
	// Recovered says that staff accepted this journal in place of one whose head the relay
	// remembered.
	Recovered struct {
		Reason string `json:"reason"`
		By     string `json:"by"`
		Lost   Head   `json:"lost"` // the head that is given up
		// RolledBack.Since: what staff must compare begins here
		Since time.Time `json:"since,omitzero"`
	}
	// RolledBack says that the relay remembers a journal that this one is no continuation of. No
	// sale starts until a Recovered comes after it, whatever any relay says meanwhile.
	RolledBack struct {
		Reason string `json:"reason"`
		Known  Head   `json:"known"` // the head that the relay remembers
		// when the newest fact was made that was certainly recorded before the loss, and its Seq:
		// never one that came after, perhaps not the last one before; zero where there is none
		Since time.Time `json:"since,omitzero"`
		Last  int64     `json:"last,omitempty"`
	}
	// Left says that deliveries which may yet open found no place: what they said is nowhere but at
	// the relay. As long as no later one says Read, a hello that reads again begins at Before, and
	// so hears everything from From on, also what found no place after To.
	Left struct {
		Epoch  string `json:"epoch"`
		From   uint64 `json:"from"` // positions in the relay's stream, both inclusive
		To     uint64 `json:"to"`
		Count  int64  `json:"count"`
		Reason string `json:"reason"` // what there was no room for: "places" or "bytes"
		// the relay's id of the delivery at From
		First string `json:"first,omitempty"`
		// the position before From; the zero Position: what the relay holds is read from the start
		Before Position `json:"before,omitzero"`
		// until when the relay holds the one at From, by its own clock; zero: it has not said
		Until time.Time `json:"until,omitzero"`
		// this one ends all left facts up to this Seq: the position has gone back before them, or
		// everything that the relay holds comes again. Count is what none of them has counted.
		Read int64 `json:"read,omitempty"`
		// they were to be read again, and the relay did not have them any more
		Lost bool `json:"lost,omitempty"`
	}
	// Junk counts deliveries that nobody could ever open; nothing else of them is kept.
	Junk struct {
		Since  time.Time `json:"since"` // wall clock of the first, and of the last
		Until  time.Time `json:"until"`
		Count  int64     `json:"count"`
		Reason string    `json:"reason"` // why the newest one cannot open
	}
	// QueryProved says that the transaction query at this endpoint has returned a record that could
	// be read: from now on a 404 of the same endpoint means that there is none. With Words, staff
	// have confirmed by such a record that these words of the gateway's notifications mean what
	// the configuration says: see Words.
	QueryProved struct {
		Endpoint string `json:"endpoint"` // Gateway.Endpoint
		// Account.Name of what was asked; "" in journals before schema 3
		Account string   `json:"account,omitempty"`
		Words   []string `json:"words,omitempty"` // as Record.Raised has them
		Seen    int64    `json:"seen,omitempty"`  // Seq of the notification that had them
		By      string   `json:"by,omitempty"`    // who confirmed them
	}
)

func (Requested) Kind() Kind       { return KindRequested }
func (MintSent) Kind() Kind        { return KindMintSent }
func (MintFailed) Kind() Kind      { return KindMintFailed }
func (Minted) Kind() Kind          { return KindMinted }
func (Shown) Kind() Kind           { return KindShown }
func (Opened) Kind() Kind          { return KindOpened }
func (DisplayLost) Kind() Kind     { return KindDisplayLost }
func (CancelRequested) Kind() Kind { return KindCancelRequested }
func (DeadlinePassed) Kind() Kind  { return KindDeadlinePassed }
func (Withdrawn) Kind() Kind       { return KindWithdrawn }
func (PathProved) Kind() Kind      { return KindPathProved }
func (Notified) Kind() Kind        { return KindNotified }
func (QueryEmpty) Kind() Kind      { return KindQueryEmpty }
func (QueryFailed) Kind() Kind     { return KindQueryFailed }
func (Undecided) Kind() Kind       { return KindUndecided }
func (Offered) Kind() Kind         { return KindOffered }
func (Acknowledged) Kind() Kind    { return KindAcknowledged }
func (Superseded) Kind() Kind      { return KindSuperseded }
func (Resolved) Kind() Kind        { return KindResolved }
func (Unmatched) Kind() Kind       { return KindUnmatched }
func (Parked) Kind() Kind          { return KindParked }
func (Gap) Kind() Kind             { return KindGap }
func (ClockOffset) Kind() Kind     { return KindClockOffset }
func (Recovered) Kind() Kind       { return KindRecovered }
func (QueryProved) Kind() Kind     { return KindQueryProved }
func (Claimed) Kind() Kind         { return KindClaimed }
func (RolledBack) Kind() Kind      { return KindRolledBack }
func (Left) Kind() Kind            { return KindLeft }
func (Junk) Kind() Kind            { return KindJunk }

// kindRow is what there is to say about one kind.
type kindRow struct {
	kind    Kind
	journal bool // about the journal as a whole, not about one payment
	decode  func([]byte) (Data, error)
	made    string // when it is made: its line of docs/SALE.md
}

// kinds is the one table of facts, in the order in which docs/SALE.md tells them. It is never
// written after its creation. The tests of kinds_test.go hold each row against its type, the bytes
// of the journal, the fold and that page; offline and the simulation go by Kinds.
var kinds = []kindRow{
	{KindRequested, false, decode[Requested], "a till asked, and before anything leaves the " +
		"device; from an ECR line, `requested.line` is how: ECN, function, a digest of the " +
		"fields, whether the ECN was new"},
	{KindMintSent, false, decode[MintSent], "mode qr: the one request for a code is about to " +
		"leave (same commit as requested, or when the customer has touched a wallet); `scheme` " +
		"says for which wallet"},
	{KindMintFailed, false, decode[MintFailed], "nothing payable came to be"},
	{KindMinted, false, decode[Minted], "the link was made (same commit as requested), or the " +
		"gateway's answer to mint_sent is here"},
	{KindShown, false, decode[Shown],
		"the display (or a till with `display = true`) confirmed the code"},
	{KindDisplayLost, false, decode[DisplayLost],
		"nobody confirmed the code within 5 s, or the display refused to draw it"},
	{KindOpened, false, decode[Opened], "the gateway says that the customer opened the link or " +
		"chose how to pay (SingaPay does); decides nothing"},
	{KindCancelRequested, false, decode[CancelRequested],
		"a till or staff asked to cancel: the customer's time has ended"},
	{KindDeadlinePassed, false, decode[DeadlinePassed], "the customer's time is over"},
	{KindWithdrawn, false, decode[Withdrawn],
		"the code was taken off the screen (same commit as what ended the time)"},
	{KindPathProved, false, decode[PathProved],
		"a canary sent at least `settle` after the withdrawal came back"},
	{KindQueryEmpty, false, decode[QueryEmpty],
		"a question sent after the withdrawal was answered with no payment"},
	{KindQueryFailed, false, decode[QueryFailed], "such a question got no answer that counts"},
	{KindUndecided, false, decode[Undecided],
		"cancel or deadline + `answer_within` passed without evidence"},
	{KindNotified, false, decode[Notified], "a verified record of the gateway names this payment"},
	{KindOffered, false, decode[Offered], "this revision is being told to the till (on an ECR " +
		"line once for each transmission, `offered.frame` being its bytes)"},
	{KindAcknowledged, false, decode[Acknowledged], "the till has stored this revision"},
	{KindSuperseded, false, decode[Superseded], "on an ECR line: the till asked for another sale " +
		"while the response to this one was due; it is not given unasked any more"},
	{KindResolved, false, decode[Resolved], "staff said what they found out about a payment, or " +
		"about an unmatched or parked fact; changes no status"},
	{KindClaimed, false, decode[Claimed], "a customer says that he has paid: what staff saw on " +
		"his phone; puts the payment on the worklist and changes no status"},
	{KindReceiptPrinted, false, decode[ReceiptPrinted],
		"a receipt of this payment was printed, or printed again"},
	{KindUnmatched, true, decode[Unmatched],
		"a verified record has our tag, and there is no such payment"},
	{KindParked, true, decode[Parked],
		"a delivery did not open; it is kept whole and tried again at each start"},
	{KindLeft, true, decode[Left], "deliveries that may yet open found no place: from which " +
		"position of the relay's stream on they are read again; one fact for a run of them, and " +
		"one an hour at most that counts how it goes on. With `read`: they are being read " +
		"again; with `lost`: the relay did not have them any more"},
	{KindJunk, true, decode[Junk], "how many deliveries came that nobody could ever open, and " +
		"of which nothing else is kept: one fact an hour at most"},
	{KindGap, true, decode[Gap], "the relay cannot prove that nothing was missed"},
	{KindClockOffset, true, decode[ClockOffset],
		"the relay's clock minus ours has changed by more than 2 s"},
	{KindRolledBack, true, decode[RolledBack],
		"the relay remembers a journal that this one is no " +
			"continuation of; no sale starts until recovered"},
	{KindRecovered, true, decode[Recovered],
		"staff accept this journal in place of one whose head the relay remembers"},
	{KindQueryProved, true, decode[QueryProved],
		"this query endpoint has returned a readable record: its 404 counts from now on; with " +
			"`words`, staff confirmed by such a record that these words of its notifications " +
			"mean paid"},
	{KindDayClosed, true, decode[DayClosed], "a business day was closed: what was counted"},
	{KindReconciled, true, decode[Reconciled],
		"a gateway's report was compared with the journal: which, and the sums"},
	{KindDifference, true, decode[Difference],
		"one case in which that report and the journal do not agree"},
	{KindStaffChanged, true, decode[StaffChanged],
		"an account of the staff was made, changed or removed"},
}

// Kinds lists every Kind, for the tables that must be complete.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i, row := range kinds {
		all[i] = row.kind
	}
	return all
}

// rowOf is the kind's row; ok is false for a kind that is not known to this version.
func rowOf(k Kind) (row kindRow, ok bool) {
	i := slices.IndexFunc(kinds, func(r kindRow) bool { return r.kind == k })
	if i < 0 {
		return kindRow{}, false
	}
	return kinds[i], true
}

// AboutJournal tells facts about the journal as a whole from facts about one payment.
func AboutJournal(d Data) bool {
	if r, ok := d.(Resolved); ok {
		return r.Entry != 0
	}
	row, _ := rowOf(d.Kind())
	return row.journal
}

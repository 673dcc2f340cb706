package ecr

import (
	"errors"
	"slices"

	"kiosk-agent/payment"
)

// Outcome is what a till is told, before a dialect puts it into the till's own code and words.
type Outcome string

// The outcomes. Each dialect has a code and a text for every one of them.
const (
	// What became of a sale.
	Approved  Outcome = "approved"
	Declined  Outcome = "declined"
	Expired   Outcome = "expired"
	Cancelled Outcome = "cancelled"
	// no payment found, and no query was there to confirm it
	DeclinedUnconfirmed  Outcome = "declined_unconfirmed"
	ExpiredUnconfirmed   Outcome = "expired_unconfirmed"
	CancelledUnconfirmed Outcome = "cancelled_unconfirmed"
	Unknown              Outcome = "unknown"
	// a repeat that may as well be a new sale of a till whose ECN never changes
	RepeatUncertain Outcome = "repeat_uncertain"
	JournalAfter    Outcome = "journal_unavailable_after"
	// a fault of ours after which nobody can say what happened
	Internal Outcome = "internal"

	// Why nothing was started.
	NotReady      Outcome = "not_ready"
	PathDown      Outcome = "path_down"
	Busy          Outcome = "busy"
	BadFrame      Outcome = "bad_frame"    // well framed, but no message of this dialect
	BadFunction   Outcome = "bad_function" // a function that the dialect does not list
	BadField      Outcome = "bad_field"    // a field that is missing or cannot be read
	AmountInvalid Outcome = "amount_invalid"
	// the ECN of the running sale, or of one inside its window, with other fields
	ECNConflict   Outcome = "ecn_conflict"
	ECNReused     Outcome = "ecn_reused" // only where timers.ecn_unique
	JournalBefore Outcome = "journal_unavailable_before"
	VoidRefused   Outcome = "void_refused" // this terminal gives no money back

	// Answers to the other functions. The last sale is told with the outcomes of a sale.
	Ready          Outcome = "ready"
	CancelDone     Outcome = "cancel_done" // the sale is cancelled, or there was none
	CancelRefused  Outcome = "cancel_refused"
	LastNone       Outcome = "last_none"
	LastRunning    Outcome = "last_running"
	LogonDone      Outcome = "logon_done"
	SettlementDone Outcome = "settlement_done"
)

// outcomes in the order of the constants, with what a till may take them for; never written.
var outcomes = []struct {
	outcome Outcome
	class   class
}{
	{Approved, good}, {Declined, notPaid}, {Expired, notPaid}, {Cancelled, notPaid},
	{DeclinedUnconfirmed, uncertain}, {ExpiredUnconfirmed, uncertain},
	{CancelledUnconfirmed, uncertain}, {Unknown, uncertain}, {RepeatUncertain, uncertain},
	{JournalAfter, uncertain}, {Internal, uncertain}, {NotReady, refused}, {PathDown, refused},
	{Busy, refused}, {BadFrame, refused}, {BadFunction, refused}, {BadField, refused},
	{AmountInvalid, refused}, {ECNConflict, refused}, {ECNReused, refused},
	{JournalBefore, refused}, {VoidRefused, refused}, {Ready, good}, {CancelDone, good},
	{CancelRefused, refused}, {LastNone, refused}, {LastRunning, refused}, {LogonDone, good},
	{SettlementDone, good},
}

// class is what must not be told with the same response code.
type class int

const (
	good      class = iota // the only class that may share the code of approved
	notPaid                // final: the till may sell again
	uncertain              // must not share a code with notPaid: a timeout is never a decline
	refused
)

// Outcomes lists every Outcome, for the tables that must be complete.
func Outcomes() []Outcome {
	list := make([]Outcome, len(outcomes))
	for i, o := range outcomes {
		list[i] = o.outcome
	}
	return list
}

func classOf(o Outcome) (class, bool) {
	i := slices.IndexFunc(outcomes, func(x struct {
		outcome Outcome
		class   class
	}) bool {
		return x.outcome == o
	})
	if i < 0 {
		return refused, false
	}
	return outcomes[i].class, true
}

// Uncertain reports whether the customer may have paid: an answer with such an outcome is no
// decline. What is no outcome at all is.
func (o Outcome) Uncertain() bool {
	c, known := classOf(o)
	return !known || c == uncertain
}

// NotPaid reports whether it is the end of a sale that nobody has paid.
func (o Outcome) NotPaid() bool {
	c, known := classOf(o)
	return known && c == notPaid
}

// OutcomeOf says what became of a sale. A payment that is not final is still running; a status that
// is not in the table, or approved without confirmation (which payment.Fold never makes), is
// unknown.
func OutcomeOf(p payment.Payment) Outcome {
	if !p.Status.Final() {
		return LastRunning
	}
	type key struct {
		status      payment.Status
		unconfirmed bool
	}
	switch (key{p.Status, slices.Contains(p.Flags, payment.FlagUnconfirmed)}) {
	case key{payment.StatusApproved, false}:
		return Approved
	case key{payment.StatusDeclined, false}:
		return Declined
	case key{payment.StatusExpired, false}:
		return Expired
	case key{payment.StatusCancelled, false}:
		return Cancelled
	case key{payment.StatusDeclined, true}:
		return DeclinedUnconfirmed
	case key{payment.StatusExpired, true}:
		return ExpiredUnconfirmed
	case key{payment.StatusCancelled, true}:
		return CancelledUnconfirmed
	default:
		return Unknown
	}
}

// refusals has one entry for each payment.Code; it is never written. TestRefusalsAreComplete keeps
// it complete.
var refusals = map[payment.Code]Outcome{
	payment.CodeBusy:               Busy,
	payment.CodeNotReady:           NotReady,
	payment.CodeAmountInvalid:      AmountInvalid,
	payment.CodeReferenceConflict:  ECNConflict,
	payment.CodeReferenceReused:    ECNReused,
	payment.CodeReferenceInvalid:   BadField,
	payment.CodeNotFound:           LastNone,
	payment.CodeNotCancellable:     CancelRefused,
	payment.CodeJournalUnavailable: JournalBefore,
	payment.CodeNotOwner:           CancelRefused,
	payment.CodeInvalid:            BadField,
	payment.CodeInternal:           Internal,
}

// RefusalOf says how a till hears err. What is not a payment.Error is an internal fault, which is
// uncertain. A terminal that is not ready is PathDown when the confirmation path is the only
// reason, and JournalBefore when the journal is one.
func RefusalOf(err error) Outcome {
	o, ok := refusals[payment.CodeOf(err)]
	if !ok {
		return Internal
	}
	if e, isError := errors.AsType[*payment.Error](err); isError && o == NotReady {
		return notReady(e.Reasons)
	}
	return o
}

// notReady goes by the rows of payment.NotReadyReasons; a code that has none is NotReady, which
// every till understands.
func notReady(reasons []payment.Reason) Outcome {
	path := 0
	for _, r := range reasons {
		row, _ := payment.UnreadyOf(r.Code)
		switch Outcome(row.Heard) {
		case JournalBefore:
			return JournalBefore
		case PathDown:
			path++
		}
	}
	if path > 0 && path == len(reasons) {
		return PathDown
	}
	return NotReady
}

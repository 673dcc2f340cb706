package payment

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Task is one thing that staff must do about a payment, or about a fact that belongs to none.
type Task struct {
	// a status, a flag, "contradicted", "owed", "unmatched", "parked" or "left"
	Code string `json:"code"`
	Text string `json:"text"` // what happened and what to do
}

// WorkItem is one entry of the staff's worklist: a payment, or a fact that belongs to none.
type WorkItem struct {
	Payment *Payment
	Entry   *Fact
	Tasks   []Task
}

// Tasks is what staff must do about this payment, most urgent first; nil while it is not final.
// What a resolution has settled is no task until money or a dispute contradicts it.
func (p Payment) Tasks() []Task {
	if !p.Final {
		return nil
	}
	var tasks []Task
	add := func(code, text string) {
		if !slices.Contains(p.Settled, code) {
			tasks = append(tasks, Task{code, text})
		}
	}
	if r := p.Resolution; r != nil && r.Contradicted {
		add("contradicted", "Staff resolved this as "+r.Outcome+", and since then: "+
			strings.Join(r.News, "; ")+". Look at it again, then resolve it again.")
	}
	for _, f := range p.Flags {
		if text := flagWork[f]; text != "" {
			add(string(f), text)
		}
	}
	if p.Disputed && !slices.Contains(p.Flags, FlagAmountMismatch) {
		add("disputed", disputedWork)
	}
	if p.doubtful() {
		add("doubtful", p.doubtfulWork())
	} else if p.Status == StatusUnknown && len(p.Flags) == 0 {
		add(string(StatusUnknown), unknownWork)
	}
	if n := len(p.Claims); n > 0 && !p.bears(p.Claims[n-1]) {
		add("claimed", p.Claims[n-1].work())
	}
	if p.OwedOpen() {
		tasks = append(tasks, Task{"owed", p.owedWork()})
	}
	return tasks
}

// bears reports whether money has come that bears a claim out: what there is to do then, other
// tasks say.
func (p Payment) bears(c Claim) bool {
	return slices.ContainsFunc(p.Movements, func(m Movement) bool {
		return m.pays() && m.Seq > c.Seq
	})
}

// OwedOpen reports whether the till has not confirmed the outcome, and nobody has looked into its
// book. Only that closes it: what was found out about the money does not.
func (p Payment) OwedOpen() bool {
	before3 := p.Resolution != nil && p.Resolution.Finding == "" && !p.Resolution.Contradicted
	return p.Owed && p.CheckedRev != p.Revision && !before3
}

// NeedsStaff reports whether there is anything to do besides the till's missing acknowledgement.
func (p Payment) NeedsStaff() bool {
	tasks := p.Tasks()
	return len(tasks) > 1 || len(tasks) == 1 && tasks[0].Code != "owed"
}

const unknownWork = "Nobody could say in time whether the customer paid. Look the merchant " +
	"reference up in the gateway's portal: " +
	"if it is paid, book the sale and resolve it as approved; if it is not, resolve it as " +
	"not-paid. Until then do not charge the customer again."

const disputedWork = "The gateway reports that this sale is paid, and has also reported " +
	"something that does not fit (another transaction that was refused " +
	"after it had succeeded). Look the merchant reference up in its portal, then resolve it."

var flagWork = map[Flag]string{
	FlagLate: "The customer paid after the till was told that no payment was made. If the " +
		"goods were handed over, book the sale; if they were " +
		"not, or were paid in another way, give the money back in the gateway's portal. Then " +
		"resolve it.",
	FlagDuplicate: "The customer paid more than once for this sale. Give all but one payment " +
		"back in the gateway's portal, then resolve it.",
	FlagAmountMismatch: "The gateway reports a payment of another amount or currency than the " +
		"sale's. Look it up in the gateway's portal, settle the " +
		"difference with the customer or give the money back, then resolve it.",
	FlagReversed: "The gateway reports that this payment was voided or refunded. Check in its " +
		"portal whether the money was kept, then resolve it.",
}

func (p Payment) doubtfulWork() string {
	var said []string
	for _, d := range p.Doubts {
		if !d.Conflict {
			said = append(said, d.Why)
		}
	}
	if p.AwaitsQuery() && len(said) == 1 {
		return "The gateway's notification says that the customer has paid, and its transaction " +
			"query has not confirmed it, as payment.approve_needs_query wants. Look the " +
			"merchant reference up in its portal: if it is paid, book the sale and resolve it " +
			"as approved; if it is not, resolve it as not-paid. Until then do not charge the " +
			"customer again."
	}
	return "The gateway has said something that this agent does not understand: " +
		strings.Join(said, "; ") + ". Look the merchant reference up in its portal, then " +
		"resolve it. Until then do not charge the customer again."
}

// work says what a customer has told.
func (c Claim) work() string {
	text := c.By + " notes that the customer says he has paid"
	if c.Number != "" {
		text += " (number " + c.Number + ")"
	}
	return text + ". Look the sale up in the gateway's portal, then resolve it."
}

// owedWork says what a till has not confirmed.
func (p Payment) owedWork() string {
	heard := "has not been told"
	if p.OfferedRev == p.Revision {
		heard = "was told, and has not confirmed,"
	}
	if p.AckedRev > 0 {
		heard = "heard an earlier outcome and " + heard
	}
	return "Till " + p.Till + " " + heard + " that this sale is " + string(p.Status) +
		". Check that its book says the same; correct it by hand if it does not, then resolve it."
}

// EntryWork is what staff must do about a fact that belongs to no payment.
func EntryWork(d Data) []Task {
	switch d := d.(type) {
	case Unmatched:
		return []Task{{"unmatched", "The gateway reports a payment with this terminal's tag " +
			"that this journal does not know (" + d.Record.MerchantRef +
			", " + statedAmount(d.Record) + ", " + d.Record.Status + "): the journal was " +
			"restored, lost or cloned. Look the reference up in the gateway's " +
			"portal, find the sale in the till's book, then resolve it."}}
	case Parked:
		cure := d.Cure
		if cure == "" { // of an older journal
			cure = "If the gateway's secret was changed, set it (and previous_secret)."
		}
		return []Task{{"parked", "A notification could not be opened: " + d.Reason + ". " + cure +
			" The agent tries it again at its next start. If it is somebody's junk, resolve it " +
			"as not-paid."}}
	case Left:
		if d.Lost {
			return []Task{{"left", "At least " + notifications(d.Count) + " that found no place " +
				"here could not be read again: the relay does not have them any more. Compare " +
				"the gateway's portal with the sales of that time, then resolve it."}}
		}
		return LeftWork([]Left{d}, time.Time{})
	default:
		return nil
	}
}

// LeftWork is the one task about all deliveries that found no place and are not read again yet, as
// it stands at this moment; the zero time for none in particular. Nobody can close it: it ends when
// they are read.
func LeftWork(left []Left, now time.Time) []Task {
	if len(left) == 0 {
		return nil
	}
	var n int64
	var until time.Time
	for _, l := range left {
		n += l.Count
		if !l.Until.IsZero() && (until.IsZero() || l.Until.Before(until)) {
			until = l.Until
		}
	}
	text := "At least " + notifications(n) + " that may yet open found no place here, because " +
		"too many others wait that do not open. "
	at := until.UTC().Format("2006-01-02 15:04 UTC")
	switch {
	case until.IsZero():
		text += "The relay holds them for its retention. "
	case now.IsZero() || now.Before(until.Add(-leftWarning)):
		text += "The relay holds them until " + at + ". "
	case now.Before(until):
		text = "Less than a day is left: the relay holds them until " + at + " only. " + text
	default:
		text += "The relay has held them until " + at + ", and may have begun to drop them. "
	}
	return []Task{{"left", text + "If the gateway's secret was changed, set it (and " +
		"previous_secret) and restart the agent: it reads them again. Otherwise resolve what is " +
		"junk among the parked ones: they are read again when there is room."}}
}

// leftWarning is how long before the relay drops what was left the task says so.
const leftWarning = 24 * time.Hour

func notifications(n int64) string {
	if n == 1 {
		return "1 notification"
	}
	return strconv.FormatInt(n, 10) + " notifications"
}

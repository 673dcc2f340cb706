package payment

import (
	"slices"
	"strings"
)

// Task is one thing that staff must do about a payment, or about a fact that belongs to none.
type Task struct {
	Code string `json:"code"` // a status, a flag, "contradicted", "owed", "unmatched" or "parked"
	Text string `json:"text"` // what happened and what to do
}

// WorkItem is one entry of the staff's worklist: a payment, or an unmatched or parked fact.
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
		return []Task{{"parked", "A notification could not be opened: " + d.Reason +
			". If the gateway's secret was changed, set it (and previous_secret) " +
			"and restart the agent: it tries again. If it is somebody's junk, resolve it as " +
			"not-paid."}}
	default:
		return nil
	}
}

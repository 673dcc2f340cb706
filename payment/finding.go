package payment

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Finding is what staff found out, in one of a closed set of words. Which of them fits a payment or
// an entry, and to which outcome it leads, Choices and EntryChoices say. No finding is evidence: it
// changes no status.
type Finding string

// The findings.
const (
	// the sale is in the books as paid, or the goods were handed over for it
	FindingBooked Finding = "booked"
	// every payment, or all but one of them, was given back: Resolved.Refs names them
	FindingGivenBack Finding = "given-back"
	// the difference between what was paid and what was asked for was settled in another way
	FindingSettled Finding = "settled"
	// the gateway's portal shows the reversal, and the money was kept all the same
	FindingKept Finding = "kept"
	// the gateway's portal shows the payment: Resolved.PortalRef names it
	FindingPaid Finding = "paid"
	// the gateway's portal shows none
	FindingNotPaid Finding = "not-paid"
	// the till's book says what the status says
	FindingTillChecked Finding = "till-checked"
	// the sale of an unmatched record was found in a till's book: Resolved.PortalRef names it
	FindingSaleFound Finding = "sale-found"
	// a difference is explained, or was handed to the gateway
	FindingExplained Finding = "explained"
	FindingHandedOn  Finding = "handed-on"
	// a parked delivery is somebody's junk
	FindingJunk Finding = "junk"
	// none of these: a supervisor's words stand in the reason
	FindingOther Finding = "other"
)

// The roles of staff that may resolve; "" is a command of the machine's administrator.
const roleSupervisor = "supervisor"

// Choice is one finding that fits, and what it leads to.
type Choice struct {
	Finding Finding
	Outcome string
	Task    string // the code of the task that it closes
	Text    string // for a page or a command: what staff say with it
	// Resolved.Refs must name the payments that were given back: all, or all but one
	AllBack, AllButOne bool
	// Resolved.PortalRef must name the payment in the gateway's portal, or the sale in the till's
	// book
	NeedsRef bool
}

// choicesOf is the table of what staff can find out, for each task of a payment.
var choicesOf = map[string][]Choice{
	string(FlagLate): {
		{Finding: FindingBooked, Outcome: ResolvedApproved, Text: "the sale is booked as paid"},
		givenBack,
	},
	"contradicted": {
		{Finding: FindingBooked, Outcome: ResolvedApproved, Text: "the sale is booked as paid"},
		givenBack,
	},
	string(FlagDuplicate): {
		{Finding: FindingGivenBack, Outcome: ResolvedApproved, AllButOne: true,
			Text: "all payments but one were given back"},
		givenBack,
	},
	string(FlagAmountMismatch): {
		{Finding: FindingSettled, Outcome: ResolvedApproved,
			Text: "the difference was settled with the customer"},
		givenBack,
	},
	string(FlagReversed): {
		{Finding: FindingKept, Outcome: ResolvedApproved, Text: "the money was kept"},
		givenBack,
	},
	"disputed":            {paidInPortal, givenBack},
	"doubtful":            {paidInPortal, notInPortal},
	string(StatusUnknown): {paidInPortal, notInPortal},
	"claimed":             {paidInPortal, notInPortal},
}

var (
	givenBack = Choice{Finding: FindingGivenBack, Outcome: ResolvedNotPaid, AllBack: true,
		Text: "all of the money was given back"}
	paidInPortal = Choice{Finding: FindingPaid, Outcome: ResolvedApproved, NeedsRef: true,
		Text: "the gateway's portal shows that it is paid"}
	notInPortal = Choice{Finding: FindingNotPaid, Outcome: ResolvedNotPaid,
		Text: "the gateway's portal shows no payment"}
)

// Choices are the findings that fit what is on record, by the order of the tasks; none while there
// is nothing to do.
func (p Payment) Choices() (all []Choice) {
	money := false
	paid := len(p.paying()) > 0
	tasks := p.Tasks()
	others := slices.ContainsFunc(tasks, func(t Task) bool {
		return t.Code != "owed" && t.Code != "contradicted"
	})
	for _, t := range tasks {
		if t.Code == "contradicted" && others {
			continue // what else there is to do says it better
		}
		if t.Code == "owed" {
			all = append(all, Choice{Finding: FindingTillChecked, Outcome: p.outcome(),
				Task: t.Code, Text: "the till's book says that this sale is " + string(p.Status)})
			continue
		}
		money = true
		for _, c := range choicesOf[t.Code] {
			if c.Finding == FindingGivenBack && !paid || c.Finding == FindingNotPaid && paid {
				continue // there is nothing to give back; what is on record was paid
			}
			if c.Finding == FindingPaid && paid && t.Code == "claimed" {
				c.NeedsRef = false // it is on record
			}
			c.Task = t.Code
			all = append(all, c)
		}
	}
	if money {
		all = append(all, Choice{Finding: FindingOther, Outcome: ResolvedNoted,
			Text: "none of these; the reason says what"})
	}
	return all
}

// outcome is what a status says, in the words of a resolution.
func (p Payment) outcome() string {
	switch p.Status {
	case StatusApproved:
		return ResolvedApproved
	case StatusDeclined, StatusExpired, StatusCancelled:
		return ResolvedNotPaid
	default:
		return ResolvedNoted
	}
}

// EntryChoices are the findings that fit an entry of the worklist that belongs to no payment.
func EntryChoices(d Data) []Choice {
	switch d := d.(type) {
	case Unmatched:
		return []Choice{
			{Finding: FindingSaleFound, Outcome: ResolvedApproved, Task: "unmatched",
				NeedsRef: true,
				Text:     "the sale is in a till's book, under this reference"},
			{Finding: FindingGivenBack, Outcome: ResolvedNotPaid, Task: "unmatched",
				Text: "the money was given back"},
		}
	case Parked:
		return []Choice{{Finding: FindingJunk, Outcome: ResolvedNotPaid, Task: "parked",
			Text: "it is somebody's junk"}}
	case Left:
		if !d.Lost {
			return nil // they may hold money: only reading them again ends it
		}
		return []Choice{{Finding: FindingExplained, Outcome: ResolvedNoted, Task: "left",
			Text: "the gateway's portal was compared with the sales of that time"}}
	case Difference:
		return []Choice{
			{Finding: FindingExplained, Outcome: ResolvedNoted, Task: "difference",
				Text: "it is explained"},
			{Finding: FindingHandedOn, Outcome: ResolvedNoted, Task: "difference",
				Text: "it was handed to the gateway"},
		}
	default:
		_ = d
		return nil
	}
}

// CheckResolution completes what staff say about a payment with what follows from it, or says why
// it does not fit what is on record. It never lets a resolution override evidence.
func (p Payment) CheckResolution(r Resolved) (Resolved, error) {
	if !p.Final {
		return r, fmt.Errorf("the payment is %s: it may still be paid", p.Status)
	}
	choices := p.Choices()
	if len(choices) == 0 {
		return r, errors.New("the payment is not on the worklist: there is nothing to resolve; " +
			"what a customer says is noted with claim first")
	}
	if r.Seen == 0 {
		r.Seen = p.LastSeq
	}
	for _, m := range p.Movements {
		if m.Seq > r.Seen {
			return r, errors.New("something arrived while you were reading: " + m.words())
		}
	}
	for _, d := range p.Doubts {
		if d.Seq > r.Seen {
			return r, errors.New("something arrived while you were reading: " + d.Why)
		}
	}
	if r.Finding == FindingGivenBack && len(r.Refs) == 0 && len(p.paying()) == 1 {
		r.Refs = []string{p.paying()[0].Ref()}
	}
	return choose(choices, r, p.backing(r.Refs))
}

// CheckEntry is CheckResolution for an entry that belongs to no payment.
func CheckEntry(d Data, r Resolved) (Resolved, error) {
	if len(EntryChoices(d)) == 0 {
		return r, errors.New("nobody can close this: it ends by itself, as its text says")
	}
	return choose(EntryChoices(d), r, backing{all: true})
}

// backing is what the references of a resolution name.
type backing struct {
	err            error
	all, allButOne bool
}

func (p Payment) backing(refs []string) (b backing) {
	in := p.paying()
	named := map[string]bool{}
	for _, ref := range refs {
		if !slices.ContainsFunc(in, func(m Movement) bool { return m.Ref() == ref }) {
			b.err = fmt.Errorf("%.64q is no payment of this sale; there are: %s", ref, namesOf(in))
			return b
		}
		named[ref] = true
	}
	b.all, b.allButOne = len(named) == len(in) && len(in) > 0, len(in) > 1 &&
		len(named) == len(in)-1
	if len(refs) > 0 && !b.all && !b.allButOne {
		b.err = fmt.Errorf(
			"%d of %d payments are named as given back: name all, or all but one: %s",
			len(named), len(in), namesOf(in))
	}
	return b
}

// choose takes the one choice that fits; where several do, or none does, it says which there are.
func choose(choices []Choice, r Resolved, b backing) (Resolved, error) {
	if b.err != nil {
		return r, b.err
	}
	var fit []Choice
	money := slices.ContainsFunc(choices, func(c Choice) bool { return c.Task != "owed" })
	for _, c := range choices {
		switch {
		case r.Finding == "" && c.Task == "owed" && money: // it is meant only where it is named
		case r.Outcome != "" && c.Outcome != r.Outcome, r.Finding != "" && c.Finding != r.Finding:
		case c.Finding == FindingOther && r.Finding != FindingOther:
		case c.AllBack && len(r.Refs) > 0 && !b.all, c.AllButOne && len(r.Refs) > 0 && !b.allButOne:
		default:
			fit = append(fit, c)
		}
	}
	same := func(c Choice) bool {
		return c.Finding == fit[0].Finding && c.Outcome == fit[0].Outcome
	}
	if len(fit) == 0 || slices.ContainsFunc(fit, func(c Choice) bool { return !same(c) }) {
		return r, errors.New("which finding? " + listed(choices))
	}
	c := fit[0]
	switch {
	case c.NeedsRef && strings.TrimSpace(r.PortalRef) == "":
		return r, fmt.Errorf("%s: the reference in the portal or in the till's book is missing",
			c.Finding)
	case c.AllBack && !b.all, c.AllButOne && !b.allButOne:
		return r, fmt.Errorf("%s: name the payments that were given back", c.Finding)
	case c.Finding == FindingOther && r.Role != "" && r.Role != roleSupervisor:
		return r, errors.New("other: only a supervisor may say so")
	}
	r.Finding, r.Outcome = c.Finding, c.Outcome
	return r, nil
}

func listed(choices []Choice) string {
	var words []string
	for _, c := range choices {
		word := fmt.Sprintf("%s → %s (%s)", c.Finding, c.Outcome, c.Text)
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, "; ")
}

// closes are the tasks that a finding closes, of a payment as it stood. A finding of a journal
// before schema 3 is "": it closes all.
func (p Payment) closes(r Resolved) []string {
	b := p.backing(r.Refs)
	switch r.Finding {
	case "":
		return moneyTasks()
	case FindingBooked:
		return []string{string(FlagLate)}
	case FindingGivenBack:
		if b.allButOne {
			return []string{string(FlagDuplicate)}
		}
		return moneyTasks()
	case FindingSettled:
		return []string{string(FlagAmountMismatch)}
	case FindingKept:
		return []string{string(FlagReversed)}
	case FindingPaid, FindingNotPaid:
		return []string{"disputed", "doubtful", string(StatusUnknown), "claimed"}
	case FindingOther:
		return moneyTasks()
	default: // FindingTillChecked is about one revision; the others are about entries
		return nil
	}
}

// moneyTasks are the codes of all tasks but owed.
func moneyTasks() []string {
	return []string{string(FlagLate), string(FlagDuplicate),
		string(FlagAmountMismatch), string(FlagReversed), "disputed", "doubtful",
		string(StatusUnknown), "claimed"}
}

package engine

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kiosk-agent/payment"
)

const (
	maxReason = 500 // characters of what staff write
	// clockTolerance is how far this machine's clock may be from the relay's: the times on receipts
	// are wrong beyond it.
	clockTolerance = 10 * time.Minute
	// clockWorth is the change of the offset that is worth a fact.
	clockWorth = 2 * time.Second
)

// relayClock is the relay's clock as it was learned: at Up it showed Wall. The boot clock carries
// it on, so that a step of this machine's wall clock shows at once.
type relayClock struct {
	known  bool
	up     time.Duration
	wall   time.Time
	doubt  time.Duration
	offset time.Duration // the newest that this process has written down
}

// offsetAt is the relay's clock minus this machine's.
func (c *relayClock) offsetAt(now Now) time.Duration {
	return c.wall.Add(now.Up - c.up).Sub(now.Wall.Round(0))
}

// clockLearned takes a comparison with the relay's clock, and keeps it where it is news.
func (s *step) clockLearned(ev ClockLearned) {
	c := &s.m.relayClock
	c.known, c.up, c.wall, c.doubt = true, s.now.Up, s.now.Wall.Round(0).Add(ev.Offset),
		ev.Uncertainty
	if change := (ev.Offset - c.offset).Abs(); change > clockWorth+ev.Uncertainty {
		s.fact("", payment.ClockOffset{Offset: payment.ToMillis(ev.Offset)})
		s.out.onDone = append(s.out.onDone, func() { c.offset = ev.Offset })
	}
}

// clockReason says why this machine's clock cannot be right, where it cannot.
func (m *Machine) clockReason(now Now) (r payment.Reason, wrong bool) {
	r = payment.NotReadyClock.Reason("")
	switch off := m.relayClock.offsetAt(now); {
	case now.Wall.Before(m.cfg.NotBefore):
		r.Message = "this machine's clock says " + now.Wall.UTC().Format(time.DateOnly)
		r.Hint = "set the clock; check its battery and NTP"
		return r, true
	case m.relayClock.known && off.Abs() > clockTolerance+m.relayClock.doubt:
		r.Message = "this machine's clock and the relay's are " +
			off.Abs().Truncate(time.Second).String() + " apart"
		return r, true
	default:
		return payment.Reason{}, false
	}
}

// rollbackChecked takes the comparison of the journal with the relay's anchor. A journal that staff
// have accepted in place of that very head is not older for it: the relay has not heard yet.
func (s *step) rollbackChecked(ev RollbackChecked) {
	s.m.rollback, s.m.lost = ev.Reason, ev.Known
	if ev.Reason != "" && s.m.recovered != (payment.Head{}) && ev.Known == s.m.recovered {
		s.m.rollback = ""
		s.then(AdoptJournal{Lost: ev.Known})
	}
}

// recovering books that staff accept this journal although the relay remembers a newer one.
func (s *step) recovering(ev Recovering) {
	switch why := checkWords(ev.By, ev.Reason); {
	case why != "":
		s.refuse(ev.To, invalid("recover", why, "give the reason in --reason"))
		return
	case s.m.rollback == "":
		s.refuse(ev.To, invalid("recover",
			"there is nothing to recover: the relay remembers no newer journal than this one",
			"terminal.status lists what the terminal waits for"))
		return
	case !s.m.caughtUp:
		s.refuse(ev.To, &payment.Error{
			Code: payment.CodeNotReady, Op: "recover",
			Message: "the relay has not sent everything that it holds yet", Retryable: true,
			Hint: "wait until the relay is connected and has caught up, then recover",
		})
		return
	}
	m, lost := s.m, s.m.lost
	s.fact("", payment.Recovered{Reason: ev.Reason, By: ev.By, Lost: lost})
	s.out.onDone = append(s.out.onDone, func() {
		m.rollback, m.recovered = "", lost
		m.inquiries.hurry(s.now.Up)
	})
	s.then(AdoptJournal{Lost: lost})
	s.answer(Answer{To: ev.To})
}

// resolving books what staff found out about a payment, or about an entry that belongs to none.
func (s *step) resolving(ev Resolving) {
	why := checkWords(ev.By, ev.Reason)
	if why == "" && ev.Outcome != payment.ResolvedApproved &&
		ev.Outcome != payment.ResolvedNotPaid {
		why = fmt.Sprintf("outcome %.20q is none", ev.Outcome)
	}
	if why != "" {
		s.refuse(ev.To, invalid("resolve", why,
			"say "+payment.ResolvedApproved+" or "+payment.ResolvedNotPaid+", and why in --reason"))
		return
	}
	said := payment.Resolved{Outcome: ev.Outcome, By: ev.By, Reason: ev.Reason, Entry: ev.Entry}
	if ev.Entry != 0 {
		s.resolveEntry(ev, said)
		return
	}
	a, ok, err := s.load(ev.ID)
	switch {
	case err != nil:
		s.refuse(ev.To, journalUnreadable("resolve", err))
	case !ok:
		s.refuse(ev.To, &payment.Error{Code: payment.CodeNotFound, Op: "resolve",
			Message: "there is no such payment", Hint: "kiosk-agent worklist lists the ids"})
	case !a.p.Final:
		s.refuse(ev.To, invalid("resolve",
			"the payment is "+string(a.p.Status)+": it may still be paid", "wait for its end"))
	default:
		s.fact(ev.ID, said)
		s.answer(Answer{To: ev.To})
	}
}

func (s *step) resolveEntry(ev Resolving, said payment.Resolved) {
	f, ok, err := s.m.journal.Entry(ev.Entry)
	switch {
	case err != nil:
		s.refuse(ev.To, journalUnreadable("resolve", err))
	case !ok || payment.EntryWork(f.Data) == nil:
		s.refuse(ev.To, &payment.Error{Code: payment.CodeNotFound, Op: "resolve",
			Message: "there is no such entry", Hint: "kiosk-agent worklist lists them as #number"})
	default:
		s.fact("", said)
		s.answer(Answer{To: ev.To})
	}
}

// checkWords says what is wrong with what staff wrote; "" = nothing.
func checkWords(by, reason string) string {
	switch {
	case strings.TrimSpace(by) == "" || !legible(by):
		return "nobody is named"
	case strings.TrimSpace(reason) == "":
		return "the reason is missing"
	case !legible(reason):
		return fmt.Sprintf("the reason has control characters, or more than %d characters",
			maxReason)
	default:
		return ""
	}
}

func legible(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxReason &&
		!strings.ContainsFunc(s, unicode.IsControl)
}

func invalid(op, message, hint string) *payment.Error {
	return &payment.Error{Code: payment.CodeInvalid, Op: op, Message: message, Hint: hint}
}

package engine

import (
	"fmt"
	"slices"

	"kiosk-agent/payment"
)

// rollback is the state of a journal that is not the newest one: the relay remembers facts that are
// not here. It begins with a rolled_back fact and ends with a recovered one, and with nothing else:
// what a relay remembers later lifts it as little as a restart does.
type rollback struct {
	payment.RolledBack
	booked bool // the fact is in the journal
	// what the relay remembers by now, while that is not here either; Known before it was asked
	// again
	now payment.Head
}

// relayRemembered compares the journal with what the relay remembers of it. The answer lets the
// relay's client say hello: what follows from the comparison is committed before that. What could
// not be compared before comes first, for the relay may have forgotten it meanwhile: while it
// cannot be, nothing is.
func (s *step) relayRemembered(ev RelayRemembered) {
	m := s.m
	if len(m.unjudged) > 0 && !slices.Equal(m.unjudged, []payment.Head{ev.Known}) {
		m.keepUnjudged(ev.Known) // judgeAgain has just tried the others
		s.refuse(ev.To, journalUnreadable("compare the journal with the relay's memory", nil))
		return
	}
	if s.compare(ev.Known, ev.To) {
		s.then(Anchored{})
	}
}

// maxUnjudged bounds the heads that wait to be compared: each is of another journal, or of another
// life of this one, that has used the terminal's token meanwhile. The oldest stay.
const maxUnjudged = 16

func (m *Machine) keepUnjudged(h payment.Head) {
	if !slices.Contains(m.unjudged, h) && len(m.unjudged) < maxUnjudged {
		m.unjudged = append(m.unjudged, h)
	}
}

// compare reports whether the journal is the newest that the relay knew when it told its head.
func (s *step) compare(known payment.Head, to Ticket) (newest bool) {
	m := s.m
	reason, givenUp, err := m.missing(known)
	if m.judged = err == nil; err != nil {
		m.keepUnjudged(known)
		s.refuse(to, journalUnreadable("compare the journal with the relay's memory", err))
		return false
	}
	m.unjudged = slices.DeleteFunc(m.unjudged, func(h payment.Head) bool { return h == known })
	r := m.rollback
	switch {
	case r == nil && (reason == "" || givenUp):
		if givenUp { // the relay has not heard yet
			s.then(AdoptJournal{Lost: known})
		}
		s.read(Answer{To: to})
		return true
	case r != nil && r.booked:
		if reason != "" {
			r.now = known
		}
		s.read(Answer{To: to})
		return false
	case reason == "": // it was found before, and could not be committed
		reason, known = r.Reason, r.Known
	}
	if err := s.rollBack(reason, known); err != nil {
		s.refuse(to, journalUnreadable("find out what is lost", err))
		return false
	}
	s.answer(Answer{To: to})
	return false
}

// judgeAgain compares what could not be compared before. It anchors nothing: what the relay told
// some time ago says nothing of facts that were made since.
func (s *step) judgeAgain() {
	for _, known := range slices.Clone(s.m.unjudged) {
		s.compare(known, 0)
	}
	s.m.judged = s.m.judged && len(s.m.unjudged) == 0
}

// missing says why a head is not in this journal; "" = it is, or there is none to compare with.
// givenUp: staff have accepted the journal without it.
func (m *Machine) missing(h payment.Head) (reason string, givenUp bool, err error) {
	hash, ok, err := m.journal.HashAt(h.Seq)
	switch {
	case err != nil:
		return "", false, err
	case h == payment.Head{}:
		return "", false, nil
	case h.JournalID != m.journal.JournalID():
		reason = "it remembered another journal for this terminal"
	case !ok:
		reason = fmt.Sprintf("it remembered fact %d, which is not here", h.Seq)
	case hash != h.Hash:
		reason = fmt.Sprintf("fact %d is another one here", h.Seq)
	default:
		return "", false, nil
	}
	givenUp, err = m.journal.GivenUp(h)
	return reason, givenUp, err
}

// rollBack books a loss. No sale starts from now on, whether that can be committed or not.
func (s *step) rollBack(reason string, known payment.Head) error {
	if s.booked("", payment.KindRolledBack) {
		return nil // this very step has found it
	}
	last, since, err := s.m.journal.BeforeLoss()
	r := &rollback{now: known, RolledBack: payment.RolledBack{
		Reason: reason, Known: known, Since: since, Last: last}}
	s.m.rollback = r
	if err != nil {
		return err
	}
	s.fact("", r.RolledBack)
	s.out.onDone = append(s.out.onDone, func() { r.booked = true })
	s.then(Note{Warn: true, Text: "this journal is not the newest that the relay knows",
		Args: []any{"reason", reason, "seq", last}})
	return nil
}

// carryHead asks for a canary when something was booked without which a sale would be made twice:
// once it is back the relay is told the head, and a journal that loses this is seen.
func (s *step) carryHead() {
	if s.m.relayUp && s.m.rollback == nil && slices.ContainsFunc(s.out.Facts, outlasts) {
		s.then(CarryHead{})
	}
}

func outlasts(f payment.Fact) bool {
	switch f.Kind() {
	case payment.KindRequested, payment.KindNotified, payment.KindAcknowledged:
		return true
	default:
		return false
	}
}

// readRollback takes the state from the journal.
func (m *Machine) readRollback() error {
	b, ok, err := m.journal.RolledBack()
	was := m.rollback
	switch {
	case err != nil:
		return err
	case ok && was != nil && was.booked: // it is known
	case ok:
		m.rollback = &rollback{RolledBack: b, booked: true, now: b.Known}
	case was != nil && was.booked: // its recovery was committed
		m.rollback = nil
	}
	return nil
}

// recovering books that staff accept this journal although the relay remembers a newer one.
func (s *step) recovering(ev Recovering) {
	m, r := s.m, s.m.rollback
	switch why := checkWords(ev.By, ev.Reason); {
	case why != "":
		s.refuse(ev.To, invalid("recover", why, "give the reason in --reason"))
		return
	case r == nil:
		s.refuse(ev.To, invalid("recover",
			"there is nothing to recover: the relay remembers no newer journal than this one",
			"terminal.status lists what the terminal waits for"))
		return
	case !m.caughtUp:
		s.refuse(ev.To, &payment.Error{
			Code: payment.CodeNotReady, Op: "recover",
			Message: "the relay has not sent everything that it holds yet", Retryable: true,
			Hint: "wait until the relay is connected and has caught up, then recover",
		})
		return
	}
	if !r.booked {
		s.fact("", r.RolledBack)
	}
	s.fact("", payment.Recovered{Reason: ev.Reason, By: ev.By, Lost: r.now, Since: r.Since})
	s.out.onDone = append(s.out.onDone, func() {
		m.rollback = nil
		m.inquiries.hurry(s.now.Up)
	})
	s.then(AdoptJournal{Lost: r.now})
	s.answer(Answer{To: ev.To})
}

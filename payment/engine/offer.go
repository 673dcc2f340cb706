package engine

import (
	"fmt"

	"kiosk-agent/payment"
)

// asked is something that is told of a payment as the step leaves it.
type asked struct {
	a   *account
	say func(payment.Payment) Effect
}

// debt is an outcome that a till was told while the journal took no entry: it is booked as offered
// before anything else is.
type debt struct {
	id      string
	offered payment.Offered
}

// offer commits that the till is being told, when it does not know this revision yet. It reports
// whether it had to. A till on a line is told by its session, transmission by transmission: see
// offering.
func (s *step) offer(a *account) bool {
	if !a.p.Final || a.p.OfferedRev >= a.p.Revision || a.p.Line != nil {
		return false
	}
	s.fact(a.p.ID, payment.Offered{Revision: a.p.Revision, Status: a.p.Status})
	return true
}

// tell offers what the till is told whether or not that can be committed, because it asked. It
// reports false where that is told once it is committed, and no sooner: that nobody has paid. Money
// that comes later is late only for whom it is on record that the till was told so.
func (s *step) tell(a *account) bool {
	s.offer(a)
	if !s.booked(a.p.ID, payment.KindOffered) {
		return true
	}
	switch a.p.Status {
	case payment.StatusDeclined, payment.StatusExpired, payment.StatusCancelled:
		return false
	}
	m, d := s.m, debt{a.p.ID, payment.Offered{Revision: a.p.Revision, Status: a.p.Status}}
	s.out.onFail = append(s.out.onFail, func() { m.debts = append(m.debts, d) })
	return true
}

// show tells of a payment as the step leaves it, for its time may be over just now; when the commit
// fails, as it is on the disk.
func (s *step) show(a *account, say func(payment.Payment) Effect) {
	anyway := s.tell(a)
	s.asked = append(s.asked, asked{a, say})
	switch e := say(a.p).(type) {
	case Answer:
		if !anyway {
			e = Answer{To: e.To, Err: errJournal()}
		}
		s.out.Else = append(s.out.Else, e)
	case Owed:
		if !anyway {
			s.out.onFail = append(s.out.onFail, func() { s.m.unsaid = append(s.m.unsaid, e) })
			return
		}
		s.out.Else = append(s.out.Else, e)
	case AdoptJournal, Anchored, CarryHead, Changed, CloseCode, Note, ReadAgain, SendCanary,
		SendMint, SendQuery, Show, TerminalChanged:
		panic(fmt.Sprintf("engine: a payment cannot be told as a %T", e))
	}
}

// sayNow tells connections what could not be committed when they came.
func (s *step) sayNow() {
	unsaid := s.m.unsaid
	s.m.unsaid = nil
	for _, u := range unsaid {
		if s.m.attached[u.Payment.Till] == 0 {
			continue // it hears of it when it comes again
		}
		a, ok, err := s.load(u.Payment.ID)
		switch {
		case err != nil:
			s.m.unsaid = append(s.m.unsaid, u)
		case ok:
			s.show(a, func(p payment.Payment) Effect { return Owed{u.Session, p} })
		}
	}
}

// payDebts books what was told without a commit.
func (s *step) payDebts() {
	if len(s.m.debts) == 0 {
		return
	}
	for _, d := range s.m.debts {
		a, ok, err := s.load(d.id)
		if err != nil {
			return
		}
		if ok && a.p.OfferedRev < d.offered.Revision {
			s.fact(d.id, d.offered)
		}
	}
	s.out.onDone = append(s.out.onDone, func() { s.m.debts = nil })
}

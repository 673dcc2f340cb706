package engine

import "kiosk-agent/payment"

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

// tell offers what the till is told whether or not that can be committed, because it asked.
func (s *step) tell(a *account) {
	if s.offer(a) {
		m, d := s.m, debt{a.p.ID, payment.Offered{Revision: a.p.Revision, Status: a.p.Status}}
		s.out.onFail = append(s.out.onFail, func() { m.debts = append(m.debts, d) })
	}
}

// show tells of a payment as the step leaves it, for its time may be over just now; when the commit
// fails, as it is on the disk.
func (s *step) show(a *account, say func(payment.Payment) Effect) {
	s.tell(a)
	s.asked = append(s.asked, asked{a, say})
	s.out.Else = append(s.out.Else, say(a.p))
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

package engine

import (
	"slices"
	"time"

	"kiosk-agent/payment"
)

// tick does what the time asks for, whatever the event was, on what the event has left of each
// payment.
func (s *step) tick() {
	for _, o := range s.m.open {
		p := s.latest(o).p
		switch {
		case p.Final:
		case s.latest(o).resumes:
			a := s.stage(p.ID)
			s.resume(a)
			if o.answerBy != 0 && s.now.Up >= o.answerBy {
				s.withoutCommit(o, a)
			}
		case s.mintIsDue(s.latest(o)):
			s.tickMint(s.stage(p.ID))
		case p.EndedBy != "":
			s.tickEnded(o)
		case s.now.Up >= p.Deadline:
			a := s.stage(p.ID)
			s.end(a, payment.DeadlinePassed{})
			if s.now.Up >= p.Deadline+p.Policy.AnswerWithin.Duration() {
				s.withoutCommit(o, a)
			}
		case s.m.choosing(s.latest(o)) && s.now.Up >= s.latest(o).chooseBy():
			s.end(s.stage(p.ID), payment.DeadlinePassed{})
		case !p.Minted && p.MintSent:
		case !p.Shown && s.latest(o).showBy != 0 && s.now.Up >= s.latest(o).showBy:
			s.end(s.stage(p.ID), payment.DisplayLost{Reason: "no confirmation within " +
				s.m.cfg.ShowWithin.String()})
		}
	}
}

// mintIsDue reports whether the wait for a mint, or for the one question about it, is over, and not
// yet the time in which the till must be answered whatever the journal takes. The customer's time
// may have ended before it: nobody has seen a code.
func (s *step) mintIsDue(a *account) bool {
	return a.mintWaits() && s.now.Up >= a.mintBy && s.now.Up < a.mintUntil()
}

// mintWaits reports whether a mint without an answer ends at mintBy.
func (a *account) mintWaits() bool {
	return (a.p.EndedBy == "" || a.p.EndedBy == payment.KindDeadlinePassed) && !a.p.Minted &&
		a.p.MintSent && a.mintBy != 0
}

// mintUntil is when the till must be answered, whatever has become of a mint.
func (a *account) mintUntil() time.Duration {
	if a.p.EndedBy != "" {
		return a.answerBy
	}
	return a.p.Deadline + a.p.Policy.AnswerWithin.Duration()
}

// latest is the account as this step has changed it so far.
func (s *step) latest(o *account) *account {
	for _, a := range s.out.staged {
		if a.p.ID == o.p.ID {
			return a
		}
	}
	return o
}

// tickEnded asks for the proof that the evidence rule waits for, and stops waiting when the till
// must be answered.
func (s *step) tickEnded(o *account) {
	if s.now.Up >= s.latest(o).answerBy {
		a := s.stage(o.p.ID)
		s.fact(o.p.ID, payment.Undecided{})
		s.withoutCommit(o, a)
		return
	}
	if a := s.latest(o); s.m.provable(a) && s.now.Up >= a.canaryAt {
		a.canaryAt = s.now.Up + proofEvery
		s.then(SendCanary{})
	}
}

// withoutCommit tells unknown when even that cannot be committed: it promises nothing. The revision
// stays, so that the truth, once it can be written, is a new one.
func (s *step) withoutCommit(o, a *account) {
	p := o.p
	p.Status, p.Final, p.QRPayload = payment.StatusUnknown, true, ""
	p.Reason = &payment.Reason{Code: string(payment.CodeJournalUnavailable),
		Message: "the journal takes no entries; whether the customer paid is not known"}
	if !p.Minted && !p.MintSent {
		p.Reason.Message = "the journal takes no entries; no code was made for this sale"
	}
	for _, w := range slices.Concat(a.waiters, a.starters) {
		// they may have come after the others were told
		s.out.Else = append(s.out.Else, Answer{To: w, Payment: p})
	}
	if !o.told {
		s.out.Else = append(s.out.Else, Changed{p})
	}
	s.out.onFail = append(s.out.onFail, func() { o.told, o.waiters, o.starters = true, nil, nil })
}

// NextWake is the boot clock at which the machine wants a Ticked; ok is false when only events
// matter.
func (m *Machine) NextWake() (at time.Duration, ok bool) {
	wake := func(t time.Duration) {
		if t > 0 && (!ok || t < at) {
			at, ok = t, true
		}
	}
	for _, o := range m.open {
		if o.p.EndedBy != "" {
			wake(o.answerBy)
			if o.mintWaits() && o.mintBy < o.mintUntil() {
				wake(o.mintBy)
			}
			if m.provable(o) {
				wake(o.canaryAt)
			}
			continue
		}
		wake(o.p.Deadline)
		if m.choosing(o) {
			wake(o.chooseBy())
		}
		if !o.p.Minted {
			wake(o.mintBy)
		}
		if !o.p.Shown {
			wake(o.showBy)
		}
	}
	if at, ok := m.inquiries.next(); ok {
		wake(at)
	}
	wake(m.parking.wake())
	wake(m.viewUntil)
	if m.cfg.RequireCanary > 0 && m.canaryUp >= 0 {
		if until := m.canaryUp + m.cfg.RequireCanary; until > m.toldUp {
			wake(until + time.Millisecond)
		}
	}
	return at, ok
}

// Start is the first step after the journal was opened: the restart rules of docs/SALE.md,
// and another try for what is parked. When that cannot be committed, the next steps bring it again.
// The error is the journal's; the machine must not be used then.
func (m *Machine) Start(now Now) (Output, error) {
	s := &step{m: m, now: now}
	if err := m.adopt(now); err != nil {
		return Output{}, err
	}
	if err := m.remember(now); err != nil {
		return Output{}, err
	}
	m.retry = true
	s.tick()
	if err := s.retryParked(); err != nil {
		return Output{}, err
	}
	return s.finish(), nil
}

// adopt opens every payment of the journal that is not final and not open yet.
func (m *Machine) adopt(now Now) error {
	ids, err := m.journal.Unsettled()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if m.account(id) != nil {
			continue
		}
		facts, err := m.journal.Facts(id)
		if err != nil {
			return err
		}
		if p, ok := payment.Fold(facts); ok && !p.Final {
			m.open = append(m.open, &account{facts: facts, p: p, resumes: true})
			m.inquiries.open(p, now.Up, askFrom(facts, p, now))
		}
	}
	return nil
}

// askFrom is when an open payment may be asked for after a restart: settle after an answer that
// counts. Of one of another boot no more is known than that it was before this boot.
func askFrom(facts []payment.Fact, p payment.Payment, now Now) time.Duration {
	switch e := newestOf(facts, payment.KindQueryEmpty); {
	case e.Boot == now.Boot:
		return e.Up + time.Millisecond + p.Policy.Settle.Duration()
	case e.Boot != "":
		return p.Policy.Settle.Duration()
	default:
		return 0
	}
}

// remember takes over what an earlier process has learned: whether the journal was rolled back,
// whether the query is proved, and which final payments are still watched.
func (m *Machine) remember(now Now) error {
	if err := m.readRollback(); err != nil {
		return err
	}
	if err := m.rememberParking(now); err != nil {
		return err
	}
	if m.closed() { // it asks nobody
		return nil
	}
	var err error
	if m.inquiries.proved, err = m.journal.Proved(); err != nil {
		return err
	}
	return m.rememberWatched(now)
}

// reread believes the journal after a failed commit: where the disk failed late, the facts are
// there all the same, and what follows from them goes on as after a crash at that moment.
func (s *step) reread() {
	err, lost := s.m.adopt(s.now), s.m.rollback
	if err == nil {
		err = s.m.readRollback()
	}
	if err == nil {
		err = s.m.rememberParking(s.now)
	}
	if lost != nil && s.m.rollback == nil { // the recovery was committed
		s.then(AdoptJournal{Lost: lost.now})
	}
	if err != nil {
		s.then(Note{Warn: true, Text: "the journal could not be read after a failed entry",
			Args: []any{"error", err}})
		return
	}
	for _, o := range s.m.open {
		facts, err := s.m.journal.Facts(o.p.ID)
		if err != nil {
			s.then(Note{Warn: true, Text: "a payment could not be read after a failed entry",
				Args: []any{"payment", o.p.ID, "error", err}})
			return
		}
		if p, ok := payment.Fold(facts); ok && len(facts) > len(o.facts) {
			a := s.stage(o.p.ID)
			a.facts, a.p, a.resumes = facts, p, true
		}
	}
	s.m.doubt = false
}

// resume applies the restart rules to one payment that is not final.
func (s *step) resume(a *account) {
	p := a.p
	a.resumes = false
	_, askable := s.m.inquiries.at(p)
	switch {
	case !p.Minted && p.MintSent && p.EndedBy == "" && askable:
		s.doubtMint(a, "the agent stopped before the gateway answered")
	case !p.Minted:
		s.fact(p.ID, payment.MintFailed{Reason: "mint_failed",
			Message: "the agent stopped before there was anything to pay"})
	case p.EndedBy == "" && p.Boot != s.now.Boot:
		s.end(a, payment.DeadlinePassed{Reason: "reboot"})
	case p.EndedBy == "" && s.now.Up >= p.Deadline:
		s.end(a, payment.DeadlinePassed{})
	case p.EndedBy == "" && s.m.closed():
		// nothing would be heard of the customer's payment: nobody is asked to make one
		s.end(a, payment.DisplayLost{Reason: "the terminal is out of service"})
	case p.EndedBy == "" && !s.m.inquiries.accounts.Present(p):
		// what is paid there may be heard of by nobody here
		s.end(a, payment.DisplayLost{Reason: "the terminal sells at another gateway account now"})
	case p.EndedBy == "":
		if !p.Shown && (s.m.cfg.RequireScreen || s.m.showsItself(p.Till)) {
			a.showBy = s.now.Up + s.m.cfg.ShowWithin
		}
	default:
		if !p.Withdrawn {
			s.fact(p.ID, payment.Withdrawn{})
		}
		s.closeCode(a, p.ProviderRef) // the process may have ended before it could
		within, before := p.Policy.AnswerWithin.Duration(), a.answerBy
		a.answerBy = s.now.Up + within
		a.canaryAt = max(s.now.Up, proofFrom(a, s.now))
		if p.EndedBoot == s.now.Boot {
			a.answerBy = max(s.now.Up, p.EndedUp+within)
		}
		if before > 0 { // this process waits already: reading the journal again buys no time
			a.answerBy = min(a.answerBy, before)
		}
	}
}

// retryParked tries again, once, to open what did not open before: the secret may have been
// corrected since.
func (s *step) retryParked() error {
	if !s.m.retry {
		return nil
	}
	parked, err := s.m.journal.Parked()
	if err != nil {
		return err
	}
	for _, f := range parked {
		d, ok := f.Data.(payment.Parked)
		if !ok || d.Cut {
			continue
		}
		records, closed, err := s.opened(d.Envelope)
		if err != nil {
			return err
		}
		if closed != nil {
			continue
		}
		if err := s.book(records, source{payment.SourceWebhook, d.Delivery, f.Seq}); err != nil {
			return err
		}
		s.then(Note{Text: "a parked delivery opened",
			Args: []any{"delivery", d.Delivery, "parked_seq", f.Seq}})
	}
	s.out.onDone = append(s.out.onDone, func() { s.m.retry = false })
	return nil
}

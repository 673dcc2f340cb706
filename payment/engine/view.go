package engine

import (
	"time"

	"kiosk-agent/payment"
)

// View is what the customer should see now.
type View struct {
	Kind     payment.Screen
	Payment  string
	Revision int64
	Money    payment.Money
	Payload  string   // on pay and opened: what the customer scans
	Schemes  []string // empty = all; on choose: what the customer chooses from
	// on pay: the one scheme whose app reads the code; "" = whoever opens links
	Wallet string
	Left   time.Duration // on choose, pay and opened: the customer's remaining time
	Reason string        // on out_of_service: the first reason's code
}

// views picks what the customer sees: the open payment, the outcome of the one that just ended, or
// nothing to pay.
func (s *step) views() {
	next, until := s.nextView()
	if next.Kind == s.m.view.Kind && next.Payment == s.m.view.Payment &&
		next.Revision == s.m.view.Revision && next.Reason == s.m.view.Reason {
		return
	}
	show := func() { s.m.view, s.m.viewUntil = next, until }
	if s.out.Durable() {
		s.out.onDone = append(s.out.onDone, show)
		s.then(Show{next})
		if v := s.m.view; v.Payload != "" && next.Payload == "" || v.Kind == payment.ScreenChoose &&
			next.Kind != payment.ScreenPreparing {
			s.withdrawAnyway()
		}
		return
	}
	show()
	s.then(Show{next})
}

// withdrawAnyway takes the code, or the choice before it, off the screen even when its end could
// not be committed: nobody is asked to pay what has ended, or what somebody has paid.
func (s *step) withdrawAnyway() {
	m, p := s.m, s.m.view
	checking := View{Kind: payment.ScreenChecking, Payment: p.Payment, Revision: p.Revision,
		Money: p.Money}
	s.out.Else = append(s.out.Else, Show{checking})
	s.out.onFail = append(s.out.onFail, func() {
		m.view, m.viewUntil = checking, 0
		if o := m.account(p.Payment); o != nil {
			o.dark = true
		}
	})
}

func (s *step) nextView() (View, time.Duration) {
	for _, a := range s.out.staged {
		if a.p.Final && s.m.account(a.p.ID) != nil {
			return resultView(a.p), s.now.Up + s.m.cfg.ResultFor
		}
	}
	if a := s.current(); a != nil {
		return s.openView(a), 0
	}
	v := s.m.view
	if s.m.viewUntil != 0 && s.now.Up < s.m.viewUntil {
		if r := s.correctedView(v); r != nil {
			return *r, s.m.viewUntil
		}
		return v, s.m.viewUntil
	}
	for _, r := range s.m.reasons(s.now, "") {
		if row, ok := payment.UnreadyOf(r.Code); !ok || len(row.Screen) > 0 {
			return View{Kind: payment.ScreenOutOfService, Reason: r.Code}, 0
		}
	}
	return View{Kind: payment.ScreenIdle}, 0
}

// correctedView is the new outcome of the payment whose old outcome is still on the screen.
func (s *step) correctedView(v View) *View {
	for _, a := range s.out.staged {
		if a.p.ID == v.Payment && a.p.Final && a.p.Revision != v.Revision {
			r := resultView(a.p)
			return &r
		}
	}
	return nil
}

// current is the payment that the customer is asked to pay, or will be, as this step leaves it.
func (s *step) current() *account {
	for _, a := range s.out.staged {
		if !a.p.Final && (a.p.Minted || s.m.cfg.Remote) {
			return a
		}
	}
	for _, o := range s.m.open {
		if s.latest(o) == o && (o.p.Minted || s.m.cfg.Remote) {
			return o
		}
	}
	return nil
}

func (s *step) openView(a *account) View {
	if s.m.choosing(a) && !a.dark {
		return View{
			Kind: payment.ScreenChoose, Payment: a.p.ID, Revision: a.p.Revision, Money: a.p.Money,
			Schemes: s.m.wallets(a.p.Schemes),
			Left:    max(0, a.chooseBy()-s.now.Up),
		}
	}
	if !a.p.Minted && a.p.EndedBy == "" && !a.doubtful && !a.dark {
		return plainView(payment.ScreenPreparing, a.p)
	}
	if a.p.EndedBy != "" || a.dark || !a.p.Minted {
		return plainView(payment.ScreenChecking, a.p)
	}
	schemes := a.p.Schemes
	if a.p.Wallet != "" {
		schemes = []string{a.p.Wallet}
	}
	kind := payment.ScreenPay
	if a.p.Opened {
		kind = payment.ScreenOpened
	}
	return View{
		Kind: kind, Payment: a.p.ID, Revision: a.p.Revision, Money: a.p.Money,
		Payload: a.p.QRPayload, Schemes: schemes, Wallet: a.p.Wallet,
		Left: max(0, a.p.Deadline-s.now.Up),
	}
}

func resultView(p payment.Payment) View { return plainView(payment.Screen(p.Status), p) }

// plainView is a screen with the payment's number and amount, and nothing to do.
func plainView(s payment.Screen, p payment.Payment) View {
	return View{Kind: s, Payment: p.ID, Revision: p.Revision, Money: p.Money}
}

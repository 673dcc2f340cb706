package engine

import (
	"slices"

	"kiosk-agent/payment"
)

// What happens on the customer display. What it is told to show is in view.go.

// displayChanged takes over what the display is now. One that cannot be touched, in the place of
// one that could, leaves no choice.
func (s *step) displayChanged(ev DisplayChanged) {
	m := s.m
	m.displayUp, m.displayTouch, m.displayCause = ev.Connected, ev.Touch, ev.Cause
	m.displayProved = m.displayProved && ev.Connected
	if !ev.Connected || ev.Touch {
		return
	}
	for _, o := range m.open {
		if a := s.latest(o); m.choosing(a) && !a.dark && s.now.Up < a.chooseBy() {
			s.choose(a.p.ID, m.wallet(a.p.Schemes))
		}
	}
}

// walletChosen mints for the wallet that the customer touched. A second touch, one for a wallet
// that was not offered and one that comes after the end change nothing.
func (s *step) walletChosen(ev WalletChosen) {
	o := s.m.account(ev.Payment)
	if o == nil {
		return
	}
	if a := s.latest(o); !a.dark && s.m.choosing(a) && s.now.Up < a.chooseBy() &&
		slices.Contains(s.m.wallets(a.p.Schemes), ev.Wallet) {
		s.choose(ev.Payment, ev.Wallet)
	}
}

// displayShows takes the display's confirmation. A connection that has confirmed idle, or the
// outcome that it was told to show, shows what it is told; a code proves that for its own payment
// only.
func (s *step) displayShows(ev DisplayShows) {
	v := s.m.view
	if ev.Kind == payment.ScreenIdle || v.Payload == "" && ev.Kind == v.Kind &&
		ev.Payment == v.Payment && ev.Revision == v.Revision {
		s.m.displayProved = true
	}
	o := s.m.account(ev.Payment)
	switch {
	case o == nil:
	case ev.Kind == payment.ScreenChoose && s.m.choosing(s.latest(o)):
		s.stage(ev.Payment).showBy = 0
	case (ev.Kind == payment.ScreenPay || ev.Kind == payment.ScreenOpened) && !o.p.Shown:
		s.confirmShown(s.stage(ev.Payment), "display", ev.Revision)
	}
}

func (s *step) displayRefused(ev DisplayRefused) {
	if o := s.m.account(ev.Payment); o != nil && o.p.EndedBy == "" && !s.m.showsItself(o.p.Till) {
		s.end(s.stage(ev.Payment), payment.DisplayLost{Reason: ev.Reason})
	}
}

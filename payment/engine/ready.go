package engine

import (
	"maps"
	"slices"
	"strings"
	"time"

	"kiosk-agent/payment"
)

// The codes of reasons that are not the same to everybody who asks.
const (
	codeJournal = "journal_unavailable" // the journal takes no entries
	codeDisplay = "no_display"
)

// reasons says why no sale can start now: promise 4. Empty = ready. till is the one that asks; a
// till that shows the code itself needs no customer display.
func (m *Machine) reasons(now Now, till string) []payment.Reason {
	var rs []payment.Reason
	add := func(code, message, hint string, retry int) {
		rs = append(rs, payment.Reason{Code: code, Message: message, Hint: hint, RetryAfter: retry})
	}
	if m.rollback != "" {
		add("journal_rollback", "the relay knows a newer journal than this one: "+m.rollback,
			"the journal was restored, lost or cloned: run kiosk-agent recover --reason TEXT", 0)
	}
	if err := m.storage.Writable(); err != nil {
		add(codeJournal, err.Error(), "check the disk: kiosk-agent doctor", 30)
	}
	if m.closed() { // there is no path and no code to show: nothing below would help anybody
		return append(slices.Clone(m.cfg.Closed), rs...)
	}
	if message, hint := m.clockReason(now); message != "" {
		add("clock_implausible", message, hint, 0)
	}
	if m.cfg.RequireCanary > 0 {
		m.pathReason(now, add)
	}
	if m.cfg.RequireScreen && !m.showsItself(till) && (!m.displayUp || !m.displayProved) {
		message := "no customer display shows what it is told"
		if m.displayCause != "" {
			message += ": " + m.displayCause
		}
		add(codeDisplay, message, "open the display's page in its browser: display.listen, the "+
			"first time with ?token= and the content of display.token", 5)
	}
	return rs
}

func (m *Machine) pathReason(now Now, add func(code, message, hint string, retry int)) {
	age := now.Up - m.canaryUp
	switch {
	case !m.relayUp:
		message := "there is no connection to the relay"
		if m.relayCause != "" {
			message += ": " + m.relayCause
		}
		add("relay_down", message, "check the network and relay.url", 5)
	case m.canaryUp < 0:
		add("path_unproven", "no test message has come back through the relay yet",
			"wait some seconds; then check relay.hook_url", 5)
	case age > m.cfg.RequireCanary:
		add("path_unproven", "the last test message that came back through the relay is "+
			age.Truncate(time.Second).String()+" old",
			"check that relay.hook_url can be reached from here", 10)
	}
}

// closed reports whether the terminal was started to tell why it takes no sale, and what became of
// earlier ones. The gateway cannot be asked then, and nothing is delivered.
func (m *Machine) closed() bool { return len(m.cfg.Closed) > 0 }

func codes(rs []payment.Reason) string {
	var b strings.Builder
	for _, r := range rs {
		b.WriteString(r.Code)
		b.WriteByte(' ')
	}
	return b.String()
}

// readiness tells the sessions when the reasons have changed.
func (s *step) readiness() {
	s.m.toldUp = s.now.Up
	now := "ready"
	if rs := s.m.reasons(s.now, ""); len(rs) > 0 {
		now = codes(rs)
	}
	if now == s.m.ready {
		return
	}
	s.m.ready = now
	s.then(TerminalChanged{})
	s.out.Else = append(s.out.Else, TerminalChanged{})
	s.then(Note{Text: "readiness changed", Args: []any{"state", strings.TrimSpace(now)}})
}

func (m *Machine) snapshot(now Now) Snapshot {
	rs := m.reasons(now, "")
	snap := Snapshot{
		Ready: len(rs) == 0, Reasons: rs, Relay: m.relayUp, Display: m.displayUp, CanaryAge: -1,
		Attached: maps.Clone(m.attached), Watched: m.inquiries.watched(), CaughtUp: m.caughtUp,
	}
	if m.rollback != "" {
		snap.Lost = m.lost
	}
	message, _ := m.clockReason(now)
	snap.Clock.Plausible = message == ""
	if m.relayClock.known {
		snap.Clock.Known, snap.Clock.Offset = true, m.relayClock.offsetAt(now)
	}
	if m.canaryUp >= 0 {
		snap.CanaryAge = now.Up - m.canaryUp
	}
	if len(m.open) > 0 {
		p := m.open[0].p
		snap.Active = &p
	}
	return snap
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
		if v := s.m.view; v.Payload != "" && next.Payload == "" || v.Kind == ViewChoose &&
			next.Kind != ViewPreparing {
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
	checking := View{Kind: ViewChecking, Payment: p.Payment, Revision: p.Revision, Money: p.Money}
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
		if r.Code != codeDisplay {
			return View{Kind: ViewOutOfService, Reason: r.Code}, 0
		}
	}
	return View{Kind: ViewIdle}, 0
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
			Kind: ViewChoose, Payment: a.p.ID, Revision: a.p.Revision, Money: a.p.Money,
			Schemes: s.m.wallets(a.p.Schemes),
			Left:    max(0, a.chooseBy()-s.now.Up),
		}
	}
	if !a.p.Minted && a.p.EndedBy == "" && !a.doubtful && !a.dark {
		return View{Kind: ViewPreparing, Payment: a.p.ID, Revision: a.p.Revision, Money: a.p.Money}
	}
	if a.p.EndedBy != "" || a.dark || !a.p.Minted {
		return View{Kind: ViewChecking, Payment: a.p.ID, Revision: a.p.Revision, Money: a.p.Money}
	}
	schemes := a.p.Schemes
	if a.p.Wallet != "" {
		schemes = []string{a.p.Wallet}
	}
	kind := ViewPay
	if a.p.Opened {
		kind = ViewOpened
	}
	return View{
		Kind: kind, Payment: a.p.ID, Revision: a.p.Revision, Money: a.p.Money,
		Payload: a.p.QRPayload, Schemes: schemes, Wallet: a.p.Wallet,
		Left: max(0, a.p.Deadline-s.now.Up),
	}
}

func resultView(p payment.Payment) View {
	return View{Kind: ViewKind(p.Status), Payment: p.ID, Revision: p.Revision, Money: p.Money}
}

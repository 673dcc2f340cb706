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

// reasons says why no sale can start now: guarantee 4. Empty = ready. till is the one that asks; a
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
	if err := m.journal.Writable(); err != nil {
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

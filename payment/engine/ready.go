package engine

import (
	"maps"
	"slices"
	"strings"
	"time"

	"kiosk-agent/payment"
)

// reasons says why no sale can start now: guarantee 4. Empty = ready. till is the one that asks; a
// till that shows the code itself needs no customer display.
func (m *Machine) reasons(now Now, till string) (rs []payment.Reason) {
	if m.rollback != nil {
		rs = append(rs, payment.NotReadyRollback.Reason(m.rollback.Reason))
	}
	if err := m.journal.Writable(); err != nil {
		r := payment.NotReadyJournal.Reason("")
		r.Message = err.Error()
		rs = append(rs, r)
	}
	if m.closed() { // there is no path and no code to show: nothing below would help anybody
		return append(slices.Clone(m.cfg.Closed), rs...)
	}
	if r, wrong := m.clockReason(now); wrong {
		rs = append(rs, r)
	}
	if r, wrong := m.codeClockReason(now); wrong {
		rs = append(rs, r)
	}
	if r, broken := m.pathReason(now); broken {
		rs = append(rs, r)
	}
	if m.cfg.RequireScreen && !m.showsItself(till) && (!m.displayUp || !m.displayProved) {
		rs = append(rs, payment.NotReadyDisplay.Reason(m.displayCause))
	}
	return rs
}

// pathReason says why the way by which outcomes come is not proved. That the journal was compared
// with what the relay remembers of it is needed in any case: it may be an older one.
func (m *Machine) pathReason(now Now) (r payment.Reason, broken bool) {
	if m.cfg.RequireCanary > 0 {
		if r, broken := m.canaryReason(now); broken {
			return r, true
		}
	}
	if m.judged {
		return payment.Reason{}, false
	}
	r = payment.NotReadyRelay.Reason(m.relayCause)
	if m.relayCause == "" {
		r = payment.NotReadyRelay.Reason("the journal is not compared yet with what it remembers")
	}
	return r, true
}

func (m *Machine) canaryReason(now Now) (r payment.Reason, broken bool) {
	if !m.relayUp {
		return payment.NotReadyRelay.Reason(m.relayCause), true
	}
	r = payment.NotReadyPath.Reason("")
	if m.canaryUp < 0 {
		r.Hint = "wait some seconds; then check relay.hook_url"
		return r, true
	}
	age := now.Up - m.canaryUp
	r.Message = "the last test message that came back through the relay is " +
		age.Truncate(time.Second).String() + " old"
	r.RetryAfter = 10
	return r, age > m.cfg.RequireCanary
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
		Attached: maps.Clone(m.attached), Watch: m.inquiries.watched(now.Up), CaughtUp: m.caughtUp,
		Judged: m.judged,
		Gone:   m.inquiries.goneFrom(now.Up),
	}
	if r := m.rollback; r != nil {
		found := r.RolledBack
		snap.RolledBack, snap.Lost = &found, r.now
	}
	_, wrong := m.clockReason(now)
	snap.Clock.Plausible = !wrong
	if m.relayClock.known {
		snap.Clock.Known, snap.Clock.Offset = true, m.relayClock.offsetAt(now)
	}
	if m.gatewayClock.known {
		snap.Clock.GatewayKnown = true
		snap.Clock.GatewayOffset = m.gatewayClock.offsetAt(now)
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

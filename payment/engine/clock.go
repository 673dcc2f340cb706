package engine

import (
	"time"

	"kiosk-agent/payment"
)

const (
	// clockTolerance is how far this machine's clock may be from the relay's: the times on receipts
	// are wrong beyond it.
	clockTolerance = 10 * time.Minute
	// clockWorth is the change of the offset that is worth a fact.
	clockWorth = 2 * time.Second
)

// otherClock is somebody else's clock as it was learned: at up it showed wall. The boot clock
// carries it on, so that a step of this machine's wall clock shows at once.
type otherClock struct {
	known  bool
	up     time.Duration
	wall   time.Time
	doubt  time.Duration
	offset time.Duration // the newest that this process has written down
}

func (c *otherClock) learn(now Now, offset, doubt time.Duration) {
	c.known, c.up, c.wall, c.doubt = true, now.Up, now.Wall.Round(0).Add(offset), doubt
}

// offsetAt is that clock minus this machine's.
func (c *otherClock) offsetAt(now Now) time.Duration {
	return c.wall.Add(now.Up - c.up).Sub(now.Wall.Round(0))
}

// clockLearned takes a comparison with the relay's clock, and keeps it where it is news.
func (s *step) clockLearned(ev ClockLearned) {
	c := &s.m.relayClock
	c.learn(s.now, ev.Offset, ev.Uncertainty)
	if change := (ev.Offset - c.offset).Abs(); change > clockWorth+ev.Uncertainty {
		s.fact("", payment.ClockOffset{Offset: payment.ToMillis(ev.Offset)})
		s.out.onDone = append(s.out.onDone, func() { c.offset = ev.Offset })
	}
}

// apart says that this machine's clock and the relay's differ by more than that, or nothing.
func (m *Machine) apart(now Now, tolerance time.Duration) string {
	off := m.relayClock.offsetAt(now).Abs()
	if !m.relayClock.known || off <= tolerance+m.relayClock.doubt {
		return ""
	}
	return "this machine's clock and the relay's are " + off.Truncate(time.Second).String() +
		" apart"
}

// clockReason says why this machine's clock cannot be right, where it cannot.
func (m *Machine) clockReason(now Now) (r payment.Reason, wrong bool) {
	r = payment.NotReadyClock.Reason("")
	if now.Wall.Before(m.cfg.NotBefore) {
		r.Message = "this machine's clock says " + now.Wall.UTC().Format(time.DateOnly)
		r.Hint = "set the clock; check its battery and NTP"
		return r, true
	}
	r.Message = m.apart(now, clockTolerance)
	return r, r.Message != ""
}

// codeClockReason says why the codes would end at a wrong moment: the clock that they end by is not
// the gateway's own, which nobody has told yet, and the two others do not agree which it is.
func (m *Machine) codeClockReason(now Now) (r payment.Reason, wrong bool) {
	if m.cfg.CodeClock == 0 || m.gatewayClock.known && m.gatewayClock.doubt <= m.cfg.CodeClock {
		return payment.Reason{}, false
	}
	why := m.apart(now, m.cfg.CodeClock)
	return payment.NotReadyCodeClock.Reason(why), why != ""
}

package till

import (
	"time"

	"kiosk-agent/payment"
)

// What a request was told, its retransmissions are told. A till that missed the ACK sends its
// request once more, and may read a refusal of the first in the meantime: were the second judged
// anew, after a window has ended or another till's sale has, a sale would run of which the till
// believes that it was refused.

// asking is the newest request for a sale, and what the till was told of it where it started none.
type asking struct {
	line  payment.Line
	until time.Duration // the till may send it again until then; 0 = it was told nothing
	// what it was told: that nothing is started, or that nobody knows
	answer    *answer
	rejection *rejection
	// the sale before, whose outcome it was told: the ACK of that ends it, for what comes behind
	// the ACK is a new request
	sale *sale
}

// askedFor begins with a new request.
func (m *Machine) askedFor(l payment.Line) { m.asking = &asking{line: l} }

// toldNothingStarted notes what the newest request was told.
func (m *Machine) toldNothingStarted(a *answer) {
	if n := m.asking; n != nil {
		n.until, n.answer, n.rejection = m.now.Up+m.retransmits(), a, m.rejection
	}
}

// toldOf notes that the newest request repeats a sale's, and is told that sale's outcome.
func (m *Machine) toldOf(s *sale) {
	if n := m.asking; n != nil {
		n.until, n.sale = m.now.Up+m.retransmits(), s
	}
}

// retransmits is how long a till sends a request again that has no ACK: as often, and as long, as
// the agent sends an answer. What comes again does not prolong it.
func (m *Machine) retransmits() time.Duration {
	return time.Duration(m.timers.Transmissions) * m.timers.ACK
}

// retransmitted gives a request that comes again the answer that it had. It reports false where the
// request must be judged.
func (m *Machine) retransmitted(l payment.Line) bool {
	n, s := m.asking, m.current()
	if n == nil || m.now.Up >= n.until || !n.same(l) {
		return false
	}
	switch {
	case n.answer != nil:
		a := n.answer
		m.supersede()
		m.count(CounterRepeat)
		m.rejection = n.rejection
		m.queue(&answer{kind: a.kind, s: a.s, frame: a.frame, rejection: a.rejection})
	case n.sale == s && !s.running() && !s.acked:
		m.repeat(s)
	default:
		return false
	}
	return true
}

// startedAfterAll: the newest sale, which was read just now, may be the one that was refused.
func (m *Machine) startedAfterAll() {
	if n := m.asking; n != nil && m.sale.same(n.line) {
		m.asking = nil
	}
}

// same reports whether the line asks for the very same.
func (n *asking) same(l payment.Line) bool {
	return n.line.ECN == l.ECN && n.line.Function == l.Function && n.line.Digest == l.Digest
}

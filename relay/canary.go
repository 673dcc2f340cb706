package relay

import (
	"fmt"
	"slices"
	"time"
)

// A canary is dated when it is sent. It counts when it comes back on the connection, after every
// delivery before it has been committed: then an answer from the gateway would have come through
// too.

func (m *Machine) onCanaryWanted(now Now) {
	switch {
	case m.phase != streaming || !m.canaries:
		m.observe(CanaryFailed{ErrNotConnected}) // one is sent at once after the next welcome
	default:
		m.sendCanary(now)
	}
}

// headEvery is the least time between a canary and one that is sent for the head's sake alone. A
// relay stores a head once a second, and takes one canary a second.
const headEvery = time.Second

// onHeadWanted: the head follows a canary, so one is sent, but not more than one in headEvery. One
// that comes back from a relay of the first v1 proves all the same that the journal is not older
// than what that relay remembers.
func (m *Machine) onHeadWanted() {
	if m.canaryOn() && m.phase == streaming {
		m.canaryDue = min(m.canaryDue, m.canarySent+headEvery)
	}
}

func (m *Machine) sendCanary(now Now) {
	m.canarySent = now.Up
	m.canaryDue = now.Up + m.timing.CanaryEvery
	if len(m.out) >= maxOutstanding {
		return
	}
	c := canary{nonce: m.ports.Nonce(), sentAt: now.Up, wallSent: now.Wall}
	m.out = append(m.out, c)
	m.do(PostCanary{Nonce: c.nonce, Terminal: m.terminal})
}

// onPosted learns whether the hook URL took the canary. A refusal is a failure of its own that says
// nothing about the connection; silence is judged with the canary's deadline.
func (m *Machine) onPosted(ev CanaryPosted) {
	i := m.find(ev.Nonce)
	if i < 0 || ev.Err == nil {
		return
	}
	m.out = slices.Delete(m.out, i, i+1)
	m.observe(CanaryFailed{fmt.Errorf("post to the hook URL: %w", ev.Err)})
}

func (m *Machine) canaryBack(now Now, d Delivery) {
	i := m.find(d.Nonce)
	if i < 0 {
		return // given up while it stood behind other deliveries
	}
	c := m.out[i]
	m.out = slices.Delete(m.out, i, i+1)
	rtt := now.Up - c.sentAt
	m.observe(CanaryReturned{SentAt: c.sentAt, RTT: rtt})
	m.observeOffset(now, d.ReceivedAt, rtt)
	m.takeHead()
}

// takeHead asks for the head that the relay may be told, once at a time.
func (m *Machine) takeHead() {
	switch {
	case !m.anchors:
	case m.taking:
		m.takeAgain = true
	default:
		m.taking = true
		m.do(TakeHead{Conn: m.conn})
	}
}

func (m *Machine) onHeadTaken(ev HeadTaken) {
	if !m.taking || ev.Conn != m.conn {
		return
	}
	m.taking = false
	if ev.OK {
		m.do(Send{Conn: m.conn, Message: HeadMessage{Journal: ev.Head}})
	}
	if m.takeAgain {
		m.takeAgain = false
		m.takeHead()
	}
}

func (m *Machine) expireCanaries(now Now) {
	for len(m.out) > 0 && now.Up >= m.out[0].sentAt+m.timing.CanaryTimeout {
		m.out = slices.Delete(m.out, 0, 1)
		if !m.handling && len(m.queue) == 0 {
			m.deaf++ // a busy handler is no deafness: the relay waits for our acks
		}
		m.observe(CanaryFailed{ErrCanaryLost})
		if m.deaf >= deafAfter {
			m.drop(now, ErrDeaf)
			return
		}
	}
}

func (m *Machine) find(nonce string) int {
	return slices.IndexFunc(m.out, func(c canary) bool { return c.nonce == nonce })
}

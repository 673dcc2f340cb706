package jsonrpc

import (
	"bytes"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// maxBatchAnswer bounds the answer to a batch, where the transport has no bound of its own: once it
// is larger, the calls that are left are refused instead of carried out.
const maxBatchAnswer = 512 << 10

// machine decides what a connection's messages do, strictly one call at a time and in order. It has
// no goroutine, no clock and no I/O; it is not safe for concurrent use: the session's mutex is
// around it. Each method returns the messages to send, in order, and the call to carry out next, if
// any; that call's outcome must come back by replied.
type machine struct {
	till           string
	maxBatchAnswer int
	queue          []message
	finished       int // messages that are over

	running *call
	current message  // what running belongs to
	left    []*call  // of current, after running
	answers [][]byte // of current, when it is a batch
	size    int      // of answers
	heldIDs []string // payments that answers describe
	held    [][]byte // changes of those: a batch's answer must precede them
	// the newest change of the payment that running is starting: its answer must precede it
	early *payment.Payment
	gone  bool                     // the peer is: no payment is started any more
	note  func(c *call, o outcome) // told of every call that is over
}

// accept takes an incoming message.
func (m *machine) accept(msg message) (out [][]byte, next *call) {
	m.queue = append(m.queue, msg)
	if m.running != nil {
		return nil, nil
	}
	return m.advance(nil)
}

// replied takes the outcome of the running call.
func (m *machine) replied(o outcome) (out [][]byte, next *call) {
	c := m.running
	if o.again != nil {
		c.run = o.again
		return nil, c
	}
	m.running = nil
	if m.early != nil {
		if o.payment != m.early.ID || o.tells <= m.early.Revision { // else the answer is newer
			m.held = append(m.held, paymentChanged(device.ViewFor(*m.early, m.till)))
		}
		m.early = nil
	}
	if m.current.batch && o.payment != "" {
		m.heldIDs = append(m.heldIDs, o.payment)
	}
	return m.advance(m.finish(nil, c, o))
}

// leave says that the peer has gone. What it had sent is still carried out, for it may have said
// "acknowledge" and closed; but no payment is started for nobody. It reports whether nothing is
// left to do.
func (m *machine) leave() (idle bool) {
	m.gone = true
	return m.idle()
}

func (m *machine) idle() bool { return m.running == nil }

// changed takes a change of a payment.
func (m *machine) changed(p payment.Payment) (out [][]byte) {
	msg := paymentChanged(device.ViewFor(p, m.till))
	for _, id := range m.heldIDs {
		if id == p.ID {
			m.held = append(m.held, msg)
			return nil
		}
	}
	// Where the gateway makes the code, the payment is there, and changes, before its start can be
	// answered. A till that hears of it under an id that nobody has told it must not have to guess.
	// What the newest change replaces is older news.
	if c := m.running; c != nil && c.starts != "" && c.starts == p.Reference && p.Till == m.till {
		m.early = &p
		return nil
	}
	return [][]byte{msg}
}

// advance goes on until there is a call to carry out or nothing is left to do.
func (m *machine) advance(out [][]byte) ([][]byte, *call) {
	for {
		for len(m.left) > 0 {
			c := m.left[0]
			m.left = m.left[1:]
			if c.fail == nil && m.size > m.maxBatchAnswer {
				c.fail = invalidRequest("the batch's answer became too large; this call was " +
					"not carried out: send it again by itself")
			}
			if c.fail == nil && m.gone && c.answerer {
				c.fail = invalidRequest("the till has gone")
			}
			if c.fail == nil {
				m.running = c
				return out, c
			}
			out = m.finish(out, c, outcome{err: c.fail})
		}
		out = m.flush(out)
		if len(m.queue) == 0 {
			return out, nil
		}
		m.current = m.queue[0]
		m.queue = m.queue[1:]
		m.left = m.current.calls
	}
}

// finish answers one call: at once, or as a part of its batch.
func (m *machine) finish(out [][]byte, c *call, o outcome) [][]byte {
	m.note(c, o)
	if c.id == nil {
		return out
	}
	var failure *device.Error
	if o.err != nil {
		failure = device.ErrorFor(o.err, m.till)
	}
	a := answer(c.id, o.result, failure)
	if !m.current.batch {
		return append(out, a)
	}
	m.answers, m.size = append(m.answers, a), m.size+len(a)
	return out
}

// flush ends the current message: it sends a batch's answers as one array, then the changes that
// waited for it.
func (m *machine) flush(out [][]byte) [][]byte {
	if m.current.calls == nil {
		return out
	}
	if len(m.answers) > 0 {
		all := append([]byte{'['}, bytes.Join(m.answers, []byte{','})...)
		out = append(out, append(all, ']'))
	}
	out = append(out, m.held...)
	m.current, m.answers, m.size, m.heldIDs, m.held = message{}, nil, 0, nil, nil
	m.finished++
	return out
}

package jsonrpc

import (
	"bytes"
	"fmt"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// maxBatchAnswer bounds the answer to a batch, where the transport has no bound of its own: once it
// is larger, the calls that are left are refused instead of carried out.
const maxBatchAnswer = 512 << 10

// event is something that happened. The set is closed: every type of this group.
//
//sumtype:decl
type event interface{ event() }

type (
	// received: a message of the peer's.
	received struct{ message message }
	// replied: what came of the call that the last run named.
	replied struct{ outcome outcome }
	// changed: a payment of whichever till has changed.
	changed struct{ payment payment.Payment }
	// left: the peer has gone. What it had sent is still carried out, for it may have said
	// "acknowledge" and closed; but no payment is started for nobody.
	left struct{}
)

func (received) event() {}
func (replied) event()  {}
func (changed) event()  {}
func (left) event()     {}

// effect is something to do, in order. The set is closed: every type of this group.
//
//sumtype:decl
type effect interface{ effect() }

type (
	// send goes to the peer.
	send struct{ message []byte }
	// run carries a call out; replied must follow. There is never a second run before that.
	run struct{ call *call }
	// count is for the metrics and the log: a call is over.
	count struct {
		call    *call
		outcome outcome
	}
	// free lets one more message be read: one is over.
	free struct{}
)

func (send) effect()  {}
func (run) effect()   {}
func (count) effect() {}
func (free) effect()  {}

// machine decides what a connection's messages do, strictly one call at a time and in order. It has
// no goroutine, no clock and no I/O, and no time matters to it; it is not safe for concurrent use:
// the session's mutex is around it.
type machine struct {
	till           string
	maxBatchAnswer int
	effects        []effect
	queue          []message

	running *call
	current message  // what running belongs to
	left    []*call  // of current, after running
	answers [][]byte // of current, when it is a batch
	size    int      // of answers
	heldIDs []string // payments that answers describe
	held    [][]byte // changes of those: a batch's answer must precede them
	// the newest change of the payment that running is starting: its answer must precede it
	early *payment.Payment
	gone  bool // the peer is: no payment is started any more
}

// Step takes one event and says what to do, in order. The slice is the caller's: a connection that
// falls silent must not keep its last answer in memory.
func (m *machine) Step(ev event) []effect {
	switch ev := ev.(type) {
	case received:
		m.queue = append(m.queue, ev.message)
		if m.running == nil {
			m.advance()
		}
	case replied:
		m.replied(ev.outcome)
	case changed:
		m.changed(ev.payment)
	case left:
		m.gone = true
	default:
		panic(fmt.Sprintf("jsonrpc: no case for the event %T", ev))
	}
	effects := m.effects
	m.effects = nil
	return effects
}

func (m *machine) do(e effect) { m.effects = append(m.effects, e) }

// idle reports whether nothing is left to do.
func (m *machine) idle() bool { return m.running == nil }

// replied takes the outcome of the running call.
func (m *machine) replied(o outcome) {
	c := m.running
	if o.again != nil {
		c.run = o.again
		m.do(run{c})
		return
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
	m.finish(c, o)
	m.advance()
}

// changed takes a change of a payment.
func (m *machine) changed(p payment.Payment) {
	msg := paymentChanged(device.ViewFor(p, m.till))
	for _, id := range m.heldIDs {
		if id == p.ID {
			m.held = append(m.held, msg)
			return
		}
	}
	// Where the gateway makes the code, the payment is there, and changes, before its start can be
	// answered. A till that hears of it under an id that nobody has told it must not have to guess.
	// What the newest change replaces is older news.
	if c := m.running; c != nil && c.starts != "" && c.starts == p.Reference && p.Till == m.till {
		m.early = &p
		return
	}
	m.do(send{msg})
}

// advance goes on until there is a call to carry out or nothing is left to do.
func (m *machine) advance() {
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
				m.do(run{c})
				return
			}
			m.finish(c, outcome{err: c.fail})
		}
		m.flush()
		if len(m.queue) == 0 {
			return
		}
		m.current = m.queue[0]
		m.queue = m.queue[1:]
		m.left = m.current.calls
	}
}

// finish answers one call: at once, or as a part of its batch.
func (m *machine) finish(c *call, o outcome) {
	m.do(count{c, o})
	if c.id == nil {
		return
	}
	var failure *device.Error
	if o.err != nil {
		failure = device.ErrorFor(o.err, m.till)
	}
	a := answer(c.id, o.result, failure)
	if !m.current.batch {
		m.do(send{a})
		return
	}
	m.answers, m.size = append(m.answers, a), m.size+len(a)
}

// flush ends the current message: it sends a batch's answers as one array, then the changes that
// waited for it.
func (m *machine) flush() {
	if m.current.calls == nil {
		return
	}
	if len(m.answers) > 0 {
		all := append([]byte{'['}, bytes.Join(m.answers, []byte{','})...)
		m.do(send{append(all, ']')})
	}
	for _, msg := range m.held {
		m.do(send{msg})
	}
	m.current, m.answers, m.size, m.heldIDs, m.held = message{}, nil, 0, nil, nil
	m.do(free{})
}

package jsonrpc

import (
	"fmt"
	"testing"

	"kiosk-agent/payment"
)

// A connection loses its place while it waits for a cancel, with an acknowledgement behind that:
// what was not carried out is owed, and the newer connection is told both outcomes.
func TestReplacedWhileItAcknowledges(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConnsPerTill = 1 })
	old := r.dial(token1)
	paid := old.payment("payment.start", `{"reference":"A-1","amount":1000}`).ID
	r.payments.Finish(paid, payment.StatusApproved)
	next := old.payment("payment.start", `{"reference":"A-2","amount":1000}`).ID
	r.payments.HoldCancel(true)
	old.send(`{"jsonrpc":"2.0","id":7,"method":"payment.cancel","params":{"reference":"A-2"}}`)
	for got := old.changed(); got.ID != next || got.QRPayload != ""; { // the code is withdrawn
		got = old.changed()
	}
	old.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":8,"method":"payment.acknowledge","params":`+
		`{"id":%q,"revision":%d}}`, paid, r.payments.Payment(paid).Revision))

	p := r.dial(token1)
	if got := p.changed(); got.ID != paid || got.Status != "approved" {
		t.Errorf("the newer one was told %+v", got)
	}
	if got := old.closed(); got != closeFull {
		t.Errorf("the older one was closed with %d", got)
	}
	r.payments.Finish(next, payment.StatusCancelled)
	if got := p.changed(); got.ID != next || got.Status != "cancelled" {
		t.Errorf("the newer one was told %+v", got)
	}
	if r.payments.Payment(paid).Acknowledged {
		t.Error("a call of a connection that has lost its place was carried out")
	}
	for _, id := range []string{paid, next} {
		p.call("payment.acknowledge", fmt.Sprintf(`{"id":%q,"revision":%d}`, id,
			r.payments.Payment(id).Revision))
		if !r.payments.Payment(id).Acknowledged {
			t.Errorf("%s is not acknowledged", id)
		}
	}
}

// Two connections of one till: what one acknowledges while the other, which loses its place, has
// the outcome unread, is owed to nobody any more.
func TestReplacedWithAnOutcomeUnread(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConnsPerTill = 2 })
	silent := r.dial(token1)
	silent.call("terminal.info", "{}")
	p := r.dial(token1)
	id := p.payment("payment.start", `{"reference":"A-1","amount":1000}`).ID
	r.payments.Finish(id, payment.StatusApproved)
	third := r.dial(token1) // the silent one goes
	if got := third.changed(); got.ID != id {
		t.Errorf("the third was told %+v", got)
	}
	p.call("payment.acknowledge", fmt.Sprintf(`{"id":%q,"revision":%d}`, id,
		r.payments.Payment(id).Revision))
	const next = `{"reference":"A-2","amount":1000}`
	again := third.payment("payment.start", next)
	if same := p.payment("payment.start", next); same.ID != again.ID {
		t.Errorf("a second payment: %+v", again)
	}
	if got := silent.closed(); got != closeFull {
		t.Errorf("closed with %d", got)
	}
	if !r.payments.Payment(id).Acknowledged {
		t.Error("not acknowledged")
	}
}

package sim

import (
	"bytes"
	"strings"
	"time"

	"kiosk-agent/device/till"
	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

func (l *line) receives(b []byte) {
	if l.up {
		l.step(till.Received{Bytes: b})
	}
}

// hears takes bytes from the line.
func (t *ecrTill) hears(b []byte) {
	w := t.w
	for _, c := range b {
		if e, ok := t.parser.Push(c); ok {
			t.handles(e)
		}
	}
	t.gapAt++
	n := t.gapAt
	w.after(500*time.Millisecond, func() {
		if n == t.gapAt && t.parser.Mid() {
			if e, ok := t.parser.Gap(); ok {
				t.handles(e)
			}
		}
	})
}

func (t *ecrTill) handles(e ecrtill.Event) {
	switch e.Kind {
	case ecrtill.ACK:
		if t.sent != nil {
			r := t.sent
			t.sent = nil
			if r.s != nil && r.m.Function != t.d.LastResult {
				r.s.accepted = true
			}
			if r.m.Function == t.d.Cancel && t.asked != nil {
				t.awaits(t.asked) // it waits for the sale's response as before
				return
			}
			t.awaits(r)
		}
	case ecrtill.NAK:
		if t.sent != nil && t.sent.m.Function != t.d.Cancel {
			t.again()
		}
	case ecrtill.Bad:
		if t.listens() {
			t.put([]byte{nak})
		}
	case ecrtill.Frame:
		if !t.listens() {
			t.say("does not hear %s %s %s", e.Message.Function, e.Message.ECN, e.Message.Code)
			return
		}
		t.answers(e)
	}
}

// awaits waits for the response to a request that was acknowledged.
func (t *ecrTill) awaits(r *request) {
	t.asked = r
	d := 10 * time.Second
	if r.s != nil && r.m.Function != t.d.LastResult {
		d = t.habits().waits
	}
	t.waitFor(d, func() {
		if t.asked == r {
			t.asked = nil
			t.unanswered(r)
		}
	})
}

// answers takes a good frame of the terminal.
func (t *ecrTill) answers(e ecrtill.Event) {
	w, m := t.w, e.Message
	repeated := bytes.Equal(e.Raw, t.taken)
	t.put([]byte{ack})
	r := t.asked
	if r == nil && !repeated && t.sent != nil && t.sent.m.Function == m.Function {
		r = t.sent // it says that the request arrived
	}
	if r == nil || repeated && r.m.Function != t.d.LastResult || r.m.Function != m.Function {
		t.say("has no use for %s %s %s", m.Function, m.ECN, m.Code)
		if repeated && t.sale != nil {
			t.sale.ignored = true // the same request a moment later has the same answer
		}
		t.discards(m, e.Raw)
		return
	}
	last := m.Function == t.d.LastResult
	if !last && m.ECN != r.m.ECN {
		t.say("has no use for %s of another request", m.Function)
		w.oracle.isOfBefore(t, r.s, m.ECN)
		t.discards(m, e.Raw)
		return
	}
	t.say("gets %s %s %s", m.Function, m.ECN, m.Code)
	t.taken = e.Raw
	t.sent, t.asked = nil, nil
	t.turn++
	if r.s == nil || r.s != t.sale {
		t.rests()
		return
	}
	verdict := t.d.Codes[m.Code]
	txn := reference(m)
	w.metIf(!last && len(r.s.attempts) > 1 && len(r.s.ids) > 0 && m.Code == "00", heardAgain)
	switch {
	case last && !t.own(r.s, m, txn):
		t.reconciles(m, txn)
		t.discards(m, e.Raw)
		t.decides(r.s, payment.StatusUnknown, "")
	case m.Code == t.d.Running && last:
		t.asksLast(w.between(5*time.Second, 40*time.Second))
	case verdict == ecrtill.Approved:
		t.decides(r.s, payment.StatusApproved, txn)
	case verdict == ecrtill.NotPaid:
		w.oracle.isRefused(r.s)
		t.decides(r.s, payment.StatusCancelled, "")
	case last:
		t.decides(r.s, payment.StatusUnknown, "")
	case t.habits().again: // TO
		w.metIf(r.s.receipt != "", doubtedAgain)
		w.oracle.isDoubted(r.s)
		t.mayTryAgain(r.s)
	default:
		w.oracle.isDoubted(r.s)
		t.asksLast(w.between(time.Second, 5*time.Second))
	}
}

// reconciles books an approval of an earlier sale that the last result tells of, as staff do with
// its slip.
func (t *ecrTill) reconciles(m ecrtill.Message, txn string) {
	for _, s := range t.w.sales {
		if s.line == t && s.attempted(m.ECN) != nil && t.style == counting && s != t.sale &&
			!s.approved && t.d.Codes[m.Code] == ecrtill.Approved {
			t.say("learns that sale %d was approved", s.no)
			t.w.oracle.lineApproved(s, txn, true)
			s.approved, s.txn, s.status = true, txn, payment.StatusApproved
		}
	}
}

// discards notes that the till has acknowledged what it did not book: what it does with an outcome
// is its own business. An earlier sale of it may have begun that payment, where both have one
// receipt.
func (t *ecrTill) discards(m ecrtill.Message, frame []byte) {
	if a := t.w.oracle.offeredAs(t, frame); a != nil && a.link != nil && a.link.sale != nil &&
		a.link.sale.line == t && !a.link.sale.approved {
		a.link.sale.discarded = true
	}
	for _, s := range t.w.sales {
		if s.line == t && s.attempted(m.ECN) != nil && !s.approved {
			s.discarded = true
		}
	}
}

// reference is what an approval says about its transaction.
func reference(m ecrtill.Message) string {
	r, _ := m.Get("A1")
	if r == "" {
		r, _ = m.Get("D3")
	}
	return strings.TrimLeft(strings.TrimSpace(r), "0")
}

// own reports whether the last result is about this sale.
func (t *ecrTill) own(s *sale, m ecrtill.Message, txn string) bool {
	for _, o := range t.w.sales {
		if o != s && txn != "" && o.line == t && o.txn == txn {
			return false
		}
	}
	if t.style == constant {
		return s.accepted && amountIs(m, s.money.Amount)
	}
	return m.ECN == s.ecn && amountIs(m, s.money.Amount)
}

func amountIs(m ecrtill.Message, cents int64) bool {
	v, ok := m.Get("40")
	return !ok || v == strings.TrimSpace(ecrtill.Amount(cents).Data)
}

// decides ends the sale in the till's book.
func (t *ecrTill) decides(s *sale, status payment.Status, txn string) {
	t.say("books sale %d as %s %s", s.no, status, txn)
	if status == payment.StatusApproved {
		t.w.oracle.lineApproved(s, txn, t.polls > 0)
		s.approved, s.txn = true, txn
	}
	s.misheard = status != payment.StatusApproved && t.underWay(s)
	s.status, s.heard = status, true
	t.sale = nil
	t.rests()
	t.next()
}

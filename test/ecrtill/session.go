package ecrtill

import (
	"bytes"
	"time"
)

// never is later than anything that a test waits for.
const never = time.Hour

// next is when tick has something to do.
func (t *Till) next() time.Time {
	at := time.Now().Add(never)
	sooner := func(when time.Time) {
		if !when.IsZero() && when.Before(at) {
			at = when
		}
	}
	if t.out != nil {
		sooner(t.outDue)
	}
	if t.parser.Mid() {
		sooner(t.lastByte.Add(t.cfg.Timers.Gap))
	}
	if len(t.queue) > 0 && t.out == nil {
		sooner(t.quiet)
	}
	for _, r := range t.waiting {
		sooner(r.due)
	}
	for _, due := range t.lateACKs {
		sooner(due)
	}
	sooner(t.badDue)
	return at
}

// tick does what is due.
func (t *Till) tick(now time.Time) {
	past := func(when time.Time) bool { return !when.IsZero() && !when.After(now) }
	for len(t.lateACKs) > 0 && past(t.lateACKs[0]) {
		t.lateACKs = t.lateACKs[1:]
		t.put([]byte{ack})
	}
	if t.parser.Mid() && past(t.lastByte.Add(t.cfg.Timers.Gap)) {
		if e, ok := t.parser.Gap(); ok {
			t.handle(e)
		}
	}
	if t.out != nil && past(t.outDue) {
		t.again()
	}
	for _, r := range t.waiting {
		if past(r.due) {
			t.finish(r, answer{err: ErrNoResponse})
		}
	}
	if past(t.badDue) {
		t.bad, t.badDue = 0, time.Time{}
		if len(t.waiting) > 0 {
			t.finish(t.waiting[0], answer{err: ErrGarbled})
		}
	}
	t.pump()
}

func (t *Till) receive(b []byte) {
	t.lastByte = time.Now()
	for _, c := range b {
		if e, ok := t.parser.Push(c); ok {
			t.handle(e)
		}
	}
}

func (t *Till) handle(e Event) {
	if t.mis.Hear != nil {
		heard, ok := t.mis.Hear(e)
		if !ok {
			return
		}
		e = heard
	}
	deaf := time.Now().Before(t.quiet)
	switch {
	case e.Kind == ACK && t.out != nil && !deaf:
		t.acknowledged()
	case e.Kind == NAK && t.out != nil && !deaf:
		t.again()
	case e.Kind == Bad:
		t.put([]byte{nak})
		if t.bad++; t.bad == transmissions {
			t.badDue = time.Now().Add(2 * t.cfg.Timers.ACK) // the terminal sends it no more
		}
	case e.Kind == Frame:
		t.bad, t.badDue = 0, time.Time{}
		t.response(e)
	}
}

// again sends the frame once more, or gives it up.
func (t *Till) again() {
	if t.out.tries < transmissions {
		t.transmit()
		return
	}
	r := t.out
	t.free()
	t.finish(r, answer{err: ErrNoACK})
}

// free ends the transmission of the frame that is out. After a frame that was sent more than once a
// late ACK may still come: the line stays quiet for one ACK timer.
func (t *Till) free() {
	if t.out.tries > 1 {
		t.quiet = time.Now().Add(t.cfg.Timers.ACK)
	}
	t.out = nil
}

func (t *Till) acknowledged() {
	r := t.out
	t.free()
	r.due = time.Now().Add(t.cfg.Timers.Response)
	t.waiting = append(t.waiting, r)
	if r.entry != nil {
		t.book.change(func() { r.entry.Accepted = true })
	}
	t.pump()
}

// response takes a good frame: the answer to a request, something that was taken already, or a
// stray.
func (t *Till) response(e Event) {
	result := t.cfg.Dialect.read(e.Message, e.Raw)
	repeated := bytes.Equal(e.Raw, t.taken)
	r := t.match(e.Message, repeated)
	t.sendACK()
	switch why := t.unbelievable(r, result); {
	case why != "":
		t.book.stray(why, e.Message, e.Raw)
	case r != nil:
		result.Asked = r.message.ECN
		t.taken = e.Raw
		if r == t.out {
			t.free() // the response says that the request arrived
		}
		t.finish(r, answer{result: result})
	case repeated:
		t.book.change(func() { t.book.duplicates++ })
	default:
		t.book.stray("nothing was asked that this answers", e.Message, e.Raw)
	}
}

// unbelievable says why an approval cannot be for the sale r, or "". A naive till believes
// everything.
func (t *Till) unbelievable(r *request, result Result) string {
	switch {
	case r == nil || r.entry == nil || t.cfg.Naive || result.Verdict != Approved:
		return ""
	case t.book.booked(result.Reference):
		return "an approval that is booked already, as the answer to another sale"
	case result.Amount >= 0 && result.Amount != r.entry.Amount:
		return "an approval of another amount"
	}
	return ""
}

// match is the request that a response answers. The last result carries the number of the sale that
// it is about.
func (t *Till) match(m Message, repeated bool) *request {
	all := t.waiting
	if t.out != nil && !repeated {
		// a repeated frame is no answer to what was not acknowledged
		all = append(append([]*request(nil), all...), t.out)
	}
	if t.cfg.Naive {
		if len(all) == 0 {
			return nil
		}
		return all[len(all)-1]
	}
	for _, r := range all {
		if r.message.Function == m.Function &&
			(r.message.ECN == m.ECN || m.Function == t.cfg.Dialect.LastResult) {
			return r
		}
	}
	return nil
}

func (t *Till) sendACK() {
	n := 1
	if t.mis.TwiceACK {
		n = 2
	}
	switch {
	case t.mis.NeverACK:
	case t.mis.GlueACK:
		t.owedACKs += n
	case t.mis.LateACK > 0:
		for range n {
			t.lateACKs = append(t.lateACKs, time.Now().Add(t.mis.LateACK))
		}
	default:
		t.put(bytes.Repeat([]byte{ack}, n))
	}
}

func (t *Till) finish(r *request, a answer) {
	t.waiting = without(t.waiting, r)
	if r.entry != nil && a.err == nil && a.result.Verdict != Uncertain {
		t.book.decide(r.entry, a.result)
	}
	r.done <- a
	t.pump()
}

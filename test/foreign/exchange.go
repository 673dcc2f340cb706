package foreign

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// errand is one exchange: a request and what is waited for.
type errand struct {
	request Frame         // without a function: only listens
	wait    time.Duration // for the answer
	other   []string      // functions whose answers do as well
	sale    bool          // buttons can be pressed meanwhile
	mishap  Mishap
	taken   func() // when not nil: the terminal has acknowledged the request
}

// sent is a frame that the till has sent, or is about to.
type sent struct {
	request Frame
	raw     []byte
	tries   int
	acked   bool
	answer  *Frame
}

// exchange is the state of an errand.
type exchange struct {
	t     *Till
	e     errand
	main  *sent
	extra *sent // the button's, nil when none is pressed
	// fires when the terminal has not acknowledged, when the till repeats, and when it gives up
	ackTimer, again, limit <-chan time.Time
	unheard                int // answers that were not read, or not acknowledged
}

// exchange carries an errand out.
func (t *Till) exchange(e errand) (answer Frame, err error) {
	if err := t.ready(); err != nil {
		return answer, err
	}
	x := &exchange{t: t, e: e}
	x.main = &sent{request: e.request, raw: e.request.Bytes(), acked: e.request.Function == ""}
	if x.main.acked {
		x.limit = time.After(e.wait)
	} else {
		x.transmit(x.main) // the wait begins when the terminal has it
	}
	for err == nil && !x.over() {
		err = x.step()
	}
	if err != nil {
		x.abandon(err)
		if errors.Is(err, errClosed) {
			t.Close()
		}
		return answer, err
	}
	return *x.main.answer, nil
}

// ready opens the line where it is not open, and drops what nobody waited for.
func (t *Till) ready() (err error) {
	if t.line != nil && t.line.flush() != nil {
		t.Close()
	}
	if t.line == nil {
		if t.line, err = open(t.dial); err != nil {
			return fmt.Errorf("%w: %w", errClosed, err)
		}
	}
	return nil
}

func (x *exchange) over() bool {
	return x.main.answer != nil && (x.extra == nil || x.extra.answer != nil)
}

// abandon ends a button's errand with the sale's.
func (x *exchange) abandon(err error) {
	if x.extra != nil && x.extra.answer == nil {
		x.t.asked <- Reply{Err: err}
	}
}

// transmit sends a frame, and waits for its acknowledgement from now on.
func (x *exchange) transmit(s *sent) {
	s.tries++
	raw := s.raw
	if x.e.mishap == Damaged && s.tries == 1 {
		raw = slices.Clone(raw)
		raw[len(raw)-3] ^= 0x10
	}
	_, _ = x.t.line.port.Write(raw) // when it fails, reading says so
	x.ackTimer = time.After(x.t.habits.Timers.Ack)
}

// current is the frame whose acknowledgement is waited for, or nil.
func (x *exchange) current() *sent {
	for _, s := range []*sent{x.main, x.extra} {
		if s != nil && !s.acked {
			return s
		}
	}
	return nil
}

func (x *exchange) step() error {
	press := x.t.press
	if !x.e.sale || !x.main.acked || x.extra != nil {
		press = nil
	}
	select {
	case h := <-x.t.line.heard:
		return x.hear(h)
	case c := <-press:
		f := x.t.command(c, x.t.kind.commands[c])
		x.extra = &sent{request: f, raw: f.Bytes()}
		x.transmit(x.extra)
	case <-x.ackTimer:
		s := x.current()
		if s == nil {
			return nil
		}
		if s.tries >= x.t.habits.Timers.Tries {
			return errNoAck
		}
		x.transmit(s)
	case <-x.again:
		x.e.mishap = Nothing
		x.main.tries, x.main.acked = 0, false
		x.transmit(x.main)
	case <-x.limit:
		return errNoAnswer
	}
	return nil
}

func (x *exchange) hear(h heard) error {
	switch {
	case h.err != nil:
		return fmt.Errorf("%w: %w", errClosed, h.err)
	case h.signal == ack:
		return x.acknowledged()
	case h.signal == nak:
		if s := x.current(); s != nil && s.tries < x.t.habits.Timers.Tries {
			x.transmit(s)
		}
		return nil
	}
	f, err := Parse(h.frame)
	if err != nil {
		x.t.signal(nak)
		return nil
	}
	x.answered(f)
	return nil
}

func (x *exchange) acknowledged() error {
	s := x.current()
	if s == nil {
		return nil
	}
	if s == x.main && x.e.mishap == Twice {
		x.e.mishap = Nothing // it was not heard: the timer sends the frame again
		return nil
	}
	s.acked, x.ackTimer = true, nil
	if s != x.main {
		return nil
	}
	if x.limit == nil {
		x.limit = time.After(x.e.wait)
	}
	if x.e.mishap == Unplugged {
		x.t.Close()
		<-x.limit
		return errNoAnswer
	}
	if x.e.mishap != Hangs {
		if x.e.taken != nil {
			x.e.taken()
		}
		return nil
	}
	x.e.mishap = Nothing
	x.t.Close()
	if err := x.t.ready(); err != nil {
		return err
	}
	s.tries, s.acked = 0, false
	x.transmit(s)
	return nil
}

// answered takes an answer to what was asked; another is acknowledged and forgotten. While the till
// waits for an ACK it takes none: on a line whose numbers never change, what comes then may be the
// answer to the request before, sent once more.
func (x *exchange) answered(f Frame) {
	s := x.asked(f)
	if s == nil || s.answer != nil {
		if s == nil {
			x.t.strays = append(x.t.strays, f)
		}
		x.t.acknowledge()
		return
	}
	if !s.acked {
		return // it is older than the request, which the terminal has not acknowledged
	}
	if s == x.main && x.missed() {
		return
	}
	if x.e.mishap != LostAcks {
		x.t.acknowledge()
	}
	s.answer = &f
	if s == x.extra {
		r := Reply{Frame: f}
		x.t.put(&r)
		x.t.asked <- r
	} else if x.extra != nil {
		x.limit = time.After(x.t.habits.Timers.Answer)
	}
}

// missed reports whether this answer does not reach the till, or its acknowledgement the terminal.
func (x *exchange) missed() bool {
	x.unheard++
	switch {
	case x.e.mishap == LostAck && x.unheard == 1:
		return true
	case x.e.mishap == Refused && x.unheard == 1:
		x.t.signal(nak)
		return true
	case x.e.mishap == Unread:
		if x.unheard == 1 { // after the last transmission of it
			x.again = time.After(time.Duration(x.t.habits.Timers.Tries) * x.t.habits.Timers.Ack)
		}
		return true
	}
	return false
}

// asked is what f answers, or nil.
func (x *exchange) asked(f Frame) *sent {
	for _, s := range []*sent{x.main, x.extra} {
		if s == nil {
			continue
		}
		if s == x.main && slices.Contains(x.e.other, f.Function) {
			return s
		}
		if f.Function == s.request.Function && f.Head == x.t.kind.answers(s.request) {
			return s
		}
	}
	return nil
}

func (t *Till) acknowledge() {
	if !t.habits.NeverAcks {
		t.signal(ack)
	}
}

func (t *Till) signal(b byte) {
	_, _ = t.line.port.Write([]byte{b}) // when it fails, reading says so
}

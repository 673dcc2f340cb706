package foreign

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Till is one till.
type Till struct {
	Book
	kind   Kind
	habits Habits
	dial   Dial
	line   *line
	strays []Frame   // answers to nothing that was asked
	clock  time.Time // of its numbers: never twice the same second
	number int       // of the newest receipt
	polled atomic.Int64
	press  chan Command
	asked  chan Reply // answers to what was pressed
}

// Reply is the answer to a command, and what the cashier reads.
type Reply struct {
	Frame
	Screen string
	Err    error
}

// New is a till on the line that dial opens.
func New(k Kind, h Habits, dial Dial) *Till {
	return &Till{
		kind: k, habits: h.filled(k), dial: dial, press: make(chan Command, 1),
		asked: make(chan Reply, 1), clock: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC),
	}
}

// Change changes its habits, between two sales.
func (t *Till) Change(change func(*Habits)) {
	change(&t.habits)
	t.habits = t.habits.filled(t.kind)
}

// Close closes its line.
func (t *Till) Close() {
	if t.line != nil {
		t.line.close()
		t.line = nil
	}
}

// Polled is how often it has polled; any goroutine may ask.
func (t *Till) Polled() int { return int(t.polled.Load()) }

// Strays are the frames that came and were the answer to nothing.
func (t *Till) Strays() []Frame { return t.strays }

// stamp is the time as a number of 12 digits.
func (t *Till) stamp() string {
	t.clock = t.clock.Add(time.Second)
	return t.clock.Format("060102150405")
}

// Press presses a button while a sale runs, and returns its answer, which comes after the sale's.
func (t *Till) Press(c Command) <-chan Reply {
	t.press <- c
	return t.asked
}

// request is a frame of this till's.
func (t *Till) request(w word, amount, receipt string) Frame {
	f := Frame{Head: t.kind.head(t), Function: w.function, Version: t.kind.Version}
	f.Fields = append(f.Fields, w.before...)
	if amount != "" {
		f.Fields = append(f.Fields, Field{"40", amount})
	}
	f.Fields = append(f.Fields, w.after...)
	if receipt != "" && t.kind.Receipt != "" {
		f.Fields = append(f.Fields, Field{t.kind.Receipt, receipt})
	}
	return f
}

// Ask sends a command, and returns what was answered.
func (t *Till) Ask(c Command) Reply {
	w, ok := t.kind.commands[c]
	if !ok {
		return Reply{Err: fmt.Errorf("a %s till has no word for %s", t.kind.Name, c)}
	}
	return t.Say(t.command(c, w))
}

func (t *Till) command(c Command, w word) Frame {
	receipt := ""
	if c == Settle || c == Refund {
		receipt = t.receipt()
	}
	amount := ""
	if c == Refund {
		amount = amountOf(100)
	}
	return t.request(w, amount, receipt)
}

// Say sends any frame as a request, and returns what was answered.
func (t *Till) Say(f Frame) (r Reply) {
	e := errand{request: f, wait: t.habits.Timers.Answer}
	if f.Function == t.kind.commands[Last].function {
		e.other = []string{f.Function} // with the number of the sale that it is about
	}
	r.Frame, r.Err = t.exchange(e)
	t.put(&r)
	if t.habits.Dials {
		t.Close()
	}
	return r
}

// errCrashed is a till's program that has ended.
var errCrashed = errors.New("index out of range: field 02 of the answer")

// put is what the cashier reads of a reply.
func (t *Till) put(r *Reply) {
	text, ok := r.Get("02")
	if r.Err == nil && !ok && t.habits.IndexesText {
		r.Err = errCrashed
	}
	if r.Err != nil {
		r.Screen = "ERROR: " + r.Err.Error()
		return
	}
	r.Screen = strings.TrimSpace(r.Version + " " + strings.TrimSpace(text))
}

// receipt is the number of the newest receipt.
func (t *Till) receipt() string {
	if t.kind.receipt == nil {
		return ""
	}
	return t.kind.receipt(t.number)
}

func amountOf(cents int64) string { return fmt.Sprintf("%012d", cents) }

// float is the amount as a till writes it that counts in floats and forgets to round.
func float(cents int64) string {
	dollars := float64(cents) / 100
	return strconv.FormatFloat(dollars*100, 'f', -1, 64)
}

// nextReceipt is how a cashier begins with a new customer.
func (t *Till) nextReceipt() {
	if t.number == 0 || !t.habits.OneReceipt {
		t.number++
	}
}

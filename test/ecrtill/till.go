package ecrtill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// Config of a Till. The zero value of everything but Dialect is usable.
type Config struct {
	Dialect  Dialect
	ECN      Policy // default: Counting
	FirstECN int64  // default: 251210091401
	Timers   Timers // default: DefaultTimers
	// Naive takes any response for the answer to what was asked last, whatever its ECN and
	// function, as simple tills do.
	Naive bool
	// NoLastResult leaves an uncertain sale uncertain; otherwise the till asks for the last result,
	// as the document says.
	NoLastResult bool
	// Reference makes field HD of a sale's request from its ECN; nil: no such field.
	Reference func(ecn string) string
}

// Errors of a request.
var (
	ErrNoACK      = errors.New("the terminal acknowledged none of three transmissions")
	ErrNoResponse = errors.New("no response in time")
	ErrGarbled    = errors.New("the response arrived damaged three times")
	ErrRebooted   = errors.New("the till has lost its memory")
	ErrStopped    = errors.New("the till is off")
	ErrNoFunction = errors.New("this dialect has no such function")
)

// Till is the till's side of one line.
type Till struct {
	cfg   Config
	book  *Book
	trace trace
	bytes chan chunk
	calls chan func()
	off   chan struct{} // closed when Run has ended

	// Owned by Run's goroutine.
	cable    *cable
	mis      Misbehaviour
	parser   Parser
	number   int64
	lastByte time.Time
	queue    []*request // not sent yet
	out      *request   // sent, not acknowledged
	outDue   time.Time
	quiet    time.Time  // until then no new frame leaves, and ACK and NAK mean nothing
	waiting  []*request // acknowledged, not answered; oldest first
	taken    []byte     // the newest response that was accepted
	lateACKs []time.Time
	owedACKs int       // to be glued to the next request
	bad      int       // damaged frames in a row
	badDue   time.Time // when the till gives up on a damaged response
}

type request struct {
	message Message
	frame   []byte
	entry   *Entry // of a sale
	tries   int
	due     time.Time // of the response
	done    chan answer
}

type answer struct {
	result Result
	err    error
}

// New makes a till that is off and has no cable.
func New(cfg Config) *Till {
	if cfg.ECN == "" {
		cfg.ECN = Counting
	}
	if cfg.FirstECN == 0 {
		cfg.FirstECN = 251210091401
	}
	if cfg.Timers == (Timers{}) {
		cfg.Timers = DefaultTimers()
	}
	// 64 chunks may wait to be read; more wait in the port.
	return &Till{cfg: cfg, book: new(Book), number: cfg.FirstECN, bytes: make(chan chunk, 64),
		calls: make(chan func()), off: make(chan struct{})}
}

// Book is what the till believes.
func (t *Till) Book() *Book { return t.book }

// Run is the till's power: it works until ctx ends and returns once its readers have ended. It must
// run once.
func (t *Till) Run(ctx context.Context) error {
	defer close(t.off)
	defer func() { t.cable.pull() }()
	defer t.forget(ErrStopped, Uncertain)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		t.tick(time.Now())
		timer.Reset(time.Until(t.next()))
		select {
		case c := <-t.bytes:
			if c.from == t.cable {
				t.trace.add(false, c.bytes)
				t.receive(c.bytes)
			}
		case f := <-t.calls:
			f()
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// do runs f in Run's goroutine.
func (t *Till) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case t.calls <- func() { f(); close(done) }:
		<-done
		return nil
	case <-t.off:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Plug connects a cable, in place of the one before; nil pulls it. The port stays the caller's to
// close.
func (t *Till) Plug(ctx context.Context, p Port) error {
	return t.do(ctx, func() {
		t.cable.pull()
		t.cable = nil
		t.parser.reset()
		if p != nil {
			t.cable = t.startCable(p)
		}
	})
}

// Misbehave changes the till's ways from now on.
func (t *Till) Misbehave(ctx context.Context, m Misbehaviour) error {
	return t.do(ctx, func() { t.mis = m })
}

// Send puts bytes on the line that are no request of the till.
func (t *Till) Send(ctx context.Context, b []byte) error { return t.do(ctx, func() { t.put(b) }) }

// Reboot makes the till forget everything that it was doing. Sales that were open are Forgotten in
// the Book.
func (t *Till) Reboot(ctx context.Context) error {
	return t.do(ctx, func() {
		t.forget(ErrRebooted, Forgotten)
		if t.cfg.ECN == Restarting {
			t.number = t.cfg.FirstECN
		}
	})
}

func (t *Till) forget(err error, v Verdict) {
	all := append(append(t.queue, t.waiting...), t.out)
	t.queue, t.waiting, t.out, t.taken, t.lateACKs, t.owedACKs = nil, nil, nil, nil, nil, 0
	t.parser.reset()
	t.quiet, t.bad, t.badDue = time.Time{}, 0, time.Time{}
	for _, r := range all {
		if r == nil {
			continue
		}
		if r.entry != nil {
			t.book.end(r.entry, v)
		}
		r.done <- answer{err: err}
	}
}

// Ask sends any function with any fields and waits for its response. Most errors are the ones
// above.
func (t *Till) Ask(ctx context.Context, function string, fields ...Field) (Result, error) {
	return t.ask(ctx, func(ecn string) (Message, *Entry) {
		return Request(ecn, function, fields...),
			nil
	})
}

func (t *Till) ask(ctx context.Context, build func(ecn string) (Message, *Entry)) (Result, error) {
	r := &request{done: make(chan answer, 1)}
	var bad error
	err := t.do(ctx, func() {
		r.message, r.entry = build(t.nextECN())
		if r.frame, bad = r.message.Encode(); bad == nil {
			t.queue = append(t.queue, r)
			t.pump()
		}
	})
	if err = errors.Join(err, bad); err != nil {
		return Result{}, err
	}
	select {
	case a := <-r.done:
		return a.result, a.err
	case <-ctx.Done():
		return Result{}, errors.Join(ctx.Err(),
			t.do(context.WithoutCancel(ctx), func() { t.drop(r) }))
	}
}

func (t *Till) nextECN() string {
	ecn := fmt.Sprintf("%012d", t.number)
	if t.cfg.ECN != Constant {
		t.number++
	}
	return ecn
}

// drop gives a request up without an answer.
func (t *Till) drop(r *request) {
	t.queue = without(t.queue, r)
	t.waiting = without(t.waiting, r)
	if t.out == r {
		t.out = nil
	}
	t.pump()
}

func without(all []*request, r *request) []*request {
	var rest []*request
	for _, x := range all {
		if x != r {
			rest = append(rest, x)
		}
	}
	return rest
}

// pump sends the next request when the line is free.
func (t *Till) pump() {
	if t.out != nil || len(t.queue) == 0 || time.Now().Before(t.quiet) {
		return
	}
	t.out, t.queue = t.queue[0], t.queue[1:]
	t.transmit()
}

func (t *Till) transmit() {
	r := t.out
	r.tries++
	frame := r.frame
	if t.mis.Transmit != nil {
		frame = t.mis.Transmit(r.tries, bytes.Clone(frame))
	}
	leave := bytes.Repeat([]byte{ack}, t.owedACKs)
	t.owedACKs = 0
	t.put(append(append(leave, t.mis.Noise...), frame...))
	t.outDue = time.Now().Add(t.cfg.Timers.ACK)
}

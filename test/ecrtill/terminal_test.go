package ecrtill

import (
	"bytes"
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// terminal is a scripted terminal at the other end of the line: it does only what the test says.
type terminal struct {
	t      *testing.T
	conn   net.Conn
	events chan Event
	ended  chan struct{}
}

// onLine runs a test of a till and a terminal in a bubble of fake time.
func onLine(t *testing.T, cfg Config, test func(t *testing.T, till *Till, term *terminal)) {
	t.Helper()
	if cfg.Dialect.Name == "" {
		cfg.Dialect = Paycube()
	}
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		term := &terminal{t: t, conn: theirs, events: make(chan Event, 100),
			ended: make(chan struct{})}
		go term.read()
		till := New(cfg)
		ctx, off := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- till.Run(ctx) }()
		if err := till.Plug(ctx, ours); err != nil {
			t.Fatal(err)
		}
		defer func() {
			off()
			if err := <-done; err != nil {
				t.Error(err)
			}
			_, _ = ours.Close(), theirs.Close() // pipes close without errors
			<-term.ended
			if t.Failed() {
				for _, line := range till.Trace() {
					t.Log(line)
				}
			}
		}()
		test(t, till, term)
	})
}

func (x *terminal) read() {
	defer close(x.ended)
	var p Parser
	buf := make([]byte, 256)
	for {
		n, err := x.conn.Read(buf)
		for _, b := range buf[:n] {
			if e, ok := p.Push(b); ok {
				x.events <- e
			}
		}
		if err != nil {
			return
		}
	}
}

// want is the next thing that arrives, which must be of this kind.
func (x *terminal) want(k Kind) Event {
	x.t.Helper()
	select {
	case e := <-x.events:
		if e.Kind != k {
			x.t.Fatalf("got %+v, want kind %d", e, k)
		}
		return e
	case <-time.After(time.Hour):
		x.t.Fatalf("nothing arrived, want kind %d", k)
		return Event{}
	}
}

// silent checks that nothing arrives for d.
func (x *terminal) silent(d time.Duration) {
	x.t.Helper()
	select {
	case e := <-x.events:
		x.t.Fatalf("got %+v, want silence", e)
	case <-time.After(d):
	}
}

func (x *terminal) write(b ...byte) {
	x.t.Helper()
	if _, err := x.conn.Write(b); err != nil {
		x.t.Fatal(err)
	}
}

// request takes a request and acknowledges it.
func (x *terminal) request(function string) Message {
	x.t.Helper()
	e := x.want(Frame)
	if e.Message.Function != function || e.Message.Code != Version {
		x.t.Fatalf("got %+v, want %s", e.Message, function)
	}
	x.write(ack)
	return e.Message
}

// respond sends a response to a request and returns its bytes.
func (x *terminal) respond(to Message, code string, fields ...Field) []byte {
	x.t.Helper()
	to.Code, to.Fields = code, fields
	b := encode(x.t, to)
	x.write(b...)
	return b
}

// outcome is what a call of the till returned.
type outcome struct {
	Result
	err error
}

func later(f func() (Result, error)) <-chan outcome {
	out := make(chan outcome, 1)
	go func() { r, err := f(); out <- outcome{r, err} }()
	return out
}

func sell(t *testing.T, till *Till, cents int64) <-chan outcome {
	return later(func() (Result, error) {
		return till.Sale(t.Context(), till.cfg.Dialect.QR, cents)
	})
}

// believes checks what the till's call returned and the newest sale in its book.
func believes(t *testing.T, till *Till, got outcome, want Verdict, strays int) {
	t.Helper()
	all := till.Book().Entries()
	if e := all[len(all)-1]; got.Verdict != want || e.Verdict != want {
		t.Errorf("the till believes %s (%s, %v) and its book %+v, want %s", got.Verdict, got.Code,
			got.err, e, want)
	}
	if n := till.Book().Strays(); len(n) != strays {
		t.Errorf("strays: %+v, want %d", n, strays)
	}
}

func ref(s string) Field { return Field{"A1", s} }

func TestSaleApproved(t *testing.T) {
	onLine(t, Config{}, func(t *testing.T, till *Till, term *terminal) {
		sale := sell(t, till, 1023)
		req := term.request("Q1")
		want := Paycube().Sale(exampleECN, "Q1", 1023, "")
		if !bytes.Equal(encode(t, req), encode(t, want)) {
			t.Errorf("%+v", req)
		}
		term.silent(200 * time.Second)
		frame := term.respond(req, "00", Amount(1023), ref("1"))
		term.want(ACK)
		believes(t, till, <-sale, Approved, 0)
		term.write(frame...) // the ACK was lost
		term.want(ACK)
		term.silent(time.Minute)
		if n := till.Book().Duplicates(); n != 1 {
			t.Errorf("%d duplicates", n)
		}
	})
}

func TestGluedAndSplit(t *testing.T) {
	onLine(t, Config{}, func(t *testing.T, till *Till, term *terminal) {
		sale := sell(t, till, 5)
		req := term.want(Frame).Message
		req.Code, req.Fields = "00", []Field{Amount(5)}
		term.write(append([]byte{ack}, encode(t, req)...)...)
		term.want(ACK)
		believes(t, till, <-sale, Approved, 0)

		sale = sell(t, till, 6)
		req = term.request("Q1")
		req.Code, req.Fields = "51", nil
		for _, b := range encode(t, req) {
			term.silent(400 * time.Millisecond)
			term.write(b)
		}
		term.want(ACK)
		believes(t, till, <-sale, NotPaid, 0)
	})
}

func TestThreeTransmissionsThenLastResult(t *testing.T) {
	onLine(t, Config{}, func(t *testing.T, till *Till, term *terminal) {
		sale := sell(t, till, 7)
		began := time.Now()
		first := term.want(Frame)
		for n := 1; n < transmissions; n++ {
			if again := term.want(Frame); !bytes.Equal(again.Raw, first.Raw) ||
				time.Since(began) != time.Duration(n)*2*time.Second {
				t.Errorf("after %s: % x", time.Since(began), again.Raw)
			}
		}
		term.write(ack) // as late as can be: in time
		term.respond(first.Message, "TO", Amount(7))
		term.want(ACK)
		last := term.want(Frame) // only after a quiet ACK timer
		if took := time.Since(began); took != 6*time.Second || last.Message.Function != "56" {
			t.Errorf("after %s %+v", took, last.Message)
		}
		term.write(ack)
		about := first.Message
		about.Function = "56"
		term.respond(about, "E6", Amount(7))
		term.want(ACK)
		term.silent(900 * time.Millisecond)
		term.request("56")
		term.respond(about, "00", Amount(7), ref("9"))
		term.want(ACK)
		got := <-sale
		believes(t, till, got, Approved, 0)
		if !got.ByLast || got.Reference != "9" {
			t.Errorf("%+v", got)
		}
	})
}

func TestNakAndDamage(t *testing.T) {
	onLine(t, Config{NoLastResult: true}, func(t *testing.T, till *Till, term *terminal) {
		sale := sell(t, till, 8)
		term.want(Frame)
		term.write(nak)
		req := term.request("Q1")
		req.Code, req.Fields = "00", []Field{Amount(8)}
		damaged := encode(t, req)
		damaged[len(damaged)-1] ^= 1
		for range transmissions {
			term.write(damaged...)
			term.want(NAK)
		}
		term.silent(time.Minute)
		got := <-sale
		if got.err != ErrGarbled {
			t.Error(got.err)
		}
		believes(t, till, got, Uncertain, 0)
	})
}

package till

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/test/devicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine is a desk that answers from a goroutine of its own, in order, as the real one does.
type engine struct {
	*desk
	ops  chan func()
	done chan struct{}
}

func newEngine(now func() Now) *engine {
	e := &engine{desk: newDesk(now), ops: make(chan func(), 64), done: make(chan struct{})}
	go func() {
		defer close(e.done)
		for op := range e.ops {
			op()
		}
	}()
	return e
}

func (e *engine) close() {
	close(e.ops)
	<-e.done
}

func (e *engine) Start(till string, r payment.Request, reply func(payment.Payment, error)) {
	e.ops <- func() { e.desk.Start(till, r, reply) }
}

func (e *engine) Cancel(till string, key payment.Key, reply func(payment.Payment, error)) {
	e.ops <- func() { e.desk.Cancel(till, key, reply) }
}

func (e *engine) Last(till string, reply func(payment.Payment, error)) {
	e.ops <- func() { e.desk.Last(till, reply) }
}

func (e *engine) Offer(till, id string, revision int64, frame []byte, reply func(error)) {
	e.ops <- func() { e.desk.Offer(till, id, revision, frame, reply) }
}

func (e *engine) Acknowledge(till, id string, revision int64, reply func(error)) {
	e.ops <- func() { e.desk.Acknowledge(till, id, revision, reply) }
}

// ends lets a payment end in the engine's goroutine.
func (e *engine) ends(id string, how payment.Status) { e.ops <- func() { e.finish(id, how) } }

// wallClock counts from its making; in a synctest bubble that is the bubble's time.
type wallClock struct {
	start time.Time
	boot  string
}

func (c *wallClock) Now() Now {
	return Now{Wall: wall, Boot: c.boot, Up: time.Hour + time.Since(c.start)}
}

// pipe is a Conn in memory. The till's end is in and out.
type pipe struct {
	ev     chan []byte
	out    chan []byte
	closed chan struct{}
	once   sync.Once
}

func newPipe() *pipe {
	return &pipe{ev: make(chan []byte), out: make(chan []byte, 16), closed: make(chan struct{})}
}

func (p *pipe) Read(b []byte) (int, error) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case x, ok := <-p.ev:
		if !ok {
			return 0, io.EOF
		}
		return copy(b, x), nil
	case <-timer.C:
		return 0, nil
	case <-p.closed:
		return 0, io.ErrClosedPipe
	}
}

func (p *pipe) Write(b []byte) error {
	select {
	case p.out <- bytes.Clone(b):
		return nil
	case <-p.closed:
		return io.ErrClosedPipe
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// bench is a Session with an engine and a clock.
type bench struct {
	*Session
	t      *testing.T
	engine *engine
	reg    *prometheus.Registry
	clock  *wallClock

	startedIDs chan string // payments, as they start
}

func newBench(t *testing.T, change ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, clock: &wallClock{time.Now(), "boot-1"}, reg: prometheus.NewRegistry(),
		startedIDs: make(chan string, 64)}
	b.engine = newEngine(b.clock.Now)
	b.engine.Watch(func(p payment.Payment) {
		if !p.Final {
			b.startedIDs <- p.ID
		}
	}, nil)
	cfg := Config{Till: "till-2", Merchant: "SHOP", IDs: new(counter)}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	b.Session, err = New(cfg, dialects["paycube"](), b.engine, new(devicetest.Terminal), b.clock,
		slog.New(slog.DiscardHandler), b.reg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run serves a connection; stop ends it and returns what Run said.
func (b *bench) run(conn Conn) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- b.Run(ctx, conn) }()
	return func() error {
		cancel()
		return <-ran
	}
}

// hear is the next thing that the till reads.
func (b *bench) hear(p *pipe, want []byte) {
	b.t.Helper()
	if got := <-p.out; !bytes.Equal(got, want) {
		b.t.Fatalf("the till reads %q, want %q", got, want)
	}
}

func TestSessionSale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		p := newPipe()
		stop := b.run(p)
		p.ev <- saleOn(ecn, 1023)
		b.hear(p, []byte{ack})
		p.ev <- frame(ecn, "A1", "01")
		b.hear(p, []byte{ack})
		b.hear(p, frame(ecn, "A1", "E6", "02="+pad("TERMINAL BUSY", 40)))
		p.ev <- []byte{ack}
		time.Sleep(5 * time.Second) // until then the ACKs may be the agent's own
		paid := time.Now()
		b.engine.ends("P1", payment.StatusApproved)
		response := paycubeSale("Q1", "00", "APPROVED", "000000001023", "TXN-P1")
		for range 2 {
			b.hear(p, response)
		}
		if since := time.Since(paid); since != 2*time.Second {
			t.Errorf("the second transmission came after %v", since)
		}
		p.ev <- []byte{ack}
		synctest.Wait()
		if !b.engine.payment("P1").Acknowledged {
			t.Error("not acknowledged")
		}
		p.ev <- frame(ecn, "A1", "01")
		b.hear(p, []byte{ack})
		b.hear(p, frame(ecn, "A1", "00", "02="+pad("READY", 40)))
		if err := stop(); err != nil {
			t.Error(err)
		}
		b.engine.close()
	})
}

// Nobody else's address takes the line over while a sale runs or is being told: he would be told
// the till's outcome, and acknowledge it.
func TestTheLineIsTheTillsUntilItIsTold(t *testing.T) {
	for _, acks := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			p := newPipe()
			stop := b.run(p)
			p.ev <- saleOn(ecn, 1023)
			b.hear(p, []byte{ack})
			time.Sleep(5 * time.Second) // until then the ACK may be the agent's own
			b.engine.ends("P1", payment.StatusApproved)
			for range 3 {
				synctest.Wait()
				if !b.Busy() {
					t.Error("the line is free while the sale is told")
				}
				<-p.out
				if acks {
					p.ev <- []byte{ack}
					break
				}
			}
			time.Sleep(2 * time.Second) // the third one's ACK timer
			synctest.Wait()
			if b.Busy() {
				t.Error("the line is not free again")
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			b.engine.close()
		})
	}
}

func TestSessionGoesOnWithTheNextConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		first := newPipe()
		stop := b.run(first)
		first.ev <- saleOn(ecn, 1023)
		b.hear(first, []byte{ack})
		close(first.ev) // the cable is pulled
		if err := stop(); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		b.engine.ends("P1", payment.StatusApproved)
		synctest.Wait()
		second := newPipe()
		stop = b.run(second)
		second.ev <- saleOn(ecn, 1023)
		b.hear(second, []byte{ack})
		b.hear(second, paycubeSale("Q1", "00", "APPROVED", "000000001023", "TXN-P1"))
		second.ev <- []byte{ack}
		synctest.Wait()
		if got := b.engine.payment("P1"); !got.Acknowledged || len(b.engine.order) != 1 {
			t.Errorf("%+v", got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		b.engine.close()
	})
}

func TestSessionEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.Network = true })
		hangup := newPipe()
		close(hangup.ev)
		if err := b.Run(t.Context(), hangup); !errors.Is(err, io.EOF) {
			t.Errorf("hang-up: %v", err)
		}
		unwritable := newPipe()
		ran := make(chan error, 1)
		go func() { ran <- b.Run(t.Context(), failing{unwritable}) }()
		unwritable.ev <- frame(ecn, "A1", "01")
		if err := <-ran; !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("write error: %v", err)
		}
		web := newPipe()
		go func() { ran <- b.Run(t.Context(), web) }()
		web.ev <- append([]byte("POST / HTTP/1.1\r\n\r\n"), saleOn(ecn, 1023)...)
		if err := <-ran; !errors.Is(err, ErrHostile) {
			t.Errorf("a web page: %v", err)
		}
		select {
		case <-web.closed:
		default:
			t.Error("its connection is open")
		}
		if len(b.engine.order) != 0 {
			t.Error("a payment was made")
		}
		b.engine.close()
	})
}

type failing struct{ *pipe }

func (failing) Write([]byte) error { return io.ErrShortWrite }

func TestSessionServesOneConnectionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		first, second := newPipe(), newPipe()
		stopFirst := b.run(first)
		synctest.Wait()
		stopSecond := b.run(second)
		synctest.Wait()
		select {
		case second.ev <- frame(ecn, "A1", "01"):
			t.Error("the second connection is read")
		default:
		}
		if err := stopFirst(); err != nil {
			t.Error(err)
		}
		second.ev <- frame(ecn, "A1", "01")
		b.hear(second, []byte{ack})
		if err := stopSecond(); err != nil {
			t.Error(err)
		}
		b.engine.close()
	})
}

func TestSessionMetricsAreByTill(t *testing.T) {
	b := newBench(t)
	defer b.engine.close()
	for _, name := range []string{"till-3", "till-2"} {
		_, err := New(Config{Till: name}, dialects["nets"](), b.engine, new(devicetest.Terminal),
			b.clock, slog.New(slog.DiscardHandler), b.reg)
		if (err == nil) != (name == "till-3") {
			t.Errorf("%s: %v", name, err)
		}
	}
	families, err := b.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "kiosk_ecr_events_total" && len(f.GetMetric()) != 2*len(Counters()) {
			t.Errorf("%d series", len(f.GetMetric()))
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, c := range map[string]Config{"no name": {Currency: payment.SGD},
		"no currency": {Till: "till-2"}} {
		if _, err := NewMachine(c, dialects["paycube"]()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	m, err := NewMachine(Config{Till: "till-2", Currency: payment.SGD}, dialects["paycube"]())
	if err != nil || m.timers != dialects["paycube"]().Timers() {
		t.Errorf("%+v %v", m.timers, err)
	}
	if ref := m.reference(strings.Repeat("9", 12), Now{Wall: wall}); len(ref) != 39 {
		t.Errorf("%q", ref)
	}
}

var _ device.LinePayments = (*engine)(nil)

package jsonrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"kiosk-agent/payment"
	"kiosk-agent/test/devicetest"
)

// pipe is a Conn in memory: what a line transport will look like to a session.
type pipe struct {
	in   chan string
	out  chan string
	quit chan struct{}
	why  Ending
}

func newPipe() *pipe {
	return &pipe{in: make(chan string, 1000), out: make(chan string, 1000),
		quit: make(chan struct{})}
}

func (p *pipe) Read() ([]byte, error) {
	select {
	case m, ok := <-p.in:
		if !ok {
			return nil, io.EOF
		}
		return []byte(m), nil
	case <-p.quit:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Write(msg []byte) error {
	select {
	case p.out <- string(msg):
		return nil
	case <-p.quit:
		return net.ErrClosed
	}
}

func (p *pipe) Close(why Ending) { p.why = why; close(p.quit) }

// line starts a session of till-1 over a pipe; stop ends it and returns why it ended.
func line(t *testing.T, s *Server, o sessionOptions) (p *pipe, stop func() Ending) {
	t.Helper()
	p = newPipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan Ending, 1)
	go func() { ended <- newSession(s, s.cfg.Tills[0], p, o).run(ctx) }()
	return p, func() Ending { cancel(); return <-ended }
}

func (p *pipe) next(t *testing.T) got {
	t.Helper()
	select {
	case m := <-p.out:
		return parse(t, []byte(m))
	case <-time.After(patience):
		t.Fatal("nothing came")
		return got{}
	}
}

// On a line, owed outcomes come after each terminal.info, and pages shrink to what a line takes.
func TestSessionOverALine(t *testing.T) {
	r := newRig(t)
	p, stop := line(t, r.Server, sessionOptions{maxResponse: 2000, resendOnInfo: true})
	for i := range 9 {
		p.in <- request(i, "payment.start", start(fmt.Sprint("R", i), 1))
		r.payments.Finish(p.answer(t).resultID(t), payment.StatusDeclined)
	}
	for range 2 {
		p.in <- request(100, "terminal.info", `{}`)
		if g := p.answer(t); string(g.ID) != "100" {
			t.Fatal(g.raw)
		}
		for i := range 9 {
			if g := p.next(t); g.Params.Payment == nil ||
				g.Params.Payment.Reference != fmt.Sprint("R", i) {
				t.Fatal(g.raw)
			}
		}
	}
	seen, cursor := 0, ""
	for pages := 0; ; pages++ {
		p.in <- request(1, "payment.list", `{"limit":200`+cursor+`}`)
		g := p.next(t)
		if len(g.raw) > 2000 {
			t.Errorf("an answer of %d bytes", len(g.raw))
		}
		seen += strings.Count(g.raw, `"reference"`)
		_, rest, more := strings.Cut(g.raw, `"next_cursor":"`)
		if !more {
			break
		}
		cursor = `,"cursor":"` + rest[:strings.IndexByte(rest, '"')] + `"`
	}
	if seen != 9 {
		t.Errorf("%d payments on all pages", seen)
	}
	close(p.in)
	if why := stop(); p.why != why || r.payments.Attached() != 0 {
		t.Errorf("ended by %s, %d attached", why, r.payments.Attached())
	}
}

// answer is the next message that is no notification.
func (p *pipe) answer(t *testing.T) got {
	t.Helper()
	for {
		if g := p.next(t); g.Method == "" {
			return g
		}
	}
}

func (g got) resultID(t *testing.T) string {
	t.Helper()
	_, rest, ok := strings.Cut(g.raw, `"result":{"id":"`)
	if !ok {
		t.Fatal(g.raw)
	}
	return rest[:26]
}

// While 64 messages wait for a cancel, no more are read; nothing is lost.
func TestBackpressure(t *testing.T) {
	r := newRig(t)
	p, stop := line(t, r.Server, sessionOptions{})
	p.in <- request(0, "payment.start", start("R0", 1))
	id := p.next(t).resultID(t)
	p.next(t) // its change
	r.payments.HoldCancel(true)
	p.in <- request(1, "payment.cancel", `{"reference":"R0"}`)
	p.next(t) // the code is withdrawn
	for i := range 500 {
		p.in <- request(2+i, "payment.get", `{"reference":"R0"}`)
	}
	for deadline := time.After(patience); len(
		p.in) > 500-maxPending; { // one was taken and waits for a place
		select {
		case <-deadline:
			t.Fatalf("%d wait unread", len(p.in))
		default:
			r.payments.Attached()
		}
	}
	r.payments.Attached()
	if n := len(p.in); n < 500-maxPending {
		t.Errorf("%d wait unread: too many were read", n)
	}
	r.payments.Finish(id, payment.StatusCancelled)
	for i := 1; i <= 501; {
		if g := p.next(t); g.Method == "" {
			if string(g.ID) != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", g.raw, i)
			}
			i++
		}
	}
	stop()
}

func TestLargeBatchIsCutShortNotCarriedOut(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	for i := range 200 {
		p := till.payment("payment.start", start(fmt.Sprint("R", i), 1))
		r.payments.Finish(p.ID, payment.StatusDeclined)
	}
	var calls []string
	for i := range maxBatch - 1 {
		calls = append(calls, request(i, "payment.list", `{"limit":200}`))
	}
	calls = append(calls, request(99, "payment.start", start("last", 1)))
	till.send(`[` + strings.Join(calls, ",") + `]`)
	for {
		raw := string(till.readRaw())
		if raw[0] != '[' {
			continue
		}
		if len(raw) > 2*maxBatchAnswer || !strings.Contains(raw, `"id":99,"error":{"code":-32600`) {
			t.Errorf("%d bytes: … %s", len(raw), raw[len(raw)-300:])
		}
		break
	}
	if r.payments.Payment("01JBXV00000000000000000201").ID != "" {
		t.Error("the last call was carried out")
	}
}

func TestTooLargeAndBinaryMessagesClose(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	pad := strings.Repeat(" ", maxMessage-len(request(1, "terminal.info", `{}`)))
	till.send(request(1, "terminal.info", `{}`) + pad)
	if g := till.read(); g.Error != nil {
		t.Error("16 KiB are refused")
	}
	till.send(strings.Repeat(" ", 60*maxMessage))
	if code := till.closed(); code != websocket.CloseMessageTooBig {
		t.Errorf("closed with %d", code)
	}
	till = r.dial(token1)
	if err := till.c.WriteMessage(websocket.BinaryMessage,
		[]byte(request(1, "terminal.info", `{}`))); err != nil {
		t.Fatal(err)
	}
	if code := till.closed(); code != websocket.CloseUnsupportedData {
		t.Errorf("closed with %d", code)
	}
}

// A till that does not read is dropped alone; what it is owed comes again.
func TestSlowTillIsDropped(t *testing.T) {
	r := newRig(t)
	quick := r.dial(token2)
	quick.call("terminal.info", `{}`) // it is registered
	slow := r.dial(token1)
	p := slow.payment("payment.start", start("R0", 1))
	big := strings.Repeat("x", 8<<10)
	for began := time.Now(); r.connections("till-1") == 1; {
		r.payments.Change(p.ID, func(x *payment.Payment) { x.QRPayload = big })
		if time.Since(began) > patience {
			t.Fatal("the slow till is still connected")
		}
		quick.changed()
	}
	r.payments.Finish(p.ID, payment.StatusApproved)
	if n := testutil.ToFloat64(r.metrics.ends.WithLabelValues(string(EndSlow))); n != 1 {
		t.Errorf("%v slow ends counted", n)
	}
	again := r.dial(token1)
	if c := again.changed(); c.ID != p.ID || c.Status != "approved" {
		t.Errorf("%+v", c)
	}
	for quick.changed().Status != "approved" {
	}
}

func TestShutdownFlushesAndSaysGoingAway(t *testing.T) {
	r := newRig(t)
	one, two := r.dial(token1), r.dial(token2)
	two.call("terminal.info", `{}`)
	p := one.payment("payment.start", start("R0", 1))
	r.payments.HoldCancel(true)
	one.send(request(1, "payment.cancel", `{"reference":"R0"}`)) // never answered
	r.payments.Finish(p.ID, payment.StatusApproved)
	r.stop()
	for _, till := range []*peer{one, two} {
		if code := till.closed(); code != websocket.CloseGoingAway {
			t.Errorf("closed with %d", code)
		}
	}
	if n := r.payments.Attached(); n != 0 {
		t.Errorf("%d connections are still attached", n)
	}
	_, resp, err := (&websocket.Dialer{Subprotocols: []string{Subprotocol}}).Dial(r.url(),
		http.Header{"Authorization": {"Bearer " + token1}})
	if err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new connection after the end: %v", err)
	}
	if err := r.Run(context.Background()); err == nil {
		t.Error("Run runs twice")
	}
}

// TestShutdownWaitsForASlowTill: what is in the outbox when the agent stops is written before the
// connection is closed.
func TestShutdownWaitsForASlowTill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		payments := devicetest.New()
		defer payments.Close()
		s, err := New(testConfig(), payments, new(devicetest.Terminal),
			slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		p := newPipe()
		p.out = make(chan string) // a till that takes nothing until it is asked to
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan Ending, 1)
		go func() { ended <- newSession(s, s.cfg.Tills[0], p, sessionOptions{}).run(ctx) }()
		p.in <- request(1, "payment.start", start("R0", 1))
		id := parse(t, []byte(<-p.out)).resultID(t)
		synctest.Wait()
		payments.Finish(id, payment.StatusApproved)
		cancel()
		synctest.Wait()
		for approved := false; !approved; {
			select {
			case msg := <-p.out:
				approved = strings.Contains(msg, `"approved"`)
			case <-p.quit:
				t.Fatal("closed before the outcome was written")
			}
			synctest.Wait()
		}
		if why := <-ended; why != EndShutdown {
			t.Errorf("it ended by %s", why)
		}
	})
}

// pipeListener gives net.Pipe connections to a server, so that synctest sees every wait.
type pipeListener struct {
	conns chan net.Conn
	quit  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.quit:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error { l.once.Do(func() { close(l.quit) }); return nil }
func (l *pipeListener) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1),
		Port: 7654}
}

// timer is an alarm by the clock of synctest.
type timer struct{ *time.Timer }

func (t timer) Reset(d time.Duration) { t.Timer.Reset(d) }
func (t timer) Close()                { t.Stop() }

// Pings every 15 s keep an idle till connected; a till that stops answering is gone 45 s after it
// was last heard.
func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		payments := devicetest.New()
		s, err := New(testConfig(), payments, new(devicetest.Terminal),
			slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.newAlarm = func(ring func()) (alarm, error) {
			t := timer{time.AfterFunc(time.Hour, ring)}
			t.Stop()
			return t, nil
		}
		l := &pipeListener{conns: make(chan net.Conn), quit: make(chan struct{})}
		srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: s.Handler()}}
		srv.Start()
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- s.Run(ctx) }()

		d := websocket.Dialer{Subprotocols: []string{Subprotocol},
			NetDialContext: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				l.conns <- theirs
				return ours, nil
			}}
		c, _, err := d.Dial("ws://kiosk.example:7654"+Path,
			http.Header{"Authorization": {"Bearer " + token1}})
		if err != nil {
			t.Fatal(err)
		}
		began, pings := time.Now(), 0
		answer := c.PingHandler()
		c.SetPingHandler(func(data string) error {
			pings++
			if pings > 10 {
				return nil // silent from now on
			}
			return answer(data)
		})
		_, _, err = c.ReadMessage()
		heard := began.Add(150 * time.Second)
		var closed *websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != websocket.ClosePolicyViolation ||
			time.Since(heard) != 45*time.Second {
			t.Errorf("ended with %v, %v after the last pong", err, time.Since(heard))
		}
		c.Close()
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		srv.Close()
		payments.Close()
	})
}

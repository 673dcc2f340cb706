//go:build linux

package serial_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"kiosk-agent/device/jsonrpc"
	"kiosk-agent/device/serial"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/test/devicetest"
)

const (
	token    = "canary-token-of-till-2-9qX"
	patience = 10 * time.Second
)

// terminal is an agent with one till on a line, put together as cmd does it.
type terminal struct {
	payments *devicetest.Payments
	states   chan serial.State
	reg      *prometheus.Registry
}

func newTerminal(t *testing.T, device string) *terminal {
	t.Helper()
	v := &terminal{payments: devicetest.New(), states: make(chan serial.State, 1000),
		reg: prometheus.NewRegistry()}
	metrics, err := serial.NewMetrics(v.reg)
	if err != nil {
		t.Fatal(err)
	}
	server, err := jsonrpc.New(jsonrpc.Config{}, v.payments, new(devicetest.Terminal),
		slog.New(slog.DiscardHandler), v.reg)
	if err != nil {
		t.Fatal(err)
	}
	till := jsonrpc.Till{Name: "till-2", Token: secret.New([]byte(token))}
	cfg := serial.Config{Till: till.Name, Device: device, LockDir: t.TempDir(),
		RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond}
	link, err := serial.New(cfg, serial.Options{Metrics: metrics,
		OnState: func(s serial.State) { v.states <- s }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- link.Run(ctx, func(ctx context.Context, c serial.Conn) error {
			return server.ServeLine(ctx, till, c, c.Kind() == serial.TCPListen ||
				c.Kind() == serial.TCPConnect)
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		v.payments.Close()
	})
	return v
}

func (v *terminal) until(t *testing.T, what string, ok func(serial.State) bool) serial.State {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case s := <-v.states:
			if ok(s) {
				return s
			}
		case <-limit:
			t.Fatalf("not %s", what)
		}
	}
}

func open(s serial.State) bool { return s.Open }

// till is a till that speaks JSON-RPC over any stream.
type till struct {
	t  *testing.T
	rw io.ReadWriteCloser
	in *bufio.Reader
}

func newTill(t *testing.T, rw io.ReadWriteCloser) *till {
	t.Helper()
	if d, ok := rw.(interface{ SetDeadline(time.Time) error }); ok {
		if err := d.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { rw.Close() })
	return &till{t, rw, bufio.NewReader(rw)}
}

type message struct {
	ID     int
	Method string
	Params struct{ Payment outcome }
	Result outcome
	Error  *struct{ Message string }
}

type outcome struct {
	ID        string
	Reference string
	Status    string
	Final     bool
	Revision  int64
}

func (c *till) next() (m message) {
	c.t.Helper()
	line, err := c.in.ReadBytes('\n')
	if err != nil {
		c.t.Fatalf("%q, %v", line, err)
	}
	if err := json.Unmarshal(line, &m); err != nil {
		c.t.Fatalf("%q: %v", line, err)
	}
	return m
}

func (c *till) call(method string, params string) message {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.rw, `{"jsonrpc":"2.0","id":7,"method":%q,"params":%s}`+"\n", method,
		params); err != nil {
		c.t.Fatal(err)
	}
	for {
		if m := c.next(); m.Method == "" {
			if m.ID != 7 || m.Error != nil {
				c.t.Fatalf("%s: %+v", method, m)
			}
			return m
		}
	}
}

// outcome waits for the final status of a payment.
func (c *till) outcome(id string) outcome {
	c.t.Helper()
	for {
		if m := c.next(); m.Method == "payment.changed" && m.Params.Payment.ID == id &&
			m.Params.Payment.Final {
			return m.Params.Payment
		}
	}
}

func (c *till) sale(v *terminal, reference string) {
	c.t.Helper()
	id := c.call("payment.start", fmt.Sprintf(`{"reference":%q,"amount":1023}`,
		reference)).Result.ID
	v.payments.Finish(id, payment.StatusApproved)
	o := c.outcome(id)
	if o.Status != "approved" {
		c.t.Fatalf("%+v", o)
	}
	c.call("payment.acknowledge", fmt.Sprintf(`{"id":%q,"revision":%d}`, id, o.Revision))
	if !v.payments.Payment(id).Acknowledged {
		c.t.Error("not acknowledged")
	}
}

// A sale over a serial line; then the adapter is pulled in the middle of the next, comes back under
// another number, and the till hears the outcome that it is owed.
func TestJSONRPCOverSerial(t *testing.T) {
	name := filepath.Join(t.TempDir(), "kiosk-till")
	plug := func() (master, slave *os.File) {
		t.Helper()
		master, slave, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { slave.Close() })
		if err := os.Symlink(slave.Name(), name+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
		return master, slave
	}
	master, slave := plug()
	v := newTerminal(t, name)
	v.until(t, "open", open)
	c := newTill(t, master)
	c.call("terminal.info", `{}`)
	c.sale(v, "R1")

	id := c.call("payment.start", `{"reference":"R2","amount":500}`).Result.ID
	master.Close()
	slave.Close()
	v.until(t, "broken", func(s serial.State) bool { return !s.Open && s.LastError != "" })
	v.payments.Finish(id, payment.StatusApproved) // while nobody can hear it
	master, slave = plug()
	if s := v.until(t, "open again", open); s.Name != slave.Name() {
		t.Errorf("open is %s, want %s", s.Name, slave.Name())
	}
	c = newTill(t, master)
	c.call("terminal.info", `{}`)
	if o := c.outcome(id); o.Reference != "R2" || o.Status != "approved" {
		t.Errorf("%+v", o)
	}
}

// refusals is how many connections were counted as refused for this reason.
func (v *terminal) refusals(t *testing.T, reason string) float64 {
	t.Helper()
	families, err := v.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "kiosk_line_refused_total" &&
				strings.Contains(m.String(), `"`+reason+`"`) {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// closed reads a connection to its end, and waits until the terminal knows that it is over.
func (v *terminal) closed(c *till) string {
	c.t.Helper()
	b, err := io.ReadAll(c.in)
	if err != nil && len(b) == 0 && !strings.Contains(err.Error(), "reset") {
		c.t.Fatal(err)
	}
	c.rw.Close()
	v.until(c.t, "closed", func(s serial.State) bool { return !s.Open })
	return string(b)
}

// The same over TCP with the token; a stranger with the wrong one is closed and counted, and so is
// a web page.
func TestJSONRPCOverTCP(t *testing.T) {
	v := newTerminal(t, "tcp-listen:127.0.0.1:0")
	address := v.until(t, "listening", func(s serial.State) bool { return s.Listening }).Name
	dial := func() *till {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return newTill(t, c)
	}
	stranger := dial()
	fmt.Fprint(stranger.rw,
		`{"jsonrpc":"2.0","id":1,"method":"terminal.authenticate","params":{"token":"guess"}}`+"\n"+
			`{"jsonrpc":"2.0","id":2,"method":"payment.start",`+
			`"params":{"reference":"R","amount":1}}`+
			"\n")
	if said := v.closed(stranger); strings.Count(said, "\n") != 1 ||
		!strings.Contains(said, "unauthenticated") {
		t.Errorf("a stranger is told %q", said)
	}
	noise := dial()
	fmt.Fprint(noise.rw, "hello\n")
	v.closed(noise)
	page := dial()
	fmt.Fprint(page.rw, "POST / HTTP/1.1\r\nHost: x\r\n\r\n"+
		`{"jsonrpc":"2.0","id":1,"method":"payment.last"}`+"\n")
	if b, _ := io.ReadAll(page.in); len(b) != 0 {
		t.Errorf("a web page is told %q", b)
	}
	for _, reason := range []string{"token", "malformed", "http"} {
		if n := v.refusals(t, reason); n != 1 {
			t.Errorf("%s is counted %v times", reason, n)
		}
	}
	if calls := v.payments.Calls(); len(calls) != 0 {
		t.Fatalf("carried out: %v", calls)
	}
	c := dial()
	c.call("terminal.authenticate", `{"token":"`+token+`"}`)
	c.call("terminal.info", `{}`)
	c.sale(v, "R1")
	if n, err := testutil.GatherAndCount(v.reg, "kiosk_till_connections"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}

package foreign_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/app/displayclient"
	"kiosk-agent/internal/app/tillclient"
	"kiosk-agent/internal/secret"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/foreign"
	"kiosk-agent/test/programs"
)

// patience is how long a test waits for something that must happen. The machine may be busy: it is
// a bound, not an expectation.
const patience = 45 * time.Second

// options of a rig. The zero value is a line over TCP with the dialect as it is shipped.
type options struct {
	serial  bool   // a pair of pseudo-terminals
	timers  string // further lines of a dialect on the kind's: its timers
	policy  string // further lines of [payment]
	quietly bool   // no details are logged
}

// rig is a whole house with a line, and a foreign till at its other end: agent, relay and journal
// are the real ones, the gateway is the simulated one.
type rig struct {
	t     testing.TB
	h     *demo.House
	dir   string
	dial  foreign.Dial
	log   *journalOfLogs
	begun chan string        // each payment once it is shown
	ws    *tillclient.Client // another till of the house
}

// journalOfLogs is what the programs logged.
type journalOfLogs struct {
	mu   sync.Mutex
	text []byte
}

func (l *journalOfLogs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if len(l.text) > 1<<17 { // the end of it is what is printed
		l.text = append(make([]byte, 0, 1<<18), l.text[len(l.text)-1<<16:]...)
	}
	return len(p), nil
}

// newRig runs a house until the test ends, and waits until it takes sales.
func newRig(t testing.TB, k foreign.Kind, o options) *rig {
	t.Helper()
	r := &rig{t: t, log: &journalOfLogs{}, begun: make(chan string, 256)}
	var err error
	if r.dir, err = os.MkdirTemp("", "foreign-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(r.dir) })
	level := slog.LevelDebug
	if o.quietly {
		level = slog.LevelInfo
	}
	h, err := demo.Open(t.Context(), demo.Options{
		Dir: r.dir, Version: "test", MerchantName: "Kopi & Toast", Settle: time.Second,
		Query: true, Extra: r.layLine(k, o), Policy: policy(o.policy),
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.h = h
	r.run()
	r.showScreen()
	r.ready()
	return r
}

// policy is what the house says of payments: the shortest times that there may be.
func policy(more string) string {
	return "timeout = \"30s\"\nanswer_within = \"12s\"\nafter_declined = \"finish\"\n" + more
}

// layLine makes the line, and returns what the agent's configuration says of it.
func (r *rig) layLine(k foreign.Kind, o options) string {
	r.t.Helper()
	dialect := k.Dialect
	if o.timers != "" {
		dialect = filepath.Join(r.dir, "quick.toml")
		text := fmt.Sprintf("base = %q\nname = \"quick\"\n[timers]\n%s", k.Dialect, o.timers)
		if err := os.WriteFile(dialect, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	var where string
	if o.serial {
		where = r.layCable()
	} else {
		address := programs.FreeAddr(r.t)
		where = "tcp-listen:" + address
		r.dial = func() (io.ReadWriteCloser, error) {
			return net.DialTimeout("tcp", address, patience)
		}
	}
	return fmt.Sprintf("[[till.serial]]\nname = \"line-1\"\ndevice = %q\ndialect = %q\n", where,
		dialect)
}

func (r *rig) layCable() (agentsEnd string) {
	r.t.Helper()
	cable, err := demo.LayCable()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = cable.Close() })
	end := filepath.Join(r.dir, "kiosk-till")
	if err := os.Symlink(cable.Agent, end); err != nil {
		r.t.Fatal(err)
	}
	r.dial = func() (io.ReadWriteCloser, error) { return openRaw(cable.Till) }
	return end
}

// run runs the house until the test ends.
func (r *rig) run() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.h.Run(ctx) }()
	r.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			r.t.Errorf("the house ended with %v", err)
		}
		if r.t.Failed() {
			r.log.mu.Lock()
			defer r.log.mu.Unlock()
			r.t.Logf("end of the log:\n%s", r.log.text[max(0, len(r.log.text)-6000):])
		}
	})
}

// saw passes on each payment whose code is shown, once.
func (r *rig) saw() func(displayclient.Screen) {
	shown := map[string]bool{}
	return func(s displayclient.Screen) {
		if s.Kind == "pay" && !shown[s.Payment] {
			shown[s.Payment] = true
			r.begun <- s.Payment
		}
	}
}

func (r *rig) showScreen() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- displayclient.Run(ctx, r.h.Agent.DisplayURL(), r.h.Agent.DisplayToken(),
			displayclient.Options{Seen: r.saw()})
	}()
	r.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
}

// ready connects another till, and waits until the terminal takes sales.
func (r *rig) ready() {
	r.t.Helper()
	r.ws = r.dialTill(r.h.TillToken)
	r.eventually("the terminal is ready", func() error {
		var st struct {
			Ready   bool
			Reasons []payment.Reason
		}
		if err := r.ws.Call(r.soon(), "terminal.status", nil, &st); err != nil {
			return err
		}
		if !st.Ready {
			return fmt.Errorf("%v", st.Reasons)
		}
		return nil
	})
}

func (r *rig) dialTill(token secret.Value) (c *tillclient.Client) {
	r.t.Helper()
	r.eventually("the agent answers tills", func() (err error) {
		c, err = tillclient.Dial(context.Background(), r.h.Agent.TillURL(), token)
		return err
	})
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (r *rig) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r.t.Cleanup(cancel)
	return ctx
}

func (r *rig) eventually(what string, check func() error) {
	r.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			r.t.Fatalf("%s: %v", what, err)
		}
	}
}

// happens waits for what must happen.
func happens[T any](r *rig, what string, c <-chan T) (v T) {
	r.t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		r.t.Fatalf("it does not happen: %s", what)
	}
	return v
}

// till is a foreign till on the line.
func (r *rig) till(k foreign.Kind, h foreign.Habits) *foreign.Till {
	till := foreign.New(k, h, r.dial)
	r.t.Cleanup(till.Close)
	return till
}

// selling is a sale that runs.
type selling chan foreign.Sale

func sells(till *foreign.Till, o foreign.Order) selling {
	done := make(selling, 1)
	go func() { done <- till.Sell(o) }()
	return done
}

// end is what the till believes at the end.
func (r *rig) end(s selling) foreign.Sale {
	r.t.Helper()
	select {
	case sale := <-s:
		return sale
	case <-time.After(2 * patience):
		r.t.Fatal("the sale does not end")
	}
	return foreign.Sale{}
}

// shown waits for the next payment's code on the display: the sale's, when one is named.
func (r *rig) shown(of ...selling) payment.Payment {
	r.t.Helper()
	var ended selling
	if len(of) > 0 {
		ended = of[0]
	}
	select {
	case id := <-r.begun:
		return r.whole(id)
	case s := <-ended:
		r.t.Fatalf("the sale ended without a code: %v", s)
	case <-time.After(patience):
		r.t.Fatal("no code is shown")
	}
	return payment.Payment{}
}

// whole is a payment with its code, which only its owner is told.
func (r *rig) whole(id string) (p payment.Payment) {
	r.t.Helper()
	r.reads(func(j *offline.Reader) (err error) {
		p, _, err = j.Payment(id)
		return err
	})
	return p
}

// scanned is what a customer's phone knows of a payment.
func scanned(p payment.Payment) device.Payment {
	return device.Payment{MerchantRef: p.MerchantRef, QRPayload: p.QRPayload,
		Amount: p.Money.Amount}
}

func (r *rig) pays(p payment.Payment) {
	r.t.Helper()
	_, err := r.h.Gateway.Scan(context.Background(), scanned(p))
	if err == nil {
		_, err = r.h.Sandbox().Act(p.MerchantRef, sandbox.Action{Do: sandbox.Pay})
	}
	if err != nil {
		r.t.Fatalf("the customer of %s: %v", p.MerchantRef, err)
	}
}

func (r *rig) isDeclined(p payment.Payment) {
	r.t.Helper()
	_, err := r.h.Gateway.Scan(context.Background(), scanned(p))
	if err == nil {
		err = r.h.Gateway.Fail(context.Background(), scanned(p))
	}
	if err != nil {
		r.t.Fatalf("the customer of %s: %v", p.MerchantRef, err)
	}
}

// Package devicetest has stand-ins for the engine behind the till API: a device.Payments that keeps
// its payments in memory and is moved by the test, and a device.Terminal that says what it is told
// to.
//
// It keeps the contract's order (replies and changes come from one goroutine, in order) and the
// rules that a till can see (one active payment, references per till, owed outcomes until
// acknowledged). It decides nothing about evidence: tests say how a payment ends. It is for tests
// only, is safe for concurrent use, and nothing survives the process.
package devicetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// Payments is a device.Payments in memory. New makes it; Close ends its goroutine.
type Payments struct {
	// bounded; a full one makes callers wait, which only a test that forgot to read can cause
	ops  chan func()
	quit chan struct{}
	done chan struct{}
	once sync.Once

	// The rest belongs to the goroutine.
	all       []*payment.Payment // oldest first
	acked     map[string]int64
	watchers  []*watcher
	cancelled map[string][]func(payment.Payment, error)
	hold      bool
	failures  map[string]error
	calls     []string
}

type watcher struct {
	till     string
	changed  func(payment.Payment)
	terminal func()
}

// New starts an empty Payments.
func New() *Payments {
	p := &Payments{
		ops: make(chan func(), 4096), quit: make(chan struct{}), done: make(chan struct{}),
		acked:     make(map[string]int64),
		cancelled: make(map[string][]func(payment.Payment, error)),
		failures:  make(map[string]error),
	}
	go p.loop()
	return p
}

// Close ends the goroutine; calls after it are not answered.
func (p *Payments) Close() {
	p.once.Do(func() { close(p.quit) })
	<-p.done
}

func (p *Payments) loop() {
	defer close(p.done)
	for {
		select {
		case <-p.quit:
			return
		case op := <-p.ops:
			op()
		}
	}
}

func (p *Payments) do(op func()) {
	select {
	case p.ops <- op:
	case <-p.quit:
	}
}

// sync runs op in its turn and waits for it.
func (p *Payments) sync(op func()) {
	ran := make(chan struct{})
	p.do(func() { defer close(ran); op() })
	select {
	case <-ran:
	case <-p.done:
	}
}

// Fail makes every later call of this method ("start", "cancel", "get", "last", "list",
// "acknowledge", "shown") fail; nil ends that.
func (p *Payments) Fail(method string, err error) {
	p.sync(func() { p.failures[method] = err })
}

// HoldCancel makes cancels wait until the test calls Finish, as the evidence rule makes them wait
// for the gateway.
func (p *Payments) HoldCancel(hold bool) { p.sync(func() { p.hold = hold }) }

// Calls are the calls so far, in order, such as "start till-1 R1".
func (p *Payments) Calls() (calls []string) {
	p.sync(func() { calls = slices.Clone(p.calls) })
	return calls
}

// Attached is the number of connections that are attached.
func (p *Payments) Attached() (n int) {
	p.sync(func() { n = len(p.watchers) })
	return n
}

// Payment is the payment with this id; zero when there is none.
func (p *Payments) Payment(id string) (out payment.Payment) {
	p.sync(func() {
		if x := p.byID(id); x != nil {
			out = p.copy(x)
		}
	})
	return out
}

// Finish gives a payment its final status (or corrects it), tells everybody, and answers held
// cancels.
func (p *Payments) Finish(id string, status payment.Status, flags ...payment.Flag) {
	p.Change(id, func(x *payment.Payment) {
		x.Status, x.Final, x.Flags, x.QRPayload = status, status.Final(), flags, ""
		if status == payment.StatusApproved {
			x.ProviderRef, x.Scheme, x.ResponseCode, x.PaidAt = "T"+x.ID, "PAYNOW", "00",
				x.CreatedAt.Add(time.Minute)
		}
	})
}

// Change changes a payment, makes a new revision of it and tells everybody.
func (p *Payments) Change(id string, change func(*payment.Payment)) {
	p.sync(func() {
		if x := p.byID(id); x != nil {
			p.change(x, change)
		}
	})
}

// ReadinessChanged tells every connection that the readiness changed.
func (p *Payments) ReadinessChanged() {
	p.sync(func() {
		for _, w := range p.watchers {
			w.terminal()
		}
	})
}

func (p *Payments) change(x *payment.Payment, change func(*payment.Payment)) {
	change(x)
	x.Revision++
	if x.Final {
		for _, reply := range p.cancelled[x.ID] {
			reply(p.copy(x), nil)
		}
		delete(p.cancelled, x.ID)
	}
	p.tell(x)
}

func (p *Payments) tell(x *payment.Payment) {
	for _, w := range slices.Clone(p.watchers) {
		w.changed(p.copy(x))
	}
}

func (p *Payments) copy(x *payment.Payment) payment.Payment {
	c := *x
	c.Flags, c.Attempts = slices.Clone(c.Flags), slices.Clone(c.Attempts)
	c.Acknowledged = c.Final && p.acked[c.ID] == c.Revision
	c.Owed = c.Final && !c.Acknowledged
	return c
}

func (p *Payments) byID(id string) *payment.Payment {
	for _, x := range p.all {
		if x.ID == id {
			return x
		}
	}
	return nil
}

// find is the till's own payment, or the refusal.
func (p *Payments) find(op, till string, key payment.Key) (*payment.Payment, error) {
	for _, x := range slices.Backward(p.all) {
		switch {
		case key.ID != "" && x.ID == key.ID && x.Till != till && op != "get":
			return nil, refuse(op, payment.CodeNotOwner, p.copy(x))
		case x.Till == till && (key.ID != "" && x.ID == key.ID || key.ID == "" &&
			x.Reference == key.Reference):
			return x, nil
		}
	}
	return nil, &payment.Error{Code: payment.CodeNotFound, Op: op}
}

func refuse(op string, code payment.Code, about payment.Payment) error {
	return &payment.Error{Code: code, Op: op, Message: strings.ReplaceAll(string(code), "_", " "),
		Payment: &about}
}

// called notes a call and returns the failure that the test asked for.
func (p *Payments) called(method, till, what string) error {
	p.calls = append(p.calls, strings.TrimSpace(method+" "+till+" "+what))
	return p.failures[method]
}

var _ device.Payments = (*Payments)(nil)

// epoch is when the first payment was made; each further one a second later.
var epoch = time.Date(2026, 11, 5, 9, 30, 0, 0, time.UTC)

func (p *Payments) create(till string, r payment.Request) *payment.Payment {
	n := len(p.all)
	if r.Timeout == 0 {
		r.Timeout = 3 * time.Minute
	}
	at := epoch.Add(time.Duration(n) * time.Second)
	x := &payment.Payment{
		ID: fmt.Sprintf("01JBXV%020d", n+1), Till: till, Reference: r.Reference, Money: r.Money,
		Status: payment.StatusAwaiting, Revision: 2, Provider: "axs", CreatedAt: at,
		DeadlineAt: at.Add(r.Timeout), LastSeq: int64(n + 1), Description: r.Description,
		Schemes: r.Schemes,
	}
	x.MerchantRef = "K001TEST-" + x.ID
	x.QRPayload = "https://checkout.example/hpp/checkout/demo?payload=" + x.ID
	p.all = append(p.all, x)
	return x
}

package agent

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// noJournal is the core of an agent whose journal cannot be opened: nothing can be started, and
// nothing is known of what was. It keeps nothing but how many connections each till has.
type noJournal struct {
	reasons []payment.Reason // the journal's among them
	canvas  canvas

	mu       sync.Mutex
	attached map[string]int
}

// refuse is the answer to everything.
func (n *noJournal) refuse(op string) *payment.Error {
	r := n.reasons[0]
	if i := slices.IndexFunc(n.reasons,
		func(r payment.Reason) bool { return r.Is(payment.NotReadyJournal) }); i >= 0 {
		r = n.reasons[i]
	}
	return &payment.Error{
		Code: payment.CodeJournalUnavailable, Op: op,
		Message: "the journal cannot be opened, nothing was started: " + r.Message,
		Hint:    r.Hint, Retryable: true, Reasons: n.reasons,
	}
}

// Run keeps the screen out of service until ctx ends.
func (n *noJournal) Run(ctx context.Context) error {
	n.canvas.Show(engine.View{Kind: payment.ScreenOutOfService, Reason: n.reasons[0].Code})
	<-ctx.Done()
	return nil
}

func (n *noJournal) Inspect(context.Context) (engine.Snapshot, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return engine.Snapshot{Reasons: n.reasons, CanaryAge: -1, Attached: maps.Clone(n.attached),
		Clock: engine.Clockwork{Plausible: true}}, nil
}

func (n *noJournal) Start(_ string, _ payment.Request, reply func(payment.Payment, error)) {
	reply(payment.Payment{}, n.refuse("start"))
}

func (n *noJournal) Cancel(_ string, _ payment.Key, reply func(payment.Payment, error)) {
	reply(payment.Payment{}, n.refuse("cancel"))
}

func (n *noJournal) Get(_ string, _ payment.Key, reply func(payment.Payment, error)) {
	reply(payment.Payment{}, n.refuse("get"))
}

func (n *noJournal) Last(_ string, reply func(payment.Payment, error)) {
	reply(payment.Payment{}, n.refuse("last"))
}

func (n *noJournal) List(_ string, _ payment.ListQuery, reply func(payment.Page, error)) {
	reply(payment.Page{}, n.refuse("list"))
}

func (n *noJournal) Browse(_ string, _ payment.ListQuery, reply func(payment.Page, error)) {
	reply(payment.Page{}, n.refuse("list"))
}

func (n *noJournal) Acknowledge(_, _ string, _ int64, reply func(error)) {
	reply(n.refuse("acknowledge"))
}
func (n *noJournal) Shown(_, _ string, reply func(error)) { reply(n.refuse("shown")) }
func (n *noJournal) Offer(_, _ string, _ int64, _ []byte, reply func(error)) {
	reply(n.refuse("offer"))
}
func (n *noJournal) Supersede(_ string, _ payment.Key, reply func(error)) {
	reply(n.refuse("supersede"))
}
func (n *noJournal) Sold(_ string, _, _ time.Time, reply func(payment.Sold, error)) {
	reply(payment.Sold{}, n.refuse("sold"))
}
func (n *noJournal) Resolve(context.Context, engine.Resolving) (payment.Resolved, error) {
	return payment.Resolved{}, n.refuse("resolve")
}
func (n *noJournal) Claim(context.Context, string, payment.Claimed) error {
	return n.refuse("claim")
}
func (n *noJournal) Confirm(context.Context, string, string) ([]string, error) {
	return nil, n.refuse("confirm")
}
func (n *noJournal) Recover(context.Context, string, string) error { return n.refuse("recover") }
func (n *noJournal) Gap(context.Context, string) error             { return n.refuse("gap") }
func (n *noJournal) CheckAnchor(context.Context, payment.Head) error {
	return n.refuse("check the anchor")
}

func (n *noJournal) Resume(context.Context) (payment.Position, error) {
	return payment.Position{}, n.refuse("resume")
}

func (n *noJournal) Deliver(context.Context, payment.Envelope, payment.Position, bool) error {
	return n.refuse("deliver")
}

// Attach counts a connection: nothing changes that it could be told of.
func (n *noJournal) Attach(till string, _ func(payment.Payment), _ func()) (detach func()) {
	n.count(till, 1)
	return sync.OnceFunc(func() { n.count(till, -1) })
}

func (n *noJournal) count(till string, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attached[till] += by
}

func (n *noJournal) Watch(func(payment.Payment), func()) (detach func()) { return func() {} }

// Post is told of the display, whose state the status reads by itself.
func (n *noJournal) Post(engine.Event) {}

package devicetest

import (
	"context"
	"slices"
	"sync"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// maxOwed is how many owed outcomes a new connection is sent.
const maxOwed = 50

// Start begins a payment that awaits its customer at once, unless another one does.
func (p *Payments) Start(till string, r payment.Request, reply func(payment.Payment, error)) {
	p.do(func() {
		x, fresh, err := p.start(till, r)
		if err != nil {
			reply(payment.Payment{}, err)
			return
		}
		reply(p.copy(x), nil)
		if fresh {
			p.tell(x)
		}
	})
}

func (p *Payments) start(till string, r payment.Request) (x *payment.Payment, fresh bool,
	err error) {
	if err := p.called("start", till, r.Reference); err != nil {
		return nil, false, err
	}
	if r.Reference == "" || len(r.Reference) > 40 {
		return nil, false, &payment.Error{Code: payment.CodeReferenceInvalid, Op: "start"}
	}
	if r.Money.Amount <= 0 || r.Money.Currency != payment.SGD {
		return nil, false, &payment.Error{Code: payment.CodeAmountInvalid, Op: "start"}
	}
	if old, err := p.find("get", till, payment.Key{Reference: r.Reference}); err == nil {
		switch c := p.copy(old); {
		case c.Money != r.Money:
			return nil, false, refuse("start", payment.CodeReferenceConflict, c)
		case c.Acknowledged:
			return nil, false, refuse("start", payment.CodeReferenceReused, c)
		}
		return old, false, nil
	}
	for _, other := range p.all {
		if !other.Final {
			return nil, false, &payment.Error{Code: payment.CodeBusy, Op: "start", Retryable: true,
				Payment: new(p.copy(other))}
		}
	}
	return p.create(till, r), true, nil
}

// Cancel withdraws the code and makes the payment cancelled, at once or, after HoldCancel, when the
// test says how it ends.
func (p *Payments) Cancel(till string, key payment.Key, reply func(payment.Payment, error)) {
	p.do(func() {
		err := p.called("cancel", till, key.ID+key.Reference)
		var x *payment.Payment
		if err == nil {
			x, err = p.find("cancel", till, key)
		}
		if err == nil && x.Final {
			err = refuse("cancel", payment.CodeNotCancellable, p.copy(x))
		}
		if err != nil {
			reply(payment.Payment{}, err)
			return
		}
		p.cancelled[x.ID] = append(p.cancelled[x.ID], reply)
		p.change(x, func(x *payment.Payment) {
			x.QRPayload = ""
			if !p.hold {
				x.Status, x.Final = payment.StatusCancelled, true
				x.Reason = &payment.Reason{Code: "cancelled",
					Message: "cancelled before a payment was seen"}
			}
		})
	})
}

// Get answers one of the till's payments.
func (p *Payments) Get(till string, key payment.Key, reply func(payment.Payment, error)) {
	p.do(func() {
		err := p.called("get", till, key.ID+key.Reference)
		var x *payment.Payment
		if err == nil {
			x, err = p.find("get", till, key)
		}
		if err != nil {
			reply(payment.Payment{}, err)
			return
		}
		reply(p.copy(x), nil)
	})
}

// Last answers the till's newest payment.
func (p *Payments) Last(till string, reply func(payment.Payment, error)) {
	p.do(func() {
		err := p.called("last", till, "")
		for _, x := range slices.Backward(p.all) {
			if x.Till == till && err == nil {
				reply(p.copy(x), nil)
				return
			}
		}
		if err == nil {
			err = &payment.Error{Code: payment.CodeNotFound, Op: "last"}
		}
		reply(payment.Payment{}, err)
	})
}

// Browse is List.
func (p *Payments) Browse(till string, q payment.ListQuery, reply func(payment.Page, error)) {
	p.List(till, q, reply)
}

// List answers a page, newest first.
func (p *Payments) List(till string, q payment.ListQuery, reply func(payment.Page, error)) {
	p.do(func() {
		if err := p.called("list", till, ""); err != nil {
			reply(payment.Page{}, err)
			return
		}
		var page payment.Page
		for i, x := range slices.Backward(p.all) {
			c := p.copy(x)
			if x.Till != till || x.CreatedAt.Before(q.Since) || q.Unacknowledged && !c.Owed ||
				q.Before > 0 && int64(i+1) >= q.Before {
				continue
			}
			if len(page.Payments) == q.Limit {
				page.Next = page.Payments[len(page.Payments)-1].LastSeq
				break
			}
			page.Payments = append(page.Payments, c)
		}
		reply(page, nil)
	})
}

// Acknowledge books the till's receipt.
func (p *Payments) Acknowledge(till, id string, revision int64, reply func(error)) {
	p.do(func() {
		err := p.called("acknowledge", till, id)
		var x *payment.Payment
		if err == nil {
			x, err = p.find("acknowledge", till, payment.Key{ID: id})
		}
		if err == nil && (!x.Final || revision > x.Revision || revision < 1) {
			err = &payment.Error{Code: payment.CodeInvalid, Op: "acknowledge",
				Message: "revision is not one of a final outcome"}
		}
		if err == nil {
			p.acked[id] = max(p.acked[id], revision)
		}
		reply(err)
	})
}

// Shown notes that the till shows the code.
func (p *Payments) Shown(till, id string, reply func(error)) {
	p.do(func() {
		err := p.called("shown", till, id)
		if err == nil {
			_, err = p.find("shown", till, payment.Key{ID: id})
		}
		reply(err)
	})
}

// Attach registers a connection and sends the till's owed outcomes.
func (p *Payments) Attach(till string, changed func(payment.Payment),
	terminal func()) (detach func()) {
	w := &watcher{till: till, changed: changed, terminal: terminal}
	p.do(func() {
		p.watchers = append(p.watchers, w)
		sent := 0
		for _, x := range p.all {
			if c := p.copy(x); c.Till == till && c.Owed && sent < maxOwed {
				changed(c)
				sent++
			}
		}
	})
	return func() {
		p.do(func() {
			p.watchers = slices.DeleteFunc(p.watchers,
				func(x *watcher) bool { return x == w })
		})
	}
}

// Terminal is a device.Terminal that says what it is told to. The zero Terminal is a ready terminal
// K001.
type Terminal struct {
	mu     sync.Mutex
	status device.Status
	err    error
	set    bool
}

var _ device.Terminal = (*Terminal)(nil)

// Set makes Status answer this from now on.
func (t *Terminal) Set(s device.Status, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status, t.err, t.set = s, err, true
}

// Info describes a terminal with every scheme.
func (t *Terminal) Info(till string) device.Info {
	return device.Info{
		TerminalID: "K001", Till: till, Version: "test", Protocol: device.Protocol,
		Currency: payment.SGD, AmountLimits: device.AmountLimits{Min: 1, Max: 999_999_900},
		Provider: "axs", Mode: "link", AnswerWithin: 25,
	}
}

// Status answers what Set was given, or that the terminal is ready.
func (t *Terminal) Status(context.Context, string) (device.Status, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set {
		return t.status, t.err
	}
	return device.Status{
		Ready: true, Relay: device.RelayStatus{Connected: true, Host: "relay.example"},
		Display: device.DisplayStatus{Connected: true, Showing: "idle"},
		Journal: device.JournalStatus{Writable: true, FreeBytes: 1 << 30},
		Clock:   device.ClockStatus{Plausible: true},
	}, nil
}

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/tillclient"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// counter is a JSON-RPC till at which one customer follows the other. It comes back whenever the
// agent does, and its book outlives everything: it is what the judge compares.
type counter struct {
	name, url string
	token     secret.Value
	public    *public
	bank      *bank
	rng       *rand.Rand      // of the customers
	crashes   *rand.Rand      // of the till itself
	guests    *errgroup.Group // customers, some of whom outlast their sale
	gone      *missing        // sales that the agent knows no more

	mu     sync.Mutex
	client *tillclient.Client
	book   map[string]*belief // by the payment's id
	asked  map[string]int64   // reference → cents
	wrong  []string           // what the agent must never say
	news   chan struct{}      // closed and replaced at each change of the above
}

// belief is what a till has in its book about one payment.
type belief struct {
	device.Payment       // the newest outcome that was heard
	acked          int64 // the revision that the agent has confirmed as acknowledged
	// an older journal took the place of the one that this was heard from: what the agent says
	// next may be another revision; shaken until it does
	shaken, restored bool
}

func newCounter(name, url string, token secret.Value, p *public, b *bank, gone *missing,
	seed uint64) *counter {
	return &counter{
		name: name, url: url, token: token, public: p, bank: b, gone: gone,
		rng:     rand.New(rand.NewPCG(seed, uint64(name[len(name)-1]))),
		crashes: rand.New(rand.NewPCG(seed+1, uint64(name[len(name)-1]))),
		guests:  new(errgroup.Group), book: map[string]*belief{}, asked: map[string]int64{},
		news: make(chan struct{}),
	}
}

// change does f and wakes whoever waits. It is the only way to the fields under mu.
func (x *counter) change(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
	close(x.news)
	x.news = make(chan struct{})
}

// until waits until ready has what it wants; it is asked at each change.
func (x *counter) until(ctx context.Context, what string, ready func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, tortureStuck,
		fmt.Errorf("%s: waiting for %s for %s", x.name, what, tortureStuck))
	defer cancel()
	for {
		x.mu.Lock()
		ok, news := ready(), x.news
		x.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// run keeps the till connected until ctx ends.
func (x *counter) run(ctx context.Context) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil {
		c, err := tillclient.Dial(ctx, x.url, x.token)
		if err != nil {
			select {
			case <-again.C:
			case <-ctx.Done():
			}
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		x.change(func() { x.client = c })
		acks := make(chan struct{})
		go func() { defer close(acks); x.acknowledge(ctx, c) }()
		for p := range c.Changes() {
			if p.Final && x.crashes.IntN(30) == 0 {
				break // the till crashes before it has stored the outcome
			}
			x.hear(p)
		}
		_ = c.Close()
		x.change(func() { x.client = nil })
		stop()
		<-acks
	}
}

// hear writes an outcome into the book.
func (x *counter) hear(p device.Payment) {
	if p.Till != x.name || !p.Final {
		return
	}
	x.change(func() {
		b := x.book[p.ID]
		switch {
		case x.asked[p.Reference] == 0:
			x.wrong = append(x.wrong, fmt.Sprintf("%s was told of %s %s, which it never asked for",
				x.name, p.ID, p.Reference))
		case x.asked[p.Reference] != p.Amount:
			x.wrong = append(x.wrong, fmt.Sprintf("%s asked for %d and was told of %d: %s", x.name,
				x.asked[p.Reference], p.Amount, p.ID))
		case b == nil:
			x.book[p.ID] = &belief{Payment: p}
		case b.shaken:
			b.Payment, b.acked, b.shaken = p, 0, false
		case p.Revision < b.Revision:
		case p.Revision == b.Revision && (p.Status != b.Status || !slices.Equal(p.Flags, b.Flags)):
			x.wrong = append(x.wrong, fmt.Sprintf("%s heard revision %d of %s as %s and as %s",
				x.name, p.Revision, p.ID, b.Status, p.Status))
		case b.Status == payment.StatusApproved && p.Status != payment.StatusApproved:
			x.wrong = append(x.wrong, fmt.Sprintf("%s: %s was approved and is %s", x.name, p.ID,
				p.Status))
		default: // what is told again is acknowledged again
			b.Payment, b.acked = p, min(b.acked, p.Revision-1)
		}
	})
}

// lose tells the till that an older journal is put in place, once it has heard all that the agent
// said before.
func (x *counter) lose(ctx context.Context) error {
	if err := x.until(ctx, "the connection's end",
		func() bool { return x.client == nil }); err != nil {
		return err
	}
	x.change(func() {
		for _, b := range x.book {
			b.shaken, b.restored = true, true
		}
	})
	return nil
}

// acknowledge tells the agent what is in the book, over one connection.
func (x *counter) acknowledge(ctx context.Context, c *tillclient.Client) {
	for {
		var due *belief
		gone := false
		err := x.until(ctx, "something to acknowledge", func() bool {
			gone = x.client != c
			due = nil
			for _, b := range x.book {
				if b.acked < b.Revision && !b.shaken && !x.gone.has(b.ID) {
					due = &belief{Payment: b.Payment}
				}
			}
			return gone || due != nil
		})
		switch {
		case gone || ctx.Err() != nil:
			return
		case err != nil: // nothing for a long time
			continue
		}
		err = c.Call(ctx, "payment.acknowledge", object{"id": due.ID, "revision": due.Revision},
			nil)
		if e, refused := errors.AsType[*tillclient.Error](err); refused &&
			e.Data.Kind != "journal_unavailable" {
			allowed := false
			x.change(func() {
				// it may be of the journal that was replaced
				b := x.book[due.ID]
				if allowed, b.shaken = b.restored, b.restored; !allowed {
					x.wrong = append(x.wrong,
						fmt.Sprintf("%s may not acknowledge %s: %v", x.name, due.ID, e))
				}
			})
			if allowed {
				continue
			}
			return
		}
		if err != nil {
			return // the connection is gone; the next one acknowledges
		}
		x.change(func() { x.book[due.ID].acked = due.Revision })
	}
}

// call makes one request, over as many connections as it takes. Its error is the agent's or ctx's.
func (x *counter) call(ctx context.Context, method string, params, result any) error {
	for {
		var c *tillclient.Client
		if err := x.until(ctx, "the agent",
			func() bool { c = x.client; return c != nil }); err != nil {
			return err
		}
		err := x.callOn(ctx, c, method, params, result)
		if _, answered := errors.AsType[*tillclient.Error](err); err == nil || answered ||
			ctx.Err() != nil {
			return err
		}
		if _, hangs := errors.AsType[*stuck](err); hangs {
			return err
		}
		if err := x.until(ctx, "the connection's end",
			func() bool { return x.client != c }); err != nil {
			return err
		}
	}
}

func (x *counter) callOn(ctx context.Context, c *tillclient.Client, method string, params,
	result any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, tortureStuck,
		fmt.Errorf("%s: no answer to %s for %s", x.name, method, tortureStuck))
	defer cancel()
	if err := c.Call(ctx, method, params, result); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &stuck{context.Cause(ctx)}
}

// stuck is that nothing happened for as long as nothing may take.
type stuck struct{ error }

// sell serves customers until closed.
func (x *counter) sell(ctx context.Context, closed <-chan struct{}) (sales int, err error) {
	for n := 1; ; n++ {
		select {
		case <-closed:
			return sales, nil
		case <-ctx.Done():
			return sales, ctx.Err()
		default:
		}
		reference := fmt.Sprintf("%s-%05d", x.name, n)
		v := x.public.next(x.name, x.rng)
		x.change(func() { x.asked[reference] = v.cents })
		started, err := x.sale(ctx, reference, v, closed)
		if err != nil {
			return sales, fmt.Errorf("%s, customer %q: %w", reference, v.conduct, err)
		}
		if started {
			sales++
		}
		if err := pause(ctx, time.Duration(x.rng.IntN(150))*time.Millisecond, nil); err != nil {
			return sales, err
		}
	}
}

// sale is one sale, to the outcome in the till's book. started is false when the till was closed
// before the agent took it.
func (x *counter) sale(ctx context.Context, reference string, v visit,
	closed <-chan struct{}) (started bool, err error) {
	p, err := x.start(ctx, reference, v.cents, closed)
	if err != nil || p == nil {
		return false, err
	}
	told := make(chan struct{})
	h := hearing{told: told, cancel: func(ctx context.Context) error {
		return x.cancel(ctx, reference, p.ID)
	}}
	if link := p.QRPayload; link != "" {
		x.guests.Go(func() error { return v.play(ctx, x.bank, link, p.MerchantRef, h) })
	}
	x.hear(*p)
	err = x.until(ctx, "the outcome of "+p.ID,
		func() bool { return x.book[p.ID] != nil || x.gone.has(p.ID) })
	close(told)
	return true, err
}

// start asks until the agent takes the sale, or has taken it before.
func (x *counter) start(ctx context.Context, reference string, cents int64,
	closed <-chan struct{}) (*device.Payment, error) {
	for {
		var p device.Payment
		err := x.call(ctx, "payment.start", object{"reference": reference, "amount": cents}, &p)
		if err == nil {
			return &p, nil
		}
		e, ok := errors.AsType[*tillclient.Error](err)
		if !ok {
			return nil, err
		}
		switch e.Data.Kind {
		case "busy", "not_ready", "journal_unavailable":
		case "reference_reused": // it was taken, and the answer was lost
			if e.Data.Payment == nil || !e.Data.Payment.Final {
				return nil, fmt.Errorf("reused, and no payment with it: %w", err)
			}
			return e.Data.Payment, nil
		default:
			return nil, err
		}
		select {
		case <-closed: // refused: nothing was started, also by no earlier try
			return nil, nil
		default:
		}
		if err := pause(ctx, 50*time.Millisecond, nil); err != nil {
			return nil, err
		}
	}
}

// cancel asks to cancel; that it is too late is no error, or that the sale is lost.
func (x *counter) cancel(ctx context.Context, reference, id string) error {
	var p device.Payment
	err := x.call(ctx, "payment.cancel", object{"reference": reference}, &p)
	if e, ok := errors.AsType[*tillclient.Error](err); ok && (e.Data.Kind == "not_cancellable" ||
		e.Data.Kind == "not_found" && x.gone.has(id)) {
		return nil
	}
	if err == nil {
		x.hear(p)
	}
	return err
}

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"kiosk-agent/sandbox"
)

// conduct is what a customer does, and when the till cancels.
type conduct string

const (
	pays         conduct = "pays"
	paysTwice    conduct = "pays twice"
	declined     conduct = "is declined"
	declinedPays conduct = "is declined, then pays"
	walksAway    conduct = "walks away" // the till cancels
	races        conduct = "pays while the till cancels"
	paysLate     conduct = "pays after the cancel" // that is: once the till was told
	staysAway    conduct = "does nothing"          // the deadline ends it
	paysTooLate  conduct = "pays after the deadline"
	undecidable  conduct = "walks away while the query is out of order"
	// the till loses patience and cancels
	paysUnnoticed conduct = "pays, and no webhook says so"
	hesitates     conduct = "pays after some seconds"
	// a till on the line: it reboots, and sells again at once
	forgotten conduct = "pays at a till that has forgotten"
)

// conducts says how many of a thousand customers behave so.
var conducts = []struct {
	conduct
	permille int
}{
	{pays, 420}, {paysTwice, 50}, {declined, 70}, {declinedPays, 70}, {walksAway, 90}, {races, 120},
	{paysLate, 90}, {staysAway, 2}, {paysTooLate, 3}, {undecidable, 5}, {paysUnnoticed, 60},
	{forgotten, 20},
}

// visit is one customer's.
type visit struct {
	conduct
	faults   []sandbox.Fault
	cents    int64
	think    time.Duration // before the customer acts
	patience time.Duration // how long the till waits for the outcome before it cancels
}

// wish is a visit that a step of the torture asks for.
type wish struct {
	conduct
	fault sandbox.FaultKind
	among []conduct // one of these, where no conduct is named
}

func payingWith(fault sandbox.FaultKind) wish { return wish{conduct: pays, fault: fault} }

// drawVisit decides about the next customer.
func drawVisit(rng *rand.Rand, w wish) visit {
	if len(w.among) > 0 {
		w.conduct = w.among[rng.IntN(len(w.among))]
	}
	v := visit{
		conduct: w.conduct, cents: 1 + rng.Int64N(90_000),
		think:    time.Duration(rng.IntN(300)) * time.Millisecond,
		patience: time.Duration(1+rng.IntN(3)) * time.Second,
	}
	if n := rng.IntN(1000); w.conduct == "" {
		for _, c := range conducts {
			if n -= c.permille; n < 0 {
				v.conduct = c.conduct
				break
			}
		}
	}
	switch {
	case w.fault != "":
		v.faults = []sandbox.Fault{{Kind: w.fault}}
	case v.conduct == undecidable:
		v.faults = []sandbox.Fault{{Kind: sandbox.FaultQuery500}}
	case v.conduct == paysUnnoticed:
		v.faults = []sandbox.Fault{{Kind: sandbox.FaultLost}}
	default:
		v.faults = drawFaults(rng)
	}
	return v
}

// drawFaults decides what the gateway does wrong: about half of the time nothing.
func drawFaults(rng *rand.Rand) []sandbox.Fault {
	short := sandbox.Duration(time.Duration(100+rng.IntN(4000)) * time.Millisecond)
	hooks := []sandbox.Fault{
		{Kind: sandbox.FaultDuplicate, Count: 3}, {Kind: sandbox.FaultDuplicate, Count: 2},
		{Kind: sandbox.FaultDelay, Delay: short}, {Kind: sandbox.FaultDelay, Delay: short},
		{Kind: sandbox.FaultOutOfOrder}, {Kind: sandbox.FaultLost}, {Kind: sandbox.FaultForged},
		{Kind: sandbox.FaultWrongAmount}, {Kind: sandbox.FaultWrongCurrency},
		{Kind: sandbox.FaultUnknownRef}, {Kind: sandbox.FaultGarbage},
		{Kind: sandbox.FaultTruncated}, {Kind: sandbox.FaultLinkEcho},
		{Kind: sandbox.FaultWrongStatus}, {Kind: sandbox.FaultSuccessCode05},
	}
	queries := []sandbox.Fault{
		{Kind: sandbox.FaultQuery500, Times: 2},
		{Kind: sandbox.FaultQueryTimeout, Times: 1, Delay: short},
		{Kind: sandbox.FaultQueryNonsense, Times: 1}, {Kind: sandbox.FaultQuery404, Times: 2},
		{Kind: sandbox.FaultQueryEmpty, Times: 2}, {Kind: sandbox.FaultQueryAmount, Times: 1},
		{Kind: sandbox.FaultQueryOtherRef, Times: 1},
	}
	var chosen []sandbox.Fault
	if rng.IntN(100) < 40 {
		chosen = append(chosen, hooks[rng.IntN(len(hooks))])
	}
	if rng.IntN(100) < 20 {
		chosen = append(chosen, queries[rng.IntN(len(queries))])
	}
	return chosen
}

// hearing is what a customer and a till share about one sale.
type hearing struct {
	cancel func(context.Context) error // the till's; nil error also when it was too late
	told   <-chan struct{}             // closed when the till was told how the sale ended
}

// play is one customer from the code on the screen to the door; it ends with the sale or after it.
// link may be scanned before it is shown.
func (v visit) play(ctx context.Context, b *bank, link, merchantRef string, h hearing) error {
	for _, f := range v.faults {
		f.MerchantRef = merchantRef
		if err := b.fault(ctx, f); err != nil {
			return err
		}
	}
	if err := b.open(ctx, link); err != nil {
		return err
	}
	if err := pause(ctx, v.think, nil); err != nil {
		return err
	}
	act := func(all ...sandbox.Verb) func() error {
		return func() error {
			for _, do := range all {
				if err := b.attempt(ctx, merchantRef, do); err != nil {
					return err
				}
			}
			return nil
		}
	}
	cancel := func() error { return h.cancel(ctx) }
	impatient := func() error {
		if err := pause(ctx, v.patience, h.told); err != nil {
			return err
		}
		select {
		case <-h.told:
			return nil
		default:
			return cancel()
		}
	}
	told := func() error { return pause(ctx, tortureStuck, h.told) }
	switch v.conduct {
	case hesitates:
		if err := pause(ctx, v.patience, nil); err != nil {
			return err
		}
		return act(sandbox.Pay)()
	case pays, paysUnnoticed, forgotten:
		return inTurn(act(sandbox.Pay), impatient)
	case paysTwice:
		return inTurn(act(sandbox.Pay, sandbox.PayAgain), impatient)
	case declined:
		return inTurn(act(sandbox.Decline), impatient)
	case declinedPays:
		return inTurn(act(sandbox.Decline, sandbox.Pay), impatient)
	case walksAway, undecidable:
		return cancel()
	case races:
		var both errgroup.Group
		both.Go(act(sandbox.Pay))
		both.Go(cancel)
		return both.Wait()
	case paysLate:
		return inTurn(cancel, told, act(sandbox.Pay))
	case staysAway:
		return nil
	case paysTooLate:
		return inTurn(told, act(sandbox.Pay))
	}
	return fmt.Errorf("no such customer: %q", v.conduct)
}

// attempt presses a button; where the link takes no cards, a wallet's code lapses instead of a card
// being declined.
func (b *bank) attempt(ctx context.Context, merchantRef string, do sandbox.Verb) error {
	err := b.act(ctx, merchantRef, do)
	if r, ok := errors.AsType[*refusal](err); ok && r.status == 400 && do == sandbox.Decline {
		return b.act(ctx, merchantRef, sandbox.Expire)
	}
	return err
}

func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for d, or less when the event comes first.
func pause(ctx context.Context, d time.Duration, event <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-event:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// public is the flow of customers: it draws visits, and sends the ones that a step of the torture
// asks for.
type public struct {
	mu     sync.Mutex
	wished wish
	served map[string]bool // the tills that have had the wish
	tally  map[conduct]int
	struck map[sandbox.FaultKind]int
}

func newPublic() *public {
	return &public{served: map[string]bool{}, tally: map[conduct]int{},
		struck: map[sandbox.FaultKind]int{}}
}

// wish makes the next customer of each till behave so.
func (p *public) wish(w wish) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wished, p.served = w, map[string]bool{}
}

func (p *public) next(till string, rng *rand.Rand) visit {
	p.mu.Lock()
	defer p.mu.Unlock()
	var w wish
	if !p.served[till] {
		p.served[till] = true
		w = p.wished
	}
	v := drawVisit(rng, w)
	p.tally[v.conduct]++
	for _, f := range v.faults {
		p.struck[f.Kind]++
	}
	return v
}

// scripted reports whether any of these faults was ever in force.
func (p *public) scripted(kinds ...sandbox.FaultKind) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range kinds {
		if p.struck[k] > 0 {
			return true
		}
	}
	return false
}

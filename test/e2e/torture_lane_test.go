package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

// lane is the till on the line, at which one customer follows the other.
type lane struct {
	f      *foreign
	dir    string
	public *public
	bank   *bank
	rng    *rand.Rand
	guests *errgroup.Group
	// the customer reads the code from the screen, which is as good as from the journal
	reader *offline.Reader
	file   os.FileInfo // of the journal that it reads
	gone   *missing    // sales that the agent knows no more
}

func newLane(f *foreign, dir string, p *public, b *bank, gone *missing, seed uint64) *lane {
	return &lane{f: f, dir: dir, public: p, bank: b, gone: gone,
		rng:    rand.New(rand.NewPCG(seed, 'L')),
		guests: new(errgroup.Group)}
}

// sell serves customers until closed.
func (l *lane) sell(ctx context.Context, closed <-chan struct{}) (sales int, err error) {
	defer func() {
		if l.reader != nil {
			err = errors.Join(err, l.reader.Close())
		}
	}()
	for {
		if err := l.ready(ctx, closed); err != nil {
			return sales, err
		}
		select {
		case <-closed:
			return sales, nil
		default:
		}
		v := l.public.next(lineTill, l.rng)
		if err := l.sale(ctx, v); err != nil {
			return sales, fmt.Errorf("%s, customer %q: %w\n%s", lineTill, v.conduct, err,
				l.f.line())
		}
		sales++
		if err := pause(ctx, time.Duration(l.rng.IntN(150))*time.Millisecond, nil); err != nil {
			return sales, err
		}
	}
}

// ready asks for the terminal's status until it takes sales, or the till is closed.
func (l *lane) ready(ctx context.Context, closed <-chan struct{}) error {
	for {
		select {
		case <-closed:
			return nil
		default:
		}
		ask, cancel := context.WithTimeout(ctx, 5*time.Second)
		r, err := l.f.Status(ask)
		cancel()
		if err == nil && r.Code == "00" {
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond, nil); err != nil {
			return err
		}
	}
}

// sale is one sale until the till believes something that it can stand by.
func (l *lane) sale(ctx context.Context, v visit) error {
	function := []string{"Q1", "C1"}[l.rng.IntN(2)]
	if err := l.f.Misbehave(ctx, l.manners()); err != nil {
		return err
	}
	answer := l.f.sell(function, v.cents)
	told := make(chan struct{})
	p, got, err := l.beginning(ctx, answer)
	if err != nil {
		return err
	}
	if got == nil && v.conduct == forgotten {
		return l.forget(ctx, v, p, answer)
	}
	if got == nil {
		h := hearing{told: told, cancel: func(ctx context.Context) error {
			// its answer may be lost, and it may be too late; the sale's own answer tells
			_, _ = l.f.Cancel(ctx)
			return ctx.Err()
		}}
		l.guests.Go(func() error { return v.play(ctx, l.bank, p.QRPayload, p.MerchantRef, h) })
		select {
		case a := <-answer:
			got = &a
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	close(told)
	if err := l.f.Misbehave(ctx, ecrtill.Misbehaviour{}); err != nil {
		return err
	}
	if got.Verdict == ecrtill.Uncertain {
		return l.reconcile(ctx)
	}
	return nil
}

// forget makes the till reboot in the middle of a sale and sell again at once, before its customer
// pays: it may not be told unasked how the first sale ended. Then it asks for the last result, as a
// till does that has rebooted.
func (l *lane) forget(ctx context.Context, v visit, p payment.Payment, answer <-chan told) error {
	if err := l.f.Reboot(ctx); err != nil {
		return err
	}
	<-answer
	<-l.f.sell("Q1", v.cents+1)
	told := make(chan struct{})
	// as in sale
	h := hearing{told: told, cancel: func(ctx context.Context) error {
		_, _ = l.f.Cancel(ctx)
		return ctx.Err()
	}}
	l.guests.Go(func() error { return v.play(ctx, l.bank, p.QRPayload, p.MerchantRef, h) })
	defer close(told)
	for end := time.Now().Add(tortureStuck); ; {
		now, err := l.payment(p.ID)
		switch {
		case err != nil:
			return err
		case now.Final || l.gone.has(p.ID):
			if err := l.f.Misbehave(ctx, ecrtill.Misbehaviour{}); err != nil {
				return err
			}
			return l.reconcile(ctx) // the second sale may not have arrived
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is %s for %s", p.ID, now.Status, tortureStuck)
		}
		if err := pause(ctx, 20*time.Millisecond, nil); err != nil {
			return err
		}
	}
}

// manners are how the till treats this sale's response: mostly well.
func (l *lane) manners() ecrtill.Misbehaviour {
	switch l.rng.IntN(10) {
	case 0:
		return ecrtill.Misbehaviour{NeverACK: true}
	case 1:
		return ecrtill.Misbehaviour{Hear: ecrtill.Deaf(1+l.rng.IntN(3), ecrtill.Frame)}
	default:
		return ecrtill.Misbehaviour{}
	}
}

// beginning waits until the code of the sale that was asked for last can be scanned, or the till
// has its answer without one.
func (l *lane) beginning(ctx context.Context, answer <-chan told) (payment.Payment, *told, error) {
	for {
		if p, ok, err := l.running(); err != nil || ok {
			return p, nil, err
		}
		select {
		case got := <-answer:
			return payment.Payment{}, &got, nil
		default:
		}
		if err := pause(ctx, 10*time.Millisecond, nil); err != nil {
			return payment.Payment{}, nil, err
		}
	}
}

// running is the payment of the newest sale in the till's book, while its code can be scanned.
func (l *lane) running() (p payment.Payment, ok bool, err error) {
	if there, err := l.look(); !there {
		return p, false, err
	}
	entries := l.f.Book().Entries()
	if len(entries) == 0 {
		return p, false, nil
	}
	id, err := l.reader.Newest(lineTill)
	if err != nil || id == "" {
		return p, false, err
	}
	p, ok, err = l.reader.Payment(id)
	return p, ok && p.Status == payment.StatusAwaiting && p.Line != nil &&
		p.Line.ECN == entries[len(entries)-1].ECN, err
}

// payment is how a payment stands now; the zero one when it is not here.
func (l *lane) payment(id string) (p payment.Payment, err error) {
	there, err := l.look()
	if there {
		p, _, err = l.reader.Payment(id)
	}
	return p, err
}

// look opens the journal that is there now; there is none while a copy is put in its place.
func (l *lane) look() (there bool, err error) {
	path := filepath.Join(l.dir, "journal.db")
	file, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case l.reader != nil && os.SameFile(file, l.file):
		return true, nil
	case l.reader != nil:
		err = l.reader.Close()
	}
	if err == nil {
		l.reader, err = offline.OpenReadOnly(path)
	}
	if err != nil { // it went between the two
		l.reader = nil
		if _, gone := os.Stat(path); errors.Is(gone, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	l.file = file
	return true, nil
}

// reconcile asks for the last result until it is an outcome, as a till does that was left in doubt,
// and writes it into the book.
func (l *lane) reconcile(ctx context.Context) error {
	end := time.Now().Add(tortureStuck)
	for {
		ask, cancel := context.WithTimeout(ctx, 5*time.Second)
		r, err := l.f.LastResult(ask)
		cancel()
		if err == nil && r.Code != ecrtill.Paycube().Running {
			l.f.Book().Reconcile(r)
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("no last result for %s: %s, %w", tortureStuck, r.Code, err)
		}
		if err := pause(ctx, 50*time.Millisecond, nil); err != nil {
			return err
		}
	}
}

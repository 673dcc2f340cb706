package ecrtill

import (
	"context"
	"errors"
	"time"
)

// Status asks how the terminal is.
func (t *Till) Status(ctx context.Context) (Result, error) {
	return t.Ask(ctx, t.cfg.Dialect.Status)
}

// Cancel asks to cancel what runs. It may be called while Sale waits, which then returns first.
func (t *Till) Cancel(ctx context.Context) (Result, error) {
	if t.cfg.Dialect.Cancel == "" {
		return Result{}, ErrNoFunction
	}
	return t.Ask(ctx, t.cfg.Dialect.Cancel)
}

// LastResult asks how the terminal's newest sale on this line ended. It changes nothing in the
// Book.
func (t *Till) LastResult(ctx context.Context) (Result, error) {
	return t.Ask(ctx, t.cfg.Dialect.LastResult)
}

// Sale asks for a sale in cents and waits until the till believes something about it, which is also
// in the Book. When the answer is uncertain or none, the till asks for the last result. The error
// says why an answer is missing; the Result's Verdict counts.
func (t *Till) Sale(ctx context.Context, function string, cents int64) (Result, error) {
	var e *Entry
	r, err := t.ask(ctx, func(ecn string) (Message, *Entry) {
		e = t.book.open(ecn, function, cents)
		reference := ""
		if t.cfg.Reference != nil {
			reference = t.cfg.Reference(ecn)
		}
		return t.cfg.Dialect.Sale(ecn, function, cents, reference), e
	})
	switch {
	case e == nil:
		return r, err
	case errors.Is(err, ErrRebooted), errors.Is(err, ErrStopped):
		r.Verdict = t.book.get(e).Verdict
		return r, err
	case err == nil && r.Verdict != Uncertain:
		return r, nil
	case t.cfg.NoLastResult || ctx.Err() != nil:
		t.book.end(e, Uncertain)
		r.Verdict = Uncertain
		return r, err
	}
	last, lastErr := t.resolve(ctx, e)
	if last.Message.Function == "" {
		last.Message, last.Raw, last.Code = r.Message, r.Raw, r.Code
	}
	return last, errors.Join(err, lastErr)
}

// resolve asks for the last result until it says something about the sale e.
func (t *Till) resolve(ctx context.Context, e *Entry) (Result, error) {
	end := time.Now().Add(t.cfg.Timers.Response)
	for {
		r, err := t.LastResult(ctx)
		r.ByLast = true
		if err != nil {
			t.bookEnd(e, err)
			r.Verdict = t.book.get(e).Verdict
			return r, err
		}
		sale := t.book.get(e)
		switch own := t.own(sale, r); {
		case t.another(sale, r):
			t.book.end(e, NotStarted)
		case !own:
			t.book.end(e, Uncertain)
		case r.Code == t.cfg.Dialect.Running && r.Code != "" && time.Now().Before(end):
			if err := t.pause(ctx); err != nil {
				t.book.end(e, Uncertain)
				return r, err
			}
			continue
		case r.Code == t.cfg.Dialect.Running || r.Verdict == Uncertain:
			t.book.end(e, Uncertain)
		default:
			t.book.decide(e, r)
		}
		r.Verdict = t.book.get(e).Verdict
		return r, nil
	}
}

func (t *Till) bookEnd(e *Entry, err error) {
	if errors.Is(err, ErrRebooted) {
		t.book.end(e, Forgotten)
		return
	}
	t.book.end(e, Uncertain)
}

// own reports whether the last result r is about this sale. A number that counts says so by itself.
// A constant one says nothing: then the terminal must have acknowledged the request, the amount
// must be the same and an approval must not stand in the book already.
func (t *Till) own(sale Entry, r Result) bool {
	if r.Amount >= 0 && r.Amount != sale.Amount {
		return false
	}
	if t.cfg.ECN == Constant {
		return sale.Accepted && !(r.Verdict == Approved && t.book.booked(r.Reference))
	}
	return r.ECN == sale.ECN && !(r.Verdict == Approved && t.book.booked(r.Reference))
}

// another reports whether the last result r shows that the sale never began: the newest sale has
// another number, or there is none. An answer under the question's own number that is not a plain
// refusal shows nothing.
func (t *Till) another(sale Entry, r Result) bool {
	if t.cfg.ECN == Constant || r.ECN == sale.ECN {
		return false
	}
	return r.ECN != r.Asked || r.Verdict == NotPaid && r.Code != t.cfg.Dialect.Running
}

func (t *Till) pause(ctx context.Context) error {
	timer := time.NewTimer(t.cfg.Timers.Poll)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.off:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

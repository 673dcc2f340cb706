package serial

import (
	"context"
	"time"
)

// backoff is the wait before a line is opened again: it doubles from low to high, each time a fifth
// more or less, so that several lines do not knock together.
type backoff struct {
	low, high time.Duration
	random    func() float64 // 0 ≤ x < 1
	last      time.Duration
}

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, b.low), b.high)
	return min(time.Duration(float64(b.last)*(0.8+0.4*b.random())), b.high)
}

func (b *backoff) reset() { b.last = 0 }

// pause waits for d or for ctx, and says which by ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package singapay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A link or code ends by SingaPay's clock, at a moment that this agent names. Where the two clocks
// differ it is dead while the customer still looks at it, or can be paid after the till has heard
// that nobody paid. So the end is named by SingaPay's own clock, which each of its answers tells,
// and what was made by another one is not shown.

// dateOf is the server's clock as an answer tells it; zero = it does not. An answer out of a cache
// tells the time at which it was put there.
func dateOf(h http.Header) time.Time {
	at, err := http.ParseTime(h.Get("Date"))
	if age := h.Get("Age"); err != nil || age != "" && age != "0" {
		return time.Time{}
	}
	return at
}

func (g *Gateway) heard(theirs time.Time, took time.Duration) {
	if g.cfg.Heard != nil && !theirs.IsZero() {
		g.cfg.Heard(theirs, took)
	}
}

// TellTime asks SingaPay for something that costs nothing, if it has not been asked yet in this
// process: what its answer says of the time goes to Config.Heard. The error says why there was no
// answer, and is safe to log.
func (g *Gateway) TellTime(ctx context.Context) error {
	ctx, cancel := within(ctx, g.cfg.QueryTimeout)
	defer cancel()
	if _, failure := g.token(ctx); failure != "" {
		return errors.New(failure)
	}
	return nil
}

// date names the order's end: the customer's time and the grace after the moment at which Mint was
// called, as far as SingaPay's clock is known now.
func (g *Gateway) date(o *order) {
	o.ends = g.cfg.Now().Add(o.lasts - time.Since(o.began) + time.Second - 1).Truncate(time.Second)
}

// misdated says how wrong the clock was that the end of what a made was named by; "" = it was good
// enough, or nobody can tell. Where the answer has no date, what was made may have one.
func (g *Gateway) misdated(o *order, a answer, created time.Time) string {
	theirs := a.theirs
	if theirs.IsZero() {
		theirs = created
		g.heard(created, a.took)
	}
	if theirs.IsZero() {
		return ""
	}
	// the moment of the answer by the clock that named the end
	ours := o.ends.Add(time.Since(o.began) - o.lasts)
	off := ours.Sub(theirs)
	if off.Abs() <= ClockError(g.cfg.ExpiryGrace)+a.took+time.Second {
		return ""
	}
	word := "late"
	if off < 0 {
		word = "early"
	}
	return fmt.Sprintf("it ends %s too %s by SingaPay's clock", off.Abs().Truncate(time.Second),
		word)
}

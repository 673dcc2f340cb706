package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"kiosk-agent/relay"
)

// Seconds that a sender is asked to wait.
const (
	RetryRate  = 1
	RetryQuota = 300
	RetryFull  = 60
	RetryDown  = 5
)

// Canaries per terminal, on either kind of route. An agent sends one in 10 s, and at most one in a
// second for the head's sake.
const (
	CanaryRate  = 1
	CanaryBurst = 10
)

// Route is where a hook URL leads.
type Route struct {
	To       Source
	Merchant string // whose terminals read it; "" = a terminal's own
	Limiter  *rate.Limiter
	Canaries *rate.Limiter // of a terminal's own route; a merchant's has those of its members
	// Rest is of what has no shape that could open. nil = Limiter.
	Rest *rate.Limiter
}

// Looked counts a request that can bring nothing.
func (r Route) Looked(now time.Time) bool {
	return cmp.Or(r.Rest, r.Limiter).AllowN(now, 1)
}

// Member is a terminal of a merchant, as a canary names it.
type Member struct {
	Source   Source
	Canaries *rate.Limiter
}

// Request is what is looked at before a body is read.
type Request struct {
	Length   int64  // of its body; -1 = not known
	Nonce    string // its CanaryHeader
	Terminal string // its TerminalHeader
}

// Refusal is an answer other than 200.
type Refusal struct {
	Status     int
	Text       string // safe to show
	RetryAfter int    // seconds; 0 = not said
}

// Admission says where a request may be kept.
type Admission struct {
	Kind  string
	Nonce string // canaries only
	On    Route
	To    Source
	Rest  bool // it has no shape that could open
}

// RestShare is the part of a route's quota that what could not open may hold beside it: one in so
// many.
const RestShare = 10

// Admit decides whether a request on a route may be read. A hook is counted by Judge.
//
// A canary is stored among the messages of one terminal. On a merchant's route its header says
// which. It is refused when a hook would be, but takes nothing of the hooks' rate: one that is
// forged, or sent for a head, costs them nothing. member looks a merchant's terminal up by its
// handle.
func Admit(now time.Time, r Request, on Route,
	member func(merchant, handle string) (Member, bool)) (Admission, *Refusal) {
	a := Admission{Kind: relay.KindHook, On: on, To: on.To}
	if !relay.ValidNonce(r.Nonce) {
		switch {
		case on.Limiter.TokensAt(now) < 1:
			return a, TooMany()
		case r.Length > relay.MaxHookBody && !on.Looked(now):
			return a, TooMany()
		case r.Length > relay.MaxHookBody:
			return a, TooLong()
		}
		return a, nil
	}
	a.Kind, a.Nonce = relay.KindCanary, r.Nonce
	limiter := on.Canaries
	if on.Merchant != "" {
		m, ok := member(on.Merchant, r.Terminal)
		if !ok {
			return a, &Refusal{Status: http.StatusNotFound,
				Text: "no such terminal on this route"}
		}
		a.To, limiter = m.Source, m.Canaries
	}
	if on.Limiter.TokensAt(now) < 1 || !limiter.AllowN(now, 1) {
		return a, TooMany()
	}
	return a, nil
}

// Judge decides whether a hook that was read is taken, and counts it: what could not open has a
// rate of its own, and so takes none of the others'.
func (a *Admission) Judge(now time.Time, mayOpen bool) *Refusal {
	if a.Kind != relay.KindHook {
		return nil
	}
	if a.Rest = !mayOpen; a.Rest {
		if !a.On.Looked(now) {
			return TooMany()
		}
		return nil
	}
	if !a.On.Limiter.AllowN(now, 1) {
		return TooMany()
	}
	return nil
}

// Keep stores e where it was admitted. It fails with ErrQuota, ErrFull or ErrUnavailable.
func (a Admission) Keep(ctx context.Context, w Writer, quota int64, e Envelope) error {
	e.Kind, e.Nonce, e.Rest = a.Kind, a.Nonce, a.Rest
	if a.Rest {
		switch held, err := w.HeldRest(ctx, a.To); {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		case held >= uint64(max(quota/RestShare, 1)):
			return ErrQuota
		}
	}
	if a.To != a.On.To { // a canary on a merchant's route
		held, err := w.Held(ctx, a.On.To)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		case held >= uint64(quota):
			return ErrQuota
		}
	}
	err := w.Put(ctx, a.To, e)
	switch {
	case err == nil, errors.Is(err, ErrFull):
		return err
	case errors.Is(err, ErrLimit):
		if held, heldErr := w.Held(ctx, a.To); heldErr == nil && held >= uint64(quota) {
			return ErrQuota
		}
		return fmt.Errorf("%w: %w", ErrFull, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// Refused is the answer for an error of Keep.
func Refused(err error) *Refusal {
	switch {
	case errors.Is(err, ErrQuota):
		return &Refusal{http.StatusTooManyRequests, "this route holds as many hooks as it may",
			RetryQuota}
	case errors.Is(err, ErrFull):
		return &Refusal{http.StatusServiceUnavailable, "the store is full", RetryFull}
	default:
		return &Refusal{http.StatusServiceUnavailable, "the store does not answer", RetryDown}
	}
}

// TooMany is the answer to more requests than a route's rate.
func TooMany() *Refusal {
	return &Refusal{http.StatusTooManyRequests, "too many requests", RetryRate}
}

// TooLong is the answer to a body that is too long.
func TooLong() *Refusal {
	return &Refusal{Status: http.StatusRequestEntityTooLarge, Text: "body over 64 KiB"}
}

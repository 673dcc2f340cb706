// Package rules is what kiosk-relay decides, as steps over a store that is handed to them: where a
// hello's position lets reading begin and whether there is a gap, what is handed out after which
// message, what an ack moves, which journal head takes the place of which, and whether a request to
// a hook URL is kept.
//
// It is told the time, makes no connection, starts no goroutine and logs nothing; bytes stay
// opaque. Nothing here survives a crash but what the store holds. A Session is for one goroutine;
// the functions may be called from any. relayd runs these steps on JetStream, the simulation
// (test/sim) on a store in memory.
package rules

import (
	"context"
	"errors"
	"time"

	"kiosk-agent/relay"
)

// What a message can be refused with; each is one HTTP status.
var (
	ErrQuota       = errors.New("the route's quota is used up")
	ErrFull        = errors.New("the store is full")
	ErrUnavailable = errors.New("the store does not answer")
)

// Errors of a store, beside any other, which says that it did not answer.
var (
	// ErrLimit: the store refused a message for one of its limits, and did not say which.
	ErrLimit = errors.New("the store refused the message")
	// ErrConflict: somebody else's write came between.
	ErrConflict = errors.New("changed meanwhile")
)

// Limits are the relay's own, the same for every terminal.
type Limits struct {
	Retention time.Duration // how long messages are held
	InFlight  int           // hooks and marks that a connection may hold unacknowledged
	Ping      time.Duration // between two pings
}

// Terminal is what the rules need to know of one.
type Terminal struct {
	ID, Merchant string // Merchant "" = none
	CreatedAt    time.Time
	Epoch        string // of the store when the terminal was added
}

// Sources are what the terminal reads: its own messages, and its merchant's.
func (t Terminal) Sources() []Source {
	out := []Source{TerminalSource(t.ID)}
	if t.Merchant != "" {
		out = append(out, MerchantSource(t.Merchant))
	}
	return out
}

// Span is what the store says of itself at one moment.
type Span struct {
	Epoch       string
	First, Last uint64 // sequences, over all sources
}

// Reader is how messages are found. Each method returns nil for a message that is not there.
type Reader interface {
	Span(ctx context.Context) (Span, error)
	// At returns the message of this sequence, whosever it is.
	At(ctx context.Context, seq uint64) (*Stored, error)
	// Next returns a source's first message after a sequence.
	Next(ctx context.Context, of Source, after uint64) (*Stored, error)
	// LastMark returns a source's newest mark.
	LastMark(ctx context.Context, of Source) (*Stored, error)
}

// Writer is how messages are stored.
type Writer interface {
	// Put returns nil only when the store has e durably, and wakes who reads the source. It fails
	// with ErrLimit or ErrFull; after any other error e may be stored all the same.
	Put(ctx context.Context, to Source, e Envelope) error
	// Held is how many hooks and canaries of a source the store has.
	Held(ctx context.Context, of Source) (uint64, error)
	// HeldRest is how many it has of what came to the source's hook URL and could not open.
	HeldRest(ctx context.Context, of Source) (uint64, error)
}

// Store is both.
type Store interface {
	Reader
	Writer
}

// Heads is where the newest journal head of each terminal is kept, for good.
type Heads interface {
	// Head returns a terminal's head and its revision; nil and 0 when there is none.
	Head(ctx context.Context, terminal string) (*relay.Head, uint64, error)
	// PutHead replaces the head of that revision, or fails with ErrConflict.
	PutHead(ctx context.Context, terminal string, h relay.Head, revision uint64) error
}

// StoreError says that the store did not answer.
type StoreError struct {
	Op  string // what was asked of it
	Err error
}

func (e *StoreError) Error() string { return e.Op + ": " + e.Err.Error() }
func (e *StoreError) Unwrap() error { return e.Err }

func storeError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &StoreError{op, err}
}

// Violation says that the agent broke the protocol; its text may be told to it.
type Violation string

func (v Violation) Error() string { return string(v) }

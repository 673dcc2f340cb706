// Package relay holds the messages that kiosk-agent and kiosk-relay exchange, and the agent's
// outbound client: it dials the relay, resumes from the agent's durable position, hands deliveries
// to a [Handler] one at a time and in order, acknowledges what the handler has committed, backs
// off, and proves the path with canaries. It carries opaque bytes: it knows no payment and opens no
// notification.
//
// docs/RELAY-PROTOCOL.md specifies the wire; [Encode] and [Decode] are its messages.
//
// The decision logic is [Machine], which is synchronous, deterministic and for one goroutine.
// [Client] is the thin shell around it, whose methods may be called from any goroutine.
//
// It keeps nothing on disk. What survives a crash is what the Handler committed and what the
// [Journal] returns; everything else is asked for again.
package relay

import (
	"context"
	"time"
)

// Kinds of deliveries.
const (
	KindHook = "hook" // a request to the terminal's hook URL, stored whole
	// no content: it keeps the terminal's position from ageing out of the store
	KindMark = "mark"
	// the agent's own proof of the path; never reaches a Handler, never moves the position
	KindCanary = "canary"
)

// Reasons of a gap: why the relay cannot tell that the terminal has missed nothing.
const (
	GapEpochChanged = "epoch_changed" // the store is another one than the position was made in
	// another message stands at the position: the store was restored from a copy
	GapIDMismatch = "id_mismatch"
	// no message stands there: aged out, or lost with a restored store
	GapOutOfRange = "out_of_range"
	// the terminal has no position, and something may have been missed
	GapNoPosition = "no_position"
)

// Position names one message of a terminal in one store. The zero Position is none.
type Position struct {
	Epoch string `json:"epoch"` // random, made when the relay's store was created
	Seq   uint64 `json:"seq"`   // sequence in that store, from 1
	ID    string `json:"id"`    // the message's own ULID
}

// Head is the newest entry of an agent's journal as the relay is told it: an anchor outside the
// device.
type Head struct {
	JournalID string `json:"id"`
	Seq       uint64 `json:"seq"`
	Hash      string `json:"hash"`
}

// Hook is one stored HTTP request, as it arrived.
type Hook struct {
	Method string `json:"method"`
	// below the route, "" or starting with "/"; the route itself is never stored
	Path    string              `json:"path"`
	Query   string              `json:"query"`
	Headers map[string][]string `json:"headers"`
	Body    []byte              `json:"body"`
}

// Delivery is one message of the terminal's sequence.
type Delivery struct {
	Position   Position
	Kind       string    // KindHook, KindMark or KindCanary
	Nonce      string    // canaries only
	ReceivedAt time.Time // the relay's wall clock, milliseconds
	Hook       Hook      // hooks only
}

// Handler is the agent's side of a delivery. Client calls it from one goroutine, one call at a
// time, in order. The context ends when Run is told to stop; a call that was cut short must return
// an error unless it has committed.
type Handler interface {
	// Deliver returns nil when the delivery, with its position, is committed in the journal: then
	// the client acknowledges. After an error the client does not acknowledge, drops the
	// connection, backs off and resumes from the durable position, so the same delivery comes
	// again; d is a hook or a mark.
	Deliver(ctx context.Context, d Delivery) error
	// Gap returns nil when the gap is committed. Everything that the relay holds is delivered after
	// it.
	Gap(ctx context.Context, reason string) error
}

// Journal is where the client learns what is durable. It is read before every hello, and Head after
// every commit.
type Journal interface {
	// Position returns where the relay is to go on, and false where it is to begin with the oldest
	// that it holds: after the newest committed position, or earlier, to read something again. It
	// is asked once for each hello, without a connection and with no call of the Handler under way.
	Position(ctx context.Context) (Position, bool, error)
	// Head returns the journal's newest entry.
	Head(ctx context.Context) (Head, error)
}

// KnownHead is what the relay remembers of this terminal's journal.
type KnownHead struct {
	Head *Head // nil: it was never told one
	// Unsupported: the relay does not tell it before the hello, so Head says nothing.
	Unsupported bool
}

// Anchor is whose journal it is. The client asks it before it does what the relay's memory of the
// journal is good for; what an answer means for a sale is not the client's business.
type Anchor interface {
	// Judge is given what the relay remembers, before each hello. The client says hello when it
	// returns nil; after an error it backs off and asks the relay again.
	Judge(ctx context.Context, known KnownHead) error
	// Tell returns the head that the relay may be told now, after a canary has come back; false
	// for none, as long as the journal is in doubt. An error is tried again with the next canary.
	Tell(ctx context.Context) (Head, bool, error)
}

// unjudged is the Anchor of a client that has none: hello whatever the relay remembers, and
// whatever head the journal has.
type unjudged struct{ Journal }

func (unjudged) Judge(context.Context, KnownHead) error { return nil }

func (u unjudged) Tell(ctx context.Context) (Head, bool, error) {
	h, err := u.Head(ctx)
	return h, err == nil, err
}

// Clock is the time that the client sees. Up dates canaries, deadlines and backoff; Wall is for
// people, and for its offset to the relay's clock.
type Clock interface{ Now() Now }

// Observation is what the client tells of itself, in the order in which things happened; see
// Connected and the types after it. The set is closed.
//
//sumtype:decl
type Observation interface{ observation() }

// Connected: the relay has said welcome. HeadKnown and ClockOffset follow at once.
type Connected struct{ Welcome Welcome }

// Disconnected: a connection, or the attempt to make one, has failed; the next attempt comes after
// RetryIn.
type Disconnected struct {
	Err     error
	RetryIn time.Duration
}

// CaughtUp: the relay has sent all that it held at the hello, and the handler has committed it.
type CaughtUp struct{}

// GapSeen: the relay reported a gap, and the handler has committed it.
type GapSeen struct{ Reason string }

// CanaryReturned: a canary of this process went the whole way, after all deliveries before it had
// been committed.
type CanaryReturned struct {
	// boot clock, at sending: the path is proven as of then, not as of its return
	SentAt time.Duration
	RTT    time.Duration
}

// CanaryFailed: a canary could not be sent, was refused, or did not come back in time.
type CanaryFailed struct{ Err error }

// HeadKnown: the newest journal head that the relay had been told before this connection; nil when
// it knows none. A head that the journal does not contain means that the journal was rolled back,
// lost or cloned.
type HeadKnown struct{ Head *Head }

// ClockOffset is how far the relay's wall clock is ahead of ours; the truth lies within Offset ±
// Uncertainty.
type ClockOffset struct{ Offset, Uncertainty time.Duration }

func (Connected) observation()      {}
func (Disconnected) observation()   {}
func (CaughtUp) observation()       {}
func (GapSeen) observation()        {}
func (CanaryReturned) observation() {}
func (CanaryFailed) observation()   {}
func (HeadKnown) observation()      {}
func (ClockOffset) observation()    {}

// State is the client's condition, for terminal.status.
type State struct {
	Connected bool          // the relay has said welcome on the present connection
	CaughtUp  bool          // and its backlog is committed
	Since     time.Duration // boot clock: when Connected last changed
	// boot clock: sending time of the newest canary that returned; 0 = none yet
	LastCanary time.Duration
	CanaryRTT  time.Duration
	// of the newest disconnection or canary failure; "" again after a welcome or a canary's return
	LastError string
}

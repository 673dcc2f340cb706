package engine

import (
	"time"

	"kiosk-agent/payment"
)

// Journal is what the terminal remembers: the one place that survives a crash. offline.Journal
// satisfies it. Calls are local and bounded; none takes a context.
type Journal interface {
	Reader
	// Append commits the facts and, when pos is not nil, the position in the relay's stream (the
	// zero Position forgets it), in one transaction that is on the disk when it returns. It fills
	// in each fact's Seq. On error nothing was committed.
	Append(facts []payment.Fact, pos *payment.Position) error
	// Rest is for a moment in which nobody waits for a commit. Its error is for the log.
	Rest() error
	// Anchored notes that the journal contains the head that the relay remembers: BeforeLoss goes
	// by it.
	Anchored()
}

// Reader is the half of the Journal that a Machine has: it decides what is committed, and commits
// nothing.
type Reader interface {
	// Facts are a payment's facts in journal order; none for an unknown id.
	Facts(id string) ([]payment.Fact, error)
	// ByMerchantRef and ByReference find a payment's id; the newest, where a till used a reference
	// again. "" when there is none.
	ByMerchantRef(ref string) (id string, err error)
	ByReference(till, reference string) (id string, err error)

	// Newest is the id of the payment that this till started last; "" when there is none.
	Newest(till string) (id string, err error)
	// List is one page of a till's payments, newest first.
	List(till string, q payment.ListQuery) (payment.Page, error)
	// Sold is what the till has sold in [from, until) by the wall clock.
	Sold(till string, from, until time.Time) (payment.Sold, error)
	// Unsettled are the ids of every payment that is not final or whose outcome is owed, oldest
	// first.
	Unsettled() ([]string, error)
	// Owed are the ids of this till's payments whose final outcome it has not acknowledged, oldest
	// first.
	Owed(till string) ([]string, error)
	// Watched are the ids of the newest final payments, newest first, at most limit; with unpaid of
	// those that are not approved.
	Watched(unpaid bool, limit int) ([]string, error)

	// Seen reports whether a fact with this payment.Content was committed before.
	Seen(content string) (bool, error)
	// Kept reports whether a parked fact with this payment.Content is here whole.
	Kept(content string) (bool, error)
	// Unheard reports whether a gap was found since this payment was requested, or a delivery was
	// parked or left that has neither opened nor been read again nor been closed by staff.
	Unheard(id string) (bool, error)
	// Places are how many parked deliveries hold a place, and their bytes: those that have not
	// opened, that staff have not closed, and that the relay received after this moment.
	Places(since time.Time) (n int, bytes int64, err error)
	// Left are the left facts that no later one has ended, oldest first.
	Left() ([]payment.Fact, error)
	// Junk is the newest junk fact; ok is false when there is none.
	Junk() (f payment.Fact, ok bool, err error)
	// Position is how far the relay's stream has been read; ok is false before the first delivery.
	Position() (pos payment.Position, ok bool, err error)
	// Parked are the parked facts that no later fact has opened, oldest first, whole.
	Parked() ([]payment.Fact, error)
	// Entry is the unmatched, parked or left fact with this sequence; ok is false when it is no
	// such fact.
	Entry(seq int64) (f payment.Fact, ok bool, err error)

	// Proved are the query_proved facts, oldest first.
	Proved() ([]payment.QueryProved, error)
	// RolledBack is the newest rolled_back fact that no recovered fact follows; ok is false when
	// there is none.
	RolledBack() (b payment.RolledBack, ok bool, err error)
	// GivenUp reports whether staff have accepted this journal in place of the one with this head.
	GivenUp(h payment.Head) (bool, error)
	// JournalID names this journal, and HashAt the hash of its fact with this sequence, in hex; ok
	// is false when it has none.
	JournalID() string
	HashAt(seq int64) (hash string, ok bool, err error)
	// BeforeLoss is the newest fact that was certainly recorded before a loss that is found now,
	// and its wall clock; 0 and the zero time when there is none.
	BeforeLoss() (seq int64, at time.Time, err error)
	// Writable tells whether the journal takes a new sale: nil, or why not. After a failed Append
	// it finds out anew, so that the terminal becomes ready by itself.
	Writable() error
}

// Gateway is the payment service: it makes what the customer scans and opens what it sends. Both
// are local and deterministic apart from the randomness of encryption.
type Gateway interface {
	// Mint makes the checkout link.
	Mint(r payment.MintRequest) (payment.Minted, error)
	// Open verifies a delivery and returns what it states. The error wraps payment.ErrUnopened when
	// it states nothing, and payment.ErrJunk as well when it would not with any secret.
	Open(e payment.Envelope) ([]payment.Record, error)
}

// Checker is a Gateway that can say before anything is committed that it takes no such payment:
// nil, or a *payment.Error.
type Checker interface {
	Check(r payment.MintRequest) error
}

// Display tells whether the customer display could draw a code for this text; nil when it could or
// when no display is known.
type Display interface {
	Fits(payload string) error
}

// IDs makes identifiers: ULIDs, unique and growing. It is a port so that a simulation repeats
// itself.
type IDs interface {
	NewID(at time.Time) string
}

// Now is the time that an event happened at.
type Now struct {
	Wall time.Time     // for people only
	Boot string        // boot id
	Up   time.Duration // boot clock, runs through suspend
}

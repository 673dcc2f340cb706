package payment

import (
	"errors"
	"time"
)

// Request is what a till asks for.
type Request struct {
	Reference   string // the till's own number for the sale: 1-40 printable ASCII characters
	Money       Money
	Schemes     []string // gateway words such as "paynow"; empty = all
	Description string
	// the customer's time; 0 = the configured one. With Line it is the most that the till's waiting
	// allows, and the configured one where that is less.
	Timeout time.Duration
	Line    *Line // from a till on an ECR line; nil for all others
}

// Line is how a till on an ECR line asked: what a repeated request is recognised by, also after a
// restart.
type Line struct {
	ECN      string `json:"ecn"`      // the till's own number of the request
	Function string `json:"function"` // "Q1", "C1" …
	Digest   string `json:"digest"`   // of function and fields
	// the ECN differs from the one of the sale before it on this line
	ECNIsNew bool `json:"ecn_is_new,omitempty"`
	// the till's receipt number, where its dialect sends one
	Receipt string `json:"receipt,omitempty"`
	// how long the till waits for the answer, where that is known; 0 = it is not
	TillWaits Millis `json:"till_waits_ms,omitempty"`
}

// Key names one payment of one till: by the agent's ID, or by the till's Reference (the newest with
// it). Exactly one is set.
type Key struct {
	ID        string
	Reference string
}

// ListQuery selects payments of one till, newest first.
type ListQuery struct {
	Since          time.Time // inclusive, by creation; zero = from the beginning
	Unacknowledged bool      // only final ones whose present revision the till has not acknowledged
	Limit          int       // 1-200
	// only payments whose first fact is older than this journal sequence; 0 = from the newest
	Before int64
}

// Page is one page of a list. Next is the Before of the following page; 0 = there is none.
type Page struct {
	Payments []Payment
	Next     int64
}

// Position is a place in the relay's stream. The journal stores it together with what was delivered
// there.
//
// The zero Position is none: reading begins with the oldest that the relay holds.
type Position struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
	ID    string `json:"id"`
}

// Head is the newest fact of a journal: what the relay remembers as an anchor against rollback.
type Head struct {
	JournalID string `json:"journal_id"`
	Seq       int64  `json:"seq"`
	Hash      string `json:"hash"` // hex
}

// MintRequest is what a gateway needs to make a link or code.
type MintRequest struct {
	MerchantRef string
	Money       Money
	Schemes     []string
	Timeout     time.Duration
}

// QueryAnswer is what a gateway's transaction query returned for one merchantRef. It is an answer
// only when Failure is "".
type QueryAnswer struct {
	Records    []Record // every record of the answer, in its order
	HTTPStatus int      // 0 = there was none
	// the endpoint says that it knows no such reference (404); worth nothing before the endpoint is
	// proved
	NotFound bool
	// why the answer does not count, safe to store and to show: "timeout", "HTTP 500", "not JSON"
	Failure string
}

// MintAnswer is what asking a gateway for a code or link came to. Exactly one of Minted and Failure
// says something.
type MintAnswer struct {
	Minted Minted
	// how long the gateway lets it be paid, counted from the moment at which it was asked; 0 = not
	// stated
	ValidFor time.Duration
	// why there is none, safe to store and to show: "timeout after 10s", "HTTP 503"
	Failure string
	// with Failure: provably no byte of the request reached the gateway, so that nothing can be
	// payable there
	NeverSent bool
	// how it differs from what the gateway's pages say where no money hangs on it, safe to show;
	// "" = it does not
	Odd string
}

// Curable is an error that says what staff can do about it, in a sentence.
type Curable interface {
	error
	Cure() string
}

// ErrUnopened is what a gateway's error wraps when a delivery is not, or does not open as, a
// statement of that gateway. Its text is safe to store and to show, and tells nothing of the
// content.
var ErrUnopened = errors.New("not a verified notification")

// ErrJunk is what such an error wraps as well when the delivery would not open with any secret or
// setting: somebody's rubbish, of which nothing is kept. A gateway says so only of what a cheap
// look shows; in doubt a delivery is worth keeping.
var ErrJunk = errors.New("no notification of this gateway")

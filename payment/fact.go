package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Fact is one line of the journal. The journal gives Seq when it commits the fact; nothing is
// changed afterwards.
type Fact struct {
	Seq     int64     // position in the journal, from 1; "newest" and "oldest" mean this
	Payment string    // the payment's ULID; "" for a fact about the journal
	At      time.Time // wall clock, UTC, milliseconds: for people, never for a decision
	Boot    string    // boot id of the machine when the fact was made
	// boot clock (runs through suspend), milliseconds: every deadline and window is counted on it
	Up   time.Duration
	Data Data
}

// Kind is the kind of the fact's data.
func (f Fact) Kind() Kind { return f.Data.Kind() }

// Data is what one kind of fact says.
type Data interface{ Kind() Kind }

// Millis is a duration in whole milliseconds, as the journal stores it.
type Millis int64

// Duration converts to a time.Duration.
func (m Millis) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// ToMillis rounds down to whole milliseconds.
func ToMillis(d time.Duration) Millis { return Millis(d / time.Millisecond) }

// Policy is what was in force when the payment was requested, so that a later change of
// configuration cannot change its outcome.
type Policy struct {
	Query bool `json:"query"` // a transaction query is configured
	// DECLINED or EXPIRED ends the payment (mode qr) instead of one attempt (mode link)
	FinishDeclined bool   `json:"finish_declined"`
	Settle         Millis `json:"settle_ms"`
	AnswerWithin   Millis `json:"answer_within_ms"`
	Watch          Millis `json:"watch_ms"`
	// a webhook's SUCCESS is told as approved only once the query has confirmed it
	ApproveNeedsQuery bool `json:"approve_needs_query,omitempty"`
}

// EncodeData is the canonical form of a fact's data: the very bytes that the journal stores and
// hashes.
func EncodeData(d Data) ([]byte, error) { return json.Marshal(d) }

// ErrFact is what every fact that cannot be read wraps.
var ErrFact = errors.New("unreadable fact")

// DecodeData reads what EncodeData wrote. Unknown kinds are an error; unknown fields are not (the
// next release may add some).
func DecodeData(k Kind, body []byte) (Data, error) {
	row, ok := rowOf(k)
	if !ok {
		return nil, fmt.Errorf("%w: kind %.40q is not known to this version", ErrFact, string(k))
	}
	d, err := row.decode(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFact, k, err)
	}
	return d, nil
}

func decode[T Data](body []byte) (Data, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, err
	}
	return v, nil
}

// Content identifies what a fact that came from outside says, so that a delivery repeated after a
// gap becomes no second fact; "" for facts of our own making.
func Content(d Data) string {
	switch d := d.(type) {
	case Notified:
		return d.Record.Content()
	case Unmatched:
		return d.Record.Content()
	case Parked:
		return d.Hash
	default:
		return ""
	}
}

// Envelope is an HTTP request as the relay received it.
type Envelope struct {
	Method     string              `json:"method"`
	Path       string              `json:"path,omitempty"` // below the route
	Query      string              `json:"query,omitempty"`
	Headers    map[string][]string `json:"headers,omitempty"`
	Body       []byte              `json:"body,omitempty"`
	ReceivedAt time.Time           `json:"received_at"`
}

// signing are the headers that gateways sign with: the same body under another signature is another
// request, which may open where the first did not.
var signing = []string{"Authorization", "X-Signature", "X-Timestamp"}

// Content identifies what the request carries, whatever its other headers and its time.
func (e Envelope) Content() string {
	parts := []string{"envelope", e.Method, e.Path, e.Query, string(e.Body)}
	for _, name := range signing {
		for _, k := range slices.Sorted(maps.Keys(e.Headers)) {
			if strings.EqualFold(k, name) {
				parts = append(parts, append([]string{name}, e.Headers[k]...)...)
			}
		}
	}
	return contentHash(parts...)
}

// Size is what the request takes of the room for deliveries that wait for their secret, in bytes.
func (e Envelope) Size() int64 {
	n := len(e.Method) + len(e.Path) + len(e.Query) + len(e.Body)
	for name, values := range e.Headers {
		n += len(name)
		for _, v := range values {
			n += len(v)
		}
	}
	return int64(max(n, 1))
}

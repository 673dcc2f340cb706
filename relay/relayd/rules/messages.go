package rules

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"kiosk-agent/relay"
)

// CanaryTTL is how long the store holds a canary.
const CanaryTTL = 5 * time.Minute

// Subjects is the start of every subject in the store.
const Subjects = "hook."

// A Source is one sequence of messages: a terminal's own, or its merchant's. Its messages lie on
// three subjects below it, so that the quota of hooks and canaries cannot keep a mark out, nor what
// can be no notification a hook or a canary, and one read still covers all.
type Source string

// TerminalSource is the terminal's own.
func TerminalSource(id string) Source { return Source("t." + Handle(id)) }

// MerchantSource is what all terminals of a merchant read.
func MerchantSource(name string) Source { return Source("m." + Handle(name)) }

// Hooks is the subject of the source's hooks and canaries.
func (s Source) Hooks() string { return Subjects + string(s) + ".in" }

// Marks is the subject of its marks.
func (s Source) Marks() string { return Subjects + string(s) + ".mark" }

// Rest is the subject of what came to its hook URL and has no shape that could open.
func (s Source) Rest() string { return Subjects + string(s) + ".rest" }

// Filter covers all, in the store's notation.
func (s Source) Filter() string { return Subjects + string(s) + ".*" }

// Has reports whether a subject is one of the three.
func (s Source) Has(subject string) bool {
	return subject == s.Hooks() || subject == s.Marks() || subject == s.Rest()
}

// Handle makes any text a token of a subject and a key; it is also what a terminal is called on
// the wire.
func Handle(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// FromHandle is the text that a handle was made of.
func FromHandle(handle string) (id string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(handle)
	// The decoder passes over line ends.
	return string(b), err == nil && Handle(string(b)) == handle
}

// Envelope is a stored message. The route is not in it.
type Envelope struct {
	ID         string              `json:"id"`
	Kind       string              `json:"kind"`
	Nonce      string              `json:"nonce,omitempty"`
	Method     string              `json:"method,omitempty"`
	Path       string              `json:"path,omitempty"`
	Query      string              `json:"query,omitempty"`
	Headers    map[string][]string `json:"headers,omitempty"`
	Body       []byte              `json:"body,omitempty"`
	ReceivedAt relay.Time          `json:"received_at"`
	// Rest: it has no shape that could open
	Rest bool `json:"-"`
}

// Subject is where a source's message lies.
func (e Envelope) Subject(of Source) string {
	switch {
	case e.Kind == relay.KindMark:
		return of.Marks()
	case e.Rest:
		return of.Rest()
	default:
		return of.Hooks()
	}
}

// TTL is how long the store holds the message; 0 = for its retention.
func (e Envelope) TTL() time.Duration {
	if e.Kind == relay.KindCanary {
		return CanaryTTL
	}
	return 0
}

// Stored is an envelope at its place. One without a kind is not ours, or of a later program:
// readers pass over it, because no repetition would make it readable and those behind it must not
// wait.
type Stored struct {
	Seq     uint64
	Subject string
	Envelope
}

// Open reads a message as the store has it.
func Open(seq uint64, subject string, data []byte) *Stored {
	out := &Stored{Seq: seq, Subject: subject}
	if json.Unmarshal(data, &out.Envelope) != nil || out.ID == "" || out.ReceivedAt.IsZero() ||
		!known(out.Kind, out.Nonce) {
		out.Envelope = Envelope{}
	}
	return out
}

func known(kind, nonce string) bool {
	switch kind {
	case relay.KindHook, relay.KindMark:
		return true
	case relay.KindCanary:
		return relay.ValidNonce(nonce)
	default:
		return false
	}
}

// Delivery is the message as the agent gets it; the message must have a kind.
func (m *Stored) Delivery(epoch string) relay.Delivery {
	d := relay.Delivery{
		Position: relay.Position{Epoch: epoch, Seq: m.Seq, ID: m.ID},
		Kind:     m.Kind, Nonce: m.Nonce, ReceivedAt: m.ReceivedAt.Time,
	}
	if m.Kind == relay.KindHook {
		d.Hook = relay.Hook{Method: m.Method, Path: m.Path, Query: m.Query, Headers: m.Headers,
			Body: m.Body}
	}
	return d
}

// next returns the first message after a sequence on any of the sources. A source that was asked
// before the best candidate was seen is asked again: something older may have been stored there in
// between, and once a later one is delivered nobody would look back.
func next(ctx context.Context, r Reader, sources []Source, after uint64) (*Stored, error) {
	var best *Stored
	for i, asked := 0, 0; asked < len(sources); i, asked = (i+1)%len(sources), asked+1 {
		m, err := r.Next(ctx, sources[i], after)
		if err != nil {
			return nil, err
		}
		if m != nil && (best == nil || m.Seq < best.Seq) {
			best, asked = m, 0
		}
	}
	return best, nil
}

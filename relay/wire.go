package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// Subprotocol is offered by the agent and selected by the relay in the WebSocket handshake.
const Subprotocol = "kiosk-relay.v1"

// Close codes of the relay's own, beside those of RFC 6455.
const (
	CloseReplaced = 4001 // a newer connection of the same terminal has taken over
	CloseRevoked  = 4003 // the terminal was revoked, or its token is no longer valid
)

// CanaryHeader marks a request to the hook URL as a canary; its value is the nonce.
const CanaryHeader = "Kiosk-Canary"

// TerminalHeader names the terminal that a canary is for, as Welcome.Terminal does: a merchant's
// hook URL has many.
const TerminalHeader = "Kiosk-Terminal"

// AcceptHead is the one name of Accepts that has a meaning now: HeadMessage is spoken. A name that
// is not known is passed over.
const AcceptHead = "head"

// Sizes of messages, and of a hook's parts, in bytes.
const (
	MaxToRelay = 16 << 10 // a message from the agent
	// a message from the relay: a hook's body in base64, its headers, and room
	MaxToAgent   = 512 << 10
	MaxHookBody  = 64 << 10
	MaxCanaryLen = 64
	MaxHandleLen = 171 // a terminal's id, 128 bytes, in base64url
)

// ErrMalformed is wrapped by every error of Decode. The text never holds the message's content.
var ErrMalformed = errors.New("malformed message")

// Message is one of Hello, Ack, HeadMessage (agent to relay), Welcome, Gap, Delivery and
// CaughtUpMessage (relay to agent).
type Message interface{ messageType() string }

// Hello is the agent's first message.
type Hello struct {
	Position *Position `json:"position"` // nil: the journal holds none
	Journal  Head      `json:"journal"`
	// staff's word that Journal replaces the journal of this head
	Supersedes *Head  `json:"supersedes,omitempty"`
	Agent      string `json:"agent"` // program version, for the operator
	// what the agent speaks beyond the first v1; neither side sends what the other has not named
	Accepts []string `json:"accepts,omitempty"`
}

// Ack says that everything up to and with Position is in the journal, whose head is now Journal.
type Ack struct {
	Position Position `json:"position"`
	Journal  Head     `json:"journal"`
}

// HeadMessage says what the journal's head is now: the anchor. It follows each canary that came
// back, where both sides accept AcceptHead.
type HeadMessage struct {
	Journal Head `json:"journal"`
}

// Welcome answers Hello.
type Welcome struct {
	// the terminal's id in base64url, for TerminalHeader; "": a relay before merchants
	Terminal string `json:"terminal,omitempty"`
	Epoch    string `json:"epoch"`
	First    uint64 `json:"first"` // the store's oldest and newest sequence, over all terminals
	Last     uint64 `json:"last"`
	// the newest journal head known before this hello; nil: none
	Head       *Head `json:"head"`
	Now        Time  `json:"now"`         // the relay's wall clock
	RetentionS int64 `json:"retention_s"` // how long hooks are held
	InFlight   int   `json:"in_flight"`   // hooks and marks sent before an ack is awaited
	PingS      int64 `json:"ping_s"`      // a connection silent for three times as long is dead
	// what the relay speaks beyond the first v1; said to an agent that has said what it accepts
	Accepts []string `json:"accepts,omitempty"`
}

// Gap says that the terminal may have missed something; everything that the relay holds for it
// follows.
type Gap struct {
	Reason   string    `json:"reason"`
	Position *Position `json:"position"` // the position that was refused
}

// CaughtUpMessage says that everything that was held at the hello has been sent.
type CaughtUpMessage struct{}

func (Hello) messageType() string           { return "hello" }
func (Ack) messageType() string             { return "ack" }
func (HeadMessage) messageType() string     { return "head" }
func (Welcome) messageType() string         { return "welcome" }
func (Gap) messageType() string             { return "gap" }
func (Delivery) messageType() string        { return "delivery" }
func (CaughtUpMessage) messageType() string { return "caught_up" }

// Time is a time.Time that is written as RFC 3339 in UTC with milliseconds.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes the time.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"`+timeLayout+`"`), nil
}

// UnmarshalJSON accepts any RFC 3339 time and keeps its milliseconds.
func (t *Time) UnmarshalJSON(b []byte) error {
	parsed, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return errors.New("not an RFC 3339 time")
	}
	if y := parsed.UTC().Year(); y < 1 || y > 9999 {
		return errors.New("year out of range")
	}
	t.Time = parsed.UTC().Truncate(time.Millisecond)
	return nil
}

// wireDelivery is Delivery as it is written.
type wireDelivery struct {
	Position   Position `json:"position"`
	Kind       string   `json:"kind"`
	Nonce      string   `json:"nonce,omitempty"`
	ReceivedAt Time     `json:"received_at"`
	Hook       *Hook    `json:"hook,omitempty"`
}

// MarshalJSON writes the delivery's wire form without its type.
func (d Delivery) MarshalJSON() ([]byte, error) {
	w := wireDelivery{Position: d.Position, Kind: d.Kind, Nonce: d.Nonce,
		ReceivedAt: Time{d.ReceivedAt}}
	if d.Kind == KindHook {
		w.Hook = &d.Hook
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Delivery) UnmarshalJSON(b []byte) error {
	var w wireDelivery
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	if (w.Hook != nil) != (w.Kind == KindHook) || (w.Nonce != "") != (w.Kind == KindCanary) {
		return errors.New("content does not fit the kind")
	}
	*d = Delivery{Position: w.Position, Kind: w.Kind, Nonce: w.Nonce, ReceivedAt: w.ReceivedAt.Time}
	if w.Hook != nil {
		d.Hook = *w.Hook
	}
	return nil
}

// Encode writes a message with its type.
func Encode(m Message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.messageType(), err)
	}
	out := append(make([]byte, 0, len(body)+24), `{"type":"`...)
	out = append(append(out, m.messageType()...), '"')
	if len(body) > 2 {
		out = append(out, ',')
	}
	return append(out, body[1:]...), nil
}

// Decode reads one message and checks each field's range. Unknown fields are ignored, so that v1
// can grow; an unknown type is an error, because neither side may send what the other has not
// offered to understand.
func Decode(data []byte) (Message, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := decodeOne(data, &head); err != nil {
		return nil, err
	}
	switch head.Type {
	case "hello":
		return decodeAs(data, Hello.check)
	case "ack":
		return decodeAs(data, Ack.check)
	case "head":
		return decodeAs(data, HeadMessage.check)
	case "welcome":
		return decodeAs(data, Welcome.check)
	case "gap":
		return decodeAs(data, Gap.check)
	case "delivery":
		return decodeAs(data, Delivery.check)
	case "caught_up":
		return CaughtUpMessage{}, nil
	default:
		return nil, fmt.Errorf("%w: unknown type", ErrMalformed)
	}
}

// HeadAnswer is what the relay answers to GET /v1/head.
type HeadAnswer struct {
	Head *Head `json:"head"` // nil: none was ever told
}

const maxHeadAnswer = 4 << 10 // bytes

// decodeHeadAnswer reads a HeadAnswer; one that does not say "head" is none.
func decodeHeadAnswer(data []byte) (*Head, error) {
	var fields map[string]json.RawMessage
	if err := decodeOne(data, &fields); err != nil {
		return nil, err
	}
	raw, ok := fields["head"]
	if !ok {
		return nil, fmt.Errorf("%w: no head in it", ErrMalformed)
	}
	var head *Head
	if err := decodeOne(raw, &head); err != nil {
		return nil, err
	}
	if head == nil {
		return nil, nil
	}
	if err := head.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return head, nil
}

func decodeAs[M Message](data []byte, check func(M) error) (Message, error) {
	var m M
	if err := decodeOne(data, &m); err != nil {
		return nil, err
	}
	if err := check(m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, m.messageType(), err)
	}
	return m, nil
}

// decodeOne reads exactly one JSON value. The decoder's own error is dropped: it may quote content.
func decodeOne(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: not the JSON that its type demands", ErrMalformed)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: trailing bytes", ErrMalformed)
	}
	return nil
}

package till

import (
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// Now is the time that something happened at.
type Now struct {
	Wall time.Time     // for dates in responses only
	Boot string        // boot id
	Up   time.Duration // boot clock, runs through suspend
}

// Ticket names a question to the engine; its reply brings it back. A reply whose ticket nobody
// waits for any more changes nothing.
type Ticket uint64

// Input is something that happened. The set is closed: every type of this group.
type Input interface{ input() }

type (
	// Connected: the line has a connection. The machine asks for the newest sale before it judges
	// any request.
	Connected struct{}
	// Disconnected: it has none any more. What was being written may or may not have arrived.
	Disconnected struct{}
	// Received: bytes from the till, in any portions.
	Received struct{ Bytes []byte }
	// Drained: the last byte of the last Write has left.
	Drained struct{}
	// Ticked: the time that NextWake named has come, or any other moment.
	Ticked struct{}
	// Changed: a payment of whichever till has changed.
	Changed struct{ Payment payment.Payment }

	// Started, Cancelled and LastRead are replies with a payment.
	Started struct {
		To      Ticket
		Payment payment.Payment
		Err     error
	}
	Cancelled struct {
		To      Ticket
		Payment payment.Payment
		Err     error
	}
	LastRead struct {
		To      Ticket
		Payment payment.Payment
		Err     error
	}
	// Offered and Acknowledged are replies without one.
	Offered struct {
		To  Ticket
		Err error
	}
	Acknowledged struct {
		To  Ticket
		Err error
	}
	// StatusRead is the terminal's readiness.
	StatusRead struct {
		To     Ticket
		Status device.Status
		Err    error
	}
)

func (Connected) input()    {}
func (Disconnected) input() {}
func (Received) input()     {}
func (Drained) input()      {}
func (Ticked) input()       {}
func (Changed) input()      {}
func (Started) input()      {}
func (Cancelled) input()    {}
func (LastRead) input()     {}
func (Offered) input()      {}
func (Acknowledged) input() {}
func (StatusRead) input()   {}

// Effect is something to do, in order. The set is closed: every type of this group.
type Effect interface{ effect() }

type (
	// Write sends bytes; Drained must follow when the last of them has left. There is never a
	// second Write before that.
	Write struct{ Bytes []byte }
	// Close ends this connection: its peer is no till.
	Close struct{}

	// The questions to the engine; each is answered with its ticket. device.LinePayments documents
	// them.
	AskStart struct {
		To      Ticket
		Request payment.Request
	}
	AskCancel struct {
		To  Ticket
		Key payment.Key
	}
	AskLast  struct{ To Ticket }
	AskOffer struct {
		To       Ticket
		ID       string
		Revision int64
		Frame    []byte
	}
	AskAcknowledge struct {
		To       Ticket
		ID       string
		Revision int64
	}
	AskStatus struct{ To Ticket }
	// AskSupersede is not answered: a booking that fails is logged, and leaves what would be
	// without it.
	AskSupersede struct{ ID string }

	// Count is something for the metrics: an Event, or a request that was answered.
	Count struct{ Event Event }
	// Note is a line for the log: constant text and pairs of key and value, all safe.
	Note struct {
		Warn bool
		Text string
		Args []any
	}
)

func (Write) effect()          {}
func (Close) effect()          {}
func (AskStart) effect()       {}
func (AskCancel) effect()      {}
func (AskLast) effect()        {}
func (AskOffer) effect()       {}
func (AskAcknowledge) effect() {}
func (AskStatus) effect()      {}
func (AskSupersede) effect()   {}
func (Count) effect()          {}
func (Note) effect()           {}

// Event names what is counted on a line.
type Event string

// The events.
const (
	EventRequest    Event = "request"       // a frame that the till got an ACK for
	EventBad        Event = "bad_frame"     // a frame that it got a NAK for
	EventCut        Event = "cut_frame"     // a frame that stopped in the middle
	EventNoise      Event = "noise"         // bytes that belong to nothing
	EventSent       Event = "sent"          // a frame was sent for the first time
	EventRetransmit Event = "retransmitted" // or again
	EventAcked      Event = "acked"
	EventNaked      Event = "naked"
	EventStrayAck   Event = "stray_ack" // an ACK or NAK that nothing waited for
	EventUnacked    Event = "unacked"   // a frame was given up without an ACK
	EventAbandoned  Event = "abandoned" // the till asked for something else first
	// a sale was asked for again and answered from the store
	EventRepeat Event = "repeat"
	// or with TO, because it may as well have been a new one
	EventUncertain    Event = "uncertain"
	EventUncommitted  Event = "uncommitted"  // TO was told because the journal takes no entry
	EventDisconnected Event = "disconnected" // a connection ended
	EventHostile      Event = "hostile"      // a connection that no till made
)

// Events lists every Event.
func Events() []Event {
	return []Event{
		EventRequest, EventBad, EventCut, EventNoise, EventSent, EventRetransmit, EventAcked,
		EventNaked, EventStrayAck, EventUnacked,
		EventAbandoned, EventRepeat, EventUncertain, EventUncommitted, EventDisconnected,
		EventHostile,
	}
}

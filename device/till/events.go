package till

import (
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/bootclock"
	"kiosk-agent/payment"
)

// Now is the time that an event happened at; Wall is for dates in responses only.
type Now = bootclock.Now

// Ticket names a question to the engine; its reply brings it back. A reply whose ticket nobody
// waits for any more changes nothing.
type Ticket uint64

// Event is something that happened. The set is closed: every type of this group.
//
//sumtype:decl
type Event interface{ event() }

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
		Before  []payment.Payment // older ones, newest first; where they were asked for
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
	// Superseded is the reply to AskSupersede.
	Superseded struct {
		To  Ticket
		Err error
	}
	// SoldRead is what the till has sold.
	SoldRead struct {
		To   Ticket
		Sold payment.Sold
		Err  error
	}
	// StatusRead is the terminal's readiness.
	StatusRead struct {
		To     Ticket
		Status device.Status
		Err    error
	}
)

func (Connected) event()    {}
func (Disconnected) event() {}
func (Received) event()     {}
func (Drained) event()      {}
func (Ticked) event()       {}
func (Changed) event()      {}
func (Started) event()      {}
func (Cancelled) event()    {}
func (LastRead) event()     {}
func (Offered) event()      {}
func (Acknowledged) event() {}
func (Superseded) event()   {}
func (SoldRead) event()     {}
func (StatusRead) event()   {}

// Effect is something to do, in order. The set is closed: every type of this group.
//
//sumtype:decl
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
	// AskLast asks for the newest sale; Before wants those before it, too ([OlderThan]).
	AskLast struct {
		To     Ticket
		Before bool
	}
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
	// AskSold asks what the till has sold in [From, Until).
	AskSold struct {
		To          Ticket
		From, Until time.Time
	}
	AskSupersede struct {
		To  Ticket
		Key payment.Key
	}

	// Count is something for the metrics.
	Count struct{ Counter Counter }
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
func (AskSold) effect()        {}
func (AskSupersede) effect()   {}
func (Count) effect()          {}
func (Note) effect()           {}

// Counter names what is counted on a line.
type Counter string

// The counters.
const (
	CounterRequest    Counter = "request"       // a frame that the till got an ACK for
	CounterBad        Counter = "bad_frame"     // a frame that it got a NAK for
	CounterCut        Counter = "cut_frame"     // a frame that stopped in the middle
	CounterNoise      Counter = "noise"         // bytes that belong to nothing
	CounterSent       Counter = "sent"          // a frame was sent for the first time
	CounterRetransmit Counter = "retransmitted" // or again
	CounterAcked      Counter = "acked"
	CounterNaked      Counter = "naked"
	CounterStrayAck   Counter = "stray_ack" // an ACK or NAK that nothing waited for
	CounterUnacked    Counter = "unacked"   // a frame was given up without an ACK
	CounterAbandoned  Counter = "abandoned" // the till asked for something else first
	// a sale was asked for again and answered from the store
	CounterRepeat Counter = "repeat"
	// or with TO, because it may as well have been a new one
	CounterUncertain    Counter = "uncertain"
	CounterUncommitted  Counter = "uncommitted"  // TO was told because the journal takes no entry
	CounterDisconnected Counter = "disconnected" // a connection ended
	CounterHostile      Counter = "hostile"      // a connection that no till made
	CounterEcho         Counter = "echo"         // what was sent came back
	CounterAnswer       Counter = "answer"       // another terminal's answer came in
)

// Counters lists every Counter.
func Counters() []Counter {
	return []Counter{
		CounterRequest, CounterBad, CounterCut, CounterNoise, CounterSent, CounterRetransmit,
		CounterAcked, CounterNaked, CounterStrayAck, CounterUnacked, CounterAbandoned,
		CounterRepeat, CounterUncertain, CounterUncommitted, CounterDisconnected, CounterHostile,
		CounterEcho, CounterAnswer,
	}
}

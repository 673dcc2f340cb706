package relay

import "fmt"

// Input is what Machine.Step takes: one of the In types.
type Input interface{ input() }

// Inputs. Conn is the number of the connection attempt that the answer belongs to.
type (
	InStart   struct{}
	InTick    struct{} // time has passed; see Machine.Next
	InJournal struct { // answers DoReadJournal
		Conn     int
		Position Position
		Has      bool
		Head     Head
		Err      error
	}
	InDialed struct { // answers DoDial: nil when the hello is on its way
		Conn int
		Err  error
	}
	InMessage struct {
		Conn    int
		Message Message
	}
	InLost struct { // the connection ended, or could not be written
		Conn int
		Err  error
	}
	InHandled struct { // answers DoHandle; Head is read after the commit
		Head Head
		Err  error
	}
	InCanary struct{} // somebody wants the path proved now
	InPosted struct { // answers DoPostCanary
		Nonce string
		Err   error // a refusal by the hook URL; nil when it was taken, or when nothing is known
	}
	InSupersede struct{ Head Head } // staff have recovered the journal
)

func (InStart) input()     {}
func (InTick) input()      {}
func (InJournal) input()   {}
func (InDialed) input()    {}
func (InMessage) input()   {}
func (InLost) input()      {}
func (InHandled) input()   {}
func (InCanary) input()    {}
func (InPosted) input()    {}
func (InSupersede) input() {}

// Effect is what the shell must do: one of the Do types.
type Effect interface{ effect() }

// Effects. Each but DoSend, DoClose and DoObserve is answered by one input.
type (
	DoReadJournal struct{ Conn int }
	DoDial        struct { // connect and send Hello
		Conn  int
		Hello Hello
	}
	DoSend struct {
		Conn    int
		Message Message
	}
	DoClose struct { // also gives up a dial under way
		Conn int
		Err  error
	}
	DoHandle struct { // a Gap or a Delivery for the Handler; the next comes only after InHandled
		Message Message
	}
	// Terminal as the relay calls it; "" when it has not said
	DoPostCanary struct{ Nonce, Terminal string }
	DoObserve    struct{ Event Event }
)

func (DoReadJournal) effect() {}
func (DoDial) effect()        {}
func (DoSend) effect()        {}
func (DoClose) effect()       {}
func (DoHandle) effect()      {}
func (DoPostCanary) effect()  {}
func (DoObserve) effect()     {}

// CloseError is the relay's WebSocket close, with a code of RFC 6455 or one of the Close constants.
type CloseError struct {
	Code int
	Text string
}

func (e *CloseError) Error() string {
	switch e.Code {
	case CloseReplaced:
		return "closed by the relay: another connection uses this terminal's token (a second " +
			"agent, or a cloned device?)"
	case CloseRevoked:
		return "closed by the relay: this terminal's token is no longer valid"
	default:
		return fmt.Sprintf("closed by the relay: %d %.120q", e.Code, e.Text)
	}
}

// DialError is the relay's HTTP answer to the handshake.
type DialError struct{ Status int }

func (e *DialError) Error() string {
	switch e.Status {
	case 401:
		return "the relay refused the token (401): check relay.token, or run kiosk-relay " +
			"terminal rotate"
	case 403:
		return "the relay refused the connection (403): check that relay.url names the relay's " +
			"public host"
	default:
		return fmt.Sprintf("the relay answered the handshake with HTTP status %d", e.Status)
	}
}

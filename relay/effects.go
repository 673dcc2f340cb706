package relay

import "fmt"

// Event is something that happened. The set is closed: every type of this group.
//
//sumtype:decl
type Event interface{ event() }

// Events. Conn is the number of the connection attempt that the answer belongs to.
type (
	Started  struct{} // the first of all
	Ticked   struct{} // the time that NextWake named has come, or any other moment
	HeadRead struct { // answers ReadHead
		Conn  int
		Known KnownHead
		Err   error
	}
	HeadJudged struct { // answers JudgeHead: nil when the hello may be said
		Conn int
		Err  error
	}
	JournalRead struct { // answers ReadJournal
		Conn     int
		Position Position
		Has      bool
		Head     Head
		Err      error
	}
	Dialed struct { // answers Dial: nil when the hello is on its way
		Conn int
		Err  error
	}
	Received struct {
		Conn    int
		Message Message
	}
	Lost struct { // the connection ended, or could not be written
		Conn int
		Err  error
	}
	Handled struct { // answers Handle; Head is read after the commit
		Head Head
		Err  error
	}
	CanaryAsked  struct{} // somebody wants the path proved now
	HeadWanted   struct{} // the journal has something that the relay should know
	CanaryPosted struct { // answers PostCanary
		Nonce string
		Err   error // a refusal by the hook URL; nil when it was taken, or when nothing is known
	}
	HeadTaken struct { // answers TakeHead
		Conn int
		Head Head
		OK   bool // it may be told
	}
	SupersedeAsked struct{ Head Head } // staff have recovered the journal
	ResumeAsked    struct{}            // the journal wants to be asked for its position again
)

func (Started) event()        {}
func (Ticked) event()         {}
func (HeadRead) event()       {}
func (HeadJudged) event()     {}
func (JournalRead) event()    {}
func (Dialed) event()         {}
func (Received) event()       {}
func (Lost) event()           {}
func (Handled) event()        {}
func (CanaryAsked) event()    {}
func (HeadWanted) event()     {}
func (CanaryPosted) event()   {}
func (HeadTaken) event()      {}
func (SupersedeAsked) event() {}
func (ResumeAsked) event()    {}

// Effect is something to do, in order. The set is closed: every type of this group.
//
//sumtype:decl
type Effect interface{ effect() }

// Effects. Each but Send, Close and Observe is answered by one event.
type (
	ReadHead  struct{ Conn int } // ask the relay what it remembers of the journal
	JudgeHead struct {           // the journal's owner says whether to say hello
		Conn  int
		Known KnownHead
	}
	ReadJournal struct{ Conn int }
	Dial        struct { // connect and send Hello
		Conn  int
		Hello Hello
	}
	Send struct {
		Conn    int
		Message Message
	}
	Close struct { // also gives up a dial under way
		Conn int
		Err  error
	}
	Handle struct { // a Gap or a Delivery for the Handler; the next comes only after Handled
		Message Message
	}
	PostCanary struct {
		Nonce    string
		Terminal string // as the relay calls it; "" when it has not said
	}
	TakeHead struct { // the journal's head, if its owner lets the relay be told
		Conn int
	}
	Observe struct{ Observation Observation } // for the log, the metrics and the engine
)

func (ReadHead) effect()    {}
func (JudgeHead) effect()   {}
func (ReadJournal) effect() {}
func (Dial) effect()        {}
func (Send) effect()        {}
func (Close) effect()       {}
func (Handle) effect()      {}
func (PostCanary) effect()  {}
func (TakeHead) effect()    {}
func (Observe) effect()     {}

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

// DialError is the relay's HTTP answer to the handshake, or to the question before it.
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
		return fmt.Sprintf("the relay answered with HTTP status %d", e.Status)
	}
}

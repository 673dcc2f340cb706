package jsonrpc

import "errors"

// Conn moves whole messages; what a message means is not its concern. Implementations: WebSocket
// (websocket.go), a line (line.go).
type Conn interface {
	// Read returns the next message. It is called from one goroutine. It ends with an error when
	// the connection does; errors that wrap ErrTooLarge, ErrNotText or ErrNotJSON say that the peer
	// broke the framing. After Close it goes on to discard what arrives until the peer has closed
	// too or a grace period is over.
	Read() ([]byte, error)
	// Write sends one message, whole or not at all, within the transport's write deadline. It is
	// called from one goroutine.
	Write(msg []byte) error
	// Close tells the peer why, where the transport can, and frees Read and Write. It is called
	// once, by neither of their goroutines.
	Close(why Ending)
}

// Framing faults.
var (
	ErrTooLarge = errors.New("message too large")
	ErrNotText  = errors.New("not a text message")
	ErrSilent   = errors.New("no answer to pings")
	ErrNotJSON  = errors.New("not a line of JSON")
)

// Ending says why a connection ends; its text is a label of a metric.
type Ending string

// The endings.
const (
	EndPeer     Ending = "peer"      // the peer closed, or the connection broke
	EndShutdown Ending = "shutdown"  // the agent stops
	EndSlow     Ending = "slow"      // the peer does not read what it is sent
	EndTooLarge Ending = "too_large" // a message over the limit
	EndNotText  Ending = "not_text"
	EndSilent   Ending = "silent" // pings were not answered
	// a newer connection of the same till has taken its place
	EndReplaced Ending = "replaced"
	// on a TCP line, where the first malformed line ends the connection
	EndNotJSON Ending = "malformed"
)

func endingOf(err error) Ending {
	switch {
	case errors.Is(err, ErrTooLarge):
		return EndTooLarge
	case errors.Is(err, ErrNotText):
		return EndNotText
	case errors.Is(err, ErrSilent):
		return EndSilent
	case errors.Is(err, ErrNotJSON):
		return EndNotJSON
	default:
		return EndPeer
	}
}

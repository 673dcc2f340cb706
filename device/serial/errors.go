package serial

import (
	"errors"
	"strings"
)

// What can be wrong with a line. An *Error wraps exactly one of them.
var (
	ErrMissing    = errors.New("no such device")
	ErrAmbiguous  = errors.New("several devices match")
	ErrPermission = errors.New("no permission")
	ErrBusy       = errors.New("in use")
	ErrNotSerial  = errors.New("not a serial device")
	ErrHungUp     = errors.New("the line hung up")    // unplugged, or the peer closed
	ErrBlocked    = errors.New("nothing can be sent") // a write was not done in time
	ErrClosed     = errors.New("the line is closed")  // by this program
	// TCP: cannot listen there, or connect to it
	ErrAddress = errors.New("the address cannot be used")
	ErrIO      = errors.New("the device failed") // anything else
	ErrMode    = errors.New("the device does not take the settings")
)

// kinds names each of them in metrics.
var kinds = []struct {
	err   error
	label string
}{
	{ErrMissing, "missing"}, {ErrAmbiguous, "ambiguous"}, {ErrPermission, "permission"},
	{ErrBusy, "busy"}, {ErrNotSerial, "not_serial"}, {ErrHungUp, "hung_up"},
	{ErrBlocked, "blocked"}, {ErrClosed, "closed"}, {ErrAddress, "address"}, {ErrIO, "io"},
	{ErrMode, "mode"},
}

func kindOf(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.label
		}
	}
	return "session"
}

// Error says what is wrong with a line, and what a person can do about it. Its texts hold nothing
// that came over the line.
type Error struct {
	Op    string // "open", "lock", "mode", "read", "write", "listen", "accept", "connect"
	Name  string // the device's path or the address
	Kind  error  // one of the Err values above
	Cause error  // may be nil
	Hint  string // may be ""
}

// Error is one line of text without the hint.
func (e *Error) Error() string {
	s := e.Op + " " + e.Name + ": " + e.Kind.Error()
	if e.Cause != nil {
		s += " (" + strings.TrimSpace(e.Cause.Error()) + ")"
	}
	return s
}

// Unwrap gives kind and cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

func hintOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Hint
	}
	return ""
}

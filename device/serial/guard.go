package serial

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Verdict is what a Guard says about a TCP connection's first bytes. A Verdict that refuses is a
// label of a metric.
type Verdict string

// The verdicts.
const (
	Pass  Verdict = "pass"
	More  Verdict = "more" // not to be told from these bytes: ask again with more
	HTTP  Verdict = "http"
	TLS   Verdict = "tls"
	Noise Verdict = "noise" // not how this protocol begins
)

// Refusals that the Link itself pronounces, and the ones that sessions may report besides those
// above.
const (
	refusedAddress = "address"   // not in AllowFrom
	refusedBusy    = "busy"      // another till's connection is live
	refusedCrowd   = "crowd"     // too many silent connections; the oldest goes
	refusedOther   = "other"     // a session's reason that is not listed
	refusedWords   = "malformed" // a session could not read what came
	refusedToken   = "token"     // a session was not given the right token
)

var refusedFor = []string{string(HTTP), string(TLS), string(Noise), refusedAddress, refusedBusy,
	refusedCrowd, refusedOther, refusedWords, refusedToken}

// maxFirst bounds the bytes that guards may ask for.
const maxFirst = 64

// Guard looks at the first bytes that a TCP peer sent (1 to 64 of them) before serve is called. A
// Guard that still says More at 64 bytes passes.
type Guard func(first []byte) Verdict

// webWords begin what a browser can be made to send to a local port: HTTP requests, and the preface
// of HTTP/2.
var webWords = []string{"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ",
	"CONNECT ", "TRACE ", "PRI * "}

// tlsHello begins a TLS record with a handshake message, of any version.
var tlsHello = []byte{0x16, 0x03}

// WebGuard refuses connections that begin like HTTP or TLS. It is always asked; a protocol's own
// Guard comes after it. It says so on the first four bytes at the latest, and passes on the first
// byte whatever begins otherwise, such as STX or "{".
func WebGuard(first []byte) Verdict {
	switch {
	case bytes.HasPrefix(first, tlsHello):
		return TLS
	case bytes.HasPrefix(tlsHello, first):
		return More
	}
	verdict := Pass
	for _, w := range webWords {
		w = w[:4]
		switch got := strings.ToUpper(string(first[:min(len(first), 4)])); {
		case got == w:
			return HTTP
		case strings.HasPrefix(w, got):
			verdict = More
		}
	}
	return verdict
}

// both asks WebGuard and then g, which may be nil.
func both(g Guard, first []byte) Verdict {
	v := WebGuard(first)
	if v == Pass && g != nil {
		v = g(first)
	}
	if v == More && len(first) >= maxFirst {
		return Pass
	}
	return v
}

// ErrHostile is what a session's error wraps when the peer does not speak the protocol at all.
var ErrHostile = errors.New("not a till")

// HostileError is returned by a serve function that was sent what no till sends, such as three
// noise bytes before the first STX. The Link closes the connection and counts it.
type HostileError struct {
	Reason string // "noise", "malformed", "token"; anything else is counted as "other"
}

func (e *HostileError) Error() string { return fmt.Sprintf("%v: %.40s", ErrHostile, e.Reason) }

// Is makes errors.Is(err, ErrHostile) true.
func (e *HostileError) Is(target error) bool { return target == ErrHostile }

// Hostile is the reason. Packages that do not import this one report theirs by an error with this
// method; "" means that the peer may well be a till.
func (e *HostileError) Hostile() string { return e.Reason }

// hostility is the reason's label if err says that the peer is no till.
func hostility(err error) (reason string, ok bool) {
	var h interface {
		error
		Hostile() string
	}
	if !errors.As(err, &h) || h.Hostile() == "" {
		return "", false
	}
	for _, r := range refusedFor {
		if r == h.Hostile() {
			return r, true
		}
	}
	return refusedOther, true
}

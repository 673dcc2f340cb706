package ecrtill

import (
	"bytes"
	"time"
)

// Misbehaviour is how a till, or its cable, departs from the document. The zero value is a
// well-made till on a good cable.
type Misbehaviour struct {
	NeverACK bool          // of responses
	LateACK  time.Duration // how much later than at once
	TwiceACK bool
	GlueACK  bool // the ACK of a response leaves in one write with the next request, and not before

	Split bool   // one write for each byte
	Noise []byte // before each frame
	// what leaves instead of a frame; try counts from 1
	Transmit func(try int, frame []byte) []byte
	// what the cable makes of what arrives; ok = false: nothing arrived
	Hear func(e Event) (heard Event, ok bool)
}

// Garble flips the bits of mask in byte at, in the first n transmissions of each frame.
func Garble(n, at int, mask byte) func(int, []byte) []byte {
	return first(n, func(frame []byte) []byte { frame[at%len(frame)] ^= mask; return frame })
}

// Lose removes one byte in the first n transmissions of each frame.
func Lose(n, at int) func(int, []byte) []byte {
	return first(n, func(frame []byte) []byte {
		at := at % len(frame)
		return append(frame[:at], frame[at+1:]...)
	})
}

// Double sends one byte twice in the first n transmissions of each frame.
func Double(n, at int) func(int, []byte) []byte {
	return first(n, func(frame []byte) []byte {
		at := at % len(frame)
		return append(append(bytes.Clone(frame[:at+1]), frame[at]), frame[at+1:]...)
	})
}

// Cut sends only the frame's beginning and then nothing, in the first n transmissions of each
// frame.
func Cut(n, at int) func(int, []byte) []byte {
	return first(n, func(frame []byte) []byte { return frame[:at%len(frame)] })
}

// Before sends bytes right before the frame, in the first n transmissions.
func Before(n int, b []byte) func(int, []byte) []byte {
	return first(n, func(frame []byte) []byte { return append(bytes.Clone(b), frame...) })
}

// Repeat sends the whole frame twice in one go, in the first n transmissions.
func Repeat(n int) func(int, []byte) []byte {
	return first(n, func(frame []byte) []byte { return append(bytes.Clone(frame), frame...) })
}

func first(n int, spoil func([]byte) []byte) func(int, []byte) []byte {
	return func(try int, frame []byte) []byte {
		if try > n {
			return frame
		}
		return spoil(bytes.Clone(frame))
	}
}

// Deaf loses the next n events of this kind on their way to the till.
func Deaf(n int, kind Kind) func(Event) (Event, bool) {
	return func(e Event) (Event, bool) {
		if e.Kind == kind && n > 0 {
			n--
			return Event{}, false
		}
		return e, true
	}
}

// Spoil makes the LRC of the next n frames wrong on their way to the till.
func Spoil(n int) func(Event) (Event, bool) {
	return func(e Event) (Event, bool) {
		if e.Kind == Frame && n > 0 {
			n--
			return Event{Kind: Bad, Raw: e.Raw, Err: frameError("spoiled by the cable")}, true
		}
		return e, true
	}
}

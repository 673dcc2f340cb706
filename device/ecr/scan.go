package ecr

import "bytes"

// EventKind says what a Scanner found.
type EventKind int

// The kinds of events.
const (
	None   EventKind = iota // nothing yet: give it more bytes
	Frame                   // a frame whose LEN, ETX and LRC are right
	Ack                     // the ACK byte, outside frames
	Nak                     // the NAK byte, outside frames
	Bad                     // something that began as a frame and is none
	Noise                   // bytes that are neither, outside frames
	Answer                  // for a scanner of requests: a frame that only a terminal sends
)

func (k EventKind) String() string {
	return [...]string{"none", "frame", "ack", "nak", "bad", "noise", "answer"}[k]
}

// Reason says what is wrong with a frame.
type Reason int

// The reasons of a Bad event.
const (
	BadLength Reason = iota + 1 // LEN is no number, or too small or too large for a frame
	BadETX                      // no ETX where LEN says it is
	BadLRC                      // the LRC is another
	Cut                         // the line fell silent inside the frame: dropped, never NAKed
)

func (r Reason) String() string {
	return [...]string{"", "bad length", "bad etx", "bad lrc", "cut off"}[r]
}

// Event is what a Scanner found. Raw, Request and Response are valid until the scanner's next call.
type Event struct {
	Kind     EventKind
	Raw      []byte    // Frame, Answer: the frame, STX through LRC. Bad: what was kept of it
	Request  *Request  // Frame, from a scanner of requests
	Response *Response // Frame, from a scanner of responses; Answer
	// Frame, Answer: wraps ErrFrame if its structure is wrong; the header is set if it could be
	// read (ECN not nil)
	Err    error
	Reason Reason // Bad
	N      int    // Noise, Bad: how many bytes
}

type scanState int

const (
	idle   scanState = iota
	inside           // a frame has begun
	spoilt           // a frame has gone wrong and nobody knows where it ends: wait for silence
	// after what frames are made of, without a silence since: the next STX counts, ACK and NAK not
	hunt
)

// Scanner finds frames, ACK and NAK in a stream of bytes. It goes by LEN and never looks for ETX,
// because LEN, the lengths of fields and the LRC may have the value of any control byte. One of
// requests makes no Request of a frame that only a terminal sends: what returns on a line that
// echoes is no order. It is for one goroutine, holds one frame at most, and allocates nothing after
// it was made.
//
// The caller feeds it with Next and, when Pending and the line has been silent for the dialect's
// gap, calls Gap. When a frame turns out bad in a way that leaves its end unknown, everything up to
// the next Gap belongs to it and the Bad event comes then: a byte of its rest must not count as an
// ACK, and the till must not be told NAK while it is still sending.
type Scanner struct {
	d        *Dialect
	state    scanState
	hunting  bool // since when inside was entered
	reason   Reason
	skipped  int // bytes of a spoilt frame that are not in buf
	want     int // size of the frame, once LEN is known
	buf      []byte
	noise    int // before the first STX
	begun    bool
	requests bool
	req      Request
	resp     Response
}

// NewRequestScanner is the terminal's side: it reads what tills send.
func (d *Dialect) NewRequestScanner() *Scanner {
	s := &Scanner{d: d, requests: true, buf: make([]byte, 0, d.MaxFrame())}
	s.req = Request{Message: Message{Fields: make([]Field, 0, d.mostFields())}, d: d}
	return s
}

// NewResponseScanner is the till's side: it reads what terminals send.
func (d *Dialect) NewResponseScanner() *Scanner {
	s := &Scanner{d: d, buf: make([]byte, 0, d.MaxFrame())}
	s.resp = Response{Message: Message{Fields: make([]Field, 0, d.mostFields())}, d: d}
	return s
}

// mostFields is how many fields fit into the greatest frame.
func (d *Dialect) mostFields() int {
	return d.MaxFrame() / (d.s.Field.Code + d.s.Field.Width + len(d.fieldSep))
}

// Reset forgets everything: a new connection.
func (s *Scanner) Reset() {
	s.state, s.hunting, s.noise, s.begun = idle, false, 0, false
	s.buf = s.buf[:0]
}

// Pending reports whether the scanner waits for the rest of something, so that silence means
// something: the caller's gap timer runs while it is true, and starts again with each byte.
func (s *Scanner) Pending() bool { return s.state != idle }

// NoiseBeforeSTX counts the bytes that were neither STX, ACK nor NAK before the first STX since the
// scanner was made or Reset.
func (s *Scanner) NoiseBeforeSTX() int { return s.noise }

// Next takes bytes from p up to the end of the first event and returns it with the bytes that are
// left. An event of kind None says that all of p was taken.
func (s *Scanner) Next(p []byte) (ev Event, rest []byte) {
	for len(p) > 0 {
		switch s.state {
		case idle, hunt:
			ev, p = s.outside(p)
		case inside:
			ev, p = s.inside(p)
		case spoilt:
			ev, p = s.skip(p)
		}
		if ev.Kind != None {
			return ev, p
		}
	}
	return Event{}, nil
}

// Gap says that the line has been silent for the dialect's gap. What was begun is over: Cut, or the
// Bad event of a frame that was spoilt before.
func (s *Scanner) Gap() Event {
	state := s.state
	s.state, s.hunting = idle, false
	switch state {
	case inside:
		return Event{Kind: Bad, Reason: Cut, Raw: s.buf, N: len(s.buf)}
	case spoilt:
		return s.spoiltEvent()
	default:
		return Event{}
	}
}

// outside looks for the start of something.
func (s *Scanner) outside(p []byte) (Event, []byte) {
	for i, b := range p {
		if b != s.d.stx && (s.state == hunt || b != s.d.ack && b != s.d.nak) {
			if b >= ' ' && b <= '~' { // not what a line makes by itself: a frame whose STX is lost
				s.state = hunt
			}
			continue // noise
		}
		if i > 0 {
			return s.noisy(p[:i]), p[i:]
		}
		switch b {
		case s.d.stx:
			s.buf = append(s.buf[:0], b)
			s.hunting = s.state == hunt
			s.state, s.begun, s.want, s.skipped = inside, true, 0, 0
			return Event{}, p[1:]
		case s.d.ack:
			return Event{Kind: Ack}, p[1:]
		default:
			return Event{Kind: Nak}, p[1:]
		}
	}
	return s.noisy(p), nil
}

func (s *Scanner) noisy(p []byte) Event {
	if !s.begun {
		s.noise += len(p) - bytes.Count(p, []byte{s.d.ack}) - bytes.Count(p, []byte{s.d.nak})
	}
	return Event{Kind: Noise, N: len(p)}
}

// inside collects LEN, then as many bytes as LEN says.
func (s *Scanner) inside(p []byte) (Event, []byte) {
	head := 1 + s.d.length.width
	if s.want == 0 {
		p = s.take(p, head)
		if len(s.buf) < head {
			return Event{}, nil
		}
		n, ok := s.d.length.read(s.buf[1:])
		fields := n - s.d.overhead
		if !ok || fields < 0 || s.d.frameLen(fields) > s.d.MaxFrame() {
			s.spoil(BadLength)
			return Event{}, p
		}
		s.want = s.d.frameLen(fields)
	}
	p = s.take(p, s.want)
	if len(s.buf) < s.want {
		return Event{}, nil
	}
	return s.finish(), p
}

// take moves bytes from p until buf holds n.
func (s *Scanner) take(p []byte, n int) []byte {
	k := min(n-len(s.buf), len(p))
	s.buf = append(s.buf, p[:k]...)
	return p[k:]
}

// finish judges a frame of the right size.
func (s *Scanner) finish() Event {
	n := len(s.buf)
	if s.buf[n-2] != s.d.etx {
		s.spoil(BadETX)
		return Event{}
	}
	m := &s.resp.Message
	if s.requests {
		m = &s.req.Message
	}
	err := s.d.parse(s.buf, m)
	if s.d.lrc(s.buf) == s.buf[n-1] {
		s.state, s.hunting = idle, false
		ev := Event{Kind: Frame, Raw: s.buf, Err: err}
		switch {
		case !s.requests:
			ev.Response = &s.resp
		case s.d.isResponse(m):
			s.resp = Response{Message: *m, d: s.d}
			ev.Kind, ev.Response = Answer, &s.resp
		default:
			ev.Request = &s.req
		}
		return ev
	}
	if err != nil {
		s.spoil(BadLRC) // nothing says that LEN is right
		return Event{}
	}
	// the structure fits LEN: this is where the frame ends, so that the till can be told at once
	s.state = idle
	if s.hunting {
		s.state = hunt
	}
	return Event{Kind: Bad, Reason: BadLRC, Raw: s.buf, N: n}
}

func (s *Scanner) spoil(r Reason) { s.state, s.reason = spoilt, r }

// skip drops what comes after a spoilt frame, but not for ever: a line that never falls silent is
// searched again.
func (s *Scanner) skip(p []byte) (Event, []byte) {
	k := min(s.d.MaxFrame()-s.skipped, len(p))
	s.skipped += k
	if s.skipped < s.d.MaxFrame() {
		return Event{}, nil
	}
	s.state = hunt
	return s.spoiltEvent(), p[k:]
}

func (s *Scanner) spoiltEvent() Event {
	return Event{Kind: Bad, Reason: s.reason, Raw: s.buf, N: len(s.buf) + s.skipped}
}

package ecrtill

// Kind is what a Parser found.
type Kind int

// The kinds of Event.
const (
	ACK   Kind = iota + 1
	NAK        // the peer wants the frame again
	Frame      // a good message
	Bad        // a frame whose length, ETX, LRC or content is wrong
	Noise      // a byte between frames that means nothing
)

// Event is something that arrived.
type Event struct {
	Kind    Kind
	Message Message // of a Frame
	Raw     []byte  // of a Frame or Bad
	Err     error   // of Bad
}

// maxFrame bounds what the till collects; the longest response of the document has about 350 bytes.
const maxFrame = 2048

// Parser reads bytes as they come, by length. The zero Parser is ready. It keeps at most maxFrame
// bytes.
type Parser struct {
	buf  []byte
	need int   // length of the whole frame once it is known
	lost error // the length was wrong: everything up to the next gap belongs to it
}

// Mid reports whether a frame has begun and not ended.
func (p *Parser) Mid() bool { return len(p.buf) > 0 || p.lost != nil }

// Push takes the next byte; ok says whether it completed an event.
func (p *Parser) Push(b byte) (e Event, ok bool) {
	if p.lost != nil {
		return Event{}, false
	}
	if len(p.buf) == 0 {
		return p.between(b)
	}
	p.buf = append(p.buf, b)
	if len(p.buf) == 3 {
		n, valid := unpacked(p.buf[1], p.buf[2])
		if p.need = 3 + n + 2; !valid || n < headerLen || p.need > maxFrame {
			p.lost = frameError("length %x", p.buf[1:3])
		}
		return Event{}, false
	}
	if len(p.buf) < 3 || len(p.buf) < p.need {
		return Event{}, false
	}
	raw := p.buf
	p.reset()
	m, err := Decode(raw)
	if err != nil {
		return Event{Kind: Bad, Raw: raw, Err: err}, true
	}
	return Event{Kind: Frame, Message: m, Raw: raw}, true
}

func (p *Parser) between(b byte) (Event, bool) {
	switch b {
	case stx:
		p.buf = append(p.buf, b)
		return Event{}, false
	case ack:
		return Event{Kind: ACK}, true
	case nak:
		return Event{Kind: NAK}, true
	default:
		return Event{Kind: Noise, Raw: []byte{b}}, true
	}
}

// Gap tells the parser that the line has been silent for longer than a frame may pause. A frame
// with a wrong length is Bad only now, so that its other bytes are not taken for something else; a
// frame that merely stopped is dropped without a word.
func (p *Parser) Gap() (e Event, ok bool) {
	raw, err := p.buf, p.lost
	p.reset()
	return Event{Kind: Bad, Raw: raw, Err: err}, err != nil
}

func (p *Parser) reset() { p.buf, p.need, p.lost = nil, 0, nil }

package jsonrpc

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"
)

const (
	// maxLineGap is the longest pause within a message on a serial line. What came before it is the
	// torso of a message that its till will not finish, because it was switched off or unplugged in
	// the middle: it would spoil the next one.
	maxLineGap = 2 * time.Second
	// lineChunk is how much is read at a time.
	lineChunk = 4 << 10
)

// Line is an open serial or TCP line; device/serial has them. Its Write has a deadline, and after
// any error the line is of no use any more.
type Line interface {
	// Read waits for at least one byte.
	Read(p []byte) (int, error)
	// Write sends all of p, or fails. It may be called by several goroutines.
	Write(p []byte) error
	// CloseWrite says on TCP that nothing more comes; elsewhere it does nothing.
	CloseWrite() error
	// Close frees Read and Write. It may be called more than once.
	Close() error
}

// lineConn is a Conn over a Line: one message each, ended by a newline. Empty lines are skipped,
// and a carriage return before the newline is white space. On TCP a line that is too long or no
// JSON ends the connection; on a serial line, where noise is nobody's fault, the session answers it
// and goes on: a line that is too long comes as nil then.
type lineConn struct {
	line Line
	tcp  bool
	now  func() time.Time
	dead chan struct{} // closed when Read has ended

	// The rest belongs to Read.
	chunk   [lineChunk]byte
	pending []byte // read, and not a whole line yet
	scanned int    // of pending, without a newline
	skip    bool   // the present line is too long: nothing of it is kept
}

func newLineConn(l Line, tcp bool) *lineConn {
	return &lineConn{line: l, tcp: tcp, now: time.Now, dead: make(chan struct{})}
}

func (c *lineConn) Read() (msg []byte, err error) {
	defer func() {
		if err != nil {
			close(c.dead)
		}
	}()
	for {
		raw, skipped, ok := c.next()
		switch {
		case !ok:
			if err := c.fill(); err != nil {
				return nil, err
			}
		case skipped && c.tcp:
			return nil, ErrTooLarge
		case skipped:
			return nil, nil
		case len(bytes.TrimSpace(raw)) == 0:
		case c.tcp && (!utf8.Valid(raw) || !json.Valid(raw)):
			return nil, ErrNotJSON
		default:
			return raw, nil
		}
	}
}

// next takes one line off pending, if there is a whole one. skipped says that it was too long; on
// TCP that is said at once.
func (c *lineConn) next() (raw []byte, skipped, ok bool) {
	end := bytes.IndexByte(c.pending[c.scanned:], '\n')
	if end < 0 {
		c.scanned = len(c.pending)
		if c.scanned <= maxMessage {
			return nil, false, false
		}
		c.pending, c.scanned, c.skip = c.pending[:0], 0, true
		return nil, true, c.tcp
	}
	end += c.scanned
	raw, c.pending, c.scanned = bytes.Clone(c.pending[:end]), c.pending[end+1:], 0
	skipped = c.skip || len(raw) > maxMessage
	c.skip = false
	return raw, skipped, true
}

// fill reads what there is. Only the time spent waiting for bytes is a pause: they may have lain
// ready while the session was busy.
func (c *lineConn) fill() error {
	began := c.now()
	n, err := c.line.Read(c.chunk[:])
	if n == 0 {
		return err
	}
	if !c.tcp && c.now().Sub(began) > maxLineGap {
		c.pending, c.scanned, c.skip = nil, 0, false
	}
	c.pending = append(c.pending, c.chunk[:n]...)
	return nil
}

func (c *lineConn) Write(msg []byte) error {
	return c.line.Write(append(msg[:len(msg):len(msg)], '\n'))
}

// Close says on TCP why, and lets the peer read it: closing a socket with unread bytes would tear
// it from the peer's hands.
func (c *lineConn) Close(why Ending) {
	defer c.line.Close()
	if !c.tcp {
		return
	}
	last := time.AfterFunc(closeGrace, func() { _ = c.line.Close() })
	defer last.Stop()
	if text := lineEnding(why); text != "" {
		_ = c.Write(answer(nullID, nil,
			standardError(codeParse, "parse_error", text,
				"send one JSON-RPC message in UTF-8 on each line")))
	}
	_ = c.line.CloseWrite()
	<-c.dead
	buf := make([]byte, lineChunk)
	for read := 0; read < maxDiscard; {
		n, err := c.line.Read(buf)
		if err != nil {
			return
		}
		read += n
	}
}

func lineEnding(why Ending) string {
	switch why {
	case EndTooLarge:
		return "a line is at most 16 KiB; the connection is closed"
	case EndNotJSON:
		return "not valid JSON in UTF-8; the connection is closed"
	default:
		return ""
	}
}

package strangers

import (
	"container/list"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// noBody is in place of a number of bytes: the request's body is not read.
const noBody = -1

var (
	errHead = errors.New("the request's head is too large")
	errBody = errors.New("no body is read of a stranger")
)

const (
	// lingerFor and lingerBytes are how long, and how far, is read on behind an answer: a socket
	// that is closed with unread bytes tears it from the peer's hands.
	lingerFor   = 500 * time.Millisecond
	lingerBytes = 64 << 10
)

// conn is a connection whose heads are counted before net/http reads them.
type conn struct {
	net.Conn      // as HTTP is spoken on it
	raw      *tap // as it was accepted
	s        *Server

	at struct { // guarded by the crowd's mutex
		place         place
		all, of       *list.Element
		entered, gone bool
	}

	// Reads are one at a time; these are theirs.
	scan  scanner
	early []byte // read, and not yet handed on

	body atomic.Int64 // what may be read of the present request's body; or noBody
	open atomic.Bool  // it is a WebSocket: not ours any more
	cut  atomic.Bool  // bytes of the peer stay unread
	// something has come
	spoke atomic.Bool
	end   sync.Once
}

// tap is a connection as it was accepted, which tells when something comes first.
type tap struct {
	net.Conn
	c     *conn
	early []byte // read, and not yet handed on
}

func (t *tap) Read(p []byte) (n int, err error) {
	if len(t.early) > 0 {
		n = copy(p, t.early)
		if t.early = t.early[n:]; len(t.early) == 0 {
			t.early = nil
		}
		return n, nil
	}
	n, err = t.Conn.Read(p)
	if n > 0 && !t.c.spoke.Swap(true) {
		t.c.s.enter(t.c, speaking)
	}
	return n, err
}

// secureConn tells net/http how it is secured; a conn must not seem to be.
type secureConn struct{ *conn }

func (c secureConn) ConnectionState() tls.ConnectionState {
	return c.Conn.(*tls.Conn).ConnectionState()
}

func unwrap(c net.Conn) *conn {
	if secure, ok := c.(secureConn); ok {
		return secure.conn
	}
	return c.(*conn)
}

func (c *conn) addr() string { return c.raw.RemoteAddr().String() }

// NetConn is the connection below.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Read hands on a head, then of its body what may be read, then the next head.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 || c.open.Load() {
		return c.source(p)
	}
	switch left := c.body.Load(); {
	case left == noBody:
		c.cut.Store(true)
		return 0, errBody
	case left > 0:
		n, err := c.source(p[:min(left, int64(len(p)))])
		c.body.Add(-int64(n))
		return n, err
	}
	n, err := c.source(p)
	took, whole, ok := c.scan.eat(p[:n])
	if !ok {
		c.refuseHead()
		return 0, errHead
	}
	if took < n {
		c.early = append(append([]byte(nil), p[took:n]...), c.early...)
	}
	if whole {
		c.scan.again()
	}
	return took, err
}

// source is what was read early, and then the connection.
func (c *conn) source(p []byte) (int, error) {
	if len(c.early) == 0 {
		c.early = nil
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}

// preread reads until the first head is whole, and keeps it for net/http.
func (c *conn) preread() error {
	buf := make([]byte, 0, 1024)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := c.Conn.Read(buf[len(buf):cap(buf)])
		_, whole, ok := c.scan.eat(buf[len(buf) : len(buf)+n])
		buf = buf[:len(buf)+n]
		switch {
		case !ok:
			return errHead
		case whole:
			c.scan.again()
			c.early = buf
			return nil
		case err != nil:
			return err
		}
	}
}

// refuseHead says that a head is too large.
func (c *conn) refuseHead() {
	c.cut.Store(true)
	c.s.enter(c, leaving)
	const text = "the request's head is too large, or has too many headers\n"
	_ = c.SetWriteDeadline(time.Now().Add(lingerFor))
	_, _ = io.WriteString(c.Conn, "HTTP/1.1 431 Request Header Fields Too Large\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+text)
	c.s.o.Refused(c.addr(), ReasonHead)
}

// CloseWrite says that nothing more comes.
func (c *conn) CloseWrite() error {
	top := c.Conn
	if top == c.raw {
		top = c.raw.Conn
	}
	if half, ok := top.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close lets a peer read the answer whose bytes are left unread.
func (c *conn) Close() (err error) {
	c.end.Do(func() {
		if c.cut.Load() && c.CloseWrite() == nil {
			c.s.enter(c, leaving)
			_ = c.raw.SetReadDeadline(time.Now().Add(lingerFor))
			_, _ = io.Copy(io.Discard, io.LimitReader(c.raw, lingerBytes))
		}
		err = c.Conn.Close()
	})
	return err
}

// hangUp closes at once. A TLS connection would say goodbye first, and wait for a peer that does
// not read.
func (c *conn) hangUp() { _ = c.raw.Conn.Close() }

// scanner finds the end of a head, and counts it.
type scanner struct {
	limits      Limits
	head        Head // its bound
	bytes, line int  // read of the head, and of the present line
	lines       int
	cr          bool   // the line has one carriage return and nothing else
	first       []byte // the request line, while it is looked at
}

func (h *scanner) again() { *h = scanner{limits: h.limits, head: h.limits.Head} }

// eat reads p on to the head's end: took is how much of p belongs to the head. ok is false where
// the head is too large.
func (h *scanner) eat(p []byte) (took int, whole, ok bool) {
	for i, b := range p {
		if h.bytes++; h.bytes > h.head.Bytes {
			return i, false, false
		}
		if h.lines == 0 && h.limits.Knows != nil {
			h.first = append(h.first, b)
		}
		if b != '\n' {
			h.cr = h.line == 0 && b == '\r'
			h.line++
			continue
		}
		blank := h.line == 0 || h.line == 1 && h.cr
		h.line = 0
		switch {
		case blank && h.lines > 0:
			return i + 1, true, true
		case blank: // before the request: some clients send it behind a body
			h.first = h.first[:0]
			continue
		}
		if h.lines++; h.lines == 1 {
			h.requestLine()
		}
		if h.lines > h.head.Lines {
			return i, false, false
		}
	}
	return len(p), false, true
}

// requestLine gives those more room whose target is known.
func (h *scanner) requestLine() {
	if h.limits.Knows == nil {
		return
	}
	if f := strings.Fields(string(h.first)); len(f) == 3 && h.limits.Knows(f[1]) {
		h.head = h.limits.Roomy
	}
	h.first = nil
}

package ui

import (
	"errors"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// messages; a display that is this far behind is dropped, and gets a snapshot when it is back
	outQueue   = 8
	closeGrace = time.Second     // for the display's answer to a close
	partWithin = 3 * time.Second // from the end of a connection for us to its last goroutine's
)

var errNotText = errors.New("not a text message")

// client is one connection. Its fields below the line belong to the hub's loop.
//
// No message has a deadline, which would be a timer for each of them. A display that does not take
// them is slow, or silent, and is let go for that; and who is let go has a deadline.
type client struct {
	conn    *websocket.Conn
	addr    string
	out     chan []byte
	stop    chan parting  // at most one
	gone    chan struct{} // closed when the reader has ended
	once    sync.Once
	writing sync.Mutex // held for each message

	joined time.Time
	heard  time.Time
	hello  bool
	sent   frame // what it was told last, without the drawing
}

// parting ends a connection in good manners.
type parting struct {
	reason string
	code   int
}

// arrival is what a reader hands to the hub's loop: a new client (first), a message, or the end
// (err).
type arrival struct {
	c     *client
	first bool
	msg   report
	err   error
}

func newClient(conn *websocket.Conn) *client {
	return &client{
		conn: conn, addr: conn.RemoteAddr().String(),
		out: make(chan []byte, outQueue), stop: make(chan parting, 1), gone: make(chan struct{}),
	}
}

// send queues a message and reports whether there was room.
func (c *client) send(msg []byte) bool {
	select {
	case c.out <- msg:
		return true
	default:
		return false
	}
}

// part asks the writer to say why and to close; hangUp closes at once, which also ends a writer
// that is stuck.
func (c *client) part(p parting) {
	select {
	case c.stop <- p:
		time.AfterFunc(partWithin, c.hangUp)
	default:
	}
}

func (c *client) hangUp() { c.once.Do(func() { c.conn.Close() }) }

// here is a sign of life.
var here = encode(sign{Type: "here"})

// read hands every message to the loop until the connection ends. It is the only reader, and
// answers who asks whether the agent is there by itself: another goroutine would wake another
// thread.
func (c *client) read(l *loop) {
	defer c.hangUp()
	defer close(c.gone)
	c.conn.SetReadLimit(readLimit)
	if _, open := l.arrive(arrival{c: c, first: true}); !open {
		return
	}
	for {
		kind, raw, err := c.conn.ReadMessage()
		if err != nil {
			l.arrive(arrival{c: c, err: err})
			return
		}
		msg, err := parseReport(raw)
		if kind != websocket.TextMessage {
			err = errNotText
		}
		if err != nil {
			c.closeFrame(websocket.ClosePolicyViolation, "protocol")
			l.arrive(arrival{c: c, err: err})
			return
		}
		asks, open := l.arrive(arrival{c: c, msg: msg})
		if !open {
			return
		}
		if asks {
			c.answer(here)
		}
	}
}

// answer writes a message at once, or queues it where the writer is at work.
func (c *client) answer(msg []byte) {
	if len(c.out) > 0 || !c.writing.TryLock() {
		c.send(msg) // where there is no room, the next frame finds out
		return
	}
	defer c.writing.Unlock()
	_ = c.conn.WriteMessage(websocket.TextMessage, msg) // what ends here the reader hears of
}

// write writes what is queued. It ends with the reader, with the first error, or after a
// parting.
func (c *client) write() {
	for {
		select {
		case <-c.gone:
			return
		case msg := <-c.out:
			if !c.writeMessage(msg) {
				c.hangUp()
				return
			}
		case p := <-c.stop:
			if !c.writeMessage(encode(bye{Type: "bye", Reason: p.reason})) {
				c.hangUp()
				return
			}
			c.closeFrame(p.code, p.reason)
			// The reader sees the display's answer, or this deadline, and hangs up.
			_ = c.conn.SetReadDeadline(time.Now().Add(closeGrace))
			return
		}
	}
}

func (c *client) writeMessage(msg []byte) bool {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.conn.WriteMessage(websocket.TextMessage, msg) == nil
}

func (c *client) closeFrame(code int, text string) {
	_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text),
		time.Now().Add(closeGrace))
}

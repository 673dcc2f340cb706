package serial

import (
	"errors"
	"sync"
	"time"
)

// Conn is an open line.
type Conn interface {
	// Read waits for at least one byte; it never returns 0 without an error. One goroutine at a
	// time.
	Read(p []byte) (int, error)
	// Write sends all of p and returns when its last byte has left: on a serial line when the
	// driver has nothing of it left and the time that the bytes need has passed, on TCP when the
	// kernel has taken it. After any error the line is closed: half a message may have gone out,
	// and it must not be continued. Its errors wrap ErrBlocked, ErrHungUp, ErrClosed or ErrIO.
	Write(p []byte) error
	// CloseWrite says on TCP that nothing more comes, so that the peer can read to the end;
	// elsewhere it does nothing.
	CloseWrite() error
	// Close frees Read and Write. It may be called by anybody and more than once.
	Close() error
	// Kind is what sort of line it is.
	Kind() Kind
	// Name is what is open: "/dev/ttyUSB0", or the peer's address.
	Name() string
}

// line is what a platform opens. Its Close frees Read and Write at once, and gives the descriptor
// back only when neither uses it.
type line interface {
	Read(p []byte) (int, error)
	Write(p []byte, until time.Time) error
	CloseWrite() error
	Close() error
	Name() string
}

// conn is the only way to a line. It makes "closed" final: what comes after finds no line to touch,
// whatever the line below does.
type conn struct {
	cfg  Config
	kind Kind

	writing sync.Mutex // one Write at a time

	mu    sync.Mutex
	line  line // nil once closed
	cause error

	name    string
	warning string // what is odd about the line although it works
}

func newConn(l line, kind Kind, cfg Config) *conn {
	return &conn{cfg: cfg, kind: kind, line: l, name: l.Name()}
}

func (c *conn) Kind() Kind   { return c.kind }
func (c *conn) Name() string { return c.name }

func (c *conn) Read(p []byte) (int, error) {
	l, err := c.alive("read")
	if err != nil || len(p) == 0 {
		return 0, err
	}
	n, err := l.Read(p)
	if n > 0 {
		return n, nil // an error that came with it comes again
	}
	if err == nil {
		err = errors.New("nothing was read")
	}
	return 0, c.fail("read", err)
}

func (c *conn) Write(p []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	l, err := c.alive("write")
	if err != nil || len(p) == 0 {
		return err
	}
	wait := c.cfg.WriteWait
	if c.kind == Device || c.kind == USB {
		wait += 2 * c.cfg.wireTime(len(p))
	}
	if err := l.Write(p, time.Now().Add(wait)); err != nil {
		err = c.fail("write", err)
		_ = c.Close()
		return err
	}
	return nil
}

func (c *conn) CloseWrite() error {
	l, err := c.alive("write")
	if err != nil {
		return err
	}
	return l.CloseWrite()
}

func (c *conn) Close() error {
	c.mu.Lock()
	l := c.line
	c.line = nil
	c.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.Close()
}

func (c *conn) alive(op string) (line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line == nil {
		return nil, &Error{Op: op, Name: c.name, Kind: ErrClosed}
	}
	return c.line, nil
}

// fail makes an *Error of what a line said, and remembers the first: it is why the line ended,
// whatever serve makes of it.
func (c *conn) fail(op string, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line == nil && c.cause == nil {
		err = ErrClosed // by us: what the line says then is of no interest
	}
	e := asError(op, c.name, err)
	if c.cause == nil && !errors.Is(e, ErrClosed) {
		c.cause = e
	}
	return e
}

// failure is why the line ended by itself, or nil.
func (c *conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// asError is err as an *Error; an error of no known kind is ErrIO.
func asError(op, name string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	for _, k := range kinds {
		if !errors.Is(err, k.err) {
			continue
		}
		e := &Error{Op: op, Name: name, Kind: k.err}
		if err.Error() != k.err.Error() {
			e.Cause = err
		}
		return e
	}
	return &Error{Op: op, Name: name, Kind: ErrIO, Cause: err}
}

package serial

import (
	"errors"
	"sync"
	"time"

	port "go.bug.st/serial"
)

const (
	// portPoll is how often a Read of the library is asked whether it is still wanted: Close does
	// not reliably free it.
	portPoll = 200 * time.Millisecond
	// portClose bounds the wait for those who are still in the port.
	portClose = time.Second
)

// parities is never written after its creation.
var parities = map[Parity]port.Parity{
	ParityNone: port.NoParity, ParityOdd: port.OddParity, ParityEven: port.EvenParity,
	ParityMark: port.MarkParity, ParitySpace: port.SpaceParity,
}

// mode is c as the library takes it.
func (c Config) mode() *port.Mode {
	m := &port.Mode{BaudRate: c.Baud, DataBits: c.DataBits, Parity: parities[c.Parity],
		StopBits: port.OneStopBit}
	if c.StopBits == 2 {
		m.StopBits = port.TwoStopBits
	}
	return m
}

// portLine makes the library's port safe to use. Each call into the port is counted, and the port
// is closed when the last has left, so none can reach a descriptor or handle that has become
// somebody else's. A Write runs in its own goroutine, so that its caller has a deadline; the
// library's Write has none. One that is stuck in the driver holds goroutine and port until the
// driver lets go; there is at most one, because the device cannot be opened again before.
type portLine struct {
	p    port.Port
	name string

	mu     sync.Mutex
	users  int
	closed bool
	empty  chan struct{} // closed when closed and users = 0
}

func newPortLine(p port.Port, name string) (*portLine, error) {
	if err := p.SetReadTimeout(portPoll); err != nil {
		return nil, err
	}
	_ = p.ResetInputBuffer() // what was sent before anybody listened must not start a sale later
	return &portLine{p: p, name: name, empty: make(chan struct{})}, nil
}

func (l *portLine) Name() string { return l.name }

func (l *portLine) CloseWrite() error { return nil }

// enter counts a user in, unless the line is closed.
func (l *portLine) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.users++
	return true
}

func (l *portLine) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users--
	if l.closed && l.users == 0 {
		close(l.empty)
	}
}

func (l *portLine) Read(p []byte) (int, error) {
	for l.enter() {
		n, err := l.p.Read(p)
		l.leave()
		if n > 0 {
			return n, nil
		}
		if code, ok := portErrorCode(err); ok && code == port.PortClosed {
			return 0, ErrHungUp
		}
		if err != nil {
			return 0, ioError(err)
		}
	}
	return 0, ErrClosed
}

func (l *portLine) Write(p []byte, until time.Time) error {
	if !l.enter() {
		return ErrClosed
	}
	p = append([]byte(nil), p...) // the caller may go before the driver does
	done := make(chan error, 1)
	go func() {
		defer l.leave()
		done <- l.write(p)
	}()
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case err := <-done:
		return ioError(err)
	case <-t.C:
		return ErrBlocked
	}
}

func (l *portLine) write(p []byte) error {
	for len(p) > 0 {
		n, err := l.p.Write(p)
		if err != nil {
			return err
		}
		p = p[n:]
		if l.isClosed() {
			return ErrClosed
		}
	}
	return l.p.Drain()
}

func (l *portLine) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Close lets nobody in any more, frees a Write that the driver holds (on Windows; elsewhere it can
// only throw away what waits), and closes the port when it is empty: now, or, if a user stays for
// longer than portClose, when that one leaves.
func (l *portLine) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	if l.users == 0 {
		close(l.empty)
	}
	l.mu.Unlock()
	_ = l.p.ResetOutputBuffer()
	t := time.NewTimer(portClose)
	defer t.Stop()
	select {
	case <-l.empty:
		return l.p.Close()
	case <-t.C:
	}
	go func() {
		<-l.empty
		_ = l.p.Close()
	}()
	return ErrBlocked
}

// portErrorCode is the code of an error of the library, which has pointers and values of its type.
func portErrorCode(err error) (port.PortErrorCode, bool) {
	if e, ok := errors.AsType[*port.PortError](err); ok {
		return e.Code(), true
	}
	if e, ok := errors.AsType[port.PortError](err); ok {
		return e.Code(), true
	}
	return 0, false
}

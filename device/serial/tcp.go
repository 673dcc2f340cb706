package serial

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// maxWaiting bounds the connections that have not sent anything yet; one more pushes the oldest
	// out. A silent till is normal, and so are browsers that connect ahead of time: neither may
	// keep the other away.
	maxWaiting = 8
	// dialWithin bounds one attempt of tcp-connect.
	dialWithin = 5 * time.Second
	// deadAfter is when a peer that answers nothing is given up: three probes, 5 s apart, after 10
	// s of silence.
	deadAfter = 25 * time.Second
)

var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second,
	Count: 3}

// tcpLine is a line over TCP. first are bytes that the guards have read already.
type tcpLine struct {
	*net.TCPConn
	first []byte
}

func (t *tcpLine) Name() string { return t.RemoteAddr().String() }

func (t *tcpLine) Read(p []byte) (int, error) {
	if len(t.first) > 0 {
		n := copy(p, t.first)
		t.first = t.first[n:]
		return n, nil
	}
	n, err := t.TCPConn.Read(p)
	return n, ioError(err)
}

func (t *tcpLine) Write(p []byte, until time.Time) error {
	if err := t.SetWriteDeadline(until); err != nil {
		return ioError(err)
	}
	_, err := t.TCPConn.Write(p)
	return ioError(err)
}

// ioError finds the kind of an error of os.File or net.Conn.
func ioError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrClosed), errors.Is(err, net.ErrClosed):
		return ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrBlocked
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EIO), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE),
		errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ETIMEDOUT):
		return ErrHungUp
	default:
		return err
	}
}

// connect reaches out to the till.
func (l *Link) connect(ctx context.Context) (*conn, error) {
	d := net.Dialer{Timeout: dialWithin, KeepAliveConfig: keepAlive}
	c, err := d.DialContext(ctx, "tcp", l.target.Address)
	if err != nil {
		return nil, &Error{Op: "connect", Name: l.target.Address, Kind: ErrAddress, Cause: err,
			Hint: "is the till switched on, on this network, and does it listen on this port?"}
	}
	tcp := c.(*net.TCPConn)
	giveUpAfter(tcp, deadAfter)
	return newConn(&tcpLine{TCPConn: tcp}, TCPConnect, l.cfg), nil
}

// lobby is the connections of a listener: one live at most, and some that have not shown what they
// are.
type lobby struct {
	mu      sync.Mutex
	live    bool
	peer    string // of the live one, and what ends it
	end     func()
	freed   chan struct{} // closed when the live one's turn is over; nil when there is none
	lasting bool          // who comes while one is live waits, and may take over
	closed  bool
	waiting []*net.TCPConn // oldest first
}

// enter takes a new connection in, and returns those that have to go for it.
func (b *lobby) enter(c *net.TCPConn) (evicted *net.TCPConn, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live && !b.lasting || b.closed {
		return nil, errors.New("another connection is live")
	}
	b.waiting = append(b.waiting, c)
	if len(b.waiting) > maxWaiting {
		evicted = b.waiting[0]
		b.waiting = b.waiting[1:]
	}
	return evicted, nil
}

// leave forgets a connection; claim also makes it the live one, if there is none.
func (b *lobby) leave(c *net.TCPConn, claim bool) (claimed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range b.waiting {
		if w == c {
			b.waiting = append(b.waiting[:i:i], b.waiting[i+1:]...)
			break
		}
	}
	if !claim || b.live || b.closed {
		return false
	}
	b.live, b.peer, b.freed = true, c.RemoteAddr().String(), make(chan struct{})
	b.end = func() { _ = c.Close() }
	return true
}

// release ends the live connection's turn, and says so before anybody else can have it: who was
// told that the line is free is let in.
func (b *lobby) release(say func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live = false
	close(b.freed)
	b.freed, b.end = nil, nil
	say()
}

// close sends away those that wait. A live connection is serve's to end.
func (b *lobby) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, c := range b.waiting {
		_ = c.Close()
	}
}

// listen serves connections, one at a time, until the listener breaks or ctx ends.
func (l *Link) listen(ctx context.Context, serve Serve) (lasted time.Duration, err error) {
	ln, err := l.open(l.target.Address)
	if err != nil {
		return 0, &Error{Op: "listen", Name: l.target.Address, Kind: ErrAddress, Cause: err,
			Hint: "another program may listen on this port (ss -ltnp shows it), or the address " +
				"is not this machine's"}
	}
	began, address := l.now(), ln.Addr().String()
	b := lobby{lasting: l.takeover != nil}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer b.close()
	defer ln.Close()
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	l.change(func(s *State) { s.Listening, s.Name, s.LastError, s.Hint = true, address, "", "" })
	l.log.Info("line listens", "addr", address)
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			c := c.(*net.TCPConn)
			if l.admit(ctx, c, &b) {
				wg.Go(func() { l.receive(ctx, c, &b, address, serve) })
			} else {
				_ = c.Close()
			}
		case errors.Is(err, net.ErrClosed):
			return l.now().Sub(began), &Error{Op: "accept", Name: address, Kind: ErrClosed}
		default: // no descriptors left, for one: those that are connected go on
			l.log.Warn("connection not accepted", "error", err)
			_ = l.pause(ctx, l.cfg.RetryMax)
		}
	}
}

// admit lets a new connection wait for its first byte, if it may.
func (l *Link) admit(ctx context.Context, c *net.TCPConn, b *lobby) bool {
	peer := c.RemoteAddr().String()
	if !l.allowed(c.RemoteAddr()) {
		l.refused(peer, refusedAddress)
		return false
	}
	_ = c.SetKeepAliveConfig(keepAlive)
	giveUpAfter(c, deadAfter)
	evicted, err := b.enter(c)
	if err != nil {
		if ctx.Err() == nil {
			l.refused(peer, refusedBusy)
		}
		return false
	}
	if evicted != nil {
		l.refused(evicted.RemoteAddr().String(), refusedCrowd)
		_ = evicted.Close()
	}
	return true
}

// receive takes one connection from its first byte to its end.
func (l *Link) receive(ctx context.Context, c *net.TCPConn, b *lobby, address string, serve Serve) {
	defer c.Close()
	peer := c.RemoteAddr().String()
	first, verdict := l.sniff(c)
	if verdict == Pass && l.takeover != nil {
		first, verdict = l.waitsFor(ctx, c, b, first)
	}
	claimed := b.leave(c, verdict == Pass)
	switch {
	case verdict == More: // it left, or was sent away, before it showed what it is
		return
	case verdict != Pass:
		l.refused(peer, string(verdict))
		return
	case !claimed:
		if ctx.Err() == nil {
			l.refused(peer, refusedBusy)
		}
		return
	}
	err := l.attend(ctx, newConn(&tcpLine{TCPConn: c, first: first}, TCPListen, l.cfg), serve)
	l.metrics.failures.WithLabelValues(l.cfg.Till, kindOf(err)).Inc()
	l.refusals.Info(l.cfg.Till, "till disconnected", "addr", peer, "error", err)
	b.release(func() {
		l.change(func(s *State) {
			s.Open, s.Name, s.LastError, s.Hint = false, address, err.Error(),
				hintOf(err)
		})
	})
}

// sniff reads until the guards know enough. Bytes come as the peer sends them, so a till's first
// byte is not held back.
func (l *Link) sniff(c *net.TCPConn) (first []byte, v Verdict) {
	first = make([]byte, 0, maxFirst)
	for {
		n, err := c.Read(first[len(first):cap(first)])
		first = first[:len(first)+n]
		if n > 0 {
			if v = both(l.guard, first); v != More {
				return first, v
			}
		}
		if err != nil {
			return nil, More
		}
	}
}

func (l *Link) allowed(a net.Addr) bool {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return false
	}
	ip := ap.Addr().Unmap().WithZone("")
	if len(l.cfg.AllowFrom) == 0 {
		return ip.IsLoopback()
	}
	for _, p := range l.cfg.AllowFrom {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

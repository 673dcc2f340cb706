package strangers

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// porch is where connections wait until their first head is whole. To net/http it is the listener.
type porch struct {
	s     *Server
	ln    net.Listener
	ready chan net.Conn // taken by net/http one by one
	// room is held by each who is received, until it is ready or gone: twice as many as may be
	// there, so that who was pushed out has time to go, and the next is accepted only then
	room chan struct{}
	done chan struct{}
	once sync.Once
	ctx  context.Context // of TLS handshakes; ends with done
	stop context.CancelFunc
}

func newPorch(s *Server, ln net.Listener) *porch {
	p := &porch{s: s, ln: ln, ready: make(chan net.Conn),
		room: make(chan struct{}, 2*s.limits.Waiting), done: make(chan struct{})}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Accept is net/http's.
func (p *porch) Accept() (net.Conn, error) {
	select {
	case c := <-p.ready:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *porch) Addr() net.Addr { return p.ln.Addr() }

func (p *porch) Close() error {
	p.once.Do(func() { close(p.done); p.stop() })
	return p.ln.Close()
}

// admit accepts until the porch is closed; it returns when nobody waits any more.
func (p *porch) admit() {
	var crowd sync.WaitGroup
	defer crowd.Wait()
	var pause time.Duration
	scratch := make([]byte, p.s.limits.Head.Bytes+1)
	for {
		select {
		case p.room <- struct{}{}:
		case <-p.done:
			return
		}
		raw, err := p.ln.Accept()
		if err != nil {
			<-p.room
			if pause = min(max(2*pause, 5*time.Millisecond), time.Second); !p.rest(err, pause) {
				return
			}
			continue
		}
		pause = 0
		if c := p.meet(raw, scratch); c != nil {
			crowd.Go(func() {
				defer func() { <-p.room }()
				p.receive(c)
			})
		} else {
			<-p.room
		}
	}
}

// meet takes in who has just come. Whose head is whole already never waits, so that nobody who
// comes behind him can push him out; nil = that was it.
func (p *porch) meet(raw net.Conn, scratch []byte) *conn {
	c := &conn{s: p.s}
	c.raw = &tap{Conn: raw, c: c}
	c.Conn = c.raw
	c.scan.limits = p.s.limits
	c.scan.again()
	n := readNow(raw, scratch)
	if n == 0 {
		p.s.enter(c, silent)
		return c
	}
	c.spoke.Store(true)
	c.raw.early = append([]byte(nil), scratch[:n]...)
	if p.s.o.TLS != nil {
		p.s.enter(c, speaking)
		return c
	}
	if _, whole, ok := c.scan.eat(scratch[:n]); !ok || !whole {
		c.scan.again()
		p.s.enter(c, speaking)
		return c
	}
	c.scan.again()
	p.hand(c, c)
	return nil
}

// hand gives net/http a connection whose head is whole.
func (p *porch) hand(c *conn, ready net.Conn) {
	p.s.enter(c, answered)
	select {
	case p.ready <- ready:
	case <-p.done:
		c.hangUp()
		p.s.crowd.leave(c)
	}
}

// rest waits after an error that may pass: no descriptors are left, for one. false = it is over.
func (p *porch) rest(err error, pause time.Duration) bool {
	if errors.Is(err, net.ErrClosed) {
		_ = p.Close()
		return false
	}
	p.s.o.Log.Debug("no connection could be accepted", "error", err)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.done:
		return false
	}
}

// receive brings a connection to where its request is answered, or ends it.
func (p *porch) receive(c *conn) {
	defer context.AfterFunc(p.ctx, c.hangUp)()
	_ = c.raw.SetDeadline(time.Now().Add(p.s.limits.HeadWithin))
	ready, err := p.secured(c)
	if err == nil {
		if p.s.o.TLS != nil {
			_ = c.raw.SetDeadline(time.Now().Add(p.s.limits.HeadWithin))
		}
		err = c.preread()
	}
	switch {
	case errors.Is(err, errHead):
		c.refuseHead()
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.s.o.Refused(c.addr(), ReasonSlow)
	}
	if err == nil {
		_ = c.raw.SetDeadline(time.Time{})
		p.hand(c, ready)
		return
	}
	_ = c.Close()
	p.s.crowd.leave(c)
}

// secured is the connection as net/http gets it, its handshake over.
func (p *porch) secured(c *conn) (net.Conn, error) {
	if p.s.o.TLS == nil {
		return c, nil
	}
	secure := tls.Server(c.raw, p.s.o.TLS)
	c.Conn = secure
	err := secure.HandshakeContext(p.ctx)
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil {
		c.Conn = c.raw
		c.cut.Store(true)
		_, _ = io.WriteString(c.raw, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"+
			"This port speaks HTTPS.\n")
	}
	return secureConn{c}, err
}

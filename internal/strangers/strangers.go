// Package strangers bounds what those who have not shown yet that they may come in can cost an HTTP
// server: bytes, lines and time of a request's head, connections, and bodies that nobody asked for.
//
// A stranger's head is read here, before net/http sees a byte of it: net/http needs some hundred
// bytes for each header, whatever its size. Who may come in, the handlers find out, by a token or a
// secret address, and say with [Known]: only then is a body read and the connection kept. All
// others get their answer and are gone. Where there are too many the oldest goes, so that who comes
// last is served; who is known, or has become a WebSocket, has room of his own. There is no HTTP/2:
// what has one request on a connection needs no bounds for streams.
//
// It authenticates nobody and keeps nothing that would have to survive a crash. A [Server] is used
// as an http.Server is; [Known] and [Hear] belong to the goroutine of the request.
package strangers

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Head bounds the head of a request: its line and its headers.
type Head struct {
	Bytes, Lines int
}

// Limits of one listener. All are needed, but for those that say what none means.
type Limits struct {
	Head Head // of everybody's request
	// Roomy is the bound of requests whose target only those know who may come in, as Knows says,
	// which must be quick and is asked before the rest of the head is read. nil = there are none.
	Roomy Head
	Knows func(target string) bool

	// Waiting is how many connections there may be whose first head is not whole: half of them may
	// have said nothing, half a part of it. Answered is how many of strangers that have their
	// request answered, how many whose body is waited for, and how many that still read their
	// answer; Kept is how many of those who are known, WebSockets not counted. One more pushes the
	// oldest of its kind out.
	Waiting, Answered, Kept int
	// Share is how many of one address there may be of each kind but the known; 0 = all.
	// Loopback has no share: everybody there has one address.
	Share int
	// Unshared says which addresses have no share: of a proxy, say. nil = loopback only.
	Unshared func(addr netip.Addr) bool

	HeadWithin   time.Duration // from the connection's begin, or the head's
	BodyWithin   time.Duration // from the head's end
	AnswerWithin time.Duration // so long may who is answered take to read it
	IdleWithin   time.Duration // between two requests of somebody who is known

	// Trusted says that nobody reaches this listener who may not come in.
	Trusted bool
}

// Options are what a Server may be told; each may be left out.
type Options struct {
	TLS *tls.Config
	Log *slog.Logger // of net/http, on level debug
	// ConnContext is given the connection as it was accepted.
	ConnContext func(ctx context.Context, raw net.Conn) context.Context
	// Refused is told of each connection that was sent away, and why: one of the reasons below. It
	// must not wait.
	Refused func(addr, reason string)
}

// Reasons why a connection is sent away before its request is looked at.
const (
	ReasonHead  = "head"  // it is too long, or has too many lines
	ReasonSlow  = "slow"  // it did not come, or the TLS handshake did not end, in time
	ReasonCrowd = "crowd" // there were too many
)

// Server is an http.Server with bounds for strangers.
type Server struct {
	limits  Limits
	handler http.Handler
	o       Options
	http    *http.Server
	crowd   crowd
}

// New makes a server.
func New(h http.Handler, l Limits, o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Refused == nil {
		o.Refused = func(string, string) {}
	}
	if o.TLS != nil {
		o.TLS = o.TLS.Clone()
		o.TLS.NextProtos = []string{"http/1.1"}
	}
	s := &Server{limits: l, handler: h, o: o}
	s.crowd.share, s.crowd.unshared = l.Share, l.Unshared
	for at, most := range map[place]int{silent: l.Waiting / 2, speaking: l.Waiting / 2,
		answered: l.Answered, heard: l.Answered, leaving: l.Answered, kept: l.Kept} {
		s.crowd.places[at].most = most
	}
	s.http = &http.Server{
		Handler: http.HandlerFunc(s.serveHTTP), ReadHeaderTimeout: l.HeadWithin,
		ReadTimeout: l.BodyWithin, WriteTimeout: l.AnswerWithin, IdleTimeout: l.IdleWithin,
		MaxHeaderBytes: max(l.Head.Bytes, l.Roomy.Bytes),
		ErrorLog:       slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		ConnContext:    s.connContext, ConnState: s.changed,
	}
	return s
}

// Serve serves the connections of ln, and closes it in the end. It returns when nobody waits any
// more; as http.Server's it returns before those that are answered have their answers.
func (s *Server) Serve(ln net.Listener) error {
	p := newPorch(s, ln)
	var doors sync.WaitGroup
	doors.Go(p.admit)
	err := s.http.Serve(p)
	_ = p.Close()
	doors.Wait()
	return err
}

// Shutdown is http.Server's.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

// Close is http.Server's.
func (s *Server) Close() error { return s.http.Close() }

type connKey struct{}

func (s *Server) connContext(ctx context.Context, c net.Conn) context.Context {
	own := unwrap(c)
	if s.o.ConnContext != nil {
		ctx = s.o.ConnContext(ctx, own.raw.Conn)
	}
	return context.WithValue(ctx, connKey{}, own)
}

func (s *Server) changed(c net.Conn, state http.ConnState) {
	own := unwrap(c)
	switch state {
	case http.StateHijacked:
		own.open.Store(true)
		s.crowd.leave(own)
	case http.StateClosed:
		s.crowd.leave(own)
	}
}

// serveHTTP takes everybody for a stranger whom nobody has recognized.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(*conn)
	if r.ContentLength != 0 {
		c.body.Store(noBody)
	}
	w.Header().Set("Connection", "close")
	if s.limits.Trusted {
		Known(w, r)
	}
	s.handler.ServeHTTP(w, r)
}

// Known says that whoever sent the request may come in: its body can be read, and its connection
// lives on. It is called before the body is read or the answer begun. Elsewhere than behind a
// Server it does nothing.
func Known(w http.ResponseWriter, r *http.Request) {
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok {
		return
	}
	c.s.enter(c, kept)
	if r.ContentLength < 0 { // where it ends, net/http sees only: the connection ends there too
		c.body.Store(math.MaxInt64)
		return
	}
	c.body.Store(r.ContentLength)
	w.Header().Del("Connection")
}

// Hear lets the body of a stranger be read, of most bytes and some for the form in which they are
// sent. Elsewhere than behind a Server it does nothing.
func Hear(r *http.Request, most int64) {
	const form = 256
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		c.s.enter(c, heard)
		c.body.Store(most + form)
		if r.ContentLength >= 0 {
			c.body.Store(min(most+form, r.ContentLength))
		}
	}
}

// enter moves a connection to a place, and ends who has to go for it.
func (s *Server) enter(c *conn, to place) {
	if out := s.crowd.enter(c, to); out != nil {
		out.hangUp()
		s.o.Refused(out.addr(), ReasonCrowd)
	}
}

// ErrClosed is what Serve returns after Shutdown or Close.
var ErrClosed = http.ErrServerClosed

// Stop shuts the server down, and closes it where that takes longer than ctx.
func (s *Server) Stop(ctx context.Context) error {
	err := s.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return s.Close()
	}
	return err
}

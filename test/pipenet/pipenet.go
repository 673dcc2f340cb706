// Package pipenet serves HTTP within the process, for tests alone: connections are pairs of
// net.Pipe, which testing/synctest understands and real sockets are not. Nothing is buffered: a
// write waits for its reader.
package pipenet

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Serve lets handler answer until the test ends. Its result goes into the DialContext of an
// http.Transport; whatever address is asked for, the handler answers.
func Serve(t *testing.T, handler http.Handler) func(ctx context.Context, network,
	address string) (net.Conn, error) {
	ln := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { server.Close() })
	return ln.dial
}

// Silent lets begin, if there is one, write the beginning of an answer, and then is silent until
// the caller leaves.
func Silent(begin http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if begin != nil {
			begin(w, r)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})
}

type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

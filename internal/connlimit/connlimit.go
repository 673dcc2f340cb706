// Package connlimit bounds the connections of an HTTP server that have not shown yet that they may
// stay.
//
// A stranger opens connections as fast as he likes, and each costs memory before any token is
// looked at: one too many pushes the oldest out. Whoever has become a WebSocket has shown a token
// and is counted by its owner, no longer here. It authenticates nobody and keeps nothing that would
// have to survive a crash. Bound is safe for concurrent use with the server that it is given.
package connlimit

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Bound sets srv.ConnState so that at most most connections are open that are no WebSockets. It is
// called before srv serves.
func Bound(srv *http.Server, most int) {
	b := &limiter{most: most, at: make(map[net.Conn]*list.Element)}
	srv.ConnState = b.change
}

type limiter struct {
	most int

	mu    sync.Mutex
	order list.List // of net.Conn, oldest first
	at    map[net.Conn]*list.Element
}

func (b *limiter) change(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		if oldest := b.enter(c); oldest != nil {
			hangUp(oldest)
		}
	case http.StateHijacked, http.StateClosed:
		b.leave(c)
	}
}

// enter counts c in, and returns who has to go for it.
func (b *limiter) enter(c net.Conn) (oldest net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at[c] = b.order.PushBack(c)
	if b.order.Len() <= b.most {
		return nil
	}
	oldest = b.order.Remove(b.order.Front()).(net.Conn)
	delete(b.at, oldest)
	return oldest
}

func (b *limiter) leave(c net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.at[c]; e != nil {
		b.order.Remove(e)
		delete(b.at, c)
	}
}

// hangUp closes at once. A TLS connection would say goodbye first, and wait for a peer that does
// not read, in the goroutine that accepts.
func hangUp(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.Close()
}

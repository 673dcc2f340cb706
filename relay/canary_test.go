package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
)

// road carries bytes to a server, and can lose what goes over the connections that exist: a kiosk's
// address has changed, or a router has forgotten it, and nobody says so.
type road struct {
	ln    net.Listener
	mu    sync.Mutex
	conns []net.Conn
	dead  chan struct{} // closed: what goes over the connections made before is lost
	ended sync.WaitGroup
}

func newRoad(t *testing.T, server net.Addr) *road {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{ln: ln, dead: make(chan struct{})}
	r.ended.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server.String())
			if err != nil {
				_ = near.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, near, far)
			dead := r.dead
			r.mu.Unlock()
			r.ended.Go(func() { carry(far, near, dead) })
			r.ended.Go(func() { carry(near, far, dead) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		r.mu.Lock()
		for _, c := range r.conns {
			_ = c.Close()
		}
		r.mu.Unlock()
		r.ended.Wait()
	})
	return r
}

// carry goes on reading what is lost, so that the sender's TCP notices nothing.
func carry(to, from net.Conn, dead chan struct{}) {
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-dead:
		default:
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}

func (r *road) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.dead)
	r.dead = make(chan struct{})
}

// TestCanaryLeavesADeadConnection: over HTTP/2 canaries share a connection. When it is dead without
// a word, they are lost until it is given up, not for the quarter of an hour that TCP takes: no
// sale can start meanwhile.
func TestCanaryLeavesADeadConnection(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				t.Errorf("a canary came over %s", r.Proto)
			}
			_, _ = io.WriteString(w, "ok\n")
		}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	way := newRoad(t, srv.Listener.Addr())
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	j := emptyJournal{}
	host := way.ln.Addr().String()
	c, err := NewClient(Config{
		URL: "wss://" + host, HookURL: "https://" + host + "/hook",
		Token: secret.New([]byte("token")), TLS: &tls.Config{RootCAs: roots},
		CanaryEvery: 100 * time.Millisecond, CanaryTimeout: 400 * time.Millisecond,
	}, j, j, j, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	post := func() error {
		return c.postCanary(context.Background(),
			PostCanary{Nonce: strings.Repeat("n", 32)})
	}
	for range 2 {
		if err := post(); err != nil {
			t.Fatal(err)
		}
	}
	way.lose()
	if err := post(); err == nil {
		t.Fatal("the canary went over a connection of its own: this test tests nothing")
	}
	for until := time.Now().Add(patience); ; {
		err := post()
		if err == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("canaries still go over the dead connection: %v", err)
		}
	}
}

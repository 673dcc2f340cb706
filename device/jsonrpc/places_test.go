package jsonrpc

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"kiosk-agent/payment"
)

// swallower stands between tills and the server, and can go away without a word: from then on it
// reads both sides of the connections that it has, and passes nothing on.
type swallower struct {
	net.Listener
	to string

	mu    sync.Mutex
	gone  bool
	conns []net.Conn
}

func swallow(t *testing.T, to string) *swallower {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &swallower{Listener: l, to: to}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.pass(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		wg.Wait()
	})
	return s
}

func (s *swallower) pass(c net.Conn) {
	up, err := net.Dial("tcp", s.to)
	if err != nil {
		c.Close()
		return
	}
	s.mu.Lock()
	s.conns = append(s.conns, c, up)
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, from := range []struct{ src, dst net.Conn }{{c, up}, {up, c}} {
		wg.Go(func() {
			_, _ = io.Copy(halfOpen{from.dst, s}, from.src)
			if s.passes() {
				from.dst.Close()
			}
		})
	}
	wg.Wait()
}

func (s *swallower) passes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.gone
}

// goAway makes all connections half-open.
func (s *swallower) goAway() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
}

// halfOpen is a side that hears nothing any more.
type halfOpen struct {
	net.Conn
	s *swallower
}

func (h halfOpen) Write(b []byte) (int, error) {
	if !h.s.passes() {
		return len(b), nil
	}
	return h.Conn.Write(b)
}

// through connects a till over the swallower.
func (r *rig) through(s *swallower, token string) *peer {
	r.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{Subprotocol}, HandshakeTimeout: patience}
	c, resp, err := d.Dial("ws://"+s.Addr().String()+Path,
		http.Header{"Authorization": {"Bearer " + token}, "Host": {s.to}})
	if err != nil {
		r.t.Fatalf("dial: %v (%v)", err, resp)
	}
	r.t.Cleanup(func() { c.Close() })
	return &peer{t: r.t, c: c}
}

// Four connections of a till whose network went away hold up neither its next one nor what it is
// owed; another till keeps its own.
func TestTheNewestConnectionWins(t *testing.T) {
	r := newRig(t)
	other := r.dial(token2)
	other.call("terminal.info", "{}")
	lan := swallow(t, strings.TrimPrefix(r.http.URL, "http://"))
	var old []*peer
	for range 4 {
		p := r.through(lan, token1)
		p.call("terminal.info", "{}")
		old = append(old, p)
	}
	id := old[0].payment("payment.start", `{"reference":"A-1","amount":1000}`).ID
	lan.goAway()
	r.payments.Finish(id, payment.StatusApproved)

	began := time.Now()
	p := r.dial(token1)
	got := p.changed()
	if got.ID != id || got.Status != "approved" {
		t.Errorf("the newest was told %+v", got)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("after %v", took)
	}
	p.call("payment.acknowledge", fmt.Sprintf(`{"id":%q,"revision":%d}`, id, got.Revision))
	if !r.payments.Payment(id).Acknowledged {
		t.Error("not acknowledged")
	}
	for range 3 { // as many again, each at once
		r.dial(token1).call("terminal.info", "{}")
	}
	if n := r.connections("till-1"); n != 4 {
		t.Errorf("%d connections", n)
	}
	other.call("terminal.info", "{}")
	p.call("terminal.info", "{}")
	if n := testutil.ToFloat64(r.metrics.refused.WithLabelValues("limit")); n != 0 {
		t.Errorf("%v refused", n)
	}
}

// The one that loses its place is the one that was silent for longest, and it hears why.
func TestTheMostSilentConnectionLosesItsPlace(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConnsPerTill = 3 })
	var all []*peer
	for range 3 {
		all = append(all, r.dial(token1))
	}
	for _, i := range []int{1, 0, 2} {
		all[i].call("terminal.info", "{}")
	}
	if err := all[1].c.WriteControl(websocket.PingMessage, nil,
		time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	all[1].call("terminal.info", "{}")
	next := r.dial(token1)
	next.call("terminal.info", "{}")
	if got := turnedAway(t, all[0].c); got != closeFull {
		t.Errorf("closed with %d", got)
	}
	for _, i := range []int{1, 2} {
		all[i].call("terminal.info", "{}")
	}
}

// One that is replaced needs a moment to go: a till that connects without an end gets no more than
// twice its places, and nobody else's.
func TestReplacedConnectionsAreBounded(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConnsPerTill = 2 })
	for range 4 {
		p, err := r.enter("till-1", true)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.exit(p) })
	}
	if _, err := r.enter("till-1", true); err == nil {
		t.Error("a fifth")
	}
	if p, err := r.enter("till-2", true); err != nil {
		t.Error(err)
	} else {
		r.exit(p)
	}
	if _, err := r.enter("till-1", false); err == nil {
		t.Error("one without a token took a place")
	}
}

// What comes without the till's token takes nobody's place.
func TestAStrangerTakesNoPlace(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConnsPerTill = 1 })
	p := r.dial(token1)
	for range 3 {
		d := websocket.Dialer{Subprotocols: []string{Subprotocol}}
		_, resp, err := d.Dial(r.url(), http.Header{"Authorization": {"Bearer x"}})
		if err == nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%v %v", resp, err)
		}
	}
	p.call("terminal.info", "{}")
}

//go:build linux

package serial

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const anyPort = "tcp-listen:127.0.0.1:0"

// listening runs a tcp-listen line and says where.
func listening(t *testing.T, cfg Config, change ...func(*Options)) (*rig, string) {
	t.Helper()
	if cfg.Device == "" {
		cfg.Device = anyPort
	}
	r := run(t, cfg, change...)
	return r, r.untilListening()
}

func (r *rig) untilListening() string {
	r.t.Helper()
	return r.until("listening", func(s State) bool { return s.Listening }).Name
}

// plug is the till's end of a TCP line.
type plug struct {
	t *testing.T
	net.Conn
}

func dial(t *testing.T, address string) *plug {
	t.Helper()
	return dialFrom(t, &net.Dialer{}, address)
}

func dialFrom(t *testing.T, d *net.Dialer, address string) *plug {
	t.Helper()
	c, err := d.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &plug{t, c}
}

func (p *plug) say(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p, s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plug) hear(s string) {
	p.t.Helper()
	got := make([]byte, len(s))
	if n, err := io.ReadFull(p, got); err != nil || string(got) != s {
		p.t.Fatalf("heard %q, want %q (%v)", got[:n], s, err)
	}
}

// shut fails unless the other end closes without a word.
func (p *plug) shut() {
	p.t.Helper()
	b, err := io.ReadAll(p)
	if len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("not closed at once: %q, %v", b, err)
	}
}

func TestListen(t *testing.T) {
	r, address := listening(t, Config{})
	for _, words := range []string{"first", "second"} {
		till := dial(t, address)
		till.say(words)
		conn := want(t, "connection", r.conns)
		if s := r.untilOpen(); s.Name != till.LocalAddr().String() || !s.Listening ||
			s.Kind.String() != "tcp" {
			t.Errorf("state %+v", s)
		}
		r.hear(words)
		if err := conn.Write([]byte("ok")); err != nil {
			t.Fatal(err)
		}
		till.hear("ok")
		till.Close()
		if err := want(t, "end", r.ends); !errors.Is(err, ErrHungUp) {
			t.Errorf("serve saw %v", err)
		}
		if s := r.until("waiting again", func(s State) bool { return !s.Open }); !s.Listening ||
			s.Name != address {
			t.Errorf("state %+v", s)
		}
	}
	if len(r.waits) != 0 {
		t.Error("a listener that works was opened anew")
	}
}

// One connection at a time: who comes while one is live is refused, and the live one goes on.
func TestListenOneAtATime(t *testing.T) {
	r, address := listening(t, Config{})
	early := dial(t, address) // silent until somebody else is live
	till := dial(t, address)
	till.say("live")
	r.hear("live")
	late := dial(t, address)
	late.shut()
	early.say("me too")
	early.shut()
	if n := r.refusals(refusedBusy); n != 2 {
		t.Errorf("%d refused as busy", n)
	}
	till.say("still")
	r.hear("still")
	if len(r.conns) != 1 {
		t.Errorf("%d connections were served", len(r.conns))
	}
}

// Connections that say nothing keep nobody out: they wait, and when there are many, the oldest
// goes.
func TestListenSilentConnections(t *testing.T) {
	r, address := listening(t, Config{})
	oldest := dial(t, address)
	for range maxWaiting {
		dial(t, address)
	}
	oldest.shut()
	till := dial(t, address)
	till.say("hello")
	r.hear("hello")
	if n := r.refusals(refusedCrowd); n != 2 {
		t.Errorf("%d pushed out", n)
	}
}

// A web page posts to the local port, by HTTP or by TLS. It is closed at its first
// bytes and counted, while the till's line goes on.
func TestWebPageIsClosed(t *testing.T) {
	r, address := listening(t, Config{})
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post("http://"+address+"/", "text/plain",
		strings.NewReader("\x02\x00\x18sale\n{\"jsonrpc\":\"2.0\"}\n"))
	if err == nil {
		resp.Body.Close()
		t.Fatal("HTTP was answered")
	}
	// The refusal is counted before the connection is closed, and so before the client has its
	// error.
	if n := r.refusals("http"); n == 0 {
		t.Error("HTTP was not counted")
	}
	if _, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address,
		&tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Fatal("TLS was answered")
	}
	if n := r.refusals("tls"); n != 1 {
		t.Errorf("TLS was counted %d times", n)
	}
	byBytes := dial(t, address)
	for _, b := range "OPTI" {
		if _, err := byBytes.Write([]byte(string(b))); err != nil {
			break
		}
	}
	byBytes.shut()
	if len(r.conns) != 0 {
		t.Fatal("a session saw it")
	}
	till := dial(t, address)
	till.say("\x02sale")
	r.hear("\x02sale")
}

// A protocol's own guard, and a session that finds out later.
func TestNoiseIsClosed(t *testing.T) {
	guard := func(first []byte) Verdict {
		switch at := bytes.IndexByte(first, 2); {
		case at >= 3, at < 0 && len(first) >= 3:
			return Noise
		case at < 0:
			return More
		default:
			return Pass
		}
	}
	r, address := listening(t, Config{}, func(o *Options) { o.Guard = guard })
	noisy := dial(t, address)
	noisy.say("abc\x02")
	noisy.shut()
	if n := r.refusals("noise"); n != 1 {
		t.Errorf("counted %d times", n)
	}
	till := dial(t, address)
	till.say("a\x02sale")
	r.hear("a\x02sale")
	r.stop()

	for reason, label := range map[string]string{"noise": "noise", "token": "token",
		"<script>": "other"} {
		r := newRig(t, Config{Device: anyPort})
		r.start(func(context.Context, Conn) error {
			return fmt.Errorf("session: %w", &HostileError{Reason: reason})
		})
		p := dial(t, r.untilListening())
		p.say("?")
		p.shut()
		if n := r.refusals(label); n != 1 {
			t.Errorf("%s: counted %d times as %s", reason, n, label)
		}
		r.stop()
	}
}

func TestAllowFrom(t *testing.T) {
	r, address := listening(t, Config{
		AllowFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	stranger := dial(t, address)
	stranger.shut()
	if n := r.refusals(refusedAddress); n != 1 {
		t.Errorf("counted %d times", n)
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c, err := d.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	(&plug{t, c}).say("hello")
	r.hear("hello")
}

// Everything from other machines needs allow_from, also where IPv4 and IPv6 meet.
func TestAllowed(t *testing.T) {
	for _, tc := range []struct {
		from  []string
		peer  string
		allow bool
	}{
		{nil, "127.0.0.1:5", true}, {nil, "[::1]:5", true}, {nil, "[::ffff:127.0.0.1]:5", true},
		{nil, "192.168.1.9:5", false}, {[]string{"192.168.1.0/24"}, "192.168.1.9:5", true},
		{[]string{"192.168.1.0/24"}, "[::ffff:192.168.1.9]:5", true},
		{[]string{"192.168.1.0/24"}, "192.168.2.9:5", false},
		{[]string{"192.168.1.0/24"}, "127.0.0.1:5", false},
		{[]string{"fe80::/10"}, "[fe80::1%eth0]:5", true},
		{[]string{"0.0.0.0/0"}, "[2001:db8::1]:5", false},
	} {
		l := &Link{}
		for _, p := range tc.from {
			l.cfg.AllowFrom = append(l.cfg.AllowFrom, netip.MustParsePrefix(p))
		}
		if got := l.allowed(net.TCPAddrFromAddrPort(
			netip.MustParseAddrPort(tc.peer))); got != tc.allow {
			t.Errorf("%v from %s: %t", tc.from, tc.peer, got)
		}
	}
}

// A port that is taken is tried again, with a hint.
func TestListenPortTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, Config{Device: "tcp-listen:" + ln.Addr().String()})
	if s := r.untilBroken(); s.Hint == "" || !strings.Contains(s.LastError, "cannot be used") {
		t.Errorf("state %+v", s)
	}
	ln.Close()
	r.again <- struct{}{}
	if s := r.until("listening", func(s State) bool { return s.Listening }); s.LastError != "" ||
		s.Open {
		t.Errorf("state %+v", s)
	}
}

func TestConnect(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	accept := func() *plug {
		t.Helper()
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return &plug{t, c}
	}
	r := run(t, Config{Device: "tcp-connect:" + ln.Addr().String()})
	till := accept()
	conn := want(t, "connection", r.conns)
	r.untilOpen()
	till.say("request")
	r.hear("request")
	if err := conn.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	till.hear("answer")
	till.Close()
	if s := r.untilBroken(); !strings.Contains(s.LastError, "hung up") {
		t.Errorf("state %+v", s)
	}
	ln.Close()
	r.again <- struct{}{}
	if s := r.untilBroken(); s.Hint == "" || !strings.Contains(s.LastError, "cannot be used") {
		t.Errorf("state %+v", s)
	}
	if a, b := <-r.waits, <-r.waits; a != 200*time.Millisecond || b != 400*time.Millisecond {
		t.Errorf("waits %v, %v", a, b)
	}
}

// A till that does not read is given up after WriteWait.
func TestTCPBlockedWrite(t *testing.T) {
	r, address := listening(t, Config{WriteWait: 50 * time.Millisecond})
	dial(t, address).say("x")
	conn := want(t, "connection", r.conns)
	var err error
	for range 1000 {
		if err = conn.Write(make([]byte, 1<<16)); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrBlocked) {
		t.Fatalf("got %v", err)
	}
	if err := conn.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("used again: %v", err)
	}
}

// A peer that vanished is found out: by probes, or by what it does not acknowledge.
func TestTCPKeepAlive(t *testing.T) {
	r, address := listening(t, Config{})
	till := dial(t, address)
	till.say("x")
	conn := want(t, "connection", r.conns).(*conn)
	raw, err := conn.line.(*tcpLine).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for option, want := range map[int]int{syscall.TCP_KEEPIDLE: 10, syscall.TCP_KEEPINTVL: 5,
			syscall.TCP_KEEPCNT: 3, tcpUserTimeout: 25_000} {
			if got, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP,
				option); err != nil || got != want {
				t.Errorf("option %d is %d, want %d (%v)", option, got, want, err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

const tcpUserTimeout = 18

// A serve function that does not heed its context is freed by force.
func TestStopIsBounded(t *testing.T) {
	for _, device := range []string{"pty", anyPort} {
		cfg := Config{Device: device, StopWait: 10 * time.Millisecond}
		c := newCable(t)
		if device == "pty" {
			cfg.Device = c.name
		}
		r := newRig(t, cfg)
		in := make(chan struct{})
		r.start(func(_ context.Context, c Conn) error {
			close(in)
			buf := make([]byte, 10)
			for {
				if _, err := c.Read(buf); err != nil {
					return err
				}
			}
		})
		if device == anyPort {
			dial(t, r.untilListening()).say("x")
		}
		want(t, "serve", in)
		r.stop()
	}
}

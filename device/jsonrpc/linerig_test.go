package jsonrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/test/devicetest"
	"kiosk-agent/test/testlog"
)

var lineTill = Till{Name: "till-2", Token: secret.New([]byte(token2))}

// netLine is a Line over a net.Conn.
type netLine struct{ net.Conn }

func (l netLine) Write(p []byte) error {
	_ = l.SetWriteDeadline(time.Now().Add(patience))
	_, err := l.Conn.Write(p)
	return err
}

func (l netLine) CloseWrite() error {
	if c, ok := l.Conn.(*net.TCPConn); ok {
		return c.CloseWrite()
	}
	return nil
}

// lineRig is a Server with one line that a test talks on.
type lineRig struct {
	*peerLine
	server   *Server
	payments *devicetest.Payments
	ended    chan error
	cancel   func()
	logs     *testlog.Buffer
}

// peerLine is the till's end.
type peerLine struct {
	t    *testing.T
	conn net.Conn
	in   chan string // each line that came; closed at the end
}

func newPeerLine(t *testing.T, c net.Conn) *peerLine {
	p := &peerLine{t: t, conn: c, in: make(chan string, 1000)}
	go func() {
		defer close(p.in)
		defer c.Close() // as a till does when the terminal has closed
		var all []byte
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			all = append(all, buf[:n]...)
			for {
				line, rest, ok := bytes.Cut(all, []byte("\n"))
				if !ok {
					break
				}
				p.in <- string(line)
				all = rest
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

func (p *peerLine) say(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peerLine) next() got {
	p.t.Helper()
	select {
	case line, ok := <-p.in:
		if !ok {
			p.t.Fatal("the line is closed")
		}
		return parse(p.t, []byte(line))
	case <-time.After(patience):
		p.t.Fatal("nothing came")
	}
	return got{}
}

// answer is the next message that is no notification.
func (p *peerLine) answer() got {
	p.t.Helper()
	for {
		if g := p.next(); g.Method == "" {
			return g
		}
	}
}

func (p *peerLine) call(id int, method, params string) got {
	p.t.Helper()
	p.say(request(id, method, params) + "\n")
	g := p.answer()
	if string(g.ID) != fmt.Sprint(id) {
		p.t.Fatalf("answer to another request: %s", g.raw)
	}
	return g
}

// closed reads the line to its end and returns what still came.
func (p *peerLine) closed() (lines []string) {
	p.t.Helper()
	for {
		select {
		case line, ok := <-p.in:
			if !ok {
				return lines
			}
			lines = append(lines, line)
		case <-time.After(patience):
			p.t.Fatal("the line is not closed")
		}
	}
}

// serveLine serves till-2 on one end of a pipe, or of a TCP connection.
func serveLine(t *testing.T, tcp bool) *lineRig {
	t.Helper()
	var far, near net.Conn
	if tcp {
		far, near = tcpPair(t)
	} else {
		far, near = net.Pipe()
	}
	return serveOn(t, tcp, far, netLine{near})
}

func serveOn(t *testing.T, tcp bool, far net.Conn, near Line) *lineRig {
	t.Helper()
	r := &lineRig{payments: devicetest.New(), ended: make(chan error, 1), logs: new(testlog.Buffer)}
	log := slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if r.server, err = New(Config{}, r.payments, new(devicetest.Terminal), log, nil); err != nil {
		t.Fatal(err)
	}
	r.peerLine = newPeerLine(t, far)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.server.ServeLine(ctx, lineTill, near, tcp) }()
	t.Cleanup(func() {
		cancel()
		far.Close()
		r.closed()
		r.payments.Close()
		if strings.Contains(r.logs.String(), token2) {
			t.Error("the token is in the log")
		}
	})
	return r
}

func tcpPair(t *testing.T) (far, near net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if far, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return far, near
}

func (r *lineRig) end() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		r.t.Fatal("ServeLine does not end")
		return nil
	}
}

func (r *lineRig) authenticate() {
	r.t.Helper()
	if g := r.call(0, "terminal.authenticate", `{"token":"`+token2+`"}`); g.Error != nil ||
		string(g.Result) != `{}` {
		r.t.Fatal(g.raw)
	}
}

func hostile(err error) string {
	if e, ok := errors.AsType[*LineError](err); ok {
		return e.Hostile()
	}
	return fmt.Sprint("not a LineError: ", err)
}

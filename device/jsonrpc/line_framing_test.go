package jsonrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kiosk-agent/payment"
)

// A till that was switched off in the middle of a message is understood when it is back; on TCP
// nothing is lost in the middle.
func TestLinePause(t *testing.T) {
	for _, tc := range []struct {
		tcp   bool
		pause time.Duration
		torso bool // is dropped
	}{{false, maxLineGap, false}, {false, maxLineGap + time.Millisecond, true},
		{true, time.Hour, false}} {
		synctest.Test(t, func(t *testing.T) {
			far, near := net.Pipe()
			r := serveOn(t, tc.tcp, far, netLine{near})
			if tc.tcp {
				r.authenticate()
			}
			whole := request(1, "terminal.info", `{}`) + "\n"
			r.say(whole[:20])
			synctest.Wait()
			<-time.After(tc.pause)
			rest := whole[20:]
			if tc.torso {
				rest = whole
			}
			r.say(rest)
			if g := r.answer(); g.Error != nil {
				t.Errorf("%+v: %s", tc, g.raw)
			}
			r.cancel()
			r.end()
			r.closed()
		})
	}
}

// A line that echoes, as a wrong cable does, is not answered for ever: an answer is not answered.
func TestLineEcho(t *testing.T) {
	r := serveLine(t, false)
	first := r.call(1, "payment.last", `{}`)
	r.say("noise\n")
	second := r.answer()
	r.say(first.raw + "\n" + second.raw + "\n[" + first.raw + "," + second.raw + "]\n" +
		`{"jsonrpc":"2.0","method":"payment.changed","params":{}}` + "\n")
	if g := r.call(2, "terminal.info", `{}`); g.Error != nil {
		t.Error(g.raw)
	}
}

// Every answer on a line stays below 12 KiB: pages are cut, and so are batches.
func TestLineAnswersAreBounded(t *testing.T) {
	r := serveLine(t, false)
	for i := range 60 {
		ref := fmt.Sprintf("R%02d%s", i, strings.Repeat("r", 37))
		id := r.call(i, "payment.start", start(ref, 999_999_900)).resultID(t)
		r.payments.Change(id, func(p *payment.Payment) {
			p.QRPayload = strings.Repeat("q", 926)
			p.ProviderRef, p.Scheme = strings.Repeat("p", 64), strings.Repeat("s", 40)
		})
		if i < 59 {
			r.payments.Finish(id, payment.StatusApproved)
		}
	}
	check := func(g got) got {
		t.Helper()
		if len(g.raw)+1 >= 12<<10 {
			t.Errorf("an answer of %d bytes: %.80s", len(g.raw)+1, g.raw)
		}
		return g
	}
	seen, cursor, pages := 0, "", 0
	for more := true; more; pages++ {
		g := check(r.call(100, "payment.list", `{"limit":200`+cursor+`}`))
		seen += strings.Count(g.raw, `"merchant_ref"`)
		var rest string
		_, rest, more = strings.Cut(g.raw, `"next_cursor":"`)
		if more {
			cursor = `,"cursor":"` + rest[:strings.IndexByte(rest, '"')] + `"`
		}
	}
	if seen != 60 || pages < 3 || pages > 20 {
		t.Errorf("%d payments on %d pages", seen, pages)
	}
	id := strings.Repeat("i", maxID-2)
	one := func(method, params string) string {
		return `{"jsonrpc":"2.0","id":"` + id + `","method":"` + method + `","params":` + params +
			`}`
	}
	for _, call := range []string{one("payment.list", `{"limit":200}`), one("payment.last", `{}`),
		one("terminal.status", `{}`), one("x", `{}`)} {
		r.say("[" + strings.Repeat(call+",", maxLineBatch-1) + call + "]\n")
		if g := check(got{raw: r.nextBatch()}); strings.Count(g.raw, `"id":"`+id) != maxLineBatch {
			t.Errorf("not every call is answered: %s", g.raw)
		}
	}
	r.say("[" + strings.Repeat(one("payment.last", `{}`)+",", maxLineBatch) +
		one("payment.last", `{}`) + "]\n")
	if g := r.answer(); g.Error == nil || g.Error.Code != codeInvalidRequest {
		t.Error(g.raw)
	}
}

// nextBatch is the next message that is an array.
func (p *peerLine) nextBatch() string {
	p.t.Helper()
	for {
		select {
		case line := <-p.in:
			if strings.HasPrefix(line, "[") {
				return line
			}
		case <-time.After(patience):
			p.t.Fatal("no batch came")
		}
	}
}

// Bytes may come as they like.
func TestLineSplitAndGlued(t *testing.T) {
	r := serveLine(t, false)
	for _, b := range []byte(request(1, "terminal.info", `{}`) + "\n") {
		r.say(string([]byte{b}))
	}
	if g := r.answer(); string(g.ID) != "1" {
		t.Error(g.raw)
	}
	var all strings.Builder
	for i := range 100 {
		all.WriteString(request(i, "terminal.info", `{}`) + "\r\n\n")
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := io.WriteString(r.conn, all.String())
		wrote <- err
	}()
	for i := range 100 {
		if g := r.answer(); string(g.ID) != fmt.Sprint(i) {
			t.Fatalf("answer %d: %s", i, g.raw)
		}
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

// stuckLine takes nothing: its writes end with the deadline that device/serial puts on them.
type stuckLine struct{ netLine }

func (stuckLine) Write([]byte) error { return os.ErrDeadlineExceeded }

func TestLineThatTakesNothing(t *testing.T) {
	far, near := net.Pipe()
	r := serveOn(t, false, far, stuckLine{netLine{near}})
	r.say(request(1, "payment.start", start("R1", 5)) + "\n")
	var e *LineError
	if err := r.end(); !errors.As(err, &e) || e.Why != string(EndPeer) || e.Hostile() != "" ||
		e.Error() == "" {
		t.Errorf("ended with %v", err)
	}
	r.closed()
	if r.payments.Attached() != 0 {
		t.Error("still attached")
	}
}

// What a till sent before it closed is carried out: it may have said "acknowledge".
func TestLineLastWords(t *testing.T) {
	r := serveLine(t, true)
	r.authenticate()
	id := r.call(1, "payment.start", start("R1", 5)).resultID(t)
	r.payments.Finish(id, payment.StatusApproved)
	revision := r.payments.Payment(id).Revision
	r.say(request(2, "payment.acknowledge", fmt.Sprintf(`{"id":%q,"revision":%d}`, id, revision)) +
		"\n")
	if err := r.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := r.end(); err == nil || hostile(err) != "" {
		t.Errorf("ended with %v", err)
	}
	if !r.payments.Payment(id).Acknowledged {
		t.Error("not acknowledged")
	}
}

// Run ends lines too, and too many connections of a till are refused.
func TestLineAndServer(t *testing.T) {
	r := serveLine(t, false)
	r.call(1, "terminal.info", `{}`)
	r.server.mu.Lock()
	for range r.server.cfg.MaxConnsPerTill - 1 {
		r.server.places.held["till-2"] = append(r.server.places.held["till-2"], new(place))
	}
	r.server.mu.Unlock()
	far, near := net.Pipe()
	defer far.Close()
	var e *LineError
	if err := r.server.ServeLine(context.Background(), lineTill, netLine{near},
		false); !errors.As(err, &e) || e.Why != "limit" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.server.Run(ctx); err != nil {
		t.Error(err)
	}
	if err := r.end(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// Whatever comes in whatever pieces, lines come out as they went in, and too long ones are never
// mistaken for short ones.
func FuzzLineFraming(f *testing.F) {
	f.Add([]byte("{}\n[]\n"), 1, true)
	f.Add([]byte("{\"a\":1}\r\n\n\nx"), 3, false)
	f.Add([]byte(strings.Repeat("x", maxMessage+1)+"\n{}\n"), 4096, false)
	f.Fuzz(func(t *testing.T, all []byte, piece int, tcp bool) {
		c := newLineConn(&scripted{left: all, piece: max(piece, 1)}, tcp)
		lines := bytes.Split(all, []byte("\n"))
		for _, want := range lines[:len(lines)-1] {
			if len(bytes.TrimSpace(want)) == 0 && len(want) <= maxMessage {
				continue
			}
			got, err := c.Read()
			switch {
			case tcp && err != nil:
				return
			case err != nil:
				t.Fatalf("%v instead of %.40q", err, want)
			case len(want) > maxMessage && got != nil:
				t.Fatalf("%d bytes came through", len(got))
			case len(want) <= maxMessage && !bytes.Equal(got, want):
				t.Fatalf("%.40q became %.40q", want, got)
			}
		}
		if got, err := c.Read(); err == nil {
			t.Fatalf("%.40q came out of nothing", got)
		}
	})
}

// scripted is a Line that brings bytes in pieces and then ends.
type scripted struct {
	left  []byte
	piece int
}

func (s *scripted) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.left[:min(s.piece, len(s.left))])
	s.left = s.left[n:]
	return n, nil
}

func (s *scripted) Write([]byte) error { return nil }
func (s *scripted) CloseWrite() error  { return nil }
func (s *scripted) Close() error       { return nil }

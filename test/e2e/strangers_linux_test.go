package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kiosk-agent/test/programs"
)

// A stranger's attack may cost an agent no more than this, of the 256 MiB of its unit; and who
// belongs there waits no longer than atOnce.
const (
	agentRoom = 64 << 20
	atOnce    = time.Second
)

// crowd is strangers at one address: each says the same and stays for as long as it is let.
type crowd struct {
	stop    context.CancelFunc
	members sync.WaitGroup
	said    atomic.Int64  // how often one has said it all, or was cut short
	all     chan struct{} // closed when each has once
}

// besiege lets n strangers say something at an address until stopped. One that is sent away comes
// again, after so long, more or less.
func besiege(t testing.TB, address string, n int, again time.Duration, say []byte) *crowd {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &crowd{stop: stop, all: make(chan struct{})}
	var first sync.WaitGroup
	first.Add(n)
	for range n {
		c.members.Go(func() {
			once := sync.OnceFunc(first.Done)
			defer once()
			pace := time.NewTicker(again/2 + rand.N(again))
			defer pace.Stop()
			for here := true; here; here = next(ctx, pace) {
				conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
				if err != nil {
					continue
				}
				leave := context.AfterFunc(ctx, func() { _ = conn.Close() })
				_, _ = conn.Write(say) // it may be cut short
				c.said.Add(1)
				once()
				_, _ = io.Copy(io.Discard, conn)
				leave()
				_ = conn.Close()
			}
		})
	}
	go func() { first.Wait(); close(c.all) }()
	t.Cleanup(c.gone)
	return c
}

// next waits for the next tick; false = ctx has ended.
func next(ctx context.Context, pace *time.Ticker) bool {
	select {
	case <-pace.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// here waits until each of them has said it once.
func (c *crowd) here(t testing.TB) {
	t.Helper()
	select {
	case <-c.all:
	case <-time.After(patience):
		t.Fatal("the strangers do not get to say what they have to")
	}
}

func (c *crowd) gone() { c.stop(); c.members.Wait() }

// tinyHeads is a request with n headers of four bytes and more, and with a body that is announced
// and never sent.
func tinyHeads(line, host string, n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s HTTP/1.1\r\nHost: %s\r\nContent-Length: 9\r\n", line, host)
	for i := range n {
		b.WriteString(strconv.FormatInt(int64(i), 36) + ":\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// peak is the most memory that a process has ever had in use, in bytes.
func (p *process) peak() int64 { return p.memory("VmHWM") }

// memory reads /proc/PID/status.
func (p *process) memory(field string) int64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); name == field {
			n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return n << 10
		}
	}
	p.t.Fatalf("the kernel does not tell %s", field)
	return 0
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// TestStrangersAtTheAgent: whatever strangers say at the agent's three listeners, it needs no more
// memory than agentRoom, a till that is connected is answered, and one that comes is let in at
// once.
func TestStrangersAtTheAgent(t *testing.T) {
	for _, attack := range []struct {
		name string
		n    int // at each listener
		say  func(line, host string) []byte
	}{
		{"3600 tiny headers and no body", 256, func(line, host string) []byte {
			return tinyHeads(line, host, 3600)
		}},
		{"heads that do not end", 1024, func(line, host string) []byte {
			return []byte(line + " HTTP/1.1\r\nHost: " + host + "\r\nX: " +
				strings.Repeat("x", 3000))
		}},
		{"nothing", 1024, func(_, _ string) []byte { return nil }},
		{"a body that does not come", 1024, func(line, host string) []byte {
			return tinyHeads(line, host, 20)
		}},
		{"a page of metrics that is not read", 256, func(_, host string) []byte {
			return bytes.Repeat([]byte("GET /metrics HTTP/1.1\r\nHost: "+host+"\r\n\r\n"), 20)
		}},
	} {
		t.Run(attack.name, func(t *testing.T) {
			w := newWorld(t)
			w.startAgent("")
			connected := w.connect()
			connected.status()
			before := w.agent.peak()
			for line, addr := range map[string]string{"POST /v1/till": w.till,
				"POST /ws": w.screen, "POST /metrics": w.metrics} {
				besiege(t, addr, attack.n, time.Second, attack.say(line, addr)).here(t)
			}
			var slowest time.Duration
			for range 20 {
				began := time.Now()
				connected.status()
				came := w.connect()
				came.status()
				_ = came.Close()
				slowest = max(slowest, time.Since(began))
			}
			t.Logf("memory %s before, %s at most; a till waited %s at most", mib(before),
				mib(w.agent.peak()), slowest.Round(time.Millisecond))
			if slowest > atOnce {
				t.Errorf("a till waited %s", slowest)
			}
			if got := w.agent.peak(); got > agentRoom {
				t.Errorf("the agent needs %s", mib(got))
			}
		})
	}
}

// TestStrangersDoNotFillTheLog: whatever strangers do at the agent's ports and lines, as often as
// they can, the log has a few lines of each kind.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	w := newWorld(t)
	ecr, calls := programs.FreeAddr(t), programs.FreeAddr(t)
	text, err := os.ReadFile(w.config())
	if err != nil {
		t.Fatal(err)
	}
	w.write("config.toml", string(text)+fmt.Sprintf("\n[[till.serial]]\nname = \"ecr\"\n"+
		"device = \"tcp-listen:%s\"\n"+
		"[[till.serial]]\nname = \"calls\"\ndevice = \"tcp-listen:%s\"\nprotocol = \"jsonrpc\"\n"+
		"token = \"file:%s/line.token\"\n", ecr, calls, w.dir))
	w.newSecret("line.token")
	w.startAgent("")
	w.connect()
	const rounds = 400
	began := time.Now()
	for _, say := range []struct{ addr, text string }{
		{ecr, "\x02"}, {ecr, "GET / HTTP/1.1\r\n\r\n"}, {ecr, "\x00\x03\x00\x08"},
		{ecr, "\x15\x15\x15"},
		{calls, "{}\n"}, {calls, "GET /"},
		{calls, `{"jsonrpc":"2.0","id":1,"method":"terminal.authenticate","params":` +
			`{"token":"x"}}` + "\n"},
		{w.till, "GET /v1/till HTTP/1.1\r\nHost: " + w.till + "\r\n\r\n"}, {w.till, "\x16\x03\x01"},
		{w.screen, "GET /ws HTTP/1.1\r\nHost: " + w.screen + "\r\n\r\n"},
		{w.screen, "GET /?token=x HTTP/1.1\r\nHost: " + w.screen + "\r\n\r\n"},
		{w.metrics, string(tinyHeads("GET /", w.metrics, 50))},
	} {
		for range rounds {
			c, err := net.Dial("tcp", say.addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, say.text)
			if half, ok := c.(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
			_ = c.SetReadDeadline(time.Now().Add(patience))
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}
	took := time.Since(began)
	kinds := make(map[string]int)
	for line := range strings.Lines(w.agentLog.String()) {
		_, text, _ := strings.Cut(line, "msg=")
		kinds[text[:min(len(text), 24)]]++
	}
	// ten at once, and one a second, of each of its reasons
	most := 8 * (10 + int(took/time.Second) + 1)
	for kind, n := range kinds {
		t.Logf("%4d %s", n, kind)
		if n > most {
			t.Errorf("%d lines like %s in %s", n, kind, took)
		}
	}
}

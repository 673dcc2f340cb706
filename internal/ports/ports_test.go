package ports

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opened are sockets as the service manager opens them: a port, and the control socket.
func opened(t *testing.T) (files func() []*os.File, addr string) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(tcp.Close(), unix.Close()); err != nil {
			t.Error(err)
		}
	})
	return func() []*os.File {
		a, err := tcp.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		b, err := unix.(*net.UnixListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = a.Close(), b.Close() })
		return []*os.File{a, b}
	}, tcp.Addr().String()
}

func held(t *testing.T, files []*os.File) *Held {
	t.Helper()
	h, err := take(files)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// start runs f until the test ends, or until the returned function is called.
func start(t *testing.T, f func(ctx context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func hold(t *testing.T, h *Held, after time.Duration) (stop func()) {
	return start(t, func(ctx context.Context) {
		if err := h.Hold(ctx, Refusal{ContentType: "text/plain", Body: "not here", After: after},
			slog.New(slog.DiscardHandler)); err != nil {
			t.Error(err)
		}
	})
}

// greet serves with a word, as a program does that was started.
func greet(t *testing.T, h *Held, addr, word string) (stop func()) {
	t.Helper()
	ln, err := h.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, func(ctx context.Context) {
		defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
		go h.Serving(ctx)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, word)
			_ = c.Close()
		}
	})
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

func words(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Who connects between two programs is answered by the next one; the port is nobody else's at any
// time.
func TestWhoConnectsBetweenTwoIsAnsweredByTheNext(t *testing.T) {
	files, addr := opened(t)
	hold(t, held(t, files()), time.Hour)
	stop := greet(t, held(t, files()), addr, "first")
	if got := words(t, dial(t, addr)); got != "first" {
		t.Errorf("the program that serves: %q", got)
	}
	stop()
	between := dial(t, addr)
	if _, err := net.Listen("tcp", addr); err == nil {
		t.Error("another program took the port")
	}
	greet(t, held(t, files()), addr, "second")
	if got := words(t, between); got != "second" {
		t.Errorf("who connected between the two: %q", got)
	}
}

// Nobody serves: HTTP clients are told so, others are hung up on. Whoever serves again is not in
// the holder's way, nor the reverse.
func TestRefusedWhileNobodyServes(t *testing.T) {
	files, addr := opened(t)
	hold(t, held(t, files()), time.Millisecond)
	for range 3 {
		c := dial(t, addr)
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 503 || string(body) != "not here" ||
			resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s %q (%v)", resp.Status, body, err)
		}
	}
	line := dial(t, addr)
	if _, err := line.Write([]byte{2, 0, 0x18, '5'}); err != nil {
		t.Fatal(err)
	}
	if got := words(t, line); got != "" {
		t.Errorf("a till on a line was told %q", got)
	}
	silent := dial(t, addr)
	if got := words(t, silent); got != "" {
		t.Errorf("who says nothing was told %q", got)
	}
}

// The holder leaves the port to who serves: everybody who connects then is answered by him.
func TestTheHolderStandsBack(t *testing.T) {
	files, addr := opened(t)
	hold(t, held(t, files()), 50*time.Millisecond)
	h := held(t, files())
	for range 3 {
		stop := greet(t, h, addr, "served")
		for refused := 0; words(t, dial(t, addr)) != "served"; refused++ {
			if refused == 100 {
				t.Fatal("the holder goes on refusing")
			}
		}
		for range 50 {
			if got := words(t, dial(t, addr)); got != "served" {
				t.Fatalf("%q while a program serves", got)
			}
		}
		stop()
	}
}

// A holder that was started again hears of the program that serves, which was there before it.
func TestAHolderThatIsStartedAgain(t *testing.T) {
	files, addr := opened(t)
	greet(t, held(t, files()), addr, "served")
	for range 2 {
		stop := hold(t, held(t, files()), 2*time.Second)
		if got := words(t, dial(t, addr)); got != "served" {
			t.Errorf("%q", got)
		}
		stop()
	}
	if got := words(t, dial(t, addr)); got != "served" {
		t.Errorf("%q without a holder", got)
	}
}

// A listener is opened again and again, as a line's is after an error.
func TestAPassedSocketOutlivesItsListeners(t *testing.T) {
	files, addr := opened(t)
	h := held(t, files())
	for range 3 {
		stop := greet(t, h, addr, "x")
		if got := words(t, dial(t, addr)); got != "x" {
			t.Error(got)
		}
		stop()
	}
}

func TestNothingWasPassed(t *testing.T) {
	h, err := Passed()
	if err != nil || h.Any() {
		t.Fatal(h, err)
	}
	ln, err := h.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	var none *Held
	none.Serving(t.Context())
	missing, surplus := none.Differ([]Address{{Listen: "127.0.0.1:7654"}})
	if none.Any() || none.Has("127.0.0.1:7654") || missing != nil || surplus != nil {
		t.Error("a nil Held has something")
	}
	err = h.Hold(t.Context(), Refusal{}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "kiosk-agent-ports") {
		t.Error("a holder without sockets:", err)
	}
}

func TestWhatIsNoListeningSocketIsRefused(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := take([]*os.File{f}); err == nil {
		t.Error("a file was taken for a socket")
	}
}

func TestAddressesOfTheConfiguration(t *testing.T) {
	files, addr := opened(t)
	h := held(t, files())
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]bool{
		addr: true, "localhost:" + port: true, ":" + port: false, "0.0.0.0:" + port: false,
		"127.0.0.2:" + port: false, "127.0.0.1:1": false, "": false, "kiosk:" + port: false,
	} {
		if h.Has(a) != want {
			t.Errorf("%s: %v", a, !want)
		}
	}
	for _, tc := range []struct {
		wanted           []string
		missing, surplus []string
	}{
		{[]string{"127.0.0.1:1"}, []string{"127.0.0.1:1"}, []string{addr}},
		{[]string{"localhost:" + port}, nil, nil},
		{[]string{addr, "127.0.0.1:1"}, []string{"127.0.0.1:1"}, nil},
		{[]string{addr, "kiosk.local:1", "127.0.0.1:0"}, nil, nil},
	} {
		var wanted []Address
		for _, w := range tc.wanted {
			wanted = append(wanted, Address{Listen: w})
		}
		missing, surplus := h.Differ(wanted)
		if !slices.Equal(missing, tc.missing) || !slices.Equal(surplus, tc.surplus) {
			t.Errorf("%v: missing %v, surplus %v", tc.wanted, missing, surplus)
		}
	}
	if !Same(":8800", netip.MustParseAddrPort("[::]:8800")) ||
		!Same("0.0.0.0:8800", netip.MustParseAddrPort("0.0.0.0:8800")) {
		t.Error("every address")
	}
}

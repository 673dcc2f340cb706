//go:build linux

package serial

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestBytesBothWays(t *testing.T) {
	c := newCable(t)
	r := run(t, Config{Device: c.name})
	conn := want(t, "connection", r.conns)
	if s := r.untilOpen(); s.Name != c.name || s.Since.IsZero() || s.LastError != "" ||
		s.Hint != "" || s.Kind.String() != "serial" {
		t.Errorf("state %+v", s)
	}
	if conn.Name() != c.name || conn.Kind() != Device {
		t.Errorf("%s, kind %v", conn.Name(), conn.Kind())
	}
	// Every byte value passes as it is, whole and one by one.
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	c.say(string(all))
	r.hear(string(all))
	for _, b := range all {
		c.say(string([]byte{b}))
	}
	r.hear(string(all))
	if err := conn.Write(all); err != nil {
		t.Fatal(err)
	}
	c.hear(string(all))
	// More than a pseudo-terminal holds is written while it is read.
	const size = 100_000
	done := make(chan error, 1)
	go func() { done <- conn.Write([]byte(strings.Repeat("x", size))) }()
	c.hear(strings.Repeat("x", size))
	if err := want(t, "end of the write", done); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Error(err)
	}
	r.stop()
	if s := r.State(); s.Open || s.Name != "" {
		t.Errorf("state after Run %+v", s)
	}
	if err := conn.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("write after the end: %v", err)
	}
}

// What lay in the line from before is thrown away: nobody waits for the answer any more.
func TestOldBytesAreDropped(t *testing.T) {
	c := newCable(t)
	c.say("a sale of yesterday")
	r := run(t, Config{Device: c.name})
	r.untilOpen()
	c.say("today")
	r.hear("today")
}

// The adapter is pulled, comes back under another number, and is found by its stable name.
func TestReplugUnderAnotherNumber(t *testing.T) {
	c, name := newCable(t), stableName(t)
	link(t, c.name, name)
	r := run(t, Config{Device: name})
	old := want(t, "connection", r.conns)
	r.untilOpen()
	c.say("one")
	r.hear("one")

	c.pull()
	if s := r.untilBroken(); !strings.Contains(s.LastError, "hung up") {
		t.Errorf("state %+v", s)
	}
	if err := want(t, "end", r.ends); !errors.Is(err, ErrHungUp) {
		t.Errorf("serve saw %v", err)
	}
	if err := old.Write([]byte("stale")); !errors.Is(err, ErrClosed) && !errors.Is(err, ErrHungUp) {
		t.Errorf("write on the old connection: %v", err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	r.again <- struct{}{}
	if s := r.untilBroken(); !strings.Contains(s.LastError, "no such device") || s.Hint == "" {
		t.Errorf("state %+v", s)
	}

	back := newCable(t)
	link(t, back.name, name)
	r.again <- struct{}{}
	if s := r.untilOpen(); s.Name != back.name {
		t.Errorf("opened %s, want %s", s.Name, back.name)
	}
	back.say("two")
	r.hear("two")
	fresh := want(t, "new connection", r.conns)
	if err := old.Write([]byte("stale")); !errors.Is(err, ErrClosed) {
		t.Errorf("write on the old connection: %v", err)
	}
	if err := fresh.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	back.hear("answer")
	if r.failures("hung_up") != 1 || r.failures("missing") != 1 {
		t.Error("failures are not counted by kind")
	}
}

// A till that takes nothing does not hold the agent: the write ends in time, the line is given up
// and opened anew.
func TestBlockedWrite(t *testing.T) {
	c := newCable(t)
	r := run(t, Config{Device: c.name, Baud: 3_000_000, WriteWait: 50 * time.Millisecond})
	conn := want(t, "connection", r.conns)
	began := time.Now()
	written := make(chan error, 1)
	go func() { written <- conn.Write(make([]byte, 100_000)) }() // a pseudo-terminal takes less
	err := want(t, "end of the write", written)
	if took, wire := time.Since(began), r.cfg.wireTime(100_000); !errors.Is(err, ErrBlocked) ||
		took > 2*wire+time.Second {
		t.Fatalf("%v after %v", err, took)
	}
	if err := conn.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("the line is used again after half a message: %v", err)
	}
	if s := r.untilBroken(); !strings.Contains(s.LastError, "nothing can be sent") {
		t.Errorf("state %+v", s)
	}
	r.again <- struct{}{}
	r.untilOpen()
}

func TestCloseFreesReadAndWrite(t *testing.T) {
	c := newCable(t)
	r := run(t, Config{Device: c.name})
	conn := want(t, "connection", r.conns)
	written := make(chan error, 1)
	go func() { written <- conn.Write(make([]byte, 100_000)) }()
	c.hear("\x00") // the write is under way
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := want(t, "end of the write", written); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if err := want(t, "end of the read", r.ends); !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	r.until("ended", func(s State) bool { return strings.Contains(s.LastError, "session ended") })
}

func TestMode(t *testing.T) {
	c := newCable(t)
	r := run(t, Config{Device: c.name, Baud: 57600, StopBits: 2, Flow: FlowRTSCTS})
	r.untilOpen()
	s, err := unix.IoctlGetTermios(int(c.keep.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if s.Cflag&unix.CBAUD != unix.B57600 || s.Cflag&unix.CSTOPB == 0 || s.Cflag&unix.CRTSCTS == 0 ||
		s.Lflag&unix.ECHO != 0 {
		t.Errorf("cflag %o lflag %o", s.Cflag, s.Lflag)
	}
}

func TestNotASerialDevice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("journal"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, "/dev/null", t.TempDir()} {
		r := run(t, Config{Device: name})
		if s := r.untilBroken(); !strings.Contains(s.LastError, "not a serial device") ||
			s.Hint == "" {
			t.Errorf("%s: %+v", name, s)
		}
		r.stop()
	}
	if b, _ := os.ReadFile(file); string(b) != "journal" {
		t.Error("the file was touched")
	}
}

// A descriptor beyond what select can watch is as good as any: the library would panic on it.
func TestHighDescriptor(t *testing.T) {
	c := newCable(t)
	for range 1100 {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
	}
	r := run(t, Config{Device: c.name})
	conn := want(t, "connection", r.conns)
	if fd := descriptor(t, c); fd < 1024 {
		t.Fatalf("descriptor %d", fd)
	}
	c.say("high")
	r.hear("high")
	if err := conn.Write([]byte("low")); err != nil {
		t.Fatal(err)
	}
	c.hear("low")
}

// On a real wire a Write lasts at least as long as its bytes; a pseudo-terminal has none, so it is
// told to behave like one.
func TestWriteLastsAsLongAsItsBytes(t *testing.T) {
	c := newCable(t)
	l, _, err := realHost(t.TempDir()).open(c.name, Config{Baud: 9600}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tty := l.(*ttyLine)
	if !tty.pty {
		t.Error("a pseudo-terminal is not known as one")
	}
	tty.pty = false
	began := time.Now()
	if err := tty.Write(make([]byte, 48), began.Add(patience)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("48 bytes at 9600 baud in %v", took)
	}
	err = tty.Write(make([]byte, 960), time.Now().Add(20*time.Millisecond))
	if !errors.Is(err, ErrBlocked) {
		t.Errorf("a second's worth of bytes in 20 ms: %v", err)
	}
}

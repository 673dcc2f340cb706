//go:build linux

package serial

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	port "go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// descriptor is the number under which this process has the agent's end open, besides the test's
// own.
func descriptor(t *testing.T, c *cable) int {
	t.Helper()
	for _, fd := range descriptors(t, c.name) {
		if fd != int(c.keep.Fd()) {
			return fd
		}
	}
	t.Fatal("not open")
	return -1
}

func descriptors(t *testing.T, name string) (fds []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == name {
			fd, _ := strconv.Atoi(e.Name())
			fds = append(fds, fd)
		}
	}
	return fds
}

// journalAt makes a file and opens it under this very descriptor, as the next os.Open may.
func journalAt(t *testing.T, fd int) (content func() string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if int(f.Fd()) != fd { // it has not been given out by itself
		if err := unix.Dup3(int(f.Fd()), fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
	}
	return func() string {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

// This is the library's fault that the package is built around. If this test fails, the library was
// mended: read doc.go again.
func TestLibraryWritesIntoForeignFiles(t *testing.T) {
	c := newCable(t)
	p, err := port.Open(c.name, &port.Mode{BaudRate: 9600})
	if err != nil {
		t.Fatal(err)
	}
	fd := descriptor(t, c)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	journal := journalAt(t, fd)
	if _, err := p.Write([]byte("approved")); err != nil || journal() != "approved" {
		t.Fatalf("the file holds %q (%v)", journal(), err)
	}
}

// The same happens to us: nothing gets through, on the Linux line and on the one around the
// library's port.
func TestNoWriteAfterClose(t *testing.T) {
	for name, open := range map[string]func(*cable) line{
		"tty": func(c *cable) line {
			l, _, err := realHost(t.TempDir()).open(c.name, Config{}.withDefaults())
			if err != nil {
				t.Fatal(err)
			}
			return l
		},
		"port": func(c *cable) line { return openPort(t, c) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCable(t)
			raw := open(c)
			fd := descriptor(t, c)
			if err := raw.Close(); err != nil {
				t.Fatal(err)
			}
			journal := journalAt(t, fd)
			err := raw.Write([]byte("approved"), time.Now().Add(patience))
			if !errors.Is(err, ErrClosed) {
				t.Errorf("write: %v", err)
			}
			if n, err := raw.Read(make([]byte, 1)); n != 0 || !errors.Is(err, ErrClosed) {
				t.Errorf("read: %d, %v", n, err)
			}
			if journal() != "" {
				t.Fatalf("the file holds %q", journal())
			}
		})
	}
}

func openPort(t *testing.T, c *cable) *portLine {
	t.Helper()
	p, err := port.Open(c.name, Config{}.withDefaults().mode())
	if err != nil {
		t.Fatal(err)
	}
	l, err := newPortLine(p, c.name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// sly is a line that notices when it is used after its Close.
type sly struct {
	closed, used int
	writeErr     error
}

func (s *sly) touch() { s.used += s.closed }

func (s *sly) Read(p []byte) (int, error)    { s.touch(); return copy(p, "x"), nil }
func (s *sly) Write([]byte, time.Time) error { s.touch(); return s.writeErr }
func (s *sly) CloseWrite() error             { s.touch(); return nil }
func (s *sly) Close() error                  { s.touch(); s.closed++; return nil }
func (s *sly) Name() string                  { return "sly" }

// Even a line that would not be safe by itself is not touched after Close, or after a Write that
// failed.
func TestConnForgetsTheLine(t *testing.T) {
	for _, broken := range []bool{false, true} {
		l := &sly{}
		c := newConn(l, Device, Config{}.withDefaults())
		if broken {
			l.writeErr = unix.EINVAL
			if err := c.Write([]byte("x")); !errors.Is(err, ErrIO) ||
				!errors.Is(err, unix.EINVAL) || !errors.Is(c.failure(), ErrIO) {
				t.Errorf("write: %v, failure %v", err, c.failure())
			}
		} else if err := c.Close(); err != nil {
			t.Error(err)
		}
		_, readErr := c.Read(make([]byte, 1))
		for _, err := range []error{readErr, c.Write([]byte("x")), c.CloseWrite()} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("after the end: %v", err)
			}
		}
		if err := c.Close(); err != nil || l.closed != 1 || l.used != 0 {
			t.Errorf("%v, closed %d times, used %d times afterwards", err, l.closed, l.used)
		}
	}
}

// Writers that race with Close, while files take the descriptors that become free, never reach one
// of the files.
func TestNoWriteRacesWithClose(t *testing.T) {
	for round := range 50 {
		c := newCable(t)
		l, _, err := realHost(t.TempDir()).open(c.name, Config{}.withDefaults())
		if err != nil {
			t.Fatal(err)
		}
		conn := newConn(l, Device, Config{}.withDefaults())
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for conn.Write([]byte("approved")) == nil {
				}
			})
		}
		c.hear("approved")
		wg.Go(func() { _ = conn.Close() })
		var files []*os.File
		for i := range 20 {
			f, err := os.Create(filepath.Join(t.TempDir(), fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		wg.Wait()
		for _, f := range files {
			if info, err := f.Stat(); err != nil || info.Size() != 0 {
				t.Fatalf("round %d: %s: %v, %v", round, f.Name(), info, err)
			}
			f.Close()
		}
		c.pull()
	}
}

// The line around the library's port: bytes, hang-up, a Write that nobody reads, and a Close under
// it. Its stuck writer holds the port until the driver lets go, and only then is the descriptor
// given back.
func TestPortLine(t *testing.T) {
	c := newCable(t)
	l := openPort(t, c)
	c.say("in")
	buf := make([]byte, 10)
	if n, err := l.Read(buf); err != nil || string(buf[:n]) != "in"[:n] {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if err := l.Write([]byte("out"), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	c.hear("out")
	err := l.Write(make([]byte, 100_000), time.Now().Add(50*time.Millisecond))
	if !errors.Is(err, ErrBlocked) {
		t.Fatalf("a write that nobody reads: %v", err)
	}
	if err := l.Close(); !errors.Is(err, ErrBlocked) {
		t.Fatalf("close under a stuck writer: %v", err)
	}
	descriptor(t, c) // is still ours
	if err := l.Write([]byte("more"), time.Now().Add(patience)); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
	c.till.Close() // the driver lets go
	want(t, "end of the stuck writer", l.empty)

	c = newCable(t)
	l = openPort(t, c)
	ended := make(chan error, 1)
	go func() {
		_, err := l.Read(make([]byte, 1))
		ended <- err
	}()
	c.till.Close()
	if err := want(t, "end of the read", ended); !errors.Is(err, ErrHungUp) {
		t.Errorf("read: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

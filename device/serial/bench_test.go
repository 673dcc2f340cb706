//go:build linux

package serial

import (
	"context"
	"io"
	"testing"

	"github.com/creack/pty"
)

// BenchmarkRoundTrip is a 48-byte frame from the till and one byte back, over a pseudo-terminal. At
// 9600 baud the frame alone takes 50 ms.
func BenchmarkRoundTrip(b *testing.B) {
	till, keep, err := pty.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer till.Close()
	defer keep.Close()
	l, err := New(Config{Device: keep.Name(), LockDir: b.TempDir()}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended, open := make(chan error, 1), make(chan struct{})
	go func() {
		ended <- l.Run(ctx, func(ctx context.Context, c Conn) error {
			defer context.AfterFunc(ctx, func() { c.Close() })()
			close(open)
			buf := make([]byte, 48)
			for got := 0; ; {
				n, err := c.Read(buf[got:])
				if err != nil {
					return nil
				}
				if got += n; got == len(buf) {
					got = 0
					if err := c.Write(buf[:1]); err != nil {
						return nil
					}
				}
			}
		})
	}()
	<-open
	frame, ack := make([]byte, 48), make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := till.Write(frame); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(till, ack); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	<-ended
}

// BenchmarkOpen is finding, locking, opening, setting and closing a device.
func BenchmarkOpen(b *testing.B) {
	till, keep, err := pty.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer till.Close()
	defer keep.Close()
	l, err := New(Config{Device: keep.Name(), LockDir: b.TempDir()}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c, err := l.openDevice()
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

package foreigntill

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// TestOverPty: the till works over a real pty, survives its hang-up and goes on when it is plugged again.
func TestOverPty(t *testing.T) {
	till := New(Config{Dialect: Paycube(), Timers: DefaultTimers().Divide(20)})
	ctx, off := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- till.Run(ctx) }()
	defer func() {
		off()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for range 2 {
		master, slave := openPty(t)
		if err := till.Plug(ctx, master); err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() { answered <- answerOnce(slave) }()
		limit, cancel := context.WithTimeout(ctx, 30*time.Second)
		r, err := till.Status(limit)
		if err != nil || r.Code != "00" {
			t.Errorf("%+v, %v", r, err)
		}
		if err := <-answered; err != nil {
			t.Error(err)
		}
		_ = slave.Close() // the till's reads now fail, as after a pulled cable
		cancel()
		if err := till.Plug(ctx, nil); err != nil {
			t.Error(err)
		}
	}
}

func openPty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = master.Close(), slave.Close() }) // closed already when all went well
	if err := raw(slave); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// answerOnce is a terminal that acknowledges one request, answers it and reads the ACK.
func answerOnce(line *os.File) error {
	var p Parser
	buf := make([]byte, 1)
	for {
		if _, err := line.Read(buf); err != nil {
			return err
		}
		e, ok := p.Push(buf[0])
		switch {
		case ok && e.Kind == ACK:
			return nil
		case ok && e.Kind == Frame:
			m := e.Message
			m.Code = "00"
			b, err := m.Encode()
			if err != nil {
				return err
			}
			if _, err := line.Write(append([]byte{ack}, b...)); err != nil {
				return err
			}
		}
	}
}

// raw makes the device carry bytes as they are.
func raw(f *os.File) error {
	tio, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	tio.Iflag, tio.Oflag, tio.Lflag = 0, 0, 0
	tio.Cc[unix.VMIN], tio.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, tio)
}

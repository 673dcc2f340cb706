package ecrtill

import (
	"context"
	"os"
	"testing"
	"time"
)

// TestOverPty: the till works over a real pty, survives its hang-up and goes on when it is plugged
// again.
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
	for _, hungUp := range []bool{true, false} {
		master, slave, err := OpenLine()
		if err != nil {
			t.Fatal(err)
		}
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
		cancel()
		if hungUp {
			_ = slave.Close() // the till's reads now fail, as after a pulled cable
		}
		if err := till.Plug(ctx, nil); err != nil {
			t.Error(err)
		}
		_, _ = master.Close(), slave.Close() // the slave may be closed already
	}
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

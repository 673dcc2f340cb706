package ecrtill

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// Port is one end of a cable: a pty's master, a TCP connection, net.Pipe. A read must end when its
// deadline passes.
type Port interface {
	io.ReadWriter
	SetReadDeadline(time.Time) error
}

// Traffic is what passed over the line in one direction at one moment.
type Traffic struct {
	At    time.Time
	Sent  bool
	Bytes []byte
}

func (t Traffic) String() string {
	direction := "till <-"
	if t.Sent {
		direction = "till ->"
	}
	return fmt.Sprintf("%s %s % x", t.At.Format("05.000"), direction, t.Bytes)
}

// trace keeps the newest traffic, for messages of tests.
type trace struct {
	mu  sync.Mutex
	all []Traffic
}

// traceLen bounds the trace; older traffic is dropped.
const traceLen = 400

func (tr *trace) add(sent bool, b []byte) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.all) == traceLen {
		tr.all = append(tr.all[:0], tr.all[traceLen/2:]...)
	}
	tr.all = append(tr.all, Traffic{At: time.Now(), Sent: sent, Bytes: bytes.Clone(b)})
}

// Trace is the newest traffic of the line, oldest first.
func (t *Till) Trace() []Traffic {
	t.trace.mu.Lock()
	defer t.trace.mu.Unlock()
	return append([]Traffic(nil), t.trace.all...)
}

// chunk is what one read gave.
type chunk struct {
	from  *cable
	bytes []byte
}

// cable is a plugged port with the goroutine that reads it.
type cable struct {
	port   Port
	pulled chan struct{} // closed when the till no longer wants its bytes
	ended  chan struct{} // closed when the reader has ended
}

func (t *Till) startCable(p Port) *cable {
	c := &cable{port: p, pulled: make(chan struct{}), ended: make(chan struct{})}
	_ = p.SetReadDeadline(time.Time{}) // pull left one; a port that is closed fails its first read
	go func() {
		defer close(c.ended)
		buf := make([]byte, 512)
		for {
			n, err := p.Read(buf)
			if n > 0 {
				select {
				case t.bytes <- chunk{c, bytes.Clone(buf[:n])}:
				case <-c.pulled:
					return
				}
			}
			if err != nil {
				// pulled, or the other end is gone: a till hears nothing more until it is plugged
				// again
				return
			}
		}
	}()
	return c
}

func (c *cable) pull() {
	if c == nil {
		return
	}
	close(c.pulled)
	// a port that is closed already ends its reader itself
	_ = c.port.SetReadDeadline(time.Unix(1, 0))
	<-c.ended
}

// put writes to the line; without a cable the bytes are lost, as on a real one.
func (t *Till) put(b []byte) {
	if t.cable == nil || len(b) == 0 {
		return
	}
	t.trace.add(true, b)
	if !t.mis.Split {
		_, _ = t.cable.port.Write(b) // a broken cable loses bytes; timers notice
		return
	}
	for i := range b {
		_, _ = t.cable.port.Write(b[i : i+1])
	}
}

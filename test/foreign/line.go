package foreign

import (
	"io"
	"sync"
)

// Dial opens the line: a connection, or a serial device.
type Dial func() (io.ReadWriteCloser, error)

// heard is what came over the line: a signal, a frame, noise or the end.
type heard struct {
	signal byte // ack, nak, or 0
	frame  []byte
	err    error // the line has ended
}

// line is an open line, and what it brings.
type line struct {
	port  io.ReadWriteCloser
	heard chan heard
	close func()
	gone  chan struct{} // closed with the line: nobody listens
}

func open(dial Dial) (*line, error) {
	port, err := dial()
	if err != nil {
		return nil, err
	}
	l := &line{port: port, heard: make(chan heard, 64), gone: make(chan struct{})}
	l.close = sync.OnceFunc(func() {
		close(l.gone)
		_ = l.port.Close() // a line that breaks is what the till must live with
	})
	go l.read()
	return l, nil
}

// read passes on what comes until the line ends.
func (l *line) read() {
	var (
		b   = make([]byte, 4096)
		all []byte
	)
	for {
		n, err := l.port.Read(b)
		all = append(all, b[:n]...)
		for {
			h, used := next(all)
			if used == 0 {
				break
			}
			all = all[used:]
			if h.signal == 0 && h.frame == nil {
				continue // noise
			}
			if !l.pass(h) {
				return
			}
		}
		if err != nil {
			l.pass(heard{err: err})
			return
		}
	}
}

func (l *line) pass(h heard) bool {
	select {
	case l.heard <- h:
		return true
	case <-l.gone:
		return false
	}
}

// next takes the first thing from b: how many bytes it is, 0 when it is not whole yet.
func next(b []byte) (h heard, used int) {
	if len(b) == 0 {
		return h, 0
	}
	switch b[0] {
	case ack, nak:
		return heard{signal: b[0]}, 1
	case stx:
	default:
		return h, 1
	}
	if len(b) < 3 {
		return h, 0
	}
	n, err := undecimal(b[1:])
	if err != nil {
		return h, 1
	}
	if len(b) < n+5 {
		return h, 0
	}
	return heard{frame: b[: n+5 : n+5]}, n + 5
}

// flush drops what came and was not read.
func (l *line) flush() (err error) {
	for {
		select {
		case h := <-l.heard:
			if h.err != nil {
				return h.err
			}
		default:
			return nil
		}
	}
}

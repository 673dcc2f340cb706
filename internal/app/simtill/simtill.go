// Package simtill is a till with a keyboard on an ECR line: it sends what is typed, or what a
// script says, prints what comes back, and ends with the code of the last sale.
//
// It is for integrators without a till, and for tests; it keeps no book and decides nothing about
// money. One goroutine uses a Till. Nothing survives a crash: the last result is asked for.
package simtill

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/device/serial"
)

// Till is a till with a keyboard. One goroutine uses it.
type Till struct {
	d       *ecr.Dialect
	out     io.Writer
	scanner *ecr.Scanner

	ecn    int64  // counts; ECNs are made from it
	fixed  string // the ECN of every request; "" = counting
	frame  []byte // the request that waits for its ACK
	label  string // what it is, for people
	sent   int    // transmissions of it
	ackBy  time.Time
	asked  map[string]ecr.Kind // ECN+function of requests whose response is still to come
	hold   string              // the key of the response that the next command waits for
	exit   int
	inputs bool // the input has not ended
}

// New makes a till that speaks a dialect and prints to out.
func New(d *ecr.Dialect, out io.Writer) *Till {
	return &Till{
		d: d, out: out, scanner: d.NewResponseScanner(), ecn: firstNumber(time.Now()),
		asked: make(map[string]ecr.Kind), inputs: true,
	}
}

// firstNumber is where a till that starts now counts from: twelve digits, a hundred numbers for
// each millisecond, so that a till that starts right after another one takes none of its ECNs.
func firstNumber(now time.Time) int64 {
	return now.UnixMilli() % 10_000_000_000 * 100
}

// Run plays until the input ends, quit or ctx; code is one of package exit's. A line that breaks is
// opened again; what was asked stays asked.
func (s *Till) Run(ctx context.Context, link *serial.Link, input io.Reader) (code int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lines := readLines(ctx, input)
	err = link.Run(ctx, func(ctx context.Context, c serial.Conn) error {
		fmt.Fprintf(s.out, "Connected to %s, dialect %s. \"help\" lists the commands.\n", c.Name(),
			s.d.Name())
		done, err := s.serve(ctx, c, lines)
		if done {
			stop()
		}
		return err
	})
	s.leave()
	return s.exit, err
}

// readLines hands out the input's lines; the channel is closed at its end.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		sc := bufio.NewScanner(in)
		for sc.Scan() {
			line := strings.TrimSpace(sc.Text())
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// line is what the simulator needs of a connection.
type line interface {
	Read(p []byte) (int, error)
	Write(p []byte) error
}

// serve plays on one connection; done says that there is nothing more to play.
func (s *Till) serve(ctx context.Context, c line, lines <-chan string) (done bool, err error) {
	chunks, broken := make(chan []byte), make(chan error, 1)
	go func() {
		for {
			b := make([]byte, 256)
			n, err := c.Read(b)
			if n > 0 {
				select {
				case chunks <- b[:n]:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				broken <- err
				return
			}
		}
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var silent time.Time
	for {
		if !s.inputs && s.frame == nil && len(s.asked) == 0 {
			return true, nil
		}
		input := lines
		if s.frame != nil || s.waits(s.hold) || !s.inputs {
			input = nil
		}
		select {
		case text, ok := <-input:
			if !ok {
				s.inputs = false
			} else if err := s.command(c, text); err != nil {
				return true, err
			}
		case chunk := <-chunks:
			silent = time.Now()
			if err := s.receive(c, chunk); err != nil {
				return false, err
			}
		case now := <-tick.C:
			if s.scanner.Pending() && now.Sub(silent) > s.d.Timers().Gap {
				if err := s.bad(c, s.scanner.Gap()); err != nil {
					return false, err
				}
			}
			if s.frame != nil && now.After(s.ackBy) {
				if err := s.transmit(c); err != nil {
					return false, err
				}
			}
		case err := <-broken:
			fmt.Fprintln(s.out, "The line is gone; trying to open it again …")
			s.scanner.Reset()
			return false, err
		case <-ctx.Done():
			return true, nil
		}
	}
}

package simtill

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/internal/app/exit"
)

// transmit sends the waiting frame, at most as often as the dialect allows.
func (s *Till) transmit(c line) error {
	if s.sent >= s.d.Timers().Transmissions {
		fmt.Fprintln(s.out,
			"No ACK: the terminal does not answer. Ask for the last result before selling again.")
		s.frame, s.asked, s.exit = nil, map[string]ecr.Kind{}, exit.Unknown
		return nil
	}
	s.sent++
	s.ackBy = time.Now().Add(s.d.Timers().ACK)
	what := s.label
	if s.sent > 1 {
		what += fmt.Sprintf(" (transmission %d: no ACK yet)", s.sent)
	}
	s.print("→", s.frame, what)
	return c.Write(s.frame)
}

func (s *Till) receive(c line, chunk []byte) error {
	for len(chunk) > 0 {
		var ev ecr.Event
		ev, chunk = s.scanner.Next(chunk)
		switch ev.Kind {
		case ecr.Ack:
			if s.frame != nil {
				fmt.Fprintln(s.out, "← ACK")
				s.frame = nil
			}
		case ecr.Nak:
			fmt.Fprintln(s.out, "← NAK")
			if s.frame != nil {
				if err := s.transmit(c); err != nil {
					return err
				}
			}
		case ecr.Frame:
			if err := s.response(c, ev); err != nil {
				return err
			}
		default:
			if err := s.bad(c, ev); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Till) bad(c line, ev ecr.Event) error {
	if ev.Kind != ecr.Bad {
		return nil
	}
	s.print("←", ev.Raw, "bad frame: "+ev.Reason.String())
	return c.Write([]byte{s.d.NAK()})
}

// response takes, acknowledges and tells one response.
func (s *Till) response(c line, ev ecr.Event) error {
	r := ev.Response.Clone()
	if err := c.Write([]byte{s.d.ACK()}); err != nil {
		return err
	}
	s.print("←", ev.Raw, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Function, r.Code, r.Text())))
	kind := ecr.KindUnknown
	for _, f := range s.d.Functions() {
		if f.Code == string(r.Function) {
			kind = f.Kind
		}
	}
	key := responseKey(kind, r.ECN, string(r.Function))
	if !s.waits(key) {
		fmt.Fprintln(s.out, "  (not the answer to anything that was asked)")
		return nil
	}
	delete(s.asked, key)
	if kind == ecr.KindSale || kind == ecr.KindLast {
		s.exit = s.judge(kind, r)
	}
	return nil
}

// judge is the exit code of the response to a sale, or to the question for the last one. A refusal
// to start a sale says that nothing was paid; a refusal to tell the last result (it still runs,
// say) does not.
func (s *Till) judge(kind ecr.Kind, r ecr.Response) int {
	if r.Approved() {
		return exit.Done
	}
	meanings := s.d.OutcomesWith(string(r.Code))
	switch {
	case len(meanings) == 0, slices.ContainsFunc(meanings, ecr.Outcome.Uncertain),
		kind == ecr.KindLast && !slices.ContainsFunc(meanings, ecr.Outcome.NotPaid):
		return exit.Unknown
	default:
		return exit.Failure
	}
}

func (s *Till) print(arrow string, b []byte, what string) {
	fmt.Fprintf(s.out, "%s %s\n", arrow, hex.EncodeToString(b))
	if what != "" {
		fmt.Fprintf(s.out, "  %s\n", what)
	}
}

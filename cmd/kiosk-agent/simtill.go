package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/payment"
)

// simTill is a till with a keyboard. One goroutine uses it.
type simTill struct {
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

func newSimTill(d *ecr.Dialect, out io.Writer) *simTill {
	return &simTill{
		d: d, out: out, scanner: d.NewResponseScanner(), ecn: time.Now().Unix() % 1_000_000 * 100,
		asked: make(map[string]ecr.Kind), inputs: true,
	}
}

// line is what the simulator needs of a connection.
type line interface {
	Read(p []byte) (int, error)
	Write(p []byte) error
}

// serve plays on one connection; done says that there is nothing more to play.
func (s *simTill) serve(ctx context.Context, c line, lines <-chan string) (done bool, err error) {
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

// command does what one line of input says. The error is a line's.
func (s *simTill) command(c line, text string) error {
	text, background := strings.CutSuffix(text, "&")
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	var kind ecr.Kind
	var schemes string
	switch word {
	case "status":
		kind = ecr.KindStatus
	case "qr":
		kind, schemes = ecr.KindSale, "paynow"
	case "card":
		kind, schemes = ecr.KindSale, "credit_card"
	case "void":
		kind = ecr.KindVoid
	case "cancel":
		kind = ecr.KindCancel
	case "last":
		kind = ecr.KindLast
	case "logon":
		kind = ecr.KindLogon
	case "settlement":
		kind = ecr.KindSettlement
	case "ecn":
		s.setECN(rest)
		return nil
	case "send":
		return s.raw(c, rest)
	case "quit":
		s.leave()
		s.inputs, s.asked = false, map[string]ecr.Kind{}
		return nil
	case "help":
		fmt.Fprintln(s.out, tillHelp)
		return nil
	default:
		s.refuse(fmt.Sprintf("%.40q is no command; \"help\" lists them", word))
		return nil
	}
	frame, key, err := s.request(kind, schemes, strings.TrimSpace(rest))
	if err != nil {
		s.refuse(err.Error())
		return nil
	}
	s.supersede(kind)
	s.asked[key], s.hold = kind, ""
	if !background {
		s.hold = key
	}
	s.frame, s.sent, s.label = frame, 0, strings.TrimSpace(word+" "+rest)
	return s.transmit(c)
}

// refuse says why a line of input was not carried out. Its exit code is not that of an approval.
func (s *simTill) refuse(why string) {
	fmt.Fprintln(s.out, why)
	s.exit = exit.Usage
}

func (s *simTill) waits(key string) bool {
	_, ok := s.asked[key]
	return ok
}

// supersede forgets a sale that waits for its response when another is asked for: the terminal
// answers the newer one only.
func (s *simTill) supersede(by ecr.Kind) {
	if by != ecr.KindSale && by != ecr.KindVoid {
		return
	}
	for key, kind := range s.asked {
		if kind == ecr.KindSale {
			delete(s.asked, key)
			fmt.Fprintln(s.out,
				"  (the sale before this one is not answered any more: ask for the last result)")
		}
	}
}

// leave ends the play. A sale that was not answered may still be paid.
func (s *simTill) leave() {
	for _, kind := range s.asked {
		if kind == ecr.KindSale || kind == ecr.KindLast {
			s.exit = exit.Unknown
		}
	}
}

func (s *simTill) setECN(text string) {
	switch text {
	case "+":
		s.fixed = ""
	case "=":
		s.fixed = s.number()
	default:
		s.fixed = text
	}
}

// number is the counting ECN, as wide as the dialect's.
func (s *simTill) number() string {
	n := strconv.FormatInt(s.ecn, 10)
	w := s.d.ECNWidth()
	if len(n) > w {
		return n[len(n)-w:]
	}
	return strings.Repeat("0", w-len(n)) + n
}

// request builds the frame of one command; key is what its response is known by.
func (s *simTill) request(kind ecr.Kind, schemes, amount string) (frame []byte, key string,
	err error) {
	fn, err := s.function(kind, schemes)
	if err != nil {
		return nil, "", err
	}
	var fields []ecr.Field
	if kind == ecr.KindSale || kind == ecr.KindVoid && amount != "" {
		m, err := payment.ParseMoney(amount, payment.SGD)
		if err != nil {
			return nil, "", fmt.Errorf("%w (write the amount like 10.23)", err)
		}
		f, err := s.d.AmountField(m.Amount)
		if err != nil {
			return nil, "", err
		}
		fields = append(fields, f)
	}
	ecn := s.fixed
	if ecn == "" {
		s.ecn++
		ecn = s.number()
	}
	req := s.d.NewRequest(ecn, fn, fields...)
	frame, err = s.d.Append(nil, req.Message)
	return frame, responseKey(kind, req.ECN, fn), err
}

// responseKey is what a response is known by: its ECN and function. The last result comes under the
// ECN of the sale that it tells.
func responseKey(kind ecr.Kind, ecn []byte, function string) string {
	if kind == ecr.KindLast {
		return function
	}
	return string(ecn) + function
}

// function picks the dialect's function of a kind; of several sales, the one that takes the scheme.
func (s *simTill) function(kind ecr.Kind, scheme string) (string, error) {
	var general string
	for _, f := range s.d.Functions() {
		if f.Kind != kind {
			continue
		}
		if slices.Contains(f.Schemes, scheme) {
			return f.Code, nil
		}
		if len(f.Schemes) == 0 || scheme == "" {
			general = f.Code
		}
	}
	if general == "" {
		return "", fmt.Errorf("the dialect %s has no such function", s.d.Name())
	}
	return general, nil
}

func (s *simTill) raw(c line, digits string) error {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		s.refuse("send needs hex digits: " + err.Error())
		return nil
	}
	s.print("→", b, "")
	return c.Write(b)
}

// transmit sends the waiting frame, at most as often as the dialect allows.
func (s *simTill) transmit(c line) error {
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

func (s *simTill) receive(c line, chunk []byte) error {
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

func (s *simTill) bad(c line, ev ecr.Event) error {
	if ev.Kind != ecr.Bad {
		return nil
	}
	s.print("←", ev.Raw, "bad frame: "+ev.Reason.String())
	return c.Write([]byte{s.d.NAK()})
}

// response takes, acknowledges and tells one response.
func (s *simTill) response(c line, ev ecr.Event) error {
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
func (s *simTill) judge(kind ecr.Kind, r ecr.Response) int {
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

func (s *simTill) print(arrow string, b []byte, what string) {
	fmt.Fprintf(s.out, "%s %s\n", arrow, hex.EncodeToString(b))
	if what != "" {
		fmt.Fprintf(s.out, "  %s\n", what)
	}
}

package simtill

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kiosk-agent/device/ecr"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/payment"
)

// Help explains the commands.
const Help = `till plays a till on an ECR line, for integrators without one. Commands, one to
a line:

  status            is the terminal ready
  qr AMOUNT         QR sale, such as: qr 10.23
  card AMOUNT       card sale
  void AMOUNT       void
  cancel            cancel the running sale
  last              how did the last sale end
  logon, settlement where the dialect has them
  ecn TEXT|+|=      the next request's number: TEXT; counting again; or the same
                    for ever
  send HEX          these very bytes
  quit

A command waits for its response before the next one is read; with "&" behind
it, it does not: "qr 10.23 &", then "cancel". With --script (or commands in a
pipe) the exit code is that of the last sale, or of the last result that was
asked for: 0 approved, 1 not paid or refused, 3 not known (uncertain, still
running, not answered); 2 if a line after it was not understood.`

// command does what one line of input says. The error is a line's.
func (s *Till) command(c line, text string) error {
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
		fmt.Fprintln(s.out, Help)
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
func (s *Till) refuse(why string) {
	fmt.Fprintln(s.out, why)
	s.exit = exit.Usage
}

func (s *Till) waits(key string) bool {
	_, ok := s.asked[key]
	return ok
}

// supersede forgets a sale that waits for its response when another is asked for: the terminal
// answers the newer one only.
func (s *Till) supersede(by ecr.Kind) {
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
func (s *Till) leave() {
	for _, kind := range s.asked {
		if kind == ecr.KindSale || kind == ecr.KindLast {
			s.exit = exit.Unknown
		}
	}
}

func (s *Till) setECN(text string) {
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
func (s *Till) number() string {
	n := strconv.FormatInt(s.ecn, 10)
	w := s.d.ECNWidth()
	if len(n) > w {
		return n[len(n)-w:]
	}
	return strings.Repeat("0", w-len(n)) + n
}

// request builds the frame of one command; key is what its response is known by.
func (s *Till) request(kind ecr.Kind, schemes, amount string) (frame []byte, key string,
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
	return frame, responseKey(kind, s.d.ResponseECN(req.ECN), fn), err
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
func (s *Till) function(kind ecr.Kind, scheme string) (string, error) {
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

func (s *Till) raw(c line, digits string) error {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		s.refuse("send needs hex digits: " + err.Error())
		return nil
	}
	s.print("→", b, "")
	return c.Write(b)
}

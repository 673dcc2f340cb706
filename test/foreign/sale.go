package foreign

import (
	"errors"
	"strings"
)

// Order is what a customer wants to buy.
type Order struct {
	Tender Tender
	Cents  int64
	Mishap Mishap
	Repeat bool // of the sale before, which the cashier thinks failed: with its receipt
	// Taken, when not nil, is called each time that the terminal has acknowledged the request; n
	// counts from 1. It must not block.
	Taken func(n int)
}

// Sell sells to one customer, and returns what the till believes at the end; it is in the book.
func (t *Till) Sell(o Order) Sale {
	if !o.Repeat {
		t.nextReceipt()
	}
	s := Sale{Kind: t.kind.Name, Receipt: t.receipt(), Cents: o.Cents, Tender: o.Tender,
		Mishap: o.Mishap}
	t.sell(&s, o)
	if t.habits.Dials {
		t.Close()
	}
	t.write(s)
	return s
}

func (t *Till) sell(s *Sale, o Order) {
	if t.habits.AsksStatus {
		if r := t.Ask(Status); r.Err != nil || r.Version != "00" {
			s.Belief, s.Screen = Refusal, "TERMINAL NOT READY: "+r.Screen
			if errors.Is(r.Err, errCrashed) {
				s.Belief = Crashed
			}
			return
		}
	}
	amount := amountOf(o.Cents)
	if t.habits.Floats {
		amount = float(o.Cents)
	}
	for range t.habits.Repeats + 1 {
		s.Sent++
		f := t.request(t.kind.sale[o.Tender], amount, s.Receipt)
		answer, err := t.exchange(errand{request: f, wait: t.habits.Wait, mishap: o.Mishap,
			sale: true, taken: func() {
				if o.Taken != nil {
					o.Taken(s.Sent)
				}
			}})
		o.Mishap = Nothing
		if errors.Is(err, errNoAnswer) && t.kind.Poll != "" {
			answer, err = t.poll(s)
		}
		if err == nil {
			t.decide(s, answer)
			return
		}
		s.Belief, s.Screen = Silent, "UNSUCCESSFUL, TRY AGAIN: "+err.Error()
		if t.habits.Dials {
			t.Close()
		}
	}
}

// decide is how the till reads a sale's answer.
func (t *Till) decide(s *Sale, f Frame) {
	text, ok := f.Get("02")
	s.Answer, s.Code, s.Text = f, f.Version, strings.TrimSpace(text)
	s.Ref, _ = f.Get("D3")
	s.Amount, _ = f.Get("40")
	if !ok && t.habits.IndexesText {
		s.Belief, s.Screen = Crashed, errCrashed.Error()
		return
	}
	switch paid := s.Code == "00"; {
	case t.habits.ByText && strings.Contains(text, "APPROVED"), !t.habits.ByText && paid:
		s.Belief, s.Screen = Paid, "PAID"
	case s.Code == "TO":
		s.Belief, s.Screen = Unclear, "ASK STAFF: "+s.Text
	case s.Code == "51", s.Code == "US":
		s.Belief, s.Screen = NotPaid, "NOT PAID: "+s.Text
	default:
		s.Belief, s.Screen = Refusal, s.Code+" "+s.Text
	}
}

// poll asks again and again what became of the sale, and listens meanwhile.
func (t *Till) poll(s *Sale) (answer Frame, err error) {
	for range t.habits.MaxPolls {
		s.Polls++
		t.polled.Add(1)
		answer, err = t.exchange(errand{request: t.request(word{function: t.kind.Poll}, "", ""),
			wait: t.habits.PollEvery, other: t.saleFunctions(), sale: true})
		if err == nil && (answer.Function != t.kind.Poll || final(answer.Version)) {
			return answer, nil
		}
		own, failed := t.exchange(errand{wait: t.habits.PollEvery, other: t.saleFunctions(),
			sale: true})
		if failed == nil {
			return own, nil
		}
	}
	return answer, err
}

// final reports whether a poll's answer says how the sale has ended.
func final(code string) bool { return code == "00" || code == "51" || code == "US" }

func (t *Till) saleFunctions() (all []string) {
	for _, w := range t.kind.sale {
		all = append(all, w.function)
	}
	return all
}

var (
	errNoAnswer = errors.New("no answer")
	errNoAck    = errors.New("the terminal does not acknowledge")
	errClosed   = errors.New("the line was closed")
)

package foreign_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/foreign"
)

// hurried are the line's timers in the soak, a twentieth of the usual ones. A repeat's window is
// longer than that: a busy machine is no slower cashier.
const hurried = `ack = "100ms"
gap = "50ms"
quiet = "100ms"
repeat_window = "2s"
repeat_window_new_ecn = "6s"
`

// TestSoak sells and sells, on a house for each till at the same time: with habits and mishaps as
// they come, and customers who pay, are declined or are cancelled. The end of each sale is held
// against the simulated gateway's books:
//
//   - PAID: one code was shown in this sale, and the gateway took the amount for it, once;
//   - not paid, or refused: the gateway took nothing;
//   - unclear, or no answer: what the gateway took is on staff's list.
//
// -soak sets how many sales, -soakseed brings the draws back.
func TestSoak(t *testing.T) {
	sales, seed := *soakSales, *soakSeed
	if sales == 0 {
		sales = 240
	}
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	began := time.Now()
	var mu sync.Mutex
	total := tally{}
	t.Cleanup(func() {
		t.Logf("soak: seed %d, %d sales in %s: %v", seed, total.sum(),
			time.Since(began).Round(time.Second), total)
	})
	for i, k := range foreign.Kinds() {
		n := sales / 4 // of each dialect
		if k.Dialect == "nets" {
			n /= 2 // two tills speak it
		}
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			s := newSoak(t, k, seed+uint64(i))
			s.run(n)
			mu.Lock()
			defer mu.Unlock()
			total.add(s.tally)
		})
	}
}

// tally counts what the tills believed, and what happened.
type tally map[string]int

func (t tally) add(o tally) {
	for k, n := range o {
		t[k] += n
	}
}

// sum is how many sales there were.
func (t tally) sum() (n int) {
	for _, b := range []foreign.Belief{foreign.Paid, foreign.NotPaid, foreign.Unclear,
		foreign.Silent, foreign.Refusal, foreign.Crashed} {
		n += t[string(b)]
	}
	return n
}

// soak is a till that sells, and its house.
type soak struct {
	*rig
	t     *testing.T
	kind  foreign.Kind
	till  *foreign.Till
	rng   *rand.Rand
	tally tally
	last  plan
	taken int64 // what the gateway took
	doubt int64 // of that, where the till does not know

	pressed <-chan foreign.Reply // the button's answer, once it is pressed
}

func newSoak(t *testing.T, k foreign.Kind, seed uint64) *soak {
	t.Helper()
	r := newRig(t, k, options{timers: hurried, quietly: true})
	return &soak{rig: r, t: t, kind: k, till: r.till(k, foreign.Habits{}),
		rng: rand.New(rand.NewPCG(seed, 1)), tally: tally{}}
}

// plan is one sale, as it is drawn.
type plan struct {
	order    foreign.Order
	habits   foreign.Habits
	declined bool
	cancels  bool
	late     bool // the customer pays once the till has tried again
	polled   bool // the customer pays once the till has polled
}

func (p plan) String() string {
	return fmt.Sprintf("%s %d %s, %+v, declined %t, cancels %t, late %t, polled %t",
		p.order.Tender, p.order.Cents, p.order.Mishap, p.habits, p.declined, p.cancels, p.late,
		p.polled)
}

func (s *soak) chance(percent int) bool { return s.rng.IntN(100) < percent }

// soakMishaps are drawn for one sale of three. Those after which a number that never changes is
// refused for a while are drawn besides, and are rare.
var soakMishaps = []foreign.Mishap{
	foreign.LostAck, foreign.Refused, foreign.Damaged, foreign.Hangs, foreign.Twice,
}

func (s *soak) plan() (p plan) {
	h := foreign.Habits{
		Wait: patience, IndexesText: true, ByText: s.chance(20),
		NeverAcks: s.chance(1), Dials: s.chance(25),
		AsksStatus: s.kind.Has(foreign.Status) && s.chance(10),
		Timers:     foreign.Timers{Ack: 100 * time.Millisecond, Answer: 5 * time.Second},
	}
	p.order = foreign.Order{Tender: foreign.Any, Cents: 100 + s.rng.Int64N(99_900)}
	if s.chance(20) {
		p.order.Tender = foreign.Card
	}
	if s.chance(35) {
		p.order.Mishap = soakMishaps[s.rng.IntN(len(soakMishaps))]
	} else if s.chance(2) {
		p.order.Mishap = []foreign.Mishap{foreign.LostAcks, foreign.Unread}[s.rng.IntN(2)]
	}
	switch n := s.rng.IntN(100); {
	case n < 12:
		p.declined, p.order.Tender = true, foreign.Card
	case n < 13 && s.kind.Has(foreign.Cancel) && p.order.Mishap == foreign.Nothing:
		p.cancels, h.NeverAcks = true, false
	case n < 20 && waits(s.kind):
		p.late, h.Wait, h.Repeats = true, 300*time.Millisecond, 50
	case n < 26 && s.kind.Poll != "":
		p.polled, h.Wait, h.PollEvery = true, 100*time.Millisecond, 50*time.Millisecond
	}
	if s.chance(3) && s.last.order.Cents > 0 && !p.declined {
		// a cashier who does not change the receipt, and the same price again
		h.OneReceipt, p.order.Cents, p.order.Tender = true, s.last.order.Cents, s.last.order.Tender
	}
	p.habits = h
	return p
}

func (s *soak) run(sales int) {
	s.t.Helper()
	began := time.Now()
	for i := range sales {
		p := s.plan()
		s.sale(p)
		s.last = p
		if s.t.Failed() {
			s.t.Fatalf("after %d sales", i+1)
		}
	}
	s.compare()
	s.t.Logf("%d sales in %s: %v", sales, time.Since(began).Round(time.Second), s.tally)
}

// sale sells to one customer, who comes again where the terminal refused.
func (s *soak) sale(p plan) {
	s.t.Helper()
	s.till.Change(func(h *foreign.Habits) { *h = p.habits })
	limit := time.Now().Add(2 * patience)
	for {
		sale, codes := s.attempt(p)
		s.judge(p, sale, codes)
		if sale.Belief != foreign.Refusal {
			s.tally[string(sale.Belief)]++
			s.tally[string(sale.Mishap)]++
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("refused for ever: %v, %s", sale, sale.Screen)
		}
		s.tally["comes again: "+sale.Screen]++
		s.breathe()
	}
}

// breathe is the least time between two customers: a person, not a program.
func (s *soak) breathe() {
	tick := time.NewTimer(50 * time.Millisecond)
	defer tick.Stop()
	<-tick.C
}

// attempt is one sale of the till's, with what the customer does; codes are the payments that were
// shown meanwhile.
func (s *soak) attempt(p plan) (sale foreign.Sale, codes []payment.Payment) {
	s.t.Helper()
	taken := make(chan int, 1000)
	p.order.Taken = func(n int) { taken <- n }
	before := s.till.Polled()
	running := sells(s.till, p.order)
	limit := time.After(4 * patience)
	var tries, served int
	for {
		select {
		case id := <-s.begun:
			code := s.whole(id)
			if code.Money.Amount != p.order.Cents {
				s.left(code)
				continue
			}
			codes = append(codes, code)
		case tries = <-taken:
		case sale = <-running:
			for _, code := range codes[served:] { // which the till did not wait for
				s.pays(code)
			}
			s.answered(sale)
			return sale, codes
		case <-limit:
			s.t.Fatalf("a sale does not end: %v; codes %d\nthe sale before: %v", p, len(codes),
				s.last)
		}
		// no customer pays before the terminal has even acknowledged the sale
		if served < len(codes) && (tries > 1 || tries == 1 && !p.late) {
			s.customer(p, codes[served], before)
			served++
		}
	}
}

// answered reads what the button was answered after the sale's own answer.
func (s *soak) answered(sale foreign.Sale) {
	s.t.Helper()
	if s.pressed == nil {
		return
	}
	select {
	case r := <-s.pressed:
		if r.Err == nil && (r.Version == "00") != (sale.Belief == foreign.NotPaid) {
			s.t.Errorf("the cancellation is answered %s, the sale %v", r.Screen, sale)
		}
	case <-time.After(patience):
		s.t.Errorf("the cancellation has no answer; %v", sale)
	}
	s.pressed = nil
}

// customer does what the plan says.
func (s *soak) customer(p plan, code payment.Payment, before int) {
	s.t.Helper()
	switch {
	case p.cancels:
		s.pressed = s.till.Press(foreign.Cancel)
		return
	case p.polled:
		s.until("the till has polled", func() bool { return s.till.Polled() > before })
	}
	_, err := s.h.Gateway.Scan(s.soon(), scanned(code))
	do := sandbox.Pay
	if p.declined {
		do = sandbox.Decline
	}
	if err == nil {
		_, err = s.h.Sandbox().Act(code.MerchantRef, sandbox.Action{Do: do})
	}
	if err != nil {
		s.t.Errorf("the customer of %s: %v", code.MerchantRef, err)
	}
}

func (s *soak) until(what string, holds func() bool) {
	s.t.Helper()
	s.eventually(what, func() error {
		if !holds() {
			return errors.New("not yet")
		}
		return nil
	})
}

// left is a code that was shown when its till had given up, for it had heard no ACK. Its customer
// pays, and staff hear of it.
func (s *soak) left(code payment.Payment) {
	s.t.Helper()
	s.tally["left"]++
	s.pays(code)
	took, _ := s.took(code)
	s.taken += took
	s.doubt += took
	s.listed(code.ID)
}

// took is what the gateway took for a code, and by which transactions.
func (s *soak) took(code payment.Payment) (cents int64, refs []string) {
	s.t.Helper()
	paid, err := s.h.Sandbox().Payment(code.MerchantRef)
	if err != nil && !errors.Is(err, sandbox.ErrUnknown) { // which nobody has scanned
		s.t.Fatal(err)
	}
	for _, rec := range paid.Records {
		if rec.Type == "PAY" && rec.Status == sandbox.StatusSuccess {
			cents += rec.Amount
			refs = append(refs, rec.TransactionRef)
		}
	}
	return cents, refs
}

// judge holds the end of a sale against the gateway's books.
func (s *soak) judge(p plan, sale foreign.Sale, codes []payment.Payment) {
	s.t.Helper()
	var took int64
	var refs []string
	for _, code := range codes {
		cents, by := s.took(code)
		took += cents
		refs = append(refs, by...)
	}
	s.taken += took
	wrong := ""
	switch {
	case len(codes) > 1:
		wrong = "more than one code for one customer"
	case sale.Belief == foreign.Crashed:
		wrong = "the till's program has ended"
	case sale.Belief == foreign.Paid && (took != sale.Cents || len(refs) != 1):
		wrong = "the till believes that it is paid"
	case sale.Belief == foreign.Paid && !endsWith(refs[0], sale.Ref):
		wrong = "the approval is another payment's"
	case sale.Belief == foreign.NotPaid && took != 0:
		wrong = "the till believes that nothing is paid"
	case sale.Belief == foreign.Refusal && len(codes) != 0:
		wrong = "the till believes that the terminal did not begin"
	case took != 0 && sale.Belief != foreign.Paid:
		s.doubt += took
		s.listed(codes[0].ID)
	}
	if wrong != "" {
		s.t.Errorf("%s, the gateway took %d: %v\n%s\n%v\nthe sale before: %v", wrong, took, sale,
			sale.Answer, p, s.last)
	}
}

func endsWith(ref, tail string) bool {
	return tail != "" && len(ref) >= len(tail) && ref[len(ref)-len(tail):] == tail
}

// listed waits until a payment is on staff's list.
func (s *soak) listed(id string) {
	s.t.Helper()
	s.eventually("staff have it on their list", func() (err error) {
		var ids []string
		s.reads(func(j *offline.Reader) (err error) {
			ids, err = j.Owed("line-1")
			return err
		})
		if !slices.Contains(ids, id) {
			p := s.whole(id)
			return fmt.Errorf("%s is %s, acknowledged %t, and is not among %d", id, p.Status,
				p.Acknowledged, len(ids))
		}
		return nil
	})
}

// compare holds the sum of the till's book against the gateway's, and the journal's.
func (s *soak) compare() {
	s.t.Helper()
	var gateway, journal int64
	for _, c := range s.h.Sandbox().Collected() {
		gateway += c.Paid - c.Reversed
	}
	for _, p := range s.payments() {
		if p.Status == payment.StatusApproved {
			journal += p.Money.Amount
		}
	}
	if book := s.till.Taken(); book+s.doubt != gateway || gateway != journal ||
		gateway != s.taken {
		s.t.Errorf("the till has %d and doubts %d, the gateway %d, its sales %d, the journal %d",
			book, s.doubt, gateway, s.taken, journal)
	}
}

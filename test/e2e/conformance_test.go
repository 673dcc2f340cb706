package e2e_test

import (
	"slices"
	"sync"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/payment"
	"kiosk-agent/test/programs"
)

// sale is one sale of a scenario, its code shown.
type sale struct {
	t *testing.T
	demo.Way
	customer
	*stage
	till   *till
	p      device.Payment
	amount int64
}

// scenarios are what each gateway must pass.
var scenarios = []struct {
	name string
	run  func(*sale)
}{
	{"approved", func(s *sale) {
		s.scan(s.p)
		s.pay(s.p)
		done := s.till.approved(s.p.ID)
		if done.ProviderRef == "" || done.PaidAt.IsZero() || done.Amount != s.amount ||
			done.QRPayload != "" {
			s.t.Errorf("the till heard %+v", done)
		}
		s.end(done)
		key := readFile(s.t, s.dir, s.stage.options.Gateway.Row.Name+".secret")
		nowhere(s.t, map[string]string{"the log": s.log.String()},
			[]canary{newCanary("the gateway's secret", key)})
	}},
	{"declined", func(s *sale) { // a second attempt could still pay a link; nobody makes one
		s.scan(s.p)
		s.fail(s.p)
		var done device.Payment
		if s.Failed == payment.StatusExpired {
			// a code has one attempt: its end is the sale's, as soon as it is told
			done = s.till.outcome(s.p.ID)
		} else {
			done = s.till.cancelling(s.p.ID)()
		}
		checkOutcome(s.t, "failed", done, s.Failed, nil, "")
		s.end(done)
	}},
	{"expired", func(s *sale) {
		done := s.till.outcome(s.p.ID)
		checkOutcome(s.t, "nobody paid", done, payment.StatusExpired, nil, "")
		checkOrder(s.t, s.facts(s.p.ID), payment.KindDeadlinePassed, payment.KindWithdrawn,
			payment.KindOffered)
		s.end(done)
	}},
	{"cancelled", func(s *sale) {
		done := s.till.cancelling(s.p.ID)()
		checkOutcome(s.t, "cancelled", done, payment.StatusCancelled, nil, "cancelled")
		checkOrder(s.t, s.facts(s.p.ID), payment.KindCancelRequested, payment.KindWithdrawn,
			payment.KindQueryEmpty, payment.KindQueryEmpty)
		s.end(done)
	}},
	{"late", func(s *sale) {
		s.scan(s.p)
		done := s.till.cancelling(s.p.ID)()
		checkOutcome(s.t, "cancelled", done, payment.StatusCancelled, nil, "cancelled")
		s.till.acknowledge(done)
		s.pay(s.p)
		late := s.till.hear("the correction", s.p.ID,
			func(p device.Payment) bool { return p.Status == payment.StatusApproved })
		checkOutcome(s.t, "paid late", late, payment.StatusApproved,
			[]payment.Flag{payment.FlagLate}, "")
		s.end(late)
	}},
	{"duplicate", func(s *sale) {
		s.happens(demo.WebhookTwice, s.p)
		s.scan(s.p)
		s.pay(s.p)
		done := s.till.approved(s.p.ID)
		s.till.acknowledge(done)
		if !s.Once {
			s.again(s.p)
			done = s.till.hear("the second payment", s.p.ID,
				func(p device.Payment) bool { return len(p.Flags) > 0 })
			checkOutcome(s.t, "paid twice", done, payment.StatusApproved,
				[]payment.Flag{payment.FlagDuplicate}, "")
			s.till.acknowledge(done)
		}
		s.end(done)
	}},
	{"wrong amount", func(s *sale) {
		s.happens(demo.WrongAmount, s.p)
		s.scan(s.p)
		s.pay(s.p)
		done := s.till.outcome(s.p.ID)
		checkOutcome(s.t, "less was paid", done, payment.StatusUnknown,
			[]payment.Flag{payment.FlagAmountMismatch}, "amount_mismatch")
	}},
	{"lost webhook", func(s *sale) {
		s.happens(demo.WebhookLost, s.p)
		s.scan(s.p)
		s.pay(s.p)
		done := s.till.cancelling(s.p.ID)()
		checkOutcome(s.t, "the query found it", done, payment.StatusApproved, nil, "")
		s.end(done)
	}},
	{"cancel and pay", func(s *sale) {
		s.scan(s.p)
		answer := s.till.cancelling(s.p.ID)
		s.until(s.p.ID, payment.KindWithdrawn)
		s.pay(s.p)
		done := answer()
		checkOutcome(s.t, "the cancel's answer", done, payment.StatusApproved, nil, "")
		s.end(done)
	}},
	{"restart", func(s *sale) {
		s.till = s.restart()
		s.display.shows("pay", s.p.ID)
		var again device.Payment
		s.till.do("payment.start", object{"reference": s.p.Reference, "amount": s.amount}, &again)
		if again.ID != s.p.ID || again.QRPayload != s.p.QRPayload ||
			again.Status != payment.StatusAwaiting {
			s.t.Errorf("after the restart: %+v", again)
		}
		s.scan(s.p)
		s.pay(s.p)
		s.end(s.till.approved(s.p.ID))
	}},
}

// end acknowledges what the till heard; then nothing is owed, and the till's word agrees with the
// gateway's book.
func (s *sale) end(done device.Payment) {
	s.t.Helper()
	s.till.acknowledge(done)
	s.stage.till().owedNothing()
	if n := count(s.facts(s.p.ID), payment.KindNotified); n > 2 {
		s.t.Errorf("%d statements of the gateway are booked: %v", n, kinds(s.facts(s.p.ID)))
	}
	collected := s.h.Gateway.Collected(s.p.MerchantRef)
	want := int64(0)
	if done.Status == payment.StatusApproved {
		want = s.amount
	}
	if slices.Contains(done.Flags, payment.FlagDuplicate) {
		want *= 2
	}
	if collected != want {
		s.t.Errorf("the till heard %s %v, the gateway collected %d", done.Status, done.Flags,
			collected)
	}
}

// TestConformance: every gateway keeps the same guarantees, in its simulator. The houses wait more
// than they work: all run at once.
func TestConformance(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for _, g := range demo.Gateways() {
		for _, way := range g.Ways {
			for _, scenario := range scenarios {
				all.Go(func() {
					t.Run(way.Name+"/"+scenario.name, func(t *testing.T) {
						scenario.run(begin(t, g, way, scenario.name == "expired"))
					})
				})
			}
		}
	}
	all.Wait()
}

// begin is a sale whose code is shown. One that is to expire has the shortest time.
func begin(t *testing.T, g demo.Gateway, way demo.Way, expires bool) *sale {
	t.Helper()
	money, err := way.Money(g.Row.Currency)
	if err != nil {
		t.Fatal(err)
	}
	st, x := open(t, func(o *demo.Options) {
		o.Gateway, o.Mode, o.Query = g, way.Mode, true
		o.Remember, o.SandboxListen = true, programs.FreeAddr(t)
	})
	s := &sale{t: t, Way: way, customer: st.customer(), stage: st, till: x, amount: money.Amount}
	question := object{"reference": "SALE", "amount": s.amount}
	if expires {
		question["timeout_s"] = 30
	}
	x.do("payment.start", question, &s.p)
	if s.p.Status != payment.StatusAwaiting || s.p.QRPayload == "" {
		t.Fatalf("payment.start: %+v", s.p)
	}
	st.display.shows("pay", s.p.ID)
	st.until(s.p.ID, payment.KindShown)
	return s
}

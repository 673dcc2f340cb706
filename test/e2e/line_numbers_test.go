package e2e_test

import (
	"maps"
	"slices"
	"testing"

	"kiosk-agent/test/ecrtill"
)

// TestLineSoakOtherNumbers: the soak with tills whose numbers do not tell their sales apart. They
// may be left uncertain of a sale that was paid; they never believe in one that was not.
func TestLineSoakOtherNumbers(t *testing.T) {
	t.Parallel()
	sales, seed := soakSize(t)
	for name, cfg := range map[string]ecrtill.Config{
		"one number":                      {ECN: ecrtill.Constant, Naive: true},
		"one number and no last result":   {ECN: ecrtill.Constant, Naive: true, NoLastResult: true},
		"a counter that starts once more": {ECN: ecrtill.Restarting},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newSoak(t, cfg, seed).run(max(20, sales/5), seed)
		})
	}
}

// ambiguous makes a plan one that matters where numbers do not tell: few amounts, ACKs and
// responses that are lost, tills that restart. A till that takes anything for its newest request's
// answer does not cancel: it would take the cancel's for the sale's.
func (s *soak) ambiguous(p *plan) {
	p.cents, p.function = []int64{100, 500}[s.rng.IntN(2)], "Q1"
	if p.customer != "pay" && s.cfg.Naive {
		p.customer = "pay"
	}
	if p.customer == "decline" {
		p.function = "C1"
	}
	switch s.rng.IntN(6) {
	case 0:
		p.fault = "no ACK"
	case 1:
		p.fault = "rebooted"
	case 2:
		p.fault = "responses lost"
	case 3:
		names := slices.Sorted(maps.Keys(lineFaults))
		names = slices.DeleteFunc(names,
			func(n string) bool { return n == "killed" || n == "killed late" || n == "unplugged" })
		p.fault = names[s.rng.IntN(len(names))]
	}
	if p.fault == "no ACK" { // the next customer buys the same
		next := *p
		next.fault = ""
		s.next = &next
	}
}

// silent reports whether the till says nothing between this sale and the next: a question would
// have its answer acknowledged.
func (s *soak) silent(p plan) bool { return s.cfg.ECN != "" && p.fault == "no ACK" }

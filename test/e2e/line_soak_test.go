package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/ecrtill"
)

var (
	soakSales = flag.Int("soak", 0, "sales of TestLineSoak; 0: KIOSK_SOAK, or 150")
	soakSeed  = flag.Uint64("soakseed", 0, "seed of TestLineSoak; 0: a new one")
)

// faster is by how much the soak divides the dialect's timers, on both ends of the line. The
// payment's own times are real.
const faster = 50

// plan is what is to happen with one sale.
type plan struct {
	customer string // "pay", "decline", "none"
	function string
	fault    string
	cents    int64
}

// soak is one run.
type soak struct {
	*rig
	f        *foreign
	rng      *rand.Rand
	faults   map[string]int
	outcomes map[ecrtill.Verdict]int
	strays   map[string]int
	reader   *offline.Reader
	cfg      ecrtill.Config
	of       []string // by sale, the payment that it started; "" = none
	next     *plan    // of the next sale, where the one before says so
}

// TestLineSoak: many sales in a row over a pty, with faults from a printed seed. 10 000 of them
// need -timeout 2h. At the end the till's own book equals the journal, and the gateway collected
// exactly what the two say.
func TestLineSoak(t *testing.T) {
	t.Parallel()
	sales, seed := soakSize(t)
	newSoak(t, ecrtill.Config{}, seed).run(sales, seed)
}

// newSoak starts everything; the till's dialect and timers are the soak's.
func newSoak(t *testing.T, cfg ecrtill.Config, seed uint64) *soak {
	t.Helper()
	r := newRig(t, lineOptions{noAgent: true})
	cfg.Timers = r.hurryLine()
	r.startAgent("")
	r.ready(lineOptions{})
	return &soak{
		rig: r, f: r.turnOn(cfg), rng: rand.New(rand.NewPCG(seed, 1)), cfg: cfg,
		faults: map[string]int{}, outcomes: map[ecrtill.Verdict]int{}, strays: map[string]int{},
	}
}

// run makes the sales and compares.
func (s *soak) run(sales int, seed uint64) {
	s.t.Helper()
	s.t.Logf("soak: seed %d, %d sales, dialect timers divided by %d on both ends", seed, sales,
		faster)
	began := time.Now()
	for i := range sales {
		s.sale(i)
		if s.t.Failed() {
			s.t.Fatalf("after %d sales, seed %d", i+1, seed)
		}
	}
	s.settle()
	verdict := s.compare()
	s.t.Logf("soak: seed %d, %d sales in %s, faults %v, the till believes %v: %s",
		seed, sales, time.Since(began).Round(time.Second), sorted(s.faults), s.outcomes, verdict)
}

// hurryLine divides the timers of the agent's dialect, and returns the till's.
func (r *rig) hurryLine() ecrtill.Timers {
	r.t.Helper()
	r.write("soak.toml", fmt.Sprintf(`base = "paycube"
name = "soak"
[timers]
ack = "%dms"
gap = "%dms"
quiet = "%dms"
repeat_window = "%dms"
repeat_window_new_ecn = "%dms"
`, 2000/faster, 500/faster, 2000/faster, 10_000/faster, 120_000/faster))
	r.replaceInConfig(`dialect = "paycube"`,
		fmt.Sprintf("dialect = %q", filepath.Join(r.dir, "soak.toml")))
	return ecrtill.DefaultTimers().Divide(faster)
}

func soakSize(t *testing.T) (sales int, seed uint64) {
	t.Helper()
	sales, seed = *soakSales, *soakSeed
	if v := os.Getenv("KIOSK_SOAK"); sales == 0 && v != "" {
		var err error
		if sales, err = strconv.Atoi(v); err != nil {
			t.Fatalf("KIOSK_SOAK: %v", err)
		}
	}
	if sales == 0 {
		sales = 150
	}
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	return sales, seed
}

func sorted(counts map[string]int) (out []string) {
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%s:%d", k, counts[k]))
	}
	return out
}

// lineFaults are what may go wrong with one sale on the wire; at is a random place.
var lineFaults = map[string]func(at int) ecrtill.Misbehaviour{
	"garbled once": func(at int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Transmit: ecrtill.Garble(1, at, 1<<(at%8))}
	},
	"garbled thrice": func(at int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Transmit: ecrtill.Garble(3, at, 1<<(at%8))}
	},
	"byte lost": func(at int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Transmit: ecrtill.Lose(1, at)}
	},
	"byte twice": func(at int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Transmit: ecrtill.Double(1, at)}
	},
	"cut": func(at int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Transmit: ecrtill.Cut(1, at)}
	},
	"request twice": func(int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Transmit: ecrtill.Repeat(1)}
	},
	"noise": func(at int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Noise: []byte{0x15, byte(at), 0x06, 0xff}}
	},
	"split": func(int) ecrtill.Misbehaviour { return ecrtill.Misbehaviour{Split: true} },
	"ACK lost": func(int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Hear: ecrtill.Deaf(1, ecrtill.ACK)}
	},
	"ACKs lost": func(int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Hear: ecrtill.Deaf(3, ecrtill.ACK)}
	},
	"response lost": func(int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Hear: ecrtill.Deaf(1, ecrtill.Frame)}
	},
	"responses lost": func(int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Hear: ecrtill.Deaf(3, ecrtill.Frame)}
	},
	"response damaged": func(int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Hear: ecrtill.Spoil(1)}
	},
	"responses damaged": func(int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{Hear: ecrtill.Spoil(3)}
	},
	"ACK late": func(at int) ecrtill.Misbehaviour {
		return ecrtill.Misbehaviour{LateACK: time.Duration(at) * time.Millisecond}
	},
	"ACK twice":   func(int) ecrtill.Misbehaviour { return ecrtill.Misbehaviour{TwiceACK: true} },
	"ACK glued":   func(int) ecrtill.Misbehaviour { return ecrtill.Misbehaviour{GlueACK: true} },
	"no ACK":      func(int) ecrtill.Misbehaviour { return ecrtill.Misbehaviour{NeverACK: true} },
	"polled":      func(int) ecrtill.Misbehaviour { return ecrtill.Misbehaviour{} },
	"rebooted":    func(int) ecrtill.Misbehaviour { return ecrtill.Misbehaviour{} },
	"unplugged":   func(int) ecrtill.Misbehaviour { return ecrtill.Misbehaviour{} },
	"killed":      func(int) ecrtill.Misbehaviour { return ecrtill.Misbehaviour{} },
	"killed late": func(int) ecrtill.Misbehaviour { return ecrtill.Misbehaviour{} },
}

// draw decides what happens with the next sale. A killed agent takes seconds to be ready again, a
// cancel its settle time: both are rare.
func (s *soak) draw() plan {
	p := plan{customer: "pay", function: []string{"Q1", "Q1", "C1"}[s.rng.IntN(3)],
		cents: []int64{100, 500, 1023, 1 + s.rng.Int64N(100_000)}[s.rng.IntN(4)]}
	switch n := s.rng.IntN(100); {
	case n < 12:
		p.customer, p.function = "decline", "C1" // only a card is declined
	case n < 16:
		p.customer = "none"
	}
	if s.cfg.ECN != "" {
		s.ambiguous(&p)
		return p
	}
	if s.rng.IntN(100) < 45 {
		return p
	}
	names := slices.Sorted(maps.Keys(lineFaults))
	p.fault = names[s.rng.IntN(len(names))]
	if (p.fault == "killed" || p.fault == "killed late" || p.fault == "unplugged") &&
		s.rng.IntN(5) > 0 {
		p.fault = "polled"
	}
	return p
}

// plan is what the sale before wanted, or drawn.
func (s *soak) plan() plan {
	if p := s.next; p != nil {
		s.next = nil
		return *p
	}
	return s.draw()
}

// sale runs one sale to its end on both sides.
func (s *soak) sale(n int) {
	s.t.Helper()
	plan := s.plan()
	if plan.fault != "" {
		s.faults[plan.fault]++
		s.f.misbehave(lineFaults[plan.fault](s.rng.IntN(80)))
	}
	sale := s.f.sell(plan.function, plan.cents)
	got, p := s.beginning(sale)
	if got == nil {
		s.middle(plan)
		s.customer(plan, p)
		got = s.ending(plan, sale)
	}
	s.f.misbehave(ecrtill.Misbehaviour{})
	if errors.Is(got.err, ecrtill.ErrRebooted) { // a till that starts asks what it may have missed
		s.reconcile(p)
	}
	entries := s.f.Book().Entries()
	s.outcomes[entries[len(entries)-1].Verdict]++
	s.of = append(s.of, p.ID)
	if p.ID != "" && !s.silent(plan) {
		s.final(p.ID)
	}
	if len(entries) != n+1 {
		s.t.Errorf("%d entries for %d sales", len(entries), n+1)
	}
}

// beginning waits until the sale's payment is shown, or the till has its answer without one.
func (s *soak) beginning(sale <-chan told) (*told, payment.Payment) {
	s.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		if p, ok := s.fresh(); ok {
			return nil, p
		}
		select {
		case got := <-sale:
			if p, ok := s.fresh(); ok {
				s.t.Fatalf("the till believes %s (%s, %v) while %s runs\n%s", got.Verdict, got.Code,
					got.err, p.ID, s.f.line())
			}
			return &got, payment.Payment{}
		case <-tick.C:
		case <-limit.C:
			s.t.Fatalf("neither a payment nor an answer\n%s", s.f.line())
		}
	}
}

// fresh is the newest payment of the line, if it is shown and was not seen before.
func (s *soak) fresh() (p payment.Payment, ok bool) {
	s.t.Helper()
	id, err := s.journal().Newest(lineTill)
	if err != nil {
		s.t.Fatal(err)
	}
	if id == s.last || id == "" {
		return p, false
	}
	if p, ok, err = s.journal().Payment(id); err != nil || !ok || !p.Shown {
		return p, false
	}
	s.last = id
	return p, true
}

// middle is what happens while the customer looks at the code.
func (s *soak) middle(plan plan) {
	s.t.Helper()
	switch plan.fault {
	case "polled":
		for range 3 {
			if _, err := s.f.Status(soon(s.t)); err != nil {
				s.t.Errorf("status during a sale: %v", err)
			}
		}
	case "rebooted":
		if err := s.f.Reboot(soon(s.t)); err != nil {
			s.t.Error(err)
		}
	case "unplugged":
		s.f.plug(nil)
		s.pullCable()
		s.putCable()
		s.f.plug(s.master)
	case "killed":
		s.agent.kill()
		s.startAgent("")
	}
}

// customer does what the plan says. Without a customer the till cancels.
func (s *soak) customer(plan plan, p payment.Payment) {
	s.t.Helper()
	scan(s.t, p.QRPayload)
	var err error
	switch plan.customer {
	case "pay":
		_, err = s.sandbox.Act(p.MerchantRef, sandbox.Action{Do: sandbox.Pay})
	case "decline":
		_, err = s.sandbox.Act(p.MerchantRef,
			sandbox.Action{Do: sandbox.Decline, Scheme: sandbox.Visa})
	case "none":
		_, _ = s.f.Cancel(soon(s.t)) // its answer may be lost; the sale's own tells
	}
	if err != nil {
		s.t.Errorf("the customer: %v", err)
	}
	if plan.fault == "killed late" {
		s.agent.kill()
		s.startAgent("")
	}
}

func (s *soak) ending(plan plan, sale <-chan told) *told {
	s.t.Helper()
	select {
	case got := <-sale:
		return &got
	case <-time.After(saleWait):
		s.t.Fatalf("plan %+v: the till never came to believe anything\n%s", plan, s.f.line())
		return nil
	}
}

// reconcile asks for the last result until it is an outcome, as a till that starts does, and writes
// it into the book.
func (s *soak) reconcile(p payment.Payment) {
	s.t.Helper()
	eventually(s.t, "the last result after a reboot", func() error {
		r, err := s.f.LastResult(soon(s.t))
		if err != nil || r.Code == "E6" {
			return fmt.Errorf("%s %w", r.Code, errors.Join(err, errors.New("no outcome")))
		}
		if !s.f.Book().Reconcile(r) {
			s.t.Errorf("the last result %+v is not about %s", r, p.ID)
		}
		return nil
	})
}

// final waits until a payment is decided and the terminal takes sales again.
func (s *soak) final(id string) {
	s.t.Helper()
	eventually(s.t, "the payment is final", func() error {
		p, _, err := s.journal().Payment(id)
		if err != nil || !p.Final {
			return fmt.Errorf("%s is %s, %w", id, p.Status, errors.Join(err, errors.New("open")))
		}
		return nil
	})
	eventually(s.t, "the terminal is ready for the next sale", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		r, err := s.f.Status(ctx)
		if err == nil && r.Code != "00" {
			err = errors.New(r.Code + " " + r.Text)
		}
		return err
	})
}

package till

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// all runs every interleaving; without it each schedule is run with some of the tills, and each
// till with some of the schedules.
var all = flag.Bool("all", false, "run every interleaving of two sales (470 000; some minutes)")

// schedule is one order of what happens after sale 1 was asked for, with the time before each.
type schedule struct {
	what []string // "again" (sale 1's request), "sale 2", "end 1", "restart", "reboot", "cable"
	gaps []time.Duration
}

// schedules are all orders of all subsets with all gaps.
func schedules() (all []schedule) {
	gaps := []time.Duration{500 * time.Millisecond, 7 * time.Second, 130 * time.Second}
	for _, again := range []string{"", "again"} {
		for _, disturbance := range []string{"", "restart", "reboot", "cable"} {
			var what []string
			for _, x := range []string{"sale 2", "end 1", again, disturbance} {
				if x != "" {
					what = append(what, x)
				}
			}
			permute(what, 0, func(order []string) {
				n := 1
				for range order {
					n *= len(gaps)
				}
				for k := range n {
					s := schedule{what: append([]string(nil), order...)}
					for range order {
						s.gaps = append(s.gaps, gaps[k%len(gaps)])
						k /= len(gaps)
					}
					all = append(all, s)
				}
			})
		}
	}
	return all
}

func permute(list []string, i int, f func([]string)) {
	if i == len(list) {
		f(list)
		return
	}
	for k := i; k < len(list); k++ {
		list[i], list[k] = list[k], list[i]
		permute(list, i+1, f)
		list[i], list[k] = list[k], list[i]
	}
}

// tillKind is how the till numbers and acknowledges.
type tillKind struct {
	ecn2, cents2 bool          // sale 2 has another ECN, another amount
	ackAfter     time.Duration // negative: never
	naks         bool
}

func tillKinds() (all []tillKind) {
	acks := []struct {
		after time.Duration
		naks  bool
	}{{0, false}, {1900 * time.Millisecond, false}, {3 * time.Second, false},
		{7 * time.Second, false}, {-1, false}, {0, true}}
	for i := range 4 {
		for _, a := range acks {
			all = append(all, tillKind{i&1 != 0, i&2 != 0, a.after, a.naks})
		}
	}
	return all
}

// TestNoApprovalForAnotherSale runs the interleavings of two sales on one line for every kind of
// till.
func TestNoApprovalForAnotherSale(t *testing.T) {
	list, stride := schedules(), thin
	if *all {
		stride = 1
	}
	n, doubts := 0, map[doubt]int{}
	for i, k := range tillKinds() {
		for j, how := range []payment.Status{payment.StatusApproved, payment.StatusDeclined,
			payment.StatusUnknown} {
			for l := (3*i + j) % stride; l < len(list); l += stride {
				w := twoSales(t, k, list[l], how)
				for d := range w.doubts {
					doubts[d]++
					if k.ecn2 || k.cents2 {
						w.failf("%s, though the two requests differ", d)
					}
				}
				n++
			}
		}
	}
	t.Logf("%d of %d interleavings; those in which nobody could tell: %v", n,
		len(list)*len(tillKinds())*3, doubts)
}

func twoSales(t *testing.T, k tillKind, s schedule, how payment.Status) *world {
	return newWorld(t, k.ackAfter, k.naks).twoSales(k, s, how)
}

// TestNoApprovalOnALineThatReturns runs some of them on lines that nobody knows, on which nothing,
// all or some of what the agent sends comes back.
func TestNoApprovalOnALineThatReturns(t *testing.T) {
	list, n := schedules(), 0
	kinds := append(returning[:len(returning):len(returning)], struct {
		name string
		back func(b []byte) []byte
	}{"nothing", nil})
	for h, line := range kinds {
		if line.name == "garbled frames" {
			continue // a request behind one is a part of it, and the till has to repeat it
		}
		for g, after := range []time.Duration{0, 30 * time.Millisecond, 1500 * time.Millisecond} {
			for i, k := range tillKinds() {
				if after > time.Second && k.ackAfter > time.Second {
					continue // what comes back late hides what comes late
				}
				stride := 60 * thin
				for l := (7*h + 3*g + i) % stride; l < len(list); l += stride {
					w := newWorld(t, k.ackAfter, k.naks)
					w.logf("%s comes back after %v", line.name, after)
					w.fresh, w.loop, w.loopAfter = true, line.back, after
					w.connect()
					w.twoSales(k, list[l], payment.StatusApproved)
					n++
				}
			}
		}
	}
	t.Logf("%d interleavings", n)
}

func (w *world) twoSales(k tillKind, s schedule, how payment.Status) *world {
	w.logf("%+v, sale 1 will be %s", k, how)
	second, cents := "000000000001", 1000
	if k.ecn2 {
		second = "000000000002"
	}
	if k.cents2 {
		cents = 2000
	}
	one := w.newSale("000000000001", 1000)
	for i, what := range s.what {
		w.wait(s.gaps[i])
		switch what {
		case "again":
			w.ask(one)
		case "sale 2":
			w.newSale(second, cents)
		case "end 1":
			w.end("P1", how)
		default:
			w.disturb(what)
		}
	}
	w.wait(3 * time.Second)
	for _, id := range w.desk.order {
		if !w.desk.get(id).Final {
			w.end(id, payment.StatusApproved)
		}
	}
	w.lastResult()
	return w
}

// TestTillsForADay runs long random histories of tills of every kind; a failure prints its seed.
func TestTillsForADay(t *testing.T) {
	for seed := range uint64(max(20, 2800/thin)) {
		t.Run(fmt.Sprint("seed ", seed),
			func(t *testing.T) { day(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func day(t *testing.T, rnd *rand.Rand) {
	acks := []time.Duration{0, 100 * time.Millisecond, 1900 * time.Millisecond, 3 * time.Second,
		5 * time.Second, 9 * time.Second, -1}
	w := newWorld(t, acks[rnd.IntN(len(acks))], rnd.IntN(8) == 0)
	numbering, prices := rnd.IntN(3), 1+rnd.IntN(2)*3
	if loss := []int{0, 2, 5}[rnd.IntN(3)]; loss > 0 {
		w.lost = func() bool { return rnd.IntN(loss) == 0 }
	}
	counter := 0
	for range 60 {
		switch x := rnd.IntN(20); {
		case x < 6:
			counter++
			if numbering == 0 || numbering == 1 && rnd.IntN(4) == 0 {
				counter = 1 // constant, or a counter that starts again
			}
			w.newSale(fmt.Sprintf("%012d", counter), 100*(1+rnd.IntN(prices)))
		case x < 8 && len(w.asked) > 1:
			w.ask(w.asking)
		case x < 13:
			w.endOpen([]payment.Status{
				payment.StatusApproved, payment.StatusApproved, payment.StatusDeclined,
				payment.StatusUnknown, payment.StatusExpired,
			}[rnd.IntN(5)])
		case x < 14:
			w.disturb([]string{"restart", "reboot", "cable"}[rnd.IntN(3)])
		case x < 15:
			w.send(frame("000000000077", []string{"A1", "A5", "56"}[rnd.IntN(3)], "01"))
			w.listen()
		case x < 17 && w.open: // a till that has no answer
			w.logf("till asks for the last result")
			w.send(frame("000000000056", "56", "01"))
			w.listen()
		case x < 18:
			w.desk.fail["start"] = &payment.Error{
				Code: []payment.Code{payment.CodeNotReady, payment.CodeBusy}[rnd.IntN(2)]}
		case x < 19:
			clear(w.desk.fail)
		}
		w.wait([]time.Duration{100 * time.Millisecond, time.Second, 3 * time.Second,
			8 * time.Second, 12 * time.Second, 125 * time.Second}[rnd.IntN(6)])
	}
	clear(w.desk.fail)
	w.endOpen(payment.StatusApproved)
	w.lastResult()
}

func (w *world) endOpen(how payment.Status) {
	for _, id := range w.desk.order {
		if !w.desk.get(id).Final {
			w.end(id, how)
		}
	}
}

package sim_test

import (
	"cmp"
	"flag"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	allMutants  = flag.Bool("mutants", false, "try every mutant, not only today's share")
	mutantNamed = flag.String("mutant", "", "try the mutants whose name or room contains this")
	mutantSeeds = flag.Int("mutant-seeds", 6000, "seeds in which a mutant must be caught")
	mutantFirst = flag.Uint64("mutant-first", 0, "the first of these seeds; 0 = by the clock")
)

const (
	mutantsAtOnce = 4   // how many are tried in a run that does not try every one
	minMutants    = 266 // how many there are at least
	minSimulated  = 147 // and how many of them the simulation must find
)

// roomsOfGuarantees are those that a guarantee passes through: each has mutants of its own.
var roomsOfGuarantees = []string{
	"payment", "payment/engine", "payment/axs", "payment/singapay", "device/till",
	"device/jsonrpc", "offline", "relay", "relay/relayd", "relay/relayd/rules",
	"internal/app/gateways", "internal/app/agent", "internal/app/config", "internal/conf",
}

// trial is a mutant and the machine that must catch it: the simulation, or where that does not
// reach a test by its name.
type trial struct {
	mutant
	dir  string // the test's package, as a folder; "" = the simulation
	test string
}

// room is the room that was broken: that of the first edit.
func (m mutant) room() string { return path.Dir(m.edits[0].file) }

func (x trial) machine() string {
	if x.dir == "" {
		return "simulation"
	}
	return x.test
}

// trials are all mutants: first those of the simulation.
func trials() (all []trial) {
	for _, m := range slices.Concat(mutants(), mutantsOfMoney(), mutantsOfBooks(),
		mutantsOfStaff(), mutantsBetweenTills(), mutantsOnLines()) {
		all = append(all, trial{mutant: m})
	}
	return slices.Concat(all, mutantsOfTests(), mutantsOfLines(), mutantsOfDirection())
}

// TestMutantsAreCaught breaks the sources on purpose and lets the machines find out.
func TestMutantsAreCaught(t *testing.T) {
	all := trials()
	enough(t, all)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{root: root, dir: t.TempDir(), seeds: *mutantSeeds, first: *mutantFirst}
	if l.first == 0 {
		l.first = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	for i, x := range all { // the text of each is still there, even of those not tried now
		if err := l.write(i, x); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	if t.Failed() {
		return
	}
	chosen := choose(all)
	out := t.Output()
	fmt.Fprintf(out, "%d mutants, seeds from %d\n", len(chosen), l.first)
	tally := tally{}
	for done := range l.try(t.Context(), all, chosen) {
		x, n := all[done.i], tally.total()+1
		where := fmt.Sprintf("%3d of %d  %s  %s: %s", n, len(chosen), x.room(), x.machine(), x.name)
		if done.err != nil {
			t.Errorf("%s: NOT CAUGHT: %v", where, done.err)
		} else {
			fmt.Fprintf(out, "%s: %s\n", where, done.said)
		}
		tally.add(x, done.err == nil)
	}
	if n := tally.total(); n != len(chosen) {
		t.Errorf("%d of %d mutants were tried", n, len(chosen))
	}
	fmt.Fprint(out, tally)
}

// enough checks the list: a machine is as good as what it was tried on.
func enough(t *testing.T, all []trial) {
	t.Helper()
	names, rooms, simulated := map[string]bool{}, map[string]bool{}, 0
	for _, x := range all {
		if names[x.name] {
			t.Errorf("two mutants are called %q", x.name)
		}
		names[x.name], rooms[x.room()] = true, true
		if x.dir == "" {
			simulated++
		}
	}
	for _, room := range roomsOfGuarantees {
		if !rooms[room] {
			t.Errorf("no mutant breaks anything in %s", room)
		}
	}
	if len(all) < minMutants || simulated < minSimulated {
		t.Errorf("%d mutants, %d of them for the simulation: want %d and %d", len(all), simulated,
			minMutants, minSimulated)
	}
}

// choose are the mutants to try now, by their index.
func choose(all []trial) (chosen []int) {
	first := int(time.Now().Unix()) % len(all)
	for i, x := range all {
		switch {
		case *mutantNamed != "":
			if strings.Contains(x.name, *mutantNamed) || strings.Contains(x.room(), *mutantNamed) {
				chosen = append(chosen, i)
			}
		case *allMutants || (i-first+len(all))%len(all) < mutantsAtOnce:
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// tally counts, by room and by machine, what was tried and what was caught.
type tally map[[2]string][2]int

func (c tally) add(x trial, caught bool) {
	machine := "simulation"
	if x.dir != "" {
		machine = "named test"
	}
	n := c[[2]string{x.room(), machine}]
	n[0]++
	if caught {
		n[1]++
	}
	c[[2]string{x.room(), machine}] = n
}

func (c tally) total() (n int) {
	for _, tried := range c {
		n += tried[0]
	}
	return n
}

// String is the table at the end.
func (c tally) String() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "room\tmachine\ttried\tcaught\n")
	sums := map[string][2]int{}
	var keys [][2]string
	for k := range c {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), -cmp.Compare(a[1], b[1]))
	})
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", k[0], k[1], c[k][0], c[k][1])
		for _, sum := range []string{k[1], "both"} {
			sums[sum] = [2]int{sums[sum][0] + c[k][0], sums[sum][1] + c[k][1]}
		}
	}
	for _, machine := range []string{"simulation", "named test", "both"} {
		fmt.Fprintf(w, "all\t%s\t%d\t%d\n", machine, sums[machine][0], sums[machine][1])
	}
	_ = w.Flush()
	return text.String()
}

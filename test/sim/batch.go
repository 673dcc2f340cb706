package sim

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"kiosk-agent/payment"
)

// Batch is many seeds, played by several goroutines; each run is on one.
type Batch struct {
	First    uint64 // seeds First, First+1, …
	Seeds    int
	Workers  int
	Stop     int       // give up after this many failures; 0 = never
	Progress io.Writer // nil = none
}

// Report is what became of a Batch.
type Report struct {
	First    uint64
	Coverage Coverage
	Failed   []Result // in the order in which they ended
	Took     time.Duration
}

// Memory is a directory on a tmpfs where there is one: fsync is cheap there.
func Memory() string {
	if i, err := os.Stat("/dev/shm"); err == nil && i.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

// Play plays the batch.
func (b Batch) Play() Report {
	began := time.Now()
	rep := Report{First: b.First}
	var mu sync.Mutex
	next, told := 0, began
	var wg sync.WaitGroup
	for range max(1, b.Workers) {
		wg.Go(func() {
			for {
				mu.Lock()
				if next >= b.Seeds || b.Stop > 0 && len(rep.Failed) >= b.Stop {
					mu.Unlock()
					return
				}
				seed := b.First + uint64(next)
				next++
				mu.Unlock()
				r := Run(seed, Options{Dir: Memory()})
				mu.Lock()
				rep.Coverage.Add(r.Coverage)
				if r.Problem != "" {
					rep.Failed = append(rep.Failed, r)
					if b.Progress != nil {
						fmt.Fprintf(b.Progress,
							"seed %d (%s) FAILED: %s\n  replay: make sim SEED=%d\n", r.Seed,
							r.Profile, r.Problem, r.Seed)
					}
				}
				if b.Progress != nil && time.Since(told) > 5*time.Second {
					told = time.Now()
					fmt.Fprintf(b.Progress, "%d of %d, %d failed\n", rep.Coverage.Runs, b.Seeds,
						len(rep.Failed))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	rep.Took = time.Since(began)
	return rep
}

// Add puts another batch's report, which began where this one ended, to it.
func (r *Report) Add(next Report) {
	r.Coverage.Add(next.Coverage)
	r.Failed = append(r.Failed, next.Failed...)
	r.Took += next.Took
}

// Print writes the coverage.
func (r Report) Print(out io.Writer) {
	c := r.Coverage
	fmt.Fprintln(out, "faults:")
	for i, name := range FaultNames() {
		fmt.Fprintf(out, "  %-42s %d\n", name, c.Faults[i])
	}
	fmt.Fprintln(out, "situations:")
	for i, name := range situationNames {
		fmt.Fprintf(out, "  %-42s %d\n", name, c.Situations[i])
	}
	fmt.Fprintln(out, "facts:")
	for _, k := range slices.Sorted(maps.Keys(c.Facts)) {
		fmt.Fprintf(out, "  %-42s %d\n", k, c.Facts[k])
	}
	fmt.Fprintln(out, "screens:")
	for _, k := range payment.Screens() {
		fmt.Fprintf(out, "  %-42s %d\n", k, c.Screens[k])
	}
	fmt.Fprintln(out, "at the end:")
	for _, k := range slices.Sorted(maps.Keys(c.Statuses)) {
		fmt.Fprintf(out, "  %-42s %d\n", k, c.Statuses[k])
	}
	fmt.Fprintf(out, "%d sales, %d payments taken by the gateway, %d crashes, %s simulated, "+
		"%.1f million steps, %.0f runs/s\n",
		c.Sales, c.Collected, c.Crashes, c.Simulated.Truncate(time.Hour), float64(c.Steps)/1e6,
		float64(c.Runs)/r.Took.Seconds())
}

// unmade are the kinds of facts that stand in the schema and that no part of the agent makes yet:
// the books, the console and the receipts will.
var unmade = []payment.Kind{payment.KindReceiptPrinted,
	payment.KindDayClosed, payment.KindReconciled, payment.KindDifference,
	payment.KindStaffChanged}

// Missing are the faults, the situations, the kinds of facts and the screens that never occurred.
func (r Report) Missing() (missing []string) {
	for i, name := range FaultNames() {
		if r.Coverage.Faults[i] == 0 {
			missing = append(missing, name)
		}
	}
	for i, name := range situationNames {
		if r.Coverage.Situations[i] == 0 {
			missing = append(missing, name)
		}
	}
	for _, k := range payment.Kinds() {
		switch planned := slices.Contains(unmade, k); {
		case r.Coverage.Facts[k] == 0 && !planned:
			missing = append(missing, "fact "+string(k))
		case r.Coverage.Facts[k] > 0 && planned:
			missing = append(missing, "fact "+string(k)+" is made: it is not planned any more")
		}
	}
	for _, k := range payment.Screens() {
		if r.Coverage.Screens[k] == 0 {
			missing = append(missing, "screen "+string(k))
		}
	}
	return missing
}

// Verdict is the last line.
func (r Report) Verdict() string {
	c := r.Coverage
	if len(r.Failed) > 0 {
		return fmt.Sprintf("FAILED: %d of %d seeds, the first: make sim SEED=%d: %s", len(r.Failed),
			c.Runs, r.Failed[0].Seed, firstLine(r.Failed[0].Problem))
	}
	return fmt.Sprintf("OK: %d seeds from %d, %d sales, %d crashes, nothing lost, nothing "+
		"invented, nothing charged twice", c.Runs, r.First, c.Sales, c.Crashes)
}

func firstLine(s string) string {
	for i, c := range s {
		if c == '\n' {
			return s[:i]
		}
	}
	return s
}

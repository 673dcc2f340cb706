// Command kiosk-sim plays seeds of the simulation (test/sim): "kiosk-sim -seeds 10000" many,
// "kiosk-sim -seed 42" one with its history. The last line is the verdict; the exit code is 1 when
// a guarantee was broken.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"kiosk-agent/test/sim"
)

func main() {
	debug.SetGCPercent(400) // runs are short and small
	os.Exit(run())
}

func run() int {
	seeds := flag.Int("seeds", 1000, "how many seeds to play")
	first := flag.Uint64("first", 0, "the first of them; 0 = by the clock")
	one := flag.Uint64("seed", 0, "play this one and print its history")
	workers := flag.Int("workers", runtime.NumCPU(), "how many at once")
	stop := flag.Int("stop", 10, "stop after this many failures")
	quiet := flag.Bool("quiet", false, "print the verdict only")
	flag.Parse()
	if *one != 0 {
		return replay(*one)
	}
	if *first == 0 {
		*first = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	b := sim.Batch{First: *first, Seeds: *seeds, Workers: *workers, Stop: *stop}
	if !*quiet {
		b.Progress = os.Stdout
	}
	report := b.Play()
	if !*quiet {
		report.Print(os.Stdout)
	}
	fmt.Println(report.Verdict())
	if len(report.Failed) > 0 {
		return 1
	}
	return 0
}

func replay(seed uint64) int {
	r := sim.Run(seed, sim.Options{Dir: sim.Memory(), History: true})
	for _, line := range r.History {
		fmt.Println(line)
	}
	if r.Problem != "" {
		fmt.Printf("FAILED: seed %d: %s\n", seed, r.Problem)
		return 1
	}
	fmt.Printf("OK: seed %d, digest %s, journal's head %s\n", seed, r.Digest, r.Head)
	return 0
}

package sim

import "testing"

// BenchmarkRun is one run after the other, on one core.
func BenchmarkRun(b *testing.B) {
	dir := Memory()
	for i := range b.N {
		if r := Run(uint64(i+1), Options{Dir: dir}); r.Problem != "" {
			b.Fatalf("seed %d: %s", r.Seed, r.Problem)
		}
	}
}

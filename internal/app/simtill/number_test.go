package simtill

import (
	"testing"
	"time"
)

// A till that starts a moment after another one, as scripts do, takes none of its numbers: the
// agent would refuse its sale, "ECN IN USE WITH ANOTHER REQUEST".
func TestTillsInOneSecondShareNoNumber(t *testing.T) {
	start := time.UnixMilli(1_795_000_000_000)
	first, next := firstNumber(start), firstNumber(start.Add(time.Millisecond))
	if next-first < 100 {
		t.Errorf("tills count from %d and %d: want 100 numbers between", first, next)
	}
	if first >= 1_000_000_000_000 {
		t.Errorf("%d has more than 12 digits", first)
	}
}

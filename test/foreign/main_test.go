package foreign_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// atOnce is how many houses may stand at the same time: they wait far more than they work.
const atOnce = "8"

// The soak's size and seed.
var (
	soakSales = flag.Int("soak", 0, "sales of the soak over all dialects; 0 = 240")
	soakSeed  = flag.Uint64("soakseed", 0, "what it draws from; 0 = anything")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

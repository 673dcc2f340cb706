package foreign_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// atOnce is how many houses may stand at the same time: they wait far more than they work.
const atOnce = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

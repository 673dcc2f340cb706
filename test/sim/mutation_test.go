package sim_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	allMutants  = flag.Bool("mutants", false, "try every mutant, not only today's share")
	mutantNamed = flag.String("mutant", "", "try the mutants whose name contains this")
	mutantSeeds = flag.Int("mutant-seeds", 6000, "seeds in which a mutant must be caught")
)

// mutantsAtOnce is how many of all are tried in a run that does not try every one.
const mutantsAtOnce = 4

// TestMutantsAreCaught breaks the agent on purpose and lets the simulation find out.
func TestMutantsAreCaught(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	all := mutants()
	first := int(time.Now().Unix()) % len(all)
	for i, m := range all {
		t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
			overlay := m.write(t, root) // each is still there, even when it is not tried now
			switch {
			case *mutantNamed != "":
				if !strings.Contains(m.name, *mutantNamed) {
					return
				}
			case !*allMutants && (i-first+len(all))%len(all) >= mutantsAtOnce:
				return
			}
			mustBeCaught(t, root, overlay)
		})
	}
}

// write makes the broken files and the overlay that puts them in place.
func (m mutant) write(t *testing.T, root string) (overlay string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for i, e := range m.edits {
		path := filepath.Join(root, e.file)
		from := path
		if done, ok := replace[path]; ok {
			from = done
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), e.old); n != 1 {
			t.Fatalf("%s: the text to break stands there %d times: bring the mutant up to date\n%s",
				e.file, n, e.old)
		}
		broken := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(broken, []byte(strings.Replace(string(text), e.old, e.new, 1)),
			0o600); err != nil {
			t.Fatal(err)
		}
		replace[path] = broken
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// mustBeCaught builds the simulation with the overlay and plays seeds until one fails.
func mustBeCaught(t *testing.T, root, overlay string) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "kiosk-sim")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", bin, "./test/sim/kiosk-sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("a mutant must build: %v\n%s", err, out)
	}
	out, err := exec.Command(bin, "-seeds", fmt.Sprint(*mutantSeeds), "-stop", "1",
		"-quiet").CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 1 &&
		strings.HasPrefix(string(out), "FAILED: "):
		t.Logf("caught: %s", out)
	case err == nil:
		t.Errorf("not caught: %s", out)
	default:
		t.Fatalf("%v: %s", err, out)
	}
}

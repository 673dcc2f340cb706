package arch

import (
	"slices"
	"strings"
	"testing"
)

// mostOfCmd is how many lines all programs have together, tests included, at most.
const mostOfCmd = 5000

// TestPrograms: make build makes what is shipped and the demo, and nothing else; and they are thin:
// what is more than flags, help, exit codes and signals is in the rooms behind them.
func TestPrograms(t *testing.T) {
	var programs []string
	for _, p := range packages(t) {
		if name, ok := strings.CutPrefix(p.ImportPath, module+"cmd/"); ok {
			programs = append(programs, name)
		}
	}
	slices.Sort(programs)
	if want := []string{"kiosk-agent", "kiosk-demo", "kiosk-relay"}; !slices.Equal(programs, want) {
		t.Errorf("the programs are %q, want %q", programs, want)
	}
	lines := 0
	_, text := sources(t)
	for file, source := range text {
		if strings.HasPrefix(file, "cmd/") {
			lines += strings.Count(source, "\n")
		}
	}
	if lines == 0 || lines > mostOfCmd {
		t.Errorf("cmd has %d lines, at most %d are wanted", lines, mostOfCmd)
	}
}

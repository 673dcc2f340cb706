package payment

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/test/docpage"
)

// TestScreensAreAll: each constant of type Screen has its row, once, and each status that ends a
// payment is a screen.
func TestScreensAreAll(t *testing.T) {
	all := Screens()
	constants := constantsOf(t, "Screen")
	for name, s := range constants {
		if !slices.Contains(all, Screen(s)) {
			t.Errorf("%s (%s) has no row in the table screens", name, s)
		}
	}
	if len(all) != len(constants) {
		t.Errorf("%d rows, %d constants", len(all), len(constants))
	}
	for name, s := range constantsOf(t, "Status") {
		if Status(s).Final() && !slices.Contains(all, Screen(s)) {
			t.Errorf("%s (%s) is final, and has no screen", name, s)
		}
	}
}

// TestScreensOfTheDocs: docs/SCREENS.md has one line and one picture for each screen. That the
// picture is there says test/arch.
func TestScreensOfTheDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| screen | when | picture |\n|---|---|---|\n")
	for _, row := range screens {
		name := strings.ReplaceAll(string(row.screen), "_", " ")
		file := strings.ReplaceAll(name, " ", "-")
		fmt.Fprintf(&b, "| %s | %s | ![%s](images/display-%s-1024x600.png) |\n", name, row.when,
			name, file)
	}
	docpage.Compare(t, "../docs/SCREENS.md", "screens", b.String(), *update)
}

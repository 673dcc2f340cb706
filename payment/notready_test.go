package payment

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/test/docpage"
)

// TestReasonsAreAll: each constant of type NotReady has its row, once, and each row says all that
// there is to say.
func TestReasonsAreAll(t *testing.T) {
	constants := constantsOf(t, "NotReady")
	seen := map[NotReady]bool{}
	for _, row := range unready {
		if row.Text == "" || row.Hint == "" {
			t.Errorf("%s has no text or no hint", row.Code)
		}
		if !slices.Contains([]string{HeardNotReady, HeardPath, HeardJournal}, row.Heard) {
			t.Errorf("%s: a line hears %q", row.Code, row.Heard)
		}
		if seen[row.Code] {
			t.Errorf("%s has two rows", row.Code)
		}
		seen[row.Code] = true
		r := row.Code.Reason("so it is")
		want := Reason{string(row.Code), row.Text + ": so it is", row.Hint, row.RetryAfter}
		if r != want || !r.Is(row.Code) {
			t.Errorf("%s: %+v, want %+v", row.Code, r, want)
		}
	}
	for name, code := range constants {
		if !seen[NotReady(code)] {
			t.Errorf("%s (%s) has no row in the table unready", name, code)
		}
	}
	if len(seen) != len(constants) {
		t.Errorf("%d rows, %d constants", len(seen), len(constants))
	}
}

// TestReasonsOfTheDocs: the runbook has one line for each reason, and a section that it leads to;
// that the section is there says test/arch.
func TestReasonsOfTheDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| reason | what it means | what to do | a line hears | on the display |\n" +
		"|---|---|---|---|---|\n")
	for _, row := range unready {
		screen := "–"
		if len(row.Screen) > 0 {
			screen = "`" + strings.Join(row.Screen, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | `%s` | %s |\n", row.Code, row.Code, row.Text,
			row.Hint, row.Heard, screen)
	}
	docpage.Compare(t, "../docs/OPERATIONS.md", "reasons", b.String(), *update)
}

// TestReasonsOfThePackages: the alerts and the display's guard, which are no Go, name reasons that
// there are.
func TestReasonsOfThePackages(t *testing.T) {
	for path, begin := range map[string]string{
		"../packaging/alerts.yml":    `kiosk_not_ready{reason="`,
		"../packaging/display/start": `grep -q '^`,
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(text), begin)
		if len(parts) < 2 {
			t.Errorf("%s names no reason after %s", path, begin)
		}
		for _, after := range parts[1:] {
			code := after[:strings.IndexAny(after, `":`)]
			if _, ok := UnreadyOf(code); !ok {
				t.Errorf("%s names the reason %q, which is none", path, code)
			}
		}
	}
}

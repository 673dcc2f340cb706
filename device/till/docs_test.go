package till

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/ECR.md says what each event on a line means.
func TestDocumentEvents(t *testing.T) {
	raw, err := os.ReadFile("../../docs/ECR.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(raw), "\n| event | what is counted |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var shown []string
	for line := range strings.Lines(table) {
		for i, word := range strings.Split(strings.Split(line, "|")[1], "`") {
			if i%2 == 1 {
				shown = append(shown, word)
			}
		}
	}
	var events []string
	for _, e := range Counters() {
		events = append(events, string(e))
	}
	slices.Sort(events)
	slices.Sort(shown)
	if !slices.Equal(shown, events) {
		t.Errorf("the page has %v\nthe code has %v", shown, events)
	}
}

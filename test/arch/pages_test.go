package arch

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// width is how many columns a line of prose may have. Tables and what is quoted are as wide as they
// must be.
const width = 100

// wide are the pages that are older than the rule; one that keeps to it leaves the list.
var wide = []string{
	"CHANGELOG.md", "docs/CONFIGURATION.md", "docs/GATEWAYS.md", "docs/INTEGRATION.md",
	"docs/OPERATIONS.md",
}

// unbroken is what has no place to break it: an address, a line that a program prints.
var unbroken = regexp.MustCompile(`^\s*(?:[-*] +)?\S+$`)

// wideLines are the lines of prose that are too wide, with their numbers.
func wideLines(page []byte) (found []int) {
	quoted := false
	for i, line := range bytes.Split(page, []byte("\n")) {
		text := string(line)
		if strings.HasPrefix(strings.TrimSpace(text), "```") {
			quoted = !quoted
		}
		if quoted || strings.HasPrefix(text, "|") || strings.HasPrefix(text, "    ") ||
			unbroken.MatchString(text) {
			continue
		}
		if len([]rune(text)) > width {
			found = append(found, i+1)
		}
	}
	return found
}

func TestWidthOfTheDocs(t *testing.T) {
	root, pages := house(t, "*.md")
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		lines, old := wideLines(text), slices.Contains(wide, page)
		switch {
		case old && len(lines) == 0:
			t.Errorf("%s keeps to %d columns: take it off the list", page, width)
		case !old && len(lines) > 0:
			t.Errorf("%s: lines %v are wider than %d columns", page, lines, width)
		}
	}
}

func TestWideLinesAreFound(t *testing.T) {
	long := strings.Repeat("word ", 21)
	page := "short\n" + long + "\n| " + long + "|\n    " + long + "\n```\n" + long + "\n```\n- " +
		strings.Repeat("x", 120) + "\n- " + long + "\n"
	if got, want := wideLines([]byte(page)), []int{2, 9}; !slices.Equal(got, want) {
		t.Errorf("wide lines: %v, want %v", got, want)
	}
}

// TestPagesAreReached: who follows links from README comes to every page.
func TestPagesAreReached(t *testing.T) {
	root, pages := house(t, "*.md")
	reached := []string{"README.md"}
	for i := 0; i < len(reached); i++ {
		text, err := os.ReadFile(filepath.Join(root, reached[i]))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mdLink.FindAllSubmatch(fenced.ReplaceAll(text, nil), -1) {
			path, _, _ := strings.Cut(string(m[1]), "#")
			to := filepath.Join(filepath.Dir(reached[i]), path)
			if strings.HasSuffix(to, ".md") && !strings.Contains(path, ":") &&
				!slices.Contains(reached, to) {
				reached = append(reached, to)
			}
		}
	}
	for _, page := range pages {
		if !slices.Contains(reached, page) {
			t.Errorf("no link leads from README.md to %s", page)
		}
	}
}

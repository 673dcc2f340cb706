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
		if lines := wideLines(text); len(lines) > 0 {
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

// repoFile is a file of the repository as pages write it, `room/file.go`.
var repoFile = regexp.MustCompile("`((?:[a-z0-9_.-]+/)+[a-zA-Z0-9_.-]+\\.[a-z]+)`")

// deadFiles are the files that a page names and that are not there. What begins with no folder of
// the repository is somebody else's path; NAME stands for one that the reader gives.
func deadFiles(root string, page []byte) (dead []string) {
	for _, m := range repoFile.FindAllSubmatch(page, -1) {
		path := string(m[1])
		first, _, _ := strings.Cut(path, "/")
		if _, err := os.Stat(filepath.Join(root, first)); err != nil || first == "bin" ||
			first == "dist" || strings.Contains(path, "NAME") {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			dead = append(dead, path)
		}
	}
	return dead
}

// TestFilesOfTheDocs: a file that a page sends its reader to is there.
func TestFilesOfTheDocs(t *testing.T) {
	root, pages := house(t, "*.md")
	for _, page := range pages {
		if page == "docs/MOVES.md" { // old paths
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range deadFiles(root, text) {
			t.Errorf("%s names %s, which is not there", page, file)
		}
	}
}

func TestDeadFilesAreFound(t *testing.T) {
	root, _ := house(t)
	page := []byte("`payment/status.go` `payment/none.go` `etc/none.toml` `payment/none` " +
		"`payment/NAME/x.go` payment/x.go")
	if got, want := deadFiles(root, page), []string{"payment/none.go"}; !slices.Equal(got, want) {
		t.Errorf("dead files: %v, want %v", got, want)
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

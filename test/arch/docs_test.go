package arch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	fenced   = regexp.MustCompile("(?ms)^```.*?^```")
	mdLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mdTitle  = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	testName = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)(…?)`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)\(`)
)

// house lists the module's own files whose names fit one of the patterns, by their path from its
// root.
func house(t *testing.T, patterns ...string) (root string, files []string) {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	root = filepath.Dir(strings.TrimSpace(string(out)))
	err = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.Name() == "node_modules" || e.Name() == ".git" || e.Name() == "dist" {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if slices.ContainsFunc(patterns,
			func(p string) bool { ok, _ := filepath.Match(p, e.Name()); return ok }) {
			rel, err := filepath.Rel(root, path)
			files = append(files, rel)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return root, files
}

// anchors are the fragments that a page's headings can be linked by, in GitHub's way.
func anchors(page []byte) []string {
	var all []string
	for _, title := range mdTitle.FindAllSubmatch(fenced.ReplaceAll(page, nil), -1) {
		words := linkText.ReplaceAll(bytes.ToLower(bytes.TrimSpace(title[1])), []byte("$1"))
		all = append(all, strings.ReplaceAll(string(noAnchor.ReplaceAll(words, nil)), " ", "-"))
	}
	return all
}

// deadLinks are the relative links of a page that lead to no file, or to no heading of the page
// that they name.
func deadLinks(root, page string) (dead []string, err error) {
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		return nil, err
	}
	for _, m := range mdLink.FindAllSubmatch(fenced.ReplaceAll(text, nil), -1) {
		link := string(m[1])
		if strings.Contains(link, ":") {
			continue // another site's; nobody answers for it here
		}
		path, anchor, hasAnchor := strings.Cut(link, "#")
		target := filepath.Join(root, page)
		if path != "" {
			target = filepath.Join(root, filepath.Dir(page), path)
		}
		if _, err := os.Stat(target); err != nil {
			dead = append(dead, link)
			continue
		}
		if !hasAnchor {
			continue
		}
		there, err := os.ReadFile(target)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(anchors(there), anchor) {
			dead = append(dead, link)
		}
	}
	return dead, nil
}

func TestLinksOfTheDocs(t *testing.T) {
	root, pages := house(t, "*.md")
	if len(pages) < 10 {
		t.Fatalf("only %d pages found", len(pages))
	}
	for _, page := range pages {
		dead, err := deadLinks(root, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range dead {
			t.Errorf("%s: the link %s leads nowhere", page, link)
		}
	}
}

func TestDeadLinksAreFound(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a.md": "# One\n[b](b.md) [here](#one) [there](b.md#two-the-2nd) " +
			"[far](https://x.example/y#z)\n```\n[code](none.md)\n# None\n```\n" +
			"[no file](c.md) [no heading](#two) [in code](#none) [no heading there](b.md#one)\n",
		"b.md": "## Two, the [2nd](a.md)\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dead, err := deadLinks(root, "a.md")
	if want := []string{"c.md", "#two", "#none", "b.md#one"}; err != nil ||
		!slices.Equal(dead, want) {
		t.Errorf("dead links: %v, %v; want %v", dead, err, want)
	}
}

// TestProofsOfTheDocs: a test that a page calls to witness exists; `TestName…` stands for all that
// begin with it.
func TestProofsOfTheDocs(t *testing.T) {
	root, sources := house(t, "*_test.go")
	var tests []string
	for _, source := range sources {
		text, err := os.ReadFile(filepath.Join(root, source))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			tests = append(tests, string(m[1]))
		}
	}
	_, pages := house(t, "*.md")
	named := 0
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testName.FindAllSubmatch(text, -1) {
			named++
			name, all := string(m[1]), len(m[2]) > 0
			if !slices.ContainsFunc(tests,
				func(f string) bool { return f == name || all && strings.HasPrefix(f, name) }) {
				t.Errorf("%s names %s, which is no test", page, m[0])
			}
		}
	}
	if named < 20 {
		t.Errorf("only %d names of tests found", named)
	}
}

// TestRoomsOfTheDocs: ARCHITECTURE's list of rooms has each package.
func TestRoomsOfTheDocs(t *testing.T) {
	root, _ := house(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("| room | purpose |\n"))
	list, _, _ := bytes.Cut(text, []byte("\n\n"))
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		if first, _, _ := strings.Cut(room, "/"); first == "cmd" || first == "examples" ||
			first == "packaging" || strings.HasSuffix(room, "test") {
			continue // programs, examples and texts
		}
		room = strings.TrimPrefix(strings.TrimPrefix(room, "internal/app/"), "internal/")
		room = strings.TrimPrefix(room, "test/")
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(room) + `\b`).Match(list) {
			t.Errorf("%s is not in the list of rooms", p.ImportPath)
		}
	}
}

// TestAttackersOfTheDocs: SECURITY.md says of each attacker what he can do and what he cannot, what
// is done against it, and which test shows that.
func TestAttackersOfTheDocs(t *testing.T) {
	root, _ := house(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(text), "\n## The attackers\n")
	page, _, _ = strings.Cut(page, "\n## ")
	sections := strings.Split(page, "\n### ")[1:]
	if len(sections) < 15 {
		t.Errorf("only %d attackers", len(sections))
	}
	for _, section := range sections {
		name, rest, _ := strings.Cut(section, "\n")
		for _, part := range []string{"He can", "He cannot", "Against it", "Tests"} {
			_, after, ok := strings.Cut(rest, "\n- **"+part+"**")
			if !ok {
				t.Errorf("%s: what follows is not %q", name, part)
				break
			}
			rest = after
		}
		if !testName.MatchString(rest) {
			t.Errorf("%s: no test is named", name)
		}
	}
}

package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cited are the texts that send their readers to documents. "build" is a script without an ending.
var cited = []string{"*.go", "*.md", "*.toml", "*.js", "*.mjs", "*.css", "*.html", "*.service",
	"*.yaml", "*.yml", "*.txtar", "Makefile", "build"}

var (
	document  = regexp.MustCompile(`[\w./-]*\w\.md\b`)
	chapter   = regexp.MustCompile(`([\w./-]*\w\.md), "([A-Z][^"\n]*)"`)
	shareDocs = regexp.MustCompile(`^/+usr/share/doc/[a-z-]+/`)
)

// prose is what people read of a file: of a program its comments, and what it may say when it runs.
func prose(t *testing.T, file string, text []byte) string {
	t.Helper()
	if filepath.Ext(file) != ".go" {
		return string(text)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range f.Comments {
		b.WriteString(strings.ReplaceAll(c.Text(), "\n", " ") + "\n")
	}
	if !strings.HasSuffix(file, "_test.go") {
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				b.WriteString(lit.Value + "\n")
			}
			return true
		})
	}
	return b.String()
}

// notThere are the documents, and the chapters of documents, that a text names and that this
// repository does not have. A document is named by its path from the root, from docs or from the
// text itself, or by the path that a package gives it.
func notThere(root, file, text string) (list []string) {
	find := func(name string) string {
		name = shareDocs.ReplaceAllString(name, "docs/")
		for _, dir := range []string{root, filepath.Join(root, "docs"),
			filepath.Join(root, filepath.Dir(file))} {
			path := filepath.Join(dir, name)
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
		return ""
	}
	for _, name := range document.FindAllString(text, -1) {
		if find(name) == "" && name != "NAME.md" { // which the reader gives
			list = append(list, name)
		}
	}
	for _, m := range chapter.FindAllStringSubmatch(text, -1) {
		path := find(m[1])
		page, err := os.ReadFile(path)
		if path == "" || err != nil {
			continue // named above
		}
		titles := mdTitle.FindAllStringSubmatch(string(fenced.ReplaceAll(page, nil)), -1)
		if !slices.ContainsFunc(titles, func(t []string) bool { return t[1] == m[2] }) {
			list = append(list, m[0])
		}
	}
	return list
}

// TestDocumentsOfTheComments: a document that a comment, a message or a page names is in this
// repository, where its reader can open it.
func TestDocumentsOfTheComments(t *testing.T) {
	root, files := house(t, cited...)
	named := 0
	for _, file := range files {
		if file == "docs/MOVES.md" { // old paths
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		read := prose(t, file, text)
		named += len(document.FindAllString(read, -1))
		for _, name := range notThere(root, file, read) {
			t.Errorf("%s sends its reader to %s, which is not there", file, name)
		}
	}
	if named < 300 {
		t.Errorf("only %d names of documents found", named)
	}
}

func TestMissingDocumentsAreFound(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"README.md": "", "docs/ONE.md": "# One\n\n## A session\n", "docs/sub/two.md": "",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source := "// See README.md, docs/ONE.md, ONE.md, sub/two.md,\n" +
		"// /usr/share/doc/kiosk-agent/ONE.md,\n" +
		"// docs/ONE.md, \"A session\", docs/ONE.md,\n// \"Another\", two.md and none.md.\n" +
		"package p\n\nconst say = \"docs/none.md\"\n"
	got := notThere(root, "room/p.go", prose(t, "room/p.go", []byte(source)))
	want := []string{"two.md", "none.md", "docs/none.md", `docs/ONE.md, "Another"`}
	if !slices.Equal(got, want) {
		t.Errorf("not there: %q, want %q", got, want)
	}
	if got := prose(t, "room/p_test.go", []byte(source)); strings.Contains(got, "const") ||
		strings.Contains(got, "docs/none.md") {
		t.Errorf("what a test quotes is no citation: %q", got)
	}
}

package arch

import (
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// tab is how many columns a tab takes at most.
const tab = 4

// unbreakable is the length from which a word leaves a line no place to break it: an address, a
// token or a code that is quoted in one piece.
const unbreakable = 80

// columns is how wide a line stands in an editor.
func columns(line string) (n int) {
	for _, r := range line {
		if r == '\t' {
			n += tab - n%tab
		} else {
			n++
		}
	}
	return n
}

// wideCode are the lines of a source that are too wide, with their numbers.
func wideCode(source string) (found []int) {
	for i, line := range strings.Split(source, "\n") {
		whole := slices.ContainsFunc(strings.Fields(line),
			func(word string) bool { return utf8.RuneCountInString(word) >= unbreakable })
		if columns(line) > width && !whole {
			found = append(found, i+1)
		}
	}
	return found
}

// sources are the module's Go files, by their path from its root.
func sources(t *testing.T) (root string, text map[string]string) {
	t.Helper()
	root, files := house(t, "*.go")
	text = map[string]string{}
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		text[file] = string(b)
	}
	if len(text) < 300 {
		t.Fatalf("only %d sources found", len(text))
	}
	return root, text
}

// TestWidthOfTheCode: code and comments keep to the width; the one exception is a line with a word
// in it that cannot be broken.
func TestWidthOfTheCode(t *testing.T) {
	_, text := sources(t)
	for file, source := range text {
		if lines := wideCode(source); len(lines) > 0 {
			t.Errorf("%s: lines %v are wider than %d columns", file, lines, width)
		}
	}
}

func TestWideCodeIsFound(t *testing.T) {
	word := strings.Repeat("ü", unbreakable)
	source := strings.Join([]string{
		strings.Repeat("ü ", 50), strings.Repeat("x ", 51), "\t\t" + strings.Repeat("x ", 47),
		"\t// see\t" + word[:len(word)-2] + " and so on, and on and on",
		"\tconst link = `" + word + "`", strings.Repeat(" ", 97) + "\tx",
	}, "\n")
	if got, want := wideCode(source), []int{2, 3, 4, 6}; !slices.Equal(got, want) {
		t.Errorf("wide lines %v, want %v", got, want)
	}
}

// helpWidth is how many columns a help text may have: those of a terminal that nobody has widened.
const helpWidth = 80

// helps are the help texts of a source's commands, by where they stand: what is called Long, and
// constants called Help or …Help.
func helps(fset *token.FileSet, f *ast.File) map[token.Position]string {
	texts := map[token.Position]string{}
	add := func(named string, v ast.Expr) {
		lit, ok := v.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || named != "Long" && !strings.HasSuffix(named, "Help") {
			return
		}
		if text, err := strconv.Unquote(lit.Value); err == nil {
			texts[fset.Position(lit.Pos())] = text
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				add(key.Name, n.Value)
			}
		case *ast.ValueSpec:
			for i, v := range n.Values {
				add(n.Names[i].Name, v)
			}
		}
		return true
	})
	return texts
}

func TestHelpFitsATerminal(t *testing.T) {
	fset, rooms := parsed(t)
	n := 0
	for _, files := range rooms {
		for _, f := range files {
			for at, text := range helps(fset, f) {
				n++
				for i, line := range strings.Split(text, "\n") {
					if columns(line) > helpWidth {
						t.Errorf("%s: line %d of the help is wider than %d columns", at, i+1,
							helpWidth)
					}
				}
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d help texts found", n)
	}
}

// maxPackageComment is how many lines a package comment may have: more is a page of the docs.
const maxPackageComment = 60

// packageComment are the problems of a package's comment: there is none, it has grown into a page,
// or a doc link in it leads nowhere.
func packageComment(fset *token.FileSet, path string, files []*ast.File) (problems []string) {
	var group *ast.CommentGroup
	for _, f := range files {
		if f.Doc == nil {
			continue
		}
		if group != nil {
			problems = append(problems, "two files have a package comment")
		}
		group = f.Doc
	}
	if group == nil {
		return append(problems, "no file has a package comment")
	}
	lines := fset.Position(group.End()).Line - fset.Position(group.Pos()).Line + 1
	if lines > maxPackageComment {
		problems = append(problems, "the package comment is longer than a screen")
	}
	pkg, err := doc.NewFromFiles(fset, files, path)
	if err != nil {
		return append(problems, err.Error())
	}
	for _, name := range openLinks(pkg) {
		problems = append(problems, "the package comment links to "+name+", which is not there")
	}
	return problems
}

// docLink is a doc link that nothing was found for: it stays text.
var docLink = regexp.MustCompile(`\[(\*?[A-Za-z]+(?:\.[A-Z]\w*)+|[A-Z]\w*)\]`)

// openLinks are the names in brackets of a package's comment that are none of its names and no
// import of its files.
func openLinks(pkg *doc.Package) (names []string) {
	page := pkg.Parser().Parse(pkg.Doc)
	walk := func(texts []comment.Text) {
		for _, text := range texts {
			if plain, ok := text.(comment.Plain); ok {
				for _, m := range docLink.FindAllStringSubmatch(string(plain), -1) {
					names = append(names, m[1])
				}
			}
		}
	}
	for _, block := range page.Content {
		switch b := block.(type) {
		case *comment.Paragraph:
			walk(b.Text)
		case *comment.List:
			for _, item := range b.Items {
				for _, in := range item.Content {
					if p, ok := in.(*comment.Paragraph); ok {
						walk(p.Text)
					}
				}
			}
		}
	}
	return names
}

// parsed are the files of each folder that are no tests.
func parsed(t *testing.T) (*token.FileSet, map[string][]*ast.File) {
	t.Helper()
	fset, rooms := token.NewFileSet(), map[string][]*ast.File{}
	_, text := sources(t)
	for file, source := range text {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, file, source, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		rooms[filepath.Dir(file)] = append(rooms[filepath.Dir(file)], f)
	}
	return fset, rooms
}

func TestPackageComments(t *testing.T) {
	fset, rooms := parsed(t)
	for room, files := range rooms {
		for _, problem := range packageComment(fset, module+room, files) {
			t.Errorf("%s: %s", room, problem)
		}
	}
}

func TestBadPackageCommentsAreFound(t *testing.T) {
	for name, tc := range map[string]struct {
		files []string
		want  string
	}{
		"good": {[]string{"// Package p has a [T].\npackage p\n\ntype T int\n"}, ""},
		"none": {[]string{"package p\n"}, "no file"},
		"two":  {[]string{"// Package p is.\npackage p\n", "// Package p is.\npackage p\n"}, "two"},
		"long": {[]string{"// Package p is.\n" + strings.Repeat("//\n// More.\n", 30) +
			"package p\n"}, "longer than a screen"},
		"dead link": {[]string{"// Package p has a [T].\n//\n//   - and an [U.V].\npackage p\n\n" +
			"type T int\n"}, "U.V"},
	} {
		fset := token.NewFileSet()
		var files []*ast.File
		for _, source := range tc.files {
			f, err := parser.ParseFile(fset, "p.go", source, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		got := strings.Join(packageComment(fset, "p", files), "; ")
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

package packages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shipped is what a package brings, as its nfpm.yaml says.
type shipped struct {
	name  string
	files []string // where they are once it is installed
	texts []string // those of the sources' own files, and the maintainer's scripts
	needs []string // packages of ours that are there whenever this one is
}

var (
	content   = regexp.MustCompile(`(?m)^ +- \{src: "?([^",]+)"?, dst: "?([^",}]+)"?`)
	scriptOf  = regexp.MustCompile(`(?m)^  p(?:re|ost)(?:install|remove): (.*)$`)
	needsOurs = regexp.MustCompile(`(?m)^  - (kiosk-[a-z-]+) \(>= @VERSION@\)$`)
)

func packageOf(t *testing.T, dir string) shipped {
	t.Helper()
	text := read(t, "packaging/"+dir+"/nfpm.yaml")
	name, _, _ := strings.Cut(strings.TrimPrefix(text, "name: "), "\n")
	p := shipped{name: name}
	for _, m := range content.FindAllStringSubmatch(text, -1) {
		p.files = append(p.files, m[2])
		source := m[1]
		if strings.HasPrefix(source, "@STAGE@") || strings.HasPrefix(source, "..") {
			continue // made by packaging/build, or a link
		}
		if _, err := os.Stat(top + source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		p.texts = append(p.texts, source)
	}
	for _, m := range scriptOf.FindAllStringSubmatch(text, -1) {
		p.texts = append(p.texts, m[1])
	}
	for _, m := range needsOurs.FindAllStringSubmatch(text, -1) {
		p.needs = append(p.needs, m[1])
	}
	if len(p.files) < 8 || len(p.texts) < 8 {
		t.Fatalf("%s: only %d files and %d texts found", name, len(p.files), len(p.texts))
	}
	return p
}

// A text names a document by its path on the machine, as docs/NAME, or by its name; a manual page
// by its name and section.
var (
	byPath = regexp.MustCompile(`/usr/share/doc/[a-z-]+/[A-Za-z./-]*[A-Za-z]`)
	byName = regexp.MustCompile(`\b(?:[A-Z][A-Z-]+\.md|openrpc\.json)\b`)
	byPage = regexp.MustCompile(`\b(kiosk-[a-z-]+)\((\d)\)`)
)

// missing is what a text of this package names and the machine does not have.
func (p shipped) missing(text string, all []shipped) (list []string) {
	var there []string
	for _, other := range all {
		if other.name == p.name || slices.Contains(p.needs, other.name) {
			there = append(there, other.files...)
		}
	}
	for _, name := range byPath.FindAllString(text, -1) {
		if !slices.ContainsFunc(there, func(f string) bool {
			return f == name || strings.HasPrefix(f, strings.TrimSuffix(name, "/")+"/")
		}) {
			list = append(list, name)
		}
	}
	for _, name := range byName.FindAllString(byPath.ReplaceAllString(text, ""), -1) {
		if !slices.ContainsFunc(there, func(f string) bool {
			return path.Base(f) == name && strings.HasPrefix(f, "/usr/share/doc/")
		}) {
			list = append(list, name)
		}
	}
	for _, m := range byPage.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(there, "/usr/share/man/man"+m[2]+"/"+m[1]+"."+m[2]+".gz") {
			list = append(list, m[0])
		}
	}
	return list
}

// TestDocumentsAreThere: what a program's messages and manual page, a unit, a configuration or a
// script names is on the machine that it is installed on.
func TestDocumentsAreThere(t *testing.T) {
	agent, relay := packageOf(t, "agent"), packageOf(t, "relay")
	display := packageOf(t, "display")
	all := []shipped{agent, display, relay}
	named := 0
	look := func(p shipped, where, text string) {
		named += len(byPath.FindAllString(text, -1)) + len(byName.FindAllString(text, -1))
		for _, what := range p.missing(text, all) {
			t.Errorf("%s names %s, which is not in %s", where, what, p.name)
		}
	}
	for _, p := range all {
		for _, source := range p.texts {
			if path.Dir(source) != "docs" { // pages also lead to those that come with the sources
				look(p, source, read(t, source))
			}
		}
		notes := read(t, "packaging/build")
		_, notes, _ = strings.Cut(notes, "doc/changelog.gz\" <<EOF\n")
		notes, _, _ = strings.Cut(notes, "\nEOF\n")
		look(p, p.name+"'s changelog", strings.NewReplacer("$news", strings.TrimSuffix(p.name,
			"-display"), "$p", p.name).Replace(notes))
	}
	for _, p := range []shipped{agent, relay} {
		for where, text := range literals(t, p.name) {
			look(p, where, text)
		}
	}
	look(agent, "its other page", read(t, "packaging/agent/kiosk-agent-switch.8"))
	if named < 12 {
		t.Errorf("only %d documents are named: this test looks at the wrong thing", named)
	}
}

// literals are the texts in the code of a program, by where they stand: all that it can say. Its
// manual page is made of them. Tags of the configuration's keys are what CONFIGURATION.md is made
// of.
func literals(t *testing.T, program string) map[string]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f",
		`{{if .Module}}{{if .Module.Main}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}`+
			`{{end}}{{end}}{{end}}`, top+"cmd/"+program).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(out))
	if len(files) < 20 {
		t.Fatalf("%s: only %d files", program, len(files))
	}
	list := make(map[string]string)
	fset := token.NewFileSet()
	for _, file := range files {
		tree, err := parser.ParseFile(fset, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, err := strconv.Unquote(l.Value)
				if err != nil {
					t.Fatal(err)
				}
				list[fset.Position(l.Pos()).String()] = text
			}
			return true
		})
	}
	return list
}

// TestDocumentsOfEachPackage: who looks after the machine has on it what he needs to read.
func TestDocumentsOfEachPackage(t *testing.T) {
	for dir, pages := range map[string][]string{
		"agent": {"CONFIGURATION.md", "ECR.md", "ECR-DIALECTS.md", "ECR-TILLS.md", "GLOSSARY.md",
			"INSTALL.md", "INTEGRATION.md", "OPERATIONS.md", "SECURITY.md", "openrpc.json"},
		"relay": {"INSTALL.md", "OPERATIONS.md", "RELAY-PROTOCOL.md", "SECURITY.md"},
	} {
		p := packageOf(t, dir)
		for _, page := range pages {
			if !slices.Contains(p.files, "/usr/share/doc/"+p.name+"/"+page) {
				t.Errorf("%s has no %s", p.name, page)
			}
		}
	}
}

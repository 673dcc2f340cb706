package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kiosk-agent/internal/app/gateways"
)

// rowRooms are the rooms with a row for each gateway: each has a file of the gateway's name, and
// one that lists them all.
var rowRooms = map[string]string{ // the list's file
	"internal/app/gateways": "gateways.go",
	"internal/app/demo":     "gateway.go",
}

// ownFile reports whether a file is a gateway's own: its adapter, its simulation, its row.
func ownFile(path string, names []string) bool {
	dir, file := filepath.ToSlash(filepath.Dir(path)), filepath.Base(path)
	if strings.HasPrefix(dir, "sandbox") || strings.HasPrefix(dir, "test") {
		return true
	}
	for _, name := range names {
		if dir == "payment/"+name || rowRooms[dir] != "" && file == name+".go" {
			return true
		}
	}
	return false
}

// gatewayNamed finds what knows a gateway by its name: a text that is the name or one of its keys,
// and what the gateway's own files export. own are those exports, by the room's last name.
func gatewayNamed(f *ast.File, names []string, own map[string][]string) (found []ast.Node) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			if n.Kind == token.STRING && err == nil && slices.ContainsFunc(names,
				func(name string) bool {
					rest, ok := strings.CutPrefix(text, name)
					return ok && (rest == "" || !strings.Contains(text, " ") &&
						strings.ContainsAny(rest[:1], ".-"))
				}) {
				found = append(found, n)
			}
		case *ast.SelectorExpr:
			if room, ok := n.X.(*ast.Ident); ok && slices.Contains(own[room.Name], n.Sel.Name) {
				found = append(found, n)
			}
		}
		return true
	})
	return found
}

// exportsOf are the functions, types, constants and variables that a file exports; methods are
// their type's.
func exportsOf(f *ast.File) (names []string) {
	note := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				note(d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					note(s.Name)
				case *ast.ValueSpec:
					for _, id := range s.Names {
						note(id)
					}
				}
			}
		}
	}
	return names
}

// TestNobodyKnowsAGatewayByName: but for the rows, the adapters, the simulations and the tests,
// nothing names a gateway, so that nothing can compare its name: what differs is in the row.
func TestNobodyKnowsAGatewayByName(t *testing.T) {
	root, sources := house(t, "*.go")
	names := gateways.All().Names()
	files, parsed := token.NewFileSet(), map[string]*ast.File{}
	own := map[string][]string{}
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(files, path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed[filepath.ToSlash(path)] = f
		if dir := filepath.ToSlash(filepath.Dir(path)); rowRooms[dir] != "" &&
			ownFile(path, names) {
			own[filepath.Base(dir)] = append(own[filepath.Base(dir)], exportsOf(f)...)
		}
	}
	for room := range rowRooms {
		for _, name := range names {
			if parsed[room+"/"+name+".go"] == nil {
				t.Errorf("%s has no file %s.go with the row of this gateway", room, name)
			}
		}
	}
	for path, f := range parsed {
		if ownFile(path, names) {
			continue
		}
		for _, n := range gatewayNamed(f, names, own) {
			t.Errorf("%s knows a gateway by name: let its row say what differs",
				files.Position(n.Pos()))
		}
	}
}

func TestGatewaysNamesAreFound(t *testing.T) {
	const source = `package x
import "kiosk-agent/internal/app/gateways"
const provider = "axs" // found
func f(name string, c any) {
	if name == "singapay" || name == "axs-qr" { // found, found
		key("axs.secret", "axsy", "the axs way", "axs.secret is missing")  // found
	}
	_ = c.(*gateways.AXS) // found
	_ = gateways.ModeQR
}`
	f, err := parser.ParseFile(token.NewFileSet(), "x.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := gatewayNamed(f, []string{"axs", "singapay"},
		map[string][]string{"gateways": {"AXS", "AXSRow"}})
	if len(found) != strings.Count(source, "found") {
		t.Errorf("%d found, want %d", len(found), strings.Count(source, "found"))
	}
}

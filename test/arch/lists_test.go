package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// constants are a folder's constants by the name of their type.
func constants(files []*ast.File) map[string][]string {
	of := map[string][]string{}
	for _, f := range files {
		for _, d := range f.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			typ := ""
			for _, s := range group.Specs {
				spec := s.(*ast.ValueSpec)
				if id, ok := spec.Type.(*ast.Ident); ok {
					typ = id.Name
				} else if len(spec.Values) > 0 {
					typ = ""
				}
				for _, name := range spec.Names {
					of[typ] = append(of[typ], name.Name)
				}
			}
		}
	}
	delete(of, "")
	return of
}

// named are the identifiers in n.
func named(n ast.Node) map[string]bool {
	all := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			all[id.Name] = true
		}
		return true
	})
	return all
}

// gaps are the constants that a function without parameters that lists their type does not name,
// neither itself nor in a table that it reads; lists counts such functions.
func gaps(files []*ast.File) (missing []string, lists int) {
	tables := map[string]ast.Node{}
	for _, f := range files {
		for _, d := range f.Decls {
			if group, ok := d.(*ast.GenDecl); ok && group.Tok == token.VAR {
				for _, s := range group.Specs {
					for _, name := range s.(*ast.ValueSpec).Names {
						tables[name.Name] = s
					}
				}
			}
		}
	}
	of := constants(files)
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || fn.Type.Params.NumFields() > 0 ||
				fn.Type.Results.NumFields() != 1 || !ast.IsExported(fn.Name.Name) {
				continue
			}
			slice, ok := fn.Type.Results.List[0].Type.(*ast.ArrayType)
			if !ok {
				continue
			}
			typ, ok := slice.Elt.(*ast.Ident)
			if !ok || len(of[typ.Name]) == 0 {
				continue
			}
			lists++
			names := named(fn.Body)
			for name := range named(fn.Body) {
				if table := tables[name]; table != nil {
					for in := range named(table) {
						names[in] = true
					}
				}
			}
			for _, c := range of[typ.Name] {
				if !names[c] {
					missing = append(missing, fn.Name.Name+" lacks "+c)
				}
			}
		}
	}
	slices.Sort(missing)
	return missing, lists
}

// TestListsAreWhole: a function that lists the values of a closed set, as payment.Codes does, has
// every one; what a table or a page must be complete for is compared with that list.
func TestListsAreWhole(t *testing.T) {
	_, rooms := parsed(t)
	total := 0
	for room, files := range rooms {
		missing, lists := gaps(files)
		total += lists
		for _, m := range missing {
			t.Errorf("%s: %s", room, m)
		}
	}
	if total < 8 {
		t.Errorf("only %d lists found", total)
	}
}

func TestGapsAreFound(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
type Colour string
const (
	Red Colour = "red"
	Green Colour = "green"
	Blue Colour = "blue"
)
type Size int
const (
	Small Size = iota
	Large
)
const other = 1
var sizes = []Size{Small}
func Colours() []Colour { return []Colour{Red, Blue} }
func Sizes() []Size { return sizes }
func Some(n int) []Size { return nil }
`, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, lists := gaps([]*ast.File{f})
	if want := []string{"Colours lacks Green", "Sizes lacks Large"}; lists != 2 ||
		!slices.Equal(got, want) {
		t.Errorf("%v of %d lists, want %v of 2", got, lists, want)
	}
}

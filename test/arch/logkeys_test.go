package arch

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pairsFrom is where the keys begin among the arguments of a method of slog's.
var pairsFrom = map[string]int{"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "With": 0}

// keyed are the expressions of a file that stand where a log key belongs.
func keyed(f *ast.File) (keys []ast.Expr) {
	every := func(list []ast.Expr, from int) {
		for i := from; i < len(list); i += 2 {
			keys = append(keys, list[i])
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			fn, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || n.Ellipsis != token.NoPos {
				break
			}
			to := strings.ToLower(types.ExprString(fn.X))
			from, known := pairsFrom[fn.Sel.Name]
			switch {
			case known && (strings.HasSuffix(to, "log") || strings.HasSuffix(to, "logger")):
				every(n.Args, from)
			case known && strings.HasSuffix(to, "refusals"):
				every(n.Args, from+1) // internal/refusals: the kind of line stands first
			case to == "m" && (fn.Sel.Name == "note" || fn.Sel.Name == "warn"):
				every(n.Args, 1) // of a step machine: device/till
			}
		case *ast.KeyValueExpr: // Note{Args: []any{…}}
			name, isName := n.Key.(*ast.Ident)
			if list, ok := n.Value.(*ast.CompositeLit); ok && isName && name.Name == "Args" &&
				types.ExprString(list.Type) == "[]any" {
				every(list.Elts, 0)
			}
		}
		return true
	})
	return keys
}

var quotedWord = regexp.MustCompile("`([a-z_]+)`")

// TestLogKeys: the log's keys are those of docs/OPERATIONS.md, "The log", and each is a constant.
func TestLogKeys(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("../..", "docs/OPERATIONS.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n| key | what it says |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	listed := map[string]bool{}
	for line := range strings.Lines(table) {
		for _, word := range quotedWord.FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
			if listed[word[1]] {
				t.Errorf("%s is listed twice", word[1])
			}
			listed[word[1]] = true
		}
	}
	used := map[string]bool{}
	fset, rooms := parsed(t)
	for room, files := range rooms {
		if first, _, _ := strings.Cut(room, "/"); first == "test" {
			continue
		}
		for _, f := range files {
			for _, e := range keyed(f) {
				lit, ok := e.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					t.Errorf("%s: a log key that is no constant", fset.Position(e.Pos()))
					continue
				}
				key, _ := strconv.Unquote(lit.Value)
				if used[key] = true; !listed[key] {
					t.Errorf("%s: the log key %q is not listed", fset.Position(e.Pos()), key)
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(listed)) {
		if !used[key] {
			t.Errorf("%q is listed, and nothing writes it", key)
		}
	}
}

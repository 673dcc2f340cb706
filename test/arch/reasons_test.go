package arch

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"kiosk-agent/payment"
)

// looseReasons are the places in product code that spell a reason's code out; journal_unavailable
// is also an error's code, and passes.
func looseReasons(fset *token.FileSet, f *ast.File) (places []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if _, is := payment.UnreadyOf(text); err == nil && is &&
			text != string(payment.CodeJournalUnavailable) {
			places = append(places, fset.Position(lit.Pos()).String()+": "+text)
		}
		return true
	})
	return places
}

// TestReasonsStandInOneTable: whoever tells a reason, or looks for one, names its constant: a code
// that is spelled out somewhere would be silent after a change of the table.
func TestReasonsStandInOneTable(t *testing.T) {
	fset, rooms := parsed(t)
	for room, files := range rooms {
		for _, f := range files {
			if strings.HasSuffix(fset.Position(f.Pos()).Filename, "payment/notready.go") {
				continue
			}
			for _, place := range looseReasons(fset, f) {
				t.Errorf("%s: %s", room, place)
			}
		}
	}
}

package payment

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/test/docpage"
	"kiosk-agent/test/everyfield"
)

// TestKindsAreAll: each constant of type Kind and each type of Data in the sources has its row in
// the table, once, and a row decodes the type whose kind it is.
func TestKindsAreAll(t *testing.T) {
	constants, types := constantsOf(t, "Kind"), dataTypes(t)
	if len(constants) < 20 || len(types) != len(constants) {
		t.Errorf("%d constants of type Kind, %d types of Data", len(constants), len(types))
	}
	rows := map[Kind]bool{}
	for _, row := range kinds {
		if rows[row.kind] {
			t.Errorf("%s has two rows", row.kind)
		}
		rows[row.kind] = true
		d, err := row.decode([]byte("{}"))
		if err != nil {
			t.Fatalf("%s: %v", row.kind, err)
		}
		name := fmt.Sprintf("%T", d)
		if d.Kind() != row.kind {
			t.Errorf("the row of %s decodes a %s, whose kind is %s", row.kind, name, d.Kind())
		}
		delete(types, strings.TrimPrefix(name, "payment."))
	}
	for name, k := range constants {
		if !rows[Kind(k)] {
			t.Errorf("%s (%s) has no row in the table kinds", name, k)
		}
	}
	for name := range types {
		t.Errorf("%s is Data, and no row of the table kinds decodes it", name)
	}
}

// constantsOf reads the package's sources: the constants of a type, with their values.
func constantsOf(t *testing.T, typ string) map[string]string {
	t.Helper()
	constants := map[string]string{}
	inspect(t, func(n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) == 0 {
			return
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == typ {
			constants[spec.Names[0].Name] = strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)
		}
	})
	if len(constants) == 0 {
		t.Fatalf("no constant of type %s found", typ)
	}
	return constants
}

// dataTypes reads the package's sources: the types that have a method Kind.
func dataTypes(t *testing.T) map[string]bool {
	t.Helper()
	types := map[string]bool{}
	inspect(t, func(n ast.Node) {
		method, ok := n.(*ast.FuncDecl)
		if !ok || method.Name.Name != "Kind" || method.Recv == nil {
			return
		}
		if typ, ok := method.Recv.List[0].Type.(*ast.Ident); ok && typ.Name != "Fact" {
			types[typ.Name] = true
		}
	})
	return types
}

// inspect walks through the package's sources, without its tests.
func inspect(t *testing.T, look func(ast.Node)) {
	t.Helper()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			look(n)
			return true
		})
	}
}

// TestKindsBytes: what the journal stores of each kind, with something in every field, is the line
// of testdata/kinds.golden, and is read back as what was written. A line that changes is a journal
// that the release before can no longer read: only what is new may be added.
func TestKindsBytes(t *testing.T) {
	var page strings.Builder
	for _, k := range Kinds() {
		d := sample(t, k)
		b, err := EncodeData(d)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&page, "%s %s\n", k, b)
		back, err := DecodeData(k, b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, back); diff != "" {
			t.Errorf("%s is not read back as it was written: %s", k, diff)
		}
		if !json.Valid(b) || strings.Contains(string(b), "\n") {
			t.Errorf("%s is not one line of JSON: %s", k, b)
		}
	}
	const golden = "testdata/kinds.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), page.String()); diff != "" {
		t.Errorf("the journal's format has changed (go test . -run %s -update, if it has only "+
			"grown): %s", t.Name(), diff)
	}
}

func sample(t *testing.T, k Kind) Data {
	t.Helper()
	empty, err := DecodeData(k, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := everyfield.Of(empty)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// folded has, for each kind that changes what is known of a payment, one history before it and the
// data that does.
func folded() map[Kind]struct {
	before *story
	data   Data
} {
	ended := func(p Policy) *story {
		return shown(p).add(CancelRequested{By: "till-1"}, Withdrawn{})
	}
	return map[Kind]struct {
		before *story
		data   Data
	}{
		KindRequested:       {&story{}, newStory(noQuery).facts[0].Data},
		KindMintSent:        {newStory(noQuery), MintSent{Scheme: "PAYNOW"}},
		KindMintFailed:      {newStory(noQuery), MintFailed{"mint_failed", "no"}},
		KindMinted:          {newStory(noQuery), Minted{Payload: "https://link"}},
		KindShown:           {minted(noQuery), Shown{By: "display", Revision: 2}},
		KindOpened:          {shown(noQuery), Opened{}},
		KindDisplayLost:     {minted(noQuery), DisplayLost{"none"}},
		KindCancelRequested: {shown(noQuery), CancelRequested{By: "till-1"}},
		KindDeadlinePassed:  {shown(noQuery), DeadlinePassed{}},
		KindWithdrawn:       {shown(noQuery).add(DeadlinePassed{}), Withdrawn{}},
		KindPathProved:      {ended(noQuery), PathProved{}},
		KindQueryEmpty: {ended(queried).add(QueryEmpty{HTTPStatus: 200}).after(queried.Settle.
			Duration()), QueryEmpty{HTTPStatus: 200}},
		KindUndecided:      {ended(noQuery), Undecided{}},
		KindNotified:       {shown(noQuery), record(nil)},
		KindOffered:        {cancelled(), Offered{Revision: 4, Status: StatusCancelled}},
		KindAcknowledged:   {cancelled(), Acknowledged{4}},
		KindSuperseded:     {cancelled(), Superseded{}},
		KindClaimed:        {cancelled(), Claimed{Amount: 1023, By: "ann"}},
		KindReceiptPrinted: {cancelled(), ReceiptPrinted{Number: "K-1", By: "ann"}},
		KindResolved: {cancelled(),
			Resolved{Outcome: ResolvedNotPaid, By: "ann", Reason: "x"}},
	}
}

// decidesNothing are the kinds about a payment that are written down for people alone.
var decidesNothing = []Kind{KindQueryFailed}

// TestKindsAreFolded: a fact of each kind about a payment changes what is known of it, or is named
// as one that decides nothing, and does not.
func TestKindsAreFolded(t *testing.T) {
	examples := folded()
	for _, row := range kinds {
		example, ok := examples[row.kind]
		delete(examples, row.kind)
		nothing := slices.Contains(decidesNothing, row.kind)
		switch {
		case row.journal && (ok || nothing):
			t.Errorf("%s is about the journal, and has a history of a payment here", row.kind)
		case row.journal:
			continue
		case ok == nothing:
			t.Errorf("%s needs either a history in folded, or a place in decidesNothing", row.kind)
			continue
		}
		if nothing {
			for k, e := range examples {
				if changes(e.before, sample(t, row.kind)) {
					t.Errorf("%s decides something where %s would come", row.kind, k)
				}
			}
			continue
		}
		if example.data.Kind() != row.kind {
			t.Errorf("the history of %s is one of %s", row.kind, example.data.Kind())
		}
		if !changes(example.before, example.data) {
			t.Errorf("the fold takes nothing from %s", row.kind)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(examples)) {
		t.Errorf("%s has a history in folded, and no row in the table kinds", k)
	}
}

// changes reports whether one more fact changes anything but the number of the newest.
func changes(before *story, d Data) bool {
	was, _ := Fold(before.facts)
	after := &story{facts: slices.Clone(before.facts), up: before.up, boot: before.boot}
	is, _ := Fold(after.add(d).facts)
	is.LastSeq = was.LastSeq
	return !cmp.Equal(was, is)
}

func TestAboutJournal(t *testing.T) {
	for _, row := range kinds {
		empty, err := row.decode([]byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if AboutJournal(empty) != row.journal {
			t.Errorf("%s: %t", row.kind, !row.journal)
		}
	}
	if !AboutJournal(Resolved{Entry: 1}) {
		t.Error("the end of an entry of the worklist is about a payment")
	}
}

// TestKindsOfTheDocs: docs/SALE.md has one line for each kind.
func TestKindsOfTheDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| fact | about | made when |\n|---|---|---|\n")
	for _, row := range kinds {
		about := "a payment"
		switch {
		case row.kind == KindResolved:
			about = "a payment, or the journal"
		case row.journal:
			about = "the journal"
		}
		if row.made == "" || strings.ContainsAny(row.made, "|\n") {
			t.Errorf("%s: its line does not fit a table: %q", row.kind, row.made)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", row.kind, about, row.made)
	}
	docpage.Compare(t, "../docs/SALE.md", "facts", b.String(), *update)
}

package arch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// heldHead begins, in a page of docs/protocols, the tables of what the gateway's pages say with the
// test that holds each sentence.
const heldHead = "## Each sentence, and the test that holds it"

var (
	heldTest = regexp.MustCompile("`(Test[A-Z0-9]\\w*)`")
	testDecl = regexp.MustCompile(`(?m)^func (Test[A-Z0-9]\w*)\(t \*testing\.T\)`)
)

// held says what is wrong with the tables of a page, and how many rows they have.
func held(page string, exists func(test string) bool) (rows int, faults []string) {
	_, tables, found := strings.Cut(page, "\n"+heldHead+"\n")
	if !found {
		return 0, []string{"it has no table of what is held"}
	}
	for line := range strings.Lines(tables) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| sentence ") {
			continue
		}
		rows++
		by := cells[len(cells)-1]
		tests := heldTest.FindAllStringSubmatch(by, -1)
		reason, none := strings.CutPrefix(strings.TrimSpace(by), "not held: ")
		if len(cells) < 2 || len(tests) == 0 && (!none || len(reason) < 5) {
			faults = append(faults, fmt.Sprintf("nothing holds %q, and it does not say why",
				strings.TrimSpace(cells[0])))
		}
		for _, t := range tests {
			if !exists(t[1]) {
				faults = append(faults, "there is no "+t[1])
			}
		}
	}
	return rows, faults
}

// TestEachSentenceIsHeld: each sentence and parameter of a gateway's pages names a test that there
// is, or says why none holds it.
func TestEachSentenceIsHeld(t *testing.T) {
	root, files := house(t, "*_test.go")
	tests := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testDecl.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
	}
	for name, least := range map[string]int{"axs.md": 90, "singapay.md": 100} {
		page, err := os.ReadFile(filepath.Join(root, "docs", "protocols", name))
		if err != nil {
			t.Fatal(err)
		}
		rows, faults := held(string(page), func(test string) bool { return tests[test] })
		for _, fault := range faults {
			t.Errorf("docs/protocols/%s: %s", name, fault)
		}
		if rows < least {
			t.Errorf("docs/protocols/%s: %d rows", name, rows)
		}
	}
}

func TestWhatIsNotHeldIsFound(t *testing.T) {
	const page = "# Page\n\n" + heldHead + "\n\n| sentence or parameter | held by |\n|---|---|\n" +
		"| one | `TestOne` |\n| two | `TestTwo`, `TestOne` |\n| three | |\n" +
		"| four | not held: |\n| five | not held: it is not there |\n"
	rows, faults := held(page, func(test string) bool { return test == "TestOne" })
	if rows != 5 || len(faults) != 3 {
		t.Errorf("%d rows, %q", rows, faults)
	}
	if _, faults := held("# Page\n", nil); len(faults) != 1 {
		t.Errorf("%q", faults)
	}
}

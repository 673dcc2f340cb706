package payment

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tableRow is one row of the truth table in Decide's comment: each of its needs is met by any one
// of the facts that it lists, which are there, or for "not" are not.
type tableRow struct {
	needs  []need
	status Status
}

type need struct {
	not   bool
	facts []string
}

// readTruthTable parses the comment above Decide, so that the written table itself is what the test
// compares with.
func readTruthTable(t *testing.T) []tableRow {
	t.Helper()
	src, err := os.ReadFile("status.go")
	if err != nil {
		t.Fatal(err)
	}
	var rows []tableRow
	for line := range strings.Lines(string(src)) {
		cells := strings.Split(line, "|")
		if !strings.HasPrefix(line, "//\t") || len(cells) != 3 {
			continue
		}
		number := strings.TrimSpace(strings.TrimPrefix(cells[0], "//\t"))
		if number == "row" {
			continue
		}
		if number != strconv.Itoa(len(rows)+1) {
			t.Fatalf("row %s of the comment comes after row %d", number, len(rows))
		}
		row := tableRow{status: Status(strings.Fields(cells[2])[0])}
		if all := strings.TrimSpace(cells[1]); all != "" {
			for _, one := range strings.Split(all, ", ") {
				facts, not := strings.CutPrefix(one, "not ")
				row.needs = append(row.needs, need{not: not, facts: strings.Split(facts, " or ")})
			}
		}
		rows = append(rows, row)
	}
	if len(rows) != 13 {
		t.Fatalf("the comment has %d rows, want 13", len(rows))
	}
	return rows
}

func TestDecideTruthTable(t *testing.T) {
	rows := readTruthTable(t)
	facts := []string{"paid", "reversed", "contradicts", "minted", "mint_failed", "finish",
		"declined", "expired", "cancel", "deadline", "searched", "undecided"}
	for i, r := range rows {
		for _, n := range r.needs {
			for _, f := range n.facts {
				if !slices.Contains(facts, f) {
					t.Fatalf("row %d: no fact %q", i+1, f)
				}
			}
		}
	}
	used := make([]int, len(rows))
	for bits := range 1 << len(facts) {
		v := map[string]bool{}
		for i, f := range facts {
			v[f] = bits>>i&1 == 1
		}
		e := Evidence{
			Paid: v["paid"], Reversed: v["reversed"], Contradicts: v["contradicts"],
			Minted: v["minted"], MintFailed: v["mint_failed"],
			Finish: v["finish"], Declined: v["declined"], Expired: v["expired"],
			Cancel: v["cancel"], Deadline: v["deadline"],
			Searched: v["searched"], Undecided: v["undecided"],
		}
		want := -1
		for i, r := range rows {
			if matches(r, v) {
				want = i
				break
			}
		}
		if want < 0 {
			t.Fatalf("no row for %+v", e)
		}
		used[want]++
		if got := Decide(e); got != rows[want].status {
			t.Errorf("Decide(%+v) = %s, row %d says %s", e, got, want+1, rows[want].status)
		}
	}
	for i, n := range used {
		if n == 0 {
			t.Errorf("row %d never applies", i+1)
		}
	}
}

func matches(r tableRow, v map[string]bool) bool {
	for _, n := range r.needs {
		if !slices.ContainsFunc(n.facts, func(f string) bool { return v[f] != n.not }) {
			return false
		}
	}
	return true
}

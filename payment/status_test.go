package payment

import (
	"os"
	"strings"
	"testing"
)

// tableRow is one row of the truth table in Decide's comment: what it needs of each column, and the
// status.
type tableRow struct {
	needs  map[string]bool
	either bool // "one or both" of cancel and deadline
	status Status
}

// readTruthTable parses the comment above Decide, so that the written table itself is what the test
// compares with.
func readTruthTable(t *testing.T) []tableRow {
	t.Helper()
	src, err := os.ReadFile("status.go")
	if err != nil {
		t.Fatal(err)
	}
	var header string
	var rows []tableRow
	for line := range strings.Lines(string(src)) {
		line, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "//\t")
		if !ok {
			continue
		}
		if header == "" {
			header = line
			continue
		}
		row := tableRow{needs: map[string]bool{}}
		last := strings.LastIndex(line, "|")
		row.status = Status(strings.Fields(line[last+1:])[0])
		line = line[:last]
		if i := strings.Index(line, "one or both"); i >= 0 {
			row.either = true
			line = line[:i] + strings.Repeat(" ", len("one or both")) + line[i+len("one or both"):]
		}
		for i := strings.Index(line, "|"); i < len(line); i++ {
			if strings.HasPrefix(line[i:], "no") {
				row.needs[columnAt(header, i)] = false
				i++
			} else if line[i] == 'x' {
				row.needs[columnAt(header, i)] = true
			}
		}
		rows = append(rows, row)
	}
	if len(rows) != 13 {
		t.Fatalf("the comment has %d rows, want 13", len(rows))
	}
	return rows
}

// columnAt is the header's word that stands above offset i.
func columnAt(header string, i int) string {
	start := strings.LastIndexAny(header[:i+1], " |") + 1
	end := start + strings.IndexAny(header[start:], " |")
	return header[start:end]
}

func TestDecideTruthTable(t *testing.T) {
	rows := readTruthTable(t)
	columns := []string{
		"paid", "reversed", "contradicts", "minted", "mint_failed", "finish", "declined", "expired",
		"cancel", "deadline",
		"searched", "undecided",
	}
	known := map[string]bool{}
	for _, c := range columns {
		known[c] = true
	}
	for i, r := range rows {
		for c := range r.needs {
			if !known[c] {
				t.Fatalf("row %d: no column %q; is the comment's table out of line?", i+1, c)
			}
		}
	}
	used := make([]int, len(rows))
	for bits := range 1 << len(columns) {
		v := map[string]bool{}
		for i, c := range columns {
			v[c] = bits>>i&1 == 1
		}
		e := Evidence{
			Paid: v["paid"], Reversed: v["reversed"], Contradicts: v["contradicts"],
			Minted:     v["minted"],
			MintFailed: v["mint_failed"], Finish: v["finish"], Declined: v["declined"],
			Expired: v["expired"],
			Cancel:  v["cancel"], Deadline: v["deadline"], Searched: v["searched"],
			Undecided: v["undecided"],
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
	if r.either && !v["cancel"] && !v["deadline"] {
		return false
	}
	for c, want := range r.needs {
		if v[c] != want {
			return false
		}
	}
	return true
}

package ecr

import (
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
)

// The pages about tills on a line.
const (
	cashiers = "ECR.md"
	tills    = "ECR-TILLS.md"
	authors  = "ECR-DIALECTS.md"
)

func document(t *testing.T, page string) string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// blocks are the page's code blocks in a language.
func blocks(t *testing.T, page, language string) (list []string) {
	t.Helper()
	block := regexp.MustCompile("(?s)```" + language + "\n(.*?)```")
	for _, m := range block.FindAllStringSubmatch(document(t, page), -1) {
		list = append(list, m[1])
	}
	return list
}

// rows are the cells of the page's tables that have this head, without their own outer bars.
func rows(t *testing.T, page, head string) (list [][]string) {
	t.Helper()
	for i, table := range strings.Split(document(t, page), "\n| "+head+" |\n") {
		if i == 0 {
			continue
		}
		table, _, _ = strings.Cut(table, "\n\n")
		_, table, _ = strings.Cut(table, "\n") // the rule below the head
		for line := range strings.Lines(table + "\n") {
			line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "| "), " |")
			list = append(list, strings.Split(line, " | "))
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s has no table %q", page, head)
	}
	return list
}

// quoted are the words that a cell shows as code.
func quoted(cell string) (words []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	return words
}

// Each outcome has one row, with the code of either built-in dialect, the text, and what the
// cashier does.
func TestDocumentCodes(t *testing.T) {
	doc, paycube, nets := document(t, cashiers), dialect(t, "paycube"), dialect(t, "nets")
	for _, o := range Outcomes() {
		inPaycube, text := paycube.Answer(o)
		inNets, netsText := nets.Answer(o)
		if text != netsText {
			t.Errorf("%s: the document has one text for both dialects; they say %q and %q", o, text,
				netsText)
		}
		row := fmt.Sprintf("\n| `%s` | `%s` | `%s` | %s | ", o, inPaycube, inNets, text)
		if n := strings.Count(doc, row); n != 1 {
			t.Errorf("%d rows begin with %s", n, row)
			continue
		}
		_, rest, _ := strings.Cut(doc, row)
		line, _, _ := strings.Cut(rest, "\n")
		if cells := strings.Split(strings.TrimSuffix(line, " |"), " | "); len(cells) != 2 ||
			cells[0] == "" || cells[1] == "" {
			t.Errorf("%s: when and what the cashier does: %q", o, line)
		}
	}
	if rows := regexp.MustCompile("(?m)^\\| `[a-z_]+` \\| `..` \\| `..` \\|").FindAllString(doc,
		-1); len(rows) != len(Outcomes()) {
		t.Errorf("%d rows for %d outcomes", len(rows), len(Outcomes()))
	}
}

// The till's maker reads each outcome in the row of its class, with the codes that the class has in
// either dialect, and no others.
func TestDocumentClasses(t *testing.T) {
	type table struct {
		head  string
		holds func(Outcome) bool
	}
	last := slices.Index(Outcomes(), VoidRefused)
	seen := make(map[string]bool)
	for _, table := range []table{
		{"what it says | outcomes | paycube | nets | the till",
			func(o Outcome) bool { return slices.Index(Outcomes(), o) <= last }},
		{"what it says | outcomes | paycube | nets",
			func(o Outcome) bool { return slices.Index(Outcomes(), o) > last }},
	} {
		for _, row := range rows(t, tills, table.head) {
			names := quoted(row[1])
			first, _ := classOf(Outcome(names[0]))
			for _, name := range names {
				class, known := classOf(Outcome(name))
				if !known || class != first || !table.holds(Outcome(name)) || seen[name] {
					t.Errorf("%s does not belong into the row of %s", name, names[0])
				}
				seen[name] = true
			}
			for column, builtin := range []string{"paycube", "nets"} {
				want := make(map[string]bool)
				for _, name := range names {
					code, _ := dialect(t, builtin).Answer(Outcome(name))
					want[code] = true
				}
				shown := quoted(row[2+column])
				slices.Sort(shown)
				if codes := slices.Sorted(maps.Keys(want)); !slices.Equal(shown, codes) {
					t.Errorf("%s, row of %s: the codes are %v, shown are %v",
						builtin, names[0], codes, shown)
				}
			}
		}
	}
	for _, o := range Outcomes() {
		if !seen[string(o)] {
			t.Errorf("no row has %s", o)
		}
	}
}

// Whoever writes a dialect finds each key that a file can have, each source and each kind.
func TestDocumentKeys(t *testing.T) {
	shown := make(map[string]bool)
	for _, row := range rows(t, authors, "key | value | meaning") {
		if len(row) != 3 || row[1] == "" || row[2] == "" {
			t.Errorf("a row without value or meaning: %q", row)
		}
		for _, key := range quoted(row[0]) {
			shown[key] = true
		}
	}
	want := []string{"functions.CODE.kind", "functions.CODE.schemes",
		"functions.CODE.fields"}
	// What the dialect itself names, and what the prose says.
	own := []string{"functions", "outcomes", "response.fields"}
	for _, key := range schemaKeys("", reflect.TypeFor[spec]()) {
		if !slices.Contains(own, key) {
			want = append(want, key)
		}
	}
	want = append(want, schemaKeys("", reflect.TypeFor[responseFieldSpec]())...)
	for _, key := range want {
		if !shown[key] {
			t.Errorf("no row for the key %s", key)
		}
		delete(shown, key)
	}
	for key := range shown {
		t.Errorf("there is no key %s", key)
	}
	var known []string
	for _, row := range rows(t, authors, "source | what it is") {
		known = append(known, quoted(row[0])...)
	}
	slices.Sort(known)
	if diff := cmp.Diff(slices.Sorted(slices.Values(sources)), known); diff != "" {
		t.Errorf("sources, of the code (-) and the page (+):\n%s", diff)
	}
	doc := document(t, authors)
	words := append(slices.Sorted(maps.Keys(lengthWidths)), string(kindOff))
	for _, k := range kinds {
		words = append(words, string(k))
	}
	words = append(words, "outcomes.NAME.code", "outcomes.NAME.text", "response.utc_offset")
	for _, word := range words {
		if !strings.Contains(doc, "`"+word+"`") {
			t.Errorf("%s is not on the page", word)
		}
	}
}

// The functions of all dialects, and no others, are in the table.
func TestDocumentFunctions(t *testing.T) {
	_, table, _ := strings.Cut(document(t, tills),
		"| function | paycube | nets | linkpos | uob |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for column, name := range builtins {
		shown := make(map[string]bool)
		for line := range strings.Lines(table) {
			for _, code := range regexp.MustCompile("`([0-9A-Z]{2})`").FindAllStringSubmatch(
				strings.Split(line, "|")[2+column], -1) {
				shown[code[1]] = true
			}
		}
		for _, f := range dialect(t, name).Functions() {
			if !shown[f.Code] {
				t.Errorf("%s: the table lacks %s", name, f.Code)
			}
			delete(shown, f.Code)
		}
		if len(shown) > 0 {
			t.Errorf("%s has no functions %v", name, shown)
		}
	}
}

func TestDocumentTimers(t *testing.T) {
	doc := document(t, tills)
	p, n := dialect(t, "paycube").Timers(), dialect(t, "nets").Timers()
	row := func(key string, a, b any) {
		want := fmt.Sprintf("\n| `timers.%s` | %v | %v | ", key, a, b)
		if !strings.Contains(doc, want) {
			t.Errorf("no row %s", want)
		}
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }
	row("ack", seconds(p.ACK), seconds(n.ACK))
	row("gap", seconds(p.Gap), seconds(n.Gap))
	row("quiet", seconds(p.Quiet), seconds(n.Quiet))
	row("repeat_window", seconds(p.RepeatWindow), seconds(n.RepeatWindow))
	row("repeat_window_new_ecn", seconds(p.RepeatWindowNewECN), seconds(n.RepeatWindowNewECN))
	row("stored_for", seconds(p.StoredFor), seconds(n.StoredFor))
	row("till_waits", "not known", seconds(n.TillWaits))
	row("transmissions", p.Transmissions, n.Transmissions)
}

// The frames are what the code makes, and the table of bytes is the sale.
func TestDocumentBytes(t *testing.T) {
	d := dialect(t, "paycube")
	amount, err := d.AmountField(1023)
	if err != nil {
		t.Fatal(err)
	}
	const number = "251210091401"
	request := d.NewRequest(number, "C1", amount)
	want := [][]byte{frame(t, d, d.NewRequest(number, "A1").Message), frame(t, d, request.Message),
		d.Respond(request.Message, Approved, ResponseData{
			At: time.Date(2026, 11, 21, 1, 15, 4, 0, time.UTC), TerminalID: "K001",
			Money:          payment.Money{Amount: 1023, Currency: payment.SGD},
			TransactionRef: "1428191406936641536",
		})}
	got := blocks(t, tills, "hex")
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range want {
		if g := digits(got[i]); g != hex.EncodeToString(want[i]) {
			t.Errorf("frame %d is %s\nwant %x", i, g, want[i])
		}
	}
	var table []byte
	for _, m := range regexp.MustCompile(
		"(?m)^\\| (\\d+) \\| `([0-9a-f ]+)` \\|").FindAllStringSubmatch(document(t, tills), -1) {
		if m[1] != fmt.Sprint(len(table)) {
			t.Errorf("%s stands at %s, not at %d", m[2], m[1], len(table))
		}
		b, err := hex.DecodeString(digits(m[2]))
		if err != nil {
			t.Fatal(err)
		}
		table = append(table, b...)
	}
	if string(table) != string(want[1]) {
		t.Errorf("the table is % x\nwant % x", table, want[1])
	}
}

func frame(t *testing.T, d *Dialect, m Message) []byte {
	t.Helper()
	b, err := d.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// digits leaves the spaces out.
func digits(text string) string { return strings.Join(strings.Fields(text), "") }

// The capture is explained as the document shows.
func TestDocumentExplain(t *testing.T) {
	shown := blocks(t, authors, "explain")
	captures := regexp.MustCompile("(?s)```\n(> .*?)```").FindStringSubmatch(document(t, authors))
	if len(shown) != 1 || captures == nil {
		t.Fatalf("%d explanations, capture %q", len(shown), captures)
	}
	if got := Explain(dialect(t, "paycube"),
		[]byte(captures[1])).String(); strings.TrimSpace(got) != strings.TrimSpace(shown[0]) {
		t.Errorf("explained as\n%s", got)
	}
}

// The dialect that the document writes loads, and makes the document's capture right.
func TestDocumentDialect(t *testing.T) {
	for _, file := range blocks(t, authors, "toml") {
		if !strings.HasPrefix(file, "base") {
			continue
		}
		d, err := Parse("my-till.toml", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		capture := regexp.MustCompile("(?s)```\n(> .*?)```").FindStringSubmatch(
			document(t, authors))
		if r := Explain(d, []byte(capture[1])); !r.OK() {
			t.Error(r)
		}
		if code, _ := d.Answer(Expired); code != "54" {
			t.Errorf("expired is %s", code)
		}
		return
	}
	t.Error("no dialect")
}

// The walk is what the program says: each line of an excerpt is in the report, in that order, first
// as paycube, then as each of the two files; and the last one makes the capture right.
func TestDocumentWalk(t *testing.T) {
	logs, shown := blocks(t, authors, "log"), blocks(t, authors, "walk")
	dialects := []*Dialect{dialect(t, "paycube")}
	for _, file := range blocks(t, authors, "toml") {
		if strings.HasPrefix(file, "base = \"nets\"") {
			d, err := Parse("my-till.toml", []byte(file))
			if err != nil {
				t.Fatal(err)
			}
			dialects = append(dialects, d)
		}
	}
	if len(logs) != 1 || len(shown) != 3 || len(dialects) != 3 {
		t.Fatalf("%d logs, %d excerpts, %d dialects", len(logs), len(shown), len(dialects))
	}
	for i, d := range dialects {
		r := Explain(d, []byte(logs[0]))
		rest := r.String()
		for line := range strings.Lines(strings.TrimSpace(shown[i])) {
			_, after, found := strings.Cut(rest, strings.TrimRight(line, "\n")+"\n")
			if !found {
				t.Errorf("%d: not in the report of %s, or not here: %s\n%s", i, d.Name(), line, r)
				break
			}
			rest = after
		}
		if r.OK() != (i == 2) {
			t.Errorf("%d: OK %t", i, r.OK())
		}
	}
}

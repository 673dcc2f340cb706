package ecr

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// said are the fields of an answer as text.
func said(d *Dialect, function string, o Outcome, data ResponseData) string {
	var list []string
	m := d.response(d.NewRequest(ecn(d), function).Message, o, data)
	for _, f := range m.Fields {
		list = append(list, fmt.Sprintf("%s=%s", f.Code, strings.TrimSpace(string(f.Data))))
	}
	return strings.Join(list, " ")
}

// A function's own fields are added to those of all answers, and take the place of the one with the
// same code, in a file with a base as in one without.
func TestFieldsOfAFunction(t *testing.T) {
	const sums = `
[[functions.81.fields]]
code = "T0"
source = "day_count"
width = 3
pad = "left"
fill = "0"
[[functions.81.fields]]
code = "T1"
source = "day_sum"
width = 12
pad = "left"
fill = "0"
empty = "fill"
[[functions.55.fields]]
code = "02"
source = "text"
width = 5
`
	based, err := Parse("mine.toml", []byte("base = \"nets\"\nname = \"mine\"\n"+sums))
	if err != nil {
		t.Fatal(err)
	}
	own := strings.NewReplacer(`81 = { kind = "settlement" }`, `81.kind = "settlement"`,
		`55 = { kind = "status" }`, `55.kind = "status"`).Replace(string(builtin("nets")))
	whole, err := Parse("mine.toml", []byte(own+sums))
	if err != nil {
		t.Fatal(err)
	}
	data := ResponseData{TerminalID: "K001", At: time.Unix(0, 0)}
	sold := data
	sold.Totals = &Totals{Count: 12, Sum: 345_600}
	for _, d := range []*Dialect{based, whole} {
		for _, tc := range []struct {
			function string
			outcome  Outcome
			data     ResponseData
			want     string
		}{
			{"81", SettlementDone, sold, "02=SETTLED T0=012 T1=000000345600"},
			{"81", SettlementDone, data, "02=SETTLED T1=000000000000"},
			{"I5", SettlementDone, sold, "02=SETTLED"},
			{"55", Ready, data, "02=READY"},
			{"55", NotReady, data, "02=TERMI"},
			{"I1", NotReady, data, "02=TERMINAL NOT READY"},
			{"??", BadFunction, data, "02=FUNCTION NOT AVAILABLE"},
		} {
			if got := said(d, tc.function, tc.outcome, tc.data); got != tc.want {
				t.Errorf("%s: %s, want %s", tc.function, got, tc.want)
			}
		}
	}
	sold.Totals = &Totals{Count: 1000, Sum: 1_000_000_000_000}
	if got := said(based, "81", SettlementDone, sold); got != "02=SETTLED" {
		t.Errorf("a number that does not fit is cut: %s", got)
	}
}

// A file's own fields of a function extend those that its base gives it.
func TestFieldsOfAFunctionExtendTheBase(t *testing.T) {
	below := map[string]any{"functions": map[string]any{"81": map[string]any{"kind": "settlement",
		"fields": []any{map[string]any{"code": "A0"}, map[string]any{"code": "B0"}}}}}
	above := map[string]any{"functions": map[string]any{"81": map[string]any{
		"fields": []any{map[string]any{"code": "C0"}, map[string]any{"code": "A0", "width": 1}}}}}
	layOver(below, above)
	got := fmt.Sprint(below["functions"])
	if want := "map[81:map[fields:[map[code:A0 width:1] map[code:B0] map[code:C0]] " +
		"kind:settlement]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What is wrong with a function's own field is said where it stands, and so is an approval without
// the mark that tells it from a request.
func TestMistakesInFieldsOfAFunction(t *testing.T) {
	const head = "base = \"nets\"\nname = \"mine\"\n[[functions.30.fields]]\n"
	for _, tc := range []struct{ file, want string }{
		{head + "code = \"02\"\nsource = \"weather\"\nwidth = 40",
			"mine.toml:5: functions.30.fields.0.source: "},
		{head + "code = \"02\"\nsource = \"text\"\nwidth = 40\noutcomes = [\"declined\"]",
			"approved (00) to a sale reads as a request of version 00"},
		{head + "code = \"ZZ\"\nsource = \"value\"\nvalue = \"x\"\nwidth = 900",
			"the largest message needs"},
	} {
		if _, err := Parse("mine.toml", []byte(tc.file)); err == nil ||
			!strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %s", err, tc.want)
		}
	}
}

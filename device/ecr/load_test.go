package ecr

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// Each mistake is named with its line (of the table, if the base has the key) and its key.
func TestMistakesInFiles(t *testing.T) {
	const head = "base = \"paycube\"\nname = \"mine\"\n" // lines 1 and 2
	for _, tc := range []struct {
		name, file string
		line       int
		key, what  string
	}{
		{"unknown key", head + "colour = 1", 3, "colour", "no such key"},
		{"unknown key in a table", head + "[frame.lrc]\nsede = \"00\"", 4, "frame.lrc.sede",
			"no such key"},
		{"wrong type", head + "[frame]\nmax = \"big\"", 4, "frame.max", ""},
		{"no TOML", "name = ", 1, "", ""},
		{"unknown base", "base = \"x\"\nname = \"y\"", 0, "base", "paycube, nets"},
		{"no name", "base = \"paycube\"\nname = \"\"", 2, "name", "1 to 32"},
		{"bad hex", head + "[frame]\nstx = \"0\"", 4, "frame.stx", "hex"},
		{"two bytes", head + "[frame]\nstx = \"0202\"", 4, "frame.stx", "one byte"},
		{"ACK is NAK", head + "[frame]\nack = \"15\"", 3, "frame.nak", "frame.ack already"},
		{"STX is ACK", head + "[frame]\nack = \"02\"", 4, "frame.ack", "frame.stx already"},
		{"ETX is STX", head + "[frame]\netx = \"02\"", 4, "frame.etx", "frame.stx already"},
		{"encoding", head + "[frame.length]\nencoding = \"hex\"", 4, "frame.length.encoding",
			"bcd"},
		{"LEN of no width", head + "[frame.length]\nwidth = 0", 4, "frame.length.width", "1 to 3"},
		{"LEN too narrow", head + "[frame.length]\nwidth = 1", 4, "frame.length.width",
			"largest message"},
		{"LEN counts no fields", head + "frame.length.counts = [\"header\"]", 3,
			"frame.length.counts", "fields"},
		{"LEN counts twice", head + "frame.length.counts = [\"fields\", \"fields\"]", 3,
			"frame.length.counts", "twice"},
		{"LEN counts nonsense", head + "frame.length = { counts = [\"fields\", \"x\"] }", 3,
			"frame.length.counts", "one of"},
		{"no seed", head + "[frame.lrc]\nseed = \"\"", 4, "frame.lrc.seed", "one byte"},
		{"LRC from", head + "[frame.lrc]\nfrom = \"etx\"", 4, "frame.lrc.from", "stx"},
		{"LRC through", head + "[frame.lrc]\nthrough = \"lrc\"", 4, "frame.lrc.through", "etx"},
		{"max", head + "[frame]\nmax = 10", 4, "frame.max", "64"},
		{"max too small for a response", head + "[frame]\nmax = 100", 4, "frame.max",
			"largest message"},
		{"ECN width", head + "[header]\necn = 0", 4, "header.ecn", "1 to 32"},
		{"version width", head + "[header]\nversion = 3", 3, "header.request_version",
			"3 printable"},
		{"separator is STX", head + "[header]\nseparator = \"02\"", 4, "header.separator", "too"},
		{"separator is NAK", head + "[field]\nseparator = \"0d15\"", 4, "field.separator", "too"},
		{"separator is a letter", head + "[field]\nseparator = \"41\"", 4, "field.separator",
			"letter or digit"},
		{"nothing to trail", head + "[field]\nseparator = \"\"", 3, "field.trailing_separator",
			"no field.separator"},
		{"gap", head + "[timers]\ngap = \"3s\"", 4, "timers.gap", "shorter"},
		{"no time", head + "[timers]\nack = \"0s\"", 4, "timers.ack", "greater than zero"},
		{"number for a time", head + "[timers]\nack = 2", 4, "timers.ack", ""},
		{"list for bytes", head + "[frame]\nstx = [2]", 4, "frame.stx", ""},
		{"number for bytes", head + "[frame]\nstx = 20", 4, "frame.stx", ""},
		{"no waiting", head + "[timers]\ntill_waits = \"0s\"", 4, "timers.till_waits", "30m"},
		{"a waiting that no till has", head + "[timers]\ntill_waits = \"31m\"", 4,
			"timers.till_waits", "30m"},
		{"receipt", head + "[request]\nreceipt = \"40\"", 4, "request.receipt", "another field"},
		{"receipt's width", head + "[request]\nreceipt = \"HD1\"", 4, "request.receipt", "2"},
		{"transmissions", head + "[timers]\ntransmissions = 0", 4, "timers.transmissions",
			"1 to 10"},
		{"function width", head + "[functions]\nC = { kind = \"sale\" }", 4, "functions.C",
			"2 printable"},
		{"kind", head + "[functions]\nC7 = { kind = \"refund\" }", 4, "functions.C7.kind",
			"settlement"},
		{"schemes of a void", head + "[functions]\nC7 = { kind = \"void\", schemes = [\"x\"] }", 4,
			"functions.C7.schemes", "sales only"},
		{"no sale", head + "[functions]\nC1 = { kind = \"off\" }\nQ1 = { kind = \"off\" }", 3,
			"functions", "kind sale"},
		{"amount code", head + "[request]\namount = { code = \"400\", width = 12 }", 4,
			"request.amount.code", "2 printable"},
		{"amount width", head + "[request]\namount = { code = \"40\", width = 19 }", 4,
			"request.amount.width", "1 to 18"},
		{"type is amount", head + "[request.type]\ncode = \"40\"\nvalues = { 01 = [] }", 4,
			"request.type.code", "amount"},
		{"type without values", head + "[request.type]\ncode = \"T2\"", 3, "request.type.values",
			"empty"},
		{"reference is amount", head + "[request.reference]\ncode = \"40\"\nmax = 9", 4,
			"request.reference.code", "another field"},
		{"offset", head + "[response]\nutc_offset = \"SGT\"", 4, "response.utc_offset", "+08:00"},
		{"version width of others", head + "[header]\nversions = [\"1\"]", 4, "header.versions",
			"2 printable"},
		{"code width of others", head + "[response]\ncodes = [\"E\"]", 4, "response.codes",
			"2 printable"},
		{"width of the ECN's overlay", head + "[header]\nresponse_ecn = \"..1\"", 4,
			"header.response_ecn", "12 printable"},
		{"an overlay of nothing", head + "[header]\nresponse_ecn = \"............\"", 4,
			"header.response_ecn", "changes nothing"},
		{"width of an indicator", head + "[header]\nindicators = [\"3031\"]", 4,
			"header.indicators", "1 bytes"},
		{"indicator in hex", head + "[header]\nindicators = [\"x\"]", 4, "header.indicators",
			"in hex"},
		{"no indicator to vary", head + "[header]\nindicator = \"\"\nindicators = [\"any\"]", 5,
			"header.indicators", "no header.indicator"},
		{"a version is a response code", head + "[response]\ncodes = [\"01\"]", 4,
			"response.codes", "version of requests"},
		{"a mark that requests have", head + "[response]\nonly = [\"40\"]", 4, "response.only",
			"field of requests"},
		{"an approval reads as a request", head +
			"[header]\nversions = [\"00\"]\n[response]\nonly = [\"04\"]", 6, "response.only",
			"approved (00) to a sale reads as a request of version 00"},
		{"a mark that may be missing", head + "[header]\nversions = [\"00\"]\n[response]\n" +
			"only = [\"16\"]", 6, "response.only", "approved (00) to a sale reads as a request"},
		{"a cancel's answer reads as a request", head +
			"[header]\nversions = [\"E6\"]\n[response]\nonly = [\"03\"]", 6,
			"response.only", "cancel_refused (E6) to a cancel reads as a request of version E6"},
		{"unknown outcome", head + "[outcomes]\npaid = { code = \"00\", text = \"\" }", 4,
			"outcomes.paid", "no such outcome"},
		{"code width", head + "[outcomes]\nbusy = { code = \"E66\", text = \"\" }", 4,
			"outcomes.busy.code", "2 printable"},
		{"long text", head + "[outcomes]\nbusy = { text = \"" + strings.Repeat("x", 41) + "\" }", 4,
			"outcomes.busy.text", "40"},
		{"doubt sounds approved", head + "[outcomes]\nunknown = { code = \"00\" }", 4,
			"outcomes.unknown.code", "for a payment"},
		{"decline sounds approved", head + "[outcomes]\ndeclined = { code = \"00\" }", 4,
			"outcomes.declined.code", "for a payment"},
		{"refusal sounds approved", head + "[outcomes]\nbusy = { code = \"00\" }", 4,
			"outcomes.busy.code", "for a payment"},
		{"doubt sounds declined", head + "[outcomes]\nunknown = { code = \"51\" }", 4,
			"outcomes.unknown.code", "sell again"},
	} {
		_, err := Parse("mine.toml", []byte(tc.file))
		var ps Problems
		if !errors.As(err, &ps) {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if !slices.ContainsFunc(ps, func(p Problem) bool {
			return p.Line == tc.line &&
				p.Key == tc.key && strings.Contains(p.What, tc.what)
		}) {
			t.Errorf("%s: want line %d, key %q, %q; got\n%s", tc.name, tc.line, tc.key, tc.what,
				err)
		}
		if !strings.HasPrefix(err.Error(), "mine.toml:") {
			t.Errorf("%s: %s", tc.name, err)
		}
	}
}

func TestMistakesInResponseFields(t *testing.T) {
	for _, tc := range []struct{ field, key, what string }{
		{`code = "022"`, "code", "2 printable"},
		{`source = "weather"`, "source", "transaction_ref"},
		{`width = 0`, "width", "1 to"},
		{`pad = "both"`, "pad", "left"},
		{`pad = "left"`, "fill", "one printable"},
		{`fill = "0"`, "fill", "without pad"},
		{`keep = "middle"`, "keep", "tail"},
		{`only = "letters"`, "only", "digits"},
		{`empty = "fill"`, "empty", "needs pad"},
		{`skip = -1`, "skip", "0 to 200"},
		{`format = "YY"`, "format", "date and time"},
		{`of = "HD"`, "of", "echo"},
		{`value = "x"`, "value", "no other"},
		{`kinds = ["refund"]`, "kinds", "settlement"},
		{`outcomes = ["paid"]`, "outcomes", "no outcome"},
		{`source = "date"`, "format", "made of"},
		{"source = \"date\"\nformat = \"YYMMDD\"", "width", "6 characters"},
		{"source = \"date\"\nformat = \"2006\"", "format", "made of"},
		{"source = \"echo\"\nof = \"HD\"\npad = \"left\"\nfill = \" \"", "pad", "as it came"},
		{"source = \"amount\"\npad = \"right\"\nfill = \"0\"", "pad", "another amount"},
		{"source = \"amount\"\nwidth = 30", "width", "18 digits"},
	} {
		given := make(map[string]bool)
		file := "base = \"paycube\"\nname = \"mine\"\n[[response.fields]]\n" + tc.field + "\n"
		for line := range strings.Lines(tc.field) {
			key, _, _ := strings.Cut(line, " ")
			given[key] = true
		}
		for _, d := range []string{"code = \"02\"", "source = \"text\"", "width = 40"} {
			if key, _, _ := strings.Cut(d, " "); !given[key] {
				file += d + "\n"
			}
		}
		_, err := Parse("mine.toml", []byte(file))
		var ps Problems
		if !errors.As(err, &ps) || !slices.ContainsFunc(ps, func(p Problem) bool {
			return p.Key == "response.fields.0."+tc.key && p.Line >= 3 &&
				strings.Contains(p.What, tc.what)
		}) {
			t.Errorf("%s: %v", tc.field, err)
		}
	}
}

func TestFieldTwiceInOneResponse(t *testing.T) {
	file := `
base = "paycube"
name = "mine"
header.request_version = "99"
[[response.fields]]
code = "02"
source = "text"
width = 40
outcomes = ["approved"]
[[response.fields]]
code = "02"
source = "terminal_id"
width = 8
outcomes = [%s]
`
	if _, err := Parse("mine.toml",
		[]byte(strings.Replace(file, "%s", `"declined"`, 1))); err != nil {
		t.Errorf("never in one response: %v", err)
	}
	_, err := Parse("mine.toml", []byte(strings.Replace(file, "%s", "", 1)))
	if err == nil ||
		err.Error() != "mine.toml:11: response.fields.1.code: 02 comes twice in one response" {
		t.Error(err)
	}
}

// Without a base everything must be there: an outcome that was forgotten is named.
func TestMissingOutcome(t *testing.T) {
	for _, o := range Outcomes() {
		var kept []string
		for line := range strings.Lines(string(builtin("paycube"))) {
			if !strings.HasPrefix(line, string(o)+" =") {
				kept = append(kept, line)
			}
		}
		_, err := Parse("mine.toml", []byte(strings.Join(kept, "")))
		if err == nil || !strings.Contains(err.Error(), "outcomes."+string(o)+": is missing") {
			t.Errorf("%s: %v", o, err)
		}
	}
}

func TestFileSize(t *testing.T) {
	if _, err := Parse("mine.toml", make([]byte, maxFile+1)); err == nil ||
		!strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}

// TestUnseen: what nobody sees in a dialect's file is named with its line, but in a comment.
func TestUnseen(t *testing.T) {
	const base, mark = "base = \"paycube\"\n", "\uFEFF"
	for text, want := range map[string]string{
		mark + base:                                "d.toml:1: begins with a byte order mark",
		base + "name = \"a\u200Bb\"\n":             "d.toml:2: name: has a zero-width space",
		base + "[frame]\netx\u00A0= \"03\"":        "d.toml:3: has a no-break space",
		"\xff\xfeb\x00":                            "d.toml: is in UTF-16",
		base + "# \u00A0\n[frame]\netx = \"03\"\n": "",
	} {
		_, err := Parse("d.toml", []byte(text))
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

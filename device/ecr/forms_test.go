package ecr

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// joined are the bytes of all parts.
func joined(parts []part) (b []byte) {
	for _, p := range parts {
		b = append(b, p.bytes...)
	}
	return b
}

// What the programs themselves make of testdata/forms/capture.bin is read back as those bytes, with
// rows that are folded, offsets in hex, octal and decimal, and words of two bytes.
func TestDumpsOfPrograms(t *testing.T) {
	want, err := os.ReadFile("testdata/forms/capture.bin")
	if err != nil {
		t.Fatal(err)
	}
	for file, form := range map[string]string{
		"hexdump-C": "hexdump -C, hexdump -C with * for equal rows",
		"hexdump": "hexdump or od -x, words with the lower byte first, " +
			"hexdump or od -x, words with the lower byte first with * for equal rows",
		"xxd": "xxd", "xxd-a": "xxd", "xxd-p": "hex text", "xxd-i": "hex text with 0x",
		"od-x1":      "od -t x1, od -t x1 with * for equal rows",
		"od-x1z":     "od -t x1, od -t x1 with * for equal rows",
		"od-decimal": "od -t x1, od -t x1 with * for equal rows",
		"od-x": "hexdump or od -x, words with the lower byte first, " +
			"hexdump or od -x, words with the lower byte first with * for equal rows",
	} {
		text, err := os.ReadFile(filepath.Join("testdata/forms", file+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		// also as an editor of Windows leaves it, and marked with who sent it
		for name, text := range map[string]string{
			"": string(text), "CRLF": strings.ReplaceAll(string(text), "\n", "\r\n"),
			"twice": string(text) + "# again\n" + string(text),
		} {
			parts, got := readCapture([]byte(text))
			all := want
			if name == "twice" {
				all = slices.Concat(want, want)
			}
			if b := joined(parts); !bytes.Equal(b, all) || got != form {
				t.Errorf("%s %s: taken for %q, %d bytes\n% x\nwant %q, %d bytes\n% x", file, name,
					got, len(b), b, form, len(all), all)
			}
		}
	}
}

// What people paste, and what it is taken for.
func TestFormsOfCaptures(t *testing.T) {
	const status = "02001832353132313030393134303141313031301c034e"
	b := unhex(t, status)
	pairs := strings.ToUpper(strings.TrimSpace(strings.ReplaceAll(
		string(slices.Concat(hexPairs(b)...)), "  ", " ")))
	wide := func(order func(rune) []byte, mark string) string {
		out := []byte(mark)
		for _, u := range utf16.Encode([]rune("> " + pairs + "\r\n")) {
			out = append(out, order(rune(u))...)
		}
		return string(out)
	}
	little := func(r rune) []byte { return []byte{byte(r), byte(r >> 8)} }
	big := func(r rune) []byte { return []byte{byte(r >> 8), byte(r)} }
	for _, tc := range []struct{ text, form, from string }{
		{string(b), "raw bytes", ""},
		{status, "hex text", ""},
		{strings.ReplaceAll(pairs, " ", "-"), "hex text with dashes", ""},
		{strings.ReplaceAll(pairs, " ", ":"), "hex text with colons", ""},
		{`\x` + strings.ReplaceAll(pairs, " ", `\x`), `hex text with \x`, ""},
		{`"\x` + strings.ReplaceAll(pairs, " ", `\x`) + `";`, `hex text with \x`, ""},
		{"{0x" + strings.ReplaceAll(pairs, " ", ", 0x") + "};", "hex text with 0x", ""},
		{"unsigned char x[] = {\n  0x" + strings.ReplaceAll(pairs, " ", ", 0x") +
			"\n};\nunsigned int x_len = 23;\n", "hex text with 0x", ""},
		{"\xef\xbb\xbf> " + pairs, "hex text (UTF-8 with a byte order mark)", "till"},
		{wide(little, "\xff\xfe"), "hex text (UTF-16)", "till"},
		{wide(big, "\xfe\xff"), "hex text (UTF-16)", "till"},
		{wide(little, ""), "hex text (UTF-16)", "till"},
		{wide(big, ""), "hex text (UTF-16)", "till"},
		{"TX: " + pairs, "TX and RX as the till's own, hex text", "till"},
		{"RX " + pairs, "TX and RX as the till's own, hex text", "terminal"},
		{"10:04:28.123 TX: " + pairs, "lines with times, TX and RX as the till's own, hex text",
			"till"},
		{"[2026-11-28 10:04:28,123] [RX] " + pairs,
			"lines with times, TX and RX as the till's own, hex text", "terminal"},
		{"2026-11-28T10:04:28.123Z sent: " + strings.ReplaceAll(pairs, " ", "-"),
			"lines with times, TX and RX as the till's own, hex text with dashes", "till"},
		{"TX 10:04:28 " + pairs, "TX and RX as the till's own, lines with times, hex text", "till"},
		{"10:04:28 >> " + pairs, "lines with times, hex text", "till"},
		{"<-- " + pairs, "hex text", "terminal"},
	} {
		parts, form := readCapture([]byte(tc.text))
		if form != tc.form || len(parts) != 1 || parts[0].from != tc.from {
			t.Errorf("%q: taken for %q, %d parts from %q", tc.text, form, len(parts), parts[0].from)
			continue
		}
		if form != "raw bytes" && hex.EncodeToString(parts[0].bytes) != status {
			t.Errorf("%q: %x", tc.text, parts[0].bytes)
		}
	}
}

// hexPairs are the bytes, each as two digits and a blank.
func hexPairs(b []byte) (list [][]byte) {
	for _, x := range b {
		list = append(list, []byte(hex.EncodeToString([]byte{x})+" "))
	}
	return list
}

// The inputs that were once read wrong: a dump with its final offset, and an answer without marks.
func TestInputsOnceReadWrong(t *testing.T) {
	for file, want := range map[string]string{
		"requests.txt": "63 bytes, taken for hexdump -C. As paycube, 2 of 2 frames are right.",
		"answer.bin":   "157 bytes, taken for raw bytes. As paycube, 1 of 1 frames are right.",
	} {
		text, err := os.ReadFile(filepath.Join("testdata/forms", file))
		if err != nil {
			t.Fatal(err)
		}
		r := Explain(dialect(t, "paycube"), text)
		if !r.OK() || !strings.Contains(r.String(), want) {
			t.Errorf("%s: want %q\n%s", file, want, r)
		}
	}
}

// Text in no known form is called that, and not a fault of the wiring.
func TestTextInNoKnownForm(t *testing.T) {
	r := Explain(dialect(t, "paycube"), []byte("Sale 10.23 sent, answer 00 after 3 s\n"))
	if r.OK() || r.Form != RawForm || len(r.Hints) != 1 ||
		!strings.Contains(r.Hints[0], "in no form that is known here") {
		t.Errorf("%s", r)
	}
}

// A frame without a mark that can be either is called both; a mark, or what only one side sends,
// decides.
func TestBothReadings(t *testing.T) {
	const (
		zeros    = "02 0035 303030303030303030303030 3330 3030 30 1c 3430 0012 " + sum
		request  = "version \"00\": a request; or, if the terminal sent it, response code \"00\": "
		approved = "response code \"00\": approved"
	)
	d := dialect(t, "nets")
	for _, tc := range []struct{ capture, want, not string }{
		{zeros, request, ""},
		{zeros + "\n06\n" + zeros, request, "or, if the till sent it"},
		{"> " + zeros, "version \"00\": a request", "or, if"},
		{hex.EncodeToString(d.Respond(d.NewRequest("000000000000", "30").Message, Approved,
			ResponseData{})), approved, "or, if"},
		{"> " + hex.EncodeToString(d.Respond(d.NewRequest("000000000000", "30").Message, Approved,
			ResponseData{})), "WRONG: what only an answer has is in a frame from the till", ""},
	} {
		r := Explain(d, []byte(tc.capture)).String()
		if !strings.Contains(r, tc.want) || tc.not != "" && strings.Contains(r, tc.not) {
			t.Errorf("%s: want %q and not %q\n%s", tc.capture, tc.want, tc.not, r)
		}
	}
	// the terminal's log: what it sent are answers
	log := "10:04:28 RX: " + hex.EncodeToString(frameOf(t, d, sale(t, d, 1023).Message)) +
		"\n10:04:29 TX: 06\n10:04:30 TX: " +
		hex.EncodeToString(d.Respond(sale(t, d, 1023).Message, Declined, ResponseData{}))
	if r := Explain(d, []byte(log)); !r.OK() || r.Items[0].From != fromTill ||
		!strings.Contains(r.Form, "the terminal's own") {
		t.Errorf("%s", r)
	}
}

// sum is the rest of a sale of 10.23 with an ECN of zeros.
const sum = "303030303030303031303233 1c 03 13"

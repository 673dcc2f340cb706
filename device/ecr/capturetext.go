package ecr

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// marks are the beginnings of a line that say who sent it; never written. A log with TX and RX is
// taken for the till's own: Explain turns it round if the frames say otherwise.
var marks = []struct {
	mark *regexp.Regexp
	from string
	log  bool // the writer's own view
}{
	{regexp.MustCompile(`^(till:|-+>|=+>|>+)`), fromTill, false},
	{regexp.MustCompile(`^(terminal:|<-+|<=+|<+)`), fromTerminal, false},
	{regexp.MustCompile(`(?i)^[\[(]?(tx|sent|send|write|wrote|out)\b[\])]?\s*[:>|]*`), fromTill,
		true},
	{regexp.MustCompile(`(?i)^[\[(]?(rx|recv|received|receive|read|in)\b[\])]?\s*[:<|]*`),
		fromTerminal, true},
}

var (
	// clock is a time at the beginning of a line, with something behind it: three bytes with colons
	// between them are none.
	clock = regexp.MustCompile(`^[\[(]?(\d{4}[-/.]\d\d[-/.]\d\d[T ]\s*)?` +
		`\d{1,2}:\d\d:\d\d([.,]\d{1,9})?(Z|[+-]\d\d:?\d\d)?[\])]?[\s,;|]+`)
	// between is what may stand between bytes besides their digits.
	between = regexp.MustCompile(`(?i)\\x|\b0x|[\s,;:{}"'()\[\]-]+`)
)

// textReader reads the lines of a capture.
type textReader struct {
	parts []part
	total int
	forms []string // in the order in which they came
	dump  dumpText
}

// readText reads a text of which each line is bytes, a mark, a comment, or empty.
func readText(text string) (parts []part, form string, ok bool) {
	r := &textReader{}
	for line := range strings.Lines(text) {
		if !r.line(strings.TrimSpace(line)) {
			return nil, "", false
		}
	}
	return r.parts, strings.Join(r.forms, ", "), len(r.parts) > 0
}

func (r *textReader) note(form string) {
	if !slices.Contains(r.forms, form) {
		r.forms = append(r.forms, form)
	}
}

func (r *textReader) line(line string) bool {
	if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "unsigned ") {
		return true // a comment; what xxd -i writes around the bytes
	}
	from, rest := r.sender(line)
	if b, form, ok := r.dump.row(rest); ok {
		if form != "" {
			r.note(form)
		}
		r.add(from, b)
		r.takeBack()
		return true
	}
	if dumped, _, ok := strings.Cut(rest, "|"); ok {
		rest = dumped // characters beside the bytes
	}
	rest, _, _ = strings.Cut(rest, "#")
	b, form, ok := hexDigits(rest)
	if len(b) > 0 {
		r.note(form)
		r.dump = dumpText{}
	}
	r.add(from, b)
	return ok
}

// sender takes times and a mark off a line.
func (r *textReader) sender(line string) (from, rest string) {
	for range 2 { // the time may stand on either side of the mark
		if at := clock.FindString(line); at != "" && len(at) < len(line) {
			line = strings.TrimSpace(line[len(at):])
			r.note("lines with times")
		}
		for _, m := range marks {
			if at := m.mark.FindString(line); at != "" && from == "" {
				from, line = m.from, strings.TrimSpace(line[len(at):])
				if m.log {
					r.note(logForm)
				}
			}
		}
	}
	return from, line
}

// logForm is the note of a capture that says TX and RX.
const logForm = "TX and RX as the till's own"

func (r *textReader) add(from string, b []byte) {
	if len(b) == 0 {
		return
	}
	if n := len(r.parts); n > 0 && r.parts[n-1].from == from {
		r.parts[n-1].bytes = append(r.parts[n-1].bytes, b...)
	} else {
		r.parts = append(r.parts, part{from: from, offset: r.total, bytes: slices.Clone(b)})
	}
	r.total += len(b)
}

// takeBack drops the byte that fills up the last word of a dump.
func (r *textReader) takeBack() {
	if n := len(r.parts); r.dump.over == 1 && n > 0 {
		last := &r.parts[n-1]
		last.bytes = last.bytes[:len(last.bytes)-1]
		r.total--
	}
	r.dump.over = 0
}

// hexDigits reads bytes in any of the ways in which people separate them.
func hexDigits(line string) (b []byte, form string, ok bool) {
	for _, word := range between.Split(line, -1) {
		x, err := hex.DecodeString(word)
		if err != nil {
			return nil, "", false
		}
		b = append(b, x...)
	}
	lower := strings.ToLower(line)
	for _, x := range []struct{ mark, form string }{
		{`\x`, `hex text with \x`}, {"0x", "hex text with 0x"}, {":", "hex text with colons"},
		{"-", "hex text with dashes"},
	} {
		if strings.Contains(lower, x.mark) {
			return b, x.form, true
		}
	}
	return b, "hex text", true
}

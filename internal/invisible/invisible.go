// Package invisible finds what nobody sees in a text that a person wrote or pasted: a byte order
// mark, a no-break space, a zero-width space, a control character, UTF-16.
//
// [Alone] and [Word] are the one rule for what may stand in a name, a path, an address, a code, and
// in a secret or a token; who reads texts that people read, or whole files, looks with [First]. No
// text is changed. Its functions keep nothing and are safe for concurrent use.
package invisible

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Find is one such character.
type Find struct {
	Name string // for people: "a no-break space (U+00A0)"
	Line int    // from 1
	Rune rune
}

// named are those that people meet.
var named = map[rune]string{
	'\uFEFF': "a byte order mark", '\u00A0': "a no-break space",
	'\u202F': "a narrow no-break space",
	'\u200B': "a zero-width space", '\u200C': "a zero-width non-joiner",
	'\u200D': "a zero-width joiner", '\u2060': "a word joiner", '\u00AD': "a soft hyphen",
	'\u2028': "a line separator", '\u2029': "a paragraph separator", '\u0000': "a zero byte",
	'\t': "a tab", '\r': "a carriage return", '\n': "a line end",
}

// Name is what r is called when nobody sees it; "" for what can be seen, and for the plain space.
func Name(r rune) string {
	switch {
	case r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Zs, r):
		return ""
	case named[r] != "":
		return fmt.Sprintf("%s (U+%04X)", named[r], r)
	default:
		return fmt.Sprintf("an invisible character (U+%04X)", r)
	}
}

// First is the first such character of a text; line ends and tabs are none, but a carriage return
// that ends no line is. Bytes that are no UTF-8 are told as what they are.
func First(text []byte) (f Find, found bool) {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		name := Name(r)
		switch {
		case r == utf8.RuneError && size == 1:
			name = "a byte that is no UTF-8"
		case r == '\n', r == '\t', r == '\r' && bytes.HasPrefix(text[at+1:], []byte("\n")):
			name = ""
		}
		if name != "" {
			return Find{name, 1 + bytes.Count(text[:at], []byte("\n")), r}, true
		}
		at += size
	}
	return Find{}, false
}

// UTF16 reports whether the text is in UTF-16, as some editors save it.
func UTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte{0xFF, 0xFE}) || bytes.HasPrefix(text, []byte{0xFE, 0xFF})
}

// Fault is what keeps a text from being what it looks like.
type Fault struct {
	What string // after the text's name: "has a no-break space (U+00A0)"
	Line int    // from 1
}

// Line is a text without the one line end behind it, which every editor makes.
func Line(text []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
}

// Alone finds what is wrong with a text that is to be one line with nothing around it: a name, a
// path, an address, a code. Nothing of the text is in what it says.
func Alone(text []byte) (f Fault, wrong bool) {
	if UTF16(text) {
		return Fault{"is in UTF-16", 1}, true
	}
	if found, hidden := First(text); hidden {
		return Fault{"has " + found.Name, found.Line}, true
	}
	switch at := bytes.IndexAny(text, "\n\t"); {
	case at < 0:
	case text[at] == '\t':
		return Fault{"has " + Name('\t'), 1}, true
	case at == 0:
		return Fault{"has several lines", 1}, true
	default:
		return Fault{"has several lines", 2}, true
	}
	if len(text) > 0 && (text[0] == ' ' || text[len(text)-1] == ' ') {
		return Fault{"begins or ends with a space", 1}, true
	}
	return Fault{}, false
}

// Word is Alone for what has no blank in it either: a secret, a token.
func Word(text []byte) (f Fault, wrong bool) {
	if f, wrong = Alone(text); !wrong && bytes.IndexByte(text, ' ') >= 0 {
		return Fault{"has a space in it", 1}, true
	}
	return f, wrong
}

// Removal is the command that takes every such character out of one line of a file; a no-break
// space becomes a plain one. "" where the line's bytes have none that sed could be told of.
func Removal(path string, text []byte, line int) string {
	lines := bytes.Split(text, []byte("\n"))
	if line < 1 || line > len(lines) {
		return ""
	}
	var edits []string
	for _, r := range string(bytes.TrimSuffix(lines[line-1], []byte("\r"))) {
		if Name(r) == "" || r == '\t' {
			continue
		}
		by := ""
		if unicode.Is(unicode.Zs, r) {
			by = " "
		}
		edit := "s/"
		for _, b := range []byte(string(r)) {
			edit += fmt.Sprintf(`\x%02X`, b)
		}
		if edit += "/" + by + "/g"; !slices.Contains(edits, edit) {
			edits = append(edits, edit)
		}
	}
	if len(edits) == 0 {
		return ""
	}
	return fmt.Sprintf("LC_ALL=C sed -i '%d{%s}' %s", line, strings.Join(edits, ";"), path)
}

// Package invisible finds what nobody sees in a text that a person wrote or pasted: a byte order
// mark, a no-break space, a zero-width space, a control character, UTF-16.
//
// It changes no text and knows no rule about where such a character may stand: who reads the text
// decides that. Its functions keep nothing and are safe for concurrent use.
package invisible

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Find is one such character.
type Find struct {
	Name string // for people: "a no-break space (U+00A0)"
	Line int    // from 1
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
			return Find{name, 1 + bytes.Count(text[:at], []byte("\n"))}, true
		}
		at += size
	}
	return Find{}, false
}

// UTF16 reports whether the text is in UTF-16, as some editors save it.
func UTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte{0xFF, 0xFE}) || bytes.HasPrefix(text, []byte{0xFE, 0xFF})
}

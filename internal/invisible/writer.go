package invisible

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Legible writes text to w without what a terminal would obey: in its place stands U+FFFD. What
// others call something is shown to staff, who may be root. A character may come in several writes;
// one writer is one goroutine's.
func Legible(w io.Writer) io.Writer {
	return &safe{to: w, instead: func(rune) string { return string(unicode.ReplacementChar) }}
}

// LegibleJSON writes JSON: what a terminal would obey is escaped, so that nothing is lost.
func LegibleJSON(w io.Writer) io.Writer {
	return &safe{to: w, instead: func(r rune) string {
		if r > 0xFFFF {
			high, low := (r-0x10000)>>10+0xD800, (r-0x10000)&0x3FF+0xDC00
			return fmt.Sprintf(`\u%04x\u%04x`, high, low)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}}
}

// safe is either.
type safe struct {
	to      io.Writer
	instead func(r rune) string
	begun   []byte // a character that has not come whole yet
}

func (s *safe) Write(p []byte) (int, error) {
	text := append(s.begun, p...)
	whole := len(text)
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				whole -= n
			}
			break
		}
	}
	var out strings.Builder
	for _, r := range string(text[:whole]) {
		if r == '\n' || r == '\t' || unicode.IsGraphic(r) {
			out.WriteRune(r)
		} else {
			out.WriteString(s.instead(r))
		}
	}
	s.begun = append([]byte(nil), text[whole:]...)
	if _, err := io.WriteString(s.to, out.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

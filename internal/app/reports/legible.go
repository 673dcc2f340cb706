package reports

import (
	"io"
	"strings"
	"unicode"
)

// Legible writes text to w without what a terminal would obey.
func Legible(w io.Writer) io.Writer { return legible{w} }

// legible writes text without what a terminal would obey: what a gateway or a till calls something
// is shown to staff, who may be root. Each Write is whole characters.
type legible struct{ to io.Writer }

func (l legible) Write(p []byte) (int, error) {
	safe := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, string(p))
	if _, err := io.WriteString(l.to, safe); err != nil {
		return 0, err
	}
	return len(p), nil
}

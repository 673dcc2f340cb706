package ecr

import (
	"bytes"
	"strings"
	"unicode/utf16"
)

// maxCapture bounds what Explain looks at, in bytes.
const maxCapture = 64 << 10

// Who sent a part of a capture.
const (
	fromTill     = "till"
	fromTerminal = "terminal"
)

// part is a piece of a capture that one side sent; from is "" where the capture does not say.
type part struct {
	from   string
	offset int // of its first byte in the capture's bytes
	bytes  []byte
}

// RawForm is what a capture was taken for that is no text, or text in no known form.
const RawForm = "raw bytes"

// readCapture makes bytes of a capture, and says which form it was taken for: raw bytes, or text as
// programs write it and people paste it. In text each line may start with a time and a mark of who
// sent it, "#" starts a comment, and the bytes are hex digits, with spaces, commas, dashes, colons,
// 0x or \x between them or not, or a dump of hexdump, xxd or od.
func readCapture(capture []byte) (parts []part, form string) {
	if len(capture) > 16*maxCapture {
		capture = capture[:16*maxCapture]
	}
	text, encoding := plain(capture)
	if isText(text) {
		if parts, form, ok := readText(string(text)); ok {
			return limit(parts), strings.TrimSpace(form + encoding)
		}
	}
	return limit([]part{{bytes: capture}}), RawForm
}

// plain is the text without what an editor or a shell of Windows adds; encoding says what that was.
func plain(b []byte) (text []byte, encoding string) {
	if rest, ok := bytes.CutPrefix(b, []byte("\xef\xbb\xbf")); ok {
		return rest, " (UTF-8 with a byte order mark)"
	}
	for _, x := range []struct {
		mark        string
		high, other int // where the zeros of ASCII text are
	}{{"\xff\xfe", 1, 0}, {"\xfe\xff", 0, 1}, {"", 1, 0}, {"", 0, 1}} {
		rest, ok := bytes.CutPrefix(b, []byte(x.mark))
		if !ok || len(rest) < 2 || x.mark == "" && !zeros(rest, x.high) {
			continue
		}
		units := make([]uint16, 0, len(rest)/2)
		for i := 0; i+1 < len(rest); i += 2 {
			units = append(units, uint16(rest[i+x.high])<<8|uint16(rest[i+x.other]))
		}
		return []byte(string(utf16.Decode(units))), " (UTF-16)"
	}
	return b, ""
}

// zeros reports whether b is ASCII text in two bytes for each character, of which the one at the
// offset is zero.
func zeros(b []byte, offset int) bool {
	if len(b)%2 != 0 {
		return false
	}
	for i := 0; i < len(b); i += 2 {
		if b[i+offset] != 0 || !isText(b[i+1-offset:i+2-offset]) {
			return false
		}
	}
	return true
}

func isText(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool {
		return (r < ' ' || r > '~') && !strings.ContainsRune("\t\r\n", r)
	})
}

func limit(parts []part) (kept []part) {
	for _, p := range parts {
		if p.offset >= maxCapture {
			break
		}
		p.bytes = p.bytes[:min(len(p.bytes), maxCapture-p.offset)]
		kept = append(kept, p)
	}
	return kept
}

package ecr

import (
	"bytes"
	"encoding/hex"
	"strings"
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

// readCapture makes bytes of a capture: raw, or text of hex digits in which each line may start
// with a mark of who sent it (">", "till:" or "<", "terminal:"), spaces, commas and 0x do not
// matter, "#" starts a comment, and what hexdump -C adds is dropped. text is false for raw bytes.
func readCapture(capture []byte) (parts []part, text bool) {
	if len(capture) > 4*maxCapture {
		capture = capture[:4*maxCapture]
	}
	if isText(capture) {
		if parts, ok := readHex(string(capture)); ok {
			return limit(parts), true
		}
	}
	return limit([]part{{bytes: capture}}), false
}

func isText(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool {
		return (r < ' ' || r > '~') &&
			!strings.ContainsRune("\t\r\n", r)
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

// marks are the beginnings of a line that say who sent it; never written.
var marks = []struct{ mark, from string }{
	{fromTill + ":", fromTill}, {fromTerminal + ":", fromTerminal}, {"->", fromTill},
	{"<-", fromTerminal}, {">", fromTill}, {"<", fromTerminal},
}

func readHex(text string) (parts []part, ok bool) {
	total := 0
	for line := range strings.Lines(text) {
		from, line := sender(line)
		b, ok := hexLine(line)
		if !ok {
			return nil, false
		}
		if len(b) == 0 {
			continue
		}
		if n := len(parts); n > 0 && parts[n-1].from == from {
			parts[n-1].bytes = append(parts[n-1].bytes, b...)
		} else {
			parts = append(parts, part{from: from, offset: total, bytes: b})
		}
		total += len(b)
	}
	return parts, len(parts) > 0
}

func sender(line string) (from, rest string) {
	line, _, _ = strings.Cut(line, "#")
	line = strings.ToLower(strings.TrimSpace(line))
	for _, m := range marks {
		if rest, ok := strings.CutPrefix(line, m.mark); ok {
			return m.from, rest
		}
	}
	return "", line
}

func hexLine(line string) ([]byte, bool) {
	if dump, _, ok := strings.Cut(line, "|"); ok {
		// hexdump -C: the offset, the bytes, |the characters|
		_, line, _ = strings.Cut(strings.TrimSpace(dump), " ")
	}
	var b []byte
	for word := range strings.FieldsFuncSeq(line,
		func(r rune) bool { return strings.ContainsRune(" \t,;", r) }) {
		x, err := hex.DecodeString(strings.TrimPrefix(word, "0x"))
		if err != nil {
			return nil, false
		}
		b = append(b, x...)
	}
	return b, true
}

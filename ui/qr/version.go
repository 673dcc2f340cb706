package qr

import (
	"strings"

	"rsc.io/qr/coding"
)

// class is a range of versions whose parts have heads of the same size: the bits of a part's mode
// and of its count of characters (ISO/IEC 18004, tables 2 and 3). Digits have a larger head than
// the alphanumeric.
type class struct{ first, last, bytes, alphanumeric int }

var classes = [...]class{{1, 9, 4 + 8, 4 + 9}, {10, 26, 4 + 16, 4 + 11}, {27, 40, 4 + 16, 4 + 13}}

// plainVersion is the version that the reference chooses, where that can be told without asking it:
// the text fits there as one part of bytes, and however it is cut into parts of different kinds, it
// fits into no smaller one. That is so for almost every link.
func plainVersion(text string, level Level) (version int, ok bool) {
	if text == "" || len(text) > maxPayload || level > H {
		return 0, false
	}
	room := func(v int) int { return 8 * coding.Version(v).DataBytes(coding.Level(level)) }
	for _, c := range classes {
		for v := c.first; v <= c.last && !ok; v++ {
			version, ok = v, c.bytes+8*len(text) <= room(v)
		}
	}
	for _, c := range classes {
		if smaller := min(version-1, c.last); smaller >= c.first {
			ok = ok && c.leastBits(text) > room(smaller)
		}
	}
	return version, ok
}

// leastBits is what no cut of the text into parts needs less than. Each run of characters that need
// no byte may be a part of its own: that saves bits, and there are two more heads, the run's and
// that of the bytes behind it, or one at either end of the text.
func (c class) leastBits(text string) int {
	bytes, saved := 0, 0 // saved and run are sixths of a bit
	begins, run := 0, 0  // of the run at hand
	end := func(at int) {
		heads := c.alphanumeric
		if begins > 0 && at < len(text) {
			heads += c.bytes
		}
		saved += max(0, run-6*heads)
		begins, run = at+1, 0
	}
	for i := range len(text) {
		switch b := text[i]; {
		case b >= '0' && b <= '9':
			run += 6*8 - 20 // three take 10 bits
		case b >= 'A' && b <= 'Z', strings.IndexByte(" $%*+-./:", b) >= 0:
			run += 6*8 - 33 // two take 11 bits
		default:
			bytes = c.bytes
			end(i)
		}
	}
	end(len(text))
	return bytes + 8*len(text) - (saved+5)/6
}

package ecr

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// The rows of dumps: an offset, bytes, and the characters beside them. hexdump without -C and od -x
// write words of two bytes, the lower byte first.
var (
	rowCanonical = regexp.MustCompile(`(?i)^([0-9a-f]{7,16}) {1,2}` +
		`((?: ?[0-9a-f]{2}\b ?)+)\s*\|.*$`)
	rowXxd = regexp.MustCompile(`(?i)^([0-9a-f]{7,16}): ` +
		`((?:[0-9a-f]{2,32} )*[0-9a-f]{2,32})(?:  .*| .{0,1})?$`)
	rowOd = regexp.MustCompile(`(?i)^([0-9a-f]{6,8}) +` +
		`((?:[0-9a-f]{2} +)*[0-9a-f]{2})(?: +>.*<)?$`)
	rowWords = regexp.MustCompile(`(?i)^([0-9a-f]{6,8}) +((?:[0-9a-f]{4} +)*[0-9a-f]{4})$`)
	rowEnd   = regexp.MustCompile(`(?i)^[0-9a-f]{6,16}$`)
)

// dumpText is what has been read of one.
type dumpText struct {
	form  string // "" = no row yet
	base  int    // of the offsets; 0 = not known yet
	first string // offset of the first row
	rows  int
	at    int    // bytes since the first row
	last  []byte // the row before, which "*" repeats
	fold  bool   // "*" was read
	over  int    // bytes of the last row that the offset behind it takes back
}

// row reads a line of a dump; ok is false for a line that is none. The bytes are those of the line,
// and before them those that "*" stood for.
func (d *dumpText) row(line string) (b []byte, form string, ok bool) {
	if d.form != "" && line == "*" {
		d.fold = true
		return nil, d.form + " with * for equal rows", true
	}
	for _, x := range []struct {
		form  string
		row   *regexp.Regexp
		base  int
		words bool
	}{
		{"hexdump -C", rowCanonical, 16, false}, {"xxd", rowXxd, 16, false},
		{"od -t x1", rowOd, 0, false},
		{"hexdump or od -x, words with the lower byte first", rowWords, 0, true},
	} {
		m := x.row.FindStringSubmatch(line)
		if m == nil || d.form == "" && strings.Trim(m[1], "0") != "" && x.base == 0 {
			continue // without a colon or bars only an offset of zero tells that it is one
		}
		bytes, err := hex.DecodeString(strings.Join(strings.Fields(m[2]), ""))
		if err != nil {
			continue
		}
		if x.words {
			for i := 0; i+1 < len(bytes); i += 2 {
				bytes[i], bytes[i+1] = bytes[i+1], bytes[i]
			}
		}
		return d.take(x.form, x.base, m[1], bytes), x.form, true
	}
	if d.form != "" && rowEnd.MatchString(line) {
		// the offset behind the last byte
		b = d.take(d.form, d.base, line, nil)
		over := d.at - d.offset(line)
		form, *d = d.form, dumpText{over: over}
		return b, form, true
	}
	return nil, "", false
}

// take appends a row to what the folded rows before it were.
func (d *dumpText) take(form string, base int, offset string, b []byte) []byte {
	if d.form != form || strings.Trim(offset, "0") == "" && len(b) > 0 {
		*d = dumpText{form: form, base: base, first: offset}
	}
	if d.base == 0 && d.rows > 0 {
		d.base = d.baseOf(offset)
	}
	var folded []byte
	if d.fold && len(d.last) > 0 {
		for here := d.offset(offset); d.at < here && len(folded) < maxCapture; {
			folded = append(folded, d.last...)
			d.at += len(d.last)
		}
	}
	d.fold, d.last = false, b
	d.at += len(b)
	d.rows++
	return append(folded, b...)
}

// offset is how far behind the first row an offset is; 0 where it cannot be read.
func (d *dumpText) offset(text string) int {
	start, err1 := strconv.ParseInt(d.first, max(d.base, 8), 32)
	here, err2 := strconv.ParseInt(text, max(d.base, 8), 32)
	if err1 != nil || err2 != nil {
		return d.at
	}
	return int(here - start)
}

// baseOf is the base in which an offset is where the rows before it end: od counts in octal, and
// hexdump in hex. 8 where "*" hides it.
func (d *dumpText) baseOf(offset string) int {
	for _, base := range []int{16, 8, 10} {
		start, err1 := strconv.ParseInt(d.first, base, 64)
		here, err2 := strconv.ParseInt(offset, base, 64)
		if err1 == nil && err2 == nil && here-start == int64(d.at) {
			return base
		}
	}
	if strings.HasPrefix(d.form, "od") || d.form == "" {
		return 8
	}
	return 16
}

package ecr

import (
	"fmt"
	"strings"
)

// fields explains the fields from at up to end.
func (x *explainer) fields(at, end int, response bool) {
	d, fs := x.d, &x.d.s.Field
	for at < end {
		if end-at < fs.Code+fs.Width {
			x.item(at, end-at, "rest").Wrong = "too short for a field, and " + x.noField()
			return
		}
		code, length := x.b[at:at+fs.Code], x.b[at+fs.Code:at+fs.Code+fs.Width]
		n, ok := d.fieldLength.read(length)
		name := fmt.Sprintf("field %q", code)
		it := x.item(at, fs.Code+fs.Width,
			fmt.Sprintf("%s, length %d (%s)", name, n, d.fieldLength))
		at += fs.Code + fs.Width
		switch {
		case !printable(code):
			it.Wrong = "the code is not printable ASCII"
		case !ok:
			it.What, it.Wrong = name, "the length is not a number in this encoding"
		case n > end-at:
			it.Wrong = fmt.Sprintf("longer by %d than what is left of the frame", n-(end-at))
		}
		if it.Wrong != "" {
			if at < end {
				x.item(at, end-at, "rest")
			}
			return
		}
		data := x.item(at, n, x.meaning(string(code), x.b[at:at+n], response))
		data.Wrong = x.fieldWrong(string(code), data.Bytes, response)
		at += n
		if at == end && !fs.Trailing {
			return
		}
		if end-at < len(d.fieldSep) {
			x.item(at, end-at, "separator").Wrong = fmt.Sprintf(
				"missing: expected % x after each field, the last too (field.trailing_separator)",
				d.fieldSep)
			return
		}
		at = x.literal(at, "separator", d.fieldSep)
		if at == end && !fs.Trailing && len(d.fieldSep) > 0 {
			x.item(at, 0,
				"end of the fields").Wrong = "this dialect has no separator after the last " +
				"field (field.trailing_separator)"
		}
	}
}

func (x *explainer) noField() string {
	return fmt.Sprintf("a field begins with a code of %d characters and a length of %s",
		x.d.s.Field.Code, x.d.fieldLength)
}

// meaning is what a field says, in words.
func (x *explainer) meaning(code string, data []byte, response bool) string {
	text := fmt.Sprintf("%q", data)
	if !response {
		r := &x.d.s.Request
		switch code {
		case r.Amount.Code:
			if digits := string(data); digits != "" && keepDigits(digits) == digits {
				return text + ": amount, " + minorUnits(strings.TrimLeft(digits, "0"))
			}
			return text + ": amount"
		case r.Type.Code:
			return text + ": transaction type"
		case r.Reference.Code:
			return text + ": the till's reference"
		default:
			return text + ": means nothing here, ignored"
		}
	}
	for i := range x.answers {
		if f := &x.answers[i]; f.Code == code {
			return text + ": " + strings.ReplaceAll(f.Source, "_", " ")
		}
	}
	return text + ": not among the response fields of " + x.d.Name()
}

// minorUnits writes digits with two decimals, for people.
func minorUnits(digits string) string {
	digits = strings.Repeat("0", max(0, 3-len(digits))) + digits
	return digits[:len(digits)-2] + "." + digits[len(digits)-2:]
}

// fieldWrong is what the terminal would refuse a request's field for.
func (x *explainer) fieldWrong(code string, data []byte, response bool) string {
	if response {
		return ""
	}
	req := x.d.Request(Message{Fields: []Field{{Code: []byte(code), Data: data}}})
	var err error
	switch code {
	case x.d.s.Request.Amount.Code:
		_, err = req.Amount()
	case x.d.s.Request.Type.Code:
		_, err = req.Schemes()
	case x.d.s.Request.Reference.Code:
		_, err = req.Reference()
	}
	if err != nil {
		return strings.TrimPrefix(err.Error(), ErrField.Error()+": ")
	}
	return ""
}

// bytesPerRow is how many bytes String writes beside each other.
const bytesPerRow = 12

// String is the report for people.
func (r Report) String() string {
	var b strings.Builder
	for _, i := range r.Items {
		i.write(&b)
	}
	if s := b.String(); !strings.HasSuffix(s, "\n\n") {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%d bytes, taken for %s. As %s, %d of %d frames are right.\n", r.Bytes, r.Form,
		r.Dialect, r.Right, r.Frames)
	for _, f := range r.Fits {
		fmt.Fprintf(&b, "  %-12s %s\n", f.Dialect, f)
	}
	for _, h := range r.Hints {
		fmt.Fprintf(&b, "Hint: %s\n", h)
	}
	return b.String()
}

func (i *Item) write(b *strings.Builder) {
	what := i.What
	if i.Wrong != "" {
		what += "  <== WRONG: " + i.Wrong
	}
	rest := i.Bytes
	for row := 0; row == 0 || len(rest) > 0; row++ {
		n := min(len(rest), bytesPerRow)
		line := fmt.Sprintf("%6d  %-8s  %-*s  ", i.Offset+row*bytesPerRow, i.From, 3*bytesPerRow-1,
			fmt.Sprintf("% x", rest[:n]))
		if row == 0 {
			line += what
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		rest = rest[n:]
	}
	if i.What == "LRC" {
		b.WriteByte('\n')
	}
}

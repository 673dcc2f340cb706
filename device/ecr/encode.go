package ecr

import (
	"fmt"
	"strconv"
)

// Append appends m's frame to dst. What it writes is what a Scanner reads back into the same
// message, and a frame that a Scanner has read without error comes out with the same bytes. The
// error wraps ErrFrame and says which part does not fit the dialect; dst is then returned as it
// was.
func (d *Dialect) Append(dst []byte, m Message) ([]byte, error) {
	fs := &d.s.Field
	if err := d.fits(m); err != nil {
		return dst, err
	}
	fields := d.fieldsLen(m.Fields)
	if n := d.frameLen(fields); n > d.MaxFrame() {
		return dst, fmt.Errorf("%w: %d bytes are more than a frame's %d", ErrFrame, n, d.MaxFrame())
	}
	start := len(dst)
	out := append(dst, d.stx)
	out = d.length.append(out, d.overhead+fields)
	out = append(out, m.ECN...)
	out = append(out, m.Function...)
	out = append(out, m.Code...)
	if len(m.Indicator) > 0 {
		out = append(out, m.Indicator...)
	} else {
		out = append(out, d.indicator...)
	}
	out = append(out, d.headSep...)
	for i := range m.Fields {
		f := &m.Fields[i]
		out = append(out, f.Code...)
		out = d.fieldLength.append(out, len(f.Data))
		out = append(out, f.Data...)
		if fs.Trailing || i < len(m.Fields)-1 {
			out = append(out, d.fieldSep...)
		}
	}
	out = append(out, d.etx, 0)
	out[len(out)-1] = d.lrc(out[start:])
	return out, nil
}

// fieldsLen is the size of the fields part of a frame.
func (d *Dialect) fieldsLen(fields []Field) (n int) {
	fs := &d.s.Field
	for i := range fields {
		n += fs.Code + fs.Width + len(fields[i].Data)
		if fs.Trailing || i < len(fields)-1 {
			n += len(d.fieldSep)
		}
	}
	return n
}

// fits checks the widths and characters of the parts that have fixed ones.
func (d *Dialect) fits(m Message) error {
	h := &d.s.Header
	if err := checkPart("ECN", m.ECN, h.ECN); err != nil {
		return err
	}
	if err := checkPart("function", m.Function, h.Function); err != nil {
		return err
	}
	if err := checkPart("version or response code", m.Code, h.Version); err != nil {
		return err
	}
	if len(m.Indicator) > 0 && !d.indicates(m.Indicator) {
		return fmt.Errorf("%w: the indicator % x is none of the dialect's", ErrFrame, m.Indicator)
	}
	for i := range m.Fields {
		if err := checkPart("field code", m.Fields[i].Code, d.s.Field.Code); err != nil {
			return err
		}
		if n := len(m.Fields[i].Data); n > d.fieldLength.most() {
			return fmt.Errorf("%w: field %s: %d bytes are more than its length can say", ErrFrame,
				m.Fields[i].Code, n)
		}
	}
	return nil
}

func checkPart(name string, b []byte, width int) error {
	if len(b) == width && printable(b) {
		return nil
	}
	return fmt.Errorf("%w: %s %.20q is not %d printable characters", ErrFrame, name, b, width)
}

// NewRequest is a till's message with the dialect's version.
func (d *Dialect) NewRequest(ecn, function string, fields ...Field) Request {
	return Request{Message: Message{ECN: overECN(d.s.Header.RequestECN, []byte(ecn)),
		Function: []byte(function), Code: []byte(d.s.Header.Request), Fields: fields}, d: d}
}

// AmountField is the field that carries a sale's amount in minor units. The error wraps ErrField:
// the amount is negative or has more digits than the field.
func (d *Dialect) AmountField(amount int64) (Field, error) {
	a := &d.s.Request.Amount
	digits := strconv.FormatInt(amount, 10)
	if amount < 0 || len(digits) > a.Width {
		return Field{}, fmt.Errorf("%w: %d is not an amount of at most %d digits", ErrField, amount,
			a.Width)
	}
	return Field{Code: []byte(a.Code), Data: fmt.Appendf(nil, "%0*d", a.Width, amount)}, nil
}

// ReferenceField is the field that carries the till's own reference. ok is false where the dialect
// has none or ref is too long.
func (d *Dialect) ReferenceField(ref string) (f Field, ok bool) {
	r := &d.s.Request.Reference
	if r.Code == "" || len(ref) > r.Max || !printable(ref) {
		return Field{}, false
	}
	return Field{Code: []byte(r.Code), Data: []byte(ref)}, true
}

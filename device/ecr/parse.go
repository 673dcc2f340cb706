package ecr

import (
	"bytes"
	"fmt"
)

// parse reads a whole frame with a right LEN, ETX and LRC into m, which then points into frame;
// m.Fields is reused. The error wraps ErrFrame; ECN, Function and Code are set all the same if the
// header can be read, so that an answer finds its way.
func (d *Dialect) parse(frame []byte, m *Message) error {
	m.ECN, m.Function, m.Code, m.Indicator, m.Fields = nil, nil, nil, nil, m.Fields[:0]
	body := frame[1+d.length.width : len(frame)-2]
	if err := d.parseHeader(body, m); err != nil {
		return err
	}
	return d.parseFields(body[d.headerLen:], m)
}

func (d *Dialect) parseHeader(body []byte, m *Message) error {
	h := &d.s.Header
	ecn, rest := body[:h.ECN], body[h.ECN:]
	function, rest := rest[:h.Function], rest[h.Function:]
	code, rest := rest[:h.Version], rest[h.Version:]
	if !printable(ecn) || !printable(function) || !printable(code) {
		return errHeader
	}
	m.ECN, m.Function, m.Code = ecn, function, code
	indicator, rest := rest[:len(d.indicator)], rest[len(d.indicator):]
	if !d.indicates(indicator) {
		return errIndicator
	}
	m.Indicator = indicator
	if !bytes.HasPrefix(rest, d.headSep) {
		return errHeaderSeparator
	}
	return nil
}

// Their texts are fixed, so that a bad frame costs no allocation either.
var (
	errHeader = fmt.Errorf("%w: the header has a character that is not printable ASCII",
		ErrFrame)
	errIndicator       = fmt.Errorf("%w: the indicator is not the dialect's", ErrFrame)
	errHeaderSeparator = fmt.Errorf("%w: the header does not end with its separator", ErrFrame)
	errFieldHead       = fmt.Errorf("%w: a field is cut off before its data", ErrFrame)
	errFieldCode       = fmt.Errorf("%w: a field's code is not printable ASCII", ErrFrame)
	errFieldLength     = fmt.Errorf("%w: a field's length cannot be read", ErrFrame)
	errFieldOverrun    = fmt.Errorf("%w: a field is longer than what is left of the frame",
		ErrFrame)
	errFieldSeparator = fmt.Errorf("%w: a field does not end with its separator", ErrFrame)
	errDangling       = fmt.Errorf("%w: a separator after the last field", ErrFrame)
)

func (d *Dialect) parseFields(b []byte, m *Message) error {
	for len(b) > 0 {
		f, rest, err := d.parseField(b)
		if err != nil {
			return err
		}
		m.Fields = append(m.Fields, f)
		b = rest
	}
	return nil
}

// parseField reads the field at the start of b and the separator behind it.
func (d *Dialect) parseField(b []byte) (f Field, rest []byte, err error) {
	fs := &d.s.Field
	if len(b) < fs.Code+fs.Width {
		return f, nil, errFieldHead
	}
	f.Code = b[:fs.Code]
	if !printable(f.Code) {
		return f, nil, errFieldCode
	}
	n, ok := d.fieldLength.read(b[fs.Code : fs.Code+fs.Width])
	if !ok {
		return f, nil, errFieldLength
	}
	b = b[fs.Code+fs.Width:]
	if n > len(b) {
		return f, nil, errFieldOverrun
	}
	f.Data, b = b[:n:n], b[n:]
	if len(b) == 0 && !fs.Trailing {
		return f, nil, nil
	}
	if !bytes.HasPrefix(b, d.fieldSep) {
		return f, nil, errFieldSeparator
	}
	b = b[len(d.fieldSep):]
	if len(b) == 0 && !fs.Trailing && len(d.fieldSep) > 0 {
		return f, nil, errDangling
	}
	return f, b, nil
}

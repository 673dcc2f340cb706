package ecr

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The two ways in which a well framed request can be wrong. Their texts are safe to log and to
// show.
var (
	// ErrFrame is wrapped by what is wrong with a message's structure: separators, lengths,
	// characters of the header. The till gets BadFrame.
	ErrFrame = errors.New("bad frame")
	// ErrField is wrapped by what is wrong with a field's data. The till gets BadField.
	ErrField = errors.New("bad field")
)

// Field is one field of a message.
type Field struct {
	Code []byte
	Data []byte
}

// Message is what is inside a frame. Code is the version in a request and the response code in a
// response.
type Message struct {
	ECN       []byte
	Function  []byte
	Code      []byte
	Indicator []byte // as it was read; empty = the dialect's own
	Fields    []Field
}

// Field is the data of the first field with that code.
func (m *Message) Field(code string) (data []byte, ok bool) {
	for i := range m.Fields {
		if string(m.Fields[i].Code) == code {
			return m.Fields[i].Data, true
		}
	}
	return nil, false
}

// Clone is a copy that outlives the scanner's next call.
func (m *Message) Clone() Message {
	c := Message{ECN: bytes.Clone(m.ECN), Function: bytes.Clone(m.Function),
		Code: bytes.Clone(m.Code), Indicator: bytes.Clone(m.Indicator)}
	for _, f := range m.Fields {
		c.Fields = append(c.Fields, f.clone())
	}
	return c
}

func (f Field) clone() Field { return Field{Code: bytes.Clone(f.Code), Data: bytes.Clone(f.Data)} }

// Request is what a till asks.
type Request struct {
	Message
	d *Dialect
}

// Request reads m as a till's message.
func (d *Dialect) Request(m Message) Request { return Request{Message: m, d: d} }

// Clone is a copy that outlives the scanner's next call.
func (r *Request) Clone() Request { return Request{Message: r.Message.Clone(), d: r.d} }

// Kind is what the function asks for.
func (r *Request) Kind() Kind {
	if f := r.d.function(r.Function); f != nil {
		return f.Kind
	}
	return KindUnknown
}

// Schemes are the gateway's words for what the till wants the customer to pay with; empty = all.
// The transaction type field, where the dialect has one and the till sends it, goes before the
// function's own list. The error wraps ErrField: a type that is not listed. The caller must not
// change the list.
func (r *Request) Schemes() ([]string, error) {
	t := &r.d.s.Request.Type
	if t.Code != "" {
		data, ok, err := r.single(t.Code)
		if err != nil {
			return nil, err
		}
		if ok {
			schemes, known := t.Values[string(data)]
			if !known {
				return nil, fmt.Errorf("%w: field %s: transaction type %.20q is not known here",
					ErrField, t.Code, data)
			}
			return schemes, nil
		}
	}
	if f := r.d.function(r.Function); f != nil {
		return f.Schemes, nil
	}
	return nil, nil
}

// Amount is the sale's amount in minor units: exactly as many digits as the dialect says. Zero is
// not refused here. The error wraps ErrField: no amount, two of them, or something that is not that
// many digits.
func (r *Request) Amount() (int64, error) {
	a := &r.d.s.Request.Amount
	data, ok, err := r.single(a.Code)
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return 0, fmt.Errorf("%w: field %s, the amount, is missing", ErrField, a.Code)
	case len(data) != a.Width:
		return 0, fmt.Errorf("%w: field %s: an amount has %d digits, this one has %d characters",
			ErrField, a.Code, a.Width, len(data))
	}
	var n int64
	for _, c := range data {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%w: field %s: the amount has a character that is no digit",
				ErrField, a.Code)
		}
		n = n*10 + int64(c-'0') // at most 18 digits: fits
	}
	return n, nil
}

// Reference is the till's own reference for the sale; "" where there is none. The error wraps
// ErrField: two of them, too long, or characters that are not printable ASCII.
func (r *Request) Reference() (string, error) {
	ref := &r.d.s.Request.Reference
	if ref.Code == "" {
		return "", nil
	}
	data, _, err := r.single(ref.Code)
	switch {
	case err != nil:
		return "", err
	case len(data) > ref.Max:
		return "",
			fmt.Errorf("%w: field %s: a reference has at most %d characters, this one has %d",
				ErrField, ref.Code, ref.Max, len(data))
	case !printable(data):
		return "",
			fmt.Errorf("%w: field %s: the reference has a character that is not printable ASCII",
				ErrField, ref.Code)
	}
	return string(data), nil
}

// maxReceipt is the longest receipt number that is one.
const maxReceipt = 64

// Receipt is the till's receipt number without blanks around it; "" where the dialect has no field
// for it, or the till leaves it empty. The error wraps ErrField: two of them, longer than 64
// characters, or characters that are not printable ASCII.
func (r *Request) Receipt() (string, error) {
	code := r.d.s.Request.Receipt
	if code == "" {
		return "", nil
	}
	data, _, err := r.single(code)
	switch {
	case err != nil:
		return "", err
	case len(data) > maxReceipt || !printable(data):
		return "", fmt.Errorf("%w: field %s: a receipt number has at most %d printable ASCII "+
			"characters", ErrField, code, maxReceipt)
	}
	return string(bytes.TrimSpace(data)), nil
}

// single is the field with that code, which a request may have only once: of two amounts neither is
// the right one.
func (r *Request) single(code string) (data []byte, ok bool, err error) {
	for i := range r.Fields {
		if string(r.Fields[i].Code) != code {
			continue
		}
		if ok {
			return nil, false, fmt.Errorf("%w: field %s comes twice", ErrField, code)
		}
		data, ok = r.Fields[i].Data, true
	}
	return data, ok, nil
}

// Echo copies the fields that the dialect's responses repeat: what ResponseData.Echo wants.
func (r *Request) Echo() (list []Field) {
	fields := r.d.fieldsOf(r.Function)
	for i := range fields {
		f := &fields[i]
		if f.Source != sourceEcho || slices.ContainsFunc(list,
			func(x Field) bool { return string(x.Code) == f.Of }) {
			continue
		}
		if data, ok := r.Field(f.Of); ok {
			list = append(list, Field{Code: []byte(f.Of), Data: bytes.Clone(data)})
		}
	}
	return list
}

// Digest is SHA-256 over function and fields, in their order: two requests of one ECN with the same
// digest are the same request. It does not depend on the dialect's framing.
func (r *Request) Digest() [sha256.Size]byte {
	var space [512]byte // most requests fit, and need no allocation
	b := appendPart(space[:0], r.Function)
	for i := range r.Fields {
		b = appendPart(appendPart(b, r.Fields[i].Code), r.Fields[i].Data)
	}
	return sha256.Sum256(b)
}

func appendPart(b, part []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
}

// Response is what a till is answered.
type Response struct {
	Message
	d *Dialect
}

// Clone is a copy that outlives the scanner's next call.
func (r *Response) Clone() Response { return Response{Message: r.Message.Clone(), d: r.d} }

// Approved reports whether the response code is that of an approved sale. It says nothing about
// which sale that was.
func (r *Response) Approved() bool {
	code, _ := r.d.Answer(Approved)
	return string(r.Code) == code
}

// Text is the response's text for people, without padding, "" where the dialect has no such field.
func (r *Response) Text() string {
	fields := r.d.fieldsOf(r.Function)
	for i := range fields {
		if f := &fields[i]; f.Source == sourceText && f.Skip == 0 {
			data, _ := r.Field(f.Code)
			return string(f.unpad(data))
		}
	}
	return ""
}

// unpad takes the filling off.
func (f *responseFieldSpec) unpad(data []byte) []byte {
	switch {
	case f.Fill == "":
		return data
	case f.Pad == "left":
		return bytes.TrimLeft(data, f.Fill)
	case f.Pad == "right":
		return bytes.TrimRight(data, f.Fill)
	default:
		return data
	}
}

// printable reports whether b is printable ASCII, or empty.
func printable[T string | []byte](b T) bool {
	for i := range len(b) {
		if b[i] < ' ' || b[i] > '~' {
			return false
		}
	}
	return true
}

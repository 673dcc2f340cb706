package foreign

import (
	"errors"
	"fmt"
	"strings"
)

// The bytes that a line is made of.
const (
	stx = 0x02
	etx = 0x03
	ack = 0x06
	nak = 0x15
	sep = 0x1c
)

// Field is one field of a message: two characters that name it, and what it says.
type Field struct{ Code, Data string }

// Frame is one message of either side.
type Frame struct {
	// Head is the 12 characters that it begins with: a number of the till's, or, in the Link POS
	// family, an address whose last character tells a request from a response.
	Head     string
	Function string // 2 characters
	// Version is the 2 characters after the function: the protocol's version in a request, the
	// outcome in a response.
	Version string
	More    byte // 0 is written as '0'
	Fields  []Field
}

// Get is a field's data, and whether there is one.
func (f Frame) Get(code string) (data string, ok bool) {
	for _, x := range f.Fields {
		if x.Code == code {
			return x.Data, true
		}
	}
	return "", false
}

// Bytes are the frame as it goes over the line.
func (f Frame) Bytes() []byte {
	more := f.More
	if more == 0 {
		more = '0'
	}
	body := append([]byte(f.Head+f.Function+f.Version), more, sep)
	for _, x := range f.Fields {
		body = append(body, x.Code...)
		body = append(body, decimal(len(x.Data))...)
		body = append(append(body, x.Data...), sep)
	}
	out := append([]byte{stx}, decimal(len(body))...)
	out = append(append(out, body...), etx)
	return append(out, sum(out[1:]))
}

// decimal is a number below 10000 in two bytes, a digit in each half.
func decimal(n int) []byte {
	return []byte{byte(n/1000<<4 | n/100%10), byte(n/10%10<<4 | n%10)}
}

var errDecimal = errors.New("a length has a digit above 9")

func undecimal(b []byte) (n int, err error) {
	for _, c := range b[:2] {
		if c>>4 > 9 || c&15 > 9 {
			return 0, errDecimal
		}
		n = n*100 + int(c>>4)*10 + int(c&15)
	}
	return n, nil
}

// sum is what the bytes are after one another exclusive-or-ed.
func sum(b []byte) (x byte) {
	for _, c := range b {
		x ^= c
	}
	return x
}

// headLen is the length of what stands before the fields.
const headLen = 12 + 2 + 2 + 1 + 1

// Parse reads a whole frame, from STX to the checksum.
func Parse(b []byte) (f Frame, err error) {
	if len(b) < 5+headLen || b[0] != stx {
		return f, fmt.Errorf("no frame: %d bytes", len(b))
	}
	n, err := undecimal(b[1:])
	if err != nil {
		return f, err
	}
	if len(b) != n+5 || n < headLen {
		return f, fmt.Errorf("%d bytes, and the length says %d", len(b), n)
	}
	if b[n+3] != etx || b[n+4] != sum(b[1:n+4]) {
		return f, errors.New("no ETX, or a wrong checksum")
	}
	body := b[3 : n+3]
	if body[headLen-1] != sep {
		return f, errors.New("no separator after the header")
	}
	f = Frame{Head: string(body[:12]), Function: string(body[12:14]), Version: string(body[14:16]),
		More: body[16]}
	for body = body[headLen:]; len(body) > 0; {
		if len(body) < 5 {
			return f, fmt.Errorf("%d bytes are left of a field", len(body))
		}
		n, err := undecimal(body[2:])
		if err != nil {
			return f, err
		}
		if len(body) < n+5 || body[n+4] != sep {
			return f, fmt.Errorf("field %q does not end after %d bytes", body[:2], n)
		}
		f.Fields = append(f.Fields, Field{string(body[:2]), string(body[4 : n+4])})
		body = body[n+5:]
	}
	return f, nil
}

// String is the frame for people.
func (f Frame) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %c", f.Head, f.Function, f.Version, max(f.More, '0'))
	for _, x := range f.Fields {
		fmt.Fprintf(&b, " %s=%q", x.Code, strings.TrimRight(x.Data, " "))
	}
	return b.String()
}

package ecr

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Item is one element of a capture.
type Item struct {
	Offset int    // in the capture's bytes
	From   string // "till", "terminal", or "" where nothing says so
	Bytes  []byte
	What   string // what it is
	Wrong  string // what is wrong with it; "" = nothing
}

// Report is what Explain found out. Its texts hold the capture's content: they are for whoever made
// the capture, not for logs.
type Report struct {
	Dialect string // the dialect that was used
	Form    string // what the capture was taken for: "hexdump -C"
	Bytes   int
	Frames  int // that begin in the capture
	Right   int // without anything wrong
	Items   []Item
	Fits    []Fit    // the dialect that was used and the built-in ones, best first
	Hints   []string // changes of the dialect that would make more frames right
}

// OK reports whether there was at least one frame, and nothing wrong anywhere.
func (r *Report) OK() bool {
	return r.Frames > 0 && !slices.ContainsFunc(r.Items, func(i Item) bool { return i.Wrong != "" })
}

// Explain decodes a capture of a line, raw or as hex text (see docs/ECR-DIALECTS.md), element by
// element, and says what is wrong with each, whether another dialect fits better, and which rule
// for LEN or LRC would. It looks at the first 64 KiB.
func Explain(d *Dialect, capture []byte) Report {
	parts, form := readCapture(capture)
	if turned(d, parts, form) {
		form = strings.Replace(form, logForm, logFormTurned, 1)
	}
	x := &explainer{d: d, asked: make(map[string]string), unknown: make(map[string]bool)}
	x.r.Form = form
	for _, p := range parts {
		x.from, x.base, x.b = p.from, p.offset, p.bytes
		x.part()
		x.r.Bytes = p.offset + len(p.bytes)
	}
	x.r.Dialect = d.Name()
	x.r.Fits = fits(d, parts)
	switch text, _ := plain(capture); {
	case x.r.OK():
	case form == RawForm && len(text) > 0 && isText(text):
		x.r.Hints = []string{"this is text, in no form that is known here: hex digits, with " +
			"marks and times if you like, or what hexdump -C, xxd and od -t x1 write"}
	default:
		x.r.Hints = append(hints(d, parts, x.r.Fits), x.unlisted()...)
	}
	return x.r
}

// explainer walks through a capture. Other than a Scanner it knows no time, so it may look ahead,
// even for ETX.
type explainer struct {
	d       *Dialect
	r       Report
	from    string
	base    int
	b       []byte            // the part
	unknown map[string]bool   // functions that the dialect does not list
	asked   map[string]string // by ECN and function: the version of the request that was seen
	// the fields of the answers to the frame's function
	answers []responseFieldSpec
}

func (x *explainer) item(at, n int, what string) *Item {
	x.r.Items = append(x.r.Items, Item{Offset: x.base + at, From: x.from, Bytes: x.b[at : at+n],
		What: what})
	return &x.r.Items[len(x.r.Items)-1]
}

func (x *explainer) part() {
	for at := 0; at < len(x.b); {
		switch x.b[at] {
		case x.d.stx:
			first := len(x.r.Items)
			at += x.frame(at)
			x.r.Frames++
			if !slices.ContainsFunc(x.r.Items[first:], func(i Item) bool { return i.Wrong != "" }) {
				x.r.Right++
			}
			continue
		case x.d.ack:
			x.item(at, 1, "ACK")
			at++
			continue
		case x.d.nak:
			x.item(at, 1, "NAK: send the frame again")
			at++
			continue
		}
		n := 1
		for at+n < len(x.b) && !x.d.control(x.b[at+n]) {
			n++
		}
		x.item(at, n, "noise").Wrong = fmt.Sprintf(
			"%d bytes that are neither STX (%02x), ACK (%02x) nor NAK (%02x)", n, x.d.stx, x.d.ack,
			x.d.nak)
		at += n
	}
}

// control reports whether something begins with b outside frames.
func (d *Dialect) control(b byte) bool { return b == d.stx || b == d.ack || b == d.nak }

// frame explains the frame at the offset and returns how many bytes it takes.
func (x *explainer) frame(at int) int {
	d, b := x.d, x.b[at:]
	x.item(at, 1, "STX")
	head := 1 + d.length.width
	if len(b) < head {
		x.cut(at+1, head-len(b))
		return len(b)
	}
	n, ok := d.length.read(b[1:head])
	said := d.frameLen(n - d.overhead)
	size := said
	length := x.item(at+1, d.length.width,
		fmt.Sprintf("LEN %d: %s (%s)", n, strings.Join(d.s.Frame.Length.Counts, ", "), d.length))
	if !ok {
		length.What = "LEN (" + d.length.String() + ")"
		length.Wrong = "not a number in this encoding"
		size = -1
	}
	if !ok || said < d.frameLen(0) || said > len(b) || b[said-2] != d.etx {
		size = d.seek(b)
	}
	switch {
	case !ok:
	case size < 0 && said > len(b):
		length.Wrong = fmt.Sprintf("%d bytes are missing up to the frame's end", said-len(b))
	case size < 0:
		length.Wrong = "there is no ETX where it says, nor anywhere behind it"
	case size != said:
		length.Wrong = fmt.Sprintf("off by %+d: up to ETX it would be %d", said-size, n-(said-size))
	}
	if size < 0 {
		x.inside(at+head, at+len(b))
		return len(b)
	}
	x.inside(at+head, at+size-2)
	x.item(at+size-2, 1, "ETX")
	lrc := x.item(at+size-1, 1, "LRC")
	if want := d.lrc(b[:size]); want != b[size-1] {
		lrc.Wrong = fmt.Sprintf("is %02x, expected %02x: XOR from %s through %s, seed %02x",
			b[size-1], want, d.s.Frame.LRC.From, d.s.Frame.LRC.Through, d.seed)
	}
	return size
}

// seek looks for the end of a frame whose LEN is of no use: an ETX behind which a right LRC stands,
// or else one behind which something new begins. -1: there is none.
func (d *Dialect) seek(b []byte) int {
	guess := -1
	for i := d.frameLen(0) - 2; i+1 < min(len(b), d.MaxFrame()); i++ {
		if b[i] != d.etx {
			continue
		}
		if d.lrc(b[:i+2]) == b[i+1] {
			return i + 2
		}
		if guess < 0 && (i+2 == len(b) || d.control(b[i+2])) {
			guess = i + 2
		}
	}
	return guess
}

func (x *explainer) cut(at, missing int) {
	it := x.item(at, len(x.b)-at, "cut off")
	it.Wrong = fmt.Sprintf("at least %d bytes are missing", missing)
}

// inside explains header and fields, from at up to end.
func (x *explainer) inside(at, end int) {
	h := &x.d.s.Header
	if end-at < x.d.headerLen {
		x.item(at, end-at, "header").Wrong = fmt.Sprintf("has %d bytes; %d are needed", end-at,
			x.d.headerLen)
		return
	}
	ecn := x.item(at, h.ECN, fmt.Sprintf("ECN %q", x.b[at:at+h.ECN]))
	if !printable(ecn.Bytes) {
		ecn.Wrong = "not printable ASCII"
	}
	at += h.ECN
	function, code := x.b[at:at+h.Function], x.b[at+h.Function:at+h.Function+h.Version]
	dir := x.direction(string(x.d.ResponseECN(ecn.Bytes))+string(function), code,
		x.d.answers(x.b[at-h.ECN:end]))
	response := dir.response
	x.answers = x.d.fieldsOf(function)
	x.function(at, function)
	at += h.Function
	x.code(at, code, dir)
	at += h.Version
	at = x.indicator(at)
	at = x.literal(at, "separator", x.d.headSep)
	x.fields(at, end, response)
}

func (x *explainer) function(at int, code []byte) {
	it := x.item(at, len(code), fmt.Sprintf("function %q", code))
	f := x.d.function(code)
	if f == nil {
		x.unknown[string(code)] = true
		it.Wrong = "not a function of " + x.d.Name()
		return
	}
	it.What += ": " + string(f.Kind)
	if len(f.Schemes) > 0 {
		it.What += " (" + strings.Join(f.Schemes, ", ") + ")"
	}
}

// indicator explains the indicator: the dialect's own, or another that a till may send.
func (x *explainer) indicator(at int) int {
	n := len(x.d.indicator)
	if n > 0 && x.d.indicates(x.b[at:at+n]) {
		x.item(at, n, "indicator")
		return at + n
	}
	return x.literal(at, "indicator", x.d.indicator)
}

// literal explains bytes that are always the same.
func (x *explainer) literal(at int, what string, want []byte) int {
	if len(want) == 0 {
		return at
	}
	it := x.item(at, len(want), what)
	if !bytes.Equal(it.Bytes, want) {
		it.Wrong = fmt.Sprintf("expected % x", want)
	}
	return at + len(want)
}

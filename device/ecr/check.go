package ecr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// checker collects what is wrong with a spec.
type checker struct {
	s  *spec
	ps Problems
}

// check says everything that is wrong with a spec; a spec without problems compiles and works.
func (s *spec) check() Problems {
	c := &checker{s: s}
	c.bad(s.Name != "" && len(s.Name) <= 32 && printable(s.Name), "name",
		"must be 1 to 32 printable ASCII characters")
	c.frame()
	c.header()
	c.field()
	c.timers()
	c.functions()
	c.request()
	c.outcomes()
	if len(c.ps) == 0 { // these count on sound widths
		c.response()
	}
	if len(c.ps) == 0 {
		c.widest()
		c.direction()
		c.texts()
	}
	return c.ps
}

func (c *checker) bad(ok bool, key, format string, args ...any) {
	if !ok {
		c.ps = append(c.ps, Problem{Key: key, What: fmt.Sprintf(format, args...)})
	}
}

func (c *checker) between(key string, n, low, high int) {
	c.bad(n >= low && n <= high, key, "is %d; it must be %d to %d", n, low, high)
}

func (c *checker) oneOf(key, value string, list ...string) {
	c.bad(slices.Contains(list, value), key, "is %.40q; it must be one of %s", value,
		strings.Join(list, ", "))
}

// code checks a code's width and characters.
func (c *checker) code(key, code string, width int) {
	c.bad(len(code) == width && printable(code), key, "%.40q must be %d printable ASCII characters",
		code, width)
}

func (c *checker) frame() {
	f := &c.s.Frame
	control := f.control()
	for i, x := range control {
		c.oneByte(x.key, x.text)
		for _, y := range control[:i] {
			c.bad(x.text.size() != 1 || y.text.size() != 1 || x.text.first() != y.text.first(),
				x.key,
				"%s is %s already: the two cannot be told apart", x.text, y.key)
		}
	}
	c.lengthCode("frame.length.encoding", "frame.length.width", f.Length.Encoding, f.Length.Width)
	for _, part := range f.Length.Counts {
		c.oneOf("frame.length.counts", part, "stx", "length", "header", "fields", "etx", "lrc")
	}
	c.bad(slices.Contains(f.Length.Counts, "fields"), "frame.length.counts",
		"must count \"fields\": nothing else says where a frame ends")
	c.bad(len(slices.Compact(slices.Sorted(slices.Values(f.Length.Counts)))) == len(
		f.Length.Counts), "frame.length.counts", "names a part twice")
	c.oneByte("frame.lrc.seed", f.LRC.Seed)
	c.oneOf("frame.lrc.from", f.LRC.From, "stx", "length", "header")
	c.oneOf("frame.lrc.through", f.LRC.Through, "fields", "etx")
	c.between("frame.max", f.Max, 64, 65536)
}

// control are the bytes that mean something outside frames, and ETX.
func (f *frameSpec) control() []struct {
	key  string
	text hexText
} {
	return []struct {
		key  string
		text hexText
	}{{"frame.stx", f.STX}, {"frame.etx", f.ETX}, {"frame.ack", f.ACK}, {"frame.nak", f.NAK}}
}

func (c *checker) oneByte(key string, text hexText) {
	c.bad(text.size() == 1, key, "is %.40q; it must be one byte in hex, such as \"02\"",
		string(text))
}

// someBytes checks 0 to 4 bytes.
func (c *checker) someBytes(key string, text hexText) []byte {
	b, ok := text.bytes()
	c.bad(ok && len(b) <= 4, key,
		"is %.40q; it must be 0 to 4 bytes in hex, such as \"1c\" or \"0d 0a\"", string(text))
	return b
}

func (c *checker) lengthCode(keyEncoding, keyWidth, encoding string, width int) {
	most, ok := lengthWidths[encoding]
	c.bad(ok, keyEncoding, "is %.40q; it must be one of %s", encoding,
		strings.Join(slices.Sorted(maps.Keys(lengthWidths)), ", "))
	if ok {
		c.between(keyWidth, width, 1, most)
	}
}

func (c *checker) header() {
	h := &c.s.Header
	c.between("header.ecn", h.ECN, 1, 32)
	c.between("header.function", h.Function, 1, 8)
	c.between("header.version", h.Version, 1, 8)
	c.code("header.request_version", h.Request, h.Version)
	c.someBytes("header.indicator", h.Indicator)
	c.separator("header.separator", h.Separator)
	c.overlays()
}

func (c *checker) field() {
	f := &c.s.Field
	c.between("field.code", f.Code, 1, 8)
	c.lengthCode("field.length_encoding", "field.length_width", f.Encoding, f.Width)
	c.separator("field.separator", f.Separator)
	c.bad(!f.Trailing || f.Separator != "", "field.trailing_separator",
		"there is no field.separator to trail")
}

// separator refuses bytes that would hide a mistake in a capture, although frames go by length.
func (c *checker) separator(key string, text hexText) {
	for _, x := range c.someBytes(key, text) {
		for _, y := range c.s.Frame.control() {
			c.bad(y.text.size() != 1 || x != y.text.first(), key, "%02x is %s too", x, y.key)
		}
		letter := x >= '0' && x <= '9' || x >= 'A' && x <= 'Z' || x >= 'a' && x <= 'z'
		c.bad(!letter, key, "%02x is the character %q: a separator must not be a letter or digit",
			x, x)
	}
}

func (c *checker) timers() {
	t := &c.s.Timers
	for _, x := range []struct {
		key  string
		text timeText
	}{
		{"timers.ack", t.ACK}, {"timers.gap", t.Gap}, {"timers.quiet", t.Quiet},
		{"timers.repeat_window", t.RepeatWindow},
		{"timers.repeat_window_new_ecn", t.RepeatWindowNewECN}, {"timers.stored_for", t.StoredFor},
	} {
		_, ok := x.text.duration()
		c.bad(ok, x.key,
			"is %.40q; it must be a time greater than zero, such as \"500ms\" or \"2s\"",
			string(x.text))
	}
	ack, _ := t.ACK.duration()
	gap, _ := t.Gap.duration()
	c.bad(gap < ack || ack == 0, "timers.gap", "must be shorter than timers.ack: else a frame "+
		"that was cut off swallows its own repetition")
	c.between("timers.transmissions", t.Transmissions, 1, 10)
	waits, ok := t.TillWaits.duration()
	c.bad(t.TillWaits == "" || ok && waits <= 30*time.Minute, "timers.till_waits",
		"is %.40q; it must be a time of at most 30m, or \"\" where it is not known",
		string(t.TillWaits))
}

func (c *checker) functions() {
	sale := false
	for _, code := range slices.Sorted(maps.Keys(c.s.Functions)) {
		f, key := c.s.Functions[code], "functions."+code
		c.code(key, code, c.s.Header.Function)
		c.bad(slices.Contains(kinds, f.Kind), key+".kind", "is %.40q; it must be one of %s",
			string(f.Kind), words(kinds))
		c.bad(f.Kind == KindSale || len(f.Schemes) == 0, key+".schemes", "is for sales only")
		c.schemes(key+".schemes", f.Schemes)
		sale = sale || f.Kind == KindSale
	}
	c.bad(sale, "functions", "has no function of kind sale")
}

func (c *checker) schemes(key string, list []string) {
	for _, s := range list {
		c.bad(s != "" && len(s) <= 32 && printable(s), key,
			"%.40q is not a gateway's word such as \"paynow\"", s)
	}
}

func (c *checker) request() {
	r := &c.s.Request
	c.code("request.amount.code", r.Amount.Code, c.s.Field.Code)
	c.between("request.amount.width", r.Amount.Width, 1, 18)
	if r.Type.Code != "" {
		c.code("request.type.code", r.Type.Code, c.s.Field.Code)
		c.bad(len(r.Type.Values) > 0, "request.type.values",
			"is empty: every transaction type would be refused")
		c.bad(r.Type.Code != r.Amount.Code, "request.type.code", "is the amount's code too")
	}
	for _, value := range slices.Sorted(maps.Keys(r.Type.Values)) {
		c.schemes("request.type.values."+value, r.Type.Values[value])
	}
	if r.Reference.Code != "" {
		c.code("request.reference.code", r.Reference.Code, c.s.Field.Code)
		c.between("request.reference.max", r.Reference.Max, 1, 64)
		c.bad(r.Reference.Code != r.Amount.Code && r.Reference.Code != r.Type.Code,
			"request.reference.code", "is another field's code too")
	}
	if r.Receipt != "" { // the reference may be the receipt
		c.code("request.receipt", r.Receipt, c.s.Field.Code)
		c.bad(r.Receipt != r.Amount.Code && r.Receipt != r.Type.Code, "request.receipt",
			"is another field's code too")
	}
}

// outcomes also keeps a dialect from saying what is not true: nothing but an approval may sound
// like one, and a doubt must not sound like a decline.
func (c *checker) outcomes() {
	for _, name := range slices.Sorted(maps.Keys(c.s.Outcomes)) {
		_, known := classOf(Outcome(name))
		c.bad(known, "outcomes."+name, "no such outcome; kiosk-agent ecr blueprint prints them all")
	}
	approved := c.s.Outcomes[string(Approved)].Code
	final := make(map[string]Outcome)
	for _, o := range outcomes {
		if o.class == notPaid {
			final[c.s.Outcomes[string(o.outcome)].Code] = o.outcome
		}
	}
	for _, o := range outcomes {
		key := "outcomes." + string(o.outcome)
		a, ok := c.s.Outcomes[string(o.outcome)]
		if !ok {
			c.bad(false, key, "is missing: each outcome needs a code and a text")
			continue
		}
		c.code(key+".code", a.Code, c.s.Header.Version)
		c.bad(len(a.Text) <= 40 && printable(a.Text), key+".text",
			"must be at most 40 printable ASCII characters")
		c.bad(o.class == good || a.Code != approved, key+".code",
			"%q is the code of approved: the till would take this for a payment", a.Code)
		if o.class == uncertain {
			c.bad(final[a.Code] == "", key+".code",
				"%q is the code of %s: the till would take a doubt for a decline and sell again",
				a.Code, final[a.Code])
		}
	}
}

func words(list []Kind) string {
	s := make([]string, len(list))
	for i, k := range list {
		s[i] = string(k)
	}
	return strings.Join(s, ", ")
}

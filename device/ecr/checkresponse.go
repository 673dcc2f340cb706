package ecr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (c *checker) response() {
	r := &c.s.Response
	_, ok := parseOffset(r.UTCOffset)
	c.bad(ok, "response.utc_offset", "is %.40q; it must be like \"+08:00\"", r.UTCOffset)
	c.responseFields("response.fields", r.Fields)
	for _, code := range slices.Sorted(maps.Keys(c.s.Functions)) {
		c.responseFields("functions."+code+".fields", c.s.Functions[code].Fields)
	}
}

func (c *checker) responseFields(key string, list []responseFieldSpec) {
	before := len(c.ps)
	for i := range list {
		c.responseField(indexed(key, i), &list[i])
	}
	if len(c.ps) > before {
		return
	}
	for i := range list {
		for k := range i {
			a, b := &list[k], &list[i]
			c.bad(a.Code != b.Code || !meet(a, b), fmt.Sprintf("%s.%d.code", key, i),
				"%s comes twice in one response", b.Code)
		}
	}
}

// indexed is the key of an entry of a list.
func indexed(key string, i int) string { return fmt.Sprintf("%s.%d", key, i) }

// meet reports whether two fields can be in one response.
func meet(a, b *responseFieldSpec) bool {
	for _, k := range append([]Kind{KindUnknown}, kinds...) {
		for _, o := range outcomes {
			if a.applies(k, o.outcome) && b.applies(k, o.outcome) {
				return true
			}
		}
	}
	return false
}

func (c *checker) responseField(key string, f *responseFieldSpec) {
	c.code(key+".code", f.Code, c.s.Field.Code)
	c.oneOf(key+".source", f.Source, sources...)
	limit := lengthCode{c.s.Field.Encoding, c.s.Field.Width}.most()
	c.between(key+".width", f.Width, 1, min(limit, c.s.Frame.Max))
	c.oneOf(key+".pad", f.Pad, "", "none", "left", "right")
	padded := f.Pad == "left" || f.Pad == "right"
	c.bad(!padded || len(f.Fill) == 1 && printable(f.Fill), key+".fill",
		"must be one printable character where pad is set")
	c.bad(padded || f.Fill == "", key+".fill", "fills nothing without pad = \"left\" or \"right\"")
	c.oneOf(key+".keep", f.Keep, "", "head", "tail")
	c.oneOf(key+".only", f.Only, "", "digits")
	c.oneOf(key+".empty", f.Empty, "", "omit", "fill")
	c.bad(f.Empty != "fill" || padded, key+".empty", "\"fill\" needs pad and fill")
	c.between(key+".skip", f.Skip, 0, 200)
	c.forSource(key, f)
	for _, k := range f.Kinds {
		c.bad(k == kindUnlisted || slices.Contains(kinds, k), key+".kinds",
			"%.40q is none of %s, unknown", string(k), words(kinds))
	}
	for _, o := range f.Outcomes {
		_, known := classOf(o)
		c.bad(known, key+".outcomes", "%.40q is no outcome", string(o))
	}
}

// forSource checks what only some sources have.
func (c *checker) forSource(key string, f *responseFieldSpec) {
	switch f.Source {
	case sourceDate, sourceTime:
		plain := strings.NewReplacer("YYYY", "", "YY", "", "MM", "", "DD", "", "hh", "", "mm", "",
			"ss", "").Replace(f.Format)
		c.bad(f.Format != "" && strings.Trim(plain, "-/:. ") == "", key+".format",
			"is %.40q; it must be made of YYYY YY MM DD hh mm ss", f.Format)
		c.bad(len(f.Format) == f.Width, key+".width", "is %d; %.40q has %d characters", f.Width,
			f.Format, len(f.Format))
	default:
		c.bad(f.Format == "", key+".format", "is for date and time only")
	}
	c.bad((f.Source == sourceEcho) == (f.Of != ""), key+".of",
		"is the request field's code, for source = \"echo\" and for no other")
	if f.Of != "" {
		c.code(key+".of", f.Of, c.s.Field.Code)
		c.bad(f.Pad == "" || f.Pad == "none", key+".pad", "an echo is given back as it came")
	}
	c.bad((f.Source == sourceConst) == (f.Value != ""), key+".value",
		"is the text, for source = \"value\" and for no other")
	c.bad(printable(f.Value), key+".value", "must be printable ASCII")
	if slices.Contains(numeric, f.Source) {
		c.bad(f.Width <= 18, key+".width", "an amount has at most 18 digits")
		c.bad(f.Pad != "right" && (f.Pad != "left" || f.Fill == "0" || f.Fill == " "), key+".pad",
			"digits after an amount make it another amount")
	}
}

// widest makes sure that every response, and the smallest request for a sale, fit a frame and what
// LEN can say.
func (c *checker) widest() {
	s := c.s
	frame := 1 + s.Frame.Length.Width + s.headerLen() + 2
	most := lengthCode{s.Frame.Length.Encoding, s.Frame.Length.Width}.most()
	each := s.Field.Code + s.Field.Width + s.Field.Separator.size()
	largest := each + s.Request.Amount.Width
	lists := [][]responseFieldSpec{s.Response.Fields}
	for code, f := range s.Functions {
		if len(f.Fields) > 0 {
			lists = append(lists, s.fieldsOf(code))
		}
	}
	for _, list := range lists {
		largest = max(largest, widestOf(list, each))
	}
	c.bad(frame+largest <= s.Frame.Max, "frame.max", "is %d; the largest message needs %d bytes",
		s.Frame.Max, frame+largest)
	c.bad(s.overhead(s.headerLen())+largest <= most, "frame.length.width",
		"cannot say the %d bytes of the largest message", s.overhead(s.headerLen())+largest)
}

// widestOf is the size of the largest answer with these fields, of which each has so many bytes
// besides its data.
func widestOf(list []responseFieldSpec, each int) (widest int) {
	for _, k := range append([]Kind{KindUnknown}, kinds...) {
		for _, o := range outcomes {
			n := 0
			for i := range list {
				if f := &list[i]; f.applies(k, o.outcome) {
					n += each + f.Width
				}
			}
			widest = max(widest, n)
		}
	}
	return widest
}

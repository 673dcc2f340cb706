package singapay

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// form is a way to write the body again before it is hashed. SingaPay documents one by a sample in
// PHP, and not whether the sender does exactly what the sample does.
type form struct {
	// as PHP writes what it has read: {} is [], an object with the keys 0, 1, 2 … is a list,
	// 10000.00 is 10000
	php bool
	// ksort over lists too: by the text of their indices, so that one of more than ten becomes an
	// object
	sortLists bool
	// as json_encode writes strings where nothing is asked of it: every character beyond ASCII as
	// \uXXXX, and / as \/
	escaped bool
}

// forms are tried in this order; after them, the body as it came.
var forms = [...]form{{}, {php: true}, {php: true, sortLists: true},
	{php: true, escaped: true}, {php: true, sortLists: true, escaped: true}}

// canonical is a parsed body without spaces and with the keys of each object in byte order.
func (f form) canonical(m object) []byte { return f.value(nil, m) }

func (f form) value(out []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		return f.object(out, v)
	case []any:
		return f.list(out, v)
	case string:
		return f.quoted(out, v)
	case json.Number:
		return append(out, f.number(v.String())...)
	case bool:
		return strconv.AppendBool(out, v)
	default:
		return append(out, "null"...)
	}
}

func (f form) object(out []byte, m object) []byte {
	keys := slices.Sorted(maps.Keys(m))
	if f.php && counted(keys) {
		list := make([]any, len(keys))
		for i, k := range keys {
			list[i] = m[k]
		}
		return f.plainList(out, list)
	}
	out = append(out, '{')
	for i, k := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(f.quoted(out, k), ':')
		out = f.value(out, m[k])
	}
	return append(out, '}')
}

// counted reports whether sorted keys are 0, 1, 2 …, as in an empty list too.
func counted(keys []string) bool {
	for i, k := range keys {
		if k != strconv.Itoa(i) {
			return false
		}
	}
	return true
}

func (f form) list(out []byte, list []any) []byte {
	if !f.sortLists || len(list) <= 10 {
		return f.plainList(out, list)
	}
	m := make(object, len(list))
	for i, v := range list {
		m[strconv.Itoa(i)] = v
	}
	return f.object(out, m)
}

func (f form) plainList(out []byte, list []any) []byte {
	out = append(out, '[')
	for i, v := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = f.value(out, v)
	}
	return append(out, ']')
}

// number is the literal, or what PHP makes of one that is not whole. Where PHP would write an
// exponent the literal stays: no amount is that large.
func (f form) number(literal string) string {
	if _, err := strconv.ParseInt(literal, 10, 64); !f.php || err == nil {
		return literal
	}
	n, err := strconv.ParseFloat(literal, 64)
	if size := math.Abs(n); err != nil || size >= 1e15 || size < 1e-4 && size != 0 {
		return literal
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// quoted writes a string as PHP does with JSON_UNESCAPED_UNICODE and JSON_UNESCAPED_SLASHES, or
// without either.
func (f form) quoted(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for _, r := range s {
		switch {
		case f.escaped && r == '/':
			out = append(out, '\\', '/')
			continue
		case f.escaped && r >= utf8.RuneSelf:
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
			continue
		}
		switch r {
		case '"', '\\':
			out = append(out, '\\', byte(r))
		case '\b':
			out = append(out, '\\', 'b')
		case '\f':
			out = append(out, '\\', 'f')
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		case '\u2028', '\u2029':
			out = append(out, '\\', 'u', '2', '0', '2', hex[r&0xf])
		default:
			if r < ' ' {
				out = append(out, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
			} else {
				out = utf8.AppendRune(out, r)
			}
		}
	}
	return append(out, '"')
}

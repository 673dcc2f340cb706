package singapay

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"kiosk-agent/internal/strictjson"
)

// maxDepth bounds the nesting of any JSON that is read here; SingaPay's own has depth 6.
const maxDepth = 64

var errJSON = errors.New("not one plain JSON object")

// object is a JSON object as it was written: numbers are json.Number, with every digit.
type object = map[string]any

// parse reads exactly one JSON object, strictly, and all of it is text: no half of a surrogate
// pair, which Go would replace and PHP would refuse.
func parse(b []byte) (object, error) {
	m, err := strictjson.Tree(b, maxDepth)
	if err != nil || halfSurrogate(b) {
		return nil, errJSON
	}
	return m, nil
}

// halfSurrogate finds, in valid JSON, an escape of one half of a surrogate pair without the other.
func halfSurrogate(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		switch unit := escape(b[i:]); {
		case unit >= 0xd800 && unit < 0xdc00:
			if low := escape(b[i+6:]); low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 11
		case unit >= 0xdc00 && unit <= 0xdfff:
			return true
		default:
			i++
		}
	}
	return false
}

// escape is the code unit of a \uXXXX at the start of b; -1 when there is none.
func escape(b []byte) int {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 32)
	if err != nil {
		return -1
	}
	return int(n)
}

// at walks down through objects; nil when something is missing or not an object.
func at(v any, names ...string) any {
	for _, name := range names {
		m, ok := v.(object)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// text is the value of a JSON string; "" for anything else.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// scalar is the value of a JSON string or the literal of a JSON number, digit for digit. Absent and
// null are "". ok is false for an object, a list or a boolean.
func scalar(v any) (s string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	default:
		return "", false
	}
}

// id is what SingaPay names an object by, as text: a positive whole number, by its pages, or any
// short name that can stand in a path. "" when v is none.
func id(v any) string {
	if s, ok := scalar(v); ok && isName(s) {
		return s
	}
	return ""
}

// isName reports whether s can be an object's name: letters, digits, - and _, and no zero.
func isName(s string) bool {
	return s != "0" && len(s) <= 64 && s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' &&
			r != '_'
	})
}

// count is a small number that is not negative; -1 when v is none.
func count(v any) int {
	s, ok := scalar(v)
	n, err := strconv.ParseUint(s, 10, 31)
	if !ok || err != nil {
		return -1
	}
	return int(n)
}

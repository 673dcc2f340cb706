package axs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// maxDepth bounds the nesting of any JSON that is read here; AXS's own has depth 1.
const maxDepth = 16

var errNotObject = errors.New("not one plain JSON object")

// members reads exactly one JSON object. Names are compared exactly (a struct would take "Status"
// for "status"), none may come twice (two readers could then see two things), nothing may follow,
// and all of it is UTF-8.
func members(b []byte) (map[string]json.RawMessage, error) {
	m := make(map[string]json.RawMessage)
	err := eachMember(b, func(name string, value json.RawMessage) error {
		if _, twice := m[name]; twice {
			return errNotObject
		}
		m[name] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// eachMember calls f for each member of a JSON object in turn, also for those before a fault.
func eachMember(b []byte, f func(name string, value json.RawMessage) error) error {
	if !utf8.Valid(b) || tooDeep(b) {
		return errNotObject
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return errNotObject
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return errNotObject
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return errNotObject
		}
		key, ok := name.(string)
		if !ok {
			return errNotObject
		}
		if err := f(key, value); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errNotObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errNotObject
	}
	return nil
}

// tooDeep counts brackets outside strings before any decoder sees them.
func tooDeep(b []byte) bool {
	depth, inString, escaped := 0, false, false
	for _, c := range b {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// text is the value of a JSON string; ok is false for anything else and for what is absent.
func text(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// scalar is the value of a JSON string or the literal of a JSON number, digit for digit: a
// transactionRef of 19 digits does not fit a float. Absent and null are "". ok is false for an
// object, a list or a boolean.
func scalar(raw json.RawMessage) (s string, ok bool) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", true
	case isNumber(raw):
		return string(raw), true
	default:
		return text(raw)
	}
}

func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

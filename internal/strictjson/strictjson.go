// Package strictjson reads JSON that somebody else wrote, where two readers must not see two
// things: text is UTF-8, names are compared exactly, none comes twice in an object, nothing follows
// the value, and it is nested no deeper than the caller says. encoding/json alone takes the last of
// two equal names, a name in another case, and U+FFFD for bytes that are no text.
//
// It does not bound the size of what it reads, and knows no schema. Its functions keep nothing and
// may be called from any goroutine. An error says what is wrong in words that go on from the
// thing's name ("has something behind it"); it quotes a name of the input, at most 40 bytes of it,
// and nothing else.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// What can be wrong. DuplicateError is the one kind with a content.
var (
	ErrText      = errors.New("is not UTF-8")
	ErrDeep      = errors.New("is nested too deep")
	ErrNotObject = errors.New("is not a JSON object")
	ErrNotArray  = errors.New("is not a JSON list")
	ErrMalformed = errors.New("is not well-formed JSON")
	ErrLong      = errors.New("has too many elements")
	ErrTail      = errors.New("has something behind it")
)

// DuplicateError names a member that an object has twice.
type DuplicateError struct{ Name string }

func (e *DuplicateError) Error() string { return fmt.Sprintf("names %.40q twice", e.Name) }

// Object reads one object whose values are for the caller to read. depth bounds the nesting of
// objects and lists, the object itself included; 0 = as deep as encoding/json goes.
func Object(b []byte, depth int) (map[string]json.RawMessage, error) {
	m := make(map[string]json.RawMessage)
	err := Members(b, depth, func(name string, value json.RawMessage) error {
		if _, twice := m[name]; twice {
			return &DuplicateError{name}
		}
		m[name] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Members calls f for each member of an object in turn, also for those before a fault and for one
// that was there before. It ends with f's error.
func Members(b []byte, depth int, f func(name string, value json.RawMessage) error) error {
	dec, err := open(b, depth, '{', ErrNotObject)
	if err != nil {
		return err
	}
	err = members(dec, func(name string) error {
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return ErrMalformed
		}
		return f(name, value)
	})
	if err != nil {
		return err
	}
	return end(dec)
}

// Array reads one list of at most so many elements, which are for the caller to read.
func Array(b []byte, depth, most int) ([]json.RawMessage, error) {
	dec, err := open(b, depth, '[', ErrNotArray)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	for dec.More() {
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, ErrMalformed
		}
		if list = append(list, value); len(list) > most {
			return nil, ErrLong
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, ErrMalformed
	}
	if err := end(dec); err != nil {
		return nil, err
	}
	return list, nil
}

// Tree reads one object with all that is in it: objects are map[string]any, lists []any, numbers
// json.Number with every digit. No object in it names a member twice.
func Tree(b []byte, depth int) (map[string]any, error) {
	dec, err := open(b, depth, '{', ErrNotObject)
	if err != nil {
		return nil, err
	}
	if !json.Valid(b) {
		return nil, ErrMalformed
	}
	dec.UseNumber()
	m, err := object(dec) // what is valid has nothing behind it
	if err != nil {
		return nil, err
	}
	return m, nil
}

// open looks at the whole text, and then reads the bracket that it must begin with.
func open(b []byte, depth int, bracket json.Delim, otherwise error) (*json.Decoder, error) {
	switch {
	case !utf8.Valid(b):
		return nil, ErrText
	case depth > 0 && deeper(b, depth):
		return nil, ErrDeep
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if first, err := dec.Token(); err != nil || first != bracket {
		return nil, otherwise
	}
	return dec, nil
}

// deeper counts brackets outside of strings, before any decoder sees them.
func deeper(b []byte, most int) bool {
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
			if depth++; depth > most {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// members reads an object's members behind its bracket; f reads the value that comes next.
func members(dec *json.Decoder, f func(name string) error) error {
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return ErrMalformed
		}
		if err := f(name); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return ErrMalformed
	}
	return nil
}

func object(dec *json.Decoder) (map[string]any, error) {
	m := make(map[string]any)
	err := members(dec, func(name string) error {
		if _, twice := m[name]; twice {
			return &DuplicateError{name}
		}
		v, err := value(dec)
		m[name] = v
		return err
	})
	return m, err
}

func value(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, ErrMalformed
	}
	switch token {
	case json.Delim('{'):
		return object(dec)
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := value(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		if _, err := dec.Token(); err != nil {
			return nil, ErrMalformed
		}
		return list, nil
	default:
		return token, nil
	}
}

func end(dec *json.Decoder) error {
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return ErrTail
	}
	return nil
}

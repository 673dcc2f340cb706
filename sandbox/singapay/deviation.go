package singapay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Deviation is one way in which the real gateway may be otherwise than its page says. Config.As
// plays it from the start.
type Deviation struct {
	Name string
	Says string // what the gateway does, in a sentence
	// Keys are those of the agent's configuration that mend it; "" = it is taken as it is, or
	// refused for good
	Keys string

	bend bend
}

// bend is how a deviation bends what the simulated gateway does. A nil function bends nothing.
type bend struct {
	config  func(*Config)
	answer  func(op Op, status int, out object) (int, object) // of the API, in its envelope
	refuse  func(op Op, f *fields)                            // reports what it does not take
	webhook func(body object)                                 // before it is signed
	sign    func(*signing)
	carry   func(*http.Request, *[]byte) // after it is signed
}

// signing is what a webhook's signature is made of.
type signing struct {
	method, endpoint, token, stamp string
	hashed, key                    []byte
	mac                            func(key []byte, text string) string
}

// Deviations lists all that there are, in no order that means anything.
func Deviations() []Deviation {
	return slices.Concat(ofNotifications(), ofCarriage(), ofCreates(), ofAnswers(), ofCodes())
}

// deviation is the one of this name; "" = the gateway is as its page says.
func deviation(name string) (bend, error) {
	if name == "" {
		return bend{}, nil
	}
	var names []string
	for _, d := range Deviations() {
		if d.Name == name {
			return d.bend, nil
		}
		names = append(names, d.Name)
	}
	return bend{}, fmt.Errorf("there is no deviation %q; there are: %s", name,
		strings.Join(names, ", "))
}

// plain is a JSON object as a reader has it: objects, lists and numbers of one type each.
func plain(v object) object {
	text, err := json.Marshal(v)
	var out object
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err != nil || dec.Decode(&out) != nil {
		return v
	}
	return out
}

// within is the object that a path ends in, and the last name; nil where there is none.
func within(m object, path string) (object, string) {
	parts := strings.Split(path, ".")
	for _, name := range parts[:len(parts)-1] {
		next, ok := m[name].(object)
		if !ok {
			return nil, ""
		}
		m = next
	}
	return m, parts[len(parts)-1]
}

func value(m object, path string) any {
	o, name := within(m, path)
	return o[name]
}

func put(m object, path string, v any) {
	if o, name := within(m, path); o != nil {
		o[name] = v
	}
}

func drop(m object, path string) {
	if o, name := within(m, path); o != nil {
		delete(o, name)
	}
}

// move gives a value another name; where it is not there, it does nothing.
func move(m object, from, to string) {
	o, name := within(m, from)
	v, there := o[name]
	if there {
		delete(o, name)
		put(m, to, v)
	}
}

// rewritten has another text in place of each that says yes.
func rewritten(v any, other func(string) string) any {
	switch v := v.(type) {
	case string:
		return other(v)
	case object:
		for name, inner := range v {
			v[name] = rewritten(inner, other)
		}
	case []any:
		for i, inner := range v {
			v[i] = rewritten(inner, other)
		}
	}
	return v
}

// each calls f for the object in an answer's data, or for each of the list there.
func each(out object, f func(object)) {
	switch v := out["data"].(type) {
	case object:
		f(v)
	case []any:
		for _, e := range v {
			if o, ok := e.(object); ok {
				f(o)
			}
		}
	}
}

// inAnswers bends each object of the answers of some operations.
func inAnswers(f func(object), ops ...Op) bend {
	return bend{answer: func(op Op, status int, out object) (int, object) {
		if slices.Contains(ops, op) {
			each(out, f)
		}
		return status, out
	}}
}

// inBodies bends the notifications of payments.
func inBodies(f func(object)) bend { return bend{webhook: f} }

// renamed moves one value of a notification.
func renamed(from, to string) bend { return inBodies(func(m object) { move(m, from, to) }) }

// states puts a value into a notification.
func states(path string, v any) bend { return inBodies(func(m object) { put(m, path, v) }) }

package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

// members splits a valid JSON object into its members. What is wrong with it is said in the words
// that a till has always heard.
func members(object []byte) (map[string]json.RawMessage, error) {
	m, err := strictjson.Object(object, 0)
	if twice, ok := errors.AsType[*strictjson.DuplicateError](err); ok {
		return nil, fmt.Errorf("a member is named twice: %.40q", twice.Name)
	}
	return m, err
}

// args reads the named params of one call and keeps the first complaint.
type args struct {
	op  string
	raw map[string]json.RawMessage
	err *payment.Error
}

// newArgs checks params against the method's list: by name only, nothing unknown, nothing missing.
func newArgs(m *method, params json.RawMessage) *args {
	a := &args{op: m.name}
	if params == nil {
		params = json.RawMessage("{}")
	}
	if params[0] != '{' {
		a.refuse("params", "must be an object: params are given by name")
		return a
	}
	raw, err := members(params)
	if err != nil {
		a.refuse("params", err.Error())
		return a
	}
	a.raw = raw
	for name := range raw {
		if !m.takes(name) {
			a.refuse(fmt.Sprintf("%.40q", name), "is not a param of "+m.name)
		}
	}
	for _, p := range m.params {
		if _, given := raw[p.name]; p.required && !given {
			a.refuse(p.name, "is missing")
		}
	}
	return a
}

// refuse notes that a param breaks its contract.
func (a *args) refuse(name, why string) {
	a.fail(payment.CodeInvalid, name+" "+why)
}

func (a *args) fail(code payment.Code, message string) {
	if a.err == nil {
		a.err = &payment.Error{Code: code, Op: a.op, Message: message}
	}
}

func (a *args) has(name string) bool {
	_, ok := a.raw[name]
	return ok
}

// text is a string param; "" when it is not given.
func (a *args) text(name string) string {
	v, ok := a.raw[name]
	if !ok || a.err != nil {
		return ""
	}
	var s string
	if v[0] != '"' || json.Unmarshal(v, &s) != nil {
		a.refuse(name, "must be a string")
	}
	return s
}

// texts is an array of strings; nil when it is not given.
func (a *args) texts(name string, most, longest int) []string {
	v, ok := a.raw[name]
	if !ok || a.err != nil {
		return nil
	}
	var items []json.RawMessage
	if v[0] != '[' || json.Unmarshal(v, &items) != nil {
		a.refuse(name, "must be an array of strings")
		return nil
	}
	if len(items) > most {
		a.refuse(name, fmt.Sprintf("has more than %d entries", most))
		return nil
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		var s string
		if item[0] != '"' || json.Unmarshal(item, &s) != nil {
			a.refuse(name, "must be an array of strings")
			return nil
		}
		if s == "" || len(s) > longest || !printable(s) {
			a.refuse(name, fmt.Sprintf("has an entry that is not 1-%d printable ASCII characters",
				longest))
			return nil
		}
		list = append(list, s)
	}
	return list
}

// flag is a boolean; false when it is not given.
func (a *args) flag(name string) bool {
	v, ok := a.raw[name]
	if !ok || a.err != nil {
		return false
	}
	switch string(v) {
	case "true":
		return true
	case "false":
	default:
		a.refuse(name, "must be true or false")
	}
	return false
}

// number is an integer written as one: no fraction, no exponent, within 64 bits. A JSON number that
// is none gets the code otherwise; a value of another JSON type is always invalid.
func (a *args) number(name string, otherwise payment.Code) int64 {
	v, ok := a.raw[name]
	if !ok || a.err != nil {
		return 0
	}
	if v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		a.refuse(name, "must be a number, not in quotes")
		return 0
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		a.fail(otherwise, name+" must be an integer, written without fraction and exponent")
	}
	return n
}

// between is an optional integer within limits; absent means the given default.
func (a *args) between(name string, low, high, absent int64) int64 {
	if !a.has(name) {
		return absent
	}
	n := a.number(name, payment.CodeInvalid)
	if a.err == nil && (n < low || n > high) {
		a.refuse(name, fmt.Sprintf("must be %d-%d", low, high))
	}
	return n
}

// at is an RFC 3339 time; zero when it is not given.
func (a *args) at(name string) time.Time {
	s := a.text(name)
	if !a.has(name) || a.err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		a.refuse(name, "must be an RFC 3339 time such as 2026-11-05T09:30:00.000Z")
		return time.Time{}
	}
	return t.UTC()
}

// key is the one of reference and id that is given.
func (a *args) key() payment.Key {
	if a.err == nil && a.has("reference") == a.has("id") {
		a.refuse("params", "must name exactly one of reference and id")
	}
	return payment.Key{ID: a.text("id"), Reference: a.text("reference")}
}

// printable reports whether s is printable ASCII, space included.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

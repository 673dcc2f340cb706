package singapay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// fields reads a request's object and collects what is wrong with each field.
type fields struct {
	raw    map[string]json.RawMessage
	known  map[string]bool
	errors map[string][]string
}

func newFields(raw map[string]json.RawMessage) *fields {
	return &fields{raw: raw, known: map[string]bool{}, errors: map[string][]string{}}
}

func (f *fields) bad(name, why string) {
	f.errors[name] = append(f.errors[name], fmt.Sprintf("The %s %s.", name, why))
}

// there tells whether a field has a value other than null, and marks it as known.
func (f *fields) there(name string) bool {
	f.known[name] = true
	v, given := f.raw[name]
	return given && !bytes.Equal(v, []byte("null"))
}

// unknown lists what was sent and never asked for.
func (f *fields) unknown() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name := range maps.Keys(f.raw) {
			if !f.known[name] && !yield(name) {
				return
			}
		}
	})
}

func (f *fields) text(name string, required bool, most int) string {
	if !f.there(name) {
		if required {
			f.bad(name, "field is required")
		}
		return ""
	}
	var v string
	switch err := json.Unmarshal(f.raw[name], &v); {
	case err != nil:
		f.bad(name, "must be a string")
		return ""
	case required && v == "":
		f.bad(name, "field is required")
	case utf8.RuneCountInString(v) > most:
		f.bad(name, fmt.Sprintf("may not be greater than %d characters", most))
	}
	return v
}

func (f *fields) url(name string) string {
	v := f.text(name, false, 2048)
	if v != "" && !webURL(v) {
		f.bad(name, "format is invalid")
	}
	return v
}

var wholeRE = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,14})$`)

// whole reads a JSON integer: no string, fraction or exponent.
func (f *fields) whole(name string, otherwise, least, most int64) int64 {
	if !f.there(name) {
		return otherwise
	}
	if !wholeRE.Match(f.raw[name]) {
		f.bad(name, "must be an integer")
		return otherwise
	}
	n, _ := strconv.ParseInt(string(f.raw[name]), 10, 64) // at most 15 digits
	if n < least || n > most {
		f.bad(name, fmt.Sprintf("must be between %d and %d", least, most))
	}
	return n
}

func (f *fields) yes(name string) bool {
	var v bool
	if f.there(name) && json.Unmarshal(f.raw[name], &v) != nil {
		f.bad(name, "must be true or false")
	}
	return v
}

// parseTime reads a date string; one without an offset is Jakarta's.
func parseTime(v string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05",
		"2006-01-02"} {
		if t, err := time.ParseInLocation(layout, v, jakarta); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// future reads a date string that must lie after now.
func (f *fields) future(name string, otherwise, now time.Time) time.Time {
	if !f.there(name) {
		return otherwise
	}
	t, good := parseTime(f.text(name, false, 64))
	switch {
	case !good:
		f.bad(name, "is not a valid date")
	case !t.After(now):
		f.bad(name, "must be a date after now")
	}
	return t
}

func (f *fields) metadata(name string) object {
	var v object
	if f.there(name) && json.Unmarshal(f.raw[name], &v) != nil {
		f.bad(name, "must be an object")
	}
	return v
}

// whitelist reads method codes; nil means all.
func (f *fields) whitelist(name string) []string {
	if !f.there(name) {
		return nil
	}
	var chosen []string
	if json.Unmarshal(f.raw[name], &chosen) != nil {
		f.bad(name, "must be an array of strings")
		return nil
	}
	for i, code := range chosen {
		if methodOf(code) == nil {
			f.bad(fmt.Sprintf("%s.%d", name, i), "selected is invalid")
		}
	}
	if len(chosen) == 0 {
		return nil
	}
	return chosen
}

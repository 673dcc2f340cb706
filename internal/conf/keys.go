package conf

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Keys is what is known about each key and table of a file, by its dotted name. A key of a list's
// entries is named with brackets: till.serial[].baud.
type Keys map[string]Key

// Key is what the reader checks and the reference says about one key or table.
type Key struct {
	// Text says what it means, with its unit: whole sentences. Bounds are added to it.
	Text string
	// Range bounds a number, a duration or a size. Each duration and size needs one.
	Range Range
	// People is true of a text that people read: it may hold any character, and blanks around it.
	People bool
	// Example is a value for the examples, in TOML, where the default is none.
	Example string
}

// Range is the least and the most of a number. The zero Range has no bounds. 0 is refused unless
// the range has it, or OrZero says what it means.
type Range struct {
	least, most int64 // most 0 = none
	zero        string
	set         bool
}

// Times is a range of durations; most 0 = no bound.
func Times(least, most time.Duration) Range {
	return Range{least: int64(least), most: int64(most), set: true}
}

// Sizes is a range of bytes; most 0 = no bound.
func Sizes(least, most Size) Range {
	return Range{least: int64(least), most: int64(most), set: true}
}

// Numbers is a range of whole numbers; most 0 = no bound.
func Numbers(least, most int64) Range { return Range{least: least, most: most, set: true} }

// OrZero allows 0 too, and says what it means: "no sale is refused for that".
func (r Range) OrZero(means string) Range {
	r.zero = means
	return r
}

// Zero is what 0 means; "" where it is refused.
func (r Range) Zero() string { return r.zero }

// Least and Most are the bounds; Most is 0 where there is none.
func (r Range) Least() int64 { return r.least }

// Most is the upper bound; 0 = none.
func (r Range) Most() int64 { return r.most }

// fault says what is wrong with the number v, in the form of its type.
func (r Range) fault(v reflect.Value) (what, hint string) {
	n := v.Int()
	if !r.set || n == 0 && r.zero != "" || n >= r.least && (r.most == 0 || n <= r.most) {
		return "", ""
	}
	if r.zero != "" {
		hint = fmt.Sprintf("or %s: %s", number(v.Type(), 0), r.zero)
	}
	if r.most == 0 {
		return fmt.Sprintf("%s is under %s", number(v.Type(), n), number(v.Type(), r.least)), hint
	}
	return fmt.Sprintf("%s is not between %s and %s", number(v.Type(), n),
		number(v.Type(), r.least), number(v.Type(), r.most)), hint
}

// words are the bounds for the reference.
func (r Range) words(t reflect.Type) string {
	if !r.set {
		return ""
	}
	text := " " + number(t, r.least) + " to " + number(t, r.most)
	if r.most == 0 {
		text = " At least " + number(t, r.least)
	}
	if r.zero != "" {
		text += "; or " + number(t, 0) + ": " + r.zero
	}
	return text + "."
}

// number is n as the file has it.
func number(t reflect.Type, n int64) string {
	switch t {
	case reflect.TypeFor[Duration]():
		return Duration(n).String()
	case reflect.TypeFor[Size]():
		return Size(n).String()
	default:
		return strconv.FormatInt(n, 10)
	}
}

// of is what is known about a key of the file: the entries of a list are alike.
func (ks Keys) of(key string) Key {
	if name := entryNumber.ReplaceAllString(key, "[]"); name != key {
		key = name
	}
	return ks[key]
}

// Faults compares the table with the struct that defaults is: each key has its text, each text a
// key; each duration and size has bounds, within which its default is.
func (ks Keys) Faults(defaults any) (faults []string) {
	left := make(map[string]bool, len(ks))
	for name := range ks {
		left[name] = true
	}
	Walk(defaults, func(name string, v reflect.Value, _ bool) {
		k, known := ks[name]
		delete(left, name)
		if !known || k.Text == "" || !strings.HasSuffix(k.Text, ".") {
			faults = append(faults, name+" has no text of whole sentences")
		}
		switch v.Interface().(type) {
		case Duration, Size:
			if !k.Range.set || k.Range.least < 1 {
				faults = append(faults, name+" has no least value above 0")
			}
			if what, _ := k.Range.fault(v); what != "" {
				faults = append(faults, name+"'s default: "+what)
			}
		}
	})
	for name := range left {
		faults = append(faults, name+" has a text and is no key")
	}
	slices.Sort(faults)
	return faults
}

// Walk visits every table and key of a struct, in its order: a table before its keys, and of a list
// of tables an entry as it starts out.
func Walk(v any, visit func(name string, v reflect.Value, table bool)) {
	walk(reflect.ValueOf(v), "", visit)
}

func walk(v reflect.Value, prefix string, visit func(name string, v reflect.Value, table bool)) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("toml")
		if name == "" {
			continue
		}
		name = prefix + name
		field := v.Field(i)
		switch {
		case field.Kind() == reflect.Struct:
			visit(name, field, true)
			walk(field, name+".", visit)
		case isTables(field.Type()):
			visit(name, field, true)
			walk(newEntry(field.Type().Elem()), name+"[].", visit)
		default:
			visit(name, field, false)
		}
	}
}

// isTables is whether a field is a list of tables.
func isTables(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// Entry is a list's entry that does not start from nothing.
type Entry interface {
	// SetDefaults gives each key its value where the file has none.
	SetDefaults()
}

// newEntry is an entry of a list of tables before anything is read.
func newEntry(t reflect.Type) reflect.Value {
	p := reflect.New(t)
	if e, ok := p.Interface().(Entry); ok {
		e.SetDefaults()
	}
	return p.Elem()
}

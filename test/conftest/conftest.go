// Package conftest tries a table of configuration keys at the bounds of every number in it. It
// keeps nothing.
package conftest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"kiosk-agent/internal/conf"
)

// Bounds reads the example file once for each number of the table and each value around its bounds:
// what lies within is not refused for it, everything else is, by its key. parse reads a file; its
// error is conf.Problems.
func Bounds(t *testing.T, keys conf.Keys, defaults any, parse func(text []byte) error) {
	t.Helper()
	example, err := keys.Example(defaults, conf.NoComments)
	if err != nil {
		t.Fatal(err)
	}
	file, ps := keys.Decode("example.toml", example,
		reflect.New(reflect.TypeOf(defaults)).Interface())
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	tried := 0
	conf.Walk(defaults, func(name string, v reflect.Value, _ bool) {
		k := keys[name]
		if !v.CanInt() || k.Range == (conf.Range{}) {
			return
		}
		tried++
		for _, n := range around(k.Range, v) {
			lines := strings.Split(string(example), "\n")
			key := name[strings.LastIndexByte(name, '.')+1:]
			line := file.Line(strings.ReplaceAll(name, "[]", "[0]"))
			lines[line-1] = fmt.Sprintf("%s = %s", key, text(v.Type(), n))
			within := n >= k.Range.Least() && (k.Range.Most() == 0 || n <= k.Range.Most()) ||
				n == 0 && k.Range.Zero() != ""
			err := parse([]byte(strings.Join(lines, "\n")))
			if refused(err, name, line) == within {
				t.Errorf("%s: within the bounds: %v; error: %v", lines[line-1], within, err)
			}
		}
	})
	if tried == 0 {
		t.Error("the table has no number")
	}
}

// around are 0, the bounds, and the nearest values beyond them.
func around(r conf.Range, v reflect.Value) []int64 {
	step := int64(1)
	if v.Type() == reflect.TypeFor[conf.Duration]() {
		step = 1_000_000 // a millisecond
	}
	ns := []int64{0, r.Least() - step, r.Least()}
	if r.Most() != 0 {
		ns = append(ns, r.Most(), r.Most()+step)
	}
	return ns
}

func text(t reflect.Type, n int64) string {
	switch t {
	case reflect.TypeFor[conf.Duration]():
		return fmt.Sprintf("%q", conf.Duration(n))
	case reflect.TypeFor[conf.Size]():
		return fmt.Sprintf("%q", conf.Size(n))
	}
	return fmt.Sprint(n)
}

// refused reports whether a problem says that the key's number is out of bounds.
func refused(err error, name string, line int) bool {
	ps, _ := errors.AsType[conf.Problems](err)
	for _, p := range ps {
		if p.Key == strings.ReplaceAll(name, "[]", "[0]") && p.Line == line &&
			(strings.Contains(p.What, "is under") || strings.Contains(p.What, "is not between")) {
			return true
		}
	}
	return false
}

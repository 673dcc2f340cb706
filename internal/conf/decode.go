package conf

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"kiosk-agent/internal/invisible"
)

// allKeys is the hint of a key that there is not.
const allKeys = "docs/CONFIGURATION.md lists them all"

// entryNumber is how a key of one entry of a list is numbered.
var entryNumber = regexp.MustCompile(`\[\d+\]`)

// Decode reads data, the content of the file at path, into a pointer to a struct that holds the
// defaults. What is right is taken over whatever else is wrong; the file is nil where the text is
// no TOML, and nothing is taken over then.
func (ks Keys) Decode(path string, data []byte, into any) (*File, Problems) {
	d := &decoder{keys: ks}
	raw := d.read(path, data)
	if raw == nil {
		return nil, d.ps
	}
	d.table("", reflect.ValueOf(into).Elem(), raw)
	return d.f, d.ps.Sorted()
}

// read is the file's text as TOML has it; nil where it is none, and what is wrong with it is told.
func (d *decoder) read(path string, data []byte) map[string]any {
	d.f = &File{path: path, text: data, wrong: make(map[string]bool)}
	data, ok := d.plain(data)
	if !ok {
		return nil
	}
	raw := make(map[string]any)
	if err := toml.Unmarshal(data, &raw); err != nil {
		d.ps = append(d.ps, d.syntax(data, err))
		return nil
	}
	d.f.lines = keyLines(data)
	return raw
}

type decoder struct {
	keys Keys
	f    *File
	ps   Problems
}

func (d *decoder) fail(key, hint, format string, args ...any) {
	d.f.wrong[key] = true
	d.ps = append(d.ps, Problem{Path: d.f.path, Line: d.f.Line(key), Key: key,
		What: fmt.Sprintf(format, args...), Hint: hint})
}

// plain tells what an editor may have made of the file as a whole. A byte order mark hides no other
// mistake; what is no UTF-8 cannot be read.
func (d *decoder) plain(data []byte) (rest []byte, ok bool) {
	if invisible.UTF16(data) {
		d.fail("", fmt.Sprintf("save it as UTF-8: iconv -f UTF-16 -t UTF-8 %s > %[1]s.utf8 && "+
			"cat %[1]s.utf8 > %[1]s && rm %[1]s.utf8", d.f.path), "is in UTF-16")
		return nil, false
	}
	const mark = "\uFEFF"
	if rest, found := strings.CutPrefix(string(data), mark); found {
		d.ps = append(d.ps, Problem{Path: d.f.path, Line: 1,
			What: "begins with " + invisible.Name('\uFEFF'),
			Hint: `save it as UTF-8 without one: sed -i '1s/^\xEF\xBB\xBF//' ` + d.f.path})
		data = []byte(rest)
	}
	return data, true
}

// syntax is the one mistake of a text that is no TOML. A character that nobody sees in its line is
// likely what is wrong with it.
func (d *decoder) syntax(data []byte, err error) Problem {
	p := Problem{Path: d.f.path, What: strings.TrimPrefix(err.Error(), "toml: "),
		Hint: "mistakes after this one are seen once it is mended"}
	e, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		return p
	}
	p.Line, _ = e.Position()
	p.Key = strings.Join(e.Key(), ".")
	lines := strings.Split(string(data), "\n")
	if p.Line < 1 || p.Line > len(lines) {
		return p
	}
	line := lines[p.Line-1]
	if p.Line < len(lines) {
		line += "\n" // a carriage return before it is a line end's
	}
	if found, ok := invisible.First([]byte(line)); ok {
		p.What = "has " + found.Name
		p.Hint = retype("type the line anew", d.f.path, data, p.Line)
	}
	return p
}

// table takes over what the file says of one table.
func (d *decoder) table(prefix string, v reflect.Value, raw map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		key := prefix + name
		field, known := fieldOf(v, name)
		if !known {
			what, hint := "no such key", allKeys
			if found, ok := invisible.First([]byte(name)); ok {
				what += ": it has " + found.Name
				hint = retype(hint, d.f.path, d.f.text, d.f.Line(key))
			}
			d.fail(key, hint, "%s", what)
			continue
		}
		d.set(key, field, raw[name])
	}
}

// fieldOf is the struct's field with this name in the file.
func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("toml"); tag != "" && tag == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// set gives a field the file's value, or says why that is not possible.
func (d *decoder) set(key string, v reflect.Value, raw any) {
	switch to := v.Addr().Interface().(type) {
	case *Duration:
		d.duration(key, to, raw)
	case *Size:
		d.size(key, to, raw)
	default:
		d.plainValue(key, v, raw)
	}
	if v.CanInt() && !d.f.wrong[key] {
		if what, hint := d.keys.of(key).Range.fault(v); what != "" {
			d.fail(key, hint, "%s", what)
		}
	}
}

func (d *decoder) duration(key string, to *Duration, raw any) {
	switch raw := raw.(type) {
	case string:
		if err := to.UnmarshalText([]byte(raw)); err != nil {
			d.fail(key, "", "%.80s", err)
		}
	case int64, float64:
		d.fail(key, fmt.Sprintf("write \"%vs\"", raw), "%v has no unit", raw)
	default:
		d.mistyped(key, raw, `a duration such as "90s"`)
	}
}

func (d *decoder) size(key string, to *Size, raw any) {
	switch raw := raw.(type) {
	case string:
		if err := to.UnmarshalText([]byte(raw)); err != nil {
			d.fail(key, "", "%.80s", err)
		}
	case int64:
		*to = Size(raw)
	default:
		d.mistyped(key, raw, `a size such as "64MiB"`)
	}
}

// plainValue sets a field of one of Go's own types.
func (d *decoder) plainValue(key string, v reflect.Value, raw any) {
	switch v.Kind() {
	case reflect.Struct:
		if table, ok := raw.(map[string]any); ok {
			d.table(key+".", v, table)
		} else {
			d.mistyped(key, raw, "a table")
		}
	case reflect.Slice:
		d.list(key, v, raw)
	case reflect.String:
		if text, ok := raw.(string); !ok {
			d.mistyped(key, raw, "a string")
		} else if d.seen(key, text) {
			v.SetString(text)
		}
	case reflect.Bool:
		if truth, ok := raw.(bool); ok {
			v.SetBool(truth)
		} else {
			d.mistyped(key, raw, "true or false")
		}
	case reflect.Int, reflect.Int64:
		switch n, ok := raw.(int64); {
		case !ok:
			d.mistyped(key, raw, "a whole number")
		case v.OverflowInt(n):
			d.fail(key, "", "%d is too large", n)
		default:
			v.SetInt(n)
		}
	case reflect.Float64:
		switch n := raw.(type) {
		case int64:
			v.SetFloat(float64(n))
		case float64:
			v.SetFloat(n)
		default:
			d.mistyped(key, raw, "a number")
		}
	default:
		panic("conf: a field of the kind " + v.Kind().String())
	}
}

// list sets a list of strings, or of tables.
func (d *decoder) list(key string, v reflect.Value, raw any) {
	items, ok := raw.([]any)
	tables := isTables(v.Type())
	switch {
	case !ok && tables:
		d.mistyped(key, raw, "a list of tables")
		return
	case !ok:
		d.mistyped(key, raw, "a list of strings")
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, len(items))
	for i, item := range items {
		place := fmt.Sprintf("%s[%d]", key, i)
		if !tables {
			text, ok := item.(string)
			if !ok {
				d.mistyped(key, item, "a string, as every entry")
			} else if d.seen(key, text) {
				out = reflect.Append(out, reflect.ValueOf(text))
			}
			continue
		}
		table, ok := item.(map[string]any)
		if !ok {
			d.mistyped(place, item, "a table")
			continue
		}
		entry := newEntry(v.Type().Elem())
		d.table(place+".", entry, table)
		out = reflect.Append(out, entry)
	}
	v.Set(out)
}

// seen refuses a text that is not what it looks like: those are names, paths and addresses.
func (d *decoder) seen(key, text string) bool {
	d.told(key, text, d.keys.Rule(func(key string) string { return key }))
	return !d.f.wrong[key]
}

// mend is what takes away what nobody sees in a key's value: a command where the line has it as it
// is, and not as an escape.
func (d *decoder) mend(key string, f invisible.Fault) string {
	if strings.Contains(f.What, "with a space") {
		return "take it away"
	}
	line := d.f.Line(key)
	if line > 0 {
		line += f.Line - 1 // of a text over several lines
	}
	return retype("type it anew", d.f.path, d.f.text, line)
}

// retype is a hint with the command that does it.
func retype(hint, path string, text []byte, line int) string {
	if cmd := invisible.Removal(path, text, line); cmd != "" {
		hint += ", or: " + cmd
	}
	return hint
}

func (d *decoder) mistyped(key string, raw any, want string) {
	is := "a date or a time"
	switch raw := raw.(type) {
	case string:
		is = "a string"
	case int64:
		is = "a whole number"
	case float64:
		is = "a fraction"
	case bool:
		is = fmt.Sprint(raw)
	case []any:
		is = "a list"
	case map[string]any:
		is = "a table"
	}
	d.fail(key, "", "is %s and must be %s", is, want)
}

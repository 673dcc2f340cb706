package conf

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// width is how long a comment's line is at most.
const width = 100

// Comments is what Render explains.
type Comments int

// What Render explains.
const (
	NoComments Comments = iota
	OfTables            // each table
	OfKeys              // and each key
)

// Render writes values, as TOML's decoder has them, as a file, in the order of a struct. The error
// names every key that the struct has not.
func (ks Keys) Render(values map[string]any, layout reflect.Type, c Comments) ([]byte, error) {
	r := &renderer{keys: ks, comments: c}
	r.table("", "", layout, values)
	return r.out.Bytes(), errors.Join(r.errs...)
}

// Example is a file that names every key of v: with its value, or with the key's example where it
// has none. Of a list of tables without entries it shows one.
func (ks Keys) Example(v any, c Comments) ([]byte, error) {
	values, err := ks.values("", reflect.ValueOf(v))
	if err != nil {
		return nil, err
	}
	return ks.Render(values, reflect.TypeOf(v), c)
}

// values are v's, as TOML's decoder would have them.
func (ks Keys) values(prefix string, v reflect.Value) (map[string]any, error) {
	out := make(map[string]any)
	var errs []error
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("toml")
		if name == "" {
			continue
		}
		value, err := ks.value(prefix+name, v.Field(i))
		out[name] = value
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

func (ks Keys) value(key string, v reflect.Value) (any, error) {
	if k := ks[key]; k.Example != "" && (v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0) {
		var doc map[string]any
		err := toml.Unmarshal([]byte("v = "+k.Example), &doc)
		return doc["v"], err
	}
	if text, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := text.MarshalText()
		return string(b), err
	}
	switch {
	case v.Kind() == reflect.Struct:
		return ks.values(key+".", v)
	case v.Kind() == reflect.Slice:
		return ks.entries(key, v)
	case v.CanInt():
		return v.Int(), nil
	default:
		return v.Interface(), nil
	}
}

func (ks Keys) entries(key string, v reflect.Value) (any, error) {
	list := []any{}
	if !isTables(v.Type()) {
		for i := range v.Len() {
			list = append(list, v.Index(i).String())
		}
		return list, nil
	}
	if v.Len() == 0 {
		v = reflect.Append(v, newEntry(v.Type().Elem()))
	}
	for i := range v.Len() {
		table, err := ks.values(key+"[].", v.Index(i))
		if err != nil {
			return nil, err
		}
		list = append(list, table)
	}
	return list, nil
}

type renderer struct {
	keys     Keys
	comments Comments
	out      bytes.Buffer
	errs     []error
}

// table writes the plain keys first and then the tables below, as TOML wants it. path is the keys'
// in the file, name theirs in the table of keys.
func (r *renderer) table(path, name string, rt reflect.Type, v map[string]any) {
	left := maps.Clone(v)
	var below []reflect.StructField
	for i := range rt.NumField() {
		f := rt.Field(i)
		key := f.Tag.Get("toml")
		value, ok := v[key]
		if key == "" || !ok {
			continue
		}
		delete(left, key)
		if f.Type.Kind() == reflect.Struct || isTables(f.Type) {
			below = append(below, f)
			continue
		}
		if r.comments == OfKeys {
			r.comment(name+key, f.Type)
		}
		fmt.Fprintf(&r.out, "%s = %s\n", key, r.literal(path+key, value))
	}
	for _, f := range below {
		key := path + f.Tag.Get("toml")
		switch value := v[f.Tag.Get("toml")].(type) {
		case map[string]any:
			r.head(name+f.Tag.Get("toml"), f.Type, "["+key+"]", value)
			r.table(key+".", name+f.Tag.Get("toml")+".", f.Type, value)
		case []any:
			r.list(key, name+f.Tag.Get("toml"), f.Type, value)
		default:
			r.errs = append(r.errs, fmt.Errorf("%s must be a table", key))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(left)) {
		r.errs = append(r.errs, fmt.Errorf("%s%s: no such key (%s)", path, key, allKeys))
	}
}

func (r *renderer) list(key, name string, t reflect.Type, entries []any) {
	for i, value := range entries {
		entry, ok := value.(map[string]any)
		if !ok || t.Kind() != reflect.Slice {
			r.errs = append(r.errs, fmt.Errorf("%s must be tables", key))
			return
		}
		if i == 0 {
			r.head(name, t, "[["+key+"]]", entry)
		} else {
			fmt.Fprintf(&r.out, "\n[[%s]]\n", key)
		}
		r.table(key+".", name+"[].", t.Elem(), entry)
	}
}

// head writes a table's; one that holds nothing but tables needs none.
func (r *renderer) head(name string, t reflect.Type, head string, v map[string]any) {
	for _, value := range v {
		_, table := value.(map[string]any)
		if list, ok := value.([]any); ok && len(list) > 0 {
			_, table = list[0].(map[string]any)
		}
		if table {
			continue
		}
		if r.out.Len() > 0 {
			r.out.WriteByte('\n')
		}
		if r.comments >= OfTables {
			r.comment(name, t)
		}
		fmt.Fprintln(&r.out, head)
		return
	}
}

func (r *renderer) comment(name string, t reflect.Type) {
	k := r.keys[name]
	line := "#"
	for word := range strings.FieldsSeq(k.Text + k.Range.words(t)) {
		if len([]rune(line))+1+len([]rune(word)) > width {
			fmt.Fprintln(&r.out, line)
			line = "#"
		}
		line += " " + word
	}
	if line != "#" {
		fmt.Fprintln(&r.out, line)
	}
}

// literal writes one value. JSON's texts, numbers and truths are TOML's too.
func (r *renderer) literal(key string, value any) string {
	if list, ok := value.([]any); ok {
		items := make([]string, len(list))
		for i, item := range list {
			items[i] = r.literal(key, item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	switch value := value.(type) {
	case float64:
		text := fmt.Sprint(value)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	case string, int64, bool:
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(value); err == nil {
			return strings.TrimSpace(text.String())
		}
	}
	r.errs = append(r.errs, fmt.Errorf("%s: a value of this kind is not possible", key))
	return `""`
}

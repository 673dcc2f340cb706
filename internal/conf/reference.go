package conf

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference is the description of every key of v, which holds the defaults, as Markdown: a section
// for each table, with headings of the given depth.
func (ks Keys) Reference(v any, depth int) string {
	var b strings.Builder
	ks.section(&b, reflect.ValueOf(v), "", depth)
	return b.String()
}

func (ks Keys) section(b *strings.Builder, v reflect.Value, prefix string, depth int) {
	var rows, below strings.Builder
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Tag.Get("toml")
		if name == "" {
			continue
		}
		k := ks[prefix+name]
		switch {
		case field.Kind() == reflect.Struct:
			fmt.Fprintf(&below, "%s [%s%s]\n\n%s\n\n", strings.Repeat("#", depth), prefix, name,
				k.Text)
			ks.section(&below, field, prefix+name+".", depth)
		case isTables(field.Type()):
			fmt.Fprintf(&below, "%s Each entry of %s%s\n\n%s\n\n", strings.Repeat("#", depth+1),
				prefix, name, k.Text)
			ks.section(&below, newEntry(field.Type().Elem()), prefix+name+"[].", depth)
		default:
			fmt.Fprintf(&rows, "| `%s` | %s | `%s` | %s%s |\n", name, typeName(field),
				defaultText(field), k.Text, k.Range.words(field.Type()))
		}
	}
	if rows.Len() > 0 {
		fmt.Fprintf(b, "| key | type | default | meaning |\n|---|---|---|---|\n%s\n", rows.String())
	}
	b.WriteString(below.String())
}

func typeName(v reflect.Value) string {
	switch v.Interface().(type) {
	case Duration:
		return "duration"
	case Size:
		return "size"
	case []string:
		return "list of strings"
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "boolean"
	default:
		return v.Kind().String()
	}
}

// defaultText is a default as the file would have it.
func defaultText(v reflect.Value) string {
	r := &renderer{}
	value, err := Keys(nil).value("", v)
	if err != nil {
		return ""
	}
	return r.literal("", value)
}

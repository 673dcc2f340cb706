package gateways

import (
	"reflect"
	"strconv"
	"strings"
)

// Assignment is the line of the configuration that gives a key this value, and the table that it
// stands in: in a list the value comes after what is there. line is "" without a value, and for a
// key that is not the section's.
func (c Chosen) Assignment(key, value string) (table, line string) {
	dot := strings.LastIndexByte(key, '.')
	table, name := key[:max(0, dot)], key[dot+1:]
	path, ours := strings.CutPrefix(key, c.row.Name+".")
	v := reflect.Indirect(reflect.ValueOf(c.settings.Section))
	for _, part := range strings.Split(path, ".") {
		if v = fieldOf(v, part); !v.IsValid() {
			ours = false
			break
		}
	}
	if !ours || value == "" {
		return table, ""
	}
	switch v.Kind() {
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, strconv.Quote(v.Index(i).String()))
		}
		return table, name + " = [" + strings.Join(append(all, strconv.Quote(value)), ", ") + "]"
	case reflect.String:
		return table, name + " = " + strconv.Quote(value)
	default:
		return table, name + " = " + value
	}
}

// fieldOf is the field of a section that has this key; not valid where there is none.
func fieldOf(section reflect.Value, key string) reflect.Value {
	if section.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	for i := range section.NumField() {
		if section.Type().Field(i).Tag.Get("toml") == key {
			return section.Field(i)
		}
	}
	return reflect.Value{}
}

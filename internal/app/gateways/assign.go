package gateways

import (
	"reflect"
	"strconv"
	"strings"
)

// Assignment is the line of the configuration that gives a key this value: in a list it comes after
// what is there. Without a value, and for a key that is not the section's, it is the key alone.
func (c Chosen) Assignment(key, value string) string {
	path, ours := strings.CutPrefix(key, c.row.Name+".")
	v := reflect.Indirect(reflect.ValueOf(c.settings.Section))
	for _, name := range strings.Split(path, ".") {
		if v = fieldOf(v, name); !v.IsValid() {
			ours = false
			break
		}
	}
	if !ours || value == "" {
		return key
	}
	switch v.Kind() {
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, strconv.Quote(v.Index(i).String()))
		}
		return key + " = [" + strings.Join(append(all, strconv.Quote(value)), ", ") + "]"
	case reflect.String:
		return key + " = " + strconv.Quote(value)
	default:
		return key + " = " + value
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

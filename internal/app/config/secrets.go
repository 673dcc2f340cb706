package config

import (
	"fmt"
	"reflect"
	"strings"

	"kiosk-agent/internal/app/gateways"
)

// SecretRef is one place of the configuration that names a secret. Name is a gateway's (axs,
// axs-previous), relay, display or till:NAME; the key of a till has its number:
// till.websocket.tills[0].token.
type SecretRef = gateways.SecretRef

// Secrets lists every key that names a secret, in the order of the file: those of the gateways, and
// the keys token of whatever table.
func (c *Config) Secrets() []SecretRef {
	var refs []SecretRef
	v := c.Tables()
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("toml")
		if section, ok := c.sections[name]; ok {
			row, _ := c.gateways.Find(name) // it has a section here
			refs = append(refs, row.Secrets(section)...)
			continue
		}
		refs = append(refs, tokensOf(v.Field(i), name, name)...)
	}
	return refs
}

// Private are the dotted keys that hold no secret, and that support must not see all the same.
func (c *Config) Private() []string {
	var keys []string
	for _, row := range c.gateways {
		for _, key := range row.Private {
			keys = append(keys, row.Name+"."+key, row.Name+".previous[]."+key)
		}
	}
	return keys
}

func tokensOf(v reflect.Value, key, owner string) (refs []SecretRef) {
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Tag.Get("toml")
		path := strings.TrimPrefix(key+"."+name, ".")
		switch {
		case name == "":
		case field.Kind() == reflect.Struct:
			refs = append(refs, tokensOf(field, path, name)...)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			for n := range field.Len() {
				till := "till:" + field.Index(n).FieldByName("Name").String()
				refs = append(refs, tokensOf(field.Index(n), fmt.Sprintf("%s[%d]", path, n),
					till)...)
			}
		case name == "token":
			refs = append(refs, SecretRef{Name: owner, Key: path, Ref: field.String()})
		}
	}
	return refs
}

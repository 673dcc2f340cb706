package config

import (
	"fmt"
	"reflect"
	"strings"
)

// SecretRef is one place of the configuration that names a secret.
type SecretRef struct {
	// for people and for kiosk-agent secret set: axs, axs-previous, singapay, singapay-previous,
	// relay, display, till:NAME
	Name string
	Key  string // dotted; of a till, with its number: till.websocket.tills[0].token
	Ref  string // file:PATH or credential:NAME; "" = not set
}

// Secrets lists every key that names a secret, in the order of the file: the keys secret,
// client_secret, previous_secret and token of whatever table.
func (c *Config) Secrets() []SecretRef { return secretsOf(reflect.ValueOf(*c), "", "") }

func secretsOf(v reflect.Value, key, owner string) (refs []SecretRef) {
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Tag.Get("toml")
		path := strings.TrimPrefix(key+"."+name, ".")
		switch {
		case name == "":
		case field.Kind() == reflect.Struct:
			refs = append(refs, secretsOf(field, path, name)...)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			for n := range field.Len() {
				till := "till:" + field.Index(n).FieldByName("Name").String()
				refs = append(refs, secretsOf(field.Index(n), fmt.Sprintf("%s[%d]", path, n),
					till)...)
			}
		case name == "previous_secret":
			refs = append(refs, SecretRef{owner + "-previous", path, field.String()})
		case name == "secret" || name == "client_secret" || name == "token":
			refs = append(refs, SecretRef{owner, path, field.String()})
		}
	}
	return refs
}

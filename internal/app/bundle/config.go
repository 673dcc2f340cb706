package bundle

import (
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"kiosk-agent/internal/app/config"
)

// Config is the configuration in force, defaults included. Secrets are named and not told, as in
// the file; addresses lose what only those may know who use them. The file's own text is left out:
// a comment in it can hold anything.
func Config(c *config.Config) ([]byte, error) {
	file := c.Tables()
	clean(file, "", c.Private())
	return toml.Marshal(file.Interface())
}

// clean takes out what stands below prefix. private are the keys whose values are not shown.
func clean(v reflect.Value, prefix string, private []string) {
	for i := range v.NumField() {
		field, key := v.Field(i), v.Type().Field(i).Tag.Get("toml")
		switch {
		case key == "":
		case field.Kind() == reflect.Struct:
			clean(field, prefix+key+".", private)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			own := reflect.MakeSlice(field.Type(), field.Len(), field.Len())
			reflect.Copy(own, field) // the entries are the configuration's
			field.Set(own)
			for n := range field.Len() {
				clean(field.Index(n), prefix+key+"[].", private)
			}
		case field.Kind() != reflect.String || field.String() == "":
		case slices.Contains(private, prefix+key):
			field.SetString(redacted)
		case strings.Contains(field.String(), "://"):
			field.SetString(address(field.String()))
		}
	}
}

// address is a URL without user, query and route.
func address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return redacted
	}
	text := u.Scheme + "://" + u.Host
	if before, _, hook := strings.Cut(u.EscapedPath(), "/hook/"); hook {
		return text + before + "/hook/" + redacted
	}
	text += u.EscapedPath()
	if u.RawQuery != "" {
		text += "?" + redacted
	}
	return text
}

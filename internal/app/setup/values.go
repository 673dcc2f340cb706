package setup

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
)

// Values are the keys of a configuration file, as TOML has them.
type Values map[string]any

func decode(text []byte) (Values, error) {
	v := Values{}
	return v, toml.Unmarshal(text, &v)
}

// Set gives a dotted key its value; "till.websocket.tills[0].token" is a key of the first entry.
func (v Values) Set(key string, value any) {
	table := map[string]any(v)
	for {
		head, rest, more := strings.Cut(key, ".")
		if !more {
			table[key] = value
			return
		}
		table, key = inner(table, head), rest
	}
}

// inner is the table of this name, made where there is none.
func inner(table map[string]any, name string) map[string]any {
	if list, index, ok := strings.Cut(strings.TrimSuffix(name, "]"), "["); ok {
		i, err := strconv.Atoi(index)
		if entries, _ := table[list].([]any); err == nil && i < len(entries) {
			if entry, ok := entries[i].(map[string]any); ok {
				return entry
			}
		}
		return map[string]any{} // there is no such entry to be changed
	}
	next, ok := table[name].(map[string]any)
	if !ok {
		next = map[string]any{}
		table[name] = next
	}
	return next
}

func (v Values) get(key string) any {
	var at any = map[string]any(v)
	for name := range strings.SplitSeq(key, ".") {
		table, _ := at.(map[string]any)
		at = table[name]
	}
	return at
}

// Text is the value of a dotted key that holds a text; "" where there is none.
func (v Values) Text(key string) string {
	s, _ := v.get(key).(string)
	return s
}

// add sets a key that has no value yet. What stands where its table should be stays, to be refused.
func (v Values) add(key, value string) {
	if table, _, below := strings.Cut(key, "."); below && v[table] != nil {
		if _, ok := v[table].(map[string]any); !ok {
			return
		}
	}
	if v.get(key) == nil {
		v.Set(key, value)
	}
}

func (v Values) clone() Values { return Values(merge(v, nil)) }

// merge is both, deeply; over wins. Lists are replaced whole.
func merge(base, over map[string]any) map[string]any {
	out := map[string]any{}
	for _, from := range []map[string]any{base, over} {
		for key, value := range from {
			if table, ok := value.(map[string]any); ok {
				before, _ := out[key].(map[string]any)
				value = merge(before, table)
			}
			out[key] = copied(value)
		}
	}
	return out
}

func copied(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	list = slices.Clone(list)
	for i, entry := range list {
		if table, ok := entry.(map[string]any); ok {
			list[i] = merge(table, nil)
		}
	}
	return list
}

// Fleet is a file for many kiosks: the keys of the configuration that they share, secret_file where
// the gateway's secret lies beside it, and [kiosks.ID] with a kiosk's own keys and its code.
type Fleet struct {
	SecretFile string // "" = the file names none
	path       string
	shared     Values
	kiosks     map[string]any
}

// ReadFleet reads the file.
func ReadFleet(path string) (*Fleet, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	raw, ps := conf.Raw(path, text, config.Keys(gateways.All()).Rule(sharedKey))
	if len(ps) > 0 {
		return nil, ps
	}
	v := Values(raw)
	f := &Fleet{path: path, shared: v}
	listed := v["kiosks"]
	delete(v, "kiosks")
	var ok bool
	if f.kiosks, ok = listed.(map[string]any); listed != nil && !ok {
		return nil, fmt.Errorf("%s: kiosks must be tables: [kiosks.K001]", path)
	}
	if f.shared.get("terminal.id") != nil {
		return nil,
			fmt.Errorf(
				"%s: terminal.id is each kiosk's own: write [kiosks.K001], or let the code say it",
				path)
	}
	named := v["secret_file"]
	delete(v, "secret_file")
	if f.SecretFile, ok = named.(string); named != nil && (!ok || f.SecretFile == "") {
		return nil, fmt.Errorf("%s: secret_file must be the path of a file", path)
	}
	if f.SecretFile != "" && !filepath.IsAbs(f.SecretFile) {
		f.SecretFile = filepath.Join(filepath.Dir(path), f.SecretFile)
	}
	return f, nil
}

// sharedKey is what a kiosk's own key is called in the configuration.
func sharedKey(key string) string {
	if own, ok := strings.CutPrefix(key, "kiosks."); ok {
		_, key, _ = strings.Cut(own, ".")
	}
	return key
}

// Lists is whether the file has a table for each kiosk; a kiosk must say then which one it is.
func (f *Fleet) Lists() bool { return f.kiosks != nil }

// Kiosk is what the file says of one kiosk, and its code where the file has it. A file that lists
// no kiosks is for any.
func (f *Fleet) Kiosk(id string) (Values, string, error) {
	if f.kiosks == nil {
		return f.shared.clone(), "", nil
	}
	table, ok := f.kiosks[id].(map[string]any)
	if !ok {
		return nil, "", fmt.Errorf("%s has no [kiosks.%s]; it has: %s", f.path, id,
			strings.Join(slices.Sorted(maps.Keys(f.kiosks)), ", "))
	}
	own := maps.Clone(table)
	code, ok := own["code"].(string)
	if own["code"] != nil && !ok {
		return nil, "", fmt.Errorf("%s: kiosks.%s.code must be a text", f.path, id)
	}
	delete(own, "code")
	return Values(merge(f.shared, own)), code, nil
}

// render writes the values as a configuration file, in the order and with the descriptions of
// the reader's files.
func render(r config.Reader, v Values) ([]byte, error) {
	text, err := r.Render(v, conf.OfTables)
	return append([]byte("# kiosk-agent: the configuration of this kiosk, made by kiosk-agent "+
		"init. docs/CONFIGURATION.md explains every key; what is not written\n"+
		"# here has its default. After a change: kiosk-agent check-config, then systemctl "+
		"restart kiosk-agent.\n\n"), text...), err
}

package conf

import (
	"maps"
	"slices"

	"kiosk-agent/internal/invisible"
)

// Rule is what must hold of a text that stands at a key: [Keys.Rule], or [Literal].
type Rule func(key, text string) (f invisible.Fault, wrong bool)

// Rule is that of a file whose keys are not ks' own: name says which of ks one is. What people read
// may be any text.
func (ks Keys) Rule(name func(key string) string) Rule {
	return func(key, text string) (f invisible.Fault, wrong bool) {
		if ks.of(name(key)).People {
			return f, false
		}
		return invisible.Alone([]byte(text))
	}
}

// Literal refuses only what stands in the file as it is: an escape can be seen.
func Literal(data []byte) Rule {
	return func(_, text string) (f invisible.Fault, wrong bool) {
		found, hidden := invisible.First([]byte(text))
		if !hidden || !slices.Contains([]rune(string(data)), found.Rune) {
			return f, false
		}
		return invisible.Fault{What: "has " + found.Name, Line: found.Line}, true
	}
}

// Raw reads data, the content of the file at path, as TOML's decoder has it, for a file that is no
// configuration: a fleet's, a dialect. What an editor may have made of it is told, and each text
// and key that breaks the rule; what else is wrong, the caller finds out.
func Raw(path string, data []byte, rule Rule) (map[string]any, Problems) {
	d := &decoder{}
	raw := d.read(path, data)
	if raw == nil {
		return nil, d.ps
	}
	d.raw("", raw, rule)
	return raw, d.ps.Sorted()
}

// raw visits a value and what is in it.
func (d *decoder) raw(key string, v any, rule Rule) {
	switch v := v.(type) {
	case string:
		d.told(key, v, rule)
	case []any:
		for _, entry := range v {
			d.raw(key, entry, rule)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner := name
			if key != "" {
				inner = key + "." + name
			}
			if f, hidden := invisible.Alone([]byte(name)); hidden {
				d.fail(inner, d.mend(inner, f), "the key %s", f.What)
				continue
			}
			d.raw(inner, v[name], rule)
		}
	}
}

// told reports a text that breaks the rule.
func (d *decoder) told(key, text string, rule Rule) {
	if f, wrong := rule(key, text); wrong {
		d.fail(key, d.mend(key, f), "%s", f.What)
	}
}

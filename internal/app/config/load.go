package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxFile bounds the file: a configuration is some hundred lines.
const maxFile = 256 << 10

// Problem is one mistake in the file.
type Problem struct {
	Path string // the file
	Line int    // 0 = the file as a whole
	Key  string // dotted
	What string
	Hint string
	// the file is well written; another one, which the key names, is missing or cannot be used
	File bool
}

func (p Problem) String() string {
	s := p.Path
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
	}
	s += ": "
	if p.Key != "" {
		s += p.Key + ": "
	}
	s += p.What
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Problems are all the mistakes found; as an error, one to a line.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Load reads and checks a file. The error is Problems.
func Load(path string) (*Config, error) { return Reader{}.Load(path) }

// Load reads and checks a file. The error is Problems.
func (r Reader) Load(path string) (*Config, error) {
	c, err := r.Salvage(path)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Salvage is Load for a program that must serve what it can: where nothing is wrong but other files
// that the configuration names, the configuration comes with the error.
func Salvage(path string) (*Config, error) { return Reader{}.Salvage(path) }

// Salvage is what the function of this name says.
func (r Reader) Salvage(path string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	c, ps := r.parse(path, data)
	if len(ps) == 0 {
		return c, nil
	}
	if slices.ContainsFunc(ps, func(p Problem) bool { return !p.File }) {
		c = nil
	}
	return c, ps
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Problems{{Path: path, What: errors.Unwrap(err).Error(), Hint: openHint(err)}}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, Problems{{Path: path, What: err.Error()}}
	}
	if len(data) > maxFile {
		return nil, Problems{{Path: path, What: "larger than 256 KiB",
			Hint: "is this the configuration?"}}
	}
	return data, nil
}

// openHint says what to do where the file cannot be opened.
func openHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "run this as root or as the agent's user"
	case errors.Is(err, fs.ErrNotExist):
		return "name the file with --config; a new kiosk's is made by kiosk-agent init"
	default:
		return "name the file with --config"
	}
}

// Parse checks data as the content of the file at path. The error is Problems.
func Parse(path string, data []byte) (*Config, error) { return Reader{}.Parse(path, data) }

// Parse checks data as the content of the file at path. The error is Problems.
func (r Reader) Parse(path string, data []byte) (*Config, error) {
	c, ps := r.parse(path, data)
	if len(ps) > 0 {
		return nil, ps
	}
	return c, nil
}

// parse returns no configuration where data cannot be decoded.
func (r Reader) parse(path string, data []byte) (*Config, Problems) {
	c := r.Default()
	c.path, c.text, c.lines = path, data, keyLines(data)
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	var strict Problems
	file := c.Tables()
	if err := dec.Decode(file.Addr().Interface()); err != nil {
		strict = decodeProblems(path, err)
		if _, ok := errors.AsType[*toml.StrictMissingError](err); !ok {
			return nil, strict
		}
	}
	c.take(file)
	strict = append(strict, unitless(&c, data)...)
	for i := range c.Till.Serial {
		c.Till.Serial[i].fill(c.lines, i)
	}
	return &c, append(strict, c.check()...)
}

func decodeProblems(path string, err error) Problems {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		var ps Problems
		for _, e := range strict.Errors {
			line, _ := e.Position()
			ps = append(ps, Problem{Path: path, Line: line, Key: strings.Join(e.Key(), "."),
				What: "no such key", Hint: "docs/CONFIGURATION.md lists them all"})
		}
		return ps
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := e.Position()
		what := wrongType.ReplaceAllString(strings.TrimPrefix(e.Error(), "toml: "),
			"is a $1 and must be a $2")
		what = strings.NewReplacer("a int64", "a whole number", "a int", "a whole number", "a bool",
			"true or false").Replace(what)
		return Problems{{Path: path, Line: line, Key: strings.Join(e.Key(), "."), What: what,
			Hint: "mistakes after this one are seen once it is mended"}}
	}
	return Problems{{Path: path, What: err.Error()}}
}

// wrongType is how the decoder says that a value has another type than its key.
var wrongType = regexp.MustCompile(
	`cannot decode TOML (\w+) into (?:struct field .+ of type|a Go value of type) (\S+)`)

// unitless finds durations that were written as a bare number: the decoder takes them for
// nanoseconds.
func unitless(c *Config, data []byte) (ps Problems) {
	var raw map[string]any
	if toml.Unmarshal(data, &raw) != nil {
		return nil // the decoder has said so
	}
	for table, v := range raw {
		keys, ok := v.(map[string]any)
		if !ok {
			continue
		}
		section, ok := field(c.Tables(), table)
		for key, value := range keys {
			f, known := field(section, key)
			if _, number := value.(int64); ok && known && number &&
				f.Type() == reflect.TypeFor[Duration]() {
				ps = append(ps, Problem{
					Path: c.path, Line: c.lines[table+"."+key], Key: table + "." + key,
					What: fmt.Sprintf("%d has no unit", value),
					Hint: fmt.Sprintf("write \"%ds\"", value),
				})
			}
		}
	}
	slices.SortFunc(ps, func(a, b Problem) int { return a.Line - b.Line })
	return ps
}

// field is the struct's field with this name in the file.
func field(v reflect.Value, name string) (reflect.Value, bool) {
	if v.Kind() != reflect.Struct {
		return reflect.Value{}, false
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("toml") == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keyLines maps each dotted key of the file to its line, so that a value that reads well but means
// nothing is named with its line too. Array tables are numbered: till.serial[0].device. What does
// not parse is left to the decoder to report.
func keyLines(data []byte) map[string]int {
	lines := make(map[string]int)
	counts := make(map[string]int)
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		it := e.Key()
		var parts []string
		offset := -1
		for it.Next() {
			parts = append(parts, string(it.Node().Data))
			if offset < 0 {
				offset = int(it.Node().Raw.Offset)
			}
		}
		key := strings.Join(parts, ".")
		line := 1 + bytes.Count(data[:max(0, min(offset, len(data)))], []byte("\n"))
		switch e.Kind {
		case unstable.Table:
			table = key
		case unstable.ArrayTable:
			table = fmt.Sprintf("%s[%d]", key, counts[key])
			counts[key]++
			lines[table] = line
			continue
		case unstable.KeyValue:
			if table != "" {
				key = table + "." + key
			}
		default:
			continue
		}
		lines[key] = line
	}
	return lines
}

// Path is the file that the configuration came from; "" for one that no file gave.
func (c *Config) Path() string { return c.path }

// Text is the content of that file. It names secrets and holds none.
func (c *Config) Text() []byte { return c.text }

// Locate puts the file and line before an error of another part whose text begins with a dotted key
// of the configuration ("axs.secret: …"). Joined errors are located one by one.
func (c *Config) Locate(err error) error {
	var ps Problems
	for text := range strings.Lines(err.Error()) {
		text = strings.TrimSuffix(text, "\n")
		key, what, _ := strings.Cut(text, " ")
		key = strings.TrimSuffix(key, ":")
		line, known := c.lines[key]
		if !known {
			key, what = "", text
		}
		ps = append(ps, Problem{Path: c.path, Line: line, Key: key, What: what})
	}
	return ps
}

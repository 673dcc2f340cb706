package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"kiosk-agent/internal/rights"
)

// maxFile bounds the file: a configuration is some hundred lines.
const maxFile = 256 << 10

// Read is the content of the file at path. The error is Problems; user is whose rights, beside
// root's, would do, and made says where such a file comes from.
func Read(path, user, made string) ([]byte, error) {
	f, err := rights.Open(path)
	if err != nil {
		hint := "name the file with --config"
		switch {
		case errors.Is(err, fs.ErrPermission):
			hint = "run this as root or as " + user
		case errors.Is(err, fs.ErrNotExist) && made != "":
			hint += "; " + made
		}
		return nil, Problems{{Path: path, What: errors.Unwrap(err).Error(), Hint: hint}}
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

// File is a file that was read: where each key stands.
type File struct {
	path  string
	text  []byte
	lines map[string]int
	wrong map[string]bool // keys with a mistake that was told
}

// Path is the file's.
func (f *File) Path() string { return f.path }

// Text is the file's content. It names secrets and holds none.
func (f *File) Text() []byte { return f.text }

// Has reports whether the file has the key.
func (f *File) Has(key string) bool { return f.lines[key] > 0 }

// Line is where a key stands; of an absent one, where its table does; 0 where neither is.
func (f *File) Line(key string) int {
	for {
		if line := f.lines[key]; line > 0 {
			return line
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			return 0
		}
		key = key[:cut]
	}
}

// Locate puts the file and line before an error of another part whose text begins with a dotted key
// of the configuration ("axs.secret: …"). Joined errors are located one by one.
func (f *File) Locate(err error) error {
	var ps Problems
	for text := range strings.Lines(err.Error()) {
		text = strings.TrimSuffix(text, "\n")
		key, what, _ := strings.Cut(text, " ")
		key = strings.TrimSuffix(key, ":")
		line, known := f.lines[key]
		if !known {
			key, what = "", text
		}
		ps = append(ps, Problem{Path: f.path, Line: line, Key: key, What: what})
	}
	return ps
}

// keyLines maps each dotted key of the file to its line, so that a value that reads well but means
// nothing is named with its line too. The entries of lists of tables are numbered:
// till.serial[0].device. The text is TOML.
func keyLines(data []byte) map[string]int {
	l := liner{data: data, lines: make(map[string]int), counts: make(map[string]int)}
	l.p.Reset(data)
	table := ""
	for l.p.NextExpression() {
		switch e := l.p.Expression(); e.Kind {
		case unstable.Table:
			key, line := l.key(e.Key())
			table = l.entry(key)
			l.lines[table] = line
		case unstable.ArrayTable:
			key, line := l.key(e.Key())
			list := l.entry(key)
			table = fmt.Sprintf("%s[%d]", list, l.counts[list])
			l.counts[list]++
			l.lines[table] = line
		case unstable.KeyValue:
			l.value(table, e)
		}
	}
	return l.lines
}

type liner struct {
	p      unstable.Parser
	data   []byte
	lines  map[string]int
	counts map[string]int // entries of lists of tables
}

// key is a dotted key and its line.
func (l *liner) key(parts unstable.Iterator) (key string, line int) {
	var names []string
	for parts.Next() {
		n := parts.Node()
		names = append(names, string(n.Data))
		if line == 0 {
			at := max(0, min(int(n.Raw.Offset), len(l.data)))
			line = 1 + bytes.Count(l.data[:at], []byte("\n"))
		}
	}
	return strings.Join(names, "."), line
}

// entry is the key of a table; below a list it is one of the newest entry's.
func (l *liner) entry(key string) string {
	at := ""
	names := strings.Split(key, ".")
	for i, name := range names {
		if at += name; i == len(names)-1 {
			break
		}
		if n := l.counts[at]; n > 0 {
			at += fmt.Sprintf("[%d]", n-1)
		}
		at += "."
	}
	return at
}

// value notes a key and, where its value is an inline table or a list of them, the keys in it.
func (l *liner) value(table string, e *unstable.Node) {
	key, line := l.key(e.Key())
	if table != "" {
		key = table + "." + key
	}
	l.lines[key] = line
	switch v := e.Value(); v.Kind {
	case unstable.InlineTable:
		l.inline(key, v)
	case unstable.Array:
		i := 0
		for items := v.Children(); items.Next(); i++ {
			if items.Node().Kind == unstable.InlineTable {
				l.inline(fmt.Sprintf("%s[%d]", key, i), items.Node())
			}
		}
	}
}

func (l *liner) inline(key string, v *unstable.Node) {
	for pairs := v.Children(); pairs.Next(); {
		l.value(key, pairs.Node())
	}
}

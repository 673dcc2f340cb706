package ecr

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lineMap maps each dotted key of a file to its line, so that a value that reads well but means
// nothing is named with its line too. Entries of lists of tables are numbered:
// response.fields.0.code.
type lineMap map[string]int

// of is the line of key, or of the nearest table around it that is in the file; 0 if there is none.
func (m lineMap) of(key string) int {
	for key != "" {
		if line, ok := m[key]; ok {
			return line
		}
		i := strings.LastIndexByte(key, '.')
		key = key[:max(i, 0)]
	}
	return 0
}

// keyLines reads what it can; what does not parse was reported by the decoder.
func keyLines(data []byte) lineMap {
	lines, counts, table := make(lineMap), make(map[string]int), ""
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		e := p.Expression()
		key, line := dotted(data, e.Key())
		switch e.Kind {
		case unstable.Table:
			table = key
		case unstable.ArrayTable:
			table = key + "." + strconv.Itoa(counts[key])
			counts[key]++
		case unstable.KeyValue:
			if table != "" {
				key = table + "." + key
			}
			lines[key] = line
			inner(lines, data, key, e.Value())
			continue
		default:
			continue
		}
		lines[table] = line
	}
	return lines
}

// inner gives the keys of inline tables and of lists of them the line on which they stand.
func inner(lines lineMap, data []byte, key string, value *unstable.Node) {
	it := value.Children()
	for i := 0; it.Next(); i++ {
		n := it.Node()
		switch {
		case value.Kind == unstable.InlineTable && n.Kind == unstable.KeyValue:
			sub, at := dotted(data, n.Key())
			lines[key+"."+sub] = at
			inner(lines, data, key+"."+sub, n.Value())
		case value.Kind == unstable.Array && n.Kind == unstable.InlineTable:
			inner(lines, data, key+"."+strconv.Itoa(i), n)
		}
	}
}

func dotted(data []byte, it unstable.Iterator) (key string, line int) {
	var parts []string
	for it.Next() {
		n := it.Node()
		if len(parts) == 0 {
			line = 1 + bytes.Count(data[:min(int(n.Raw.Offset), len(data))], []byte("\n"))
		}
		parts = append(parts, string(n.Data))
	}
	return strings.Join(parts, "."), line
}

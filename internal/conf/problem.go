package conf

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"kiosk-agent/internal/invisible"
)

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
	switch _, hidden := invisible.First([]byte(p.Key)); {
	case hidden:
		s += strconv.Quote(p.Key) + ": "
	case p.Key != "":
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

// Sorted are the problems in the order of the file.
func (ps Problems) Sorted() Problems {
	return slices.SortedStableFunc(slices.Values(ps),
		func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
}

package singapay

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// object is the link or code in an answer: data, or the one object that is there under another of
// its places.
func (g *Gateway) object(a answer) any {
	var found []object
	for _, path := range g.cfg.Answers.Object {
		if m, ok := at(a.top, strings.Split(path, ".")...).(object); ok {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		return a.data
	}
	return found[0]
}

// elements are those of a list in an answer, and where its pagination may stand: beside it.
func (g *Gateway) elements(a answer) (list []any, beside []any, problem string) {
	beside = []any{a.top}
	v := a.data
	if _, ok := v.([]any); !ok {
		for _, path := range g.cfg.Answers.List {
			parts := strings.Split(path, ".")
			found := at(a.top, parts...)
			if found == nil {
				continue
			}
			if _, ok := v.([]any); ok {
				return nil, nil, "two lists are there: see singapay.answers.list"
			}
			v, beside = found, []any{a.top}
			if len(parts) > 1 {
				beside = append(beside, at(a.top, parts[:len(parts)-1]...))
			}
		}
	}
	switch v := v.(type) {
	case []any:
		return v, beside, ""
	case object:
		if g.cfg.Answers.Single && len(v) > 0 {
			return numbered(v), beside, ""
		}
	}
	return nil, nil, "the answer is not a list: see singapay.answers"
}

// numbered is a list that was written as an object: its elements where their names are numbers, as
// PHP writes a list with holes, else the object alone. Their order is the numbers'.
func numbered(m object) []any {
	var numbers []int
	for name := range maps.Keys(m) {
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 || strconv.Itoa(n) != name {
			return []any{m}
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	list := make([]any, len(numbers))
	for i, n := range numbers {
		list[i] = m[strconv.Itoa(n)]
	}
	return list
}

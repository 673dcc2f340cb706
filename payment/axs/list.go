package axs

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

// recordList are the elements of a query's answer.
type recordList struct {
	all []json.RawMessage
	// there is one in place of a list: nobody knows that there is no other
	alone bool
}

// records are the elements of a query's answer: of the list that it is, or that it has where
// Config.QueryList says, or the one record in its place. problem says in words why they are not all
// that there is, which must never be taken for silence.
func (g *Gateway) records(body []byte) (list recordList, problem string) {
	all, err := strictjson.Array(body, maxDepth, maxRecords)
	switch {
	case err == nil:
		return recordList{all: all}, ""
	case errors.Is(err, strictjson.ErrLong):
		return list, tooMany
	}
	m, err := strictjson.Object(body, maxDepth)
	switch {
	case err != nil:
		return list, notAList
	case g.cfg.QueryList == "":
		return list, notAList + g.listKey(m)
	case g.cfg.QueryList == ".":
		return single(m, body)
	}
	var around []map[string]json.RawMessage
	for _, name := range strings.Split(g.cfg.QueryList, ".") {
		if body = m[name]; body == nil {
			return list, notAList + ": no member " + g.cfg.QueryList + " (axs.query_list)"
		}
		rest := maps.Clone(m)
		delete(rest, name)
		around = append(around, rest)
		if m, err = strictjson.Object(body, maxDepth); err != nil {
			m = nil
		}
	}
	if m != nil {
		list, problem = single(m, body)
	} else if list.all, err = strictjson.Array(body, maxDepth, maxRecords); err != nil {
		if errors.Is(err, strictjson.ErrLong) {
			return list, tooMany
		}
		return list, notAList + ": the member " + g.cfg.QueryList + " is none (axs.query_list)"
	}
	for _, rest := range around {
		if problem == "" {
			problem = unwhole(rest, len(list.all))
		}
	}
	return list, problem
}

// silent reports whether a record says that no money has moved.
func silent(r payment.Record) bool {
	return payment.Known(r) && r.Status != payment.RecordSuccess
}

const (
	tooMany  = "more than 256 records for one reference"
	notAList = "the answer is not a list of records"
)

// listKey is a hint at the key that has the answer read, "" where none does.
func (g *Gateway) listKey(m map[string]json.RawMessage) string {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if at := listWithin(shown(name), m[name]); at != "" {
			return " (axs.query_list: it has one as " + at + ")"
		}
	}
	if named, refused := g.cfg.Members.named(m); refused == nil && named["status"] != nil {
		return ` (axs.query_list = "." for one record alone)`
	}
	return ""
}

// listWithin is where the value of a member has its first list: at the name itself, or at one
// within it. "" = nowhere.
func listWithin(name string, raw json.RawMessage) string {
	if len(raw) > 0 && raw[0] == '[' {
		return name
	}
	m, err := strictjson.Object(raw, maxDepth)
	if err != nil {
		return ""
	}
	for _, inner := range slices.Sorted(maps.Keys(m)) {
		if v := m[inner]; len(v) > 0 && v[0] == '[' {
			return name + "." + shown(inner)
		}
	}
	return ""
}

// single is one record in place of a list. It must be flat: what has a list or an object in it is
// something around records, and not one.
func single(m map[string]json.RawMessage, body []byte) (list recordList, problem string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if v := m[name]; len(v) > 0 && (v[0] == '[' || v[0] == '{') {
			return list, notAList + ", and no record: its " + shown(name) + " is no text"
		}
	}
	if len(m) == 0 {
		return list, notAList + ", and no record: it is empty"
	}
	return recordList{all: []json.RawMessage{body}, alone: true}, ""
}

// paging are parts of the names of members that may say that a list goes on.
var paging = []string{"page", "next", "prev", "cursor", "offset", "limit", "more", "total", "count",
	"size", "first", "last", "start", "skip", "range", "link", "truncated", "partial", "complete"}

// unwhole is what in an object around a list of n records may say that the list is not all, or that
// it is empty because something went wrong; "" = nothing does.
func unwhole(m map[string]json.RawMessage, n int) string {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		v := string(m[name])
		has := func(part string) bool { return strings.Contains(strings.ToLower(name), part) }
		switch {
		case v == "null":
		case strings.HasPrefix(v, "{") || strings.HasPrefix(v, "["):
			return "the member " + shown(name) + " beside the list may say that the list goes on"
		case slices.ContainsFunc(paging, has):
			if !whole(strings.ToLower(name), unquoted(v), n) {
				return "the member " + shown(name) + " does not say that the list is whole"
			}
		case n == 0 && !harmlessMember(name, unquoted(v)):
			return "the list is empty, and the member " + shown(name) +
				" beside it does not say that all is well"
		}
	}
	return ""
}

func unquoted(v string) string {
	if s, ok := text(json.RawMessage(v)); ok {
		return strings.ToLower(strings.TrimSpace(s))
	}
	return v
}

// whole reports whether a member about paging says that n records are all of them.
func whole(name, v string, n int) bool {
	number, err := strconv.Atoi(v)
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(name, p) })
	}
	switch {
	case has("complete", "lastpage", "islast", "isfirst", "firstpage"):
		return v == "true"
	case err != nil:
		return v == "" || v == "false"
	case has("limit", "size", "perpage", "per_page"):
		return number > n
	case has("page"):
		return number <= 1 && !has("next", "prev")
	case has("total", "count"):
		return number == n
	case has("offset", "start", "skip"):
		return number == 0
	default:
		return false
	}
}

// harmlessMember reports whether a member beside an empty list is no word of a failure.
func harmlessMember(name, v string) bool {
	for _, word := range []string{"", "true", "ok", "success", "successful", "succeeded", "00", "0",
		"000", "0000", "200"} {
		if v == word {
			return true
		}
	}
	lower := strings.ToLower(name)
	return lower == "id" || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "_id") ||
		strings.Contains(lower, "time") || strings.Contains(lower, "date")
}

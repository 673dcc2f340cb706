package singapay

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"kiosk-agent/payment"
)

const (
	perPage  = 100
	maxPages = 20 // of one list: more are no answer
)

// listing is a question for a list, newest first.
type listing struct {
	about  string // what an observer reads of it
	path   string
	filter map[string]string
	since  time.Time // what was created before cannot matter
}

// faultOf says why a list could not be read to an end that proves itself.
type faultOf struct {
	status    int
	words     string
	forbidden bool
}

func faultFrom(a answer) *faultOf { return &faultOf{a.status, a.failure, a.forbidden} }

// unlisted is a fault of an answer that was a success.
func unlisted(a answer, words string) *faultOf {
	return &faultOf{status: a.status, words: httpWords(a.status) + ", " + words}
}

func (f *faultOf) answer() (payment.QueryAnswer, bool) {
	return failed(f.status, f.words),
		f.forbidden
}

// each calls f for every element of a list until f is done or says what is wrong. Nil means that f
// was done, or that the list was read to its end: a page without elements, the last page by
// SingaPay's count, or a page of which all is older than since, in a list that has come newest
// first all along. A short page is no end, because SingaPay may give less than it is asked for.
func (g *Gateway) each(ctx context.Context, l listing,
	f func(object) (problem string, done bool)) *faultOf {
	w := walk{since: l.since, seen: make(map[string]bool), descending: true, dated: true,
		unpaged: g.cfg.Answers.Unpaged}
	for page := 1; page <= maxPages; page++ {
		query := url.Values{"per_page": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)}}
		for name := range maps.Keys(l.filter) {
			query.Set(name, l.filter[name])
		}
		a := g.call(ctx, request{about: l.about, client: g.client, method: http.MethodGet,
			path:  l.path,
			query: query})
		if a.failure != "" {
			return faultFrom(a)
		}
		elements, beside, problem := g.elements(a)
		if problem != "" {
			return unlisted(a, problem)
		}
		for _, e := range elements {
			m, ok := e.(object)
			if !ok {
				return unlisted(a, "an element of the list is not an object")
			}
			problem, done := f(m)
			if problem != "" {
				return unlisted(a, problem)
			}
			if done {
				return nil
			}
		}
		end, problem := w.page(page, elements, beside)
		if problem != "" {
			return unlisted(a, problem)
		}
		if end {
			return nil
		}
	}
	return &faultOf{status: http.StatusOK,
		words: "the list has more than " + strconv.Itoa(maxPages) + " pages since this payment"}
}

// walk follows the pages of a list.
type walk struct {
	since      time.Time
	seen       map[string]bool // ids
	count      int             // elements, each counted once
	last       time.Time       // creation of the element before
	descending bool            // so far
	dated      bool            // so far: each element has its creation
	unpaged    bool            // there may be no second page
	total      int             // of the first page; -1 = not stated
}

// page takes one page and reports whether the list ends with it.
func (w *walk) page(number int, elements, beside []any) (end bool, problem string) {
	fresh, dated, old := 0, 0, 0
	for _, e := range elements {
		m, _ := e.(object)
		created := moment(m["created_at"])
		if !created.IsZero() {
			dated++
		}
		if created.Before(w.since) && !created.IsZero() {
			old++
		}
		// While a list is read, what is new at its front moves the rest back: an element that comes
		// twice says nothing.
		name, _ := scalar(m["id"])
		if name != "" && w.seen[name] {
			continue
		}
		w.seen[name] = true
		fresh++
		w.count++
		if created.IsZero() {
			w.dated = false
			continue
		}
		if !w.last.IsZero() && created.After(w.last) {
			w.descending = false
		}
		w.last = created
	}
	current, pages, total := pagination(beside)
	if number == 1 {
		w.total = total
	}
	switch {
	case fresh == 0 && number == 2 && w.whole(len(elements)):
		return true, ""
	case current >= 0 && current != number:
		return false, "another page than the one that was asked for"
	case len(elements) == 0 || pages >= 0 && number >= pages:
		if w.total > w.count {
			return false, "the list has less elements than it says"
		}
		return true, ""
	case fresh == 0:
		return false, "the same page again: see singapay.answers.unpaged"
	}
	return w.descending && dated == len(elements) && old == dated, ""
}

// fewest is less than any service gives on one page.
const fewest = 10

// whole reports whether the same elements again, for the second page, prove that they were all:
// there are fewer than a page can be cut to, or they reach back behind what is looked for.
func (w *walk) whole(again int) bool {
	return w.unpaged && again == w.count && w.total <= w.count &&
		(w.count < fewest || w.descending && w.dated && w.last.Before(w.since))
}

// pagination is what stands beside a list, in either of two spellings; -1 = not stated.
func pagination(beside []any) (current, pages, total int) {
	var p object
	for _, v := range beside {
		for _, found := range []any{at(v, "pagination"), at(v, "meta")} {
			if m, ok := found.(object); ok && p == nil {
				p = m
			}
		}
	}
	if p == nil && len(beside) > 1 {
		p, _ = beside[1].(object)
	}
	first := func(names ...string) int {
		for _, name := range names {
			if n := count(p[name]); p[name] != nil && n >= 0 {
				return n
			}
		}
		return -1
	}
	return first("current_page", "currentPage"), first("total_pages", "totalPages", "last_page"),
		first("total")
}

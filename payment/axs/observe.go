package axs

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

// observed is how many records of an answer are described.
const observed = 3

// saw tells Config.Observe about one answer: path is "query" or "code". why is what went wrong with
// it, "" = nothing.
func (g *Gateway) saw(path string, began time.Time, resp *http.Response, body []byte, why string) {
	if g.cfg.Observe == nil {
		return
	}
	l := lines{path: path}
	l.open("time", time.Since(began).Round(time.Millisecond).String())
	if resp == nil {
		l.unknown("answer", why, "HTTP 200")
		g.cfg.Observe(l.all)
		return
	}
	is := fmt.Sprintf("HTTP %d", resp.StatusCode)
	l.add(payment.Observed{What: "answer", Is: is, Paper: "HTTP 200",
		Fit: statusFit(path, resp.StatusCode)})
	if t := resp.Header.Get("Content-Type"); t != "" {
		l.open("content type", mediaType(t))
	}
	l.open("size", fmt.Sprintf("%d bytes", len(body)))
	if resp.StatusCode == http.StatusOK {
		g.describeAnswer(&l, stripped(body))
	}
	if why != "" {
		// without the excerpt, which is for the worklist of the kiosk itself
		const enough = 10
		excerpt := []rune(g.excerpt(stripped(body)))
		why, _, _ = strings.Cut(why, ": "+string(excerpt[:min(len(excerpt), enough)]))
		before, _, _ := strings.Cut(why, "SUCCESS: ")
		l.unknown("read", before, "")
	}
	g.cfg.Observe(l.all)
}

func statusFit(path string, status int) payment.Fit {
	switch {
	case status == http.StatusOK:
		return payment.FitPaper
	case status == http.StatusNotFound && path == "query":
		return payment.FitOpen
	default:
		return payment.FitUnknown
	}
}

// describeAnswer says whether an answer is encrypted, which shape it has, and what is in it.
func (g *Gateway) describeAnswer(l *lines, body []byte) {
	token := answerToken(body, g.cfg.Members.Token...)
	if token == "" {
		l.open("form", "plain")
		g.describeBody(l, body)
		return
	}
	l.open("form", "encrypted")
	g.describeToken(l, token, func(l *lines, _ map[string]json.RawMessage, plaintext []byte) {
		g.describeBody(l, plaintext)
	})
}

func (g *Gateway) describeBody(l *lines, body []byte) {
	m, err := strictjson.Object(body, maxDepth)
	switch {
	case l.path != "query" && err == nil:
		g.describeCode(l, m)
		return
	case l.path != "query":
		l.unknown("shape", "no JSON object", "an object")
		return
	}
	list, problem := g.records(body)
	if at := g.describeShape(l, m, problem); at != "" {
		// what its key would have read is told at once
		as := *g
		as.cfg.QueryList = at
		list, _ = as.records(body)
	}
	for _, raw := range list.all[:min(len(list.all), observed)] {
		if m, err := strictjson.Object(raw, maxDepth); err == nil {
			g.describeMembers(l, m, "terminalId", "paymentScheme", "paymentDateTime")
		}
	}
	if len(list.all) == 0 && problem == "" {
		l.open("records", "none")
	}
}

// describeShape says what stands in place of the list that AXS's page has; m is nil where that is
// no object.
func (g *Gateway) describeShape(l *lines, m map[string]json.RawMessage,
	problem string) (likely string) {
	const what, paper, key = "shape", "a list of records", "axs.query_list"
	hint := ""
	if m != nil {
		hint = g.listKey(m)
	}
	_, at, _ := strings.Cut(strings.TrimSuffix(hint, ")"), "it has one as ")
	if strings.Contains(hint, `"."`) {
		at = "."
	}
	switch {
	case m == nil && problem == "":
		l.asPaper(what, paper)
	case problem == "":
		l.mended(what, "an object", paper, key, g.cfg.QueryList)
	case at != "":
		l.differs(what, "an object", paper, key, at)
		return at
	default:
		l.unknown(what, problem, paper)
	}
	return ""
}

// describeCode says what an answer about a code has.
func (g *Gateway) describeCode(l *lines, m map[string]json.RawMessage) {
	known := []string{"transactionReferenceId", "merchantId", "merchantRef", "qrString", "expiry",
		"createdAt", "status", "paymentType"}
	for _, name := range known {
		fit := payment.FitOpen
		if kind := kindOf(m[name]); kind == "absent" && slices.Contains([]string{"merchantRef",
			"qrString", "status", "paymentType"}, name) {
			fit = payment.FitUnknown
		}
		l.add(payment.Observed{What: "member " + name, Is: kindOf(m[name]), Paper: "there",
			Fit: fit})
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(known, name) {
			l.add(payment.Observed{What: "member " + shown(name), Is: kindOf(m[name]),
				Paper: "none", Fit: payment.FitOpen})
		}
	}
	l.word("status word", m["status"], "SUCCESS")
	g.describeReference(l, m["merchantRef"])
}

package axs

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"kiosk-agent/payment"
)

// needed are the members without which nothing is decided.
var needed = []string{"status", "merchantRef", "amount"}

// describeRecord says what a notification's content has. One of ours has a clientId.
func (g *Gateway) describeRecord(l *lines, m map[string]json.RawMessage, _ []byte) {
	switch {
	case m == nil:
		l.unknown("content", "no JSON object with each member once", "a JSON object")
		return
	case m["clientId"] != nil:
		l.unknown("content", "a link or question of this agent, sent back", "a notification")
		return
	}
	g.describeMembers(l, m, "paymentScheme", "paymentDateTime")
}

// describeMembers says how each member came, which further ones there are, and what the words are.
// also are members of AXS's pages that nothing is decided by.
func (g *Gateway) describeMembers(l *lines, m map[string]json.RawMessage, also ...string) {
	claimed := slices.Clone(also)
	read := map[string]json.RawMessage{}
	for _, f := range membersRead() {
		names := append([]string{f.name}, f.further(g.cfg.Members)...)
		there := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return m[n] == nil })
		claimed = append(claimed, names...)
		if len(there) == 1 {
			read[f.name] = m[there[0]]
		}
		if likely := g.describeMember(l, m, f, there); likely != "" {
			read[f.name] = m[likely]
		}
	}
	for _, name := range also {
		fit := payment.FitOpen
		if kindOf(m[name]) == "text" {
			fit = payment.FitPaper
		}
		l.add(payment.Observed{What: "member " + name, Is: kindOf(m[name]), Paper: "text",
			Fit: fit})
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(claimed, name) {
			l.add(payment.Observed{What: "member " + shown(name), Is: kindOf(m[name]),
				Paper: "none", Fit: payment.FitOpen})
		}
	}
	g.describeWords(l, read)
}

// describeMember is the line about one member. there are the names that it has come under; likely
// is another one that it may have come under, for its words to be told as well.
func (g *Gateway) describeMember(l *lines, m map[string]json.RawMessage, f member,
	there []string) (likely string) {
	what, key := "member "+f.name, "axs.members."+f.key
	switch {
	case len(there) > 1:
		l.differs(what, "there under two names: "+shown(there[0])+" and "+shown(there[1]),
			"under one", key, "")
	case len(there) == 1 && there[0] != f.name:
		l.mended(what, kindOf(m[there[0]])+", as "+shown(there[0]), "text", key, there[0])
	case len(there) == 1:
		_, ok := scalar(m[f.name])
		if kind := kindOf(m[f.name]); kind == "text" {
			l.asPaper(what, kind)
		} else {
			ok = ok && (f.name != "status" || kind == "text")
			l.add(payment.Observed{What: what, Is: kind, Paper: "text",
				Fit: fitOf(ok, payment.FitOpen)})
		}
	case f.name == "transactionType":
		return g.describeNoType(l, m, f)
	default:
		if name := g.candidate(m, f); name != "" {
			l.differs(what, "absent; "+name+" may be it", "text", key, name)
			return name
		}
		l.add(payment.Observed{What: what, Is: "absent", Paper: "text",
			Fit: fitOf(!slices.Contains(needed, f.name), payment.FitOpen)})
	}
	return ""
}

// describeNoType: a notification has none, by AXS's page; each record of a query has one.
func (g *Gateway) describeNoType(l *lines, m map[string]json.RawMessage, f member) string {
	const what, key = "member transactionType", "axs.query_type_default"
	name := g.candidate(m, f)
	switch {
	case name != "":
		l.differs(what, "absent; "+name+" may be it", "text", "axs.members.type", name)
	case l.path != "query":
		l.asPaper(what, "absent")
	case g.cfg.QueryTypeDefault != "":
		l.mended(what, "absent", "text", key, g.cfg.QueryTypeDefault)
	default:
		l.differs(what, "absent", "text", key, payment.TypePay)
	}
	return name
}

// alike are parts of names under which a value may have come.
var alike = map[string][]string{
	"status": {"status", "state", "result"}, "merchantRef": {"merchantref", "reference", "orderid",
		"order_id", "orderno"},
	"transactionRef": {"transaction", "txn", "trxid"},
	"amount":         {"amount", "amt", "total", "value"},
	"currency":       {"currency", "ccy", "curr"}, "responseCode": {"responsecode", "response_code",
		"respcode", "code"},
	"transactionType": {"type"},
}

// candidate is the member that may be the one that is absent: by its value, where that has our
// reference's form, or by its name. "" = none, or more than one.
func (g *Gateway) candidate(m map[string]json.RawMessage, f member) string {
	known := []string{"clientId", "paymentScheme", "paymentDateTime", "terminalId"}
	for _, other := range membersRead() {
		known = append(known, other.name)
		known = append(known, other.further(g.cfg.Members)...)
	}
	fits := func(fit func(name, value string) bool) (found []string) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			value, ok := scalar(m[name])
			if ok && shown(name) == name && !slices.Contains(known, name) && fit(name, value) {
				found = append(found, name)
			}
		}
		return found
	}
	ours := fits(func(_, value string) bool {
		return ourForm.MatchString(strings.TrimSpace(value))
	})
	if f.name == "merchantRef" && len(ours) == 1 {
		return ours[0]
	}
	named := fits(func(name, _ string) bool {
		return slices.ContainsFunc(alike[f.name], func(part string) bool {
			return strings.Contains(strings.ToLower(name), part)
		}) && !slices.Contains(ours, name)
	})
	if len(named) == 1 {
		return named[0]
	}
	for _, name := range named {
		if strings.EqualFold(name, f.name) {
			return name
		}
	}
	return ""
}

// describeWords says what the values are: words, forms and patterns, and no value.
func (g *Gateway) describeWords(l *lines, m map[string]json.RawMessage) {
	status, _ := text(m["status"])
	code, _ := scalar(m["responseCode"])
	kind, _ := scalar(m["transactionType"])
	as := g.cfg.Words.Read(payment.Record{Status: status, ResponseCode: code, Type: kind})
	if status != "" {
		g.describeWord(l, "status word", status, as.Status, "axs.words."+guess(status),
			"SUCCESS", "DECLINED", "EXPIRED", "SENT")
	}
	if code != "" && (len(code) != 2 || code == "00") {
		g.describeWord(l, "response code", code, as.ResponseCode, "axs.words.code_ok", "00")
	}
	if kind != "" {
		g.describeWord(l, "type word", kind, as.Type, "axs.words.type_"+guessType(kind),
			payment.TypePay, payment.TypeVoid, payment.TypeRefund)
	}
	g.describeReference(l, m["merchantRef"])
	currency, ok := scalar(m["currency"])
	c := payment.Currency(cmp.Or(strings.TrimSpace(currency), string(g.cfg.Currency)))
	switch {
	case !ok:
	case c == g.cfg.Currency:
		l.asPaper("currency", string(c))
	default:
		l.unknown("currency", shownWord(currency), string(g.cfg.Currency))
	}
	g.describeAmount(l, m["amount"], c)
	if s, has := text(m["paymentDateTime"]); has && paidAt(s).IsZero() {
		l.unknown("paymentDateTime", "not readable", "ISO 8601 in UTC")
	}
}

// describeWord is the line about one word, and what is meant by it.
func (g *Gateway) describeWord(l *lines, what, word, means, key string, known ...string) {
	paper := strings.Join(known, ", ")
	switch {
	case slices.Contains(known, word):
		l.add(payment.Observed{What: what, Is: word, Paper: paper, Fit: payment.FitPaper})
	case means != word:
		l.mended(what, shownWord(word)+", read as "+means, paper, key, word)
	case strings.HasPrefix(shownWord(word), `"`):
		l.differs(what, shownWord(word), paper, key, word)
	default:
		l.unknown(what, shownWord(word), paper)
	}
}

// guess is the list that a status word may belong to. What it really means is for people to say.
func guess(word string) string {
	for _, g := range []struct{ list, parts string }{
		{"declined", "decl fail rej refus error deny denied abort unpaid unsucc"},
		{"expired", "expir timeout timed cancel void"},
		{"pending", "pend sent process init wait creat open new"},
	} {
		for part := range strings.FieldsSeq(g.parts) {
			if strings.Contains(strings.ToLower(word), part) {
				return g.list
			}
		}
	}
	return "paid"
}

func guessType(word string) string {
	lower := strings.ToLower(word)
	switch {
	case strings.Contains(lower, "refund"):
		return "refund"
	case strings.Contains(lower, "void"), strings.Contains(lower, "revers"):
		return "void"
	default:
		return "pay"
	}
}

// describeReference says in which form a reference came, and nothing of what it is.
func (g *Gateway) describeReference(l *lines, raw json.RawMessage) {
	const what, key, paper = "merchantRef form", "axs.reference", "as it was sent"
	s, _ := scalar(raw)
	parts := ourForm.FindStringSubmatch(strings.TrimSpace(s))
	switch {
	case s == "":
	case parts == nil:
		l.unknown(what, "none of an agent's", paper)
	case s == g.sent(strings.ToUpper(parts[1]+"-"+parts[2])):
		l.asPaper(what, paper)
	case g.cfg.Reference == ReferenceExact:
		l.differs(what, "in another case, or without its dash", paper, key, ReferenceLoose)
	default:
		l.mended(what, "in another case, or without its dash", paper, key, g.cfg.Reference)
	}
}

// decimal is an amount as AXS's page has it.
var decimal = regexp.MustCompile(`^[0-9]+\.[0-9]{2}$`)

func (g *Gateway) describeAmount(l *lines, raw json.RawMessage, c payment.Currency) {
	const what, paper = "amount form", "text 99.99, in dollars"
	s, ok := scalar(raw)
	if !ok || s == "" {
		return
	}
	_, unread := amount(raw, c)
	switch {
	case unread != "":
		l.unknown(what, pattern(raw)+", not readable", paper)
	case decimal.MatchString(s) && !isNumber(raw):
		l.add(payment.Observed{What: what, Is: pattern(raw), Paper: paper, Fit: payment.FitPaper})
	case !strings.ContainsAny(s, ".,eE"):
		l.add(payment.Observed{What: what, Is: pattern(raw) + ", read as dollars: cents would be " +
			"a hundredfold", Paper: paper, Fit: payment.FitOpen})
	default:
		l.add(payment.Observed{What: what, Is: pattern(raw), Paper: paper, Fit: payment.FitOpen})
	}
}

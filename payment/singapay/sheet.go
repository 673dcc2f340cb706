package singapay

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kiosk-agent/payment"
)

// sheet collects lines about what has really come, beside what SingaPay's pages say. Names are
// those of programs, values only ours.
type sheet struct {
	path  string
	lines []payment.Observed
}

func (s *sheet) add(what, is, paper string, fit payment.Fit, mend ...string) {
	o := payment.Observed{Path: s.path, What: what, Is: is, Paper: paper, Fit: fit}
	if len(mend) > 0 {
		o.Key = "singapay." + mend[0]
	}
	if len(mend) > 1 {
		o.Value = mend[1]
	}
	s.lines = append(s.lines, o)
}

// as is a line that fits the paper or does not; what does not is mended by a key, or by nothing
// here.
func (s *sheet) as(what, is, paper string, ok bool, mend ...string) {
	switch {
	case ok:
		s.add(what, is, paper, payment.FitPaper)
	case len(mend) > 0:
		s.add(what, is, paper, payment.FitDiffers, mend...)
	default:
		s.add(what, is, paper, payment.FitUnknown)
	}
}

// kindOfValue is the JSON type of a value.
func kindOfValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case json.Number:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return fmt.Sprintf("list of %d", len(v))
	default:
		return "object"
	}
}

// members is a line with the names and types of an object's members. known are those of the paper.
func (s *sheet) members(of string, v any, known string) {
	m, ok := v.(object)
	if !ok {
		s.add("members of "+of, kindOfValue(v), known, payment.FitUnknown)
		return
	}
	var names []string
	extra := 0
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(strings.Fields(known), name) {
			extra++
		}
		names = append(names, plainName(name, "?")+" "+kindOfValue(m[name]))
	}
	const most = 40
	if len(names) > most {
		names = append(names[:most], "…")
	}
	fit := payment.FitPaper
	if extra > 0 {
		fit = payment.FitOpen
	}
	s.add("members of "+of, strings.Join(names, ", "), known, fit)
}

// member is a line about one value that is read, which it returns; where it is missing, what may be
// it. like finds that.
func (s *sheet) member(m any, of, known string, further []string, key string,
	like func(name string, v any) bool) any {
	what, value := "member "+of, at(m, strings.Split(known, ".")...)
	var others []string
	for _, path := range further {
		if at(m, strings.Split(path, ".")...) != nil {
			others = append(others, path)
		}
	}
	switch {
	case value != nil && len(others) == 0:
		s.add(what, kindOfValue(value), known, payment.FitPaper)
		return value
	case value == nil && len(others) == 1:
		s.add(what, others[0], known, payment.FitMended, "members."+key, others[0])
		return at(m, strings.Split(others[0], ".")...)
	case len(others) > 0:
		s.add(what, "two of its names are there", known, payment.FitDiffers, "members."+key)
		return nil
	}
	found := near(m, known, like)
	s.add(what, "missing", known, payment.FitDiffers, "members."+key, found)
	if found == "" {
		return nil
	}
	return at(m, strings.Split(found, ".")...)
}

// near is the path of what is like a value that is missing: beside its name, else further off.
func near(m any, known string, like func(name string, v any) bool) string {
	parts := strings.Split(known, ".")
	for n := len(parts) - 1; n >= 0; n-- {
		prefix := strings.Join(parts[:n], ".")
		if prefix != "" {
			prefix += "."
		}
		if found := search(at(m, parts[:n]...), prefix, n, like); found != "" {
			return found
		}
	}
	return ""
}

// search is the path of the first member that is like what is looked for; "" = there is none.
func search(v any, prefix string, depth int, like func(name string, v any) bool) string {
	m, ok := v.(object)
	if !ok || depth > 7 {
		return ""
	}
	names := slices.Sorted(maps.Keys(m))
	for _, name := range names {
		if programName.MatchString(name) && memberPath().MatchString(prefix+name) &&
			like(strings.ToLower(name), m[name]) {
			return prefix + name
		}
	}
	for _, name := range names {
		if name == "customer" || !programName.MatchString(name) {
			continue
		}
		if found := search(m[name], prefix+name+".", depth+1, like); found != "" {
			return found
		}
	}
	return ""
}

// What a value looks like, whatever its name is.

func likeStatus(_ string, v any) bool {
	return slices.ContainsFunc(words[:], func(w word) bool {
		return w.word == text(v) && w.source != fromNotice && w.word != "open"
	})
}

// likeWord finds a status by its word, or by what such a member is mostly called.
func (g *Gateway) likeWord(name string, v any) bool {
	said := text(v)
	return likeStatus(name, v) || said != "" && (g.listOf(said) != "" ||
		slices.Contains([]string{"state", "status", "result", "payment_status",
			"transaction_status"}, name) && plainName(strings.TrimSpace(said), "") != "")
}

// ownForm is the form of this agent's references, with the dash or without, in any case. A ULID of
// before 2039 begins with 01: a long number of SingaPay's is none.
var ownForm = regexp.MustCompile(`^(?i:[A-Z0-9]{8}-?01[0-9A-HJKMNP-TV-Z]{24})$`)

func likeOwnRef(_ string, v any) bool { return ownForm.MatchString(text(v)) }

func likeRef(name string, v any) bool {
	s, ok := scalar(v)
	return ok && len(s) >= 6 && isName(s) && !ownForm.MatchString(s) &&
		(strings.Contains(name, "ref") || strings.Contains(name, "transaction") ||
			strings.HasSuffix(name, "id") || strings.HasSuffix(name, "no"))
}

func likeAmount(name string, v any) bool {
	minor, _ := amount(v)
	if slices.ContainsFunc([]string{"mdr", "fee", "net", "tip", "margin", "balance", "_id"},
		func(part string) bool { return strings.Contains(name, part) }) {
		return false // of the amount, and not the amount
	}
	return minor > 0 && slices.ContainsFunc([]string{"amount", "total", "value", "nominal", "paid"},
		func(part string) bool { return strings.Contains(name, part) })
}

func likeCurrency(_ string, v any) bool { return text(v) == string(payment.IDR) }

func likeID(name string, v any) bool { return strings.HasSuffix(name, "id") && id(v) != "" }

func likeUsage(name string, v any) bool {
	return strings.Contains(name, "us") && !strings.Contains(name, "max") && count(v) >= 0
}

func likeURL(name string, v any) bool {
	return strings.HasPrefix(text(v), "http") && !strings.Contains(name, "redirect")
}

func likeQR(_ string, v any) bool { return strings.HasPrefix(text(v), "000201") }

func likeToken(name string, v any) bool {
	return strings.Contains(name, "token") && len(text(v)) >= 20
}

// wordLine is a line about a word that says what became of a payment.
func (s *sheet) wordLine(g *Gateway, what string, from source, said string) {
	const paper = "paid, settled, pending, unpaid, open, expired, failed"
	shown, value := "a text that is no word", ""
	if word := strings.TrimSpace(said); plainName(word, "") != "" && len(said) <= 40 &&
		strings.Trim(said, " ") == word {
		shown, value = strconv.Quote(said), said
	}
	switch {
	case said == "":
	case !unknown(status(from, said)):
		s.add(what, shown, paper, payment.FitPaper)
	case !unknown(g.configured(from, said)):
		s.add(what, shown, paper, payment.FitMended, "words."+g.listOf(said), value)
	default:
		list, sure := guess(said)
		if !sure {
			value = ""
		}
		s.add(what, shown, paper, payment.FitDiffers, "words."+list, value)
	}
}

// guess is the list that a word may belong to. What it really means is for people to say: where it
// is like nothing that is known, no line says what to write.
func guess(said string) (list string, sure bool) {
	said = strings.ToLower(said)
	for _, g := range []struct{ list, parts string }{
		{"declined", "fail declin reject refus deni deny error unsucc invalid"},
		{"expired", "expir timeout timed lapse"},
		{"pending", "pend wait process unpaid open new init progress creat"},
		{"paid", "paid success settle complet approv captur lunas sukses berhasil"},
	} {
		if slices.ContainsFunc(strings.Fields(g.parts),
			func(part string) bool { return strings.Contains(said, part) }) {
			return g.list, true
		}
	}
	return "pending", false
}

// listOf is the list of the site's words that has this one.
func (g *Gateway) listOf(said string) string {
	w := &g.cfg.Words
	for name, list := range map[string][]string{"paid": w.Paid, "declined": w.Declined,
		"expired": w.Expired, "pending": w.Pending, "type_pay": w.TypePay,
		"type_void": w.TypeVoid, "type_refund": w.TypeRefund} {
		if slices.Contains(list, said) {
			return name
		}
	}
	return ""
}

// amountLine is a line about how an amount is written, with a 9 for each digit: it may be another
// till's.
func (s *sheet) amountLine(v any) {
	const paper = "digits, or digits with a point and zeros: number or string"
	if v == nil {
		return
	}
	minor, stated := amount(v)
	if minor == payment.UnreadableAmount {
		s.add("amount", kindOfValue(v)+", cannot be read ("+plainName(stated, "?")+")", paper,
			payment.FitUnknown)
		return
	}
	said, _ := scalar(v)
	said = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '9'
		}
		return r
	}, said)
	s.add("amount", kindOfValue(v)+" "+said[:min(len(said), 24)], paper, payment.FitPaper)
}

// timeLine is a line about how a time is written.
func (s *sheet) timeLine(what string, v any) {
	if v == nil {
		return
	}
	said, _ := scalar(v)
	form := "cannot be read"
	switch t := moment(v); {
	case t.IsZero():
	case len(said) == 10 || len(said) == 13:
		form = "Unix time"
	case strings.HasSuffix(said, "Z"):
		form = "ISO 8601 in UTC"
	case len(said) > 6 && strings.ContainsAny(said[len(said)-6:], "+"):
		form = "ISO 8601 with its offset"
	default:
		form = "without an offset, taken for Jakarta's"
	}
	s.as("time "+what, form, "ISO 8601; text in Jakarta's time in notifications",
		form != "cannot be read")
}

// refLine is a line about our reference.
func (s *sheet) refLine(g *Gateway, v any) {
	said := text(v)
	const paper = "as it was sent"
	switch {
	case said == "":
	case said == g.ours(said) && ownForm.MatchString(said) && strings.Contains(said, "-") &&
		strings.ToUpper(said) == said:
		s.add("our reference", "TAG-ULID", paper, payment.FitPaper)
	case ownForm.MatchString(said) && g.cfg.Reference != "":
		s.add("our reference", "without the dash or in another case", paper, payment.FitMended,
			"reference", g.cfg.Reference)
	case ownForm.MatchString(said):
		s.add("our reference", "without the dash or in another case", paper, payment.FitDiffers,
			"reference", ReferenceLoose)
	default:
		s.add("our reference", "not of this agent's form: somebody else's", paper, payment.FitOpen)
	}
}

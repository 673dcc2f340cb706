package singapay

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const (
	codeOK           = "SP000"
	codeTransaction  = "SP009" // transaction not found
	codeUnauthorized = "SP013"
	codeNotFound     = "SP014"
	codeForbidden    = "SP015"
	codeSignature    = "SP016"
	codeIP           = "SP017"
	codeValidation   = "SP018"
)

// codeWords are SingaPay's request-level codes as an operator should read them.
var codeWords = map[string]string{
	"SP001": "the transaction failed, its outcome is to be asked for",
	"SP002": "general failure, try later", "SP003": "insufficient balance",
	"SP004": "this reference exists already",
	"SP005": "timeout at SingaPay, it may still have been done", "SP006": "over a limit",
	"SP007": "over a limit", "SP008": "the reference is not valid",
	codeTransaction: "no such transaction", "SP010": "no such beneficiary",
	"SP011": "the payment method's provider is not active", "SP012": "bad request",
	codeUnauthorized: "the access token or the credentials are not accepted",
	codeNotFound:     "not found", codeForbidden: "forbidden",
	codeSignature: "the signature is not valid: look at singapay.client_secret, and at this " +
		"machine's clock",
	codeIP:         "this machine's public IP address is not registered in the SingaPay dashboard",
	codeValidation: "the request is not valid", "SP019": "general error",
	"SP020": "no such account: look at singapay.account_id",
	"SP403": "this credential does not own the account: use the one that singapay.account_id " +
		"is assigned to",
}

var anyCode = regexp.MustCompile(`^[A-Z]{2}[0-9]{3,5}$`)

// refused finds the words for an answer that is no success.
func (g *Gateway) refused(a *answer, top object) {
	code := text(top["response_code"])
	message := text(top["response_message"])
	if message == "" {
		message = text(at(top, "error", "message"))
	}
	a.failure = httpWords(a.status)
	switch words, known := codeWords[code]; {
	case known:
		a.failure += ", " + code + ": " + words
	case anyCode.MatchString(code) && code != codeOK:
		a.failure += ", " + code + ": a code that is not documented: see singapay.words.code_ok"
	case a.status == http.StatusForbidden &&
		strings.Contains(strings.ToLower(message), "not registered"):
		a.failure += ": " + codeWords[codeIP]
	case a.status == http.StatusUnauthorized:
		a.failure += ": " + codeWords[codeUnauthorized]
	case a.status < 300:
		a.failure += ", success is not true"
	}
	if fields := g.fieldErrors(top); fields != "" {
		a.failure += ": " + fields
	}
	a.notFound = a.status == http.StatusNotFound && code == "" || code == codeTransaction ||
		code == codeNotFound
	a.unauthorized = a.status == http.StatusUnauthorized || code == codeUnauthorized
	a.badSignature = code == codeSignature
	a.forbidden = code == codeForbidden
}

// fieldErrors are the first complaints about fields of the request: in the one envelope under
// error.errors, in the other under data.errors.
func (g *Gateway) fieldErrors(top object) string {
	fields, _ := at(top, "error", "errors").(object)
	if fields == nil {
		fields, _ = at(top, "data", "errors").(object)
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var said []string
	for _, name := range names[:min(len(names), 3)] {
		complaint := text(fields[name])
		if list, ok := fields[name].([]any); ok && len(list) > 0 {
			complaint = text(list[0])
		}
		words := g.excerpt(name) + ": " + g.excerpt(complaint)
		if strings.HasSuffix(name, "reff_no") && strings.Contains(complaint, "format") {
			words += " See singapay.reference, which sends it without its dash."
		}
		said = append(said, words)
	}
	return strings.Join(said, "; ")
}

func httpWords(status int) string {
	if status >= 300 && status < 400 {
		return fmt.Sprintf("HTTP %d, a redirect, which is not followed: a network's login "+
			"page, or a wrong singapay.base_url", status)
	}
	return "HTTP " + strconv.Itoa(status)
}

const (
	maxExcerpt = 100 // characters
	hidden     = "[…]"
)

// excerpt shows what SingaPay complains about in our own request, which has no customer's data in
// it. It is a stranger's text all the same: addresses, long numbers and long words are hidden, and
// our secrets.
func (g *Gateway) excerpt(s string) string {
	for _, k := range g.openKeys {
		s = strings.ReplaceAll(s, string(k().Reveal()), hidden)
	}
	var out []string
	for w := range strings.FieldsFuncSeq(s,
		func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }) {
		if strings.Contains(w, "@") || longestRun(w) > 8 || len(w) > 32 || longestRun(w) > 0 &&
			len(w) > 16 {
			w = hidden
		}
		out = append(out, w)
	}
	short := []rune(strings.Join(out, " "))
	if len(short) > maxExcerpt {
		short = append(short[:maxExcerpt-1], '…')
	}
	return string(short)
}

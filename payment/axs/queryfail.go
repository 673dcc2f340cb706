package axs

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const (
	maxExcerpt = 80 // characters
	// characters of a run that may be part of a token; the shortest part of one has as many
	maxWord = 16
	hidden  = "[…]"
)

// someNumber has eight digits or more, as those of phones, accounts and cards, also written in
// groups.
var someNumber = regexp.MustCompile(`[0-9](?:[ .()-]{0,2}[0-9]){7,}`)

// excerpt shows how a body begins that is not an answer. It is a stranger's text, which may echo
// our request: control characters are dropped, our secrets are hidden, and so is each long run of a
// token's or a URL's characters, unless it is letters of one case only, as
// INVALID_MERCHANT_REFERENCE. What may be a customer's is hidden at any length: e-mail addresses
// and long numbers.
func (g *Gateway) excerpt(body []byte) string {
	for _, key := range g.openKeys {
		body = bytes.ReplaceAll(body, key().Reveal(), []byte(hidden))
	}
	body = body[:min(len(body), 8<<10)]
	var out []rune
	for rest := []rune(strings.ToValidUTF8(string(body), "�")); len(rest) > 0; {
		n := 0
		for n < len(rest) && inRun(rest[n]) {
			n++
		}
		switch {
		case n > 0 && !harmless(rest[:n]):
			out = append(out, []rune(hidden)...)
		case n > 0:
			out = append(out, rest[:n]...)
		default:
			n = 1
			if c := rest[0]; c != ' ' && unicode.IsPrint(c) {
				out = append(out, c)
			} else if len(out) > 0 && out[len(out)-1] != ' ' {
				out = append(out, ' ')
			}
		}
		rest = rest[n:]
	}
	if out = []rune(someNumber.ReplaceAllString(string(out), hidden)); len(out) > maxExcerpt {
		// the runs first: a number may be a token's
		out = append(out[:maxExcerpt-1], '…')
	}
	return strings.TrimSpace(string(out))
}

// inRun reports whether a token, as it is or percent-encoded, a URL's path or an e-mail address may
// have the character.
func inRun(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.ContainsRune(`-_.~%+/=\@`, c)
}

func harmless(run []rune) bool {
	if slices.Contains(run, '@') {
		return false
	}
	if len(run) < maxWord {
		return true
	}
	lower, upper := false, false
	for _, c := range run {
		switch {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		case c != '-' && c != '_' && c != '.' && c != '/':
			return false
		}
	}
	return !lower || !upper
}

package axs

import (
	"bytes"
	"strings"
	"unicode"
)

const (
	maxExcerpt = 80 // characters
	maxWord    = 16 // characters of a run that may be part of a token; the shortest part of one has as many
	hidden     = "[…]"
)

// excerpt shows how a body begins that is not an answer. It is a stranger's text, which may echo our request: control
// characters are dropped, our secrets are hidden, and so is each long run of a token's or a URL's characters, unless it is
// letters of one case only, as INVALID_MERCHANT_REFERENCE.
func (g *Gateway) excerpt(body []byte) string {
	for _, key := range g.openKeys {
		body = bytes.ReplaceAll(body, key().Reveal(), []byte(hidden))
	}
	body = body[:min(len(body), 8<<10)]
	var out []rune
	for rest := []rune(strings.ToValidUTF8(string(body), "�")); len(rest) > 0 && len(out) <= maxExcerpt; {
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
	if len(out) > maxExcerpt {
		out = append(out[:maxExcerpt-1], '…')
	}
	return strings.TrimSpace(string(out))
}

// inRun reports whether a token, as it is or percent-encoded, or a URL's path may have the character.
func inRun(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(`-_.~%+/=\`, c)
}

func harmless(run []rune) bool {
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

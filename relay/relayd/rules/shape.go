package rules

import (
	"bytes"
	"net/http"
	"strings"
)

// Shapes are what a gateway's notifications may look like, as far as one can tell who cannot open
// any. They decide what a flood of rubbish may take the place of, and nothing else: what has none
// of them is kept too, as long as there is little of it.
type Shapes struct {
	// Token: five parts of base64url with dots between them, in the body, the query or the path.
	Token bool
	// Signature: a header whose name speaks of a signature.
	Signature bool
}

// leastToken is the fewest bytes of a token that could hold anything, leastSignature of a
// signature.
const (
	leastToken     = 40
	leastSignature = 32
)

// MayOpen says whether somebody who holds the secret might open the delivery. Where that cannot be
// told it may.
func (s Shapes) MayOpen(e Envelope) bool {
	if !s.Token && !s.Signature || http.Header(e.Headers).Get("Content-Encoding") != "" {
		return true
	}
	return s.Token && (hasToken(e.Body) || hasToken([]byte(e.Query)) || hasToken([]byte(e.Path))) ||
		s.Signature && hasSignature(e.Headers)
}

// hasToken looks for a run of base64url characters with four dots in it.
func hasToken(text []byte) bool {
	if bytes.Contains(text, []byte("%2E")) || bytes.Contains(text, []byte("%2e")) ||
		bytes.Contains(text, []byte(`\u002`)) {
		return true // dots that somebody has written otherwise
	}
	length, dots := 0, 0
	for _, c := range text {
		switch {
		case c == '.':
			dots++
			length++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			length++
		default:
			length, dots = 0, 0
		}
		if dots >= 4 && length >= leastToken {
			return true
		}
	}
	return false
}

func hasSignature(headers map[string][]string) bool {
	for name, values := range headers {
		if !strings.Contains(strings.ToLower(name), "signature") {
			continue
		}
		for _, v := range values {
			if len(v) >= leastSignature {
				return true
			}
		}
	}
	return false
}

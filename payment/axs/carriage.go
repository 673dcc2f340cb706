package axs

import (
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

const (
	// bytes of a query string or body that are looked at; the relay takes no more
	maxPart   = 64 << 10
	maxTokens = 4  // distinct tokens of one delivery that are tried
	maxFields = 16 // parts of a multipart form
)

// carriers are the names under which a token may come, the documented one first. AXS's WooCommerce
// module reads data, its PrestaShop module all three.
var carriers = [...]string{"data", "jwe", "token"}

// found is what one delivery carries.
type found struct {
	names   []string   // under which tokens are looked for, the first ones first
	tokens  []string   // distinct, at most maxTokens, in the order of looking
	refused *OpenError // why there is none, when there is none
	at      []string   // of each token, where it stood: "data of the query"
	strays  []stray    // what has the form of a token and stands under another name
	lost    []string   // of the tokens elsewhere, those that some client could open
}

// findTokens looks for five-part tokens in the query, then in the body as form, JSON or raw text.
// How AXS calls is known only from what its own modules read, so the method and Content-Type are
// not believed: the content decides. A name that comes twice has all its values tried, since each
// token proves itself.
//
// more are names beside carriers.
func findTokens(e payment.Envelope, more ...string) found {
	f := found{refused: refuse(ReasonNoToken), names: append(carriers[:], more...)}
	if query := strings.TrimPrefix(e.Query, "?"); len(query) > maxPart {
		f.refused = &OpenError{ReasonTooLong, "query"}
	} else {
		f.addAll("the query", f.pairs(query))
	}
	if len(e.Body) > maxPart {
		f.refused = further(f.refused, &OpenError{ReasonTooLong, "body"})
		return f
	}
	body := strings.TrimSpace(strings.TrimPrefix(string(e.Body), "\ufeff"))
	switch {
	case strings.HasPrefix(body, "{"):
		f.addAll("the JSON body", f.jsonFields(body))
	case strings.HasPrefix(body, "--"):
		f.addAll("the multipart form", f.multipartFields(body))
	default:
		f.addAll("the form", f.pairs(body))
		f.add("the body itself", trim(body))
	}
	if len(f.tokens) == 0 {
		f.refused = further(f.refused, f.elsewhere(e, body))
	}
	return f
}

// values are the shaped texts found under each name.
type values map[string][]string

// put keeps a text when the text, without space and one pair of quotes around it, has the shape of
// a token. Those under a name that is not looked at are strays.
func (f *found) put(v values, name, s string) {
	s = trim(s)
	switch {
	case !shaped(s):
	case !slices.Contains(f.names, name):
		f.strays = append(f.strays, stray{name: name, token: s})
	case len(v[name]) < maxTokens && !slices.Contains(v[name], s):
		v[name] = append(v[name], s)
	}
}

func trim(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n >= 2 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		s = strings.TrimSpace(s[1 : n-1])
	}
	return s
}

// addAll takes the tokens of each carrier, the documented name first.
func (f *found) addAll(where string, v values) {
	for _, name := range f.names {
		for _, s := range v[name] {
			f.add(name+" of "+where, s)
		}
	}
}

// add takes a token that has its shape.
func (f *found) add(at, s string) {
	if len(f.tokens) < maxTokens && shaped(s) && !slices.Contains(f.tokens, s) {
		f.tokens, f.at = append(f.tokens, s), append(f.at, at)
	}
}

// shaped reports whether s is five non-empty parts of base64url characters.
func shaped(s string) bool {
	dots, part := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && part > 0:
			dots, part = dots+1, 0
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' ||
			c == '_':
			part++
		default:
			return false
		}
	}
	return dots == 4 && part > 0
}

// pairs reads name=value&name=value.
func (f *found) pairs(s string) values {
	v := values{}
	for pair := range strings.SplitSeq(s, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(value); err == nil {
			f.put(v, name, decoded)
		}
	}
	return v
}

// jsonFields reads the string members of a JSON object, at its top only. What stands before a fault
// counts.
func (f *found) jsonFields(body string) values {
	v := values{}
	_ = strictjson.Members([]byte(body), maxDepth, func(name string, raw json.RawMessage) error {
		if s, ok := text(raw); ok {
			f.put(v, name, s)
		}
		return nil
	})
	return v
}

// multipartFields reads a multipart form; the boundary is taken from the body's first line.
func (f *found) multipartFields(body string) values {
	v := values{}
	line, _, _ := strings.Cut(body, "\n")
	boundary := strings.TrimRight(strings.TrimPrefix(line, "--"), " \t\r")
	if boundary == "" || len(boundary) > 70 { // RFC 2046, 5.1.1
		return v
	}
	r := multipart.NewReader(strings.NewReader(body), boundary)
	for range maxFields {
		part, err := r.NextPart()
		if err != nil {
			return v
		}
		s, err := io.ReadAll(part)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return v
		}
		f.put(v, part.FormName(), string(s))
	}
	return v
}

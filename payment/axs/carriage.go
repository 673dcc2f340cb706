package axs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"

	"kiosk-agent/payment"
)

const (
	maxPart   = 64 << 10 // bytes of a query string or body that are looked at; the relay takes no more
	maxTokens = 4        // distinct tokens of one delivery that are tried
	maxFields = 16       // parts of a multipart form
)

// carriers are the names under which a token may come, the documented one first. AXS's WooCommerce module reads data, its
// PrestaShop module all three.
var carriers = [...]string{"data", "jwe", "token"}

// found is what one delivery carries.
type found struct {
	tokens  []string   // distinct, at most maxTokens, in the order of looking
	refused *OpenError // why there is none, when there is none
}

// findTokens looks for five-part tokens in the query, then in the body as form, JSON or raw text. How AXS calls is known only
// from what its own modules read, so the method and Content-Type are not believed: the content decides. A name that comes
// twice has all its values tried, since each token proves itself.
func findTokens(e payment.Envelope) found {
	f := found{refused: refuse(ReasonNoToken)}
	if query := strings.TrimPrefix(e.Query, "?"); len(query) > maxPart {
		f.refused = &OpenError{ReasonTooLong, "query"}
	} else {
		f.addAll(pairs(query))
	}
	if len(e.Body) > maxPart {
		f.refused = further(f.refused, &OpenError{ReasonTooLong, "body"})
		return f
	}
	body := strings.TrimSpace(strings.TrimPrefix(string(e.Body), "\ufeff"))
	switch {
	case strings.HasPrefix(body, "{"):
		f.addAll(jsonFields(body))
	case strings.HasPrefix(body, "--"):
		f.addAll(multipartFields(body))
	default:
		f.addAll(pairs(body))
		f.add(body)
	}
	return f
}

// addAll takes the values of each carrier, the documented name first.
func (f *found) addAll(values map[string][]string) {
	for _, name := range carriers {
		for _, v := range values[name] {
			f.add(v)
		}
	}
}

// add takes a text if, without space and one pair of quotes around it, it has the shape of a token.
func (f *found) add(s string) {
	s = strings.TrimSpace(s)
	if n := len(s); n >= 2 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		s = strings.TrimSpace(s[1 : n-1])
	}
	switch {
	case !shaped(s) || slices.Contains(f.tokens, s):
	case len(s) > maxToken:
		f.refused = further(f.refused, &OpenError{ReasonTooLong, "token"})
	case len(f.tokens) < maxTokens:
		f.tokens = append(f.tokens, s)
	}
}

// shaped reports whether s is five non-empty parts of base64url characters.
func shaped(s string) bool {
	dots, part := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && part > 0:
			dots, part = dots+1, 0
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_':
			part++
		default:
			return false
		}
	}
	return dots == 4 && part > 0
}

// pairs are the carriers' values in name=value&name=value.
func pairs(s string) map[string][]string {
	values := make(map[string][]string)
	for pair := range strings.SplitSeq(s, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !slices.Contains(carriers[:], name) {
			continue
		}
		if v, err := url.QueryUnescape(value); err == nil {
			values[name] = append(values[name], v)
		}
	}
	return values
}

// jsonFields are the carriers' string values in a JSON object, at its top only. What stands before a fault counts.
func jsonFields(body string) map[string][]string {
	values := make(map[string][]string)
	_ = eachMember([]byte(body), func(name string, raw json.RawMessage) error {
		if v, ok := text(raw); ok && slices.Contains(carriers[:], name) {
			values[name] = append(values[name], v)
		}
		return nil
	})
	return values
}

// multipartFields are the carriers' values in a multipart form; the boundary is read from the body's first line.
func multipartFields(body string) map[string][]string {
	values := make(map[string][]string)
	line, _, _ := strings.Cut(body, "\n")
	boundary := strings.TrimRight(strings.TrimPrefix(line, "--"), " \t\r")
	if boundary == "" || len(boundary) > 70 { // RFC 2046, 5.1.1
		return values
	}
	r := multipart.NewReader(bytes.NewReader([]byte(body)), boundary)
	for range maxFields {
		part, err := r.NextPart()
		if err != nil {
			return values
		}
		name := part.FormName()
		if !slices.Contains(carriers[:], name) {
			continue
		}
		v, err := io.ReadAll(part)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return values
		}
		values[name] = append(values[name], string(v))
	}
	return values
}

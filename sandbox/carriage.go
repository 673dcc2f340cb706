package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Carriage is how a webhook carries its token. AXS's own shop modules read the query parameter
// data; the PrestaShop one also reads jwe, token and data from a form or JSON. Method and raw-body
// form are unknown, so every form is here.
type Carriage string

// The forms in which a webhook may carry its token.
const (
	QueryGET  Carriage = "query_get"  // GET  ?data=<token>
	QueryPOST Carriage = "query_post" // POST ?data=<token>, empty body
	FormJWE   Carriage = "form_jwe"   // POST application/x-www-form-urlencoded
	FormToken Carriage = "form_token"
	FormData  Carriage = "form_data"
	JSONJWE   Carriage = "json_jwe" // POST {"jwe": "<token>"}
	JSONToken Carriage = "json_token"
	JSONData  Carriage = "json_data"
	Raw       Carriage = "raw"        // POST, the token as the body
	RawQuoted Carriage = "raw_quoted" // POST, the token in double quotes
)

// Carriages lists every form.
func Carriages() []Carriage {
	return []Carriage{QueryGET, QueryPOST, FormJWE, FormToken, FormData, JSONJWE, JSONToken,
		JSONData, Raw, RawQuoted}
}

func (c Carriage) known() bool { return slices.Contains(Carriages(), c) }

// request builds the HTTP request that carries token to target.
func (c Carriage) request(ctx context.Context, target, token string) (*http.Request, error) {
	kind, name, _ := strings.Cut(string(c), "_")
	method, contentType := http.MethodPost, ""
	var body io.Reader
	switch kind {
	case "query":
		u, err := url.Parse(target)
		if err != nil {
			return nil, err
		}
		q := u.Query()
		q.Set("data", token)
		u.RawQuery = q.Encode()
		target = u.String()
		if c == QueryGET {
			method = http.MethodGet
		}
	case "form":
		contentType = "application/x-www-form-urlencoded"
		body = strings.NewReader(url.Values{name: {token}}.Encode())
	case "json":
		contentType = "application/json"
		object, err := json.Marshal(map[string]string{name: token})
		if err != nil {
			return nil, err
		}
		body = strings.NewReader(string(object))
	default:
		contentType = "text/plain; charset=utf-8"
		if c == RawQuoted {
			token = `"` + token + `"`
		}
		body = strings.NewReader(token)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", "kiosk-agent-sandbox")
	return req, nil
}

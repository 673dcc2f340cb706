package bundle

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/secret"
)

const redacted = "[redacted]"

// Scrubber takes secrets out of texts. The zero Scrubber knows none by name, only their shapes.
type Scrubber struct{ known [][]byte }

// NewScrubber knows every secret of the configuration that this process can read, and the hook's
// route. c may be nil.
func NewScrubber(c *config.Config, credDir string) *Scrubber {
	s := new(Scrubber)
	if c == nil {
		return s
	}
	for _, ref := range c.Secrets() {
		if v, err := secret.Resolve(ref.Ref, credDir); err == nil {
			s.add(string(v.Reveal()))
		}
	}
	s.add(route(c.Relay.HookURL))
	// one may begin with another
	slices.SortFunc(s.known, func(a, b []byte) int { return len(b) - len(a) })
	return s
}

func (s *Scrubber) add(value string) {
	if len(value) < 8 {
		return // every text would be full of it; what is that short passes no check
	}
	forms := []string{value, url.QueryEscape(value), url.PathEscape(value)}
	if quoted, err := json.Marshal(value); err == nil {
		forms = append(forms, string(quoted[1:len(quoted)-1]))
	}
	for _, form := range forms {
		s.known = append(s.known, []byte(form))
	}
}

// shapes are what secrets look like wherever they come from.
var shapes = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(/hook/)[^\s"'\\)?#]+`),
	regexp.MustCompile(`(?i)((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`(?i)((?:data|jwe|token|secret|password|api_key|code)=)[^\s"'\\&#]{8,}`),
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}`), // JWE and JWT
}

// Scrub is the text without them.
func (s *Scrubber) Scrub(text []byte) []byte {
	for _, value := range s.known {
		text = bytes.ReplaceAll(text, value, []byte(redacted))
	}
	for _, shape := range shapes {
		text = shape.ReplaceAll(text, []byte("${1}"+redacted))
	}
	return text
}

// route is the secret end of a hook URL.
func route(hookURL string) string {
	u, err := url.Parse(hookURL)
	if err != nil {
		return ""
	}
	_, route, _ := strings.Cut(u.Path, "/hook/")
	return strings.Trim(route, "/")
}

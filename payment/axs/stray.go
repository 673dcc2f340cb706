package axs

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"kiosk-agent/payment"
)

// stray is what has the form of a token, and stands where none is looked for.
type stray struct {
	name  string // of the parameter, field or member; "" = none has it
	where string // in words, where name is ""
	token string
}

// within finds tokens within any text. The repetitions have bounds, so that it is linear.
var within = regexp.MustCompile(`[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){4}`)

// elsewhere is the refusal of a delivery without a token where one is looked for: nil where there
// is none in it at all, that some client could open. A delivery that may be AXS's is not thrown
// away as rubbish because nobody has told this agent yet where its token is.
func (f *found) elsewhere(e payment.Envelope, body string) *OpenError {
	strays := f.strays
	for _, s := range within.FindAllString(body, maxTokens) {
		strays = append(strays, stray{where: "within the body", token: s})
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		for _, value := range e.Headers[name] {
			for _, s := range within.FindAllString(value, maxTokens) {
				strays = append(strays, stray{where: "in the header " + shown(name), token: s})
			}
		}
	}
	var refused *OpenError
	for _, s := range strays[:min(len(strays), maxTokens)] {
		if !plausible(s.token) {
			continue
		}
		f.lost = append(f.lost, s.token)
		if detail := s.where; refused == nil {
			if s.name != "" {
				detail = "as " + shown(s.name) + " (axs.members.token)"
			}
			refused = &OpenError{ReasonElsewhere, detail}
		}
	}
	return refused
}

// namedStray reports whether the refusal is of a token under a name that can be configured.
func (e *OpenError) namedStray() bool {
	return e.Reason == ReasonElsewhere && strings.HasPrefix(e.Detail, "as ")
}

package axs

import (
	"regexp"
	"strings"
)

// The values of Config.Reference.
const (
	ReferenceExact = ""      // as it is made, and only so
	ReferenceLoose = "loose" // sent as it is made, read in any case, with its dash or without
	ReferencePlain = "plain" // sent without its dash, and read as loose
)

// ourForm is a merchantRef of an agent in any case, with its dash or without: a tag of eight
// characters and a ULID of 26, whose first is no more than 7. Both have a fixed length and one case
// that they are made in, so that each text of this form stands for one reference only, and no two
// references have a form in common.
var ourForm = regexp.MustCompile(
	`^([0-9A-Za-z]{8})-?([0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25})$`)

// sent is a merchantRef as AXS gets it.
func (g *Gateway) sent(ref string) string {
	if g.cfg.Reference == ReferencePlain {
		return plain(ref)
	}
	return ref
}

// plain is a reference of an agent without its dash; any other text is left as it is.
func plain(ref string) string {
	if parts := ourForm.FindStringSubmatch(ref); parts != nil {
		return parts[1] + parts[2]
	}
	return ref
}

// read is the merchantRef that AXS means. What has not the form of an agent's is left as it is.
func (g *Gateway) read(ref string) string {
	if g.cfg.Reference == ReferenceExact {
		return ref
	}
	return canonical(ref)
}

// canonical is a reference of an agent as it is made, in whichever letters it came.
func canonical(ref string) string {
	if parts := ourForm.FindStringSubmatch(strings.TrimSpace(ref)); parts != nil {
		return strings.ToUpper(parts[1] + "-" + parts[2])
	}
	return ref
}

package axs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

// maxKeyIDs bounds the list: an application has one credential, or two during a rotation.
const maxKeyIDs = 8

var (
	// listPath are names of members, with a dot between one and the next within it. (Forms that
	// repeat much take a while to compile, and a start waits for it: when they are asked for.)
	listPath = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,3}$`)
	})
	// pathBefore is what stands before a merchantLinkId.
	pathBefore = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^/([A-Za-z0-9._~-]{1,64}/){0,8}$`)
	})
)

// CheckReading reports each fault of what says how AXS really writes: Words, Members and what
// stands beside them in Config.
func (c *Config) CheckReading() (faults []*ConfigError) {
	c.checkReading(func(ok bool, key, problem, hint string) {
		if !ok {
			faults = append(faults, &ConfigError{key, problem, hint})
		}
	})
	return faults
}

func (c *Config) checkReading(report func(ok bool, key, problem, hint string)) {
	for _, fault := range c.Words.Check(knownWord) {
		report(false, "axs.words."+fault.List, fault.Problem, fault.Hint)
	}
	c.Members.check(report)
	report(c.QueryList == "" || c.QueryList == "." || listPath().MatchString(c.QueryList),
		"axs.query_list", "is no name of a member",
		`write the name of the member that holds the list, such as data or data.items; "." for an `+
			"answer that is one record")
	report(c.QueryTypeDefault == "" || c.QueryTypeDefault == payment.TypePay,
		"axs.query_type_default", "is neither empty nor PAY",
		"write PAY where AXS's query states no type, and leave it empty otherwise")
	report(c.LinkPath == "" || pathBefore().MatchString(c.LinkPath), "axs.link_path",
		"is no path that begins and ends with a slash",
		"write what stands between the host and the merchantLinkId, such as /checkout/")
	report(len(c.KeyIDs) <= maxKeyIDs, "axs.key_ids",
		fmt.Sprintf("has more than %d entries", maxKeyIDs), "leave out what AXS sends no more")
	for i, id := range c.KeyIDs {
		report(webaddr.Printable(id, 1, maxClientID) && !strings.Contains(id, " "), "axs.key_ids",
			"has an entry that is empty, too long, or has spaces or unprintable characters",
			"write the kid as the refusal shows it")
		report(id != c.ClientID && !slices.Contains(c.KeyIDs[:i], id), "axs.key_ids",
			"has an entry twice, or the Client ID", "leave it out: that is accepted anyway")
	}
	report(slices.Contains([]string{ReferenceExact, ReferenceLoose, ReferencePlain}, c.Reference),
		"axs.reference", "is neither empty, loose nor plain",
		"write plain where AXS refuses the dash, loose where it changes the reference's letters")
}

// knownWord is what AXS itself means by a word, also where that is written in another case: whoever
// writes "Declined" does not mean that it is paid. A response code of two digits has its meaning in
// ISO 8583, where "00" alone is a payment without conditions.
func knownWord(list, word string) string {
	as := func(words ...string) string {
		for _, w := range words {
			if strings.EqualFold(strings.TrimSpace(word), w) {
				return w
			}
		}
		return ""
	}
	switch {
	case strings.HasPrefix(list, "type_"):
		return as(payment.TypePay, payment.TypeVoid, payment.TypeRefund)
	case list != "code_ok":
		return as(payment.RecordSuccess, payment.RecordDeclined, payment.RecordExpired,
			payment.RecordSent)
	case word == "00":
		return word
	case len(word) == 2 && strings.Trim(word, "0123456789") == "":
		return "no approval"
	default:
		return ""
	}
}

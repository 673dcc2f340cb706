package singapay

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

// jakarta is UTC+7 all year. It is not looked up: a kiosk may have no time zone files.
var jakarta = time.FixedZone("WIB", 7*60*60)

// iso is how times go out: ISO 8601 with the offset, as in SingaPay's examples.
const iso = "2006-01-02T15:04:05-07:00"

// layouts are how times come in: REST answers in ISO 8601, notifications as text. Without an offset
// they are Jakarta's.
var layouts = [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "02 Jan 2006 15:04:05"}

// moment reads a time; the zero time when it cannot be read, for a bad date is no reason to drop
// money evidence. Unix time comes in milliseconds (13 digits) from the older endpoints.
func moment(v any) time.Time {
	s, _ := scalar(v)
	var t time.Time
	if n := count(v); n > 1e9 && len(s) == 10 {
		t = time.Unix(int64(n), 0)
	} else if len(s) == 13 && s[0] != '0' && strings.Trim(s, "0123456789") == "" {
		ms, _ := json.Number(s).Int64()
		t = time.UnixMilli(ms)
	} else {
		for _, layout := range layouts {
			parsed, err := time.ParseInLocation(layout, s, jakarta)
			if err == nil {
				t = parsed
				break
			}
		}
	}
	// A year outside these could not be written to the journal as JSON.
	if t = t.UTC(); t.Year() < 2000 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// amount reads rupiah, a number or text, into minor units, by value: see payment.ReadAmount. What
// cannot be read is kept as text, which equals no payment's amount: the evidence stays, the
// approval does not.
func amount(v any) (minor int64, asStated string) {
	s, ok := scalar(v)
	if !ok {
		return payment.UnreadableAmount, "not a number"
	}
	read := payment.ReadAmount
	if _, number := v.(json.Number); number {
		read = payment.ReadNumber
	}
	if minor, ok := read(s, payment.IDR); ok {
		return minor, ""
	}
	const most = 32
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return payment.UnreadableAmount, s[:min(len(s), most)]
}

// amount reads the amount of a transaction; where there is none, the text names the key that takes
// another name for it.
func (*Gateway) amount(v any, key string) (minor int64, asStated string) {
	if v == nil {
		return payment.UnreadableAmount, "none: members." + key
	}
	return amount(v)
}

// scheme is the name of the channel, "VA BRI" or "Credit Card": a few words without a number in it,
// which might be an account's.
func scheme(v any) string {
	s := text(v)
	if len(s) > 40 || strings.ContainsFunc(s,
		func(r rune) bool { return !unicode.IsPrint(r) || r == '@' }) || longestRun(s) > 4 {
		return ""
	}
	return s
}

// longestRun is the length of the longest run of digits.
func longestRun(s string) int {
	longest, run := 0, 0
	for _, r := range s {
		if r < '0' || r > '9' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// reference is a reference in the form that both sides write: printable, no spaces, at most 128
// characters; "" for anything else.
func reference(v any) string {
	s, ok := scalar(v)
	if !ok || !webaddr.Printable(s, 1, 128) || strings.Contains(s, " ") {
		return ""
	}
	return s
}

package axs

import (
	"encoding/json"
	"strconv"
	"strings"

	"kiosk-agent/payment"
)

// lines collects what was observed on one way.
type lines struct {
	path string
	all  []payment.Observed
}

func (l *lines) add(o payment.Observed) {
	o.Path = l.path
	l.all = append(l.all, o)
}

func (l *lines) asPaper(what, is string) {
	l.add(payment.Observed{What: what, Is: is, Paper: is, Fit: payment.FitPaper})
}

func (l *lines) open(what, is string) {
	l.add(payment.Observed{What: what, Is: is, Fit: payment.FitOpen})
}

func (l *lines) differs(what, is, paper, key, value string) {
	l.add(payment.Observed{What: what, Is: is, Paper: paper, Fit: payment.FitDiffers, Key: key,
		Value: value})
}

func (l *lines) mended(what, is, paper, key, value string) {
	l.add(payment.Observed{What: what, Is: is, Paper: paper, Fit: payment.FitMended, Key: key,
		Value: value})
}

func (l *lines) unknown(what, is, paper string) {
	l.add(payment.Observed{What: what, Is: is, Paper: paper, Fit: payment.FitUnknown})
}

// word is a line about a text that must be this one.
func (l *lines) word(what string, raw json.RawMessage, want string) {
	if s, _ := text(raw); s == want {
		l.asPaper(what, want)
	} else {
		l.unknown(what, shownWord(s), want)
	}
}

// fitOf is this Fit where ok, and else FitUnknown.
func fitOf(ok bool, fit payment.Fit) payment.Fit {
	if ok {
		return fit
	}
	return payment.FitUnknown
}

// shownWord is a gateway's word as it may be shown: what has a word's form. A customer's name or
// number has another.
func shownWord(s string) string {
	const longest, digits = 32, 4
	n := 0
	strange := strings.ContainsFunc(s, func(r rune) bool {
		if r >= '0' && r <= '9' {
			n++
			return false
		}
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(" _-+.:", r)
	})
	if strange || n > digits || len(s) > longest || strings.Count(strings.TrimSpace(s), " ") > 2 {
		return "a text that is no word"
	}
	return strconv.Quote(s)
}

// kindOf is a JSON value's type, in words.
func kindOf(raw json.RawMessage) string {
	switch {
	case len(raw) == 0:
		return "absent"
	case raw[0] == '"':
		return "text"
	case raw[0] == '{':
		return "object"
	case raw[0] == '[':
		return "list"
	case string(raw) == "null":
		return "null"
	case isNumber(raw):
		return "number"
	default:
		return "true or false"
	}
}

// pattern is how an amount is written: each digit as 9.
func pattern(raw json.RawMessage) string {
	s, ok := scalar(raw)
	if !ok {
		return kindOf(raw)
	}
	const most = 24
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return '9'
		case strings.ContainsRune(".,' +-eE", r):
			return r
		default:
			return 'x'
		}
	}, s)
	return kindOf(raw) + " " + out[:min(len(out), most)]
}

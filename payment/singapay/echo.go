package singapay

import (
	"strings"
	"time"
)

// echo is how what SingaPay made differs from what was asked for. What touches money is wrong: it
// is not shown. The rest is odd: it can be paid, so it is shown, and reported.
type echo struct {
	wrong string
	odd   []string
	ends  time.Time     // when it ends, by the clock that was asked with
	zone  time.Duration // what its times lack
}

func (e *echo) note(odd bool, words string) {
	if odd {
		e.odd = append(e.odd, words)
	}
}

func (e *echo) words() string { return strings.Join(e.odd, "; ") }

// end compares the ends. One that is missing, unreadable or off by whole hours, as in another time
// zone, is taken for the one that was sent; a sooner one shortens the sale, one that is past is
// wrong.
func (e *echo) end(o *order, stated time.Time, dated bool) {
	e.ends = o.ends
	off := stated.Sub(o.ends)
	hours := off.Round(time.Hour)
	switch now := o.ends.Add(time.Since(o.began) - o.lasts); {
	case !dated:
		e.note(true, "expired_at is missing")
	case stated.IsZero():
		e.note(true, "expired_at cannot be read")
	case off.Abs() <= echoSlack:
		e.ends = stated
	case hours != 0 && hours.Abs() <= 14*time.Hour && (off-hours).Abs() <= echoSlack:
		e.zone = -hours
		e.note(true, "expired_at is in another time zone")
	case stated.Before(now):
		e.wrong = "expired_at is past"
	case off < 0:
		e.ends = stated
		e.note(true, "expired_at is sooner than the one that was sent")
	default:
		e.note(true, "expired_at is later than the one that was sent")
	}
}

// lacks says that a value is not there, once, under the name that it is read by.
func lacks(name, key string) string {
	return "it has no " + name + ": see singapay.members." + key
}

// otherRef says that it is about another reference, or about ours in another form.
func otherRef(name, ref, said string) string {
	if sameLetters(ref, said) {
		return "it has our " + name + " in another form: see singapay.reference"
	}
	return "it has another " + name
}

// sameLetters reports whether a reference is ours but for its case, and what is between its letters
// and digits.
func sameLetters(ref, said string) bool {
	plain := strings.NewReplacer("-", "", "_", "", ".", "")
	return strings.EqualFold(plain.Replace(ref), plain.Replace(said))
}

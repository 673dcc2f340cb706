package singapay

import (
	"strings"

	"kiosk-agent/payment"
)

// source is where SingaPay says a word. The same word need not mean the same everywhere.
type source int

const (
	// an attempt of a payment link: its history, and the notification of a transaction
	fromAttempt source = iota
	fromQR             // a QRIS code: its query, and the notification of a transaction
	// a notification for information: inquiry, expiry. It never decides anything
	fromNotice
)

// word is one row of the table below.
type word struct {
	source source
	word   string
	means  string // payment.Record.Status
}

// words is the one place where SingaPay's words become ours. A word that is not here decides
// nothing: see status.
var words = [...]word{
	{fromAttempt, "paid", payment.RecordSuccess},
	{fromAttempt, "settled", payment.RecordSuccess}, // paid before, and moved to the merchant
	{fromAttempt, "pending", payment.RecordSent},
	{fromAttempt, "unpaid", payment.RecordSent},
	{fromAttempt, "expired", payment.RecordExpired},
	{fromAttempt, "failed", payment.RecordDeclined},

	{fromQR, "paid", payment.RecordSuccess},
	{fromQR, "settled", payment.RecordSuccess},
	{fromQR, "open", payment.RecordSent},
	{fromQR, "expired", payment.RecordExpired},

	{fromNotice, "pending", payment.RecordSent}, // the customer has chosen how to pay
	{fromNotice, "paid", StatusRecheck},
	{fromNotice, "settled", StatusRecheck},
	{fromNotice, "expired", StatusRecheck},
	{fromNotice, "failed", StatusRecheck},
}

// Words of Record.Status that decide nothing; payment.Known does not know them, so that the gateway
// is asked at once.
const (
	// verified, but not of now: perhaps a late repetition, perhaps a replay
	StatusStale = "STALE"
	// SingaPay says that something has happened, where its word is no evidence
	StatusRecheck = "RECHECK"

	unknownPrefix = "singapay:" // before a word of SingaPay's that is not in the table
)

// status is what a word means. An unknown one is kept under a prefix, so that it never passes for
// one of ours.
func status(from source, said string) string {
	for _, w := range words {
		if w.source == from && w.word == said {
			return w.means
		}
	}
	return unknownPrefix + printable(said)
}

func printable(said string) string {
	said = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, said)
	return said[:min(len(said), 32)]
}

// unknown reports whether a status is a word that nobody has given a meaning.
func unknown(status string) bool { return strings.HasPrefix(status, unknownPrefix) }

// reading is how a word is read.
type reading func(from source, said string) string

// configured reads words by the table, and those of a payment by the site's own as well. A notice
// never decides anything, whatever a site makes of its words.
func (g *Gateway) configured(from source, said string) string {
	means := status(from, said)
	if !unknown(means) || from == fromNotice {
		return means
	}
	if r := g.cfg.Words.Read(payment.Record{Status: said}); r.Said.Status != "" {
		return r.Status
	}
	return means
}

// stated are the words of an object about its status: one, or two where it was computed when it was
// read.
type stated struct {
	stored, computed string
	expired          bool
}

func statedBy(stored, m any) stated {
	expired, _ := at(m, "is_expired").(bool)
	return stated{text(stored), text(at(m, "status_computed")), expired}
}

// read is what the words mean together. A link or an attempt that nobody touched stays open or
// pending in store after its end. A stored payment is not undone by its end; any other disagreement
// decides nothing.
func (s stated) read(from source, read reading) string {
	first := read(from, s.stored)
	if s.computed == "" {
		if s.expired && first == payment.RecordSent {
			return payment.RecordExpired
		}
		return first
	}
	switch second := read(from, s.computed); {
	case first == second, first == payment.RecordSuccess && second == payment.RecordExpired:
		return first
	case first == payment.RecordSent && second == payment.RecordExpired:
		return second
	default:
		return status(from, s.stored+"/"+s.computed)
	}
}

// word is what SingaPay has said, as it came.
func (s stated) word() string {
	if s.computed == "" || s.computed == s.stored {
		return s.stored
	}
	return s.stored + "/" + s.computed
}

// computedStatus is the status of an object by the table alone.
func computedStatus(from source, m object) string {
	return statedBy(m["status"], m).read(from, status)
}

// setStatus puts the status into a record: by the table, or else by the site's words, and then
// beside SingaPay's own.
func (g *Gateway) setStatus(r *payment.Record, from source, s stated) {
	r.Status = s.read(from, g.configured)
	if r.Status != s.read(from, status) {
		r.Said.Status = own(s.word())
	}
}

// The words of data.transaction.type; a transaction that has none is a payment.
const (
	typeLink = "pl"
	typeQR   = "qris"
)

// setType puts the type into a record. One that nobody knows may be of money that goes back.
func (g *Gateway) setType(r *payment.Record, said any) {
	switch said {
	case nil, "", typeLink, typeQR:
		r.Type = payment.TypePay
		return
	}
	word, _ := scalar(said)
	if t := g.cfg.Words.Read(payment.Record{Type: word}); t.Said.Type != "" {
		r.Type, r.Said.Type = t.Type, own(word)
		return
	}
	r.Type = own(word)
}

// own is a word of SingaPay's as it is kept beside ours, or in its place: as it came, as far as it
// can be printed, but never one that means something here.
func own(said string) string {
	switch said {
	case payment.RecordSuccess, payment.RecordDeclined, payment.RecordExpired, payment.RecordSent,
		payment.TypePay, payment.TypeVoid, payment.TypeRefund, StatusStale, StatusRecheck:
		return unknownPrefix + said
	}
	return printable(said)
}

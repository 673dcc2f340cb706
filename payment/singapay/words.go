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
	said = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, said)
	return unknownPrefix + said[:min(len(said), 32)]
}

// computedStatus is the status of an object that has two words: the stored one, and the one
// computed when it was read. A link or an attempt that nobody touched stays open or pending in
// store after its end. A stored payment is not undone by its end; any other disagreement decides
// nothing.
func computedStatus(from source, m object) string {
	stored := text(m["status"])
	first := status(from, stored)
	computed := text(m["status_computed"])
	if computed == "" {
		if expired, _ := m["is_expired"].(bool); expired && first == payment.RecordSent {
			return payment.RecordExpired
		}
		return first
	}
	switch second := status(from, computed); {
	case first == second, first == payment.RecordSuccess && second == payment.RecordExpired:
		return first
	case first == payment.RecordSent && second == payment.RecordExpired:
		return second
	default:
		return status(from, stored+"/"+computed)
	}
}

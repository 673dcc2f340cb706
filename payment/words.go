package payment

import (
	"fmt"
	"slices"
	"strings"
)

// Words are further words of a gateway that a site has found in what really came, with what each
// means: the lists of [axs.words] and its like. They are compared letter by letter.
//
// A word may lower what a statement says without more ado. One that makes a payment of it
// (Said.Raised) counts for that only where the payment's policy wants the query's word as well
// (Policy.ApproveNeedsQuery), or once staff have confirmed it by a payment that the query had
// reported in known words. Until then it is the unknown word that it was.
type Words struct {
	Paid, Declined, Expired, Pending []string // of Record.Status
	CodeOK                           []string // of Record.ResponseCode, for "00"
	TypePay, TypeVoid, TypeRefund    []string // of Record.Type
}

// Said are the gateway's own words in a Record, where Words have put others in their place.
type Said struct {
	Type         string `json:"type,omitempty"`
	Status       string `json:"status,omitempty"`
	ResponseCode string `json:"response_code,omitempty"`
}

// wordList is one list of Words: its name in the configuration, what the record says for its words,
// and what of Said they are.
type wordList struct {
	name, means string
	words       []string
	of          func(*Record) *string
	said        func(*Said) *string
}

func (w Words) lists() []wordList {
	status, saidStatus := func(r *Record) *string { return &r.Status },
		func(s *Said) *string { return &s.Status }
	kind, saidKind := func(r *Record) *string { return &r.Type },
		func(s *Said) *string { return &s.Type }
	return []wordList{
		{"paid", RecordSuccess, w.Paid, status, saidStatus},
		{"declined", RecordDeclined, w.Declined, status, saidStatus},
		{"expired", RecordExpired, w.Expired, status, saidStatus},
		{"pending", RecordSent, w.Pending, status, saidStatus},
		{"code_ok", "00", w.CodeOK, func(r *Record) *string { return &r.ResponseCode },
			func(s *Said) *string { return &s.ResponseCode }},
		{"type_pay", TypePay, w.TypePay, kind, saidKind},
		{"type_void", TypeVoid, w.TypeVoid, kind, saidKind},
		{"type_refund", TypeRefund, w.TypeRefund, kind, saidKind},
	}
}

// Read puts what the words mean in place of a gateway's own. r has them as they came.
func (w Words) Read(r Record) Record {
	for _, l := range w.lists() {
		if word, said := l.of(&r), l.said(&r.Said); *said == "" && slices.Contains(l.words, *word) {
			*said, *word = *word, l.means
		}
	}
	return r
}

// Raises reports whether there is a word that can make a payment of a statement.
func (w Words) Raises() bool { return len(w.Paid)+len(w.CodeOK)+len(w.TypePay) > 0 }

// WordError is one fault of Words. It repeats the word: no secret is one.
type WordError struct {
	List    string // "paid": the key below words
	Problem string
	Hint    string
}

func (e *WordError) Error() string { return "words." + e.List + " " + e.Problem + ": " + e.Hint }

// maxWord is how long a word may be.
const maxWord = 64

// Check reports every fault. known says what the gateway itself defines a word of a list to mean,
// "" where it does not: such a word cannot be given another meaning.
func (w Words) Check(known func(list, word string) string) (faults []*WordError) {
	type place struct{ list, word string }
	seen := map[place]string{}
	for _, l := range w.lists() {
		family, _, _ := strings.Cut(l.name, "_")
		if family != "code" && family != "type" {
			family = "status"
		}
		for _, word := range l.words {
			fault := func(hint, format string, args ...any) {
				faults = append(faults, &WordError{l.name, fmt.Sprintf(format, args...), hint})
			}
			at := place{family, word}
			switch means := known(l.name, word); {
			case word == "" || len(word) > maxWord:
				fault("write the word as it came", "has a word that is empty or longer than %d "+
					"bytes", maxWord)
			case means != "" && means != l.means:
				fault("leave it out", "has %q, which the gateway itself defines as %s", word, means)
			case seen[at] != "":
				fault("write it into one list", "has %q, which is in words.%s too", word, seen[at])
			default:
				seen[at] = l.name
			}
		}
	}
	return faults
}

// Raised are the words that have made a payment of this record, as staff confirm them: "status
// PAID", "response code 000", "type SALE". None, where it says so by itself or is no payment.
func (r Record) Raised() (words []string) {
	if !paysClearly(r) {
		return nil
	}
	for _, w := range []struct{ what, said string }{
		{"status", r.Said.Status}, {"response code", r.Said.ResponseCode}, {"type", r.Said.Type},
	} {
		if w.said != "" {
			words = append(words, w.what+" "+w.said)
		}
	}
	return words
}

// AsSaid is the record in the gateway's own words. Said stays: it tells that they are configured.
func (r Record) AsSaid() Record {
	for _, w := range []struct {
		said string
		into *string
	}{{r.Said.Type, &r.Type}, {r.Said.Status, &r.Status},
		{r.Said.ResponseCode, &r.ResponseCode}} {
		if w.said != "" {
			*w.into = w.said
		}
	}
	return r
}

// meant says what a word that decides nothing would decide: what is configured and not confirmed,
// or where it can be.
func (f *Folder) meant(said, is string) string {
	key := f.p.Provider + ".words"
	if said != "" && said == is {
		return ", which " + key + " takes for paid; it counts once kiosk-agent gateway confirm " +
			"has been run for a sale that the query reports, or with payment.approve_needs_query"
	}
	return ", which no page defines (what it means can be written into " + key + "; kiosk-agent " +
		"gateway confirm makes a word for paid count)"
}

// Confirmable are the words of this payment's notifications that staff may confirm to mean a
// payment, and the Seq of the newest notification that has them: the query has reported the very
// payment in words that are known. facts are the payment's. why says what is missing; "" = nothing.
func (p Payment) Confirmable(facts []Fact) (words []string, seen int64, why string) {
	var proof *Record
	for _, f := range facts {
		if d, ok := f.Data.(Notified); ok && d.Source == SourceQuery && p.Pays(d.Record) &&
			len(d.Record.Raised()) == 0 {
			proof = &d.Record
		}
	}
	for _, f := range facts {
		d, ok := f.Data.(Notified)
		if !ok || d.Source == SourceQuery {
			continue
		}
		said := d.Record.AsSaid()
		same := proof == nil || said.TransactionRef == proof.TransactionRef ||
			said.TransactionRef == "" || proof.TransactionRef == ""
		if !same || said.MerchantRef != p.MerchantRef || said.Amount != p.Money.Amount ||
			said.Currency != string(p.Money.Currency) {
			continue
		}
		if new := said.strange(p.Provider); len(new) > 0 {
			words, seen = new, f.Seq
		}
	}
	switch {
	case len(words) == 0:
		return nil, 0, "no word of its notifications waits for a confirmation"
	case proof == nil:
		return words, seen, "the gateway's query has not reported this payment in words that are " +
			"known"
	default:
		return words, seen, ""
	}
}

// strange are the words of a record, as it came, that nothing defines; none, where a word that is
// defined says that it is no payment.
func (r Record) strange(provider string) (words []string) {
	status := strings.TrimPrefix(r.Status, provider+":")
	switch status {
	case RecordSuccess, RecordDeclined, RecordExpired, RecordSent:
		status = r.Status // a gateway's own, and no word of ours: Said keeps it so, too
	}
	switch r.Status {
	case RecordSuccess:
	case RecordDeclined, RecordExpired, RecordSent, RecordStale, RecordRecheck, "":
		return nil
	default:
		words = append(words, "status "+status)
	}
	switch {
	case r.ResponseCode == "" || r.ResponseCode == "00":
	case responseCode(r.ResponseCode):
		return nil
	default:
		words = append(words, "response code "+r.ResponseCode)
	}
	switch r.Type {
	case TypePay:
	case TypeVoid, TypeRefund:
		return nil
	default:
		words = append(words, "type "+r.Type)
	}
	return words
}

// Words is what the record says, with what came where the configuration has given it its meaning:
// "PAY SUCCESS", "PAY SUCCESS (it said PAID)".
func (r Record) Words() string {
	text, said := r.Type+" "+r.Status, []string(nil)
	for _, w := range []struct{ said, is string }{{r.Said.Type, r.Type}, {r.Said.Status, r.Status},
		{r.Said.ResponseCode, r.ResponseCode}} {
		if w.said != "" && w.said != w.is {
			said = append(said, w.said)
		}
	}
	if len(said) > 0 {
		text += " (it said " + strings.Join(said, ", ") + ")"
	}
	return text
}

package engine

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kiosk-agent/payment"
)

const (
	minReason = 10  // characters of what staff write about money
	maxReason = 500 // characters of what staff write
	maxNumber = 64  // characters of a reference or a number that they copy
)

// resolving books what staff found out about a payment, or about an entry that belongs to none.
func (s *step) resolving(ev Resolving) {
	said := payment.Resolved{Outcome: ev.Outcome, By: ev.By, Reason: ev.Reason, Entry: ev.Entry,
		Finding: ev.Finding, Refs: ev.Refs, PortalRef: ev.PortalRef, Seen: ev.Seen, User: ev.User,
		Role: ev.Role}
	if why := checkFinding(said); why != "" {
		s.refuse(ev.To, invalid("resolve", why, resolveHint))
		return
	}
	if ev.Entry != 0 {
		s.resolveEntry(ev.To, said)
		return
	}
	a, ok, err := s.load(ev.ID)
	if err != nil || !ok {
		s.refuse(ev.To, notThere("resolve", err))
		return
	}
	if ref := cardNumber(said.Reason+" "+said.PortalRef, a.p); ref != "" {
		s.refuse(ev.To, invalid("resolve", "the reason has what looks like a card's number",
			"leave it out: nobody needs it here"))
		return
	}
	if said, err = a.p.CheckResolution(said); err != nil {
		s.refuse(ev.To, invalid("resolve", err.Error(), resolveHint))
		return
	}
	s.fact(ev.ID, said)
	s.answer(Answer{To: ev.To, Payment: a.p, Said: said})
}

const resolveHint = "kiosk-agent worklist shows what there is to do, with the findings that fit"

func (s *step) resolveEntry(to Ticket, said payment.Resolved) {
	f, ok, err := s.m.journal.Entry(said.Entry)
	switch {
	case err != nil:
		s.refuse(to, journalUnreadable("resolve", err))
		return
	case !ok || payment.EntryWork(f.Data) == nil:
		s.refuse(to, &payment.Error{Code: payment.CodeNotFound, Op: "resolve",
			Message: "there is no such entry", Hint: "kiosk-agent worklist lists them as #number"})
		return
	case cardNumber(said.Reason+" "+said.PortalRef, payment.Payment{}) != "":
		s.refuse(to, invalid("resolve", "the reason has what looks like a card's number",
			"leave it out: nobody needs it here"))
		return
	}
	said, err = payment.CheckEntry(f.Data, said)
	if err != nil {
		s.refuse(to, invalid("resolve", err.Error(), resolveHint))
		return
	}
	s.fact("", said)
	s.freed()
	s.answer(Answer{To: to, Said: said})
}

// claiming notes that a customer says he has paid: it puts the payment on the worklist, no more.
func (s *step) claiming(ev Claiming) {
	a, ok, err := s.load(ev.ID)
	switch c := ev.Claim; {
	case err != nil || !ok:
		s.refuse(ev.To, notThere("claim", err))
	case strings.TrimSpace(c.By) == "" || !legible(c.By):
		s.refuse(ev.To, invalid("claim", "nobody is named", "say who in --by"))
	case c.Amount < 0 || !legible(c.Number) || utf8.RuneCountInString(c.Number) > maxNumber:
		s.refuse(ev.To, invalid("claim", "the amount or the number cannot be read",
			"write them as the phone shows them"))
	case cardNumber(c.Number, a.p) != "":
		s.refuse(ev.To, invalid("claim", "that looks like a card's number",
			"leave it out: nobody needs it here"))
	case !a.p.Final:
		s.refuse(ev.To, invalid("claim", "the payment is "+string(a.p.Status)+
			": it may still be paid", "wait for its end"))
	default:
		s.fact(ev.ID, c)
		s.m.inquiries.askNow(ev.ID, s.now.Up)
		s.answer(Answer{To: ev.To, Payment: a.p})
	}
}

// confirming books that words which only the configuration takes for a payment are one: the query
// has reported the very payment in words of its own.
func (s *step) confirming(ev Confirming) {
	a, ok, err := s.load(ev.ID)
	if err != nil || !ok {
		s.refuse(ev.To, notThere("confirm", err))
		return
	}
	q := &s.m.inquiries
	found, seen, why := a.p.Confirmable(a.facts)
	at, known := q.accounts.Of(a.p)
	words := slices.DeleteFunc(slices.Clone(found),
		func(w string) bool { return known && q.confirmed(at, w) })
	switch {
	case strings.TrimSpace(ev.By) == "" || !legible(ev.By):
		s.refuse(ev.To, invalid("confirm", "nobody is named", "say who in --by"))
	case !known:
		s.refuse(ev.To, invalid("confirm", "its gateway account is not configured",
			"sell once at this account, and confirm by that sale"))
	case why != "" && (len(words) > 0 || len(found) == 0):
		s.refuse(ev.To, invalid("confirm", why, "take a sale whose notification has a word that "+
			"nobody knows, and which the transaction query reports as paid"))
	case len(words) == 0:
		s.refuse(ev.To, invalid("confirm", strings.Join(found, " and ")+" is confirmed already",
			"nothing is to be done"))
	default:
		proof := payment.QueryProved{Endpoint: at.Endpoint, Account: at.Name, Words: words,
			Seen: seen, By: ev.By}
		s.fact("", proof)
		s.out.onDone = append(s.out.onDone, func() { q.proved = append(q.proved, proof) })
		s.answer(Answer{To: ev.To, Payment: a.p, Words: words})
	}
}

func notThere(op string, err error) *payment.Error {
	if err != nil {
		return journalUnreadable(op, err)
	}
	return &payment.Error{Code: payment.CodeNotFound, Op: op, Message: "there is no such payment",
		Hint: "kiosk-agent worklist lists the ids"}
}

// checkFinding says what is wrong with what staff wrote; "" = nothing. Whether it fits what is on
// record is the payment's to say.
func checkFinding(r payment.Resolved) string {
	switch why := checkWords(r.By, r.Reason); {
	case why != "":
		return why
	case utf8.RuneCountInString(strings.TrimSpace(r.Reason)) < minReason:
		return fmt.Sprintf("the reason is shorter than %d characters", minReason)
	case !legible(r.PortalRef) || utf8.RuneCountInString(r.PortalRef) > maxNumber:
		return fmt.Sprintf("the reference has control characters, or more than %d characters",
			maxNumber)
	case r.Outcome != "" && r.Outcome != payment.ResolvedApproved &&
		r.Outcome != payment.ResolvedNotPaid && r.Outcome != payment.ResolvedNoted:
		return fmt.Sprintf("outcome %.20q is none", r.Outcome)
	case r.Outcome == "" && r.Finding == "":
		return "neither a finding nor an outcome is named"
	default:
		return ""
	}
}

// cardNumber finds a number of 13 to 19 digits that a card could have, unless it is one of this
// payment's transactions; "" = none. Spaces and dashes between digits are passed over.
func cardNumber(text string, p payment.Payment) string {
	var digits strings.Builder
	found := ""
	end := func() {
		d := digits.String()
		digits.Reset()
		ours := slices.ContainsFunc(p.Movements, func(m payment.Movement) bool {
			return m.TransactionRef == d
		})
		if len(d) >= 13 && len(d) <= 19 && luhn(d) && !ours {
			found = d
		}
	}
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits.WriteRune(c)
		case (c == ' ' || c == '-') && i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9':
		default:
			end()
		}
	}
	end()
	return found
}

// luhn is the check of ISO/IEC 7812-1 that card numbers pass.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// checkWords says what is wrong with a name and a reason; "" = nothing.
func checkWords(by, reason string) string {
	switch {
	case strings.TrimSpace(by) == "" || !legible(by):
		return "nobody is named"
	case strings.TrimSpace(reason) == "":
		return "the reason is missing"
	case !legible(reason):
		return fmt.Sprintf("the reason has control characters, or more than %d characters",
			maxReason)
	default:
		return ""
	}
}

func legible(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxReason &&
		!strings.ContainsFunc(s, unicode.IsControl)
}

func invalid(op, message, hint string) *payment.Error {
	return &payment.Error{Code: payment.CodeInvalid, Op: op, Message: message, Hint: hint}
}

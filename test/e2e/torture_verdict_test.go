package e2e_test

import (
	"fmt"
	"slices"
	"strings"

	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

// verdict is everything that is wrong with a scene that has come to rest; nil is what the
// guarantees promise.
func (s *scene) verdict() (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, p := range s.problems {
		add("fact %d: %s", p.Seq, p.What)
	}
	wrong = append(wrong, s.wrong...)
	references, refs := map[string]bool{}, map[string]bool{}
	for _, p := range s.payments {
		if why := s.againstGateway(p); why != "" {
			add("%s", why)
		}
		if why := s.againstCounter(p); why != "" {
			add("%s", why)
		}
		if key := p.Till + "\x00" + p.Reference; references[key] || refs[p.MerchantRef] {
			add("%s: a second payment of %s %s", p.ID, p.Till, p.Reference)
		} else {
			references[key], refs[p.MerchantRef] = true, true
		}
		if p.Status == payment.StatusUnknown && !looked(p) {
			add("%s is unknown, and nobody is told to look", p.ID)
		}
	}
	goneRefs := map[string]bool{}
	for _, p := range s.gone {
		goneRefs[p.MerchantRef] = true
		if why := s.againstList(p); why != "" {
			add("%s", why)
		}
	}
	for _, ref := range s.opened {
		if !refs[ref] && !goneRefs[ref] {
			add("the gateway knows %s, the journal does not", ref)
		}
	}
	for till, book := range s.counters {
		for id := range book {
			if _, gone := s.gone[id]; !gone && !slices.ContainsFunc(s.payments,
				func(p payment.Payment) bool { return p.ID == id && p.Till == till }) {
				add("%s knows %s, the journal does not", till, id)
			}
		}
	}
	for _, why := range s.againstLine() {
		add("%s", why)
	}
	for _, why := range s.strayEntries(refs, goneRefs) {
		add("%s", why)
	}
	return wrong
}

// looked reports whether staff are told to look at a payment, or have looked since.
func looked(p payment.Payment) bool { return p.NeedsStaff() || p.Resolution != nil }

// againstGateway holds a payment against what was really collected.
func (s *scene) againstGateway(p payment.Payment) string {
	c := s.collected[p.MerchantRef]
	is := fmt.Sprintf("%s (%s %s, %s %s %v)", p.ID, p.Till, p.Reference, p.Money, p.Status, p.Flags)
	switch approved := p.Status == payment.StatusApproved; {
	case !p.Final:
		return is + " is stuck"
	case approved && c.Payments == 0:
		return "INVENTED: " + is + " was never paid"
	case approved && (c.Paid != int64(c.Payments)*p.Money.Amount ||
		c.Currency != string(p.Money.Currency)):
		return fmt.Sprintf("%s, and the gateway collected %d %s", is, c.Paid, c.Currency)
	case !approved && c.Payments > 0:
		return "LOST: " + is + " was paid"
	case (c.Payments > 1) != slices.Contains(p.Flags, payment.FlagDuplicate):
		return fmt.Sprintf("%s, and the gateway collected %d payments", is, c.Payments)
	default:
		return ""
	}
}

// againstList holds a payment that was lost with a journal against what was really collected: each
// of that is on the worklist, or was.
func (s *scene) againstList(p payment.Payment) string {
	is := fmt.Sprintf("%s (%s %s, %s), which was lost,", p.ID, p.Till, p.Reference, p.Money)
	for _, r := range s.taken[p.MerchantRef] {
		if !slices.ContainsFunc(s.entries, func(f payment.Fact) bool {
			d, ok := f.Data.(payment.Unmatched)
			return ok && s.listed[f.Seq] && d.Record.MerchantRef == p.MerchantRef &&
				d.Record.TransactionRef == r.TransactionRef && d.Record.Amount == r.Amount &&
				d.Record.Status == string(r.Status)
		}) {
			return fmt.Sprintf("LOST: %s was paid (%s, %d), and nobody is told to look", is,
				r.TransactionRef, r.Amount)
		}
	}
	if s.counters[p.Till][p.ID].Status == payment.StatusApproved &&
		len(s.taken[p.MerchantRef]) == 0 {
		return "INVENTED: " + is + " is approved in its till's book and was never paid"
	}
	return ""
}

// againstCounter holds a payment against the book of its JSON-RPC till.
func (s *scene) againstCounter(p payment.Payment) string {
	book, isCounter := s.counters[p.Till]
	if !isCounter {
		return ""
	}
	b, told := book[p.ID]
	is := fmt.Sprintf("%s (%s %s)", p.ID, p.Till, p.Reference)
	switch asked := s.asked[p.Till][p.Reference]; {
	case asked == 0:
		return is + " was never asked for"
	case asked != p.Money.Amount:
		return fmt.Sprintf("%s is over %d instead of %d", is, p.Money.Amount, asked)
	case !told:
		return is + " is " + string(p.Status) + ", and its till does not know"
	case b.Status != p.Status || b.Revision != p.Revision && !b.shaken:
		return fmt.Sprintf("%s is %s (revision %d); its till's book says %s (%d)", is, p.Status,
			p.Revision, b.Status, b.Revision)
	case !p.Acknowledged:
		return is + " was acknowledged, and the journal does not know"
	default:
		return ""
	}
}

// againstLine holds the payments of the line against its till's book. Such a till hears of no
// correction: then staff must.
func (s *scene) againstLine() (wrong []string) {
	ofECN := map[string]payment.Payment{}
	for _, p := range s.payments {
		switch _, isCounter := s.counters[p.Till]; {
		case isCounter:
		case p.Line == nil:
			wrong = append(wrong, p.ID+" belongs to no till")
		case ofECN[p.Line.ECN].ID != "":
			wrong = append(wrong, fmt.Sprintf("ECN %s has two payments: %s and %s", p.Line.ECN,
				ofECN[p.Line.ECN].ID, p.ID))
		default:
			ofECN[p.Line.ECN] = p
		}
	}
	gone := map[string]payment.Payment{}
	for _, p := range s.gone {
		if p.Line != nil {
			gone[p.Line.ECN] = p
		}
	}
	for _, e := range s.line {
		p, exists := ofECN[e.ECN]
		if p, lost := gone[e.ECN]; lost && !exists {
			if e.Verdict == ecrtill.Approved && s.collected[p.MerchantRef].Payments == 0 ||
				e.Verdict == ecrtill.Open {
				wrong = append(wrong, fmt.Sprintf("ECN %s: book %+v, and %s was lost", e.ECN, e,
					p.ID))
			}
			continue
		}
		delete(ofECN, e.ECN)
		why := disagree(e, p, exists, false)
		if e.Verdict == ecrtill.NotPaid && p.Status == payment.StatusApproved &&
			(p.Owed && looked(p) || s.told[p.ID]) {
			// it was paid after the till was told, or that it was told is lost
			why = ""
		}
		if why != "" {
			wrong = append(wrong, fmt.Sprintf("ECN %s: %s: book %+v, journal %s %s %s %v owed %t",
				e.ECN, why, e, p.ID, p.Status, p.Money, p.Flags, p.Owed))
		}
	}
	for ecn, p := range ofECN {
		wrong = append(wrong, fmt.Sprintf("ECN %s: the till never asked for %s", ecn, p.ID))
	}
	return wrong
}

// strayEntries are entries of the worklist that nobody's fault explains.
func (s *scene) strayEntries(refs, gone map[string]bool) (wrong []string) {
	for _, f := range s.entries {
		switch d := f.Data.(type) {
		case payment.Parked:
			if !s.junk {
				wrong = append(wrong, fmt.Sprintf("fact %d: parked (%s), and nobody sent junk",
					f.Seq, d.Reason))
			}
		case payment.Unmatched:
			near := func(ref string) bool {
				return strings.HasPrefix(ref, d.Record.MerchantRef[:max(0,
					len(d.Record.MerchantRef)-1)])
			}
			known := false
			for ref := range refs {
				known = known || near(ref)
			}
			for ref := range gone {
				known = known || near(ref)
			}
			bent := s.bent && known && !refs[d.Record.MerchantRef]
			if !bent && !gone[d.Record.MerchantRef] {
				wrong = append(wrong, fmt.Sprintf(
					"fact %d: %s is unmatched, and it is no bent reference", f.Seq,
					d.Record.MerchantRef))
			}
		}
	}
	return wrong
}

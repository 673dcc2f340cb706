package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
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
	for _, ref := range s.opened {
		if !refs[ref] {
			add("the gateway knows %s, the journal does not", ref)
		}
	}
	for till, book := range s.counters {
		for id := range book {
			if !slices.ContainsFunc(s.payments,
				func(p payment.Payment) bool { return p.ID == id && p.Till == till }) {
				add("%s knows %s, the journal does not", till, id)
			}
		}
	}
	for _, why := range s.againstLine() {
		add("%s", why)
	}
	for _, why := range s.strayEntries(refs) {
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
	case b.Status != p.Status || b.Revision != p.Revision:
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
	for _, e := range s.line {
		p, exists := ofECN[e.ECN]
		delete(ofECN, e.ECN)
		why := disagree(e, p, exists, false)
		if e.Verdict == ecrtill.NotPaid && p.Status == payment.StatusApproved && p.Owed &&
			looked(p) {
			why = "" // it was paid after the till was told
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
func (s *scene) strayEntries(refs map[string]bool) (wrong []string) {
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
			if !s.bent || refs[d.Record.MerchantRef] || !known {
				wrong = append(wrong, fmt.Sprintf(
					"fact %d: %s is unmatched, and it is no bent reference", f.Seq,
					d.Record.MerchantRef))
			}
		}
	}
	return wrong
}

// TestTortureJudges: the torture's verdict names every way in which the books can differ, and
// nothing else.
func TestTortureJudges(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*scene){
		"": func(*scene) {},
		"the chain is": func(s *scene) {
			s.problems = []offline.Problem{
				{Seq: 3, What: "the chain is broken"}}
		},
		"was approved and": func(s *scene) {
			s.wrong = []string{
				"till-1: 1 was approved and is unknown"}
		},
		"INVENTED": func(s *scene) { delete(s.collected, "REF-1") },
		"LOST": func(s *scene) {
			s.collected["REF-3"] = sandbox.Collected{
				Currency: "SGD", Paid: 300, Payments: 1}
		},
		"collected 101 SGD": func(s *scene) {
			s.collected["REF-1"] = sandbox.Collected{
				Currency: "SGD", Paid: 101, Payments: 1}
		},
		"collected 100 USD": func(s *scene) {
			s.collected["REF-1"] = sandbox.Collected{
				Currency: "USD", Paid: 100, Payments: 1}
		},
		"collected 2": func(s *scene) {
			s.collected["REF-1"] = sandbox.Collected{
				Currency: "SGD", Paid: 200, Payments: 2}
		},
		"collected 1 pay": func(s *scene) {
			s.collected["REF-4"] = sandbox.Collected{
				Currency: "SGD", Paid: 400, Payments: 1}
		},
		"is stuck":         func(s *scene) { s.payments[2].Final = false },
		"a second payment": func(s *scene) { s.payments[2].Reference = s.payments[0].Reference },
		"nobody is told to": func(s *scene) {
			s.payments[2].Status, s.payments[2].Flags = payment.StatusUnknown,
				[]payment.Flag{payment.FlagUnconfirmed}
		},
		"journal does not": func(s *scene) { s.opened = append(s.opened, "REF-9") },
		"till-1 knows 9":   func(s *scene) { s.counters["till-1"]["9"] = belief{} },
		"never asked for":  func(s *scene) { delete(s.asked["till-1"], "R-1") },
		"instead of":       func(s *scene) { s.asked["till-1"]["R-1"] = 99 },
		"does not know":    func(s *scene) { delete(s.counters["till-1"], "1") },
		"book says": func(s *scene) {
			s.counters["till-1"]["1"] = belief{
				Payment: device.Payment{Status: payment.StatusUnknown}}
		},
		"journal does not k": func(s *scene) { s.payments[0].Acknowledged = false },
		"a lost approval":    func(s *scene) { s.line[0].Verdict = ecrtill.NotPaid },
		"an invented":        func(s *scene) { s.line[1].Verdict = ecrtill.Approved },
		"the till never":     func(s *scene) { s.line = s.line[1:] },
		"two payments": func(s *scene) {
			s.payments[1].Line = &payment.Line{
				ECN: "2"}
			s.payments[4].Line = s.payments[1].Line
		},
		"belongs to no till": func(s *scene) { s.payments[1].Line = nil },
		"nobody sent junk":   func(s *scene) { s.junk = false },
		"no bent reference":  func(s *scene) { s.bent = false },
		"is no bent": func(s *scene) {
			s.entries[1].Data = payment.Unmatched{
				Record: payment.Record{MerchantRef: "REF-1"}}
		},
	} {
		s := goodScene()
		spoil(s)
		wrong := strings.Join(s.verdict(), "\n")
		if name == "" && wrong != "" || name != "" && !strings.Contains(wrong, name) {
			t.Errorf("%q: %q", name, wrong)
		}
	}
	late := goodScene()
	late.payments[1].Acknowledged, late.payments[1].Owed, late.payments[1].Flags = false, true,
		[]payment.Flag{payment.FlagLate}
	late.line[0].Verdict = ecrtill.NotPaid
	if wrong := late.verdict(); len(wrong) > 0 {
		t.Errorf("paid after the till on the line was told, and on the worklist: %q", wrong)
	}
}

// goodScene has a sale of each kind: approved at a counter, approved on the line, expired, paid
// twice, declined on the line.
func goodScene() *scene {
	made := func(n string, till string, status payment.Status, cents int64) payment.Payment {
		return payment.Payment{
			ID: n, Till: till, Reference: "R-" + n, MerchantRef: "REF-" + n,
			Money:  payment.Money{Amount: cents, Currency: "SGD"},
			Status: status, Final: true, Acknowledged: true, Revision: 2, ProviderRef: "T-" + n,
		}
	}
	s := &scene{
		payments: []payment.Payment{
			made("1", "till-1", payment.StatusApproved, 100),
			made("2", lineTill, payment.StatusApproved, 200),
			made("3", "till-1", payment.StatusExpired, 300),
			made("4", "till-1", payment.StatusApproved, 400),
			made("5", lineTill, payment.StatusDeclined, 500),
		},
		entries: []payment.Fact{
			{Seq: 7, Data: payment.Parked{Reason: "junk"}},
			{Seq: 8, Data: payment.Unmatched{Record: payment.Record{MerchantRef: "REF-0"}}},
		},
		collected: map[string]sandbox.Collected{
			"REF-1": {Currency: "SGD", Paid: 100, Payments: 1},
			"REF-2": {Currency: "SGD", Paid: 200, Payments: 1},
			"REF-4": {Currency: "SGD", Paid: 800, Payments: 2},
		},
		opened:   []string{"REF-1", "REF-2", "REF-4"},
		counters: map[string]map[string]belief{"till-1": {}},
		asked: map[string]map[string]int64{
			"till-1": {"R-1": 100, "R-3": 300, "R-4": 400, "R-9": 900}},
		line: []ecrtill.Entry{
			{ECN: "2", Amount: 200, Verdict: ecrtill.Approved, Reference: "T-2"},
			{ECN: "5", Amount: 500, Verdict: ecrtill.NotPaid},
			{ECN: "6", Amount: 600, Verdict: ecrtill.NotStarted},
		},
		bent: true, junk: true,
	}
	s.payments[3].Flags = []payment.Flag{payment.FlagDuplicate}
	for i := range s.payments {
		switch p := &s.payments[i]; p.Till {
		case lineTill:
			p.Line = &payment.Line{ECN: p.ID}
		default:
			s.counters[p.Till][p.ID] = belief{device.NewPayment(*p), p.Revision}
		}
	}
	return s
}

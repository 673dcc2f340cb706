package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/ecrtill"
)

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
		"INVENTED":          func(s *scene) { delete(s.collected, "REF-1") },
		"LOST":              collects("REF-3", "SGD", 300, 1),
		"collected 101 SGD": collects("REF-1", "SGD", 101, 1),
		"collected 100 USD": collects("REF-1", "USD", 100, 1),
		"collected 2":       collects("REF-1", "SGD", 200, 2),
		"collected 1 pay":   collects("REF-4", "SGD", 400, 1),
		"is stuck":          func(s *scene) { s.payments[2].Final = false },
		"a second payment":  func(s *scene) { s.payments[2].Reference = s.payments[0].Reference },
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
		"belongs to no till":     func(s *scene) { s.payments[1].Line = nil },
		"nobody sent junk":       func(s *scene) { s.junk = false },
		"no bent reference":      func(s *scene) { s.bent = false },
		"nobody is told to look": func(s *scene) { s.entries = s.entries[:2] },
		"(T-6, 600), and nobody": func(s *scene) { s.listed = nil },
		"book says cancelled": func(s *scene) {
			b := s.counters["till-1"]["1"]
			b.Status, b.shaken = payment.StatusCancelled, true
			s.counters["till-1"]["1"] = b
		},
		"in its till's book and was never paid": func(s *scene) {
			s.counters["till-1"]["7"] = belief{
				Payment: device.Payment{Status: payment.StatusApproved}}
		},
		"and 8 was lost": func(s *scene) { s.line[3].Verdict = ecrtill.Approved },
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

// TestTortureExcuses: what was lost with a journal excuses this and no more (docs/PROOFS.md).
func TestTortureExcuses(t *testing.T) {
	t.Parallel()
	older := goodScene() // the till has heard a later revision of the same
	b := older.counters["till-1"]["1"]
	b.Revision, b.shaken = 5, true
	older.counters["till-1"]["1"] = b
	told := goodScene() // the till on the line was told, and that is lost
	told.line[0].Verdict, told.told = ecrtill.NotPaid, map[string]bool{"2": true}
	for name, s := range map[string]*scene{"revision": older, "told": told} {
		if wrong := s.verdict(); len(wrong) > 0 {
			t.Errorf("%s: %q", name, wrong)
		}
	}
	for id, b := range older.counters["till-1"] {
		b.shaken = false
		older.counters["till-1"][id] = b
	}
	told.told = nil
	for name, s := range map[string]*scene{"revision": older, "told": told} {
		if wrong := s.verdict(); len(wrong) == 0 {
			t.Errorf("%s: with nothing lost that is excused, too", name)
		}
	}
}

// TestTortureNever: a long run names what has never befallen it.
func TestTortureNever(t *testing.T) {
	t.Parallel()
	k := toll{counts: map[string]int{}}
	for _, what := range tortures {
		if !slices.Contains(k.never(), what) {
			t.Errorf("%s never was, and only %q are missed", what, k.never())
		}
		k.count(what, 1)
	}
	if never := k.never(); len(never) > 0 {
		t.Errorf("%q are missed", never)
	}
}

// goodScene has a sale of each kind: approved at a counter, approved on the line, expired, paid
// twice, declined on the line; and of three that were lost with a journal one that is paid.
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
			{Seq: 9, Data: payment.Unmatched{Record: payment.Record{MerchantRef: "REF-6",
				TransactionRef: "T-6", Amount: 600, Status: payment.RecordSuccess}}},
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
			{ECN: "8", Amount: 800, Verdict: ecrtill.NotPaid},
		},
		bent: true, junk: true,
		taken: map[string][]sandbox.Record{
			"REF-6": {{TransactionRef: "T-6", Amount: 600, Status: "SUCCESS"}}},
		listed: map[int64]bool{8: true, 9: true},
		gone: map[string]payment.Payment{
			"6": made("6", "till-1", payment.StatusApproved, 600),
			"7": made("7", "till-1", payment.StatusCancelled, 700),
			"8": made("8", lineTill, payment.StatusCancelled, 800),
		},
	}
	onLine := s.gone["8"]
	onLine.Line = &payment.Line{ECN: "8"}
	s.gone["8"] = onLine
	for id := range map[string]bool{"6": true, "7": true} {
		s.counters["till-1"][id] = belief{Payment: device.NewPayment(s.gone[id])}
	}
	s.payments[3].Flags = []payment.Flag{payment.FlagDuplicate}
	for i := range s.payments {
		switch p := &s.payments[i]; p.Till {
		case lineTill:
			p.Line = &payment.Line{ECN: p.ID}
		default:
			s.counters[p.Till][p.ID] = belief{Payment: device.NewPayment(*p),
				acked: p.Revision}
		}
	}
	return s
}

// collects changes what the gateway has taken for one reference.
func collects(ref, currency string, paid int64, payments int) func(*scene) {
	return func(s *scene) {
		s.collected[ref] = sandbox.Collected{Currency: currency, Paid: paid, Payments: payments}
	}
}

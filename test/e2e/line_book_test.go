package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

// journal is a reader of the agent's journal that stays open.
func (s *soak) journal() *offline.Reader {
	s.t.Helper()
	if s.reader == nil {
		var err error
		if s.reader, err = offline.OpenReadOnly(filepath.Join(s.dir, "journal.db")); err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = s.reader.Close() }) // only read
	}
	return s.reader
}

func (r *rig) replaceInConfig(old, new string) {
	r.t.Helper()
	text := readText(r.t, r.config())
	if !strings.Contains(text, old) {
		r.t.Fatalf("the configuration has no %q", old)
	}
	r.write("config.toml", strings.Replace(text, old, new, 1))
}

// settle waits until nothing is on its way any more.
func (s *soak) settle() {
	s.t.Helper()
	s.delivered()
	eventually(s.t, "every payment is final", func() error {
		for _, p := range s.payments() {
			if !p.Final {
				return fmt.Errorf("%s is %s", p.ID, p.Status)
			}
		}
		return nil
	})
}

// compare holds the till's book, the journal and the gateway's collections against each other, sale
// by sale and in sum.
func (s *soak) compare() (verdict string) {
	s.t.Helper()
	var journal, owed, doubtful int64
	byID, ofECN := map[string]payment.Payment{}, map[string]string{}
	for _, p := range s.payments() {
		if p.Line == nil {
			s.t.Errorf("%s does not say how it was asked for", p.ID)
			continue
		}
		if other, twice := ofECN[p.Line.ECN]; twice && s.cfg.ECN == "" {
			s.t.Errorf("ECN %s has two payments: %s and %s", p.Line.ECN, other, p.ID)
		}
		byID[p.ID], ofECN[p.Line.ECN] = p, p.ID
		if p.Status == payment.StatusApproved {
			journal += p.Money.Amount
		}
	}
	for i, e := range s.f.Book().Entries() {
		p, exists := byID[s.of[i]]
		delete(byID, s.of[i])
		why := disagree(e, p, exists, s.cfg.ECN == ecrtill.Constant)
		if exists && p.Line.ECN != e.ECN {
			why = "another number"
		}
		if why != "" {
			s.t.Errorf("sale %d, ECN %s: %s: book %+v, journal %s %s %s owed %t", i+1, e.ECN, why,
				e, p.ID, p.Status, p.Money, p.Owed)
		}
		if e.Verdict != ecrtill.Approved && p.Status == payment.StatusApproved {
			owed += p.Money.Amount
		}
		if e.Verdict == ecrtill.Uncertain || e.Verdict == ecrtill.Forgotten {
			doubtful++
		}
	}
	for id := range byID {
		s.t.Errorf("the till never asked for %s", id)
	}
	sales, book := s.f.Book().Approved()
	gateway, _ := s.collected()
	if book+owed != journal || journal != gateway {
		s.t.Errorf("sums: book %d + owed %d, journal %d, gateway %d cents", book, owed, journal,
			gateway)
	}
	for _, stray := range s.f.Book().Strays() {
		s.strays[stray.Why]++
	}
	verdict = "EQUAL"
	if s.t.Failed() {
		verdict = "DIFFERENT"
	}
	return fmt.Sprintf(
		"book and journal are %s: %d sales, %d cents, owed %d cents, %d doubtful, strays %v",
		verdict, sales, book, owed, doubtful, sorted(s.strays))
}

// disagree says what is wrong between the till's belief and the journal, or "". A till that cannot
// tell its sales apart may have acknowledged an outcome that it did not dare to book.
func disagree(e ecrtill.Entry, p payment.Payment, exists, cannotTell bool) string {
	paid := exists && p.Status == payment.StatusApproved
	switch e.Verdict {
	case ecrtill.Approved:
		if !paid || p.Money.Amount != e.Amount {
			return "an invented approval"
		}
		if e.Reference != p.ProviderRef {
			return "the approval has reference " + e.Reference + " instead of " + p.ProviderRef
		}
	case ecrtill.NotPaid:
		if paid {
			return "a lost approval"
		}
	case ecrtill.NotStarted:
		if exists {
			return "it did start"
		}
	case ecrtill.Uncertain, ecrtill.Forgotten:
		if paid && !p.Owed && !cannotTell {
			return "the till does not know of the approval, and nothing is owed"
		}
	default:
		return "the sale is still open"
	}
	return ""
}

// TestSoakDisagrees: the soak's verdict fails for every way in which a book and a journal can
// differ.
func TestSoakDisagrees(t *testing.T) {
	t.Parallel()
	approved := payment.Payment{Status: payment.StatusApproved, Money: payment.Money{Amount: 100},
		ProviderRef: "1"}
	owed := approved
	owed.Owed = true
	declined := payment.Payment{Status: payment.StatusDeclined, Money: payment.Money{Amount: 100}}
	entry := func(v ecrtill.Verdict) ecrtill.Entry {
		return ecrtill.Entry{Verdict: v, Amount: 100, Reference: "1"}
	}
	another := entry(ecrtill.Approved)
	another.Amount = 101
	stranger := entry(ecrtill.Approved)
	stranger.Reference = "2"
	for _, tc := range []struct {
		e      ecrtill.Entry
		p      payment.Payment
		exists bool
		agree  bool
	}{
		{entry(ecrtill.Approved), approved, true, true},
		{entry(ecrtill.Approved), declined, true, false},
		{entry(ecrtill.Approved), payment.Payment{}, false, false},
		{another, approved, true, false}, {stranger, approved, true, false},
		{entry(ecrtill.NotPaid), declined, true, true},
		{entry(ecrtill.NotPaid), payment.Payment{}, false, true},
		{entry(ecrtill.NotPaid), approved, true, false},
		{entry(ecrtill.NotPaid), owed, true, false},
		{entry(ecrtill.NotStarted), payment.Payment{}, false, true},
		{entry(ecrtill.NotStarted), declined, true, false},
		{entry(ecrtill.Uncertain), owed, true, true},
		{entry(ecrtill.Uncertain), approved, true, false},
		{entry(ecrtill.Uncertain), declined, true, true},
		{entry(ecrtill.Forgotten), approved, true, false},
		{entry(ecrtill.Open), declined, true, false},
	} {
		if why := disagree(tc.e, tc.p, tc.exists, false); (why == "") != tc.agree {
			t.Errorf("%+v with %+v: %q", tc.e, tc.p, why)
		}
		invented := tc.e.Verdict == ecrtill.Approved && !tc.agree
		if invented && disagree(tc.e, tc.p, tc.exists, true) == "" {
			t.Errorf("%+v with %+v: an approval is invented by a till that cannot tell, too", tc.e,
				tc.p)
		}
	}
}

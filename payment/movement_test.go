package payment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tell is a record of one transaction, by words.
func tell(ref, typ, status string, amount int64) Notified {
	return record(func(r *Record) {
		r.TransactionRef, r.Type, r.Status, r.Amount = ref, typ, status, amount
	})
}

func moves(p Payment) string {
	var b strings.Builder
	for _, m := range p.Movements {
		fmt.Fprintf(&b, "%s %d %s; ", m.Class, m.Amount, m.TransactionRef)
	}
	return strings.TrimSuffix(b.String(), "; ")
}

// TestMovements: one payment is counted once, whatever the words and however often, and each
// further one is counted as well.
func TestMovements(t *testing.T) {
	pay := func(ref string) Notified { return tell(ref, TypePay, RecordSuccess, 1023) }
	two := func(ref string) Notified { d := pay(ref); d.Payments = 2; return d }
	for _, tc := range []struct {
		name string
		said []Data
		want string
	}{
		{"one", []Data{pay("A")}, "sale 1023 A"},
		{"one, twice", []Data{pay("A"), pay("A")}, "sale 1023 A"},
		{"two", []Data{pay("A"), pay("B")}, "sale 1023 A; again 1023 B"},
		{"three", []Data{pay("A"), pay("B"), pay("C")}, "sale 1023 A; again 1023 B; again 1023 C"},
		{"without a reference, then with one", []Data{pay(""), pay("A")}, "sale 1023 A"},
		{"with a reference, then without", []Data{pay("A"), pay("")}, "sale 1023 A"},
		{"without, with, with another", []Data{pay(""), pay("A"), pay("B")},
			"sale 1023 A; again 1023 B"},
		{"two of one answer without references", []Data{pay(""), two("")},
			"sale 1023 ; again 1023 "},
		{"the same answer again", []Data{pay(""), two(""), two("")}, "sale 1023 ; again 1023 "},
		{"both turn out to have one", []Data{pay(""), two(""), pay("A"), pay("B")},
			"sale 1023 A; again 1023 B"},
		{"two of one answer, the first without a reference", []Data{two(""), two("A")},
			"sale 1023 ; again 1023 A"},
		{"two of one answer under one reference", []Data{two("A"), two("A"), two("A")},
			"sale 1023 A; again 1023 "},
		{"one by webhook, then two under its reference", []Data{pay("A"), two("A"), pay("A"),
			pay("")}, "sale 1023 A; again 1023 "},
		{"and the second turns out to have one", []Data{pay("A"), two("A"), pay("B")},
			"sale 1023 A; again 1023 B"},
		{"another amount", []Data{tell("A", TypePay, RecordSuccess, 500)}, "other_amount 500 A"},
		{"the same wrong amount again", []Data{tell("A", TypePay, RecordSuccess, 500),
			tell("B", TypePay, RecordSuccess, 500)}, "other_amount 500 A; other_amount 500 B"},
		{"one transaction with two amounts", []Data{pay("A"),
			tell("A", TypePay, RecordSuccess, 500)}, "sale 1023 A"},
		{"and the other way round", []Data{tell("A", TypePay, RecordSuccess, 500), pay("A")},
			"sale 1023 A"},
		{"first with a wrong amount, then a second payment",
			[]Data{tell("A", TypePay, RecordSuccess, 500), pay("A"), pay("B")},
			"sale 1023 A; again 1023 B"},
		{"both first with a wrong amount", []Data{tell("A", TypePay, RecordSuccess, 500),
			tell("B", TypePay, RecordSuccess, 500), two("A"), two("B")},
			"sale 1023 A; other_amount 500 B; again 1023 B"},
		{"without a reference, then its own with two amounts", []Data{pay(""),
			tell("A", TypePay, RecordSuccess, 500), pay("A"), pay("B")},
			"sale 1023 A; other_amount 500 A; again 1023 B"},
		{"given back in two parts", []Data{pay("A"), tell("R1", TypeRefund, RecordSuccess, 100),
			tell("R2", TypeRefund, RecordSuccess, -923)},
			"sale 1023 A; back -100 R1; back -923 R2"},
		{"a refused reversal", []Data{pay("A"), tell("R1", TypeVoid, RecordDeclined, 1023)},
			"sale 1023 A"},
		{"declined", []Data{tell("A", TypePay, RecordDeclined, 1023)}, ""},
		{"an unreadable amount", []Data{tell("A", TypePay, RecordSuccess, UnreadableAmount)},
			"other_amount 0 A"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := shown(noQuery).add(tc.said...).payment(t)
			if got := moves(p); got != tc.want {
				t.Errorf("%s\nwant %s", got, tc.want)
			}
			right := 0
			keys := map[string]bool{}
			for _, m := range p.Movements {
				if m.Class == ClassSale || m.Class == ClassAgain {
					right++
				}
				if keys[m.Key] {
					t.Errorf("the key %s stands twice", m.Key)
				}
				keys[m.Key] = true
			}
			if right != len(p.Transactions) ||
				slices.Contains(p.Flags, FlagDuplicate) != (right > 1) {
				t.Errorf("%d payments, transactions %q, flags %v", right, p.Transactions, p.Flags)
			}
		})
	}
}

// TestUnknownWordIsNoSilence: what the gateway said and nobody understood is no proof that nothing
// was paid, with a query and without; it is a task, until a clear word comes.
func TestUnknownWordIsNoSilence(t *testing.T) {
	strange := tell("7", TypePay, "PROCESSING", 1023)
	p := shown(noQuery).add(strange, CancelRequested{By: "till-1"}, Withdrawn{}, PathProved{}).
		payment(t)
	if p.Final {
		t.Errorf("a canary ended it as %s", p.Status)
	}
	s := shown(noQuery).add(strange, CancelRequested{By: "till-1"}, Withdrawn{}, PathProved{},
		Undecided{})
	if p = s.payment(t); p.Status != StatusUnknown || len(p.Tasks()) == 0 ||
		p.Tasks()[0].Code != "doubtful" || !strings.Contains(p.Tasks()[0].Text, "PROCESSING") {
		t.Errorf("%s, tasks %+v", p.Status, p.Tasks())
	}
	settle := queried.Settle.Duration()
	q := shown(queried).add(strange, CancelRequested{By: "till-1"}, Withdrawn{},
		QueryEmpty{HTTPStatus: 200}).after(settle).add(QueryEmpty{HTTPStatus: 200})
	if p = q.payment(t); p.Final {
		t.Errorf("answers that do not name it ended it as %s", p.Status)
	}
	q.add(QueryEmpty{HTTPStatus: 200, Records: 1}).after(settle).
		add(QueryEmpty{HTTPStatus: 200, Records: 1})
	if p = q.payment(t); p.Status != StatusCancelled || p.Tasks() == nil {
		t.Errorf("answers that name it: %s, tasks %v", p.Status, p.Tasks())
	}
	for _, x := range []struct {
		of, ref, word string // the transactions of the strange word and of the clear one
		doubtful      bool
	}{
		{"7", "7", RecordDeclined, false}, {"", "", RecordDeclined, false},
		{"7", "7", RecordExpired, false}, {"7", "8", RecordDeclined, true},
		{"7", "", RecordDeclined, true}, {"", "8", RecordDeclined, true},
		{"", "8", RecordExpired, true}, {"7", "8", RecordSuccess, true},
		{"7", "", RecordSuccess, false}, {"", "8", RecordSuccess, false},
	} {
		p := shown(noQuery).add(tell(x.of, TypePay, "PROCESSING", 1023),
			tell(x.ref, TypePay, x.word, 1023), CancelRequested{By: "till-1"}, Withdrawn{},
			PathProved{}).payment(t)
		silent := p.Status == StatusDeclined || p.Status == StatusExpired
		if p.doubtful() != x.doubtful || silent && x.doubtful {
			t.Errorf("%q, then %s of %q: %s, doubts %+v", x.of, x.word, x.ref, p.Status, p.Doubts)
		}
	}
	for _, word := range []string{RecordStale, RecordRecheck, RecordSent} {
		p := shown(noQuery).add(tell("7", TypePay, word, 1023), CancelRequested{By: "till-1"},
			Withdrawn{}, PathProved{}).payment(t)
		if p.Status != StatusCancelled {
			t.Errorf("%s, which decides nothing: %s", word, p.Status)
		}
	}
}

// TestMoneyAfterTheResolution: whatever money or dispute comes after what staff found out brings
// the payment back to them, with what is new in words; what they foresaw does not.
func TestMoneyAfterTheResolution(t *testing.T) {
	pay := func(ref string) Data { return tell(ref, TypePay, RecordSuccess, 1023) }
	wrong := func(ref string) Data { return tell(ref, TypePay, RecordSuccess, 500) }
	back := func(ref string, amount int64) Data {
		return tell(ref, TypeRefund, RecordSuccess, amount)
	}
	told := []Data{Offered{Revision: 4, Status: StatusApproved}}
	unknown := []Data{CancelRequested{By: "till-1"}, Withdrawn{}, Undecided{}}
	for _, tc := range []struct {
		name   string
		before []Data
		found  Resolved
		after  []Data
		news   string // "" = it stays settled
	}{
		{"a third payment", []Data{pay("A"), pay("B")}, Resolved{Finding: FindingGivenBack,
			Refs: []string{"B"}}, []Data{pay("C")}, "transaction C"},
		{"the same wrong amount again", []Data{wrong("A")}, Resolved{Finding: FindingGivenBack},
			[]Data{wrong("B")}, "transaction B"},
		{"a refund of the rest", append([]Data{pay("A"), told[0]}, back("R1", 300)),
			Resolved{Finding: FindingKept}, []Data{back("R2", 723)}, "given back"},
		{"the paid transaction is declined after all", append([]Data{pay("A"), told[0]},
			back("R1", 300)), Resolved{Finding: FindingKept},
			[]Data{tell("A", TypePay, RecordDeclined, 1023)}, "reported as DECLINED"},
		{"money after not-paid", unknown, Resolved{Finding: FindingNotPaid}, []Data{pay("A")},
			"transaction A"},
		{"the payment that the portal showed", unknown,
			Resolved{Finding: FindingPaid, PortalRef: "P-1"}, []Data{pay("A")}, ""},
		{"and one more", unknown, Resolved{Finding: FindingPaid, PortalRef: "P-1"},
			[]Data{pay("A"), pay("B")}, "transaction B"},
		{"what was given back is reported", []Data{wrong("A")}, Resolved{Finding: FindingGivenBack},
			[]Data{back("R1", 200), back("R2", 300)}, ""},
		{"more than was given back", []Data{wrong("A")}, Resolved{Finding: FindingGivenBack},
			[]Data{back("R1", 501)}, "given back"},
		{"a word that nobody knows", unknown, Resolved{Finding: FindingNotPaid},
			[]Data{tell("7", TypePay, "PROCESSING", 1023)}, "PROCESSING"},
		{"other, then any money", unknown, Resolved{Finding: FindingOther, Outcome: ResolvedNoted},
			[]Data{pay("A")}, "transaction A"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := shown(noQuery).add(tc.before...)
			said := tc.found
			said.By, said.Reason = "ann", "looked it up in the portal"
			said, err := s.payment(t).CheckResolution(said)
			if err != nil {
				t.Fatal(err)
			}
			if p := s.add(said).payment(t); p.NeedsStaff() {
				t.Fatalf("still to do after the resolution: %+v", p.Tasks())
			}
			revision := s.payment(t).Revision
			p := s.add(tc.after...).payment(t)
			if tc.news == "" {
				if p.NeedsStaff() || p.Resolution.Contradicted {
					t.Errorf("what was foreseen is news: %+v", p.Tasks())
				}
				return
			}
			if !p.NeedsStaff() || !p.Resolution.Contradicted ||
				!strings.Contains(p.Tasks()[0].Text, tc.news) {
				t.Errorf("nobody hears of it: %+v", p.Tasks())
			}
			if p.Revision == revision {
				t.Error("it made no revision")
			}
			if len(p.Choices()) == 0 {
				t.Error("nobody can settle it again")
			}
		})
	}
}

func (s *story) payment(t *testing.T) Payment {
	t.Helper()
	p, ok := Fold(s.facts)
	if !ok {
		t.Fatal("no payment")
	}
	return p
}

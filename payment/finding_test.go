package payment

import (
	"strings"
	"testing"
)

// TestFindings: what staff may say about each kind of case, what it leads to, and what is refused:
// no finding overrides evidence, and nobody resolves what is not on the list.
func TestFindings(t *testing.T) {
	pay := func(ref string) Data { return tell(ref, TypePay, RecordSuccess, 1023) }
	offered := Offered{Revision: 3, Status: StatusApproved}
	ack := Acknowledged{Revision: 3}
	unknown := []Data{CancelRequested{By: "till-1"}, Withdrawn{}, Undecided{}}
	for _, tc := range []struct {
		name string
		said []Data
		r    Resolved
		want string // finding outcome, or a part of the refusal after "!"
	}{
		{"late, booked", append(cancelledHistory(), pay("A")),
			Resolved{Finding: FindingBooked}, "booked approved"},
		{"late, by outcome alone", append(cancelledHistory(), pay("A")),
			Resolved{Outcome: ResolvedApproved}, "booked approved"},
		{"late, given back, by outcome alone", append(cancelledHistory(), pay("A")),
			Resolved{Outcome: ResolvedNotPaid, Refs: []string{"A"}}, "given-back not-paid"},
		{"late, not paid although it is", append(cancelledHistory(), pay("A")),
			Resolved{Finding: FindingNotPaid}, "!which finding?"},
		{"duplicate, one given back", []Data{pay("A"), pay("B")},
			Resolved{Finding: FindingGivenBack, Refs: []string{"B"}}, "given-back approved"},
		{"duplicate, all given back", []Data{pay("A"), pay("B")},
			Resolved{Finding: FindingGivenBack, Refs: []string{"B", "A"}}, "given-back not-paid"},
		{"duplicate, nothing named", []Data{pay("A"), pay("B")},
			Resolved{Finding: FindingGivenBack}, "!which finding?"},
		{"duplicate, approved, nothing named", []Data{pay("A"), pay("B")},
			Resolved{Outcome: ResolvedApproved}, "!name the payments"},
		{"duplicate, two of three missing", []Data{pay("A"), pay("B"), pay("C")},
			Resolved{Finding: FindingGivenBack, Refs: []string{"C"}}, "!1 of 3"},
		{"duplicate, another's reference", []Data{pay("A"), pay("B")},
			Resolved{Finding: FindingGivenBack, Refs: []string{"X"}}, "!no payment of this sale"},
		{"mismatch, settled", []Data{tell("A", TypePay, RecordSuccess, 500)},
			Resolved{Finding: FindingSettled}, "settled approved"},
		{"mismatch, given back", []Data{tell("A", TypePay, RecordSuccess, 500)},
			Resolved{Finding: FindingGivenBack}, "given-back not-paid"},
		{"mismatch, paid in full", []Data{tell("A", TypePay, RecordSuccess, 500)},
			Resolved{Finding: FindingPaid, PortalRef: "P"}, "!which finding?"},
		{"reversed, kept", []Data{pay("A"), offered, tell("R", TypeVoid, RecordSuccess, 1023)},
			Resolved{Finding: FindingKept}, "kept approved"},
		{"disputed, paid", []Data{pay("A"), offered, tell("A", TypePay, RecordDeclined, 1023)},
			Resolved{Finding: FindingPaid, PortalRef: "P"}, "paid approved"},
		{"unknown, paid", unknown, Resolved{Finding: FindingPaid, PortalRef: "P"}, "paid approved"},
		{"unknown, paid, without the portal's reference", unknown,
			Resolved{Outcome: ResolvedApproved}, "!is missing"},
		{"unknown, not paid", unknown, Resolved{Outcome: ResolvedNotPaid}, "not-paid not-paid"},
		{"unknown, given back", unknown, Resolved{Finding: FindingGivenBack}, "!which finding?"},
		{"unknown, other, by a supervisor", unknown,
			Resolved{Finding: FindingOther, Role: "supervisor"}, "other noted"},
		{"unknown, other, by a cashier", unknown,
			Resolved{Finding: FindingOther, Role: "cashier"}, "!only a supervisor"},
		{"owed, the till's book checked", []Data{pay("A"), offered},
			Resolved{Finding: FindingTillChecked}, "till-checked approved"},
		{"owed, not paid", []Data{pay("A"), offered}, Resolved{Outcome: ResolvedNotPaid},
			"!which finding?"},
		{"claimed, not paid", append(append(cancelledHistory(), Acknowledged{5}),
			Claimed{By: "ann"}), Resolved{Outcome: ResolvedNotPaid}, "not-paid not-paid"},
		{"claimed, paid", append(append(cancelledHistory(), Acknowledged{5}), Claimed{By: "ann"}),
			Resolved{Finding: FindingPaid, PortalRef: "P"}, "paid approved"},
		{"claimed, and then reported", append(append(cancelledHistory(), Acknowledged{5}),
			Claimed{By: "ann"}, pay("A")), Resolved{Outcome: ResolvedApproved}, "booked approved"},
		{"not on the list", []Data{pay("A"), offered, ack}, Resolved{Outcome: ResolvedNotPaid},
			"!not on the worklist"},
		{"it may still be paid", nil, Resolved{Outcome: ResolvedNotPaid}, "!may still be paid"},
		{"something has come since", []Data{pay("A"), pay("B")},
			Resolved{Finding: FindingGivenBack, Refs: []string{"B"}, Seen: 4}, "!while you were"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := shown(noQuery).add(tc.said...).payment(t)
			r, err := p.CheckResolution(tc.r)
			if refusal, ok := strings.CutPrefix(tc.want, "!"); ok {
				if err == nil || !strings.Contains(err.Error(), refusal) {
					t.Fatalf("taken as %s %s, or refused otherwise: %v", r.Finding, r.Outcome, err)
				}
				return
			}
			if err != nil || string(r.Finding)+" "+r.Outcome != tc.want {
				t.Fatalf("%s %s, %v; status %s, tasks %+v", r.Finding, r.Outcome, err, p.Status,
					p.Tasks())
			}
		})
	}
}

func cancelledHistory() []Data {
	return []Data{CancelRequested{By: "till-1"}, Withdrawn{}, PathProved{},
		Offered{Revision: 5, Status: StatusCancelled}}
}

// TestEveryTaskHasChoices: there is nothing on the list that nobody can take off it, and no finding
// that no case has.
func TestEveryTaskHasChoices(t *testing.T) {
	used := map[Finding]bool{FindingTillChecked: true, FindingOther: true}
	for _, code := range append(moneyTasks(), "contradicted") {
		if len(choicesOf[code]) == 0 {
			t.Errorf("a payment that is %s is never settled", code)
		}
		for _, c := range choicesOf[code] {
			used[c.Finding] = true
		}
	}
	for _, d := range []Data{Unmatched{}, Parked{}, Difference{}} {
		if len(EntryChoices(d)) == 0 {
			t.Errorf("a %s is never settled", d.Kind())
		}
		for _, c := range EntryChoices(d) {
			used[c.Finding] = true
		}
	}
	for _, f := range []Finding{FindingBooked, FindingGivenBack, FindingSettled, FindingKept,
		FindingPaid, FindingNotPaid, FindingSaleFound, FindingExplained, FindingHandedOn,
		FindingJunk} {
		if !used[f] {
			t.Errorf("%s fits nothing", f)
		}
	}
}

// TestOwedIsClosedByTheTillsBookOnly: what is found out about the money leaves what the till was
// not told; a later revision asks again.
func TestOwedIsClosedByTheTillsBookOnly(t *testing.T) {
	owed := func(p Payment) bool {
		for _, task := range p.Tasks() {
			if task.Code == "owed" {
				return true
			}
		}
		return false
	}
	resolve := func(s *story, r Resolved) {
		t.Helper()
		r.By, r.Reason = "ann", "looked it up"
		r, err := s.payment(t).CheckResolution(r)
		if err != nil {
			t.Fatal(err)
		}
		s.add(r)
	}
	s := shown(noQuery).add(append(cancelledHistory(), tell("A", TypePay, RecordSuccess, 1023))...)
	resolve(s, Resolved{Finding: FindingBooked})
	if p := s.payment(t); !owed(p) || p.NeedsStaff() {
		t.Errorf("after booked: %+v", p.Tasks())
	}
	resolve(s, Resolved{Finding: FindingTillChecked})
	if p := s.payment(t); len(p.Tasks()) != 0 || p.Resolution.Finding != FindingBooked {
		t.Errorf("after the till's book: %+v, %+v", p.Tasks(), p.Resolution)
	}
	s.add(tell("B", TypePay, RecordSuccess, 1023))
	if p := s.payment(t); !owed(p) || !p.NeedsStaff() {
		t.Errorf("after a further payment: %+v", p.Tasks())
	}
}

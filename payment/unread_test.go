package payment

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// what makes a SUCCESS unreadable.
var unreadable = map[string]func(*Record){
	"amount":        func(r *Record) { r.Amount, r.AmountText = UnreadableAmount, "1,023" },
	"currency":      func(r *Record) { r.Currency = "?" },
	"no currency":   func(r *Record) { r.Currency = "" },
	"response code": func(r *Record) { r.ResponseCode = "0" },
	"reference":     func(r *Record) { r.MerchantRef = "k001test-01jabcdefghjkmnpqrstvwxyz0" },
}

// TestUnreadable: what cannot be read contradicts nothing. The gateway is asked; what it then says
// counts, and what stays unreadable is unknown, in the gateway's words.
func TestUnreadable(t *testing.T) {
	ended := []Data{CancelRequested{By: "till-1"}, Withdrawn{}}
	silence := []Data{QueryEmpty{HTTPStatus: 404}, QueryEmpty{HTTPStatus: 404}, Undecided{}}
	for name, change := range unreadable {
		nameless := func(r *Record) { change(r); r.TransactionRef = "" }
		other := func(r *Record) { change(r); r.TransactionRef = "2" }
		declined := with(RecordDeclined, "1428191406936641536")
		for what, tc := range map[string]struct {
			facts []Data
			want  Status
			flags []Flag
			tasks int
		}{
			"open":      {[]Data{record(change)}, StatusAwaiting, nil, 0},
			"then read": {[]Data{record(change), record(nil)}, StatusApproved, nil, 0},
			"read after the end": {slices.Concat([]Data{record(change)}, ended,
				[]Data{record(nil)}), StatusApproved, nil, 0},
			"without a transaction, then read": {[]Data{record(nameless), record(nil)},
				StatusApproved, nil, 0},
			"it was declined": {slices.Concat([]Data{record(change), declined}, ended, silence),
				StatusDeclined, nil, 0},
			"and silence": {slices.Concat([]Data{record(change)}, ended, silence), StatusUnknown,
				nil, 1},
			"approved, then another": {[]Data{record(nil), record(other)}, StatusApproved, nil, 1},
			"cancelled, then one": {slices.Concat(ended, silence,
				[]Data{Offered{Status: StatusCancelled}, record(change)}), StatusUnknown, nil, 1},
			"cancelled, then one that is read": {slices.Concat(ended, silence,
				[]Data{Offered{Status: StatusCancelled}, record(change), record(nil)}),
				StatusApproved, []Flag{FlagLate}, 1},
		} {
			if what == "it was declined" && name != "reference" && name != "response code" {
				tc.want, tc.tasks = StatusUnknown, 1 // that it had succeeded was clear
			}
			t.Run(name+"/"+what, func(t *testing.T) {
				s := shown(queried)
				for _, d := range tc.facts {
					s.after(settleOf(d)).add(d)
					if p, _ := Fold(s.facts); what == "and silence" && p.Status == StatusCancelled {
						t.Errorf("cancelled after %s", d.Kind())
					}
				}
				p, _ := Fold(s.facts)
				var tasks []Task
				for _, k := range p.Tasks() {
					if k.Code != "owed" {
						tasks = append(tasks, k)
					}
				}
				if p.Status != tc.want || !slices.Equal(p.Flags, tc.flags) ||
					len(tasks) != tc.tasks {
					t.Errorf("%s, flags %v, tasks %v", p.Status, p.Flags, tasks)
				}
			})
		}
	}
}

// settleOf keeps two empty answers apart.
func settleOf(d Data) time.Duration {
	if _, ok := d.(QueryEmpty); ok {
		return 6 * time.Second
	}
	return 0
}

// TestUnreadableIsTold: the till and staff hear what the gateway wrote.
func TestUnreadableIsTold(t *testing.T) {
	s := shown(queried).add(record(unreadable["amount"]), CancelRequested{By: "till-1"},
		Withdrawn{}, Undecided{})
	p, _ := Fold(s.facts)
	want := &Reason{Code: "unreadable", Message: "the gateway reports a payment with the amount " +
		`"1,023", which cannot be read`}
	if d := cmp.Diff(want, p.Reason); d != "" {
		t.Error(d)
	}
}

// TestUnreadableMoney: the movement is there at once, of an amount that is not known, and is
// completed when it is.
func TestUnreadableMoney(t *testing.T) {
	read := record(nil)
	for name, tc := range map[string]struct {
		facts []Data
		want  []Movement
		again bool
	}{
		"unread": {[]Data{record(unreadable["amount"])}, []Movement{{Class: ClassOtherAmount}},
			false},
		"then read": {[]Data{record(unreadable["amount"]), read},
			[]Movement{{Class: ClassSale, Amount: 1023, Stated: true}}, false},
		"the other way round": {[]Data{read, record(unreadable["amount"])},
			[]Movement{{Class: ClassSale, Amount: 1023, Stated: true}}, false},
		"nameless, then read": {[]Data{record(func(r *Record) {
			unreadable["currency"](r)
			r.TransactionRef = ""
		}), read}, []Movement{{Class: ClassSale, Amount: 1023, Stated: true}}, false},
		"read, then nameless": {[]Data{read, record(func(r *Record) {
			unreadable["currency"](r)
			r.TransactionRef = ""
		})}, []Movement{{Class: ClassSale, Amount: 1023, Stated: true}}, false},
		"of another amount": {[]Data{record(unreadable["amount"]),
			record(func(r *Record) { r.Amount = 5 })},
			[]Movement{{Class: ClassOtherAmount, Amount: 5, Stated: true}}, false},
		"two": {[]Data{record(unreadable["amount"]), with(RecordSuccess, "2"), read},
			[]Movement{{Class: ClassAgain, Amount: 1023, Stated: true},
				{Class: ClassSale, Amount: 1023, Stated: true}}, true},
	} {
		p, _ := Fold(shown(queried).add(tc.facts...).facts)
		var got []Movement
		for _, m := range p.Movements {
			got = append(got, Movement{Class: m.Class, Amount: m.Amount, Stated: m.Stated})
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if again := slices.Contains(p.Flags, FlagDuplicate); again != tc.again {
			t.Errorf("%s: duplicate is %t", name, again)
		}
	}
}

// TestNoAttemptEndsWhatMayBePaid: where an attempt's end is the sale's, it is not while the gateway
// has reported a payment that cannot be read, or that its query has yet to confirm.
func TestNoAttemptEndsWhatMayBePaid(t *testing.T) {
	finish := noQuery
	finish.FinishDeclined, finish.Query, finish.ApproveNeedsQuery = true, true, true
	for _, said := range []Notified{
		tell("A", TypePay, RecordSuccess, 1023),
		tell("A", TypePay, RecordSuccess, UnreadableAmount),
	} {
		for _, refused := range []string{RecordDeclined, RecordExpired} {
			s := shown(finish).add(said, tell("B", TypePay, refused, 1023))
			if p := s.payment(t); p.Final {
				t.Errorf("%+v: %s ends it as %s", said, refused, p.Status)
			}
			nameless := said
			nameless.Record.TransactionRef = ""
			back := tell("R", TypeRefund, RecordSuccess, 500)
			if p := shown(finish).add(nameless, back).payment(t); said.Record.Amount > 0 &&
				!p.AwaitsQuery() {
				t.Errorf("a refund stands for the query's word of a payment: %+v", p.Doubts)
			}
			n := shown(finish).add(nameless, tell("", TypePay, refused, 1023)).payment(t)
			if n.Final || len(n.Doubts) == 0 {
				t.Errorf("a refusal without reference ends what was paid without one: %s %+v",
					n.Status, n.Doubts)
			}
			confirmed := tell("A", TypePay, RecordSuccess, 1023)
			confirmed.Source = SourceQuery
			if p := s.add(confirmed).payment(t); p.Status != StatusApproved {
				t.Errorf("%+v: %s, and then the query's word: %s", said, refused, p.Status)
			}
		}
	}
}

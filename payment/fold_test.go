package payment

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	testRef = "K001TEST-01JABCDEFGHJKMNPQRSTVWXYZ0"
	boot1   = "boot-1"
)

var (
	testMoney = Money{1023, SGD}
	wall      = time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)
)

// story makes a payment's facts, one second apart.
type story struct {
	facts []Fact
	up    time.Duration
	boot  string
}

func newStory(p Policy) *story {
	s := &story{up: time.Hour, boot: boot1}
	return s.add(Requested{
		Till: "till-1", Reference: "R1", MerchantRef: testRef, Money: testMoney, Provider: "axs",
		Mode: "link", DeadlineUp: ToMillis(s.up + 3*time.Minute),
		DeadlineAt: wall.Add(3 * time.Minute), Policy: p,
	})
}

func (s *story) add(data ...Data) *story {
	for _, d := range data {
		s.up += time.Second
		s.facts = append(s.facts, Fact{
			Seq: int64(len(s.facts) + 1), Payment: "P1", At: wall.Add(s.up), Boot: s.boot, Up: s.up,
			Data: d,
		})
	}
	return s
}

func (s *story) after(d time.Duration) *story { s.up += d; return s }
func (s *story) reboot() *story               { s.boot, s.up = s.boot+"'", 0; return s }

func record(change func(*Record)) Notified {
	r := Record{
		MerchantRef: testRef, TransactionRef: "1428191406936641536", Type: TypePay,
		Status: RecordSuccess, ResponseCode: "00", Amount: 1023, Currency: "SGD", Scheme: "VISA",
		PaidAt: wall,
	}
	if change != nil {
		change(&r)
	}
	return Notified{Record: r, Source: "webhook"}
}

func with(status, ref string) Notified {
	return record(func(r *Record) { r.Status, r.TransactionRef = status, ref })
}

var (
	noQuery = Policy{Settle: 5000, AnswerWithin: 25000}
	queried = Policy{Query: true, Settle: 5000, AnswerWithin: 25000}
	finish  = Policy{FinishDeclined: true, Settle: 5000, AnswerWithin: 25000}
)

func minted(p Policy) *story { return newStory(p).add(Minted{Payload: "https://link"}) }
func shown(p Policy) *story  { return minted(p).add(Shown{By: "display", Revision: 2}) }
func cancelled() *story {
	return shown(noQuery).add(CancelRequested{By: "till-1"}, Withdrawn{}, PathProved{})
}

func TestFold(t *testing.T) {
	type want struct {
		Status Status
		Flags  []Flag
		Reason string
		Owed   bool
	}
	offer := func(r int64, s Status) Offered { return Offered{Revision: r, Status: s} }
	for _, tc := range []struct {
		name string
		s    *story
		want want
	}{
		{"requested", newStory(noQuery), want{Status: StatusCreated}},
		{"minted", minted(noQuery), want{Status: StatusAwaiting}},
		{"mint failed", newStory(noQuery).add(MintFailed{"mint_failed", "no"}),
			want{StatusCancelled, nil, "mint_failed", true}},
		{"mint failed after minted says nothing", minted(noQuery).add(MintFailed{"x", "no"}),
			want{Status: StatusAwaiting}},
		{"paid", shown(noQuery).add(record(nil)), want{StatusApproved, nil, "", true}},
		{"paid and acknowledged", shown(noQuery).add(record(nil), offer(3, StatusApproved),
			Acknowledged{3}), want{StatusApproved, nil, "", false}},
		{"an older revision acknowledged",
			shown(noQuery).add(record(nil), offer(3, StatusApproved), Acknowledged{2}),
			want{StatusApproved, nil, "", true}},
		{"paid without response code",
			shown(noQuery).add(record(func(r *Record) { r.ResponseCode = "" })),
			want{StatusApproved, nil, "", true}},
		{"paid, never shown", minted(noQuery).add(record(nil)),
			want{StatusApproved, nil, "", true}},
		{"the same record twice", shown(noQuery).add(record(nil), record(nil)),
			want{StatusApproved, nil, "", true}},
		{"paid twice", shown(noQuery).add(record(nil), with(RecordSuccess, "2")),
			want{StatusApproved, []Flag{FlagDuplicate}, "", true}},
		{"wrong amount", shown(noQuery).add(record(func(r *Record) { r.Amount = 1022 })),
			want{StatusUnknown, []Flag{FlagAmountMismatch}, "amount_mismatch", true}},
		{"unreadable amount", shown(noQuery).add(
			record(func(r *Record) { r.Amount = UnreadableAmount })),
			want{Status: StatusAwaiting}},
		{"wrong currency", shown(noQuery).add(record(func(r *Record) { r.Currency = "USD" })),
			want{StatusUnknown, []Flag{FlagAmountMismatch}, "amount_mismatch", true}},
		{"response code 05", shown(noQuery).add(record(func(r *Record) { r.ResponseCode = "05" })),
			want{StatusUnknown, nil, "contradictory", true}},
		{"wrong amount, then right", shown(noQuery).add(
			record(func(r *Record) { r.Amount = 1; r.TransactionRef = "1" }), record(nil)),
			want{StatusApproved, []Flag{FlagAmountMismatch}, "", true}},
		{"another reference", shown(noQuery).add(record(func(r *Record) { r.MerchantRef += "x" })),
			want{Status: StatusAwaiting}},
		{"status in another case", shown(noQuery).add(
			record(func(r *Record) { r.Status = "Success" })), want{Status: StatusAwaiting}},
		{"unknown type", shown(noQuery).add(record(func(r *Record) { r.Type = "AUTH" })),
			want{Status: StatusAwaiting}},
		{"sent", shown(noQuery).add(with(RecordSent, "1")), want{Status: StatusAwaiting}},
		{"declined on a link goes on", shown(noQuery).add(with(RecordDeclined, "1")),
			want{Status: StatusAwaiting}},
		{"declined, then paid", shown(noQuery).add(with(RecordDeclined, "1"), record(nil)),
			want{StatusApproved, nil, "", true}},
		{"declined in mode qr", shown(finish).add(with(RecordDeclined, "1")),
			want{StatusDeclined, nil, "", true}},
		{"expired in mode qr", shown(finish).add(with(RecordExpired, "1")),
			want{StatusExpired, nil, "", true}},
		{"declined and expired of one transaction",
			shown(noQuery).add(with(RecordDeclined, "1"), with(RecordExpired, "1")),
			want{StatusUnknown, nil, "contradictory", true}},
		{"declined twice, another amount",
			shown(noQuery).add(with(RecordDeclined, "1"),
				record(func(r *Record) {
					r.Status, r.TransactionRef, r.Amount = RecordDeclined, "1",
						7
				})), want{StatusUnknown, nil, "contradictory", true}},
		{"paid and declined of one transaction: paid wins",
			shown(noQuery).add(record(nil), with(RecordDeclined, "1428191406936641536")),
			want{StatusApproved, nil, "", true}},

		{"cancel asked", shown(noQuery).add(CancelRequested{}), want{Status: StatusAwaiting}},
		{"cancelled", cancelled(), want{StatusCancelled, []Flag{FlagUnconfirmed}, "cancelled",
			true}},
		{"proof before the withdrawal does not count",
			shown(noQuery).add(PathProved{}, CancelRequested{}, Withdrawn{}),
			want{Status: StatusAwaiting}},
		{"cancelled after a decline", shown(noQuery).add(with(RecordDeclined, "1"),
			CancelRequested{}, Withdrawn{}, PathProved{}),
			want{StatusDeclined, []Flag{FlagUnconfirmed}, "", true}},
		{"cancelled after a lapsed code",
			shown(noQuery).add(with(RecordExpired, "1"), CancelRequested{}, Withdrawn{},
				PathProved{}), want{StatusExpired, []Flag{FlagUnconfirmed}, "", true}},
		{"a decline after the end changes nothing", cancelled().add(with(RecordDeclined, "1")),
			want{StatusCancelled, []Flag{FlagUnconfirmed}, "cancelled", true}},
		{"display lost", shown(noQuery).add(DisplayLost{"none"}, Withdrawn{}, PathProved{}),
			want{StatusCancelled, []Flag{FlagUnconfirmed}, "display_lost", true}},
		{"deadline", shown(noQuery).add(DeadlinePassed{}, Withdrawn{}, PathProved{}),
			want{StatusExpired, []Flag{FlagUnconfirmed}, "", true}},
		{"undecided", shown(noQuery).add(DeadlinePassed{}, Withdrawn{}, Undecided{}),
			want{StatusUnknown, nil, "no_answer", true}},
		{"undecided, proved later: unknown stays",
			shown(noQuery).add(DeadlinePassed{}, Withdrawn{}, Undecided{}, PathProved{}),
			want{StatusUnknown, nil, "no_answer", true}},
		{"undecided, then paid", shown(noQuery).add(DeadlinePassed{}, Withdrawn{}, Undecided{},
			offer(3, StatusUnknown), record(nil)), want{StatusApproved, nil, "", true}},
		{"paid while cancelling", shown(noQuery).add(CancelRequested{}, Withdrawn{}, record(nil)),
			want{StatusApproved, nil, "", true}},
		{"paid after cancelled, before it was told", cancelled().add(record(nil)),
			want{StatusApproved, nil, "", true}},
		{"late", cancelled().add(offer(4, StatusCancelled), Acknowledged{4}, record(nil)),
			want{StatusApproved, []Flag{FlagLate}, "", true}},
		{"late with a wrong amount", cancelled().add(offer(4, StatusCancelled), Acknowledged{4},
			record(func(r *Record) { r.Amount = 1 })),
			want{StatusUnknown, []Flag{FlagAmountMismatch}, "amount_mismatch", true}},

		{"queries empty", shown(queried).add(CancelRequested{}, Withdrawn{},
			QueryEmpty{HTTPStatus: 200, Records: 0}).after(4 * time.Second).add(
			QueryEmpty{HTTPStatus: 200, Records: 0}),
			want{StatusCancelled, nil, "cancelled", true}},
		{"queries too close", shown(queried).add(CancelRequested{}, Withdrawn{},
			QueryEmpty{HTTPStatus: 200, Records: 0}).after(3 * time.Second).add(
			QueryEmpty{HTTPStatus: 200, Records: 0}),
			want{Status: StatusAwaiting}},
		{"one query before the withdrawal",
			shown(queried).add(QueryEmpty{HTTPStatus: 200, Records: 0}).after(time.Minute).add(
				CancelRequested{},
				Withdrawn{}, QueryEmpty{HTTPStatus: 200, Records: 0}),
			want{Status: StatusAwaiting}},
		{"a failed query does not count",
			shown(queried).add(CancelRequested{}, Withdrawn{},
				QueryEmpty{HTTPStatus: 200, Records: 0}).after(time.Minute).add(QueryFailed{"404"}),
			want{Status: StatusAwaiting}},
		{"queries in two boots", shown(queried).add(CancelRequested{}, Withdrawn{},
			QueryEmpty{HTTPStatus: 200}).reboot().after(queried.Settle.Duration()).
			add(QueryEmpty{HTTPStatus: 200}), want{StatusCancelled, nil, "cancelled", true}},
		{"queries in two boots, the second too young", shown(queried).add(CancelRequested{},
			Withdrawn{}, QueryEmpty{HTTPStatus: 200}).reboot().add(QueryEmpty{HTTPStatus: 200}),
			want{Status: StatusAwaiting}},
		{"a proved path is no query", shown(queried).add(CancelRequested{}, Withdrawn{},
			PathProved{}), want{Status: StatusAwaiting}},

		{"reversed before it was told",
			shown(noQuery).add(record(nil), record(func(r *Record) { r.Type = TypeVoid })),
			want{StatusUnknown, []Flag{FlagReversed}, "reversed", true}},
		{"reversed after it was told",
			shown(noQuery).add(record(nil), offer(3, StatusApproved),
				record(func(r *Record) { r.Type = TypeRefund })),
			want{StatusApproved, []Flag{FlagReversed}, "", true}},
		{"a reversal that was refused",
			shown(noQuery).add(record(nil), record(func(r *Record) {
				r.Type, r.Status = TypeVoid, RecordDeclined
			})),
			want{StatusApproved, nil, "", true}},
		{"resolved changes no status",
			shown(noQuery).add(DeadlinePassed{}, Withdrawn{}, Undecided{},
				Resolved{Outcome: "approved", By: "ann", Reason: "seen in the portal"}),
			want{StatusUnknown, nil, "no_answer", true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, ok := Fold(tc.s.facts)
			if !ok {
				t.Fatal("no payment")
			}
			got := want{Status: p.Status, Flags: p.Flags, Owed: p.Owed}
			if p.Reason != nil {
				got.Reason = p.Reason.Code
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			if p.Final != p.Status.Final() {
				t.Error("Final and Status disagree")
			}
			if p.QRPayload != "" && (p.Final || p.EndedBy != "") {
				t.Error("a code that may not be paid any more is still given out")
			}
		})
	}
}

func TestRevisionGrowsOnlyWithWhatATillSees(t *testing.T) {
	s := newStory(noQuery)
	for i, step := range []struct {
		fact     Data
		revision int64
	}{
		{MintSent{}, 1}, {Minted{Payload: "x"}, 2}, {Shown{}, 2},
		{with(RecordSent, "9"), 2}, {with(RecordDeclined, "1"), 3},
		{CancelRequested{}, 4}, {Withdrawn{}, 4}, {QueryFailed{"x"}, 4}, {PathProved{}, 5},
		{Offered{Revision: 5, Status: StatusDeclined}, 5}, {Acknowledged{Revision: 5}, 5},
		{record(nil), 6}, {record(nil), 6},
		{Resolved{Outcome: "approved", By: "ann", Reason: "x"}, 7},
	} {
		s.add(step.fact)
		if p, _ := Fold(s.facts); p.Revision != step.revision {
			t.Errorf("%d: after %+v revision %d, want %d", i, step.fact, p.Revision, step.revision)
		}
	}
}

// A correction does not begin the reuse window anew: a late approval must not answer a sale that
// comes long after the first answer.
func TestFinalSinceTheFirstFinalStatus(t *testing.T) {
	s := cancelled()
	first, _ := Fold(s.facts)
	if first.FinalBoot != boot1 || first.FinalUp != s.up {
		t.Fatalf("final since %s %s, want %s", first.FinalBoot, first.FinalUp, s.up)
	}
	corrected, _ := Fold(s.after(time.Hour).add(record(nil)).facts)
	if corrected.Status != StatusApproved || corrected.FinalUp != first.FinalUp {
		t.Errorf("%s, final since %s, want %s", corrected.Status, corrected.FinalUp, first.FinalUp)
	}
}

// Retention drops the bodies of minted facts: what a till has acknowledged stays acknowledged.
func TestRevisionsSurviveRetention(t *testing.T) {
	for name, s := range map[string]*story{
		"cancelled": cancelled(), "approved": shown(noQuery).add(record(nil)),
		"late":                  cancelled().add(record(nil)),
		"cancelling, then paid": shown(noQuery).add(CancelRequested{}, Withdrawn{}, record(nil)),
	} {
		p, _ := Fold(s.facts)
		whole, _ := Fold(s.add(Acknowledged{Revision: p.Revision}).facts)
		facts := slices.Clone(s.facts)
		facts[1].Data = Minted{}
		dropped, _ := Fold(facts)
		if !whole.Acknowledged || dropped.Revision != whole.Revision || dropped.Owed {
			t.Errorf("%s: revision %d becomes %d, owed %t", name, whole.Revision, dropped.Revision,
				dropped.Owed)
		}
	}
}

// The same over random histories: without the bodies of minted facts everything is as it was but
// the code and the link's own number.
func TestAnyHistorySurvivesRetention(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStory(rapid.SampledFrom([]Policy{noQuery, queried, finish}).Draw(t, "policy"))
		var last Payment
		for range rapid.IntRange(1, 25).Draw(t, "n") {
			d := drawData(t, &last)
			if _, ok := d.(Minted); ok {
				d = Minted{Payload: "x", ProviderRef: rapid.SampledFrom(
					[]string{"1", "m", "n"}).Draw(t, "link")}
			}
			s.after(time.Second).add(d)
			last, _ = Fold(s.facts)
			facts := slices.Clone(s.facts)
			for i := range facts {
				if facts[i].Kind() == KindMinted {
					facts[i].Data = Minted{}
				}
			}
			dropped, _ := Fold(facts)
			whole := last
			whole.QRPayload, dropped.QRPayload = "", ""
			if len(whole.Transactions) == 0 {
				whole.ProviderRef, dropped.ProviderRef = "", ""
			}
			if d := cmp.Diff(whole, dropped); d != "" {
				t.Fatalf("%s\n%+v", d, s.facts)
			}
		}
	})
}

// TestGuaranteesHoldForAnyHistory draws random histories and checks what must hold after each fact.
func TestGuaranteesHoldForAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStory(rapid.SampledFrom([]Policy{noQuery, queried, finish}).Draw(t, "policy"))
		toldApproved, paid := false, false
		var last Payment
		for range rapid.IntRange(1, 25).Draw(t, "n") {
			d := drawData(t, &last)
			if n, ok := d.(Notified); ok && judge(n.Record, testRef, testMoney) == saysPaid {
				paid = true
			}
			s.after(time.Duration(rapid.IntRange(0, 10).Draw(t, "gap")) * time.Second).add(d)
			p, _ := Fold(s.facts)
			if o, ok := d.(Offered); ok && o.Status == StatusApproved {
				toldApproved = true
			}
			if p.Status == StatusApproved && !paid {
				t.Fatalf("approved without a matching record: %+v", s.facts)
			}
			if toldApproved && p.Status != StatusApproved {
				t.Fatalf("approved was told and is now %s", p.Status)
			}
			if paid && p.Status != StatusApproved && !slices.Contains(p.Flags, FlagReversed) {
				t.Fatalf("paid, yet %s", p.Status)
			}
			if p.Revision < last.Revision {
				t.Fatal("revision went back")
			}
			if last.Final && !p.Final {
				t.Fatal("a final payment is not final any more")
			}
			last = p
		}
	})
}

func drawData(t *rapid.T, last *Payment) Data {
	ref := rapid.SampledFrom([]string{"1", "2", ""}).Draw(t, "ref")
	choices := []Data{
		Minted{Payload: "x"}, Shown{}, CancelRequested{}, DeadlinePassed{}, DisplayLost{},
		Withdrawn{}, PathProved{}, QueryEmpty{}, QueryFailed{}, Undecided{}, MintFailed{},
		Resolved{}, with(RecordSuccess, ref), with(RecordDeclined, ref), with(RecordExpired, ref),
		record(func(r *Record) { r.Amount = 5; r.TransactionRef = ref }),
		record(func(r *Record) { r.Type = TypeVoid }),
	}
	if last.Final {
		choices = append(choices, Offered{Revision: last.Revision, Status: last.Status},
			Acknowledged{Revision: last.Revision})
	}
	return rapid.SampledFrom(choices).Draw(t, "data")
}

// TestFactsSurviveEncoding: values that are hard to write; TestKindsBytes has every kind.
func TestFactsSurviveEncoding(t *testing.T) {
	at := time.Date(2026, 1, 16, 1, 22, 46, 10508000, time.UTC)
	samples := []Data{
		Requested{Till: "t", Reference: "r", MerchantRef: testRef, Money: testMoney,
			Schemes: []string{"paynow"}, DeadlineAt: at, Policy: queried,
			Line: &Line{ECN: "1", Function: "Q1", Digest: "d", ECNIsNew: true}},
		MintSent{"paynow"}, MintFailed{"a", "b"}, Minted{"p", "q", 7, true, "t"},
		Shown{"display", 2},
		Opened{}, DisplayLost{"x"}, CancelRequested{"till"},
		DeadlinePassed{"reboot"}, Withdrawn{}, PathProved{5}, record(
			func(r *Record) { r.PaidAt = at }), QueryEmpty{HTTPStatus: 404, Records: 1},
		QueryFailed{"x"},
		Undecided{}, Offered{Revision: 3, Status: StatusApproved}, Acknowledged{3},
		Resolved{Outcome: "approved", By: "a", Reason: "b",
			Entry: 4}, Superseded{},
		Unmatched{Record: record(nil).Record, Source: "webhook"},
		Parked{Reason: "x", Envelope: Envelope{Method: "POST", Body: []byte{0, 255},
			ReceivedAt: at}, Hash: "h"},
		Gap{"x"}, ClockOffset{-3}, Recovered{Reason: "a", By: "b", Lost: Head{"j", 5, "h"}},
		QueryProved{Endpoint: "e"},
	}
	for _, d := range samples {
		b, err := EncodeData(d)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeData(d.Kind(), b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, back); diff != "" {
			t.Errorf("%s: %s", d.Kind(), diff)
		}
	}
	if _, err := DecodeData("requested", []byte(`{} {}`)); err == nil {
		t.Error("trailing data was accepted")
	}
	if _, err := DecodeData("nonsense", []byte(`{}`)); err == nil {
		t.Error("an unknown kind was accepted")
	}
}

package payment

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/test/docpage"
)

var update = flag.Bool("update", false, "write the diagram into docs/SALE.md")

const success = "SUCCESS, everything equal"

// alphabet is one fact of each meaning that the status function can tell apart, with its name in
// the diagram.
var alphabet = []struct {
	name string
	data Data
}{
	{"minted", Minted{Payload: "https://link"}},
	{"mint_failed", MintFailed{"mint_failed", "no"}},
	{success, with(RecordSuccess, "1")},
	{success, with(RecordSuccess, "2")},
	{"SUCCESS with something unequal",
		record(func(r *Record) { r.Amount, r.TransactionRef = 1, "3" })},
	{"DECLINED, where it ends the payment", with(RecordDeclined, "1")},
	{"DECLINED, where it ends the payment", with(RecordDeclined, "4")},
	{"EXPIRED, where it ends the payment", with(RecordExpired, "5")},
	{"VOID or REFUND", record(func(r *Record) { r.Type = TypeVoid })},
	{"an unknown word", with("PENDING", "6")},
	{"display_lost", DisplayLost{"none"}},
	{"cancel_requested", CancelRequested{"till-1"}},
	{"deadline_passed", DeadlinePassed{}},
	{"withdrawn", Withdrawn{}},
	{"evidence rule: nothing found", PathProved{}},
	{"evidence rule: nothing found", QueryEmpty{HTTPStatus: 200}},
	{"query_failed", QueryFailed{"x"}},
	{"no answer in time", Undecided{}},
	{"offered", nil}, // of the present revision
	{"acknowledged", nil},
}

// situation is everything that decides what may follow in a payment's history.
type situation struct {
	e                                     Evidence
	final                                 bool
	ended, withdrawn, empty               bool
	told, toldNo                          bool
	paid, twice, mismatch, reversal, late bool
	// the transaction that is reported in two ways is known already
	wordOfOne bool
}

// history is a payment after some facts.
type history struct {
	f      *Folder
	told   bool // approved was offered
	paid   bool // a record that satisfies guarantee 1 is among the facts
	before *history
	name   string // of the last fact
}

func (h *history) situation() situation {
	p := h.f.Payment()
	s := situation{
		e: h.f.e, final: p.Final, ended: p.EndedBy != "", withdrawn: p.Withdrawn,
		empty: h.f.emptySeen, told: h.told, toldNo: h.f.toldNotPaid,
		paid: len(p.Transactions) > 0, twice: len(p.Transactions) > 1,
		mismatch: h.f.mismatch, reversal: h.f.anyReversal, late: h.f.late,
	}
	_, s.wordOfOne = h.f.words["1"]
	return s
}

// add is the history with one more fact: settle after the one before, so that a second query_empty
// counts.
func (h *history) add(name string, d Data) *history {
	f := *h.f
	f.p, f.words = h.f.Payment(), maps.Clone(h.f.words)
	next := &history{f: &f, told: h.told, paid: h.paid, before: h, name: name}
	switch name {
	case "offered":
		d = Offered{Revision: f.p.Revision, Status: f.p.Status}
		next.told = h.told || f.p.Status == StatusApproved
	case "acknowledged":
		d = Acknowledged{f.p.Revision}
	}
	if n, ok := d.(Notified); ok {
		next.paid = h.paid || n.Record.Status == RecordSuccess && n.Record.Type == TypePay &&
			n.Record.Amount == testMoney.Amount
	}
	seq := f.p.LastSeq + 1
	next.f.Add(Fact{Seq: seq, Payment: "P1", At: wall, Boot: boot1,
		Up: time.Duration(seq) * 5 * time.Second, Data: d})
	return next
}

func (h *history) String() string {
	if h.before == nil {
		return "requested"
	}
	return h.before.String() + ", " + h.name
}

// TestEveryHistory walks through every situation that facts can lead to, whatever their order and
// however often they come, and checks each step. The diagram in docs/SALE.md is what it
// finds.
func TestEveryHistory(t *testing.T) {
	edges := map[string]map[string]bool{}
	total := 0
	for _, policy := range []Policy{noQuery, queried, finish} {
		begin := &history{f: new(Folder)}
		for _, f := range newStory(policy).facts {
			begin.f.Add(f)
		}
		seen := map[situation]bool{begin.situation(): true}
		for queue := []*history{begin}; len(queue) > 0; queue = queue[1:] {
			h := queue[0]
			for _, letter := range alphabet {
				next := h.add(letter.name, letter.data)
				checkStep(t, next)
				if from, to := h.f.p.Status, next.f.p.Status; from != to {
					label := letter.name
					if next.f.e.Reversed && letter.name == success {
						label = "SUCCESS and its reversal"
					}
					mark(edges, string(from)+" --> "+string(to), label)
				}
				if s := next.situation(); !seen[s] {
					seen[s] = true
					queue = append(queue, next)
				}
			}
			if t.Failed() {
				return
			}
		}
		total += len(seen)
	}
	t.Logf("%d situations, %d steps", total, total*len(alphabet))
	checkDiagram(t, edges)
}

// checkStep holds the last step of a history against the guarantees.
func checkStep(t *testing.T, h *history) {
	t.Helper()
	before, after := h.before.f.Payment(), h.f.Payment()
	fail := func(what string) {
		t.Errorf("%s: %s → %s after %s", what, before.Status, after.Status, h)
	}
	switch {
	case after.Status == StatusApproved && !h.paid:
		fail("an invented approval")
	case h.paid && after.Status != StatusApproved && !slices.Contains(after.Flags, FlagReversed):
		fail("a lost approval")
	case before.Final && !after.Final:
		fail("final and then not")
	case h.before.told && before.Status == StatusApproved && after.Status != StatusApproved:
		fail("approved was told and is taken back")
	case after.Revision < before.Revision || after.Revision == before.Revision &&
		(after.Status != before.Status || !slices.Equal(after.Flags, before.Flags)):
		fail("a change without a revision")
	case after.Final && after.QRPayload != "":
		fail("final and payable")
	case after.Final != (after.Owed || after.Acknowledged):
		fail("final, and neither owed nor acknowledged")
	}
}

func mark(edges map[string]map[string]bool, edge, label string) {
	if edges[edge] == nil {
		edges[edge] = map[string]bool{}
	}
	edges[edge][label] = true
}

// checkDiagram compares the diagram of the documentation with the steps that were found, or writes
// it.
func checkDiagram(t *testing.T, edges map[string]map[string]bool) {
	t.Helper()
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n  [*] --> created\n")
	for _, edge := range slices.Sorted(maps.Keys(edges)) {
		fmt.Fprintf(&b, "  %s: %s\n", edge,
			strings.Join(slices.Sorted(maps.Keys(edges[edge])), " or "))
	}
	b.WriteString("```\n")
	docpage.Compare(t, "../docs/SALE.md", "status diagram", b.String(), *update)
}

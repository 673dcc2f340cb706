package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
)

func TestPrintWork(t *testing.T) {
	at := time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)
	task := func(code, text string) []payment.Task {
		return []payment.Task{{Code: code, Text: text}}
	}
	record := payment.Record{MerchantRef: "K001-1", Status: payment.RecordSuccess, Amount: 1023,
		Currency: "SGD"}
	strange := record
	strange.Amount, strange.AmountText = payment.UnreadableAmount, "ten"
	long := strings.Repeat("word ", 40)
	var got bytes.Buffer
	err := printWork(&got, []workEntry{
		entryOf(payment.WorkItem{Payment: &payment.Payment{
			ID: "P1", Till: "till-1", Reference: "R1", MerchantRef: "K001-P1",
			Money:  payment.Money{Amount: 500, Currency: payment.SGD},
			Status: payment.StatusApproved, Flags: []payment.Flag{payment.FlagLate}, CreatedAt: at,
			Line: &payment.Line{Receipt: "R020"},
		}, Tasks: append(task("late", long), task("owed", "short")...)}),
		entryOf(payment.WorkItem{Entry: &payment.Fact{Seq: 7, At: at.Add(-72 * time.Hour),
			Data: payment.Unmatched{Record: record}}, Tasks: task("unmatched", "x")}),
		entryOf(payment.WorkItem{Entry: &payment.Fact{Seq: 8, At: at.Add(59 * time.Minute),
			Data: payment.Unmatched{Record: strange}}, Tasks: task("unmatched", "x")}),
		entryOf(payment.WorkItem{Entry: &payment.Fact{Seq: 9, At: at.Add(2 * time.Hour),
			Data: payment.Parked{}}, Tasks: task("parked", "x")}),
	}, at.Add(90*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Repeat("word ", 18)
	found := "  = --finding sale-found --portal-ref REF: the sale is in a till's book, under " +
		"this reference →\n      approved\n" +
		"  = --finding given-back: the money was given back → not-paid\n"
	want := "P1  SGD 5.00  approved [late]  (1 h 30 min ago)\n" +
		"  till till-1, receipt R020, reference R1, merchantRef K001-P1\n  " + dated(at) + "\n" +
		"  - late: " + words[:len(words)-1] + "\n" +
		"    " + strings.TrimSpace(strings.Repeat("word ", 19)) + "\n" +
		"    word word word\n" +
		"  - owed: short\n\n" +
		"#7  SGD 10.23  SUCCESS, of no payment here  (3 days ago)\n  merchantRef K001-1\n  " +
		dated(at.Add(-72*time.Hour)) + "\n  - " +
		"unmatched: x\n" + found + "\n" +
		"#8  an amount that cannot be read  SUCCESS, of no payment here  (31 min ago)\n  " +
		"merchantRef K001-1\n  " + dated(at.Add(59*time.Minute)) + "\n  - unmatched: x\n" +
		found + "\n" +
		"#9  a notification that does not open  (in the future: check the clock)\n  " +
		dated(at.Add(2*time.Hour)) + "\n  - parked: " +
		"x\n  = --finding junk: it is somebody's junk → not-paid\n\n" +
		"4 to do. When one is settled: kiosk-agent resolve ID --finding FINDING --reason TEXT " +
		"(for a number: resolve '#12' …)\n"
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Error(d)
	}
}

// TestWrapKeepsEveryWord: whatever the text, no word is lost and no line that can be broken is too
// long.
func TestWrapKeepsEveryWord(t *testing.T) {
	for _, text := range []string{"", "ä", strings.Repeat("ä", 150), strings.Repeat("ää ", 99),
		"a " + strings.Repeat("b", 120) + " c", strings.Repeat("12345 ", 60)} {
		got := wrap("  - x: ", "    ", text)
		if d := cmp.Diff(strings.Fields("- x: "+text), strings.Fields(got)); d != "" &&
			text != strings.Repeat("ä", 150) {
			t.Error(d)
		}
		for line := range strings.Lines(got) {
			if utf8.RuneCountInString(line)-1 > textWidth && len(strings.Fields(line)) > 3 {
				t.Errorf("%q", line)
			}
		}
	}
}

package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/app/timeline"
	"kiosk-agent/payment"
)

// TestStaffSeeNoTerminalCommands: a gateway's words, and whoever has its secret, must not write
// over what staff read, set the terminal's title, or answer in the place of its keyboard.
func TestStaffSeeNoTerminalCommands(t *testing.T) {
	evil := "PAID\x1b[2J\x1b]0;x\a\r\u009b1m\u202eok"
	record := payment.Record{Type: evil, Status: evil, Scheme: evil, TransactionRef: evil,
		MerchantRef: evil, Currency: evil, Amount: 100}
	facts := []payment.Fact{
		{Seq: 1, Payment: "p", At: time.Unix(0, 0),
			Data: payment.Requested{Till: "t", Reference: "r",
				Money: payment.Money{Amount: 100, Currency: "SGD"}}},
		{Seq: 2, Payment: "p", At: time.Unix(0, 0), Data: payment.Notified{Record: record}},
	}
	p, ok := payment.Fold(facts)
	if !ok {
		t.Fatal("no payment")
	}
	var out bytes.Buffer
	if err := timeline.Print(Legible(&out), p, facts); err != nil {
		t.Fatal(err)
	}
	unmatched := payment.Fact{Seq: 3, At: time.Unix(0, 0), Data: payment.Unmatched{Record: record}}
	if err := printWork(Legible(&out), []workEntry{entryOf(payment.WorkItem{Entry: &unmatched})},
		time.Unix(60, 0)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\a\r\u009b\u202e") ||
		strings.Count(out.String(), "PAID") < 3 {
		t.Errorf("%q", out.String())
	}
}

package singapay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kiosk-agent/sandbox/simkit"
)

const generate = "/api/v1.0/qris-dynamic/" + testAccount + "/generate-qr"

func TestQRIS(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	made := w.api("POST", generate,
		`{"amount":25000,"merchant_reff_no":"Q-1","expired_at":"2026-09-09 01:05:10","unknown":1}`)
	text := fmt.Sprint(at(made, "qr_data"))
	if at(made, "status") != "open" ||
		!strings.HasPrefix(fmt.Sprint(at(made, "reff_no")), "6601") ||
		at(made, "amount") != 25000.0 ||
		at(made, "expired_at") != "2026-09-09T01:05:10+07:00" ||
		!strings.HasPrefix(text, "000201010212") || !strings.Contains(text, "540525000") ||
		!strings.HasPrefix(text[len(text)-8:], "6304") {
		t.Error(made)
	}
	show := fmt.Sprintf("/api/v1.0/qris-dynamic/%s/show/%v", testAccount, at(made, "id"))
	p := w.act(text, Pay, "")
	w.run()
	if p.State != "paid" || p.Kind != "qris" || p.Amount != 2_500_000 ||
		w.Collected()["Q-1"].Paid != 2_500_000 {
		t.Error(p)
	}
	r := w.only("qris-acquirer-transaction")[0]
	for path, want := range map[string]any{
		"data.transaction.type": "qris", "data.transaction.status": "paid",
		"data.transaction.merchant_reff_no": "Q-1", "data.transaction.amount.value": 25000.0,
		"data.transaction.tip.value": 0.0, "data.transaction.total_amount.value": 25000.0,
		"data.payment.method":                    "qris",
		"data.payment.additional_info.qr_string": text,
	} {
		if got := at(r.tree, path); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
	if r.path != "/hook?from=sp" || !signed(r) {
		t.Error(r.path)
	}
	if got := w.api("GET", show, ""); at(got, "status") != "paid" ||
		at(got, "payment_date") == nil {
		t.Error(got)
	}
	if _, err := w.Act("Q-1", Action{Do: Pay}); err != ErrPaid {
		t.Error("one code, one payment:", err)
	}
	w.act("Q-1", Settle, "")
	w.act("Q-1", Refund, "")
	if got := w.api("GET", show, ""); at(got, "status") != "settled" ||
		w.Collected()["Q-1"].Reversed != 2_500_000 {
		t.Error(got)
	}
}

func TestQRISOnceMore(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	for range 2 { // merchant_reff_no is not unique: whoever asks twice has two codes
		w.api("POST", generate,
			`{"amount":25000,"merchant_reff_no":"Q-1","expired_at":"2026-09-08T18:01:10Z"}`)
	}
	w.act("Q-1", Pay, "")
	w.clock.advance(time.Minute)
	_, out := w.send("GET", "/api/v1.0/qris-dynamic/"+testAccount, "")
	if at(out, "data.0.status_computed") != "paid" ||
		at(out, "data.1.status_computed") != "expired" || at(out, "data.1.status") != "open" ||
		at(out, "pagination.total") != 2.0 {
		t.Error(out)
	}
	older := fmt.Sprint(at(out, "data.1.qr_data"))
	if _, err := w.Act(older, Action{Do: Pay}); err != ErrClosed {
		t.Error(err)
	}
	w.act(older, PayLate, "")
	if c := w.Collected()["Q-1"]; c.Payments != 2 || c.Paid != 5_000_000 {
		t.Error(c)
	}
	w.fault(Fault{Kind: FaultWrongAmount})
	w.api("POST", generate, `{"amount":9000,"merchant_reff_no":"Q-2"}`)
	w.act("Q-2", Pay, "")
	w.run()
	all := w.only("qris-acquirer-transaction")
	if last := all[len(all)-1]; at(last.tree, "data.transaction.total_amount.value") != 8000.0 ||
		!signed(last) {
		t.Errorf("%s", last.body)
	}
	for body, field := range map[string]string{
		`{}`: "amount", `{"amount":0}`: "amount", `{"amount":10000001}`: "amount",
		`{"amount":"5000"}`: "amount",
		`{"amount":5000,"expired_at":"2026-09-08T18:00:00Z"}`: "expired_at",
	} {
		status, out := w.send("POST", generate, body)
		if problems, _ := at(out, "error.errors").(map[string]any); status != 422 ||
			problems[field] == nil {
			t.Error(body, status, out)
		}
	}
}

func TestCRC(t *testing.T) {
	if got := simkit.CRC16("123456789"); got != 0x29b1 {
		t.Errorf("%04X", got)
	}
}

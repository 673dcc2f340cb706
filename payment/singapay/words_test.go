package singapay

import (
	"fmt"
	"testing"

	"kiosk-agent/payment"
)

// TestWords: each word that SingaPay documents has one meaning in each place, only paid and settled
// are money, and no word that is missing here passes for one of ours.
func TestWords(t *testing.T) {
	documented := map[source][]string{
		fromAttempt: {"paid", "pending", "expired", "failed", "settled", "unpaid"},
		fromQR:      {"open", "paid", "expired", "settled"},
		fromNotice:  {"pending", "paid", "expired", "failed", "settled"},
	}
	listed := 0
	for from, list := range documented {
		listed += len(list)
		for _, said := range list {
			var means []string
			for _, w := range words {
				if w.source == from && w.word == said {
					means = append(means, w.means)
				}
			}
			if len(means) != 1 {
				t.Errorf("%d %q has the meanings %v", from, said, means)
				continue
			}
			money := from != fromNotice && (said == "paid" || said == "settled")
			if (means[0] == payment.RecordSuccess) != money {
				t.Errorf("%d %q means %s", from, said, means[0])
			}
		}
	}
	if listed != len(words) {
		t.Errorf("%d words are documented, %d are in the table", listed, len(words))
	}
	for _, from := range []source{fromAttempt, fromQR, fromNotice} {
		for _, said := range []string{"SUCCESS", "DECLINED", "EXPIRED", "SENT", "Paid", "PAID",
			" paid", "paid ", "", "refunded", "STALE", "ünbekannt"} {
			r := payment.Record{Type: payment.TypePay, Status: status(from, said)}
			if payment.Known(r) || r.Status == StatusStale || r.Status == StatusRecheck {
				t.Errorf("%q is taken for %s", said, r.Status)
			}
		}
	}
	for _, word := range []string{StatusStale, StatusRecheck} {
		if payment.Known(payment.Record{Type: payment.TypePay, Status: word}) {
			t.Errorf("%s decides something", word)
		}
	}
}

func TestComputedStatus(t *testing.T) {
	for _, tc := range []struct {
		from source
		m    string
		want string
	}{
		{fromAttempt, `{"status":"paid"}`, "SUCCESS"},
		{fromAttempt, `{"status":"paid","status_computed":"paid"}`, "SUCCESS"},
		{fromAttempt, `{"status":"paid","status_computed":"settled"}`, "SUCCESS"},
		{fromAttempt, `{"status":"paid","status_computed":"expired","is_expired":true}`, "SUCCESS"},
		{fromAttempt, `{"status":"paid","is_expired":true}`, "SUCCESS"},
		{fromAttempt, `{"status":"paid","status_computed":null}`, "SUCCESS"},
		{fromAttempt, `{"status":"pending","status_computed":"pending"}`, "SENT"},
		{fromAttempt, `{"status":"pending","status_computed":"expired"}`, "EXPIRED"},
		{fromAttempt, `{"status":"pending","is_expired":true}`, "EXPIRED"},
		{fromAttempt, `{"status":"failed","status_computed":"failed"}`, "DECLINED"},
		{fromAttempt, `{"status":"failed","is_expired":true}`, "DECLINED"},
		{fromAttempt, `{"status":"pending","status_computed":"paid"}`, "singapay:pending/paid"},
		{fromAttempt, `{"status":"failed","status_computed":"paid"}`, "singapay:failed/paid"},
		{fromAttempt, `{"status":"paid","status_computed":"failed"}`, "singapay:paid/failed"},
		{fromAttempt, `{"status_computed":"paid"}`, "singapay:/paid"},
		{fromAttempt, `{"status":"new","status_computed":"new"}`, "singapay:new"},
		{fromAttempt, `{}`, "singapay:"},
		{fromQR, `{"status":"open","status_computed":"expired"}`, "EXPIRED"},
		{fromQR, `{"status":"settled"}`, "SUCCESS"},
	} {
		t.Run(fmt.Sprint(tc.from, tc.m), func(t *testing.T) {
			m, err := parse([]byte(tc.m))
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, tc.want, computedStatus(tc.from, m))
		})
	}
}

package singapay

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kiosk-agent/sandbox"
)

// paidWorld has a link of Rp150.000 that was paid by VA while a fault was in force; its webhook has
// gone out.
func paidWorld(t *testing.T, change func(*Config), faults ...Fault) *world {
	t.Helper()
	w := newWorld(t, change)
	w.login()
	w.create("R-1", `,"customer_name":"Café","customer_email":"b@example.com"`)
	for _, f := range faults {
		w.fault(f)
	}
	w.act("R-1", Pay, "VA_BRI")
	w.run()
	return w
}

func TestPaymentWebhook(t *testing.T) {
	w := paidWorld(t, nil)
	all := w.only("payment-link-transaction")
	if len(all) != 1 {
		t.Fatal(len(all))
	}
	r := all[0]
	for path, want := range map[string]any{
		"status": 200.0, "success": true, "timestamp": "09 Sep 2026 01:00:10",
		"data.transaction.type": "pl", "data.transaction.status": "paid",
		"data.transaction.amount.value": "150000.00", "data.transaction.amount.currency": "IDR",
		"data.transaction.tip":     nil,
		"data.transaction.reff_no": w.Payments()[0].Attempts[0].Reff, "data.customer.name": "Café",
		"data.payment.method":                                     "payment_link",
		"data.payment.additional_info.payment_link.reff_no":       "R-1",
		"data.payment.additional_info.payment_link.id":            2301.0,
		"data.payment.additional_info.payment_link.status":        "open",
		"data.payment.additional_info.payment_link.current_usage": 1.0,
		"data.payment.additional_info.payment_link.total_amount":  "150000.00",
		"data.payment.additional_info.payment_link.account_id":    35.0,
		"data.payment.additional_info.payment_link.payment_date":  "2026-09-08T18:00:10.000000Z",
	} {
		if got := at(r.tree, path); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
	if r.path != "/hook?from=sp" || !signed(r) || r.header.Get("X-PARTNER-ID") != testKey ||
		r.header.Get("X-Timestamp") != strconv.FormatInt(w.clock.Now().Unix(), 10) ||
		len(r.header.Get("X-Signature")) != 128 {
		t.Error(r.path, r.header)
	}
	for name, want := range map[string]string{"Content-Type": "application/json",
		"Accept": "application/json", "User-Agent": "GuzzleHttp/7"} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !bytes.Contains(r.body, []byte(`http:\/\/`)) ||
		!bytes.Contains(r.body, []byte(`Caf\u00e9`)) || bytes.HasPrefix(r.body, []byte(`{"data"`)) {
		t.Errorf("the body is not as PHP writes it, or sorted: %s", r.body)
	}
	hook := w.Webhooks()[len(w.Webhooks())-1]
	if hook.State != sandbox.HookDelivered || hook.HTTPStatus != 200 || hook.Answer != "OK" ||
		hook.MerchantRef != "R-1" {
		t.Errorf("%+v", hook)
	}
	paid := sandbox.Collected{Currency: "IDR", Paid: 15_000_000, Payments: 1}
	if c := w.Collected()["R-1"]; c != paid {
		t.Error(c)
	}
}

// TestCustomerIsTold: who pays is in the webhook and in the history; a link that names somebody
// names that one.
func TestCustomerIsTold(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Customer = Customer{"Siti", "siti@example.com", "0812"} })
	w.login()
	w.create("R-1", "")
	w.create("R-2", `,"customer_name":"Budi","customer_email":"b@example.com"`)
	w.api("POST", generate, `{"amount":12000,"merchant_reff_no":"Q-1"}`)
	for _, ref := range []string{"R-1", "R-2", "Q-1"} {
		w.act(ref, Pay, "")
	}
	w.run()
	var told []string
	for _, r := range append(w.only("payment-link-transaction"),
		w.only("qris-acquirer-transaction")...) {
		told = append(told, fmt.Sprintf("%v %v %v", at(r.tree, "data.customer.name"),
			at(r.tree, "data.customer.email"), at(r.tree, "data.customer.phone")))
	}
	for _, h := range w.api("GET", "/api/v1.0/payment-link-histories/"+testAccount, "").([]any) {
		told = append(told, fmt.Sprintf("%v %v %v", at(h, "customer_name"), at(h, "customer_email"),
			at(h, "customer_phone")))
	}
	want := []string{"Siti siti@example.com 0812", "Budi b@example.com 0812", "Siti <nil> <nil>",
		"Budi b@example.com 0812", "Siti siti@example.com 0812"}
	if !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
}

func TestFormsOfWebhooks(t *testing.T) {
	w := paidWorld(t, func(c *Config) { c.PlainWire, c.OmitEvent, c.ClosePaid = true, true, true })
	r := w.got[len(w.got)-1]
	if r.tree["event"] != nil || r.tree["timestamp"] != nil ||
		!bytes.Contains(r.body, []byte("Café")) || !signed(r) {
		t.Errorf("%s", r.body)
	}
	if at(r.tree, "data.payment.additional_info.payment_link.status") != "closed" ||
		w.Payments()[0].Status != "closed" {
		t.Error("not closed")
	}
	w = paidWorld(t, func(c *Config) { c.Hash = HashRaw })
	if r := w.got[len(w.got)-1]; signed(r) {
		t.Error("hashed sorted, not raw")
	}
}

func TestFaultsOfWebhooks(t *testing.T) {
	for _, tc := range []struct {
		fault    Fault
		path     string
		want     any
		verifies bool
	}{
		{Fault{Kind: FaultWrongAmount}, "data.transaction.amount.value", "1150000.00", true},
		{Fault{Kind: FaultWrongAmount, Value: "1.00"}, "data.transaction.amount.value", "1.00",
			true},
		{Fault{Kind: FaultWrongCurrency}, "data.transaction.amount.currency", "USD", true},
		{Fault{Kind: FaultWrongStatus}, "data.transaction.status", "failed", true},
		{Fault{Kind: FaultUnknownRef}, "data.payment.additional_info.payment_link.reff_no", "R-0",
			true},
		{Fault{Kind: FaultNotSuccess}, "success", false, true},
		{Fault{Kind: FaultForged}, "success", true, false},
		{Fault{Kind: FaultWrongSecret}, "success", true, false},
		{Fault{Kind: FaultWrongEndpoint}, "success", true, false},
		{Fault{Kind: FaultUnsigned}, "success", true, false},
		{Fault{Kind: FaultTampered}, "success", true, false},
		{Fault{Kind: FaultTruncated}, "success", nil, false},
		{Fault{Kind: FaultGarbage}, "success", nil, false},
		{Fault{Kind: FaultStale}, "success", true, true},
		{Fault{Kind: FaultFuture, Delay: sandbox.Duration(time.Hour)}, "success", true, true},
	} {
		t.Run(string(tc.fault.Kind)+tc.fault.Value, func(t *testing.T) {
			w := paidWorld(t, nil, tc.fault)
			r := w.got[len(w.got)-1]
			if at(r.tree, tc.path) != tc.want || signed(r) != tc.verifies {
				t.Errorf("%v, verifies %v: %s", at(r.tree, tc.path), signed(r), r.body)
			}
			stamp, _ := strconv.ParseInt(r.header.Get("X-Timestamp"), 10, 64)
			off := map[FaultKind]int64{FaultStale: -600, FaultFuture: 3600,
				FaultUnsigned: -w.clock.Now().Unix()}[tc.fault.Kind]
			if stamp-w.clock.Now().Unix() != off {
				t.Error("timestamp off by", stamp-w.clock.Now().Unix())
			}
			if tc.fault.Kind == FaultUnsigned &&
				r.header.Get("X-Signature")+r.header.Get("Authorization") != "" {
				t.Error(r.header)
			}
			if w.Collected()["R-1"].Paid != 15_000_000 {
				t.Error("the fault changed what was collected")
			}
		})
	}
}

func TestFaultsOfCarriage(t *testing.T) {
	count := func(w *world) int { return len(w.only("payment-link-transaction")) }
	if w := paidWorld(t, nil, Fault{Kind: FaultLost}); count(w) != 0 ||
		w.Webhooks()[1].State != sandbox.HookLost {
		t.Error("not lost")
	}
	w := paidWorld(t, nil, Fault{Kind: FaultDuplicate, Count: 3})
	if all := w.only("payment-link-transaction"); len(all) != 3 ||
		!bytes.Equal(all[0].body, all[2].body) {
		t.Error("not three the same")
	}
	w = paidWorld(t, nil, Fault{Kind: FaultDelay, Delay: sandbox.Duration(time.Hour)})
	if count(w) != 0 {
		t.Error("not delayed")
	}
	if w.later(time.Hour); count(w) != 1 {
		t.Error("not sent after its delay")
	}
	w = paidWorld(t, nil, Fault{Kind: FaultOutOfOrder})
	w.create("R-2", "")
	if count(w) != 0 || w.Faults()[0].Held != 1 {
		t.Error("not held")
	}
	w.act("R-2", Pay, "")
	w.run()
	if all := w.only("payment-link-transaction"); len(all) != 2 ||
		at(all[0].tree, "data.payment.additional_info.payment_link.reff_no") != "R-2" {
		t.Error("not newest first")
	}
	w = paidWorld(t, nil, Fault{Kind: FaultOutOfOrder})
	w.ClearFaults()
	if w.run(); count(w) != 1 || len(w.Faults()) != 0 {
		t.Error("not released")
	}
}

func TestRetries(t *testing.T) {
	for status, tries := range map[int]int{200: 1, 204: 1, 500: 2, 503: 5, 400: 3, 404: 3, 401: 6,
		429: 6, 301: 1, 302: 1, 303: 1, 307: 36, 308: 36} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			w := newWorld(t, nil)
			w.login()
			w.create("R-1", "")
			w.reply = func(int) int { return status }
			w.fault(Fault{Kind: FaultLost, Event: EventInquiry})
			w.act("R-1", Pay, "VA_BRI")
			start := w.clock.Now()
			w.run()
			for range 8 { // less than the life of an attempt
				w.later(time.Minute)
			}
			if len(w.got) != tries { // 307 and 308: six requests for each of six tries
				t.Errorf("%d requests, want %d", len(w.got), tries)
			}
			last := w.got[len(w.got)-1]
			if !bytes.Equal(last.body, w.got[0].body) ||
				last.header.Get("X-Timestamp") != fmt.Sprint(start.Unix()) {
				t.Error("a retry repeats body and timestamp")
			}
		})
	}
	w := newWorld(t, func(c *Config) { c.ResignRetries, c.Retries401 = true, 9 })
	w.login()
	w.create("R-1", "")
	w.reply = func(n int) int { return 401 }
	w.fault(Fault{Kind: FaultLost, Event: EventInquiry})
	w.act("R-1", Pay, "VA_BRI")
	w.run()
	w.later(10 * time.Minute)
	if len(w.got) != 10 || !signed(w.got[9]) ||
		w.got[9].header.Get("X-Timestamp") == w.got[0].header.Get("X-Timestamp") {
		t.Error(len(w.got), "deliveries; each is to be signed afresh")
	}
}

// TestMinuteBetweenTries: one minute lies between two tries, and none comes sooner.
func TestMinuteBetweenTries(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	w.create("R-1", "")
	w.reply = func(int) int { return 503 }
	w.fault(Fault{Kind: FaultLost, Event: EventInquiry})
	w.act("R-1", Pay, "VA_BRI")
	w.run()
	for tries := 1; tries <= 5; tries++ {
		if w.later(59 * time.Second); len(w.got) != tries {
			t.Fatalf("%d tries, want %d", len(w.got), tries)
		}
		w.later(time.Second)
	}
	if len(w.got) != 5 {
		t.Errorf("%d tries", len(w.got))
	}
}

func TestNoAnswer(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	w.create("R-1", "")
	w.hook.Close()
	w.act("R-1", Pay, "VA_BRI")
	w.run()
	w.later(5 * time.Minute)
	if hook := w.Webhooks()[1]; hook.State != sandbox.HookFailed || hook.Tries != 2 ||
		strings.Contains(hook.Error, "/hook") {
		t.Errorf("%+v", hook)
	}
}

func TestTestButton(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.Test(""); err != nil {
		t.Fatal(err)
	}
	w.run()
	r := w.got[0]
	if r.tree["data"] != "VA Payment Notification testing" || r.header.Get("X-Signature") != "" ||
		r.path != "/hook?from=sp" {
		t.Errorf("%s %v", r.body, r.header)
	}
	if err := w.Test("nobody"); err != ErrUnknown {
		t.Error(err)
	}
	if err := w.Test("other"); err != nil || w.Webhooks()[1].State != sandbox.HookNoURL {
		t.Error(err, w.Webhooks())
	}
}

func TestInquiry(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	w.create("R-1", "")
	w.act("R-1", View, "")
	p := w.act("R-1", Pick, "ALFAMART")
	w.run()
	all := w.only("payment-link-inquiry")
	if len(all) != 1 || all[0].path != "/inquiry" || !signed(all[0]) {
		t.Fatal(all)
	}
	history := at(all[0].tree, "data.payment_link_history")
	if at(history, "reff_no") != p.Attempts[0].Reff || at(history, "amount") != 150000.0 ||
		at(history, "status") != "pending" || at(history, "net_amount") != 135000.0 ||
		at(history, "vendor_fee") != 7500.0 || at(history, "our_margin") != 7500.0 ||
		at(history, "merchant_fee") != 15000.0 {
		t.Error(history)
	}
	w.later(15 * time.Minute)
	if all := w.only("payment_link.inquiry.expired"); len(all) != 1 ||
		at(all[0].tree, "data.payment_link_history.status") != "expired" {
		t.Error(all)
	}
	w = newWorld(t, func(c *Config) { c.DocumentedNames = true })
	w.login()
	w.create("R-1", "")
	w.act("R-1", View, "")
	w.act("R-1", Pick, "")
	if w.run(); len(w.only("payment_link.inquiry")) != 2 {
		t.Error("an opened page and a picked method are two inquiries")
	}
}

func TestExpiryBatch(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ProductExpiry = true })
	w.login()
	for _, ref := range []string{"R-1", "R-2", "R-3", "R-4"} {
		w.create(ref, `,"expired_at":"2026-09-09T01:20:00+07:00"`)
	}
	w.act("R-1", Pick, "VA_BRI")
	w.act("R-2", Pick, "EWALLET_OVO") // wallets are not swept
	w.act("R-3", Pay, "QRIS")
	w.api("POST", "/api/v1.0/qris-dynamic/"+testAccount+"/generate-qr",
		`{"amount":5000,"merchant_reff_no":"Q-1","expired_at":"2026-09-08T18:15:10Z"}`)
	w.later(15*time.Minute + 53*time.Second)
	if len(w.only("transaction-expiration")) != 0 ||
		w.Payments()[0].Attempts[0].Status != "pending" {
		t.Error("too early")
	}
	w.later(2 * time.Minute)
	all := w.only("transaction-expiration")
	if len(all) != 1 || all[0].path != "/expired" || !signed(all[0]) {
		t.Fatal(len(all))
	}
	data := at(all[0].tree, "data")
	if len(at(data, "payment_link_histories").([]any)) != 1 ||
		at(data, "payment_link_histories.0.payment_link_reff_no") != "R-1" ||
		len(at(data, "virtual_account_transactions").([]any)) != 0 ||
		at(data, "qris_histories.0.merchant_reff_no") != "Q-1" || at(data, "summary.total") != 2.0 {
		t.Error(data)
	}
	p := w.Payments()
	if p[0].Attempts[0].Status != "expired" || p[1].Attempts[0].Status != "pending" ||
		p[0].Status != "open" || p[4].Status != "expired" {
		t.Error(p)
	}
	if w.later(5 * time.Minute); len(w.only("product-expiration")) != 4 ||
		w.Payments()[0].Computed != "expired" {
		t.Error(len(w.only("product-expiration")))
	}
	if p := w.act("R-1", PayLate, ""); p.Usage != 1 || p.Computed != "expired" {
		t.Error("a late payment comes all the same:", p)
	}
	if w.run(); len(w.only("payment-link-transaction")) != 2 {
		t.Error("the late payment was not told")
	}
}

package singapay

import (
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// paidLink is the notification of a payment link, as the documents and real deliveries have it.
const paidLink = `{"status":200,"success":true,"event":"payment-link-transaction",` +
	`"timestamp":"16 Oct 2026 ` +
	`12:00:00","data":{"transaction":{"reff_no":"18917720261016120000705",` +
	`"type":"pl","status":"paid","amount":{"value":"50000.00",` +
	`"currency":"IDR"},"tip":null,"post_timestamp":"16 Oct 2026 ` +
	`11:59:58","processed_timestamp":"16 Oct 2026 11:59:59"},"customer":{"id":null,` +
	`"name":"Pelanggan Café","email":"payer@example.com",` +
	`"phone":"080000000000"},"payment":{"method":"payment_link",` +
	`"additional_info":{"payment_link":{"id":189,"reff_no":"` + ref +
	`","title":"tes","payment_date":"2026-10-16T04:59:49.000000Z",` +
	`"payment_url":"https://pay.example/b2b/` + ref +
	`","status":"open","max_usage":1,"current_usage":1,` +
	`"expired_at":null,"total_amount":"50000.00","account_id":35,"created_at":"x"}}}}}`

var paidRecord = payment.Record{
	MerchantRef: ref, TransactionRef: "18917720261016120000705", Type: payment.TypePay,
	Status: payment.RecordSuccess, Amount: 5_000_000, Currency: "IDR",
	PaidAt: time.Date(2026, 10, 16, 4, 59, 59, 0, time.UTC),
}

const paidQR = `{"status":200,"success":true,"event":"qris-acquirer-transaction",` +
	`"timestamp":"16 Oct 2026 12:00:00","data":{"transaction":{"id":42,` +
	`"reff_no":"6601K62BH34X445J046C4W5249E6","merchant_reff_no":"` + ref +
	`","type":"qris","status":"paid","amount":{"value":50000,` +
	`"currency":"IDR"},"tip":{"value":0,"currency":"IDR"},` +
	`"total_amount":{"value":50000,"currency":"IDR"},"post_timestamp":"16 Oct 2026 ` +
	`11:59:58","processed_timestamp":"16 Oct 2026 ` +
	`11:59:59"},"customer":{"id":"01K2KVRQQP45234X9T3YWG1FKT",` +
	`"name":"Pelanggan"},"payment":{"method":"qris","additional_info":{"qr_string":"000201",` +
	`"payment_event_id":12345}}}}`

var paidCode = payment.Record{
	MerchantRef: ref, TransactionRef: "6601K62BH34X445J046C4W5249E6", Type: payment.TypePay,
	Status: payment.RecordSuccess, Amount: 5_000_000, Currency: "IDR", Scheme: "QRIS",
	PaidAt: time.Date(2026, 10, 16, 4, 59, 59, 0, time.UTC),
}

func TestTransactions(t *testing.T) {
	for _, tc := range []struct {
		name, body, old, new string
		change               func(*payment.Record)
	}{
		{"as documented", paidLink, "", "", nil},
		{"without event and timestamp", paidLink,
			`"event":"payment-link-transaction","timestamp":"16 Oct 2026 12:00:00",`, "", nil},
		{"a new event, but a link's transaction", paidLink, `payment-link-transaction`,
			"payment_link.paid", nil},
		{"known by its type alone", strings.Replace(paidLink, `"event":"payment-link-transaction",`,
			``, 1), `"method":"payment_link"`, `"method":"qris_on_a_page"`, nil},
		{"known by its method alone", paidLink, `"event":"payment-link-transaction",` +
			`"timestamp":"16 Oct 2026 ` +
			`12:00:00","data":{"transaction":{"reff_no":"18917720261016120000705","type":"pl"`,
			`"data":{"transaction":{"reff_no":"18917720261016120000705"`, nil},
		{"amount as a number", paidLink, `"50000.00"`, `50000`, nil},
		{"amount as a number with zeros", paidLink, `"50000.00"`, `50000.0`, nil},
		{"reff_no as a number", paidLink, `"18917720261016120000705"`, `18917720261016120000705`,
			nil},
		{"settled", paidLink, `"paid"`, `"settled"`, nil},
		{"pending", paidLink, `"paid"`, `"pending"`,
			func(r *payment.Record) { r.Status = payment.RecordSent }},
		{"expired", paidLink, `"paid"`, `"expired"`,
			func(r *payment.Record) { r.Status = payment.RecordExpired }},
		{"failed", paidLink, `"paid"`, `"failed"`,
			func(r *payment.Record) { r.Status = payment.RecordDeclined }},
		{"a word that nobody knows", paidLink, `"paid"`, `"refunded"`,
			func(r *payment.Record) { r.Status = "singapay:refunded" }},
		{"a word of ours", paidLink, `"paid"`, `"SUCCESS"`,
			func(r *payment.Record) { r.Status = "singapay:SUCCESS" }},
		{"not a success", paidLink, `"success":true`, `"success":false`,
			func(r *payment.Record) { r.Status = StatusRecheck }},
		{"success missing", paidLink, `"success":true,`, ``,
			func(r *payment.Record) { r.Status = StatusRecheck }},
		{"status 500", paidLink, `"status":200`, `"status":500`,
			func(r *payment.Record) { r.Status = StatusRecheck }},
		{"another amount", paidLink, `"50000.00"`, `"50000.01"`,
			func(r *payment.Record) { r.Amount = 5_000_001 }},
		{"exponent", paidLink, `"50000.00"`, `5e4`,
			func(*payment.Record) {}},
		{"negative", paidLink, `"50000.00"`, `-50000`,
			func(r *payment.Record) {
				r.Amount, r.AmountText = payment.UnreadableAmount,
					"-50000"
			}},
		{"amount an object", paidLink, `"50000.00"`, `{}`,
			func(r *payment.Record) {
				r.Amount, r.AmountText = payment.UnreadableAmount,
					"not a number"
			}},
		{"no amount", paidLink, `"amount":{"value":"50000.00","currency":"IDR"},`, ``,
			func(r *payment.Record) {
				r.Amount, r.AmountText, r.Currency = payment.UnreadableAmount,
					"none: members.amount", "?"
			}},
		{"another currency", paidLink, `"IDR"`, `"USD"`,
			func(r *payment.Record) { r.Currency = "USD" }},
		{"a tip", paidLink, `"tip":null`, `"tip":{"value":"5000.00","currency":"IDR"}`,
			func(r *payment.Record) { r.Amount = 5_500_000 }},
		{"no processed_timestamp", paidLink, `16 Oct 2026 11:59:59`, ``,
			func(r *payment.Record) { r.PaidAt = r.PaidAt.Add(-time.Second) }},
		{"QRIS", paidQR, "", "", nil},
		{"QRIS with a tip", paidQR, `"total_amount":{"value":50000`,
			`"total_amount":{"value":55000`, func(r *payment.Record) { r.Amount = 5_500_000 }},
		{"QRIS without a total", paidQR, `"total_amount":{"value":50000,"currency":"IDR"},`, ``,
			nil},
		{"QRIS as text", paidQR, `"total_amount":{"value":50000`,
			`"total_amount":{"value":"50000.00"`, nil},
		{"QRIS open", paidQR, `"paid"`, `"open"`,
			func(r *payment.Record) { r.Status = payment.RecordSent }},
		{"QRIS with a link's word", paidQR, `"paid"`, `"failed"`,
			func(r *payment.Record) { r.Status = "singapay:failed" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := paidRecord
			if tc.body == paidQR {
				want = paidCode
			}
			if tc.change != nil {
				tc.change(&want)
			}
			if want.Status != payment.RecordSuccess {
				want.PaidAt = time.Time{}
			}
			got, err := newGateway(t).Open(delivery(with(t, tc.body, tc.old, tc.new)))
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, []payment.Record{want}, got)
		})
	}
}

// TestOtherNotifications: what an authentic delivery comes to that reports no money.
func TestOtherNotifications(t *testing.T) {
	record := func(word string, amount int64) payment.Record {
		return payment.Record{MerchantRef: ref, Type: payment.TypePay, Status: word, Amount: amount,
			Currency: "IDR"}
	}
	attempt := func(r payment.Record) payment.Record {
		r.TransactionRef, r.Scheme = "189177", "Alfamart (Linkqu)"
		return r
	}
	const history = `{"reff_no":"189177","payment_link_reff_no":"` + ref +
		`","status":"pending","payment_method_name":"Alfamart ` +
		`(Linkqu)","payment_method_value":"8887776665554443",` +
		`"payment_method_additional":"{\"retail_code\":\"ALFAMART\"}",` +
		`"amount":50000,"vendor_fee":1,"net_amount":47000}`
	for _, tc := range []struct {
		name, body string
		want       []payment.Record
		refused    Reason
	}{
		{"inquiry", `{"event":"payment-link-inquiry","data":{"payment_link_history":` + history +
			`}}`, []payment.Record{attempt(record(payment.RecordSent, 5_000_000))}, ""},
		{"inquiry by the documents",
			`{"event":"payment_link.inquiry","data":{"payment_link_history":` + history + `}}`,
			[]payment.Record{attempt(record(payment.RecordSent, 5_000_000))}, ""},
		{"a link is viewed", `{"event":"payment_link.inquiry","data":{"payment_link":{"reff_no":"` +
			ref + `"}}}`, []payment.Record{record(payment.RecordSent, -1)}, ""},
		{"inquiry that does not name its link", `{"event":"payment-link-inquiry",` +
			`"data":{"payment_link_history":{"reff_no":"189177","status":"pending"}}}`, nil, ""},
		{"inquiry that says paid",
			`{"event":"payment-link-inquiry","data":{"payment_link_history":` +
				with(t, history, "pending", "paid") + `}}`,
			[]payment.Record{attempt(record(StatusRecheck, 5_000_000))}, ""},
		{"inquiry with a new word",
			`{"event":"payment-link-inquiry","data":{"payment_link_history":` +
				with(t, history, "pending", "SUCCESS") + `}}`,
			[]payment.Record{attempt(record("singapay:SUCCESS", 5_000_000))}, ""},
		{"inquiry expired",
			`{"event":"payment_link.inquiry.expired","data":{"payment_link_history":` + history +
				`}}`, []payment.Record{attempt(record(StatusRecheck, 5_000_000))}, ""},
		{"inquiry without data", `{"event":"payment-link-inquiry"}`, nil, ""},
		{"expiry", `{"event":"transaction-expiration","data":{"payment_link_histories":[` +
			history + `,` + history +
			`,{"reff_no":"2"},null,7],"virtual_account_transactions":[{"reff_no":"3"}],` +
			`"qris_histories":[{"merchant_reff_no":"OTHER-1"}],"summary":{"total":3}}}`,
			[]payment.Record{record(StatusRecheck, -1),
				{MerchantRef: "OTHER-1", Type: payment.TypePay, Status: StatusRecheck, Amount: -1,
					Currency: "IDR"}}, ""},
		{"expiry by the documents, empty", `{"event":"transaction_expiration",` +
			`"data":{"payment_link_histories":[],"virtual_account_transactions":[],` +
			`"qris_histories":[],"summary":{}}}`, nil, ""},
		{"products expired",
			`{"event":"product-expiration","data":{"payment_links":[{"id":189,"reff_no":"` + ref +
				`"}],"virtual_accounts":[],"qris_transactions":[]}}`,
			[]payment.Record{record(StatusRecheck, -1)}, ""},
		{"codes expired",
			`{"event":"product_expiration","data":{"qris_transactions":[{"merchant_reff_no":"` +
				ref + `"}]}}`, []payment.Record{record(StatusRecheck, -1)}, ""},
		{"expiry without lists", `{"event":"transaction-expiration","data":"x"}`, nil, ""},
		{"somebody else's code", with(t, paidQR, `"`+ref+`"`, "null"), nil, ""},
		{"virtual account",
			`{"event":"va-transaction","data":{"transaction":{"reff_no":"1","status":"paid"}}}`,
			nil, ""},
		{"e-wallet", `{"event":"ewallet-native-transaction","data":{}}`, nil, ""},
		{"disbursement", `{"response_code":"SP000","event":"disbursement","data":{}}`, nil, ""},
		{"top-up", `{"event":"ewallet-topup"}`, nil, ""},
		{"QRIS out", `{"event":"qris-issuer"}`, nil, ""},
		{"settlement", `{"event":"settlement.completed","data":{}}`, nil, ""},
		{"subscription", `{"event":"subscription.cycle.payment_success"}`, nil, ""},
		{"direct debit", `{"event":"direct-debit-binding"}`, nil, ""},
		{"money goes back", `{"event":"settlement.refunded","data":{}}`, nil, ReasonReversal},
		{"money goes back after all not", `{"event":"settlement.refund_cancelled","data":{}}`, nil,
			ReasonReversal},
		{"a kind that nobody knows", `{"event":"future-event","data":{"x":1}}`, nil, ReasonEvent},
		{"no kind at all", `{"a":1}`, nil, ReasonEvent},
		{"the Test button's text, signed",
			`{"status":200,"success":true,"data":"VA Payment Notification testing"}`, nil,
			ReasonEvent},
		{"no reference", with(t, paidLink, `"reff_no":"`+ref+`"`, `"reff_no":null`), nil,
			ReasonField},
		{"a reference with a space", with(t, paidLink, `"reff_no":"`+ref+`"`, `"reff_no":"a b"`),
			nil, ReasonField},
		{"no attempt", with(t, paidLink, `"reff_no":"18917720261016120000705",`, ``), nil,
			ReasonField},
		{"no status", with(t, paidLink, `"status":"paid",`, ``), nil, ReasonField},
		{"no transaction", `{"event":"payment-link-transaction","data":{}}`, nil, ReasonField},
		{"data is text", `{"event":"payment-link-transaction","data":"x"}`, nil, ReasonField},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := newGateway(t).Open(delivery(tc.body))
			if tc.refused != "" {
				wantReason(t, err, tc.refused)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, tc.want, got)
			for _, r := range got {
				if r.Status == payment.RecordSuccess {
					t.Error("a notice says paid")
				}
			}
		})
	}
}

func TestEventsAreComplete(t *testing.T) {
	used := map[kind]bool{kindUnknown: true}
	for name, k := range events {
		if name != strings.TrimSpace(name) || k == kindUnknown {
			t.Errorf("event %q", name)
		}
		used[k] = true
	}
	for _, event := range []string{"subscription.created", "subscription-created",
		"direct-debit-charge", "direct_debit.charge", "kyb.approved"} {
		if k := newGateway(t).kindOf(object{"event": event}); k != kindIrrelevant {
			t.Errorf("%s is of kind %d", event, k)
		}
	}
	for k := kindUnknown; k <= kindIrrelevant; k++ {
		if !used[k] {
			t.Errorf("no event of kind %d", k)
		}
	}
}

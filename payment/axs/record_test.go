package axs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
)

func TestOpenRefusesPayloads(t *testing.T) {
	for _, tc := range []struct {
		name, payload string
		want          Reason
	}{
		{"clientId", strings.Replace(sample, "{", `{"clientId":"example-client-id",`, 1),
			ReasonOwnLink},
		{"clientId null", strings.Replace(sample, "{", `{"clientId":null,`, 1), ReasonOwnLink},
		{"no status", strings.Replace(sample, `"status":"SUCCESS",`, "", 1), ReasonNoStatus},
		{"status empty", strings.Replace(sample, `"SUCCESS"`, `""`, 1), ReasonNoStatus},
		{"status number", strings.Replace(sample, `"SUCCESS"`, `1`, 1), ReasonNoStatus},
		{"status null", strings.Replace(sample, `"SUCCESS"`, `null`, 1), ReasonNoStatus},
		{"Status in another case", strings.Replace(sample, `"status"`, `"Status"`, 1),
			ReasonNoStatus},
		{"status twice", strings.Replace(sample, "{", `{"status":"DECLINED",`, 1), ReasonPayload},
		{"amount twice", strings.Replace(sample, "{", `{"amount":"0.01",`, 1), ReasonPayload},
		{"no merchantRef", strings.Replace(sample, `"merchantRef":"Ref123",`, "", 1), ReasonNoRef},
		{"merchantRef empty", strings.Replace(sample, `"Ref123"`, `""`, 1), ReasonNoRef},
		{"merchantRef list", strings.Replace(sample, `"Ref123"`, `["Ref123"]`, 1), ReasonField},
		{"responseCode boolean", strings.Replace(sample, `"00"`, `true`, 1), ReasonField},
		{"transactionRef object", strings.Replace(sample, `"1428191406936641536"`, `{}`, 1),
			ReasonField},
		{"currency list", strings.Replace(sample, `"SGD"`, `["SGD"]`, 1), ReasonField},
		{"transactionType boolean", strings.Replace(sample, "{", `{"transactionType":false,`, 1),
			ReasonField},
		{"trailing data", sample + "x", ReasonPayload},
		{"two objects", sample + sample, ReasonPayload},
		{"list", "[" + sample + "]", ReasonPayload},
		{"string", `"SUCCESS"`, ReasonPayload},
		{"cut", sample[:len(sample)-1], ReasonPayload},
		{"not UTF-8", strings.Replace(sample, "VISA", "VI\xff", 1), ReasonPayload},
		{"too deep", strings.Replace(sample, "{",
			`{"x":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`,`, 1), ReasonPayload},
		{"empty object", "{}", ReasonNoStatus},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := newGateway(t).Open(byQuery(sealed(t, tc.payload)))
			wantReason(t, err, tc.want)
		})
	}
}

func TestOpenReadsFields(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(sample, old, new, 1) }
	unreadable := func(text string) func(*payment.Record) {
		return func(r *payment.Record) { r.Amount, r.AmountText = payment.UnreadableAmount, text }
	}
	for _, tc := range []struct {
		name, payload string
		change        func(*payment.Record)
	}{
		{"unknown fields", with("{", `{"merchantId":"m","nested":{"a":[1]},`),
			func(*payment.Record) {}},
		{"numbers, digit for digit", `{"amount":10.23,` +
			`"currency":"SGD","transactionRef":1428191406936641536,` +
			`"merchantRef":"Ref123","status":"SUCCESS","responseCode":"00",` +
			`"paymentScheme":"VISA","paymentDateTime":"2026-01-16T01:22:46.010508Z"}`,
			func(*payment.Record) {}},
		{"merchantRef number", with(`"Ref123"`, "12345678901234567890"),
			func(r *payment.Record) { r.MerchantRef = "12345678901234567890" }},
		{"number that lost its zero", with(`"10.23"`, "10.5"),
			func(r *payment.Record) { r.Amount = 1050 }},
		{"number that lost both", with(`"10.23"`, "10"),
			func(r *payment.Record) { r.Amount = 1000 }},
		{"number .0", with(`"10.23"`, "10.0"), func(r *payment.Record) { r.Amount = 1000 }},
		{"whole dollars as text", with(`"10.23"`, `"10"`),
			func(r *payment.Record) { r.Amount = 1000 }},
		{"one decimal as text", with(`"10.23"`, `"10.5"`),
			func(r *payment.Record) { r.Amount = 1050 }},
		{"four decimals", with(`"10.23"`, `"10.2300"`), func(*payment.Record) {}},
		{"grouped", with(`"10.23"`, `"1,023.00"`),
			func(r *payment.Record) { r.Amount = 102300 }},
		{"grouped or not", with(`"10.23"`, `"1,023"`), unreadable("1,023")},
		{"exponent", with(`"10.23"`, "1.023e1"), func(*payment.Record) {}},
		{"negative", with(`"10.23"`, "-10.23"), unreadable("-10.23")},
		{"third decimal", with(`"10.23"`, "10.230"), func(*payment.Record) {}},
		{"third decimal as text", with(`"10.23"`, `"10.230"`), unreadable("10.230")},
		{"more than a float can tell", with(`"10.23"`, "90071992547409.93"),
			func(r *payment.Record) { r.Amount = 9007199254740993 }},
		{"amount absent", with(`"amount":"10.23",`, ""), unreadable("")},
		{"amount null", with(`"10.23"`, "null"), unreadable("")},
		{"amount object", with(`"10.23"`, `{"v":1}`), unreadable(`{"v":1}`)},
		{"amount too long to keep", with(`"10.23"`, `"`+strings.Repeat("é", 100)+`"`),
			unreadable(strings.Repeat("é", 32) + "…")},
		{"other currency", with("SGD", "USD"), func(r *payment.Record) {
			r.Currency, r.Amount, r.AmountText = "USD", payment.UnreadableAmount, "10.23"
		}},
		{"currency absent", with(`"currency":"SGD",`, ""), func(*payment.Record) {}},
		{"currency null", with(`"SGD"`, "null"), func(*payment.Record) {}},
		{"currency empty", with(`"SGD"`, `""`), func(*payment.Record) {}},
		{"currency blank", with(`"SGD"`, `" "`), func(*payment.Record) {}},
		{"transactionType", with("{", `{"transactionType":"REFUND",`),
			func(r *payment.Record) { r.Type = payment.TypeRefund }},
		{"transactionType null", with("{", `{"transactionType":null,`), func(*payment.Record) {}},
		{"transactionType unknown", with("{", `{"transactionType":"PREAUTH",`),
			func(r *payment.Record) { r.Type = "PREAUTH" }},
		{"responseCode null", with(`"00"`, "null"),
			func(r *payment.Record) { r.ResponseCode = "" }},
		{"responseCode number", with(`"00"`, "0"),
			func(r *payment.Record) { r.ResponseCode = "0" }},
		{"unknown status", with("SUCCESS", "PENDING"),
			func(r *payment.Record) { r.Status = "PENDING" }},
		{"no scheme", with(`"VISA"`, "7"), func(r *payment.Record) { r.Scheme = "" }},
		{"date without zone", with("010508Z", "010508"), func(*payment.Record) {}},
		{"date with a space", with("2026-01-16T01:22:46.010508Z", "2026-01-16 01:22:46.010508"),
			func(*payment.Record) {}},
		{"date in Singapore", with("2026-01-16T01:22:46.010508Z",
			"2026-01-16T09:22:46.010508+08:00"), func(*payment.Record) {}},
		{"date in Singapore, ISO basic",
			with("2026-01-16T01:22:46.010508Z", "2026-01-16T09:22:46.010508+0800"),
			func(*payment.Record) {}},
		{"date unreadable", with("2026-01-16T01:22:46.010508Z", "yesterday"),
			func(r *payment.Record) { r.PaidAt = time.Time{} }},
		{"date of another type", with(`"2026-01-16T01:22:46.010508Z"`, "1768526566"),
			func(r *payment.Record) { r.PaidAt = time.Time{} }},
		{"date that JSON cannot say", with("2026-01-16T01:22:46.010508Z",
			"9999-12-31T23:59:59-08:00"), func(r *payment.Record) { r.PaidAt = time.Time{} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := sampleRecord
			tc.change(&want)
			got, err := newGateway(t).Open(byQuery(sealed(t, tc.payload)))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]payment.Record{want}, got); d != "" {
				t.Error(d)
			}
			if _, err := payment.EncodeData(payment.Notified{Record: got[0]}); err != nil {
				t.Errorf("the journal cannot hold it: %v", err)
			}
		})
	}
}

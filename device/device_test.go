package device_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// The table of docs/INTEGRATION.md, "Errors".
var contract = map[payment.Code]struct {
	number int
	kind   string
}{
	payment.CodeBusy: {1001, "busy"}, payment.CodeNotReady: {1002, "not_ready"},
	payment.CodeAmountInvalid:      {1003, "amount_invalid"},
	payment.CodeReferenceConflict:  {1004, "reference_conflict"},
	payment.CodeReferenceReused:    {1004, "reference_reused"},
	payment.CodeNotFound:           {1005, "not_found"},
	payment.CodeNotCancellable:     {1006, "not_cancellable"},
	payment.CodeReferenceInvalid:   {1007, "reference_invalid"},
	payment.CodeJournalUnavailable: {1008, "journal_unavailable"},
	payment.CodeNotOwner:           {1009, "not_owner"}, payment.CodeInvalid: {-32602, "invalid"},
	payment.CodeInternal: {-32603, "internal"},
}

func TestEveryCodeIsMapped(t *testing.T) {
	if len(contract) != len(payment.Codes()) {
		t.Errorf("the contract names %d codes, the domain %d", len(contract), len(payment.Codes()))
	}
	for _, c := range payment.Codes() {
		m, want := device.MappingOf(c), contract[c]
		if m.Number != want.number || m.Kind != want.kind || m.Message == "" || m.Hint == "" {
			t.Errorf("%s: got %+v, want %d %s with message and hint", c, m, want.number, want.kind)
		}
	}
	if got := device.MappingOf("nonsense"); got.Number != device.CodeInternal {
		t.Errorf("an unknown code is %d", got.Number)
	}
}

func TestErrorFor(t *testing.T) {
	p := full()
	for name, tc := range map[string]struct {
		err  error
		till string
		want string
	}{
		"defaults": {&payment.Error{Code: payment.CodeNotFound, Op: "get"}, "till-1",
			`{"code":1005,"message":"this till has no such payment","data":{"kind":"not_found",` +
				`"hint":"nothing was started under this name; start the payment if the ` +
				`customer is still to pay","retryable":false}}`},
		"reasons": {&payment.Error{Code: payment.CodeNotReady, Message: "m", Hint: "h",
			Retryable: true,
			Reasons: []payment.Reason{{Code: "relay", Message: "deaf", Hint: "wait",
				RetryAfter: 10}}}, "till-1",
			`{"code":1002,"message":"m","data":{"kind":"not_ready",` +
				`"hint":"h","retryable":true,"reasons":[{"code":"relay",` +
				`"message":"deaf","hint":"wait","retry_after_s":10}]}}`},
		"a stranger's payment": {&payment.Error{Code: payment.CodeBusy, Message: "m", Hint: "h",
			Payment: &p}, "till-2",
			`{"code":1001,"message":"m","data":{"kind":"busy",` +
				`"hint":"h","retryable":false,"payment":{"id":"01J",` +
				`"till":"till-1","status":"awaiting","final":false,` +
				`"flags":["late"],"revision":3,"deadline_at":"2026-11-05T09:33:00.000Z"}}}`},
		"not ours": {errors.New("sqlite: disk I/O error at /var/lib"), "till-1",
			`{"code":-32603,"message":"internal fault","data":{"kind":"internal","hint":"ask ` +
				`payment.get with the reference before anything else; report this to whoever ` +
				`runs the terminal","retryable":false}}`},
		"the cause stays here": {&payment.Error{Code: payment.CodeJournalUnavailable, Message: "m",
			Hint: "h", Cause: errors.New("/secret/path")}, "till-1",
			`{"code":1008,"message":"m","data":{"kind":"journal_unavailable",` +
				`"hint":"h","retryable":false}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(device.ErrorFor(tc.err, tc.till))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func full() payment.Payment {
	at := time.Date(2026, 11, 5, 17, 30, 0, 123_987_654, time.FixedZone("SGT", 8*3600))
	return payment.Payment{
		ID: "01J", Till: "till-1", Reference: "R-1", MerchantRef: "TAG-01J",
		Money:  payment.Money{Amount: 1023, Currency: payment.SGD},
		Status: payment.StatusAwaiting, Flags: []payment.Flag{payment.FlagLate}, Revision: 3,
		Provider: "axs", ProviderRef: "P", Scheme: "VISA", ResponseCode: "00",
		Attempts:   []payment.Attempt{{Status: "declined", At: at}},
		Reason:     &payment.Reason{Code: "c", Message: "m", Hint: "not shown"},
		Resolution: &payment.Resolution{Outcome: "approved", By: "uid 0", Reason: "r", At: at},
		CreatedAt:  at, DeadlineAt: time.Date(2026, 11, 5, 9, 33, 0, 0, time.UTC), PaidAt: at,
		QRPayload: "https://x.example/?a=1&b=2", Description: "staff only",
		Policy: payment.Policy{Query: true},
	}
}

func TestPaymentShape(t *testing.T) {
	const want = `{"id":"01J","till":"till-1","reference":"R-1",` +
		`"merchant_ref":"TAG-01J","amount":1023,"currency":"SGD","status":"awaiting",` +
		`"final":false,"flags":["late"],"revision":3,"provider":"axs",` +
		`"provider_ref":"P","scheme":"VISA","response_code":"00",` +
		`"attempts":[{"status":"declined","scheme":"","at":"2026-11-05T09:30:00.123Z"}],` +
		`"reason":{"code":"c","message":"m"},` +
		`"resolution":{"outcome":"approved","by":"uid ` +
		`0","reason":"r","at":"2026-11-05T09:30:00.123Z"},` +
		`"created_at":"2026-11-05T09:30:00.123Z","deadline_at":"2026-11-05T09:33:00.000Z",` +
		`"paid_at":"2026-11-05T09:30:00.123Z",` +
		`"acknowledged":false,"qr_payload":"https://x.example/?a=1\u0026b=2"}`
	got, _ := json.Marshal(device.ViewFor(full(), "till-1"))
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	const least = `{"id":"","till":"","reference":"","merchant_ref":"",` +
		`"amount":0,"currency":"","status":"created","final":false,` +
		`"flags":[],"revision":0,"provider":"","attempts":[],` +
		`"created_at":"0001-01-01T00:00:00.000Z","deadline_at":"0001-01-01T00:00:00.000Z",` +
		`"acknowledged":false}`
	got, _ = json.Marshal(device.NewPayment(payment.Payment{Status: payment.StatusCreated}))
	if diff := cmp.Diff(least, string(got)); diff != "" {
		t.Error(diff)
	}
}

// The code is shown to its owner while the payment awaits, and at no other time.
func TestQRPayloadIsForTheOwnerWhileAwaiting(t *testing.T) {
	p := full()
	for _, s := range []payment.Status{payment.StatusCreated, payment.StatusApproved,
		payment.StatusUnknown, payment.StatusExpired} {
		p.Status = s
		if v := device.NewPayment(p); v.QRPayload != "" {
			t.Errorf("%s shows the code", s)
		}
	}
}

func TestTheReceiptIsShownWhereALineHasOne(t *testing.T) {
	p := full()
	p.Line = &payment.Line{ECN: "000000000001", Function: "30"}
	if got := device.NewPayment(p).Receipt; got != "" {
		t.Errorf("without one: %q", got)
	}
	p.Line.Receipt = "R000000000020"
	b, err := json.Marshal(device.ViewFor(p, p.Till))
	if err != nil || !strings.Contains(string(b), `"receipt":"R000000000020"`) {
		t.Errorf("%s %v", b, err)
	}
	b, err = json.Marshal(device.ViewFor(p, "another"))
	if err != nil || strings.Contains(string(b), "R000") {
		t.Errorf("another till sees %s %v", b, err)
	}
}

func TestStrangersSeeNothingOfTheSale(t *testing.T) {
	got, _ := json.Marshal(device.ViewFor(full(), "till-2"))
	for _, secret := range []string{"R-1", "TAG-", "1023", "SGD", "https", "VISA", `"P"`,
		"declined", "staff", "approved"} {
		if strings.Contains(string(got), secret) {
			t.Errorf("the outline holds %q: %s", secret, got)
		}
	}
}

func TestArraysAreNeverNull(t *testing.T) {
	for _, v := range []any{device.Info{}, device.Status{}, device.NewOutline(payment.Payment{})} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if s := strings.Replace(string(b), `"active":null`, "", 1); strings.Contains(s, "null") {
			t.Errorf("%T: %s", v, b)
		}
	}
}

func TestTime(t *testing.T) {
	var v device.Time
	if err := json.Unmarshal([]byte(`"2026-11-05T17:30:00.5+08:00"`), &v); err != nil {
		t.Fatal(err)
	}
	if b, _ := v.MarshalText(); string(b) != "2026-11-05T09:30:00.500Z" {
		t.Errorf("got %s", b)
	}
	for _, bad := range []string{`5`, `"yesterday"`, `"`, `""`} {
		if err := v.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

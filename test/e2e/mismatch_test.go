package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
)

// TestApprovedNeedsEverything: the gateway's own seal is right in every case; one thing in what it
// says is not.
func TestApprovedNeedsEverything(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	for i, tc := range []struct {
		name   string
		fault  sandbox.Fault
		press  string // the customer's button; "" = pay
		scheme string
		fact   payment.Kind   // what it is booked as
		status payment.Status // how the payment stands then
		flags  []payment.Flag
		reason string
	}{
		{"less", sandbox.Fault{Kind: sandbox.FaultWrongAmount, Value: "12.33"}, "", "",
			payment.KindNotified, payment.StatusUnknown, []payment.Flag{payment.FlagAmountMismatch},
			"amount_mismatch"},
		{"a cent more", sandbox.Fault{Kind: sandbox.FaultWrongAmount, Value: "12.35"}, "", "",
			payment.KindNotified, payment.StatusUnknown, []payment.Flag{payment.FlagAmountMismatch},
			"amount_mismatch"},
		{"cents for dollars", sandbox.Fault{Kind: sandbox.FaultWrongAmount, Value: "1234"}, "", "",
			payment.KindNotified, payment.StatusUnknown, []payment.Flag{payment.FlagAmountMismatch},
			"amount_mismatch"},
		{"not an amount", sandbox.Fault{Kind: sandbox.FaultWrongAmount, Value: "12.34.0"}, "", "",
			payment.KindNotified, payment.StatusAwaiting, nil, ""},
		{"another currency", sandbox.Fault{Kind: sandbox.FaultWrongCurrency, Value: "USD"}, "", "",
			payment.KindNotified, payment.StatusUnknown, []payment.Flag{payment.FlagAmountMismatch},
			"amount_mismatch"},
		{"currency in lower case", sandbox.Fault{Kind: sandbox.FaultWrongCurrency, Value: "sgd"},
			"", "", payment.KindNotified, payment.StatusAwaiting, nil, ""},
		{"response code 05", sandbox.Fault{Kind: sandbox.FaultSuccessCode05}, "", "",
			payment.KindNotified, payment.StatusUnknown, nil, "contradictory"},
		{"another reference of this terminal", sandbox.Fault{Kind: sandbox.FaultUnknownRef}, "", "",
			payment.KindUnmatched, payment.StatusAwaiting, nil, ""},
		{"a status that nobody knows", sandbox.Fault{Kind: sandbox.FaultWrongStatus, Value: "PAID"},
			"", "", payment.KindNotified, payment.StatusAwaiting, nil, ""},
		{"status in lower case", sandbox.Fault{Kind: sandbox.FaultWrongStatus, Value: "success"},
			"", "", payment.KindNotified, payment.StatusAwaiting, nil, ""},
		{"declined", sandbox.Fault{}, "decline", "VISA", payment.KindNotified,
			payment.StatusAwaiting, nil, ""},
		{"expired", sandbox.Fault{}, "expire", "PAYNOW", payment.KindNotified,
			payment.StatusAwaiting, nil, ""},
	} {
		p := x.start(fmt.Sprintf("DIFFERS-%d", i), 1234)
		before := count(s.journal(), tc.fact)
		if tc.fault.Kind != "" {
			tc.fault.MerchantRef = p.MerchantRef
			if _, err := s.h.Sandbox().AddFault(tc.fault); err != nil {
				t.Fatal(err)
			}
		}
		if tc.press == "" {
			tc.press, tc.scheme = "pay", "PAYNOW"
		}
		scan(t, p.QRPayload).press(tc.press, tc.scheme)
		eventually(t, tc.name+" is booked", func() error {
			if n := count(s.journal(), tc.fact); n != before+1 {
				return fmt.Errorf("%d facts %s, want %d: %v", n, tc.fact, before+1,
					kinds(s.facts(p.ID)))
			}
			return nil
		})
		now := x.get(p.ID)
		checkOutcome(t, tc.name, now, tc.status, tc.flags, tc.reason)
		if !now.Final {
			x.do("payment.cancel", object{"id": p.ID}, &now)
		}
		if now.Status == payment.StatusApproved || !now.Final {
			t.Errorf("%s: the payment ended %s", tc.name, now.Status)
		}
		if said := tc.fault.Value; tc.fact == payment.KindNotified && said != "" {
			// what was said about it is no silence
			checkOutcome(t, tc.name, now, payment.StatusUnknown, tc.flags, "")
		}
		x.acknowledge(now)
	}
	for _, p := range append(x.heard, x.owed()...) {
		if p.Status == payment.StatusApproved {
			t.Errorf("the till was told approved: %+v", p)
		}
	}
}

func checkOutcome(t *testing.T, name string, p device.Payment, status payment.Status,
	flags []payment.Flag, reason string) {
	t.Helper()
	if p.Status != status || !slices.Equal(p.Flags, flags) {
		t.Errorf("%s: the till sees %s %v, want %s %v", name, p.Status, p.Flags, status, flags)
	}
	if got := p.Reason; reason != "" && (got == nil || got.Code != reason) {
		t.Errorf("%s: reason %+v, want %s", name, got, reason)
	}
}

// TestReturnProvesNothing: the customer's browser comes back to successUrl with everything that a
// shop could wish for, and nothing was paid.
func TestReturnProvesNothing(t *testing.T) {
	t.Parallel()
	var visits atomic.Int64
	shop := httptest.NewServer(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(shop.Close)
	s, x := open(t, func(o *demo.Options) { o.SuccessURL = shop.URL + "/thanks" })
	p := x.start("RETURN", 700)
	s.until(p.ID, payment.KindShown)
	u, err := url.Parse(p.QRPayload)
	if err != nil {
		t.Fatal(err)
	}
	a := askNode(t, object{"op": "open", "secret": s.axsSecret(), "token": u.Query().Get("data")})
	if !strings.Contains(a.Payload, `"successUrl":"`+shop.URL+`/thanks"`) {
		t.Fatalf("the link does not name the shop: %s", a.Payload)
	}
	customer := scan(t, p.QRPayload)
	query := url.Values{"status": {"SUCCESS"}, "merchantRef": {p.MerchantRef},
		"data": {u.Query().Get("data")}}.Encode()
	if status, _ := customer.fetch(http.MethodGet, shop.URL+"/thanks?"+query,
		nil); status != http.StatusOK || visits.Load() != 1 {
		t.Fatalf("the shop answers %d after %d visits", status, visits.Load())
	}
	// A whole proof of the path later the payment stands as before: nothing was on its way.
	var ended device.Payment
	x.do("payment.cancel", object{"id": p.ID}, &ended)
	checkOutcome(t, "after the return", ended, payment.StatusCancelled,
		[]payment.Flag{payment.FlagUnconfirmed}, "cancelled")
	if n := count(s.facts(p.ID), payment.KindNotified); n != 0 {
		t.Errorf("%d statements of the gateway", n)
	}
}

package payer

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/device/jsonrpc"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/tillclient"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/test/devicetest"
)

// TestPayAfterAChoice: where the customer chooses a wallet first, the code comes later, and is
// drawn once.
func TestPayAfterAChoice(t *testing.T) {
	var out strings.Builder
	p := &Payer{out: &out, money: payment.Money{Amount: 1023, Currency: payment.SGD}}
	pay := device.Payment{ID: "01J", Reference: "R1", Status: payment.StatusCreated}
	p.show(pay)
	if got := out.String(); !strings.Contains(got, "chooses a wallet on the display") ||
		strings.Contains(got, "█") {
		t.Errorf("before the choice it says:\n%s", got)
	}
	pay.Status, pay.QRPayload = payment.StatusAwaiting, "00020101"
	p.progress(pay)
	drawn := out.String()
	if !strings.Contains(drawn, "█") || !strings.Contains(drawn, "to scan and pay") {
		t.Errorf("after the choice it says:\n%s", drawn)
	}
	pay.Attempts = []device.Attempt{{Scheme: "PAYNOW", Status: "declined"}}
	p.progress(pay)
	if strings.Count(out.String(), "█") != strings.Count(drawn, "█") {
		t.Error("the code is drawn twice")
	}
}

// TestPayFindsItsOwnSale: a sale that was approved while nobody listened, whose reference does not
// start anything any more, is approved for who asks with that reference and amount again; once it
// is acknowledged, and for another amount, the reference is refused.
func TestPayFindsItsOwnSale(t *testing.T) {
	payments, token := devicetest.New(), secret.Generate()
	defer payments.Close()
	s, err := jsonrpc.New(jsonrpc.Config{Tills: []jsonrpc.Till{{Name: "till-1", Token: token}}},
		payments, new(devicetest.Terminal), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	defer func() { cancel(); web.Close(); <-ran }()

	money := payment.Money{Amount: 1023, Currency: payment.SGD}
	id := make(chan string, 1)
	payments.Start("till-1", payment.Request{Reference: "R1", Money: money},
		func(p payment.Payment, _ error) { id <- p.ID })
	sale := <-id
	payments.Finish(sale, payment.StatusApproved)
	pay := func(money payment.Money, code payment.Code) (string, error) {
		var out strings.Builder
		about := payments.Payment(sale)
		payments.Fail("start", &payment.Error{Code: code, Op: "start", Payment: &about})
		p := &Payer{out: &out, token: token,
			url: "ws" + strings.TrimPrefix(web.URL, "http") + jsonrpc.Path}
		err := p.Run(ctx, ctx, func() {}, "R1", money)
		return out.String(), err
	}
	other := payment.Money{Amount: 900, Currency: payment.SGD}
	if out, err := pay(other, payment.CodeReferenceConflict); err == nil {
		t.Errorf("another amount is paid by it:\n%s", out)
	}
	if out, err := pay(money, payment.CodeReferenceReused); err != nil ||
		!strings.Contains(out, "approved with PAYNOW") || !payments.Payment(sale).Acknowledged {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := pay(money, payment.CodeReferenceReused)
	if e, ok := errors.AsType[*exit.Error](err); !ok || e.Code != exit.Failure {
		t.Errorf("acknowledged, and told again: %v\n%s", err, out)
	}
}

// TestRefusalIsSaidOnce: a reason that the message has said already is not said again, only what to
// do.
func TestRefusalIsSaidOnce(t *testing.T) {
	var e *tillclient.Error
	if err := json.Unmarshal([]byte(`{"message": "not ready: no display shows anything",
		"data": {"reasons": [{"message": "no display shows anything", "hint": "start it"},
		{"message": "the relay is gone", "hint": "look at it"}]}}`), &e); err != nil {
		t.Fatal(err)
	}
	got := refused(e).Error()
	if want := "not ready: no display shows anything\n  - start it\n  - the relay is gone (look " +
		"at it)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

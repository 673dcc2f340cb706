package main

import (
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// TestPayAfterAChoice: where the customer chooses a wallet first, the code comes later, and is
// drawn once.
func TestPayAfterAChoice(t *testing.T) {
	var out strings.Builder
	p := &payer{out: &out, money: payment.Money{Amount: 1023, Currency: payment.SGD}}
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

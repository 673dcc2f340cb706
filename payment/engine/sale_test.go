package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
)

func TestSale(t *testing.T) {
	r := newRig(t)
	p := r.start(till1, "R1")
	if p.Status != payment.StatusAwaiting || p.QRPayload != "https://pay.test/"+p.MerchantRef ||
		p.Till != till1 || p.Reference != "R1" {
		t.Fatalf("started: %+v", p)
	}
	r.wantScreen(payment.ScreenPay)
	if r.screen.Left != 180*time.Second || r.screen.Payment != p.ID || r.screen.Money != sgd10 {
		t.Errorf("screen %+v", r.screen)
	}
	r.confirm(p)
	r.mustDeliver(paid(p))
	r.wantScreen(payment.ScreenApproved)
	if got := r.told(); got.Status != payment.StatusApproved || got.OfferedRev != got.Revision ||
		got.QRPayload != "" {
		t.Errorf("told %+v", got)
	}
	if err := r.acknowledge(till1, p.ID, r.told().Revision); err != nil {
		t.Fatal(err)
	}
	r.wantFacts(p.ID, "requested minted shown notified offered acknowledged")
	if !r.payment(p.ID).Acknowledged {
		t.Error("not acknowledged")
	}
	r.pass(10 * time.Second)
	r.wantScreen(payment.ScreenIdle)
}

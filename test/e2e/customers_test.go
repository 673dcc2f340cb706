package e2e_test

import (
	"kiosk-agent/device"
	"kiosk-agent/sandbox"
	"kiosk-agent/sandbox/singapay"
)

// ofAXS is a customer of the simulated AXS, with a phone for links and a wallet for codes.
type ofAXS struct{ s *stage }

func axsCustomer(s *stage) customer { return ofAXS{s} }

func (c ofAXS) scan(p device.Payment) {
	c.s.t.Helper()
	if c.s.options.Mode == "qr" {
		if _, err := c.s.h.Sandbox.Scan(p.QRPayload); err != nil {
			c.s.t.Fatal(err)
		}
		return
	}
	scan(c.s.t, p.QRPayload)
}

func (c ofAXS) act(p device.Payment, do sandbox.Verb) {
	c.s.t.Helper()
	if _, err := c.s.h.Sandbox.Act(p.MerchantRef, sandbox.Action{Do: do}); err != nil {
		c.s.t.Fatal(do, err)
	}
}

func (c ofAXS) pay(p device.Payment)   { c.act(p, sandbox.Pay) }
func (c ofAXS) again(p device.Payment) { c.act(p, sandbox.PayAgain) }

func (c ofAXS) fail(p device.Payment) {
	if c.s.options.Mode == "qr" { // a wallet's code is never declined
		c.act(p, sandbox.Expire)
		return
	}
	c.act(p, sandbox.Decline)
}

func (c ofAXS) happens(m misfortune, p device.Payment) {
	if _, err := c.s.h.Sandbox.AddFault(
		sandbox.Fault{Kind: sandbox.FaultKind(m), MerchantRef: p.MerchantRef}); err != nil {
		c.s.t.Fatal(err)
	}
}

// ofSingaPay is a customer of the simulated SingaPay.
type ofSingaPay struct{ s *stage }

func singaCustomer(s *stage) customer { return ofSingaPay{s} }

func (c ofSingaPay) act(p device.Payment, do singapay.Verb) {
	c.s.t.Helper()
	if _, err := c.s.h.SingaPay.Act(p.MerchantRef, singapay.Action{Do: do}); err != nil {
		c.s.t.Fatal(do, err)
	}
}

// scan picks QRIS on the page: what is shown to the customer then stays payable, whatever becomes
// of the link.
func (c ofSingaPay) scan(p device.Payment) {
	if c.s.options.Mode != "qr" {
		scan(c.s.t, p.QRPayload).button("pick", "QRIS")
	}
}

func (c ofSingaPay) pay(p device.Payment)   { c.act(p, singapay.PayLate) }
func (c ofSingaPay) again(p device.Payment) { c.act(p, singapay.PayAgain) }

func (c ofSingaPay) fail(p device.Payment) {
	if c.s.options.Mode == "qr" { // a code does not fail, it ends
		c.act(p, singapay.Expire)
		return
	}
	c.act(p, singapay.Fail)
}

func (c ofSingaPay) happens(m misfortune, p device.Payment) {
	if _, err := c.s.h.SingaPay.AddFault(
		singapay.Fault{Kind: singapay.FaultKind(m), MerchantRef: p.MerchantRef}); err != nil {
		c.s.t.Fatal(err)
	}
}

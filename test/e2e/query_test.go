package e2e_test

import (
	"testing"

	"kiosk-agent/internal/app/demo"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
)

func withQuery(o *demo.Options) { o.Query = true }

// TestCancelConfirmedByQuery: two answers of the gateway, settle apart, and the till hears
// cancelled without a doubt.
func TestCancelConfirmedByQuery(t *testing.T) {
	t.Parallel()
	s, x := open(t, withQuery)
	p := x.start("CANCEL", 500)
	s.display.shows("pay", p.ID)
	done := x.cancelling(p.ID)()
	checkOutcome(t, "cancelled", done, payment.StatusCancelled, nil, "cancelled")
	checkOrder(t, s.facts(p.ID), payment.KindCancelRequested, payment.KindWithdrawn,
		payment.KindQueryEmpty, payment.KindQueryEmpty, payment.KindOffered)
}

// TestLostWebhookIsFoundByQuery: the customer pays, the webhook never comes, the till cancels:
// payment wins.
func TestLostWebhookIsFoundByQuery(t *testing.T) {
	t.Parallel()
	s, x := open(t, withQuery, func(o *demo.Options) {
		o.Simulation = demo.AXSOptions{
			Faults: []sandbox.Fault{{Kind: sandbox.FaultLost}}}
	})
	p := x.start("LOST", 1023)
	s.display.shows("pay", p.ID)
	pay(t, p.QRPayload)
	done := x.cancelling(p.ID)()
	checkOutcome(t, "cancelled after paying", done, payment.StatusApproved, nil, "")
	if n := lacks(s.facts(p.ID), payment.KindNotified); n != nil {
		t.Error(n)
	}
	s.display.shows("approved", p.ID)
}

// TestUnprovedEndpoint: a portal, or a wrong link id, answers 404 to everything: that is no proof
// that nobody paid, until the same endpoint has told of a payment.
func TestUnprovedEndpoint(t *testing.T) {
	t.Parallel()
	const lost = 777
	s, x := open(t, withQuery, func(o *demo.Options) {
		o.Simulation = demo.AXSOptions{Unknown404: true,
			Faults: []sandbox.Fault{{Kind: sandbox.FaultLost, Amount: lost}}}
	})
	p := x.start("BEFORE", 500)
	s.display.shows("pay", p.ID)
	checkOutcome(t, "404 before any proof", x.cancelling(p.ID)(), payment.StatusUnknown, nil,
		"no_answer")

	p = x.start("PROOF", lost)
	s.display.shows("pay", p.ID)
	pay(t, p.QRPayload)
	checkOutcome(t, "the query knows of a payment", x.cancelling(p.ID)(), payment.StatusApproved,
		nil, "")
	p = x.start("AFTER", 500)
	s.display.shows("pay", p.ID)
	checkOutcome(t, "404 after that", x.cancelling(p.ID)(), payment.StatusCancelled, nil,
		"cancelled")
}

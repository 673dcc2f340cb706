package e2e_test

import (
	"context"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
)

// customer is one of the simulated gateway's, whose failures end the test.
type customer struct{ s *stage }

func (s *stage) customer() customer { return customer{s} }

func (c customer) did(_ string, err error) {
	c.s.t.Helper()
	if err != nil {
		c.s.t.Fatal(err)
	}
}

func (c customer) scan(p device.Payment) {
	c.s.t.Helper()
	c.did(c.s.h.Gateway.Scan(context.Background(), p))
}

func (c customer) pay(p device.Payment) {
	c.s.t.Helper()
	c.did(c.s.h.Gateway.Pay(context.Background(), p))
}

func (c customer) fail(p device.Payment) {
	c.s.t.Helper()
	c.did("", c.s.h.Gateway.Fail(context.Background(), p))
}

func (c customer) again(p device.Payment) {
	c.s.t.Helper()
	c.did("", c.s.h.Gateway.Again(context.Background(), p))
}

func (c customer) happens(m demo.Misfortune, p device.Payment) {
	c.s.t.Helper()
	c.did("", c.s.h.Gateway.Happens(m, p.MerchantRef))
}

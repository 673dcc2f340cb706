package engine

import (
	"fmt"
	"slices"

	"kiosk-agent/payment"
)

// Sourced is a Gateway of several accounts: it says with whose secrets a delivery opened.
type Sourced interface {
	// OpenAs is Open. at are the accounts with a secret that opens it, at least one.
	OpenAs(e payment.Envelope) (records []payment.Record, at []payment.Account, err error)
}

// opened verifies a delivery. The secret of an account that was sold at before says nothing about
// sales of any other: who had that account may still know it. closed says why the delivery is none
// that counts; err that it could not be looked up.
func (s *step) opened(e payment.Envelope) (records []payment.Record, closed, err error) {
	g, ok := s.m.gateway.(Sourced)
	if !ok {
		records, closed = s.m.gateway.Open(e)
		return records, closed, nil
	}
	records, at, closed := g.OpenAs(e)
	vouches := func(account string) bool {
		return slices.ContainsFunc(at,
			func(a payment.Account) bool { return a.Name == account })
	}
	if closed != nil || vouches(s.m.cfg.Account) {
		return records, closed, nil
	}
	for _, r := range records {
		a, err := s.byMerchantRef(r.MerchantRef)
		if err != nil {
			return nil, nil, err
		}
		if a != nil && a.p.Account != "" && !vouches(a.p.Account) {
			return nil, fmt.Errorf("%w: it opens with the secret of an account that was sold at "+
				"before, and is about a sale of another one", payment.ErrUnopened), nil
		}
	}
	return records, nil, nil
}

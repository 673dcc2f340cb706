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
	if closed != nil {
		return nil, closed, nil
	}
	switch ok, err := s.vouched(records, at...); {
	case err != nil:
		return nil, nil, err
	case !ok:
		return nil, fmt.Errorf("%w: it opens with the secret of an account that was sold at "+
			"before, and is about a sale of another one", payment.ErrUnopened), nil
	}
	return records, nil, nil
}

// vouched reports whether these accounts may say all this: the present one about every sale, one
// that was sold at before about its own.
func (s *step) vouched(records []payment.Record, by ...payment.Account) (bool, error) {
	vouches := func(account string) bool {
		return slices.ContainsFunc(by,
			func(a payment.Account) bool { return a.Name == account })
	}
	if vouches(s.m.cfg.Account) {
		return true, nil
	}
	for _, r := range records {
		a, err := s.byMerchantRef(r.MerchantRef)
		if err != nil {
			return false, err
		}
		if a != nil && a.p.Account != "" && !vouches(a.p.Account) {
			return false, nil
		}
	}
	return true, nil
}

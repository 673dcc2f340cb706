package sandbox

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"time"
)

// transactionRef makes an unused reference: 19 digits, time in front, too long for a float64. The
// caller holds s.mu.
func (s *Server) transactionRef(now time.Time) (string, error) {
	const smallest, span = 1_000_000_000_000_000_000, 8_000_000_000_000_000_000
	var raw [4]byte
	if _, err := io.ReadFull(s.rand, raw[:]); err != nil {
		return "", fmt.Errorf("transaction reference: %w", err)
	}
	n := uint64(now.UnixMilli())<<20 | uint64(binary.BigEndian.Uint32(raw[:])&0xfffff)
	for ; ; n++ {
		ref := strconv.FormatUint(smallest+n%span, 10)
		if !s.txRefs[ref] {
			s.txRefs[ref] = true
			return ref, nil
		}
	}
}

// find looks a payment up. An empty clientID means any merchant. The caller holds s.mu.
func (s *Server) find(clientID, merchantRef string) (*payment, error) {
	if clientID != "" {
		if p := s.byRef[refKey{clientID, merchantRef}]; p != nil {
			return p, nil
		}
		return nil, ErrUnknown
	}
	var found *payment
	for i := range s.cfg.Merchants {
		p := s.byRef[refKey{s.cfg.Merchants[i].ClientID, merchantRef}]
		if p != nil && found != nil {
			return nil, ErrAmbiguous
		}
		if p != nil {
			found = p
		}
	}
	if found == nil {
		return nil, ErrUnknown
	}
	return found, nil
}

// Payments returns every payment whose link was opened, in that order.
func (s *Server) Payments() []Payment {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	all := make([]Payment, 0, len(s.payments))
	for _, p := range s.payments {
		all = append(all, p.copy(now))
	}
	return all
}

// Payment returns one payment, ErrUnknown or ErrAmbiguous.
func (s *Server) Payment(merchantRef string) (Payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find("", merchantRef)
	if err != nil {
		return Payment{}, err
	}
	return p.copy(s.clock.Now()), nil
}

// Collected returns, by merchantRef, what was really collected: the oracle that a test holds
// against what a till was told. References without a successful payment are left out.
func (s *Server) Collected() map[string]Collected {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]Collected{}
	for _, p := range s.payments {
		if !p.paid() {
			continue
		}
		c := all[p.link.MerchantRef]
		c.Currency = p.link.Currency
		for _, r := range p.records {
			switch {
			case r.Status != StatusSuccess:
			case r.Type == "PAY":
				c.Paid += r.Amount
				c.Payments++
			default:
				c.Reversed += r.Amount
			}
		}
		all[p.link.MerchantRef] = c
	}
	return all
}

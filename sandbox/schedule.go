package sandbox

import (
	"context"

	"kiosk-agent/sandbox/simkit"
)

// job is something that Run does when it falls due: send a webhook, or let a code on the customer's
// screen expire.
type job struct {
	hook    *Webhook
	code    *Record
	payment *payment // of code
}

func (j job) sends() bool { return j.hook != nil }

func (s *Server) perform(ctx context.Context, todo simkit.Job[job]) {
	j := todo.What
	if j.hook != nil {
		s.deliver(ctx, todo)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.code.Status == StatusSent {
		if err := s.change(j.payment, j.code, StatusExpired, s.cfg.ExpiredCode,
			s.clock.Now()); err != nil {
			s.log.Error("a code did not expire", "merchant_ref", j.payment.link.MerchantRef,
				"error", err.Error())
			return
		}
		s.announce(j.payment, j.code)
	}
}

package sandbox

import (
	"context"
	"slices"
	"time"
)

// job is something that Run does when it falls due: send a webhook, or let a code on the customer's screen expire.
type job struct {
	due     time.Time
	seq     int // order among jobs that fall due together
	hook    *Webhook
	code    *Record
	payment *payment // of code
}

// schedule adds a job. The caller holds s.mu.
func (s *Server) schedule(j job) {
	s.jobSeq++
	j.seq = s.jobSeq
	s.jobs = append(s.jobs, j)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// nextJob takes the earliest job that is due. Otherwise at says when to look again; zero = when something new comes.
func (s *Server) nextJob() (j job, at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.jobs) == 0 {
		return job{}, time.Time{}, false
	}
	first := slices.MinFunc(s.jobs, func(a, b job) int {
		if c := a.due.Compare(b.due); c != 0 {
			return c
		}
		return a.seq - b.seq
	})
	if first.due.After(s.clock.Now()) {
		return job{}, first.due, false
	}
	if first.hook == nil { // a webhook stays in the list while it is sent, so that Quiet waits for it
		s.remove(first.seq)
	}
	return first, time.Time{}, true
}

// remove takes a job off the list. The caller holds s.mu.
func (s *Server) remove(seq int) {
	s.jobs = slices.DeleteFunc(s.jobs, func(j job) bool { return j.seq == seq })
}

func (s *Server) perform(ctx context.Context, j job) {
	if j.hook != nil {
		s.deliver(ctx, j)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.code.Status == StatusSent {
		if err := s.change(j.payment, j.code, StatusExpired, s.cfg.ExpiredCode, s.clock.Now()); err != nil {
			s.log.Error("a code did not expire", "merchant_ref", j.payment.link.MerchantRef, "error", err.Error())
			return
		}
		s.announce(j.payment, j.code)
	}
}

// queued counts webhooks that wait or are on their way. The caller holds s.mu.
func (s *Server) queued() int {
	n := 0
	for _, j := range s.jobs {
		if j.hook != nil {
			n++
		}
	}
	return n
}

// notify wakes everybody in Quiet. The caller holds s.mu.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

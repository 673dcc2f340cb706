package sim

import (
	"slices"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// staff look at the worklist and into the gateway's portal, and accept a journal that was restored.
type staff struct {
	w         *World
	recovered int
}

// looks is one look: the terminal's state, and now and then the worklist.
func (s *staff) looks() {
	w := s.w
	if w.agent == nil || w.t < w.asleepUntil {
		return
	}
	a := w.agent
	a.ask(func(to engine.Ticket) engine.Event { return engine.Inspected{To: to} },
		func(ans engine.Answer) {
			if slices.ContainsFunc(ans.State.Reasons,
				func(r payment.Reason) bool { return r.Is(payment.NotReadyRollback) }) {
				w.inside(w.between(time.Second, 20*time.Second), s.recovers)
			}
		})
	if w.chance(0.4) {
		s.works()
	}
	if w.chance(0.1) {
		s.claims()
	}
}

// claims: a customer shows his phone, about one of the newest sales that have ended.
func (s *staff) claims() {
	w := s.w
	page, err := w.disk.Journal.ListAll(payment.ListQuery{Limit: 5})
	if err != nil {
		w.fail("the newest payments cannot be read: %v", err)
	}
	for _, p := range page.Payments {
		if !p.Final || !w.chance(0.3) {
			continue
		}
		w.say("staff", "claim %s", short(p.ID))
		w.agent.ask(func(to engine.Ticket) engine.Event {
			return engine.Claiming{ID: p.ID, Claim: payment.Claimed{By: "staff"}, To: to}
		}, func(ans engine.Answer) {
			if ans.Err != nil {
				w.say("staff", "could not claim: %v", ans.Err)
			}
		})
		return
	}
}

// recovers accepts the journal.
func (s *staff) recovers() {
	w := s.w
	if w.agent == nil {
		return
	}
	w.say("staff", "recover")
	w.agent.ask(func(to engine.Ticket) engine.Event {
		return engine.Recovering{By: "staff", Reason: "the disk was replaced", To: to}
	}, func(ans engine.Answer) {
		if ans.Err != nil {
			w.say("staff", "cannot recover: %v", ans.Err)
			return
		}
		s.recovered++
	})
}

// works resolves what is on the worklist, by what the gateway's portal says at this moment.
func (s *staff) works() {
	w := s.w
	if w.agent == nil {
		return
	}
	items, err := w.disk.Journal.Work()
	if err != nil {
		w.fail("the worklist cannot be read: %v", err)
	}
	for _, i := range items {
		if !w.chance(0.5) {
			continue
		}
		ev := engine.Resolving{By: "staff", Reason: "looked into the portal"}
		choices := payment.EntryChoices(entryData(i))
		ref := ""
		if i.Payment != nil {
			ev.ID, ref = i.Payment.ID, i.Payment.MerchantRef
			choices = i.Payment.Choices()
		} else {
			ev.Entry = i.Entry.Seq
			if u, ok := i.Entry.Data.(payment.Unmatched); ok {
				ref = u.Record.MerchantRef
			}
		}
		want := payment.ResolvedNotPaid
		if l := w.gw.byRef[ref]; l != nil {
			if good, _, _ := l.captured(); good > 0 {
				want = payment.ResolvedApproved
			}
		}
		s.choose(&ev, choices, want, i.Payment)
		w.say("staff", "resolve %s #%d as %s: %s", short(ev.ID), ev.Entry, ev.Outcome,
			i.Tasks[0].Code)
		w.agent.ask(func(to engine.Ticket) engine.Event {
			ev.To = to
			return ev
		}, func(ans engine.Answer) {
			if ans.Err != nil {
				w.say("staff", "could not resolve: %v", ans.Err)
			}
		})
	}
}

func entryData(i payment.WorkItem) payment.Data {
	if i.Entry == nil {
		return nil
	}
	return i.Entry.Data
}

// choose takes a finding that fits, rather one of the outcome that the portal shows.
func (s *staff) choose(ev *engine.Resolving, choices []payment.Choice, want string,
	p *payment.Payment) {
	var fit []payment.Choice
	for _, c := range choices {
		if c.Outcome == want {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		fit = choices
	}
	if len(fit) == 0 {
		ev.Outcome = want
		return
	}
	c := fit[s.w.rng.IntN(len(fit))]
	ev.Finding, ev.Outcome = c.Finding, c.Outcome
	if c.NeedsRef {
		ev.PortalRef = "portal"
	}
	if p == nil || !c.AllBack && !c.AllButOne {
		return
	}
	for _, m := range p.Movements {
		if m.Class != payment.ClassBack {
			ev.Refs = append(ev.Refs, m.Ref())
		}
	}
	if c.AllButOne {
		ev.Refs = ev.Refs[1:]
	}
}

package sim

import (
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// follows is what a till does while a sale runs: it cancels, polls, shows the code, or goes away.
func (t *jsonTill) follows(s *sale) {
	w := t.w
	if w.hit(tillCancels) {
		w.after(w.between(500*time.Millisecond, 60*time.Second), func() { t.cancels(s) })
	}
	if w.hit(tillLeaves) {
		w.after(w.between(0, time.Minute), t.leaves)
	}
	w.after(w.between(20*time.Second, 60*time.Second), func() { t.polls(s) })
}

// paints shows the code on the till's own screen.
func (t *jsonTill) paints(s *sale, conn int) {
	w := t.w
	if !t.up || t.conn != conn || s.status != "" || w.hit(displayFrozen) {
		return
	}
	if w.t > s.deadline {
		return
	}
	t.say("shows the code of sale %d", s.no)
	t.showing = s.id
	t.ask(func(to engine.Ticket) engine.Event {
		return engine.TillShows{Till: t.name, ID: s.id, To: to}
	}, func(word) {})
	w.customerSees(s.payload)
}

// linkOf is the newest link that was made for a sale.
func (w *World) linkOf(s *sale) *link {
	if len(s.links) == 0 {
		return nil
	}
	return s.links[len(s.links)-1]
}

func (t *jsonTill) cancels(s *sale) {
	w := t.w
	if s.status != "" || !t.up {
		return
	}
	t.say("cancels sale %d", s.no)
	if l := w.linkOf(s); l != nil && l.exposed && w.hit(payAtCancel) {
		w.after(w.between(0, 12*time.Millisecond), func() { w.pays(l) })
	}
	t.ask(func(to engine.Ticket) engine.Event {
		return engine.CancelAsked{Till: t.name, Key: payment.Key{ID: s.id}, To: to}
	}, func(ans word) {
		if ans.err == nil {
			t.hears(ans.payment)
		}
	})
}

// cancelsEarly cancels a sale whose start may have no answer yet: its reference is all that the
// till has.
func (t *jsonTill) cancelsEarly(s *sale) {
	if s.over || s.status != "" {
		return
	}
	t.say("cancels sale %d, by its reference", s.no)
	t.ask(func(to engine.Ticket) engine.Event {
		return engine.CancelAsked{Till: t.name, Key: payment.Key{Reference: s.reference}, To: to}
	}, func(ans word) {
		if ans.err == nil {
			t.hears(ans.payment)
		}
	})
}

// polls asks what became of the sale until that is known.
func (t *jsonTill) polls(s *sale) {
	w := t.w
	if s.status != "" && (s.stored >= s.rev || s.status == payment.StatusUnknown && !w.healed) {
		return
	}
	t.connects()
	key := payment.Key{ID: s.id}
	if w.chance(0.3) {
		key = payment.Key{Reference: s.reference}
	}
	t.ask(func(to engine.Ticket) engine.Event {
		if w.chance(0.1) {
			return engine.GetAsked{Till: t.name, Newest: true, To: to}
		}
		return engine.GetAsked{Till: t.name, Key: key, To: to}
	}, func(ans word) {
		switch {
		case ans.err == nil:
			t.hears(ans.payment)
		case ans.kind() == payment.CodeNotFound && !w.oracle.erased[s.id]:
			w.fail("%s asks for sale %d, %s, and there is no such payment", t.name, s.no, s.id)
		}
	})
	if !w.healed {
		w.after(w.between(10*time.Second, 60*time.Second), func() { t.polls(s) })
	}
}

// hears takes any word about a payment.
func (t *jsonTill) hears(v device.View) {
	p, ok := v.(device.Payment)
	if !ok {
		return // somebody else's, for information
	}
	for _, s := range t.w.sales {
		if s.till == t.name && s.id == p.ID {
			t.book(s, p)
			return
		}
	}
	// Owed from before the till lost its memory, or of a start whose answer was lost: the reference
	// says which sale it was.
	for _, s := range t.w.sales {
		if s.till == t.name && s.id == "" && s.reference == p.Reference && s.money == moneyOf(p) &&
			!s.over {
			s.id = p.ID
			t.say("sale %d is %s, heard before its answer", s.no, short(p.ID))
			t.follows(s)
			t.book(s, p)
			return
		}
	}
}

// book enters what was heard: the newest revision counts.
func (t *jsonTill) book(s *sale, p device.Payment) {
	w := t.w
	if s.deadline == 0 {
		s.deadline = w.t + p.DeadlineAt.Sub(p.CreatedAt.Time)
	}
	if p.QRPayload != "" && s.payload == "" {
		s.payload = p.QRPayload
		if t.shows {
			n := t.conn
			w.after(w.between(50*time.Millisecond, time.Second), func() { t.paints(s, n) })
		}
	}
	if !p.Final || s.heard && p.Revision < s.rev {
		return
	}
	if s.status != p.Status {
		t.say("books sale %d as %s %v, revision %d", s.no, p.Status, p.Flags, p.Revision)
	}
	s.heard, s.status, s.rev = true, p.Status, p.Revision
	if p.Status == payment.StatusApproved {
		s.approved, s.txn = true, p.ProviderRef
	}
	if t.showing == s.id {
		t.showing = ""
	}
	if p.Acknowledged {
		s.stored = max(s.stored, p.Revision)
		return
	}
	d := w.between(0, 300*time.Millisecond)
	if w.hit(tillMute) {
		d = w.between(time.Second, 15*time.Minute)
	}
	if w.prof.crowd && !w.healed {
		return
	}
	rev := p.Revision
	w.after(d, func() { t.acknowledges(s, rev) })
}

// acknowledges says that the book has this revision, also once more: a journal may have lost that.
func (t *jsonTill) acknowledges(s *sale, rev int64) {
	w := t.w
	if s.rev > rev {
		return
	}
	w.oracle.acknowledging(s, rev)
	t.ask(func(to engine.Ticket) engine.Event {
		return engine.Acknowledged{Till: t.name, ID: s.id, Revision: rev, To: to}
	}, func(ans word) {
		if ans.err == nil {
			s.stored = max(s.stored, rev)
			w.oracle.stored(s, rev)
		}
	})
}

// forgets is the till restarted: its book is on its disk, what it was doing is not.
func (t *jsonTill) forgets() {
	t.say("restarts")
	t.leaves()
}

// asksForAll is what a till does that wants to know everything it is owed.
func (t *jsonTill) asksForAll() {
	if t.w.prof.habit == connects && t.w.healed {
		t.leaves() // it only connects again
		return
	}
	t.connects()
	t.lists(0, pick(t.w, 200, 20, 3, 1))
	if t.w.prof.habit == lists && t.w.healed {
		return
	}
	for _, s := range t.w.sales {
		if s.till == t.name && s.id != "" {
			t.polls(s)
		}
	}
}

// lists asks for what it owes an acknowledgement, page after page.
func (t *jsonTill) lists(before int64, limit int) {
	if before > 0 {
		t.w.met(nextPage)
	}
	t.ask(func(to engine.Ticket) engine.Event {
		return engine.ListAsked{Till: t.name, To: to,
			Query: payment.ListQuery{Unacknowledged: true, Limit: limit, Before: before}}
	}, func(ans word) {
		for _, v := range ans.page {
			t.hears(v)
		}
		if ans.next > 0 {
			t.lists(ans.next, limit)
		}
	})
}

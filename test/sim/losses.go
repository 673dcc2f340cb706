package sim

import "slices"

// losses is what a restored or lost journal no longer says, by payment. Each excuses what
// docs/PROOFS.md lists as not guaranteed, and no more.
type losses struct {
	lost       map[string]bool // some of its facts, until staff have recovered
	erased     map[string]bool // its request: all that there was
	erasedRefs map[string]bool // the same, by its number at the gateway
	unminted   map[string]bool // that there was something to pay
	lower      map[string]bool // its revisions begin anew below what its till has heard
	unacked    map[string]bool // that its till has stored the newest outcome
}

func newLosses() losses {
	m := func() map[string]bool { return map[string]bool{} }
	return losses{m(), m(), m(), m(), m(), m()}
}

// rolledBack: in place of the journal there is one with the facts of a backup.
func (o *oracle) rolledBack(b *backup) {
	all, before, same := o.facts, o.accounts, o.replaced(b)
	o.forget()
	for _, e := range b.facts {
		o.take(e)
	}
	lost := map[string]bool{}
	for _, e := range all[same:] {
		lost[e.f.Payment], o.lost[e.f.Payment] = true, true
	}
	for id, was := range before {
		now := o.accounts[id]
		if now == nil {
			o.erased[id], o.erasedRefs[was.ref] = true, true
			continue
		}
		now.acking = was.acking
		if !lost[id] {
			now.toldApproved, now.money.most = was.toldApproved, was.money.most
			continue
		}
		o.lower[id] = true
		o.unminted[id] = o.unminted[id] || was.mint.booked != "" && now.mint.booked == ""
		o.unacked[id] = o.unacked[id] || now.acked < was.acked
	}
	for id := range o.accounts { // lost with a whole journal, and back as an older backup has it
		if before[id] == nil && o.erased[id] {
			o.lower[id], o.unacked[id] = true, true
		}
	}
}

// lostOne reports whether the request of one of a sale's payments was lost: then the journal does
// not know that it was made.
func (o *oracle) lostOne(s *sale) bool {
	return slices.ContainsFunc(s.ids, func(id string) bool { return o.erased[id] })
}

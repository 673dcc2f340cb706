package sim

import (
	"slices"

	"kiosk-agent/payment"
)

// verdict is the oracle's last look, when everything has been mended.
type verdict struct {
	w       *World
	o       *oracle
	work    []payment.WorkItem
	entries map[int64]bool // unmatched and parked facts on the worklist
}

// judge compares the books, and returns the journal's last hash.
func (w *World) judge() (head string) {
	o := w.oracle
	if w.agent == nil {
		w.fail("the agent does not come back")
	}
	for _, x := range w.agent.waiting {
		if w.t-x.since > slowest+lag {
			w.fail("a question is not answered since %s: %s", w.t-x.since, x.what)
		}
	}
	report, err := w.disk.Journal.Verify(nil)
	switch {
	case err != nil:
		w.fail("the journal cannot be verified: %v", err)
	case len(report.Problems) > 0:
		w.fail("the chain is broken: %v", report.Problems)
	case int(report.Facts) != len(o.facts):
		w.fail("%d facts were committed and %d are in the journal", len(o.facts), report.Facts)
	}
	v := &verdict{w: w, o: o, entries: map[int64]bool{}}
	if v.work, err = w.disk.Journal.Work(); err != nil {
		w.fail("the worklist cannot be read: %v", err)
	}
	for _, i := range v.work {
		if i.Entry != nil {
			v.entries[i.Entry.Seq] = true
		}
	}
	v.deliveries()
	v.strays()
	v.left()
	for _, l := range w.gw.links {
		v.link(l)
	}
	for _, s := range w.sales {
		v.sale(s)
	}
	w.judgeSibling()
	w.say("world", "the journal ends at %d %s", report.Head.Seq, report.Head.Hash)
	return report.Head.Hash
}

// deliveries: what the relay holds is in the journal.
func (v *verdict) deliveries() {
	for _, m := range v.w.relay.hooks() {
		if !v.o.kept(m, v.w.relay.disk.Epoch) {
			v.w.fail("the relay holds delivery %d, and the journal does not have it: %s", m.Seq,
				m.Body)
		}
		if v.w.agent.believes(envelopeOf(m.Body)) && !v.o.booked(m.Body) {
			v.w.fail("delivery %d would open, and is not read again: %s", m.Seq, m.Body)
		}
	}
}

// strays: what belongs to no payment is on the worklist until staff have closed it.
func (v *verdict) strays() {
	closed := map[int64]bool{}
	for _, e := range v.o.facts {
		switch d := e.f.Data.(type) {
		case payment.Resolved:
			closed[d.Entry] = true
		case payment.Notified:
			closed[d.FromParked] = true
		case payment.Unmatched:
			closed[d.FromParked] = true
		}
	}
	for i, e := range v.o.facts {
		if p, ok := e.f.Data.(payment.Parked); ok && !closed[int64(i+1)] {
			if v.w.agent.believes(p.Envelope) {
				v.w.fail("parked fact %d would open, and is not tried", i+1)
			}
		}
		seq := int64(i + 1)
		if k := e.f.Kind(); (k == payment.KindUnmatched || k == payment.KindParked) &&
			!closed[seq] && !v.entries[seq] {
			v.w.fail("fact %d, %s, is on no worklist", seq, k)
		}
	}
}

// listed reports whether staff are told about this payment, or have settled it.
func (v *verdict) listed(p payment.Payment) bool {
	if p.Resolution != nil && !p.Resolution.Contradicted {
		return true
	}
	return slices.ContainsFunc(v.work,
		func(i payment.WorkItem) bool { return i.Payment != nil && i.Payment.ID == p.ID })
}

// strange reports whether the gateway has said a word about this payment that nobody knows: staff
// look at that, whatever became of it.
func (v *verdict) strange(p payment.Payment) bool {
	return slices.ContainsFunc(v.o.facts, func(e entry) bool {
		n, ok := e.f.Data.(payment.Notified)
		return ok && e.f.Payment == p.ID && !payment.Known(n.Record)
	})
}

// known counts what the journal has heard of the link's money.
func (v *verdict) known(l *link) (right, wrong, back int) {
	a := v.o.account(l)
	if a == nil {
		return 0, 0, 0
	}
	return a.money.right(), len(a.money.wrong), len(a.money.back)
}

// link compares one link's money with what the agent says about its payment.
func (v *verdict) link(l *link) {
	w := v.w
	good, bad, reversed := l.captured()
	kgood, kbad, kreversed := v.known(l)
	a := v.o.account(l)
	if a == nil {
		if good+bad > 0 && !v.o.erasedRefs[l.ref] {
			w.fail("money was taken for %s, which is not in the journal", l.ref)
		}
		return
	}
	p, ok, err := w.disk.Journal.Payment(a.id)
	if err != nil || !ok {
		w.fail("payment %s cannot be read: %v", a.id, err)
	}
	if !p.Final {
		w.fail("%s is stuck: %s", a.id, p.Status)
	}
	switch less := kgood+kbad+kreversed < good+bad+reversed; {
	case less && !w.knows(l):
		v.goneIsSaid(a, p)
	case less && w.prof.query:
		w.fail("%s: the gateway took %d+%d payments and gave %d back; the journal knows of "+
			"%d+%d and %d", a.id, good, bad, reversed, kgood, kbad, kreversed)
	}
	if p.Status == payment.StatusApproved && kgood == 0 {
		w.fail("%s is approved and nothing is known to be paid", a.id)
	}
	alone := a.policy.ApproveNeedsQuery && !a.money.asked // the webhooks' word
	if alone && good > 0 && w.prof.query && w.knows(l) {
		w.fail("%s was paid, and the query's word was not heard", a.id)
	}
	if alone && kgood > 0 && !v.listed(p) {
		w.fail("a webhook says that %s was paid, nothing confirms it, and it is on no worklist",
			a.id)
	}
	clean := kgood == 1 && kbad == 0 && kreversed == 0 && !alone
	if clean && p.Status != payment.StatusApproved {
		w.fail("a lost approval: %s is %s", a.id, p.Status)
	}
	if (kgood > 1 || kbad > 0 || kreversed > 0 && kgood > 0) && !v.listed(p) {
		w.fail("%s has %d right and %d wrong payments, %d given back, and is on no worklist: %s %v",
			a.id, kgood, kbad, kreversed, p.Status, p.Flags)
	}
	if p.Status == payment.StatusUnknown && !v.listed(p) {
		w.fail("%s is unknown and on no worklist", a.id)
	}
	if p.Status == payment.StatusUnknown && w.prof.level == 0 && kbad == 0 && kreversed == 0 &&
		v.askable(a) {
		w.fail("%s is unknown, and nothing went wrong", a.id)
	}
	if a.toldNotPaid && kgood > 0 && !v.listed(p) {
		w.fail("%s was paid after the till was told that it was not, and is on no worklist", a.id)
	}
	if r := p.Resolution; r != nil && r.Outcome == payment.ResolvedNotPaid && !r.Contradicted &&
		kgood > 0 {
		w.fail("staff have settled %s as not paid, the gateway has said otherwise since, and "+
			"nobody is told", a.id)
	}
	v.money(a, p)
	v.owed(a, p)
	v.mint(a, p)
	w.cov.Statuses["agent "+string(p.Status)]++
}

// askable reports whether a 404 of the query meant something when this payment was asked for.
func (v *verdict) askable(a *account) bool {
	g := v.w.gw
	at := v.w.agent.accounts[0]
	if v.w.cov.Situations[reconfiguredInSale] > 0 { // perhaps to one without a query
		return false
	}
	return v.w.prof.unknown != 0 || !v.w.prof.query ||
		g.hasProved(at) && g.named(at.Name).proved[at.Endpoint] < a.at
}

// owed: every final outcome is acknowledged, or owed and on the worklist.
func (v *verdict) owed(a *account, p payment.Payment) {
	if a.acked >= p.Revision != p.Acknowledged {
		v.w.fail("%s: revision %d, the till stored %d, acknowledged %t", a.id, p.Revision, a.acked,
			p.Acknowledged)
	}
	if p.Acknowledged {
		return
	}
	ids, err := v.w.disk.Journal.Owed(a.till)
	if err != nil || !slices.Contains(ids, a.id) {
		v.w.fail("%s is not acknowledged and not owed: %v", a.id, err)
	}
	if !v.listed(p) {
		v.w.fail("%s is owed and on no worklist", a.id)
	}
}

// account is the journal's account of a link; nil when there is none.
func (o *oracle) account(l *link) *account {
	for _, e := range o.facts {
		if a := o.accounts[e.f.Payment]; a != nil && a.link == l {
			return a
		}
	}
	return nil
}

// sale compares the till's book with the gateway's.
func (v *verdict) sale(s *sale) {
	w, o := v.w, v.o
	w.cov.Statuses["till "+string(s.status)]++
	shown, good, net, listed, gone, lost, unconfirmed := 0, 0, 0, false, false, false, false
	for _, l := range s.links {
		g, _, _ := l.captured()
		good, net = good+g, net+l.net()
		if l.exposed {
			shown++
		}
		a := o.account(l)
		if a == nil {
			gone = true
			continue
		}
		lost = lost || o.lost[a.id]
		p, _, err := w.disk.Journal.Payment(a.id)
		if err != nil {
			w.fail("%v", err)
		}
		listed = listed || v.listed(p)
		lower := o.lower[a.id] && s.rev > p.Revision
		kg, _, _ := v.known(l)
		unconfirmed = unconfirmed || (!w.prof.query || !w.knows(l)) && kg < g
		if s.line == nil && s.id == a.id && !gone && !lost && !lower &&
			(s.status != p.Status || s.rev != p.Revision || a.acked != p.Revision) {
			w.fail("sale %d: the till's book says %s at revision %d (%d acknowledged), the "+
				"agent says %s at %d", s.no, s.status, s.rev, a.acked, p.Status, p.Revision)
		}
	}
	switch {
	case shown > max(1, len(s.attempts)) && !o.lostOne(s):
		w.fail("sale %d: %d codes were shown for one request", s.no, shown)
	case s.status == payment.StatusApproved && good == 0 && !s.twin:
		w.fail("sale %d: the till's book says approved and nothing was paid", s.no)
	case s.status != payment.StatusApproved && net > 0 && !listed && !gone &&
		!unconfirmed && !s.discarded:
		w.fail("sale %d: the till's book says %q, %d payments were taken, and it is on no worklist",
			s.no, s.status, good)
	}
}

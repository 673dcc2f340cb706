package sim

import (
	"slices"
	"time"

	"kiosk-agent/payment"
)

// Retention of the journal: what takes months on a kiosk is some minutes here.
const (
	keepFacts = 8
	keepFor   = 20 * time.Second
	keepBody  = 30 * time.Second
)

// retains drops old bodies now and then, as tidy of internal/app/agent does, whatever else goes on.
func (a *agent) retains() {
	w := a.w
	if !w.prof.retains {
		return
	}
	w.inside(w.between(time.Second, 40*time.Second), func() {
		w.oracle.isSameWithout(func() int {
			n, _, err := w.disk.Journal.Retain(w.now().Wall.Add(-keepBody))
			if err != nil {
				w.fail("old bodies cannot be dropped: %v", err)
			}
			return n
		})
		a.retains()
	})
}

// isSameWithout checks that each payment is after a retention what it was before, and that nothing
// is gone that anybody may need.
func (o *oracle) isSameWithout(retain func() int) {
	w, before := o.w, o.folded()
	if o.gone == nil {
		o.gone = map[int64]bool{}
		for _, f := range o.dropped() {
			o.gone[f.Seq] = true
		}
	}
	n := retain()
	if n == 0 {
		return
	}
	w.say("journal", "drops %d old bodies", n)
	after := o.folded()
	for i, p := range after {
		was := before[i]
		if p.Status != was.Status || p.Revision != was.Revision || p.Final != was.Final ||
			p.Acknowledged != was.Acknowledged || !slices.Equal(p.Flags, was.Flags) ||
			!slices.Equal(p.Movements, was.Movements) {
			w.fail("%s was %s %v at revision %d, and is %s %v at %d without its link", p.ID,
				was.Status, was.Flags, was.Revision, p.Status, p.Flags, p.Revision)
		}
	}
	o.nobodyNeeds(slices.DeleteFunc(o.dropped(),
		func(f payment.Fact) bool { return o.gone[f.Seq] }), n)
}

// wasDropped reports whether a delivery was parked, closed and dropped: it may be parked again.
func (o *oracle) wasDropped(content string) bool {
	return slices.ContainsFunc(o.dropped(), func(f payment.Fact) bool {
		return payment.Content(o.facts[f.Seq-1].f.Data) == content
	})
}

// dropped are the facts whose bodies are gone.
func (o *oracle) dropped() (gone []payment.Fact) {
	err := o.w.disk.Journal.Each(1, func(f payment.Fact, _ string) error {
		switch d := f.Data.(type) {
		case payment.Minted:
			if d.Payload == "" {
				gone = append(gone, f)
			}
		case payment.Parked:
			if len(d.Envelope.Body) == 0 {
				gone = append(gone, f)
			}
		}
		return nil
	})
	if err != nil {
		o.w.fail("the journal cannot be read: %v", err)
	}
	return gone
}

// nobodyNeeds fails when a link is gone whose payment is not settled with everybody, or a delivery
// that is still to be opened.
func (o *oracle) nobodyNeeds(gone []payment.Fact, n int) {
	w := o.w
	if len(gone) != n {
		w.fail("%d bodies are said to be dropped, and %d are gone", n, len(gone))
	}
	work, err := w.disk.Journal.Work()
	if err != nil {
		w.fail("the worklist cannot be read: %v", err)
	}
	for _, f := range gone {
		o.gone[f.Seq] = true
		if int(f.Seq) > len(o.facts)-keepFacts {
			w.fail("the body of fact %d is dropped, of the newest %d of %d", f.Seq, keepFacts,
				len(o.facts))
		}
		if f.Payment == "" {
			w.met(deliveryDropped)
			if _, held := o.parking.places[f.Seq]; held {
				w.fail("delivery %d is dropped, and nobody has closed it", f.Seq)
			}
			continue
		}
		w.met(linkDropped)
		a := o.accounts[f.Payment]
		p, _, err := w.disk.Journal.Payment(f.Payment)
		if err != nil || !p.Final || a.acked < p.Revision || slices.ContainsFunc(work,
			func(i payment.WorkItem) bool { return i.Payment != nil && i.Payment.ID == p.ID }) {
			w.fail("the link of %s is dropped, which is %s, acknowledged up to %d of %d: %v", p.ID,
				p.Status, a.acked, p.Revision, err)
		}
	}
}

// folded are the payments in the order of their requests.
func (o *oracle) folded() (all []payment.Payment) {
	for _, e := range o.facts {
		if e.f.Kind() != payment.KindRequested {
			continue
		}
		p, ok, err := o.w.disk.Journal.Payment(e.f.Payment)
		if err != nil || !ok {
			o.w.fail("payment %s cannot be read: %v", e.f.Payment, err)
		}
		all = append(all, p)
	}
	return all
}

package sim

import (
	"encoding/json"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/relay/relayd/rules"
)

// parkingBook is what the oracle knows of deliveries that did not open: which hold a place, and
// what is nowhere but at the relay.
type parkingBook struct {
	places map[int64]payment.Parked // by the fact's sequence
	left   []leftRun                // that nothing reads again yet
	lost   map[int64]bool           // facts that staff have not closed
	counts map[payment.Kind]entry   // the newest fact of those that count
}

type leftRun struct {
	seq   int64
	epoch string
	from  uint64
}

func newParkingBook() parkingBook {
	return parkingBook{places: map[int64]payment.Parked{}, lost: map[int64]bool{},
		counts: map[payment.Kind]entry{}}
}

// parks takes the newest fact of the journal.
func (o *oracle) parks(e entry) {
	b, seq := &o.parking, int64(len(o.facts))
	switch d := e.f.Data.(type) {
	case payment.Parked:
		if d.Cut {
			o.w.fail("the content of a delivery is dropped")
		}
		b.places[seq] = d
		if o.live(e) {
			o.countPlaces(e.at)
		}
	case payment.Notified:
		delete(b.places, d.FromParked)
	case payment.Unmatched:
		delete(b.places, d.FromParked)
	case payment.Resolved:
		delete(b.places, d.Entry)
		delete(b.lost, d.Entry)
	case payment.Junk:
		o.anHourLater(e)
	case payment.Left:
		o.leaves(e, seq, d)
	}
}

func (o *oracle) leaves(e entry, seq int64, d payment.Left) {
	b := &o.parking
	switch {
	case d.Read > 0:
		var still []leftRun
		for _, l := range b.left {
			if l.seq > d.Read {
				still = append(still, l)
			}
		}
		b.left = still
		b.counts[payment.KindLeft] = e
	case d.Lost:
		b.lost[seq] = true
		o.w.met(leftLost)
	case d.First == "":
		o.anHourLater(e)
	default:
		if o.covered(d.Epoch, d.From) {
			o.w.fail("one run of what found no place has two facts, the second from %d on", d.From)
		}
		b.left = append(b.left, leftRun{seq, d.Epoch, d.From})
		b.counts[payment.KindLeft] = e
		o.w.met(leftBehind)
	}
}

// anHourLater checks that what is counted makes one fact an hour.
func (o *oracle) anHourLater(e entry) {
	last, ok := o.parking.counts[e.f.Kind()]
	if ok && last.f.Boot == e.f.Boot && e.f.Up-last.f.Up < time.Hour-time.Millisecond {
		o.w.fail("a second %s fact after %s", e.f.Kind(), e.f.Up-last.f.Up)
	}
	o.parking.counts[e.f.Kind()] = e
}

// countPlaces checks that no more is kept than there is room for. The relay's clock, as the agent
// knows it, may be some seconds wrong.
func (o *oracle) countPlaces(at time.Duration) {
	p := o.w.prof
	n, bytes := o.held(at - p.parkedFor + time.Minute)
	if n > p.parked || bytes > p.parkedBytes {
		o.w.fail("%d deliveries of %d bytes are parked, and there is room for %d of %d", n, bytes,
			p.parked, p.parkedBytes)
	}
}

// held are the places that are held by what the relay has received since a true time.
func (o *oracle) held(since time.Duration) (n int, bytes int64) {
	for _, d := range o.parking.places {
		if d.Envelope.ReceivedAt.Sub(wallStart) > since {
			n, bytes = n+1, bytes+d.Envelope.Size()
		}
	}
	return n, bytes
}

// covered reports whether a place in the relay's stream is read again.
func (o *oracle) covered(epoch string, seq uint64) bool {
	for _, l := range o.parking.left {
		if l.epoch == epoch && l.from <= seq {
			return true
		}
	}
	return false
}

// plausible reports whether a delivery could open under some secret.
func plausible(body []byte) bool {
	var s sealed
	return json.Unmarshal(body, &s) == nil
}

// kept reports whether nothing of a delivery can be lost any more: it is on record or parked, it
// says nothing, or the agent reads it again.
func (o *oracle) kept(m *rules.Stored, epoch string) bool {
	return o.booked(m.Body) || !plausible(m.Body) || o.covered(epoch, m.Seq)
}

// left: what found no place is on the worklist, as one task, and what opens now is there no more.
func (v *verdict) left() {
	o := v.o
	tasks := 0
	for _, i := range v.work {
		if i.Entry == nil {
			continue
		}
		if l, ok := i.Entry.Data.(payment.Left); ok && !l.Lost {
			tasks++
		}
	}
	if want := min(1, len(o.parking.left)); tasks != want {
		v.w.fail("%d tasks about what found no place; there are %d runs of it", tasks,
			len(o.parking.left))
	}
	for seq := range o.parking.lost {
		if !v.entries[seq] {
			v.w.fail("what the relay has lost, fact %d, is on no worklist", seq)
		}
	}
	if places, bytes := o.held(-1 << 62); len(o.parking.left) > 0 && places < v.w.prof.parked &&
		places <= v.w.prof.parked*3/4 && bytes <= v.w.prof.parkedBytes*3/4 {
		v.w.fail("%d of %d places hold %d of %d bytes, and what found none is not read again",
			places, v.w.prof.parked, bytes, v.w.prof.parkedBytes)
	}
	for _, body := range o.waited {
		if !o.contents[envelopeOf(body).Content()] && o.booked(body) {
			v.w.met(leftOpened)
		}
	}
}

package engine

import (
	"errors"
	"slices"
	"time"

	"kiosk-agent/payment"
)

// What a delivery that does not open becomes. Rubbish that no secret would open is counted. What
// may yet open is kept whole as long as there is a place, and tried again at each start. What finds
// no place stays at the relay: a left fact says from where on, and the position goes back there
// once there is room, or when the agent starts again, for a secret may have been corrected.

const (
	// tellEvery is how often at most one fact counts rubbish, and how often one counts what is left
	// at the relay.
	tellEvery = time.Hour
	// lookEvery is how often the machine looks whether there is room again for what was left;
	// lookSoon is how long it waits for more after staff have freed a place, or while a payment is
	// open, which reading again would hold up; lookLatest is how long it waits for that at most.
	lookEvery  = 10 * time.Minute
	lookSoon   = 10 * time.Second
	lookLatest = time.Hour
)

// tally counts deliveries that are not written down one by one.
type tally struct {
	n            int64
	since, until time.Time // wall clock
	from, to     uint64
	epoch, why   string
	up           time.Duration // boot clock of the last
	tellUp       time.Duration // boot clock from which it may be written down
}

func (t *tally) add(now Now, ev Delivered, why string) {
	if t.n == 0 {
		t.since, t.from = now.Wall.UTC().Truncate(time.Millisecond), ev.Position.Seq
	}
	t.until = now.Wall.UTC().Truncate(time.Millisecond)
	t.n, t.to, t.epoch, t.why = t.n+1, ev.Position.Seq, ev.Position.Epoch, why
	t.up = now.Up
}

// after lets an hour pass after a fact, if the boot clock can tell.
func (t *tally) after(f payment.Fact, now Now) {
	if f.Boot == now.Boot {
		t.tellUp = max(t.tellUp, f.Up+tellEvery)
	}
}

func (t *tally) told(now Now) { *t = tally{tellUp: now.Up + tellEvery} }

// parking is what the machine remembers of deliveries that do not open. All of it can be forgotten:
// what must not be is in the journal.
type parking struct {
	junk tally
	more tally // left at the relay, after those of the newest left fact
	// there is something left at the relay, and when to look whether there is room, by the boot
	// clock; waitUp is since when there is, and a payment is open
	left           bool
	lookUp, waitUp time.Duration
	resumed        bool // this process has said hello
	// what was delivered before, up to here, comes again
	upTo payment.Position
	// what is read again, and has not come yet
	wanted    []run
	retention time.Duration // of the relay; 0 = it has not said
}

// run is what was left one after the other.
type run struct{ payment.Left }

func (r *run) more(n int64, to uint64) { r.Count, r.To = r.Count+n, max(r.To, to) }

// parking is the machine's, as this step leaves it.
func (s *step) parking() *parking {
	if s.parked == nil {
		p := s.m.parking
		p.wanted = slices.Clone(p.wanted)
		s.parked = &p
		s.out.onDone = append(s.out.onDone, func() { s.m.parking = p })
	}
	return s.parked
}

// keep takes a delivery that does not open.
func (s *step) keep(ev Delivered, cause error) error {
	if errors.Is(cause, payment.ErrJunk) {
		p := s.parking()
		if ev.Position.Epoch != p.upTo.Epoch || ev.Position.Seq > p.upTo.Seq {
			p.junk.add(s.now, ev, cause.Error())
		}
		return nil
	}
	hash := ev.Envelope.Content()
	if kept, err := s.m.journal.Kept(hash); err != nil || kept {
		return err
	}
	full, err := s.noRoom(ev.Envelope.Size())
	if err != nil {
		return err
	}
	if full != "" {
		return s.leave(ev, full)
	}
	reason := "not a statement of the gateway"
	if errors.Is(cause, payment.ErrUnopened) {
		reason = cause.Error()
	}
	parked := payment.Parked{Reason: reason, Delivery: ev.Position.ID, Envelope: ev.Envelope,
		Hash: hash}
	if mends, ok := errors.AsType[payment.Curable](cause); ok {
		parked.Cure = mends.Cure()
	}
	s.fact("", parked)
	for _, o := range s.m.open { // it may be about any of them
		s.m.inquiries.askNow(o.p.ID, s.now.Up)
	}
	s.then(Note{Warn: true, Text: "a delivery did not open and is parked",
		Args: []any{"delivery", ev.Position.ID, "reason", reason}})
	return nil
}

// noRoom says what there is not enough of for a delivery of this size: "places", "bytes", or ""
// where there is a place. What staff have closed takes none, and what is old takes none any more:
// it was kept, and is tried again all the same.
func (s *step) noRoom(size int64) (string, error) {
	n, bytes, err := s.m.journal.Places(s.m.relayTime(s.now).Add(-s.m.cfg.ParkedFor))
	switch {
	case err != nil:
		return "", err
	case n >= s.m.cfg.ParkedCap:
		return "places", nil
	case bytes+size > s.m.cfg.ParkedBytes:
		return "bytes", nil
	default:
		return "", nil
	}
}

// relayTime is the relay's clock, as far as it is known: the age of a delivery is counted on it.
func (m *Machine) relayTime(now Now) time.Time {
	if c := &m.relayClock; c.known {
		return c.wall.Add(now.Up - c.up)
	}
	return now.Wall
}

// leave lets a delivery be, at the relay. What is left there already is read again with everything
// behind it, so that only the first of a run needs a fact; the others are counted.
func (s *step) leave(ev Delivered, why string) error {
	left, err := s.m.journal.Left()
	if err != nil {
		return err
	}
	p := s.parking()
	if slices.ContainsFunc(left, func(f payment.Fact) bool { return covers(f, ev.Position) }) {
		p.more.add(s.now, ev, why)
		return nil
	}
	before, _, err := s.m.journal.Position()
	if err != nil {
		return err
	}
	if before.Epoch == ev.Position.Epoch && before.Seq >= ev.Position.Seq {
		before = payment.Position{} // the relay was restored: only its start lies before this one
	}
	l := payment.Left{Epoch: ev.Position.Epoch, From: ev.Position.Seq, To: ev.Position.Seq,
		Count: 1, Reason: why, First: ev.Position.ID, Before: before}
	if p.retention > 0 {
		l.Until = ev.Envelope.ReceivedAt.Add(p.retention)
	}
	s.fact("", l)
	p.more.told(s.now)
	p.left, p.lookUp = true, s.now.Up+lookEvery
	s.then(Note{Warn: true, Text: "a delivery that does not open found no place, and is left at " +
		"the relay", Args: []any{"delivery", ev.Position.ID, "reason", why}})
	return nil
}

// covers reports whether this left fact, as long as nothing has ended it, brings the delivery
// again.
func covers(f payment.Fact, pos payment.Position) bool {
	l, ok := f.Data.(payment.Left)
	return ok && l.Epoch == pos.Epoch && l.From <= pos.Seq
}

// resuming answers with the position that a hello begins at. Everything that was delivered before
// this event has been taken before it, and nothing is delivered before its answer: so the position
// can go back here, and no delivery of an older connection moves it on again.
func (s *step) resuming(ev Resuming) {
	pos, _, err := s.m.journal.Position()
	if err == nil {
		pos, err = s.goBack(pos)
	}
	if err != nil {
		s.refuse(ev.To, journalUnreadable("resume", err))
		return
	}
	s.parking().resumed = true
	s.answer(Answer{To: ev.To, Position: pos})
}

// goBack commits the position before the oldest delivery that was left, when it is time to read
// again.
func (s *step) goBack(pos payment.Position) (payment.Position, error) {
	left, err := s.m.journal.Left()
	if err != nil || len(left) == 0 {
		return pos, err
	}
	roomy, err := s.roomy()
	if err != nil || !roomy && s.m.parking.resumed {
		return pos, err
	}
	s.readAgain(left, pos)
	if oldest, ok := left[0].Data.(payment.Left); ok {
		pos = oldest.Before
	}
	s.out.Position = &pos
	return pos, nil
}

// readAgain ends what was left: it all comes again, or the relay has lost it.
func (s *step) readAgain(left []payment.Fact, pos payment.Position) {
	p := s.parking()
	for _, f := range left {
		switch l, _ := f.Data.(payment.Left); {
		case l.First != "":
			p.wanted = append(p.wanted, run{l})
		case len(p.wanted) > 0:
			p.wanted[len(p.wanted)-1].more(l.Count, l.To)
		}
	}
	more := p.more
	if n := len(p.wanted); n > 0 && more.n > 0 {
		p.wanted[n-1].more(more.n, more.to)
	}
	s.fact("", payment.Left{Epoch: more.epoch, From: more.from, To: more.to, Count: more.n,
		Read: left[len(left)-1].Seq})
	p.more.told(s.now)
	p.left, p.upTo, p.waitUp = false, pos, 0
	s.then(Note{Text: "what was left at the relay is read again", Args: []any{"facts", len(left)}})
}

// roomy reports whether a fair part of the places is free: reading again costs the relay and the
// journal the whole backlog.
func (s *step) roomy() (bool, error) {
	c := s.m.cfg
	n, bytes, err := s.m.journal.Places(s.m.relayTime(s.now).Add(-c.ParkedFor))
	return n <= c.ParkedCap*3/4 && n < c.ParkedCap && bytes <= c.ParkedBytes*3/4, err
}

// gapFound books that the relay may have lost something. Everything that it holds comes again, and
// with it what was left there.
func (s *step) gapFound(ev GapFound) {
	left, err := s.m.journal.Left()
	var pos payment.Position
	if err == nil {
		pos, _, err = s.m.journal.Position()
	}
	if err != nil {
		s.refuse(ev.To, journalUnreadable("gap", err))
		return
	}
	s.fact("", payment.Gap{Reason: ev.Reason})
	if len(left) > 0 {
		s.readAgain(left, pos)
	}
	s.parking().upTo = pos
	s.m.inquiries.hurry(s.now.Up)
	s.answer(Answer{To: ev.To})
}

// arrived notes that a delivery was taken.
func (s *step) arrived(pos payment.Position) {
	if len(s.m.parking.wanted) == 0 {
		return
	}
	p := s.parking()
	p.wanted = slices.DeleteFunc(p.wanted, func(r run) bool { return r.First == pos.ID })
}

// missed says, once the relay has sent all that it holds, what it did not have any more.
func (s *step) missed() {
	if len(s.m.parking.wanted) == 0 {
		return
	}
	p := s.parking()
	lost := p.wanted[0]
	for _, r := range p.wanted[1:] {
		lost.more(r.Count, r.To)
	}
	lost.Lost, lost.Before, p.wanted = true, payment.Position{}, nil
	s.fact("", lost.Left)
	s.then(Note{Warn: true, Text: "the relay did not have any more what was left there",
		Args: []any{"seq", lost.From, "deliveries", lost.Count}})
}

// tickParking writes down what was counted, and has the relay asked again once there is room.
func (s *step) tickParking() {
	p := s.m.parking
	if s.parked != nil {
		p = *s.parked
	}
	if p.junk.n > 0 && s.now.Up >= p.junk.tellUp {
		p := s.parking()
		s.fact("", payment.Junk{Since: p.junk.since, Until: p.junk.until, Count: p.junk.n,
			Reason: p.junk.why})
		s.then(Note{Text: "deliveries that nobody could open", Args: []any{"deliveries", p.junk.n,
			"reason", p.junk.why}})
		p.junk.told(s.now)
	}
	if p.more.n > 0 && s.now.Up >= p.more.tellUp {
		p := s.parking()
		s.fact("", payment.Left{Epoch: p.more.epoch, From: p.more.from, To: p.more.to,
			Count: p.more.n, Reason: p.more.why})
		p.more.told(s.now)
	}
	if p.left && s.now.Up >= p.lookUp {
		s.look()
	}
}

// look asks the relay's client for a new hello when there is room for what was left. That decides
// anew; what is read again would hold up an open payment's answer, so it waits for its end.
func (s *step) look() {
	p := s.parking()
	p.lookUp = s.now.Up + lookEvery
	roomy, err := s.roomy()
	switch {
	case err != nil:
		s.then(Note{Warn: true, Text: "the places could not be counted", Args: []any{"error", err}})
	case !roomy:
		p.waitUp = 0
	case len(s.m.open) > 0 && (p.waitUp == 0 || s.now.Up < p.waitUp+lookLatest):
		p.lookUp = s.now.Up + lookSoon
		if p.waitUp == 0 {
			p.waitUp = s.now.Up
		}
	default:
		p.waitUp = 0
		s.then(ReadAgain{})
	}
}

// freed notes that staff have closed an entry.
func (s *step) freed() {
	if s.m.parking.left {
		s.parking().lookUp = s.now.Up + lookSoon
	}
}

// rememberParking takes over what an earlier process has left and counted, or a commit that said
// that it had failed.
func (m *Machine) rememberParking(now Now) error {
	left, err := m.journal.Left()
	if err != nil {
		return err
	}
	p := &m.parking
	p.left, p.lookUp = len(left) > 0, now.Up+lookEvery
	if p.left {
		p.more.after(left[len(left)-1], now)
	}
	junk, ok, err := m.journal.Junk()
	if ok {
		p.junk.after(junk, now)
	}
	return err
}

// wake is when the machine wants to be woken for any of this; 0 = only events matter.
func (p *parking) wake() (at time.Duration) {
	for _, t := range []struct {
		on bool
		up time.Duration
	}{{p.junk.n > 0, p.junk.tellUp}, {p.more.n > 0, p.more.tellUp}, {p.left, p.lookUp}} {
		if t.on && t.up > 0 && (at == 0 || t.up < at) {
			at = t.up
		}
	}
	return at
}

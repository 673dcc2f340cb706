package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// stream is a relay that holds what was posted, and hands it out after the position of a hello.
type stream struct {
	r    *rig
	held []held
	n    uint64 // ever posted
	next int    // index of what is delivered next
	keep time.Duration
}

type held struct {
	env payment.Envelope
	pos payment.Position
}

func newStream(r *rig) *stream {
	s := &stream{r: r, keep: 168 * time.Hour}
	s.hello()
	return s
}

func (s *stream) post(envs ...payment.Envelope) {
	for _, e := range envs {
		s.n++
		s.held = append(s.held, held{e, payment.Position{Epoch: "E", Seq: s.n,
			ID: fmt.Sprintf("D%d", s.n)}})
	}
}

// hello is what the relay's client does: the position is asked for, and the relay judges it.
func (s *stream) hello() error {
	s.r.t.Helper()
	a, to := s.r.ask(func(t engine.Ticket) engine.Event { return engine.Resuming{To: t} })
	if s.r.dead {
		return errors.New("dead")
	}
	if !s.r.answered(to) {
		s.r.t.Fatal("a hello waits for its position")
	}
	if a.Err != nil {
		return a.Err
	}
	s.r.rereads = 0
	s.r.step(engine.RelayChanged{Connected: true, Retention: s.keep})
	at := slices.IndexFunc(s.held, func(h held) bool { return h.pos == a.Position })
	s.next = at + 1
	if at < 0 && a.Position != (payment.Position{}) {
		s.r.step(engine.GapFound{Reason: "out_of_range"})
	}
	return nil
}

// run delivers what is held, up to the end of the backlog.
func (s *stream) run() {
	s.r.t.Helper()
	for s.next < len(s.held) && !s.r.dead {
		h := s.held[s.next]
		a, to := s.r.ask(func(t engine.Ticket) engine.Event {
			return engine.Delivered{Envelope: h.env, Position: h.pos, To: t}
		})
		if !s.r.answered(to) || a.Err != nil {
			if s.hello() != nil {
				return
			}
			continue
		}
		s.next++
	}
	if !s.r.dead {
		s.r.step(engine.CaughtUp{})
	}
}

// restart is a new process, and its hello.
func (s *stream) restart() {
	s.r.t.Helper()
	s.r.crash()
	if err := s.hello(); err != nil {
		s.r.t.Fatal(err)
	}
	s.run()
	s.r.makeReady()
}

// rubbish are tokens that look as if they could open.
func rubbish(from, n int) (all []payment.Envelope) {
	for i := range n {
		all = append(all, seal(fmt.Sprintf("guessed %d", from+i)))
	}
	return all
}

// plain are requests that are none of the gateway's.
func plain(n int) (all []payment.Envelope) {
	for i := range n {
		all = append(all, payment.Envelope{Method: "GET", Query: fmt.Sprintf("probe=%d", i),
			ReceivedAt: day})
	}
	return all
}

func (r *rig) tasks() (codes []string) {
	r.t.Helper()
	work, err := r.j.WorkAt(r.now.Wall)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, w := range work {
		for _, t := range w.Tasks {
			codes = append(codes, t.Code)
		}
	}
	return codes
}

func (r *rig) wantTasks(want ...string) {
	r.t.Helper()
	if got := r.tasks(); !slices.Equal(got, want) {
		r.t.Errorf("tasks %v, want %v", got, want)
	}
}

// TestRubbishIsCountedOnly: what nobody could ever open makes one fact an hour, and nothing for
// staff to do, however much of it comes.
func TestRubbishIsCountedOnly(t *testing.T) {
	r := newRig(t)
	s := newStream(r)
	s.post(plain(600)...)
	s.run()
	if got, ok, err := r.j.Position(); err != nil || !ok || got.Seq != 600 {
		t.Errorf("position %+v %t %v", got, ok, err)
	}
	head, _ := r.j.Head()
	if got := all[payment.Junk](r); len(got) != 1 || got[0].Count != 1 || got[0].Reason == "" ||
		head.Seq > 5 {
		t.Errorf("junk %+v, %d facts", got, head.Seq)
	}
	r.pass(59 * time.Minute)
	if got := all[payment.Junk](r); len(got) != 1 {
		t.Errorf("a second one within the hour: %+v", got)
	}
	r.pass(time.Minute)
	if got := all[payment.Junk](r); len(got) != 2 || got[1].Count != 599 ||
		!got[1].Until.After(got[1].Since.Add(-time.Second)) {
		t.Errorf("junk %+v", got)
	}
	r.wantTasks()
	if n, size, err := r.j.Places(time.Time{}); n != 0 || size != 0 || err != nil {
		t.Errorf("%d places, %d bytes, %v", n, size, err)
	}
	s.restart()
	s.post(plain(5)...)
	s.run()
	if got := all[payment.Junk](r); len(got) != 2 {
		t.Errorf("a restart begins another hour: %+v", got)
	}
	r.pass(time.Hour)
	if got := all[payment.Junk](r); len(got) != 3 || got[2].Count != 5 {
		t.Errorf("junk %+v", got)
	}
}

// TestAThousandPlausibleTokens: places run out, and neither a genuine notification nor a canary
// waits for one.
func TestAThousandPlausibleTokens(t *testing.T) {
	r := newRig(t)
	s := newStream(r)
	p := r.sale(till1, "R1")
	before, _ := r.j.Head()
	s.post(rubbish(0, 1000)...)
	s.post(seal("right", paid(p)))
	s.run()
	r.wantStatus(p.ID, payment.StatusApproved)
	if n := len(all[payment.Parked](r)); n != 3 {
		t.Errorf("%d parked, there are 3 places", n)
	}
	left := all[payment.Left](r)
	if len(left) != 1 || left[0].From != 4 || left[0].Before.Seq != 3 || left[0].Count != 1 ||
		left[0].Reason != "places" || !left[0].Until.Equal(day.Add(168*time.Hour)) {
		t.Errorf("left %+v", left)
	}
	if head, _ := r.j.Head(); head.Seq-before.Seq > 10 {
		t.Errorf("%d facts for 1000 tokens", head.Seq-before.Seq)
	}
	r.mustAcknowledge(till1, p.ID)
	r.wantTasks("parked", "parked", "parked", "left")
	if got, _, _ := r.j.Position(); got.Seq != 1001 {
		t.Errorf("position %+v: something is not acknowledged", got)
	}
	r.pass(time.Hour)
	if left = all[payment.Left](r); len(left) != 2 || left[1].Count != 996 || left[1].To != 1000 {
		t.Errorf("left %+v", left)
	}
	r.wantTasks("parked", "parked", "parked", "left")
	r.step(engine.CanaryReturned{SentUp: r.now.Up})
	if !r.inspect().Ready {
		t.Errorf("not ready: %+v", r.inspect().Reasons)
	}
}

// TestParkedPlacesAreFreed: what staff have closed holds no place; and the genuine notification
// that comes next, before the secret is put right, is kept and found.
func TestParkedPlacesAreFreed(t *testing.T) {
	r := newRig(t)
	s := newStream(r)
	p := r.sale(till1, "R1")
	s.post(rubbish(0, 3)...)
	s.run()
	r.closeParked()
	s.post(seal("new secret", paid(p))) // the gateway's is changed first, ours later
	s.run()
	if parked := all[payment.Parked](r); len(parked) != 4 || parked[3].Cut ||
		len(all[payment.Left](r)) != 0 {
		t.Errorf("parked %d, left %d", len(parked), len(all[payment.Left](r)))
	}
	r.cancel(till1, p.ID)
	r.pass(6 * time.Second)
	r.prove()
	r.gw.secret = "new secret"
	s.restart()
	r.wantStatus(p.ID, payment.StatusApproved) // nobody was told that it is not paid
}

// closeParked lets staff resolve every parked delivery as junk.
func (r *rig) closeParked() {
	r.t.Helper()
	work, err := r.j.Work()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, w := range work {
		if w.Entry == nil || w.Entry.Kind() != payment.KindParked {
			continue
		}
		if err := r.resolve(engine.Resolving{Entry: w.Entry.Seq, Finding: payment.FindingJunk,
			By: "ann", Reason: "an uptime monitor"}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// TestWhatFoundNoPlaceIsReadAgain: the position goes back before it at the next start, and what the
// journal has already is dropped.
func TestWhatFoundNoPlaceIsReadAgain(t *testing.T) {
	r := newRig(t)
	s := newStream(r)
	p := r.sale(till1, "R1")
	s.post(rubbish(0, 3)...)
	s.post(seal("new secret", paid(p)))
	s.post(rubbish(3, 5)...)
	s.run()
	r.cancel(till1, p.ID)
	r.pass(6 * time.Second)
	r.prove()
	r.pass(20 * time.Second)
	r.wantStatus(p.ID, payment.StatusUnknown)
	earlier := r.payment(p.ID)
	s.restart() // still with the wrong one
	r.wantStatus(p.ID, payment.StatusUnknown)
	if got := r.payment(p.ID); got.Revision != earlier.Revision {
		t.Error("something was told again")
	}
	if left := r.unread(); len(left) != 1 || left[0].From != 4 {
		t.Errorf("left %+v", left)
	}
	r.gw.secret = "new secret"
	s.restart()
	r.wantStatus(p.ID, payment.StatusApproved)
	if n := len(all[payment.Notified](r)); n != 1 {
		t.Errorf("%d notified facts", n)
	}
	if left := r.unread(); len(left) != 1 || left[0].From != 5 {
		t.Errorf("the rest of the rubbish found a place, or is not on record: %+v", left)
	}
}

func (r *rig) unread() (left []payment.Left) {
	r.t.Helper()
	facts, err := r.j.Left()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range facts {
		left = append(left, f.Data.(payment.Left))
	}
	return left
}

// TestRoomIsUsed: once staff have freed places the relay's client is asked for a new hello, but not
// for a single place, and not while a payment is open.
func TestRoomIsUsed(t *testing.T) {
	r := newRig(t, func(c *engine.Config) { c.ParkedCap = 8 })
	s := newStream(r)
	s.post(rubbish(0, 12)...)
	s.run()
	p := r.sale(till1, "R1")
	r.closeParked()
	r.pass(time.Minute)
	if r.rereads > 0 {
		t.Error("read again while a code is on the screen")
	}
	s.post(seal("right", paid(p)))
	s.run()
	r.pass(11 * time.Second)
	if r.rereads != 1 {
		t.Fatalf("%d times asked to read again", r.rereads)
	}
	if err := s.hello(); err != nil {
		t.Fatal(err)
	}
	s.run()
	if n := len(all[payment.Parked](r)); n != 12 || len(r.unread()) != 0 {
		t.Errorf("%d of 12 parked, left %+v", n, r.unread())
	}
	r.pass(20 * time.Minute)
	if r.rereads != 0 {
		t.Error("there is nothing to read again")
	}
	s.post(rubbish(20, 12)...)
	s.run()
	one := r.parkedSeqs()[4:5]
	if err := r.resolve(engine.Resolving{Entry: one[0], Outcome: payment.ResolvedNotPaid,
		By: "ann", Reason: "an uptime monitor"}); err != nil {
		t.Fatal(err)
	}
	r.pass(20 * time.Minute)
	if r.rereads != 0 {
		t.Error("the whole backlog is read again for one place")
	}
	if err := s.hello(); err != nil || s.next != len(s.held) {
		t.Errorf("another hello begins at %d: %v", s.next, err)
	}
}

// TestALongSaleDoesNotHoldUpReadingForEver: with payments open one after the other it is done all
// the same.
func TestALongSaleDoesNotHoldUpReadingForEver(t *testing.T) {
	r := newRig(t, asking)
	s := newStream(r)
	s.post(rubbish(0, 12)...)
	s.run()
	r.closeParked()
	for i := range 40 {
		p := r.sale(till1, fmt.Sprintf("R%d", i))
		r.pass(170 * time.Second)
		s.post(seal("right", paid(p)))
		r.makeReady()
		if r.rereads > 0 {
			if i < 18 {
				t.Errorf("read again in sale %d", i)
			}
			return
		}
		s.run()
	}
	t.Error("never read again")
}

func (r *rig) parkedSeqs() (seqs []int64) {
	r.t.Helper()
	if err := r.j.Each(1, func(f payment.Fact, _ string) error {
		if f.Kind() == payment.KindParked {
			seqs = append(seqs, f.Seq)
		}
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	return seqs
}

// TestPlacesByBytesAndAge: large deliveries take more of the room, and what is older than ParkedFor
// takes none; its content is still tried.
func TestPlacesByBytesAndAge(t *testing.T) {
	large := func(i int) payment.Envelope {
		e := seal(fmt.Sprintf("guessed %d", i))
		e.Body = append(e.Body, make([]byte, 600)...)
		for k := range e.Body[len(e.Body)-600:] {
			e.Body[len(e.Body)-600+k] = ' '
		}
		e.ReceivedAt = day.Add(time.Duration(i) * time.Hour)
		return e
	}
	r := newRig(t, func(c *engine.Config) {
		c.ParkedCap, c.ParkedBytes, c.ParkedFor = 100, 2000, 10*time.Hour
	})
	s := newStream(r)
	p := r.sale(till1, "R1")
	old := seal("old secret", paid(p))
	s.post(old, large(0), large(0), large(1), large(2), large(2))
	s.run()
	left := all[payment.Left](r)
	if n := len(all[payment.Parked](r)); n != 3 || len(left) != 1 || left[0].Reason != "bytes" {
		t.Errorf("%d parked, left %+v", n, left)
	}
	r.step(engine.ClockLearned{Offset: 9 * time.Hour})
	r.pass(time.Hour + 20*time.Minute)
	if r.rereads == 0 {
		t.Error("the oldest ones hold their places for ever")
	}
	if err := s.hello(); err != nil {
		t.Fatal(err)
	}
	s.run()
	if n := len(all[payment.Parked](r)); n <= 3 {
		t.Errorf("%d parked", n)
	}
	r.gw.secret = "old secret"
	s.restart()
	if got := r.payment(p.ID); got.Status != payment.StatusApproved {
		t.Errorf("what holds no place any more is not tried: %s", got.Status)
	}
}

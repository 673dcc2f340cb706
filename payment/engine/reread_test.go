package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// leftBehind is a kiosk whose places are taken, with a genuine notification that found none: the
// secret was changed at the gateway first.
func leftBehind(t *testing.T) (r *rig, s *stream, p payment.Payment) {
	r = newRig(t)
	s = newStream(r)
	p = r.sale(till1, "R1")
	s.post(rubbish(0, 5)...)
	s.post(seal("new secret", paid(p)))
	s.post(rubbish(5, 3)...)
	s.run()
	r.wantStatus(p.ID, payment.StatusAwaiting)
	r.gw.secret = "new secret"
	return r, s, p
}

// TestReadingAgainSurvivesACrash at every step of it, and a disk that takes nothing, or says so:
// what was left is read all the same.
func TestReadingAgainSurvivesACrash(t *testing.T) {
	trouble := map[string]func(*rig){
		"dies before the commit":  func(r *rig) { r.die = beforeCommit },
		"dies after the commit":   func(r *rig) { r.die = afterCommit },
		"the disk takes nothing":  func(r *rig) { r.j.refuse = always },
		"the disk lies":           func(r *rig) { r.j.lie = true },
		"the journal is unread":   func(r *rig) { r.j.unread = true },
		"what was left is unread": func(r *rig) { r.j.blind = "Left" },
		"the position is unread":  func(r *rig) { r.j.blind = "Position" },
		"the places are unread":   func(r *rig) { r.j.blind = "Places" },
	}
	mended := func(r *rig) {
		r.die, r.dead, r.j.refuse, r.j.lie, r.j.unread, r.j.blind = alive, false, nil, false,
			false, ""
	}
	for name, spoil := range trouble {
		for after := range 9 { // deliveries read again before it happens
			t.Run(fmt.Sprintf("%s, %d", name, after), func(t *testing.T) {
				r, s, p := leftBehind(t)
				r.crash()
				if after > 0 {
					if err := s.hello(); err != nil {
						t.Fatal(err)
					}
					whole := s.held
					s.held = whole[:min(s.next+after-1, len(whole))]
					s.run()
					s.held = whole
				}
				spoil(r)
				if after == 0 {
					_ = s.hello()
				} else if s.next < len(s.held) {
					h := s.held[s.next]
					r.ask(func(to engine.Ticket) engine.Event {
						return engine.Delivered{Envelope: h.env, Position: h.pos, To: to}
					})
				}
				died := r.die != alive
				mended(r)
				if died {
					r.crash()
				}
				if err := s.hello(); err != nil {
					t.Fatal(err)
				}
				s.run()
				r.wantStatus(p.ID, payment.StatusApproved)
				if n := len(all[payment.Notified](r)); n != 1 {
					t.Errorf("%d notified facts", n)
				}
				if report, err := r.j.Verify(nil); err != nil || len(report.Problems) > 0 {
					t.Errorf("%+v %v", report.Problems, err)
				}
			})
		}
	}
}

// TestWhatTheRelayLostIsSaid: what was left and is not held any more stays an entry, until staff
// have compared the portal.
func TestWhatTheRelayLostIsSaid(t *testing.T) {
	r, s, p := leftBehind(t)
	if err := r.resolve(engine.Resolving{Entry: r.entry(false),
		Outcome: payment.ResolvedNotPaid, By: "ann", Reason: "an uptime monitor"}); err == nil {
		t.Error("staff close what may hold money, unread")
	}
	r.pass(time.Hour)
	s.held = s.held[7:] // aged out
	s.restart()
	lost := all[payment.Left](r)
	if last := lost[len(lost)-1]; !last.Lost || last.Count != 6 || last.From != 4 || last.To != 9 {
		t.Errorf("left %+v", lost)
	}
	if got := r.unread(); len(got) != 1 || got[0].From != 8 {
		t.Errorf("what is there still has no place, and is not left: %+v", got)
	}
	if got := r.payment(p.ID).Status; got == payment.StatusApproved {
		t.Error("approved, and the relay has lost it")
	}
	if len(all[payment.Gap](r)) != 1 {
		t.Error("no gap, although the position had aged out")
	}
	seq := r.entry(true)
	if err := r.resolve(engine.Resolving{Entry: seq, Outcome: payment.ResolvedNotPaid,
		By: "ann", Reason: "an uptime monitor"}); err == nil {
		t.Error("what nobody has read was not paid")
	}
	if err := r.resolve(engine.Resolving{Entry: seq, Finding: payment.FindingExplained,
		By: "ann", Reason: "compared with the portal"}); err != nil {
		t.Fatal(err)
	}
	if f, ok, _ := r.j.Entry(seq); !ok || f.Kind() != payment.KindLeft {
		t.Error("the entry is gone")
	}
	r.wantTasks("unknown", "owed", "parked", "parked", "parked", "left")
}

// entry is the fact of what was left, or lost, on the worklist.
func (r *rig) entry(lost bool) int64 {
	r.t.Helper()
	work, err := r.j.Work()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, w := range work {
		if w.Entry == nil {
			continue
		}
		if l, ok := w.Entry.Data.(payment.Left); ok && l.Lost == lost {
			return w.Entry.Seq
		}
	}
	r.t.Fatalf("nothing left is on the worklist (lost: %t)", lost)
	return 0
}

// TestAGapReadsEverythingAgain: what was left comes with the rest, also from another store, and is
// not read a second time.
func TestAGapReadsEverythingAgain(t *testing.T) {
	r, s, p := leftBehind(t)
	for i := range s.held {
		s.held[i].pos.Epoch, s.held[i].pos.Seq = "F", uint64(i+1)
	}
	r.step(engine.GapFound{Reason: "epoch_changed"})
	s.next = 0
	s.run()
	r.wantStatus(p.ID, payment.StatusApproved)
	left := r.unread()
	if len(left) != 1 || left[0].Epoch != "F" || left[0].Before.Epoch != "F" {
		t.Errorf("left %+v", left)
	}
	for _, l := range all[payment.Left](r) {
		if l.Lost {
			t.Errorf("lost, although it came: %+v", l)
		}
	}
}

// TestAStoreThatWasRestored: the relay's newest message lies before the journal's position, so that
// nothing but its start lies before what is left.
func TestAStoreThatWasRestored(t *testing.T) {
	r := newRig(t)
	s := newStream(r)
	p := r.sale(till1, "R1")
	s.post(rubbish(0, 3)...)
	s.post(plain(5)...)
	s.run()
	s.held, s.n = nil, 0
	r.step(engine.GapFound{Reason: "out_of_range"})
	s.next = 0
	s.post(seal("new secret", paid(p)))
	s.run()
	if left := r.unread(); len(left) != 1 || left[0].Before != (payment.Position{}) {
		t.Fatalf("left %+v", left)
	}
	s.post(plain(12)...) // the old position is one of the store again
	s.run()
	r.gw.secret = "new secret"
	s.restart()
	r.wantStatus(p.ID, payment.StatusApproved)
	if got, ok, err := r.j.Position(); err != nil || !ok || got.Seq != 13 {
		t.Errorf("position %+v %t %v", got, ok, err)
	}
}

// TestACutDeliveryComesAgain: the journal of an older version has dropped the content, and has its
// mark. When it comes again whole it is kept.
func TestACutDeliveryComesAgain(t *testing.T) {
	r := newRig(t)
	s := newStream(r)
	p := r.sale(till1, "R1")
	env := seal("new secret", paid(p))
	old := payment.Parked{Reason: "x", Delivery: "D0", Cut: true, Hash: env.Content(),
		Envelope: payment.Envelope{Method: "POST", ReceivedAt: day}}
	if err := r.j.Append([]payment.Fact{{At: day, Boot: r.now.Boot, Up: r.now.Up, Data: old}},
		nil); err != nil {
		t.Fatal(err)
	}
	s.post(env, env)
	s.run()
	if got := all[payment.Parked](r); len(got) != 2 || got[1].Cut || got[1].Envelope.Body == nil {
		t.Errorf("parked %+v", got)
	}
	r.gw.secret = "new secret"
	s.restart()
	r.wantStatus(p.ID, payment.StatusApproved)
	r.attach(till1)
	r.mustAcknowledge(till1, p.ID)
	r.wantTasks("parked") // the one without its content
}

// TestTheSameBodyUnderAnotherSignature is another delivery: what opens it is in its headers.
func TestTheSameBodyUnderAnotherSignature(t *testing.T) {
	r := newRig(t)
	s := newStream(r)
	e := seal("guessed")
	signed, again, other := e, e, e
	signed.Headers = map[string][]string{"X-Signature": {"aa"}, "User-Agent": {"x"}}
	again.Headers = map[string][]string{"x-signature": {"aa"}, "User-Agent": {"y"}}
	other.Headers = map[string][]string{"X-Signature": {"bb"}, "User-Agent": {"x"}}
	s.post(signed, again, other, e)
	s.run()
	if n := len(all[payment.Parked](r)); n != 3 {
		t.Errorf("%d parked, want 3", n)
	}
}

// TestTheTaskSaysUntilWhen: and that there is less than a day left.
func TestTheTaskSaysUntilWhen(t *testing.T) {
	r, _, _ := leftBehind(t)
	says := func(at time.Time) string {
		work, err := r.j.WorkAt(at)
		if err != nil {
			t.Fatal(err)
		}
		return work[len(work)-1].Tasks[0].Text
	}
	for at, want := range map[time.Time]string{
		day.Add(143 * time.Hour): "holds them until 2026-11-27 13:00 UTC",
		day.Add(145 * time.Hour): "Less than a day is left",
		day.Add(169 * time.Hour): "may have begun to drop them",
	} {
		if got := says(at); !strings.Contains(got, want) {
			t.Errorf("%s: %s", at, got)
		}
	}
	if got := says(day.Add(143 * time.Hour)); strings.Contains(got, "Less than a day") {
		t.Error(got)
	}
}

package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

func TestShellPlaysASale(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		var steps []string
		s.OnStep(func(step string) { steps = append(steps, step) })
		s.run()
		changed := make(chan payment.Payment, 16)
		detach := s.Attach(till1, func(p payment.Payment) { changed <- p }, func() {})
		p := s.start(till1, "R1")
		if first := <-changed; first.ID != p.ID || first.Status != payment.StatusAwaiting {
			t.Errorf("first change %+v", first)
		}
		time.Sleep(20 * time.Second)
		if err := s.deliver(1, paid(p)); err != nil {
			t.Fatal(err)
		}
		final := <-changed
		if final.Status != payment.StatusApproved {
			t.Fatalf("changed to %s", final.Status)
		}
		acknowledged := make(chan error, 1)
		s.Acknowledge(till1, p.ID, final.Revision, func(err error) { acknowledged <- err })
		if err := <-acknowledged; err != nil {
			t.Fatal(err)
		}
		state, err := s.Inspect(context.Background())
		if err != nil || state.Attached[till1] != 1 || state.Active != nil {
			t.Errorf("%+v %v", state, err)
		}
		detach()
		detach()
		if state, _ = s.Inspect(context.Background()); state.Attached[till1] != 0 {
			t.Errorf("detached twice: %+v", state.Attached)
		}
		s.end()
		want := "committed:requested committed:minted committed:shown committed:notified " +
			"committed:offered committed:acknowledged"
		if got := join(steps); got != want {
			t.Errorf("steps\n got %s\nwant %s", got, want)
		}
	})
}

func join(all []string) (s string) {
	for i, one := range all {
		if i > 0 {
			s += " "
		}
		s += one
	}
	return s
}

// TestShellKeepsTime: nobody posts anything, and the deadline, the canaries and the last moment to
// answer come by themselves.
func TestShellKeepsTime(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		s.run()
		changed := make(chan payment.Payment, 16)
		s.Attach(till1, func(p payment.Payment) { changed <- p }, func() {})
		s.start(till1, "R1")
		<-changed
		began := time.Now()
		synctest.Wait()
		if n := s.heads.Load(); n != 1 {
			t.Errorf("the head of a sale that has begun is told %d times", n)
		}
		if p := <-changed; p.EndedBy != payment.KindDeadlinePassed ||
			time.Since(began) != 180*time.Second {
			t.Errorf("ended by %q after %s", p.EndedBy, time.Since(began))
		}
		if p := <-changed; p.Status != payment.StatusUnknown ||
			time.Since(began) != 205*time.Second {
			t.Errorf("%s after %s", p.Status, time.Since(began))
		}
		if n := s.canary.Load(); n != 10 {
			t.Errorf("%d canaries", n)
		}
		s.end()
	})
}

func TestShellTriesAgainOnceASecond(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		var broken atomic.Bool
		j.refuse = func([]payment.Fact) bool { return broken.Load() }
		s.run()
		changed := make(chan payment.Payment, 16)
		s.Attach(till1, func(p payment.Payment) { changed <- p }, func() {})
		p := s.start(till1, "R1")
		<-changed
		synctest.Wait()
		broken.Store(true)
		before := s.appends.Load()
		time.Sleep(240 * time.Second)
		synctest.Wait()
		if n := s.appends.Load() - before; n < 50 || n > 70 {
			t.Errorf("%d tries in the minute after the deadline", n)
		}
		if told := <-changed; told.Status != payment.StatusUnknown {
			t.Errorf("told %+v", told)
		}
		if err := s.deliver(1, paid(p)); payment.CodeOf(err) != payment.CodeJournalUnavailable {
			t.Errorf("a delivery that was not committed: %v", err)
		}
		broken.Store(false)
		if err := s.deliver(1, paid(p)); err != nil {
			t.Error(err)
		}
		if told := <-changed; told.Status != payment.StatusApproved {
			t.Errorf("told %+v", told)
		}
		s.end()
	})
}

func TestShellAnswersEverybodyWhenItStops(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		s.run()
		p := s.start(till1, "R1")
		cancelled, reply := outcomes()
		s.Cancel(till1, payment.Key{ID: p.ID}, reply)
		synctest.Wait()
		s.end()
		if o := <-cancelled; payment.CodeOf(o.err) != payment.CodeInternal {
			t.Errorf("the cancel was answered %+v", o)
		}
		late, reply := outcomes()
		s.Start(till1, request("R2"), reply)
		if o := <-late; payment.CodeOf(o.err) != payment.CodeInternal {
			t.Errorf("a start after the end was answered %+v", o)
		}
		if err := s.deliver(1, paid(p)); err == nil {
			t.Error("a delivery after the end was confirmed")
		}
		s.Attach(till1, func(payment.Payment) {}, func() {})()
		for range 1000 {
			s.Post(engine.Ticked{})
		}
	})
}

func TestShellFinishesWhatWasAskedBeforeTheEnd(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		s.run()
		p := s.start(till1, "R1")
		hold := make(chan struct{})
		s.Get(till1, payment.Key{ID: p.ID}, func(payment.Payment, error) { <-hold })
		synctest.Wait()
		delivered := make(chan error, 1)
		go func() { delivered <- s.deliver(1, paid(p)) }()
		synctest.Wait()
		answers := make(chan error, 20)
		for range cap(answers) {
			s.Acknowledge(till1, p.ID, 3, func(err error) { answers <- err })
		}
		s.stop()
		close(hold)
		if err := <-delivered; err != nil {
			t.Errorf("deliver: %v", err)
		}
		for range cap(answers) {
			if err := <-answers; err != nil {
				t.Errorf("acknowledge: %v", err)
			}
		}
		s.end()
		if got, _, err := j.Payment(p.ID); err != nil || !got.Acknowledged {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func TestShellEndsWithTheJournalsErrorAtTheStart(t *testing.T) {
	j := openJournal(t)
	j.Close()
	s := newShell(t, j, nil)
	waiting, reply := outcomes()
	s.Get(till1, payment.Key{ID: "x"}, reply)
	if err := s.Run(t.Context()); !errors.Is(err, offline.ErrClosed) && err == nil {
		t.Errorf("Run: %v", err)
	}
	if o := <-waiting; o.err == nil {
		t.Error("answered without a journal")
	}
}

// TestShellWithAFullQueue: the display blocks the writer, callers fill the queue and wait; when it
// goes on, everybody is answered.
func TestShellWithAFullQueue(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		views := make(chan engine.View)
		s := newShell(t, j, views)
		go func() {
			s.run()
		}()
		synctest.Wait() // Run is stuck in its first Show
		const callers = 600
		var answered atomic.Int64
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				s.Get(till1, payment.Key{ID: "x"}, func(payment.Payment, error) { answered.Add(1) })
			})
		}
		synctest.Wait()
		if n := answered.Load(); n != 0 {
			t.Errorf("%d answers from a writer that is stuck", n)
		}
		go func() {
			for range views {
			}
		}()
		all.Wait()
		synctest.Wait()
		if n := answered.Load(); n != callers {
			t.Errorf("%d of %d callers were answered", n, callers)
		}
		s.end()
		close(views)
	})
}

func TestShellGivesUpADeliveryWithItsContext(t *testing.T) {
	j := openJournal(t)
	s := newShell(t, j, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Run has not begun
	err := s.Deliver(ctx, seal("right"), payment.Position{Epoch: "E", Seq: 1, ID: "D"}, false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestShellTellsASessionOnlyWhatWasOffered: a connection that is registered but not yet counted
// hears nothing; then it hears what it is owed, once and offered.
func TestShellTellsASessionOnlyWhatWasOffered(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		s.run()
		p := s.start(till1, "R1")
		hold := make(chan struct{})
		// keeps the writer busy
		s.Get(till1, payment.Key{ID: p.ID}, func(payment.Payment, error) { <-hold })
		synctest.Wait()
		delivered := make(chan error, 1)
		go func() { delivered <- s.deliver(1, paid(p)) }()
		synctest.Wait()
		var heard []payment.Payment
		s.Attach(till1, func(p payment.Payment) { heard = append(heard, p) }, func() {})
		close(hold)
		if err := <-delivered; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(heard) != 1 || heard[0].OfferedRev != heard[0].Revision ||
			heard[0].Status != payment.StatusApproved {
			t.Errorf("heard %d: %+v", len(heard), heard)
		}
		s.end()
	})
}

// TestShellUnderLoad is for the race detector: every call is answered exactly once, whoever asks.
func TestShellUnderLoad(t *testing.T) {
	s := newShell(t, openJournal(t), nil)
	s.run()
	var all sync.WaitGroup
	var asked, answered atomic.Int64
	for i := range 8 {
		all.Go(func() {
			till := []string{till1, till2}[i%2]
			detach := s.Attach(till, func(payment.Payment) {}, func() {})
			defer detach()
			for n := range 20 {
				got, reply := outcomes()
				count := func(p payment.Payment, err error) { answered.Add(1); reply(p, err) }
				asked.Add(3)
				s.Start(till, request(string(rune('a'+n))), count)
				o := <-got
				s.Last(till, count)
				<-got
				s.List(till, payment.ListQuery{Limit: 10},
					func(payment.Page, error) { answered.Add(1) })
				if o.err != nil || n%2 == 0 {
					continue
				}
				if err := s.deliver(1, paid(o.p)); err != nil {
					t.Error(err)
				}
				if _, err := s.Inspect(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	s.end()
	if asked.Load() != answered.Load() {
		t.Errorf("%d asked, %d answered", asked.Load(), answered.Load())
	}
	if r, err := s.j.Verify(nil); err != nil || len(r.Problems) > 0 {
		t.Errorf("journal: %v %v", err, r.Problems)
	}
}

// Who browses, which reads much, is passed by everything else that waits, though not for ever.
// Everybody else is served in turn: a session on a line reads the sales before the newest first.
func TestShellLetsASalePassAList(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		var order string
		for range 2 {
			s.Browse(till2, payment.ListQuery{}, func(payment.Page, error) { order += "L" })
		}
		s.List(till1, payment.ListQuery{}, func(payment.Page, error) { order += "l" })
		s.Sold(till2, time.Time{}, time.Now(), func(payment.Sold, error) { order += "s" })
		for range 70 {
			s.Get(till1, payment.Key{Reference: "R1"},
				func(payment.Payment, error) { order += "." })
		}
		s.run()
		s.end()
		of32 := strings.Repeat(".", 32)
		if want := "ls" + of32[2:] + "L" + of32 + "L........"; order != want {
			t.Errorf("answered in the order\n%s, want\n%s", order, want)
		}
	})
}

// A list is read in pieces, and is the page that the journal gives at once.
func TestShellListsInPieces(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		s.run()
		s.sell(25, 0)
		for _, limit := range []int{1, 9, 10, 11, 20, 24, 25, 26, 200} {
			want, err := j.List(till1, payment.ListQuery{Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			s.Browse(till1, payment.ListQuery{Limit: limit}, func(got payment.Page, err error) {
				defer close(done)
				if err != nil || got.Next != want.Next || !slices.EqualFunc(got.Payments,
					want.Payments, func(a, b payment.Payment) bool { return a.ID == b.ID }) {
					t.Errorf("limit %d: %d payments, next %d, want %d, next %d: %v", limit,
						len(got.Payments), got.Next, len(want.Payments), want.Next, err)
				}
			})
			<-done
		}
		s.end()
	})
}

// quiet is an alarm that rings when the test says so.
type quiet struct {
	ring   func()
	resets atomic.Int64
	closed atomic.Bool
}

func (q *quiet) Reset(time.Duration) { q.resets.Add(1) }
func (q *quiet) Close()              { q.closed.Store(true) }

// TestShellIsWokenByItsAlarm: by nothing else, and set anew after each event.
func TestShellIsWokenByItsAlarm(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		var q quiet
		s.WakeBy(func(ring func()) (engine.Alarm, error) { q.ring = ring; return &q, nil })
		s.run()
		changed := make(chan payment.Payment, 16)
		s.Attach(till1, func(p payment.Payment) { changed <- p }, func() {})
		p := s.start(till1, "R1")
		<-changed
		synctest.Wait()
		before := q.resets.Load()
		time.Sleep(p.DeadlineAt.Sub(p.CreatedAt) + time.Minute)
		synctest.Wait()
		if len(changed) > 0 || q.resets.Load() != before {
			t.Error("something else has woken it")
		}
		q.ring()
		if p := <-changed; !p.Withdrawn {
			t.Error("the time is over, and the code is not withdrawn")
		}
		synctest.Wait()
		if q.resets.Load() == before {
			t.Error("the alarm was not set again")
		}
		s.end()
		if !q.closed.Load() {
			t.Error("the alarm goes on")
		}
	})
}

// The journal is let rest when nothing was committed for a second, and not while a sale goes on.
func TestShellLetsTheJournalRest(t *testing.T) {
	j := openJournal(t)
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, j, nil)
		s.run()
		s.sell(20, 400*time.Millisecond)
		if n := s.rests.Load(); n != 0 {
			t.Errorf("it has rested %d times while something was committed each half second", n)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if s.rests.Load() == 0 {
			t.Error("it has not rested in 20 s without a sale")
		}
		s.end()
	})
}

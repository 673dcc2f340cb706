package engine_test

import (
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

func (r *rig) reasons() string {
	r.t.Helper()
	codes := ""
	for _, reason := range r.inspect().Reasons {
		codes += reason.Code + " "
	}
	return codes
}

// TestReadiness changes one thing after the other; each change of the reasons is told once.
func TestReadiness(t *testing.T) {
	r := bareRig(t)
	r.begin()
	for _, tc := range []struct {
		name   string
		do     func()
		want   string
		screen engine.ViewKind
	}{
		{"started", func() {}, "relay_down no_display ", engine.ViewOutOfService},
		{"relay connected", func() { r.step(engine.RelayChanged{Connected: true}) },
			"path_unproven no_display ", engine.ViewOutOfService},
		{"canary back", func() { r.prove() }, "no_display ", engine.ViewIdle},
		{"display connected", func() {
			r.step(
				engine.DisplayChanged{Connected: true, Cause: "not idle yet"})
		}, "no_display ", engine.ViewIdle},
		{"it shows something else", func() {
			r.step(
				engine.DisplayShows{Kind: engine.ViewOutOfService})
		}, "no_display ", engine.ViewIdle},
		{"it shows idle", func() { r.confirmIdle() }, "", engine.ViewIdle},
		{"a minute without a canary", func() { r.pass(time.Minute) }, "", engine.ViewIdle},
		{"and a bit more", func() { r.pass(time.Millisecond) }, "path_unproven ",
			engine.ViewOutOfService},
		{"an old canary", func() { r.step(engine.CanaryReturned{SentUp: time.Hour - time.Second}) },
			"path_unproven ", engine.ViewOutOfService},
		{"a new canary", func() { r.prove() }, "", engine.ViewIdle},
		{"display gone", func() { r.step(engine.DisplayChanged{Cause: "silent"}) }, "no_display ",
			engine.ViewIdle},
		{"display back", func() { r.step(engine.DisplayChanged{Connected: true}) }, "no_display ",
			engine.ViewIdle},
		{"idle again", func() { r.confirmIdle() }, "", engine.ViewIdle},
		{"rollback", func() { r.step(engine.RollbackChecked{Reason: "fact 9"}) },
			"journal_rollback ", engine.ViewOutOfService},
		{"recovered", func() { r.step(engine.RollbackChecked{}) }, "", engine.ViewIdle},
		{"the clock is wrong", func() { r.now.Wall = r.now.Wall.AddDate(-30, 0, 0); r.pass(0) },
			"clock_implausible ", engine.ViewOutOfService},
		{"and right", func() { r.now.Wall = r.now.Wall.AddDate(30, 0, 0); r.pass(0) }, "",
			engine.ViewIdle},
		{"the disk is full", func() { r.j.refuse = always; r.pass(0) }, "journal_unavailable ",
			engine.ViewOutOfService},
		{"and is not", func() { r.j.refuse = nil; r.pass(0) }, "", engine.ViewIdle},
		{"relay lost", func() { r.step(engine.RelayChanged{Cause: "EOF"}) }, "relay_down ",
			engine.ViewOutOfService},
	} {
		before := r.reasonsTold
		r.ready = 0
		tc.do()
		got := r.reasons()
		if got != tc.want {
			t.Fatalf("%s: reasons %q, want %q", tc.name, got, tc.want)
		}
		if told := min(r.ready, 2); tc.name != "started" && (told == 1) != (got != before) {
			t.Errorf("%s: told %d times, %q → %q", tc.name, r.ready, before, got)
		}
		r.reasonsTold = got
		r.wantScreen(tc.screen)
		if s := r.inspect(); s.Ready != (got == "") {
			t.Errorf("%s: ready %t with reasons %q", tc.name, s.Ready, got)
		}
	}
}

func TestNothingIsRequiredThatIsSwitchedOff(t *testing.T) {
	r := bareRig(t, func(c *engine.Config) { c.RequireCanary, c.RequireScreen = 0, false })
	r.begin()
	if got := r.reasons(); got != "" {
		t.Fatalf("reasons %q", got)
	}
	p := r.start(till1, "R1")
	r.pass(time.Minute)
	r.wantStatus(p.ID, payment.StatusAwaiting) // no display needs to confirm
	r.mustDeliver(paid(p))
	r.wantStatus(p.ID, payment.StatusApproved)
}

// TestTheScreenThroughASale: what the customer sees at each step.
func TestTheScreenThroughASale(t *testing.T) {
	r := newRig(t)
	r.wantScreen(engine.ViewIdle)
	p := r.start(till1, "R1")
	r.wantScreen(engine.ViewPay)
	r.confirm(p)
	r.step(engine.RelayChanged{Cause: "EOF"})
	r.wantScreen(engine.ViewPay) // money may be on its way: the code stays until the payment ends
	r.mustDeliver(paid(p, status(payment.RecordDeclined, "1")))
	r.wantScreen(engine.ViewPay)
	if r.screen.Revision != r.payment(p.ID).Revision {
		t.Error("the screen shows another revision")
	}
	r.cancel(till1, p.ID)
	r.wantScreen(engine.ViewChecking)
	r.pass(6 * time.Second)
	r.wantScreen(engine.ViewChecking)
	r.prove()
	r.wantScreen(engine.ViewDeclined)
	if r.screen.Payment != p.ID || r.screen.Money != sgd10 {
		t.Errorf("%+v", r.screen)
	}
	r.pass(10*time.Second - time.Millisecond)
	r.wantScreen(engine.ViewDeclined)
	r.pass(time.Millisecond)
	r.wantScreen(engine.ViewOutOfService)
	if r.screen.Reason != "relay_down" {
		t.Errorf("reason %q", r.screen.Reason)
	}
	r.step(engine.RelayChanged{Connected: true})
	r.wantScreen(engine.ViewIdle)
}

func TestTheNextSaleEndsTheOutcomeOnTheScreen(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	r.wantScreen(engine.ViewApproved)
	q := r.sale(till2, "R2")
	r.wantScreen(engine.ViewPay)
	r.pass(11 * time.Second)
	r.wantScreen(engine.ViewPay)
	if r.screen.Payment != q.ID {
		t.Error("the wrong code")
	}
}

// TestWakes simulates an hour of everything and counts how often the machine wants to be woken.
func TestWakes(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(*rig)
		most int
	}{
		{"idle", func(*rig) {}, 1},
		{"a sale that expires into a deaf path", func(r *rig) { r.sale(till1, "R1") }, 20},
		{"a sale that no display shows", func(r *rig) { r.start(till1, "R1") }, 20},
		{"approved", func(r *rig) { r.mustDeliver(paid(r.sale(till1, "R1"))) }, 3},
		{"cancelled", func(r *rig) {
			r.cancel(till1, r.sale(till1, "R1").ID)
			r.pass(6 * time.Second)
			r.prove()
		}, 6},
		{"a query that is never answered", func(r *rig) {
			r.cfg.QueryEndpoint = "endpoint-1"
			r.crash()
			r.makeReady()
			r.sale(till1, "R1")
		}, 20},
		{"restarted while cancelling", func(r *rig) {
			r.cancel(till1, r.sale(till1, "R1").ID)
			r.crash()
		}, 20},
		{"rebooted while awaiting", func(r *rig) {
			r.sale(till1, "R1")
			r.reboot()
		}, 20},
		{"the journal takes nothing", func(r *rig) { // one try a second, as the shell does
			r.sale(till1, "R1")
			r.j.refuse = always
		}, 3600},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			tc.do(r)
			r.wakes = 0
			for range 60 {
				r.pass(time.Minute)
			}
			if r.wakes > tc.most {
				t.Errorf("%d wakes in an hour, want at most %d", r.wakes, tc.most)
			}
		})
	}
}

// TestDisplayDuringAnOutcome: a display that comes back while an outcome is on the screen proves
// itself with that outcome; the next sale does not wait until it is over. Another screen than the
// one that it was told proves nothing.
func TestDisplayDuringAnOutcome(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	r.step(engine.DisplayChanged{})
	r.step(engine.DisplayChanged{Connected: true})
	if got := r.reasons(); got != "no_display " {
		t.Fatalf("not ready because of %q", got)
	}
	final := r.payment(p.ID)
	r.step(engine.DisplayShows{Kind: engine.ViewDeclined, Payment: p.ID, Revision: final.Revision})
	r.step(engine.DisplayShows{Kind: engine.ViewApproved, Payment: p.ID,
		Revision: final.Revision - 1})
	if got := r.reasons(); got != "no_display " {
		t.Fatalf("another screen proved the display: %q", got)
	}
	r.step(engine.DisplayShows{Kind: engine.ViewApproved, Payment: p.ID, Revision: final.Revision})
	if got := r.reasons(); got != "" {
		t.Fatalf("not ready because of %q", got)
	}
}

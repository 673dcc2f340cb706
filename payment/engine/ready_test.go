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
		screen payment.Screen
	}{
		{"started", func() {}, "relay_down no_display ", payment.ScreenOutOfService},
		{"relay connected", func() {
			r.step(engine.RelayRemembered{})
			r.step(engine.RelayChanged{Connected: true})
		}, "path_unproven no_display ", payment.ScreenOutOfService},
		{"canary back", func() { r.prove() }, "no_display ", payment.ScreenIdle},
		{"display connected", func() {
			r.step(engine.DisplayChanged{Connected: true, Cause: "not idle yet"})
		}, "no_display ", payment.ScreenIdle},
		{"it shows something else", func() {
			r.step(engine.DisplayShows{Kind: payment.ScreenOutOfService})
		}, "no_display ", payment.ScreenIdle},
		{"it shows idle", func() { r.confirmIdle() }, "", payment.ScreenIdle},
		{"a minute without a canary", func() { r.pass(time.Minute) }, "", payment.ScreenIdle},
		{"and a bit more", func() { r.pass(time.Millisecond) }, "path_unproven ",
			payment.ScreenOutOfService},
		{"an old canary", func() { r.step(engine.CanaryReturned{SentUp: time.Hour - time.Second}) },
			"path_unproven ", payment.ScreenOutOfService},
		{"a new canary", func() { r.prove() }, "", payment.ScreenIdle},
		{"display gone", func() { r.step(engine.DisplayChanged{Cause: "silent"}) }, "no_display ",
			payment.ScreenIdle},
		{"display back", func() { r.step(engine.DisplayChanged{Connected: true}) }, "no_display ",
			payment.ScreenIdle},
		{"idle again", func() { r.confirmIdle() }, "", payment.ScreenIdle},
		{"rollback", func() { r.step(engine.RelayRemembered{Known: lost}) },
			"journal_rollback ", payment.ScreenOutOfService},
		{"the relay has forgotten it", func() { r.step(engine.RelayRemembered{}) },
			"journal_rollback ", payment.ScreenOutOfService},
		{"recovered", func() { r.recovers() }, "", payment.ScreenIdle},
		{"the clock is wrong", func() { r.now.Wall = r.now.Wall.AddDate(-30, 0, 0); r.pass(0) },
			"clock_implausible ", payment.ScreenOutOfService},
		{"and right", func() { r.now.Wall = r.now.Wall.AddDate(30, 0, 0); r.pass(0) }, "",
			payment.ScreenIdle},
		{"the disk is full", func() { r.j.refuse = always; r.pass(0) }, "journal_unavailable ",
			payment.ScreenOutOfService},
		{"and is not", func() { r.j.refuse = nil; r.pass(0) }, "", payment.ScreenIdle},
		{"relay lost", func() { r.step(engine.RelayChanged{Cause: "EOF"}) }, "relay_down ",
			payment.ScreenOutOfService},
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
	if got := r.reasons(); got != "relay_down " { // this journal may not be the newest
		t.Fatalf("before the relay was asked what it remembers: reasons %q", got)
	}
	r.step(engine.RelayRemembered{})
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
	r.wantScreen(payment.ScreenIdle)
	p := r.start(till1, "R1")
	r.wantScreen(payment.ScreenPay)
	r.confirm(p)
	r.step(engine.RelayChanged{Cause: "EOF"})
	// money may be on its way: the code stays until the payment ends
	r.wantScreen(payment.ScreenPay)
	r.mustDeliver(paid(p, status(payment.RecordDeclined, "1")))
	r.wantScreen(payment.ScreenPay)
	if r.screen.Revision != r.payment(p.ID).Revision {
		t.Error("the screen shows another revision")
	}
	r.cancel(till1, p.ID)
	r.wantScreen(payment.ScreenChecking)
	r.pass(6 * time.Second)
	r.wantScreen(payment.ScreenChecking)
	r.prove()
	r.wantScreen(payment.ScreenDeclined)
	if r.screen.Payment != p.ID || r.screen.Money != sgd10 {
		t.Errorf("%+v", r.screen)
	}
	r.pass(10*time.Second - time.Millisecond)
	r.wantScreen(payment.ScreenDeclined)
	r.pass(time.Millisecond)
	r.wantScreen(payment.ScreenOutOfService)
	if r.screen.Reason != "relay_down" {
		t.Errorf("reason %q", r.screen.Reason)
	}
	r.step(engine.RelayChanged{Connected: true})
	r.wantScreen(payment.ScreenIdle)
}

func TestTheNextSaleEndsTheOutcomeOnTheScreen(t *testing.T) {
	r := newRig(t)
	p := r.sale(till1, "R1")
	r.mustDeliver(paid(p))
	r.wantScreen(payment.ScreenApproved)
	q := r.sale(till2, "R2")
	r.wantScreen(payment.ScreenPay)
	r.pass(11 * time.Second)
	r.wantScreen(payment.ScreenPay)
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
	r.step(engine.DisplayShows{Kind: payment.ScreenDeclined, Payment: p.ID,
		Revision: final.Revision})
	r.step(engine.DisplayShows{Kind: payment.ScreenApproved, Payment: p.ID,
		Revision: final.Revision - 1})
	if got := r.reasons(); got != "no_display " {
		t.Fatalf("another screen proved the display: %q", got)
	}
	r.step(engine.DisplayShows{Kind: payment.ScreenApproved, Payment: p.ID,
		Revision: final.Revision})
	if got := r.reasons(); got != "" {
		t.Fatalf("not ready because of %q", got)
	}
}

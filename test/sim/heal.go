package sim

import (
	"slices"
	"time"

	"kiosk-agent/payment"
)

// heal mends everything, lets the time run until all is decided and lets the tills ask for what
// they are owed.
func (w *World) heal() {
	w.healed = true
	w.say("world", "everything is mended")
	w.disk.badUntil, w.disk.blindUntil = 0, 0
	w.screen.small = false
	w.wallOff = 0
	w.relay.heals()
	for _, t := range w.ecrs {
		t.echo = nil
	}
	if w.gw.rotated {
		w.gw.configure()
	}
	w.remembers()
	if w.oracle.has(payment.KindParked) || w.oracle.has(payment.KindLeft) || w.chance(0.3) ||
		w.agent != nil && !slices.Equal(w.agent.accounts, w.configured()) {
		w.after(time.Second, func() {
			if w.agent != nil {
				w.dies(w.chance(0.3), "restarted at the end")
			}
		})
	}
	// whatever process is down comes back
	w.runUntil(w.t + max(0, w.asleepUntil-w.t) + 3*time.Minute)
	if w.cov.Faults[webhookHours] > 0 {
		w.suspend(5 * time.Hour) // what was delayed by hours arrives
		w.runUntil(w.t + 5*time.Hour + time.Minute)
	}
	for _, d := range []time.Duration{30 * time.Second, 90 * time.Second, 5 * time.Minute,
		10 * time.Minute} {
		w.asksAll()
		w.runUntil(w.t + d)
	}
	if w.chance(0.3) {
		w.staff.works()
	}
	if w.prof.query { // the slowest rhythm of the watch
		if w.chance(0.8) {
			w.suspend(65 * time.Minute)
		}
		w.runUntil(w.t + 75*time.Minute)
	}
	w.asksForAccounts()
	w.closing = true
	if w.sibling != nil {
		w.sibling.recovers()
	}
	for range 2 {
		w.asksAll()
		w.runUntil(w.t + time.Minute)
	}
	for range 10 { // what is read once more began when it was due, also at the very end
		if !w.behind() {
			return
		}
		w.runUntil(w.t + 10*time.Second)
	}
}

// behind reports whether the relay holds a delivery that the journal has not read up to.
func (w *World) behind() bool {
	hooks := w.relay.hooks()
	if len(hooks) == 0 {
		return false
	}
	at, ok, err := w.disk.Journal.Position()
	return err != nil || !ok || at.Epoch != w.relay.disk.Epoch ||
		at.Seq < hooks[len(hooks)-1].Seq
}

// asksAll lets tills and staff ask for everything.
func (w *World) asksAll() {
	for _, t := range w.tills {
		t.asksForAll()
	}
	if w.screen.open && !w.screen.connected {
		w.screen.reconnects(time.Second)
	}
	if !w.closing {
		w.staff.looks()
	}
}

// has reports whether a fact of this kind was committed.
func (o *oracle) has(k payment.Kind) bool {
	for _, e := range o.facts {
		if e.f.Kind() == k {
			return true
		}
	}
	return false
}

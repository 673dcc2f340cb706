package sim

import "time"

// mishap is something that goes wrong by itself at some moment of the run.
func (w *World) mishap() {
	switch w.rng.IntN(20) {
	case 0:
		if w.agent != nil && w.hit(crashIdle) {
			w.dies(w.hit(powerCut), "killed")
		}
	case 1:
		if w.hit(clockJumps) {
			w.wallOff += pick[time.Duration](w, -1, 1) * w.between(time.Second, 5*time.Hour)
			w.say("clock", "jumps: the wall clock is %s wrong", w.wallOff)
		}
	case 2:
		if w.hit(clockJumpsYears) {
			w.jump(pick(w, -1, 1))
		}
	case 3:
		if w.hit(suspended) {
			w.suspend(pick(w, w.between(time.Second, 30*time.Second),
				w.between(time.Minute, 10*time.Minute), w.between(time.Hour, 5*time.Hour)))
		}
	case 4:
		if w.hit(relayRestart) {
			w.relay.restarts()
		}
	case 5:
		if w.relay.copied == nil {
			w.relay.copies()
		}
		w.after(w.between(0, 5*time.Minute), func() {
			if w.hit(relayRestored) {
				w.relay.restored(w.chance(0.5))
			}
		})
	case 6:
		if w.hit(relayRubbish) {
			w.relay.rubbish(pick(w, 3, 8, 30))
		}
		w.after(w.between(0, time.Minute), func() {
			if w.hit(relayMadeAnew) {
				w.relay.madeAnew(w.chance(0.5))
			}
		})
	case 7:
		if w.hit(displayLost) {
			w.screen.lost("its connection ended")
		}
	case 8:
		if w.hit(secretRotated) {
			w.rotates()
		}
	case 9:
		if w.hit(tillForgets) {
			w.tills[w.rng.IntN(2)].forgets()
		}
		if w.hit(tillForgets) {
			t := pick(w, w.ecrs...)
			t.reboots()
			// the cashier types the next sale
			w.after(w.between(4*time.Second, 9*time.Second), t.wants)
		}
	case 10:
		if t := pick(w, w.ecrs...); t.plugged && w.hit(linePulled) {
			t.pulls(w.between(time.Second, 30*time.Second))
		}
	case 11:
		if w.hit(displaySmall) {
			w.screen.small = true
			w.after(w.between(10*time.Second, 2*time.Minute), func() { w.screen.small = false })
		}
	case 12:
		if w.hit(relayFlood) {
			w.relay.flood(pick(w, 3, 20, 60))
		}
		if w.hit(relayRubbish) {
			w.relay.rubbish(pick(w, 3, 8, 30))
		}
	case 13:
		if w.hit(journalCloned) {
			w.relay.hearsAClone()
		}
	case 14:
		if w.prof.enabled[accountSwitched] && w.chance(0.3*w.prof.level) {
			w.cov.Faults[accountSwitched]++
			w.switches()
		}
	case 15:
		if w.prof.enabled[reconfigured] && w.chance(0.5*w.prof.level) {
			w.cov.Faults[reconfigured]++
			w.reconfigures()
		}
	case 16:
		if t := pick(w, w.ecrs...); t.plugged && w.prof.enabled[lineEchoes] {
			t.pulls(w.between(time.Second, 5*time.Second)) // another cable comes
		}
	case 17:
		if t := pick(w, w.ecrs...); w.hit(lineAnswers) {
			t.hearsTerminal()
		}
	default:
		w.staff.looks()
	}
}

// jump sets the wall clock years wrong.
func (w *World) jump(sign int) {
	w.wallOff += time.Duration(sign) * w.between(300*24*time.Hour, 20*365*24*time.Hour)
	w.say("clock", "jumps: the wall clock is %s wrong", w.wallOff)
}

// suspend stops everything on the kiosk; its boot clock runs on.
func (w *World) suspend(d time.Duration) {
	w.say("machine", "is suspended for %s", d)
	w.asleepUntil = max(w.asleepUntil, w.t+d)
	if s := w.relay.session; s != nil && d > 45*time.Second {
		k := s.conn
		w.after(45*time.Second, func() { k.cut("silent for three pings") })
	}
}

// rotates changes the secret at the gateway; somebody remembers the agent's configuration some time
// later.
func (w *World) rotates() {
	w.gw.rotate()
	w.say("gateway", "has a new secret")
	for range 3 { // rubbish takes the places that its notifications will need
		if w.hit(relayRubbish) {
			w.relay.rubbish(pick(w, 3, 8, 30))
		}
	}
	for range 2 { // and somebody pays before anybody has remembered
		w.after(w.between(0, 30*time.Second), w.asksForSale)
	}
	w.after(w.between(10*time.Second, 5*time.Minute), func() {
		if !w.gw.rotated {
			return
		}
		w.gw.configure()
		w.say("staff", "configure the new secret and restart the agent")
		if w.agent != nil {
			w.dies(false, "restarted by staff")
		}
	})
}

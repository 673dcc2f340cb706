package sim

import (
	"errors"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// screen is the customer display with its browser: what it was told, what it has painted, and
// whether it says so.
type screen struct {
	w         *World
	open      bool // the browser runs
	connected bool
	conn      int
	want      engine.View // newest that this process told
	painted   engine.View
	small     bool
	frozen    bool
	version   int
	lostAt    time.Duration // true time
}

// Fits is asked before a sale.
func (s *screen) Fits(string) error {
	if s.small && s.open {
		return errors.New("only 2 px for a module")
	}
	return nil
}

// opens starts the browser.
func (s *screen) opens() {
	s.open = true
	s.reconnects(s.w.between(100*time.Millisecond, 2*time.Second))
}

func (s *screen) reconnects(d time.Duration) {
	w := s.w
	s.conn++
	n := s.conn
	w.onMachine(d, func() {
		if n != s.conn || w.agent == nil || !s.open {
			return
		}
		s.connected, s.frozen = true, false
		w.say("display", "connects")
		w.agent.post(engine.DisplayChanged{Connected: true, Touch: w.prof.touch,
			Cause: "it has not confirmed a screen yet"})
		s.paints()
	})
}

// show takes a view of the engine; a display that is away gets the newest when it comes.
func (s *screen) show(v engine.View) {
	s.want = v
	s.version++
	s.w.say("engine", "shows %s %s", v.Kind, short(v.Payment))
	if s.connected {
		s.paints()
	}
}

// paints draws what was told, and confirms it.
func (s *screen) paints() {
	w := s.w
	d := w.between(10*time.Millisecond, 150*time.Millisecond)
	if w.hit(displayLate) {
		d = w.between(time.Second, 9*time.Second)
	}
	v, version, conn := s.want, s.version, s.conn
	w.onMachine(d, func() {
		if version != s.version || conn != s.conn || !s.connected || s.frozen {
			return
		}
		if v.Payload != "" && w.hit(displayFrozen) {
			s.frozen = true
			w.say("display", "is frozen")
			w.onMachine(w.between(5*time.Second, 30*time.Second),
				func() { s.lost("its heartbeat is missing") })
			return
		}
		if v.Payload != "" && w.hit(displaySmall) {
			w.say("display", "cannot draw the code of %s", short(v.Payment))
			w.agent.post(engine.DisplayRefused{Payment: v.Payment, Reason: "too small"})
			return
		}
		s.painted = v
		w.agent.post(engine.DisplayShows{Kind: v.Kind, Payment: v.Payment, Revision: v.Revision})
		if v.Kind == payment.ScreenChoose {
			w.customerChooses(v)
		}
		if v.Payload != "" {
			w.say("display", "has painted %s %s", v.Kind, short(v.Payment))
			w.customerSees(v.Payload)
		}
	})
}

// lost ends the display's connection; within three seconds it shows nothing payable any more, and
// then it comes back.
func (s *screen) lost(why string) {
	w := s.w
	if !s.connected {
		return
	}
	s.connected, s.lostAt = false, w.t
	w.say("display", "is lost: %s", why)
	if w.agent != nil {
		w.agent.post(engine.DisplayChanged{Connected: false, Cause: why})
	}
	s.dead()
	s.reconnects(w.between(500*time.Millisecond, 20*time.Second))
}

func (s *screen) dead() {
	n := s.version
	s.w.onMachine(3*time.Second, func() {
		if n == s.version && !s.connected {
			s.painted = engine.View{}
		}
	})
}

// The process of the agent comes and goes; the browser stays.

func (s *screen) agentStarts() {
	s.want = s.w.agent.screen
	if s.open {
		s.reconnects(s.w.between(200*time.Millisecond, 3*time.Second))
	}
}

func (s *screen) agentGone() {
	s.connected, s.frozen, s.lostAt = false, false, s.w.t
	s.conn++
	s.version++
	s.want = engine.View{Kind: payment.ScreenIdle}
	s.dead()
}

func (s *screen) powerGone() { s.open, s.painted = false, engine.View{} }
func (s *screen) powerBack() { s.open = true }

package ui

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/internal/bootclock"
	"kiosk-agent/payment"
	"kiosk-agent/ui/qr"
)

// loop owns the connections. Whatever happens is one step of it, under its lock and on whose
// goroutine it happened: a reader's, the alarm's, or Run's for what is to be shown. A display hears
// the agent only through this lock, so that one that hears it knows that the loop is not stuck.
type loop struct {
	h     *Hub
	alarm *bootclock.Alarm // rings when tick is due

	mu      sync.Mutex
	over    bool // no step is taken any more
	clients map[*client]struct{}
	active  *client
	seq     int64 // of the newest frame
	beats   int64
	told    time.Time // when the active display was last sent a frame or a beat
	refused refusal   // told last, so that a resize does not repeat it
	drawn   map[drawKey]*drawing
}

type drawKey struct {
	payload string
	level   qr.Level
}

type refusal struct {
	payment  string
	revision int64
	boxPx    int
}

// step does one thing, unless the loop is over.
func (l *loop) step(do func()) (open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	do()
	l.arm()
	return true
}

// end takes no further step and closes every connection; their goroutines end by themselves.
func (l *loop) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for c := range l.clients {
		c.part(parting{reason: "shutdown", code: websocket.CloseGoingAway})
	}
	l.active = nil
	l.h.setState(State{})
}

// arrive takes what a reader hands over. answer says that the display asks for a sign of life and
// gets one.
func (l *loop) arrive(a arrival) (answer, open bool) {
	open = l.step(func() {
		l.arrived(a)
		answer = a.msg.Type == "ask" && a.c == l.active && l.atRest()
	})
	return answer, open
}

func (l *loop) arrived(a arrival) {
	switch {
	case a.first:
		a.c.joined = time.Now()
		a.c.heard = a.c.joined
		l.clients[a.c] = struct{}{}
	case a.err != nil:
		l.ended(a.c, a.err)
	default:
		if _, known := l.clients[a.c]; known { // else it was let go, and is on its way out
			l.message(a.c, a.msg)
		}
	}
}

func (l *loop) ended(c *client, err error) {
	delete(l.clients, c)
	if c == l.active {
		l.active = nil
		l.h.log.Info("display disconnected", "addr", c.addr, "error", err)
		l.h.setState(State{})
	}
}

func (l *loop) message(c *client, m report) {
	c.heard = time.Now()
	if m.Type == "hello" {
		l.activate(c, m)
		return
	}
	if c != l.active {
		return // it has been told to go, or has not said hello
	}
	switch m.Type {
	case "layout":
		before := l.h.State().BoxPx
		l.measure(m)
		if m.BoxPx != before && l.h.current().Kind == payment.ScreenPay {
			l.push("screen")
		}
	case "shown":
		l.measure(m)
		l.shown(c, m)
	case "choose":
		l.chose(c, m)
	}
}

// activate makes c the active display. The one before it gives way and does not come back while c
// is there.
func (l *loop) activate(c *client, m report) {
	if old := l.active; old != nil && old != c {
		l.h.metrics.dropped.WithLabelValues("moved").Inc()
		l.h.log.Info("display replaced by a newer one", "addr", c.addr, "old_addr", old.addr)
		l.drop(old, parting{reason: "moved", code: closeMoved})
	}
	c.hello = true
	l.active = c
	l.h.log.Info("display connected", "addr", c.addr, "box_px", m.BoxPx, "width", m.Viewport[0],
		"height", m.Viewport[1], "dpr", m.DPR)
	l.refused = refusal{}
	l.h.setState(State{Connected: true, BoxPx: m.BoxPx, ViewportW: m.Viewport[0],
		ViewportH: m.Viewport[1], DPR: m.DPR, Touch: m.Touch})
	l.push("snapshot")
}

func (l *loop) measure(m report) {
	s := l.h.State()
	s.BoxPx, s.ViewportW, s.ViewportH, s.DPR, s.Touch = m.BoxPx, m.Viewport[0], m.Viewport[1],
		m.DPR, m.Touch
	l.h.setState(s)
}

// shown believes a report only about the newest frame, so that a late one cannot confirm a screen
// that is gone.
func (l *loop) shown(c *client, m report) {
	if m.Seq != c.sent.Seq || m.Payment != c.sent.Payment || m.Revision != c.sent.Revision {
		return
	}
	ownKind := m.Kind == screenWait || m.Kind == payment.ScreenChecking || m.Kind == screenHidden
	if m.Kind != c.sent.Kind && !ownKind {
		return
	}
	s := l.h.State()
	s.Showing = m.Kind
	if m.Kind == screenHidden {
		s.Warn = "the page is not visible"
	} else if s.Warn == "the page is not visible" {
		s.Warn = ""
	}
	l.h.setState(s)
	if asked := l.h.current(); m.Kind == asked.Kind && m.Payment == asked.Payment &&
		m.Revision == asked.Revision {
		l.h.ev.DisplayShown(m.Kind, m.Payment, m.Revision)
	}
}

// chose believes a touch only about the newest frame, and only one of what it offers: a late one
// may be about another sale.
func (l *loop) chose(c *client, m report) {
	s := l.h.current()
	if m.Seq != c.sent.Seq || m.Payment != s.Payment || s.Kind != payment.ScreenChoose ||
		c.sent.Kind != payment.ScreenChoose || !slices.Contains(s.Schemes, m.Scheme) {
		return
	}
	l.h.ev.DisplayChose(s.Payment, m.Scheme)
}

// atRest reports whether nothing is for sale that the display shows. Then a display may ask for
// signs of life, and gets beats only where it does not: what is shown goes stale no later, but one
// message wakes this process where there were two.
func (l *loop) atRest() bool {
	kind := l.h.current().Kind
	return kind == payment.ScreenIdle || kind == payment.ScreenOutOfService
}

// beatDue is when the active display is to hear the next beat. At rest it asks, after two beats of
// silence: one that has not asked half a beat later does not ask.
func (l *loop) beatDue() time.Time {
	due := l.told.Add(l.h.cfg.Beat)
	if quiet := l.active.heard.Add(5 * l.h.cfg.Beat / 2); l.atRest() && quiet.After(due) {
		return quiet
	}
	return due
}

// lostAt is when a display counts as lost that says nothing until then: it has let so many beats go
// unanswered.
func (l *loop) lostAt(c *client) time.Time {
	if !c.hello {
		return c.joined.Add(deadBeats * l.h.cfg.Beat)
	}
	return c.heard.Add((deadBeats + 1) * l.h.cfg.Beat)
}

// arm sets the alarm to what is due first; with nobody there, nothing wakes the machine.
func (l *loop) arm() {
	if len(l.clients) == 0 {
		l.alarm.Stop()
		return
	}
	var first time.Time
	if l.active != nil {
		first = l.beatDue()
	}
	for c := range l.clients {
		if at := l.lostAt(c); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	l.alarm.Reset(time.Until(first))
}

// tick sends the heartbeat and lets go of displays that have not answered, or never said hello.
func (l *loop) tick() {
	now := time.Now()
	for c := range l.clients {
		if !now.Before(l.lostAt(c)) {
			l.h.metrics.dropped.WithLabelValues("silent").Inc()
			l.h.log.Warn("display has not answered", "addr", c.addr,
				"silent", now.Sub(c.heard).Round(time.Millisecond))
			l.drop(c, parting{reason: "silent", code: closeSilent})
		}
	}
	if l.active == nil || now.Before(l.beatDue()) {
		return
	}
	l.beats++
	l.send(encode(beat{Type: "beat", N: l.beats, Seq: l.seq,
		RemainingMS: l.remaining(l.h.current())}))
}

// push sends the current screen to the active display as a snapshot or a screen.
func (l *loop) push(kind string) {
	c := l.active
	if c == nil {
		return
	}
	f, warn := l.frame(l.h.current())
	l.seq++
	f.Type, f.Seq = kind, l.seq
	if kind == "snapshot" {
		f.Build = l.h.page.build
	}
	s := l.h.State()
	s.Warn = warn
	l.h.setState(s)
	c.sent = f
	c.sent.QR = nil
	l.send(encode(f))
}

func (l *loop) send(msg []byte) {
	c := l.active
	l.told = time.Now()
	if c.send(msg) {
		return
	}
	l.h.metrics.dropped.WithLabelValues("slow").Inc()
	l.h.log.Warn("display is too slow", "addr", c.addr)
	c.hangUp()
	l.drop(c, parting{reason: "slow", code: closeSilent})
}

// drop forgets a client at once; its goroutines end by themselves.
func (l *loop) drop(c *client, p parting) {
	c.part(p)
	delete(l.clients, c)
	if c == l.active {
		l.active = nil
		l.h.setState(State{})
	}
}

// remaining is what is left of a countdown, never negative; nil for screens without one.
func (l *loop) remaining(s timed) *int64 {
	switch s.Kind {
	case payment.ScreenChoose, payment.ScreenPay, payment.ScreenOpened:
	default:
		return nil
	}
	ms := max(0, (s.until - l.h.cfg.Now()).Milliseconds())
	return &ms
}

// frame draws a screen for the active display, or the refusal that replaces a code that does not
// fit.
func (l *loop) frame(s timed) (f frame, warn string) {
	f = frame{
		Kind: s.Kind, Payment: s.Payment, Revision: s.Revision, Amount: groupThousands(s.Amount),
		Currency: clip(s.Currency, 8), Schemes: schemeLabels(s.Schemes),
		RemainingMS: l.remaining(s), TotalMS: s.Deadline.Milliseconds(),
		Reason: reasonCode(s.Reason),
	}
	if s.Kind == payment.ScreenChoose {
		f.Schemes = nil
		for _, code := range s.Schemes {
			f.Choices = append(f.Choices, choice{code, schemeLabel(code)})
		}
	}
	if s.Kind != payment.ScreenPay {
		return f, ""
	}
	f.How = howToScan(s.Payload, s.App)
	if *f.RemainingMS == 0 {
		return f, ""
	}
	choice, err := qr.Fit(s.Payload, l.h.State().BoxPx)
	if err == nil {
		f.QR, err = l.draw(s.Payload, choice)
	}
	if err == nil {
		return f, choice.Warn
	}
	if r := (refusal{s.Payment, s.Revision, l.h.State().BoxPx}); r != l.refused {
		l.refused = r
		l.h.log.Error("the code cannot be shown", "payment", s.Payment, "error", err)
		l.h.ev.DisplayRefused(s.Payment, s.Revision, err.Error())
	}
	reason := reasonTooLong
	if errors.Is(err, qr.ErrTooSmall) {
		reason = reasonTooSmall
	}
	return frame{Kind: payment.ScreenOutOfService, Payment: s.Payment, Revision: s.Revision,
			Reason: reason},
		err.Error()
}

// prepare draws a code before it is shown. What hinders it, the showing tells.
func (l *loop) prepare(payload string) {
	if choice, err := qr.Fit(payload, l.h.State().BoxPx); err == nil {
		_, _ = l.draw(payload, choice)
	}
}

// draw keeps the last drawing, because a reconnect or a resize asks for the same one again.
func (l *loop) draw(payload string, choice qr.Choice) (*drawing, error) {
	key := drawKey{payload, choice.Level}
	if d, ok := l.drawn[key]; ok {
		d.Px = choice.PxPerModule
		return d, nil
	}
	start := time.Now()
	m, err := choice.Draw(payload)
	if err != nil {
		return nil, err
	}
	d := &drawing{Modules: m.Size(), Quiet: qr.Quiet, Px: choice.PxPerModule,
		Level: choice.Level.String(), Bits: m.Bits()}
	l.h.metrics.drawSeconds.Observe(time.Since(start).Seconds())
	clear(l.drawn)
	l.drawn[key] = d
	return d, nil
}

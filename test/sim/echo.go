package sim

import (
	"fmt"
	"time"

	"kiosk-agent/test/ecrtill"
)

// echo is a line that brings back what the agent sends: a wrong adapter, or one that was set wrong.
type echo struct {
	late time.Duration // after the bytes left
	at   time.Duration // arrival of the newest of them
}

// heardBack are frames that the agent has sent on a line, for those who say them again.
const heardBack = 12

func (w *World) drawEcho() *echo {
	return &echo{late: pick(w, 0, w.between(0, 5*time.Millisecond),
		w.between(20*time.Millisecond, 250*time.Millisecond),
		w.between(0, 1500*time.Millisecond))}
}

// mayEcho decides, with each new cable, whether the line echoes.
func (t *ecrTill) mayEcho() {
	t.echo = nil
	if t.w.hit(lineEchoes) {
		t.echo = t.w.drawEcho()
		t.say("is on a line that echoes, after %s", t.echo.late)
	}
}

// comesBack brings what the agent has sent back to it.
func (t *ecrTill) comesBack(b []byte) {
	w, e := t.w, t.echo
	if e == nil || w.healed {
		return
	}
	own := len(b) == 1
	b, d := t.line(b)
	if len(b) == 0 {
		return
	}
	e.at = max(e.at, w.t+d+e.late)
	half := w.rng.IntN(len(b))
	t.comes(b[:half], e.at-time.Duration(len(b)-half)*time.Millisecond)
	t.comes(b[half:], e.at)
	n := t.cable
	w.after(e.at-w.t, func() {
		if n == t.cable {
			w.met(comesBack)
			w.metIf(own && t.wroteAt > t.ackCame, ownControlBack)
		}
	})
}

// comes brings bytes to the agent that the till has not sent.
func (t *ecrTill) comes(b []byte, at time.Duration) {
	n := t.cable
	t.w.inside(at-t.w.t, func() {
		if n == t.cable && t.plugged && len(b) > 0 {
			t.session().receives(b)
		}
	})
}

// hasSent notes a frame of the agent's.
func (t *ecrTill) hasSent(b []byte) {
	if len(b) == 1 {
		return
	}
	t.wroteAt = t.w.t
	t.said = append(t.said, b)
	t.said = t.said[max(0, len(t.said)-heardBack):]
}

// hearsTerminal lets frames come in on the line that only a terminal sends: what the agent has said
// before, or what another one says.
func (t *ecrTill) hearsTerminal() {
	w := t.w
	for range pick(w, 1, 1, 3) {
		w.after(w.between(0, pick(w, 3*time.Second, 3*time.Minute)), func() {
			if w.healed || !t.plugged || w.agent == nil {
				return
			}
			b := t.terminals()
			w.met(terminalHeard)
			t.say("has a terminal's answer come in on its line")
			t.comes(b, w.t+time.Duration(len(b))*time.Millisecond)
		})
	}
}

// terminals is a terminal's answer to a sale.
func (t *ecrTill) terminals() []byte {
	w := t.w
	m := ecrtill.Message{ECN: fmt.Sprintf("%012d", firstECN), Function: t.d.QR, Code: "00",
		Fields: []ecrtill.Field{{Code: "02", Data: fmt.Sprintf("%-40s", "APPROVED")},
			ecrtill.Amount(w.amount())}}
	if len(t.said) > 0 {
		b := pick(w, t.said...)
		known, err := ecrtill.Decode(b)
		if err != nil || w.chance(0.6) {
			return b
		}
		m = known
	}
	switch w.rng.IntN(3) {
	case 0:
		m.ECN = fmt.Sprintf("%012d", t.ecn+int64(w.rng.IntN(4)))
	case 1:
		m.Code = pick(w, "00", "01", "51", "TO")
	}
	for i, f := range m.Fields {
		if f.Code == "40" && w.chance(0.5) {
			m.Fields[i] = ecrtill.Amount(w.amount())
		}
	}
	b, err := m.Encode()
	if err != nil {
		w.fail("%v", err)
	}
	return b
}

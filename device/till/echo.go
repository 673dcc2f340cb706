package till

import (
	"bytes"
	"slices"
	"time"
)

// Trouble is what is wrong with a line that is open: what staff must see to.
type Trouble string

// The troubles; "" is none.
const (
	// TroubleEcho: what was sent comes back.
	TroubleEcho Trouble = "echo"
	// TroubleAnswer: frames come in that only a terminal sends, and that this one has not sent.
	TroubleAnswer Trouble = "answer"
)

// Text and Cure are for staff.
func (t Trouble) Text() string {
	switch t {
	case TroubleEcho:
		return "the line echoes: what the agent sends comes back"
	case TroubleAnswer:
		return "a terminal's answers come in on the line, which are not the agent's"
	default:
		return ""
	}
}

// Cure is what to do about it.
func (t Trouble) Cure() string {
	switch t {
	case TroubleEcho:
		return "switch local echo off in the adapter or converter (a converter to two wires must " +
			"not receive while it sends), look for a loop-back plug, and check that TX and RX " +
			"are not connected"
	case TroubleAnswer:
		return "leave one terminal only on the till's line, and check that TX and RX are not " +
			"exchanged"
	default:
		return ""
	}
}

const (
	// maxEchoes bounds the frames whose echo is looked for.
	maxEchoes = 8
	// mostOwnWaits bounds in ACK timers how long an outcome waits because the agent's own ACK may
	// come back: a till that asks and asks is told all the same.
	mostOwnWaits = 3
	// listens is how long after a suspension it takes, at least, until what had come in is read.
	listens = 25 * time.Millisecond
	// answerShown is how long a terminal's answer is named after it came.
	answerShown = 10 * time.Minute
)

// What comes back is no request and no ACK. While it is not proved that nothing does, an ACK or NAK
// is judged by how many of the agent's own may come back, and an outcome waits until none may: the
// echo of an ACK that was on its way longer than the answer behind it would acknowledge that.

// sentBytes are something that went out and may come back.
type sentBytes struct {
	bytes []byte
	at    time.Duration // when they began to
	until time.Duration // they come back no later; 0 = they are going out
}

// control reports whether it is an ACK or NAK.
func (s sentBytes) control() bool { return len(s.bytes) == 1 }

// over reports whether they do not come back any more.
func (s sentBytes) over(up time.Duration) bool { return s.until > 0 && up > s.until }

// maySend notes what goes out.
func (m *Machine) maySend(b []byte) {
	if len(m.echoes) >= maxEchoes {
		if old := m.echoes[0]; old.control() {
			m.crowded = max(m.crowded, m.now.Up+m.echoWindow(old.bytes))
		}
		m.echoes = slices.Delete(m.echoes, 0, 1)
	}
	m.echoes = append(m.echoes, sentBytes{bytes: b, at: m.now.Up})
}

// gone: the last byte of what was written has left.
func (m *Machine) gone() {
	l := &m.link
	for i := range m.echoes {
		s := &m.echoes[i]
		if s.until > 0 {
			continue
		}
		s.until = m.now.Up + m.echoWindow(s.bytes)
		if !s.control() {
			continue
		}
		if m.now.Up >= l.ownUntil {
			l.ownSince = m.now.Up
		}
		l.ownUntil = min(s.until+time.Millisecond, l.ownSince+mostOwnWaits*m.timers.ACK)
	}
}

// echoWindow is how long after it went out something may come back: 2 ms for each byte, and what a
// till has for its ACK.
func (m *Machine) echoWindow(b []byte) time.Duration {
	return m.timers.ACK + time.Duration(len(b))*2*time.Millisecond
}

// slept notes since when the machine has been stepped without a pause: what came in meanwhile has
// yet to be read.
func (m *Machine) slept(before time.Duration) {
	if m.now.Up-before > 3*listens {
		m.awake = m.now.Up
	}
}

// listened is when the machine wants to be stepped so that s can be proved: before the time of its
// echo is over, and after it.
func (m *Machine) listened(s sentBytes) time.Duration {
	if early := s.until - 2*listens; m.now.Up < early {
		return early
	}
	return max(s.until+1, m.awake+listens)
}

// prove forgets what does not come back any more. A control with none after it proves that nothing
// does, and so does a frame of which nothing came back, unless a control still may. A machine that
// was suspended has heard no silence: it listens first.
func (m *Machine) prove() {
	up, may := m.now.Up, m.now.Up <= m.crowded
	settled := func(s sentBytes) bool { return s.over(up) && up >= m.awake+listens }
	for _, s := range m.echoes {
		may = may || s.control() && !settled(s)
	}
	m.echoes = slices.DeleteFunc(m.echoes, func(s sentBytes) bool {
		if !settled(s) {
			return false
		}
		quiet := m.rubbish < s.at
		quiet = quiet && m.trouble != TroubleEcho // of one that echoes a single echo may be lost
		m.clean = m.clean || quiet && (s.control() && m.controlAt < s.at || !s.control() && !may)
		return true
	})
	if m.clean && m.mayBeHeard != nil {
		if m.mayBeHeard == m.rejection {
			m.rejection = nil
		}
		m.mayBeHeard = nil
	}
}

// soiled: something came that no till sends, such as the rest of an echo.
func (m *Machine) soiled() { m.rubbish, m.clean, m.mayBeHeard = m.now.Up, false, nil }

// isEcho reports whether these bytes are what went out a moment ago. Each comes back once.
func (m *Machine) isEcho(b []byte) bool {
	i := slices.IndexFunc(m.echoes, func(s sentBytes) bool {
		return !s.over(m.now.Up) && bytes.Equal(s.bytes, b)
	})
	if i < 0 {
		return false
	}
	m.echoes = slices.Delete(m.echoes, i, i+1)
	return true
}

// echoed drops a frame that came back, and names the line.
func (m *Machine) echoed(frame []byte) bool {
	if !m.isEcho(frame) {
		return false
	}
	m.soiled()
	m.count(CounterEcho)
	if m.trouble != TroubleEcho {
		m.warn("the line echoes: a frame that was sent came back")
	}
	m.troubled(TroubleEcho)
	return true
}

// mayBeOwn reports whether an ACK or NAK may be the agent's own that came back.
func (m *Machine) mayBeOwn(b byte) bool {
	m.controlAt = m.now.Up
	l := &m.link
	if m.clean && (l.out == nil || l.phase != waiting) && m.isEcho([]byte{b}) {
		m.clean = false // nothing waits for it, and it is what went out a moment ago
		return true
	}
	if m.clean {
		return false
	}
	return m.isEcho([]byte{b}) || m.now.Up <= m.crowded
}

// strayed counts an ACK or NAK that counts for nothing.
func (m *Machine) strayed(own bool) {
	if own && m.trouble == TroubleEcho {
		m.count(CounterEcho)
		return
	}
	m.count(CounterStrayAck)
}

// answerCame is a frame that only a terminal sends: it gets no ACK, and starts nothing.
func (m *Machine) answerCame(frame []byte) {
	if m.echoed(frame) {
		return
	}
	m.soiled()
	m.count(CounterAnswer)
	if m.trouble == "" {
		m.warn("a terminal's answer came in on the line")
	}
	if m.trouble != TroubleEcho {
		m.troubled(TroubleAnswer)
	}
}

func (m *Machine) troubled(t Trouble) { m.trouble, m.troubleAt = t, m.now.Up }

// unechoed takes back that the line echoes: a frame has its ACK, and has not come back.
func (m *Machine) unechoed(frame []byte) {
	if m.trouble == TroubleEcho && m.isEcho(frame) {
		m.trouble = ""
		m.note("the line does not echo any more")
	}
}

// Trouble is what is wrong with the line at this time, on the boot clock.
func (m *Machine) Trouble(up time.Duration) Trouble {
	if m.trouble == TroubleAnswer && up > m.troubleAt+answerShown {
		return ""
	}
	return m.trouble
}

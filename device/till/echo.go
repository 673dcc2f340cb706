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
	// answerShown is how long a terminal's answer is named after it came.
	answerShown = 10 * time.Minute
)

// sentBytes are something that went out and may come back.
type sentBytes struct {
	bytes []byte
	at    time.Duration // when they began to
}

// maySend notes what goes out: its echo is no request and no ACK.
func (m *Machine) maySend(b []byte) {
	m.echoes = slices.DeleteFunc(m.echoes,
		func(s sentBytes) bool { return m.now.Up > s.at+m.echoWindow(s.bytes) })
	if len(m.echoes) >= maxEchoes {
		m.echoes = slices.Delete(m.echoes, 0, 1)
	}
	m.echoes = append(m.echoes, sentBytes{b, m.now.Up})
}

// echoWindow is how long after its first byte a frame may come back: 2 ms for each byte, and what a
// till has for its ACK.
func (m *Machine) echoWindow(b []byte) time.Duration {
	return m.timers.ACK + time.Duration(len(b))*2*time.Millisecond
}

// isEcho reports whether these bytes are what went out a moment ago. Each comes back once.
func (m *Machine) isEcho(b []byte) bool {
	i := slices.IndexFunc(m.echoes, func(s sentBytes) bool {
		return m.now.Up <= s.at+m.echoWindow(s.bytes) && bytes.Equal(s.bytes, b)
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
	m.count(CounterEcho)
	if m.trouble != TroubleEcho {
		m.warn("the line echoes: a frame that was sent came back")
	}
	m.troubled(TroubleEcho)
	return true
}

// echoedControl drops an ACK or NAK that may be the agent's own. On a line that is not known to
// echo it is the till's where one is waited for: the first frame comes back before its ACK can.
func (m *Machine) echoedControl(b byte) bool {
	waits := m.link.out != nil && m.link.phase == waiting
	if m.trouble != TroubleEcho && waits || !m.isEcho([]byte{b}) || m.trouble != TroubleEcho {
		return false
	}
	m.count(CounterEcho)
	return true
}

// answerCame is a frame that only a terminal sends: it gets no ACK, and starts nothing.
func (m *Machine) answerCame(frame []byte) {
	if m.echoed(frame) {
		return
	}
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

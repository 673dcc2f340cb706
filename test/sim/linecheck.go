package sim

import (
	"bytes"
	"time"

	"kiosk-agent/device/till"
	"kiosk-agent/test/ecrtill"
)

// What may be done on a line only because the till has said so: frames that came back, or that
// another terminal has sent, are none of its.

// mostFrames is what a terminal sends in a minute at the most, whatever a till asks.
const mostFrames = 40

// outcomes are what a line's process has offered and sent.
type outcomes struct {
	id    string // of the newest offer
	frame []byte
	sent  map[string]time.Duration // by payment, true time of the newest transmission
	acked map[till.AskAcknowledge]bool
	burst []time.Duration // true times of the newest frames
}

func newOutcomes() outcomes {
	return outcomes{sent: map[string]time.Duration{}, acked: map[till.AskAcknowledge]bool{}}
}

// goesOut checks a frame that the session sends.
func (l *line) goesOut(b []byte) {
	w, x := l.a.w, &l.outcomes
	if len(b) == 1 {
		return
	}
	if bytes.Equal(b, x.frame) {
		x.sent[x.id] = w.t
	}
	if x.burst = append(x.burst, w.t); len(x.burst) > mostFrames {
		if x.burst = x.burst[1:]; w.t-x.burst[0] < time.Minute {
			w.fail("the session sends %d frames in %s", mostFrames, w.t-x.burst[0])
		}
	}
	m, err := ecrtill.Decode(b)
	if err == nil && m.Function == l.t.d.LastResult && !l.t.askedLast {
		w.fail("the last result is sent, and the till has never asked for it")
	}
}

// isAcked checks that the till has acknowledged what the session says it has.
func (l *line) isAcked(e till.AskAcknowledge) {
	w, x := l.a.w, &l.outcomes
	w.oracle.lineAcks(e.ID)
	e.To = 0
	if x.acked[e] {
		return // tried again
	}
	x.acked[e] = true
	if l.t.ackCame < x.sent[e.ID] {
		w.fail("the outcome of %s counts as acknowledged, and its till has sent no ACK since it "+
			"went out", e.ID)
	}
}

// isCancelled checks that the till has asked to cancel: it never has to end what was not started.
func (l *line) isCancelled(id string) {
	if a := l.a.w.oracle.accounts[id]; !l.t.cancelled && (a == nil || !a.denied) {
		l.a.w.fail("the session cancels %s, and its till has not", id)
	}
}

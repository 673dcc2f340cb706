package till

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// world is a till with a memory, at the end of a rig's line. It knows what it asked and when, reads
// frames with its own parser, and says when it was told of an approval that is not for the sale
// that it is asking about. It knows nothing of the machine.
type world struct {
	*rig
	ackAfter time.Duration // of each frame; negative: never
	naks     bool          // NAKs each frame instead
	never    bool          // it acknowledges nothing for as long as it lives
	lost     func() bool   // reports whether a frame gets lost; nil: none does

	asking  int            // the sale that the till asked about last; 0 = none
	open    bool           // it has heard no definite answer to that
	forgot  bool           // the program was restarted since
	asked   []askedSale    // by sale, from 1
	owner   map[string]int // payment → the sale that it was started for
	due     []tillAction   // ACKs on their way
	doubts  map[doubt]int  // what nobody could tell, and how often
	history []string
}

type askedSale struct {
	ecn     string
	cents   int
	got     int           // responses received since a payment was started for it
	gotAt   time.Duration // the first of them
	askedAt time.Duration // last
	boot    string
	acked   bool // an ACK has left for one of them, in time
}

type tillAction struct {
	at    time.Duration
	bytes []byte
	sale  int
}

func newWorld(t testing.TB, ackAfter time.Duration, naks bool) *world {
	return &world{
		rig: newRig(t, "paycube"), ackAfter: ackAfter, naks: naks,
		never: ackAfter < 0 && !naks, asked: make([]askedSale, 1),
		owner: map[string]int{}, doubts: map[doubt]int{},
	}
}

func (w *world) logf(format string, args ...any) {
	w.history = append(w.history, fmt.Sprintf("%9.3f ", (w.now.Up).Seconds())+
		fmt.Sprintf(format, args...))
}

func (w *world) failf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...),
		strings.Join(w.history[max(0, len(w.history)-25):], "\n"))
}

// newSale is the till's decision to sell something else.
func (w *world) newSale(ecn string, cents int) (sale int) {
	w.asked = append(w.asked, askedSale{ecn: ecn, cents: cents, boot: w.now.Boot})
	sale = len(w.asked) - 1
	w.ask(sale)
	return sale
}

// ask sends a sale's request, for the first time or again. A till that sends the bytes of the sale
// that was started last, and has had no answer to that, is repeating itself, whatever it calls it.
func (w *world) ask(sale int) {
	s := &w.asked[sale]
	if n := len(w.desk.order); n > 0 {
		last := w.owner[w.desk.order[n-1]]
		l := w.asked[last]
		if l.ecn == s.ecn && l.cents == s.cents && l.got == 0 && l.boot == w.now.Boot {
			sale, s = last, &w.asked[last]
		}
	}
	w.asking, w.open, w.forgot, s.askedAt, s.boot = sale, true, false, w.now.Up, w.now.Boot
	w.logf("till asks about sale %d: ECN %s, %d", sale, s.ecn, s.cents)
	n, over := len(w.desk.order), w.windowOver(sale)
	w.send(saleOn(s.ecn, s.cents))
	for _, id := range w.desk.order[n:] {
		w.logf("%s started", id)
		if !over {
			w.failf("a second payment for sale %d", sale)
		}
		w.owner[id] = sale
		s.got, s.acked = 0, false
	}
	w.listen()
}

// windowOver reports whether a sale's request may start a payment: it never did, it was
// acknowledged, its window or its boot is over, or another sale was started since.
func (w *world) windowOver(sale int) bool {
	over := true
	for i, id := range w.desk.order {
		if w.owner[id] != sale {
			continue
		}
		p := w.desk.get(id)
		window := 10 * time.Second
		if w.newECN(id) {
			window = 120 * time.Second
		}
		over = p.Final && (p.AckedRev > 0 || p.Boot != w.now.Boot ||
			w.now.Up-p.FinalUp >= window) || i < len(w.desk.order)-1
	}
	return over
}

// listen reads what the terminal has written.
func (w *world) listen() {
	for _, b := range w.take() {
		if b[0] == stx {
			w.hear(parse(w.t, b))
		}
	}
	w.atMostOneOpen()
	w.acknowledgedByNobody()
}

// acknowledgedByNobody: what a till that never acknowledges has not stays owed.
func (w *world) acknowledgedByNobody() {
	if !w.never {
		return
	}
	for _, id := range w.desk.order {
		if w.desk.get(id).AckedRev > 0 {
			w.failf("%s is acknowledged, and the till never does", id)
		}
	}
}

func (w *world) hear(h heard) {
	if w.lost != nil && w.lost() {
		w.logf("%s is lost", h)
		return
	}
	w.logf("till hears %s %s", h, h.fields["A1"])
	if w.ackAfter >= 0 || w.naks {
		b := []byte{ack}
		if w.naks {
			b[0] = nak
		}
		w.due = append(w.due, tillAction{w.now.Up + max(0, w.ackAfter), b, w.asking})
	}
	if h.function == "56" && h.code == "00" && w.open {
		w.approvedByLast(h)
	}
	if h.function != "Q1" {
		return
	}
	s := &w.asked[w.asking]
	if h.code == "00" {
		w.approved(h)
	}
	w.open = w.open && h.code == "TO"
	if s.got++; s.got == 1 {
		s.gotAt = w.now.Up
	}
}

// approved is the one thing that must never go wrong.
func (w *world) approved(h heard) {
	s := w.asked[w.asking]
	id := strings.TrimPrefix(h.fields["A1"], "TXN-")
	p := w.desk.get(id)
	if p.Status != payment.StatusApproved {
		w.failf("approved, and %q is %q", id, p.Status)
	}
	if w.owner[id] == w.asking && h.ecn == s.ecn &&
		h.fields["40"] == fmt.Sprintf("%012d", s.cents) && p.Money.Amount == int64(s.cents) {
		return
	}
	d := w.cannotTell(id)
	if d == "" {
		w.failf("asked about sale %d and told of %s, which was sale %d's", w.asking, id,
			w.owner[id])
	}
	w.doubts[d]++
}

// approvedByLast is the same for a till that takes the last result for its newest sale's, if number
// and amount are right.
func (w *world) approvedByLast(h heard) {
	s := w.asked[w.asking]
	id := strings.TrimPrefix(h.fields["A1"], "TXN-")
	if h.ecn != s.ecn || h.fields["40"] != fmt.Sprintf("%012d", s.cents) ||
		w.owner[id] == w.asking {
		return
	}
	switch {
	case w.forgot:
		w.doubts[forgotten]++
	case w.ackAfter > 2*time.Second:
		w.doubts[lateAck]++
	default:
		w.failf("asked about sale %d, and the last result is %s, which was sale %d's", w.asking, id,
			w.owner[id])
	}
}

// doubt is a reason for which nobody could tell: the list of what remains in docs/PROOFS.md, "A
// session on a line".
type doubt string

const (
	sameNumber doubt = "a counter that started again twice at the same number and amount"
	forgotten  doubt = "a restart has forgotten what the newest request was told"
	lateAck    doubt = "an ACK later than its timer was taken for one of a refusal that was lost"
)

// cannotTell is "" if somebody could.
func (w *world) cannotTell(id string) doubt {
	o, s := w.asked[w.owner[id]], w.asked[w.asking]
	if w.owner[id] == w.asking {
		return ""
	}
	if o.ecn == s.ecn && o.cents == s.cents && !o.acked && o.boot == w.now.Boot && w.newECN(id) &&
		s.askedAt-o.gotAt < 120*time.Second {
		return sameNumber
	}
	return ""
}

// newECN reports whether the payment's ECN is another than that of the one before.
func (w *world) newECN(id string) bool {
	for i, x := range w.desk.order {
		if x == id {
			return i > 0 && w.asked[w.owner[x]].ecn != w.asked[w.owner[w.desk.order[i-1]]].ecn
		}
	}
	return false
}

func (w *world) atMostOneOpen() {
	open := 0
	for _, id := range w.desk.order {
		if !w.desk.get(id).Final {
			open++
		}
	}
	if open > 1 {
		w.failf("%d payments are open", open)
	}
}

// until lets time pass: the machine's timers and the till's ACKs, each at its moment.
func (w *world) until(end time.Duration) {
	for range 100_000 {
		next := end
		if at, ok := w.m.NextWake(); ok {
			next = min(next, at)
		}
		for _, a := range w.due {
			next = min(next, a.at)
		}
		if len(w.loopDue) > 0 {
			next = max(w.now.Up, min(next, w.loopDue[0].at))
		}
		if next > w.now.Up {
			w.now.Up = next
			w.step(Ticked{})
			w.listen()
		}
		if len(w.loopDue) > 0 && w.loopDue[0].at <= w.now.Up {
			w.returned()
			w.listen()
			continue
		}
		if i := w.ripe(); i >= 0 {
			a := w.due[i]
			w.due = append(w.due[:i:i], w.due[i+1:]...)
			if !w.dead {
				w.acknowledge(a)
			}
			continue
		}
		if next >= end {
			return
		}
	}
	w.failf("the machine never rests")
}

func (w *world) ripe() int {
	for i, a := range w.due {
		if a.at <= w.now.Up {
			return i
		}
	}
	return -1
}

// acknowledge sends an ACK or NAK. Whether it counted is what the journal says.
func (w *world) acknowledge(a tillAction) {
	w.logf("till sends %02x", a.bytes)
	w.send(a.bytes)
	for id, sale := range w.owner {
		if w.desk.get(id).AckedRev > 0 && w.desk.order[len(w.desk.order)-1] == id {
			w.asked[sale].acked = true
		}
	}
	w.listen()
}

func (w *world) wait(d time.Duration) { w.until(w.now.Up + d) }

// end gives a payment its outcome.
func (w *world) end(id string, how payment.Status) {
	w.logf("%s is %s", id, how)
	w.finish(w.desk.get(id), how)
	w.listen()
}

// disturb restarts the program or the machine, or pulls the cable and puts it back.
func (w *world) disturb(what string) {
	w.logf("%s", what)
	switch what {
	case "restart":
		w.forgot = true
		w.restart()
	case "reboot":
		w.due, w.forgot = nil, true
		w.rig.reboot()
	case "cable":
		w.pull()
		w.now.Up += time.Second
		w.connect()
	}
	w.listen()
}

// lastResult compares 56 with the journal's newest payment, or with what the newest request was
// told if that started nothing.
func (w *world) lastResult() {
	w.due = nil
	w.ackAfter, w.naks, w.lost = -1, false, nil
	w.wait(time.Minute)
	w.take()
	h := w.askLast()
	newest := w.asked[w.asking].ecn
	switch {
	case h.ecn == newest && h.code == "TO" &&
		h.fields["02"] == "SAME REQUEST AGAIN - CHECK THE LAST SALE":
		return
	case h.ecn == newest && h.code != "00" && h.fields["40"] == "":
		if w.loop != nil { // an ACK behind the rest of a frame counts for nothing
			w.pass(w.m.timers.Gap)
		}
		w.send([]byte{ack})
		h = w.askLast()
	}
	if len(w.desk.order) == 0 {
		if h.code != "XX" {
			w.failf("last result %v %v, and there is none", h, h.fields)
		}
		return
	}
	p := w.desk.get(w.desk.order[len(w.desk.order)-1])
	approved := p.Status == payment.StatusApproved
	if (h.code == "00") != approved || h.ecn != p.Line.ECN ||
		h.fields["40"] != fmt.Sprintf("%012d", p.Money.Amount) {
		w.failf("last result %v %v, the newest is %s %s", h, h.fields, p.ID, p.Status)
	}
}

func (w *world) askLast() heard {
	w.send(frame("000000000056", "56", "01"))
	list := w.take()
	for range 50 { // an outcome waits until the agent's own ACK does not come back any more
		if i := len(list) - 1; i >= 0 && list[i][0] == stx {
			return parse(w.t, list[i])
		}
		w.pass(100 * time.Millisecond)
		list = append(list, w.take()...)
	}
	w.failf("no last result")
	return heard{}
}

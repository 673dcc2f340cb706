package till

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// wall is the time of every test: 17:30 in Singapore.
var wall = time.Date(2026, 11, 5, 9, 30, 0, 0, time.UTC)

// The till's side, written from docs/protocols/ecr-family.md alone: nothing of device/ecr is in it.

const (
	stx, etx, ack, nak = 0x02, 0x03, 0x06, 0x15
)

func bcd(n int) []byte { return []byte{byte(n/1000%10<<4 | n/100%10), byte(n/10%10<<4 | n%10)} }

// frame is STX LEN header fields ETX LRC; a field is "40=000000001023".
func frame(ecn, function, code string, fields ...string) []byte {
	body := []byte(fmt.Sprintf("%-12.12s", ecn) + function + code + "0\x1c")
	for _, f := range fields {
		name, data, _ := strings.Cut(f, "=")
		body = append(body, name...)
		body = append(body, bcd(len(data))...)
		body = append(body, data...)
		body = append(body, 0x1c)
	}
	f := append([]byte{stx}, bcd(len(body))...)
	f = append(append(f, body...), etx)
	var lrc byte
	for _, b := range f[1:] {
		lrc ^= b
	}
	return append(f, lrc)
}

func saleOn(ecn string, cents int) []byte {
	return frame(ecn, "Q1", "01", fmt.Sprintf("40=%012d", cents))
}

// heard is a frame that the till received, cut up by length.
type heard struct {
	ecn, function, code string
	fields              map[string]string
	raw                 []byte
}

func parse(t testing.TB, b []byte) heard {
	t.Helper()
	if len(b) < 23 || b[0] != stx || b[len(b)-2] != etx {
		t.Fatalf("not a frame: %x", b)
	}
	h := heard{
		ecn: strings.TrimRight(string(b[3:15]), " "), function: string(b[15:17]),
		code: string(b[17:19]), fields: map[string]string{}, raw: b,
	}
	var lrc byte
	for _, x := range b[1 : len(b)-1] {
		lrc ^= x
	}
	if lrc != b[len(b)-1] {
		t.Fatalf("lrc %02x: %x", lrc, b)
	}
	digits := func(b []byte) int {
		return int(b[0]>>4)*1000 + int(b[0]&15)*100 + int(b[1]>>4)*10 +
			int(b[1]&15)
	}
	if n := digits(b[1:3]); n != len(b)-5 {
		t.Fatalf("len %d of %d", n, len(b))
	}
	for rest := b[21 : len(b)-2]; len(rest) > 0; {
		n := digits(rest[2:4])
		h.fields[string(rest[:2])] = string(rest[4 : 4+n])
		rest = rest[4+n+1:]
	}
	return h
}

func (h heard) String() string { return h.ecn + " " + h.function + " " + h.code }

// dialects are read once: the tests make many rigs.
var dialects = map[string]func() *ecr.Dialect{"paycube": builtin("paycube"),
	"nets": builtin("nets"), "linkpos": builtin("linkpos")}

func builtin(name string) func() *ecr.Dialect {
	return sync.OnceValue(func() *ecr.Dialect {
		d, err := ecr.Builtin(name)
		if err != nil {
			panic(err)
		}
		return d
	})
}

// rig is a machine with a desk and a till's end of the line; it turns the clock.
type rig struct {
	t       testing.TB
	cfg     Config
	dialect *ecr.Dialect
	m       *Machine
	now     Now
	desk    *desk
	status  device.Status
	statErr error

	todo  []Event
	stall bool // frames do not drain until drain
	echo  bool // each byte that is written comes back
	// what of each thing that is written comes back, and how much later; nil: nothing
	loop      func(b []byte) []byte
	loopAfter time.Duration
	loopDue   []tillAction
	fresh     bool // each connection begins on a line that nobody knows; else it is proved clean
	dead      bool // no connection
	closed    bool
	wrote     [][]byte // as written; taken by the test
	times     []time.Duration
	events    map[Counter]int
	deferred  map[string]bool // effects ("start", "offer" …) whose replies wait for release
	late      []func()
}

type counter int

func (c *counter) NewID(time.Time) string { *c++; return fmt.Sprintf("%026d", *c) }

func newRig(t testing.TB, dialect string, change ...func(*Config)) *rig {
	t.Helper()
	d := dialects[dialect]()
	cfg := Config{Till: "till-2", TerminalID: "K001", Currency: payment.SGD, IDs: new(counter),
		Merchant: "SHOP", MerchantID: "M1"}
	for _, c := range change {
		c(&cfg)
	}
	r := &rig{
		t: t, cfg: cfg, dialect: d, now: Now{Wall: wall, Boot: "boot-1", Up: time.Hour},
		events: map[Counter]int{},
		status: device.Status{Ready: true}, deferred: map[string]bool{},
	}
	r.desk = newDesk(func() Now { return r.now })
	r.desk.watchers = []func(payment.Payment){func(p payment.Payment) {
		r.todo = append(r.todo, Changed{p})
	}}
	r.restart()
	return r
}

// restart is a new process in the same boot.
func (r *rig) restart() {
	r.t.Helper()
	var err error
	if r.m, err = NewMachine(r.cfg, r.dialect); err != nil {
		r.t.Fatal(err)
	}
	r.todo, r.late, r.desk.waiting = nil, nil, nil
	r.connect()
}

// reboot ends every window.
func (r *rig) reboot() {
	r.now.Boot, r.now.Up = r.now.Boot+"'", time.Minute
	r.restart()
}

func (r *rig) connect() {
	r.dead, r.closed = false, false
	r.loopDue = nil
	r.step(Connected{})
	r.m.clean = !r.fresh
}

func (r *rig) pull() {
	r.dead = true
	r.step(Disconnected{})
}

func (r *rig) step(ev Event) {
	r.todo = append(r.todo, ev)
	r.run()
}

// run steps until there is nothing left to do.
func (r *rig) run() {
	for n := 0; len(r.todo) > 0; n++ {
		if n > 10_000 {
			r.t.Fatal("there is always something to do")
		}
		ev := r.todo[0]
		r.todo = r.todo[1:]
		for _, e := range append([]Effect(nil), r.m.Step(r.now, ev)...) {
			r.carry(e)
		}
	}
}

func (r *rig) post(what string, ev func() Event) {
	do := func() { r.todo = append(r.todo, ev()) }
	if r.deferred[what] {
		r.late = append(r.late, do)
		return
	}
	do()
}

// release lets replies come that were deferred.
func (r *rig) release() {
	late := r.late
	r.late, r.deferred = nil, map[string]bool{}
	for _, do := range late {
		do()
	}
	r.run()
}

func (r *rig) carry(e Effect) {
	till := r.cfg.Till
	switch e := e.(type) {
	case Write:
		if r.dead {
			r.t.Fatalf("written without a connection: %x", e.Bytes)
		}
		r.wrote, r.times = append(r.wrote, bytes.Clone(e.Bytes)), append(r.times, r.now.Up)
		if r.echo {
			r.todo = append(r.todo, Received{bytes.Clone(e.Bytes)})
		}
		r.returns(e.Bytes)
		if !r.stall {
			r.todo = append(r.todo, Drained{})
		}
	case Close:
		r.closed = true
	case AskStart:
		r.desk.Start(till, e.Request, func(p payment.Payment, err error) {
			r.post("start", func() Event { return Started{e.To, p, err} })
		})
	case AskCancel:
		r.desk.Cancel(till, e.Key, func(p payment.Payment, err error) {
			r.post("cancel", func() Event { return Cancelled{e.To, p, err} })
		})
	case AskLast:
		r.askLast(e)
	case AskOffer:
		r.desk.Offer(till, e.ID, e.Revision, e.Frame,
			func(err error) { r.post("offer", func() Event { return Offered{e.To, err} }) })
	case AskAcknowledge:
		r.desk.Acknowledge(till, e.ID, e.Revision,
			func(err error) {
				r.post("acknowledge",
					func() Event { return Acknowledged{e.To, err} })
			})
	case AskSupersede:
		r.desk.Supersede(till, e.Key,
			func(err error) { r.post("supersede", func() Event { return Superseded{e.To, err} }) })
	case AskSold:
		r.desk.Sold(till, e.From, e.Until, func(s payment.Sold, err error) {
			r.post("sold", func() Event { return SoldRead{e.To, s, err} })
		})
	case AskStatus:
		r.post("status", func() Event { return StatusRead{e.To, r.status, r.statErr} })
	case Count:
		r.events[e.Counter]++
	case Note:
	default:
		r.t.Fatalf("unknown effect %T", e)
	}
}

// returns lets what was written come back where the line does that: a burst of controls byte by
// byte.
func (r *rig) returns(b []byte) {
	if r.loop == nil {
		return
	}
	if b = r.loop(bytes.Clone(b)); len(b) > 0 {
		r.loopDue = append(r.loopDue, tillAction{at: r.now.Up + r.loopAfter, bytes: b})
	}
}

// returned feeds what is due to have come back by now.
func (r *rig) returned() {
	for len(r.loopDue) > 0 && r.loopDue[0].at <= r.now.Up {
		b := r.loopDue[0].bytes
		r.loopDue = r.loopDue[1:]
		r.step(Received{b})
	}
}

func (r *rig) askLast(e AskLast) {
	var before payment.Page
	if e.Before {
		var failed error
		r.desk.List(r.cfg.Till, History(), func(page payment.Page, err error) {
			before, failed = page, err
		})
		if failed != nil {
			r.post("last", func() Event { return LastRead{To: e.To, Err: failed} })
			return
		}
	}
	r.desk.Last(r.cfg.Till, func(p payment.Payment, err error) {
		r.post("last",
			func() Event { return LastRead{e.To, p, OlderThan(before.Payments, p.ID), err} })
	})
}

// drain lets the frame that stalls drain.
func (r *rig) drain() { r.step(Drained{}) }

// pass turns the clock, stopping where the machine wants to be woken.
func (r *rig) pass(d time.Duration) {
	end := r.now.Up + d
	for range 10_000 {
		at, ok := r.m.NextWake()
		if len(r.loopDue) > 0 && (!ok || r.loopDue[0].at <= at) && r.loopDue[0].at <= end {
			r.now.Up = max(r.now.Up, r.loopDue[0].at)
			r.returned()
			continue
		}
		if !ok || at > end {
			r.now.Up = end
			r.step(Ticked{})
			return
		}
		if at <= r.now.Up {
			r.t.Fatalf("the machine wants to be woken at %v, now is %v", at, r.now.Up)
		}
		r.now.Up = at
		r.step(Ticked{})
	}
	r.t.Fatal("the machine never rests")
}

func (r *rig) send(b []byte) { r.step(Received{b}) }

// take is everything written since the last take.
func (r *rig) take() [][]byte {
	w := r.wrote
	r.wrote, r.times = nil, nil
	return w
}

// want compares what was written, byte for byte.
func (r *rig) want(w ...[]byte) {
	r.t.Helper()
	got := r.take()
	if len(got) == len(w) {
		same := true
		for i := range w {
			same = same && bytes.Equal(got[i], w[i])
		}
		if same {
			return
		}
	}
	r.t.Fatalf("written:\n%s\nwant:\n%s", dump(got), dump(w))
}

func dump(w [][]byte) string {
	var b strings.Builder
	for _, x := range w {
		b.WriteString("  " + hex.EncodeToString(x) + fmt.Sprintf(" %.120q\n", x))
	}
	return b.String()
}

// answers are the frames among what was written since the last take, as "ecn function code".
func (r *rig) answers() (list []string) {
	r.t.Helper()
	for _, w := range r.take() {
		if w[0] == stx {
			list = append(list, parse(r.t, w).String())
		}
	}
	return list
}

func (r *rig) wantAnswers(want ...string) {
	r.t.Helper()
	if got := r.answers(); strings.Join(got, "|") != strings.Join(want, "|") {
		r.t.Fatalf("answers %q, want %q", got, want)
	}
}

// start is a sale that runs: its request was acknowledged.
func (r *rig) start(ecn string, cents int) payment.Payment {
	r.t.Helper()
	n := len(r.desk.order)
	r.send(saleOn(ecn, cents))
	r.want([]byte{ack})
	if len(r.desk.order) != n+1 {
		r.t.Fatalf("the sale did not start: %q", r.desk.calls)
	}
	return r.desk.get(r.desk.order[n])
}

func (r *rig) finish(p payment.Payment, how payment.Status) {
	r.desk.finish(p.ID, how)
	r.run()
}

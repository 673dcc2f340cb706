package engine_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// world is a kiosk with its tills, customers, relay, display and disk, all of them unreliable.
type world struct {
	*rig
	rt     *rapid.T
	oracle *oracle

	log     []entry // the relay's stream; entry i has sequence i+1
	next    int     // to be delivered
	epoch   int
	away    bool // no hello was said yet
	process int  // grows with each crash
	waiting map[engine.Ticket]bool
	trouble int                         // appends that will fail
	ledger  map[string][]payment.Record // what the gateway has on record, by merchantRef
	desk    desk
}

// entry is one message of the relay: a request of the gateway, or a canary.
type entry struct {
	env     payment.Envelope
	pays    string // the payment that this is a matching SUCCESS of
	canary  bool
	sentUp  time.Duration
	process int
}

func TestNothingIsLostInventedOrChargedTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		w := &world{rt: rt, oracle: newOracle(rt), waiting: map[engine.Ticket]bool{},
			ledger: map[string][]payment.Record{}}
		w.rig = rigIn(rt, dir, func(c *engine.Config) {
			c.ParkedCap = rapid.SampledFrom([]int{1, 3, 1000}).Draw(rt, "places")
		})
		if rapid.Bool().Draw(rt, "a query is configured") {
			w.cfg.QueryEndpoint = "endpoint-1"
		}
		w.drawGateway()
		defer func() { w.j.Close() }()
		w.watch = func(p payment.Payment, how engine.Effect) { w.oracle.heard(w.rig, p, how) }
		w.j.refuse = func(facts []payment.Fact) bool {
			if w.trouble > 0 && facts != nil {
				w.trouble--
				return true
			}
			return false
		}
		w.begin()
		w.makeReady()
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			w.act()
			w.oracle.atMostOneOpen(w.rig)
			w.oneCode()
		}
		w.heal()
		w.unminted()
		w.oracle.atTheEnd(w.rig)
	})
}

var acts = []func(*world){
	(*world).asksToPay, (*world).asksToPay, (*world).asksToPay, (*world).asksToCancel,
	(*world).asks, (*world).stores, (*world).stores, (*world).connects, (*world).pays,
	(*world).pays, (*world).pays, (*world).relays, (*world).relays, (*world).relays,
	(*world).relays, (*world).sendsCanary, (*world).waits, (*world).waits, (*world).waits,
	(*world).answers, (*world).answers, (*world).answers, (*world).resolves, (*world).displays,
	(*world).displays, (*world).recovers, (*world).breaks, (*world).dies, (*world).makes,
	(*world).makes, (*world).chooses, (*world).spams,
}

func (w *world) act() {
	if w.die == alive && rapid.IntRange(0, 30).Draw(w.rt, "dies in the next step") == 0 {
		w.die = rapid.SampledFrom([]death{beforeCommit, afterCommit}).Draw(w.rt, "where")
	}
	acts[rapid.IntRange(0, len(acts)-1).Draw(w.rt, "act")](w)
	if w.die != alive {
		w.restart(rapid.Bool().Draw(w.rt, "power cut"))
	}
}

// restart begins a new process. The relay goes on after the journal's position.
func (w *world) restart(reboot bool) {
	w.die, w.dead, w.j.lie, w.j.unread, w.asked, w.desk.open = alive, false, false, false, nil, nil
	w.trouble = rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(w.rt, "trouble at the start")
	clear(w.oracle.attached)
	clear(w.waiting)
	w.process++
	if reboot {
		w.reboot()
	} else {
		w.crash()
	}
	w.greets()
}

// greets is a hello of the relay's client: the relay goes on after the position, or, where that is
// none of its own, from the start.
func (w *world) greets() {
	a, to := w.ask(func(t engine.Ticket) engine.Event { return engine.Resuming{To: t} })
	if w.away = !w.answered(to) || a.Err != nil; w.away {
		return
	}
	w.next, w.rereads = 0, 0
	if a.Position.Epoch == fmt.Sprint(w.epoch) {
		w.next = int(a.Position.Seq)
	}
}

func (w *world) till() string {
	return rapid.SampledFrom([]string{till1, till1, till2}).Draw(w.rt, "till")
}

// anyone is the id of a payment, the newest more often than the others.
func (w *world) anyone() string {
	ids := slices.Sorted(maps.Keys(w.oracle.sales))
	if len(ids) == 0 {
		return ""
	}
	return ids[max(0, len(ids)-1-rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5}).Draw(w.rt, "which"))]
}

func (w *world) asksToPay() {
	if rapid.IntRange(0, 3).Draw(w.rt, "in order") > 0 {
		w.makeReady()
	}
	till, q := w.till(), request(fmt.Sprintf("R%d", rapid.IntRange(0, 5).Draw(w.rt, "reference")))
	if rapid.IntRange(0, 5).Draw(w.rt, "another amount") == 0 {
		q.Money.Amount = 500
	}
	a, to := w.ask(func(t engine.Ticket) engine.Event {
		return engine.StartAsked{Till: till, Request: q, To: t}
	})
	w.noteMints()
	if !w.answered(to) && rapid.Bool().Draw(w.rt, "gateway is quick") {
		w.makes()
		a = w.rig.answers[to]
	}
	if w.answered(to) && a.Err == nil {
		w.oracle.started(w.rig, till, q, a.Payment)
		if rapid.IntRange(0, 5).Draw(w.rt, "display is quick") > 0 {
			w.confirm(a.Payment)
		}
	}
}

func (w *world) asksToCancel() {
	id := w.anyone()
	_, to := w.ask(func(t engine.Ticket) engine.Event {
		return engine.CancelAsked{Till: w.till(), Key: payment.Key{ID: id}, To: t}
	})
	w.waiting[to] = true
}

func (w *world) asks() {
	id, till := w.anyone(), w.till()
	var a engine.Answer
	switch rapid.IntRange(0, 2).Draw(w.rt, "what") {
	case 0:
		a, _ = w.ask(func(t engine.Ticket) engine.Event {
			return engine.GetAsked{Till: till, Key: payment.Key{ID: id}, To: t}
		})
	case 1:
		a, _ = w.ask(func(t engine.Ticket) engine.Event {
			return engine.GetAsked{Till: till, Newest: true, To: t}
		})
	default:
		a, _ = w.ask(func(t engine.Ticket) engine.Event {
			return engine.ListAsked{Till: till, Query: payment.ListQuery{Limit: 100}, To: t}
		})
	}
	for _, p := range append(a.Page.Payments, a.Payment) {
		if a.Err == nil && p.ID != "" && p.Till != till {
			w.rt.Fatalf("%s reads %s of %s", till, p.ID, p.Till)
		}
	}
}

func (w *world) stores() {
	id := w.anyone()
	s := w.oracle.sales[id]
	if s == nil || !s.shown.Final {
		return
	}
	revision := s.shown.Revision
	a, to := w.ask(func(t engine.Ticket) engine.Event {
		return engine.Acknowledged{Till: s.till, ID: id, Revision: revision, To: t}
	})
	if w.answered(to) && a.Err == nil || w.payment(id).AckedRev >= revision {
		// or the answer was lost
		s.acked = max(s.acked, revision)
	}
}

func (w *world) connects() {
	till := w.till()
	if w.oracle.attached[till] > 0 && rapid.Bool().Draw(w.rt, "leaves") {
		w.oracle.attached[till]--
		w.step(engine.Detached{Till: till})
		return
	}
	w.oracle.attached[till]++
	w.attach(till)
}

// pays lets the gateway say something about a payment.
func (w *world) pays() {
	id := w.anyone()
	s := w.oracle.sales[id]
	if s == nil || w.cfg.Remote && !w.exposed(id) {
		return
	}
	p := payment.Payment{ID: id, MerchantRef: tag + "-" + id, Money: s.money}
	e := entry{pays: id}
	var rec payment.Record
	switch rapid.SampledFrom([]string{"right", "right", "right", "again", "declined", "expired",
		"amount", "code", "void", "nobody"}).Draw(w.rt, "says") {
	case "right":
		rec = paid(p)
	case "again":
		rec = paid(p, status(payment.RecordSuccess, "2"))
	case "declined":
		rec, e.pays = paid(p, status(payment.RecordDeclined, "3")), ""
	case "expired":
		rec, e.pays = paid(p, status(payment.RecordExpired, "4")), ""
	case "amount":
		rec, e.pays = paid(p, func(r *payment.Record) { r.Amount++; r.TransactionRef = "5" }), ""
	case "code":
		rec, e.pays = paid(p, func(r *payment.Record) {
			r.ResponseCode, r.TransactionRef = "91",
				"6"
		}), ""
	case "void":
		rec, e.pays, s.voided = paid(p, func(r *payment.Record) { r.Type = payment.TypeVoid }), "",
			true
	default:
		rec, e.pays = paid(p, func(r *payment.Record) { r.MerchantRef += "X" }), ""
	}
	e.env = seal("right", rec)
	w.ledger[rec.MerchantRef] = append(w.ledger[rec.MerchantRef], rec)
	w.log = append(w.log, e)
}

// answers answers a query: mostly with what is on record, now and then with nothing of use.
func (w *world) answers() {
	if len(w.asked) == 0 {
		return
	}
	q := w.asked[0]
	answer := found(w.ledger[q.MerchantRef]...)
	switch rapid.SampledFrom([]string{"right", "right", "right", "right", "500", "404", "another",
		"lost", "odd"}).Draw(w.rt, "the query answers") {
	case "500":
		answer = broken()
	case "404":
		if answer.Records == nil {
			answer = missing()
		}
	case "another":
		answer = found(paid(payment.Payment{ID: "Z", MerchantRef: "OTHER-1", Money: sgd10}))
	case "odd":
		answer.Records = append(answer.Records,
			paid(payment.Payment{ID: "Q", MerchantRef: q.MerchantRef, Money: sgd10},
				status("PENDING", "8")))
	case "lost":
		w.asked = w.asked[1:]
		return
	}
	for _, rec := range answer.Records {
		if s := w.oracle.sales[q.Payment]; s != nil && rec.MerchantRef == q.MerchantRef &&
			rec.Status == payment.RecordSuccess &&
			rec.Type == payment.TypePay && rec.Amount == s.money.Amount &&
			rec.ResponseCode == "00" {
			s.paid = true
		}
	}
	w.answerNext(answer)
}

// resolves lets staff write down what they believe; that changes no status.
func (w *world) resolves() {
	id := w.anyone()
	s := w.oracle.sales[id]
	if s == nil || !s.shown.Final {
		return
	}
	w.ask(func(t engine.Ticket) engine.Event {
		return engine.Resolving{ID: id,
			Outcome: rapid.SampledFrom([]string{"approved", "not-paid"}).Draw(w.rt, "staff say"),
			By:      "ann", Reason: "x", To: t}
	})
}

// relays delivers what comes next, in order; what is refused comes again.
func (w *world) relays() {
	if w.away || w.rereads > 0 {
		w.greets()
	}
	if w.away || w.next >= len(w.log) {
		return
	}
	e := w.log[w.next]
	pos := payment.Position{Epoch: fmt.Sprint(w.epoch), Seq: uint64(w.next + 1),
		ID: fmt.Sprintf("D%d-%d", w.epoch, w.next)}
	if e.pays != "" {
		w.oracle.sales[e.pays].paid = true
	}
	a, to := w.ask(func(t engine.Ticket) engine.Event {
		return engine.Delivered{Envelope: e.env, Position: pos, Mark: e.canary, To: t}
	})
	if !w.answered(to) || a.Err != nil {
		return
	}
	w.next++
	if e.pays != "" && w.gw.secret == "right" {
		w.oracle.sales[e.pays].booked = true
		if !slices.ContainsFunc(all[payment.Notified](w.rig),
			func(n payment.Notified) bool { return n.Record.MerchantRef == tag+"-"+e.pays }) {
			w.rt.Fatalf("the delivery about %s was acknowledged and is not in the journal", e.pays)
		}
	}
	if e.canary && e.process == w.process {
		w.step(engine.CanaryReturned{SentUp: e.sentUp})
	}
}

// spams posts what is none of the gateway's; some of it looks as if it were.
func (w *world) spams() {
	for range rapid.IntRange(1, 5).Draw(w.rt, "rubbish") {
		e := seal(fmt.Sprintf("guessed %d", len(w.log)))
		if rapid.Bool().Draw(w.rt, "plain") {
			e = payment.Envelope{Method: "POST", Body: []byte("hello?"), ReceivedAt: day}
		}
		w.log = append(w.log, entry{env: e})
	}
}

func (w *world) sendsCanary() {
	w.log = append(w.log, entry{canary: true, sentUp: w.now.Up, process: w.process})
}

func (w *world) waits() {
	w.pass(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, 5 * time.Second,
		6 * time.Second, 25 * time.Second, 90 * time.Second, 181 * time.Second,
		11 * time.Minute}).Draw(w.rt, "for"))
}

func (w *world) displays() {
	switch rapid.IntRange(0, 3).Draw(w.rt, "display") {
	case 0:
		w.step(engine.DisplayChanged{Connected: rapid.Bool().Draw(w.rt, "connected"),
			Touch: rapid.Bool().Draw(w.rt, "touch")})
	case 1:
		w.step(engine.DisplayRefused{Payment: w.anyone(), Reason: "small"})
	default:
		w.step(engine.DisplayShows{Kind: w.screen.Kind, Payment: w.screen.Payment,
			Revision: w.screen.Revision})
	}
}

// breaks spoils the disk, the secret or the relay.
func (w *world) breaks() {
	switch rapid.IntRange(0, 4).Draw(w.rt, "what breaks") {
	case 0:
		w.trouble = rapid.SampledFrom([]int{1, 2, 50}).Draw(w.rt, "appends")
	case 1:
		w.j.lie = true
	case 2:
		w.j.unread = true
	case 3:
		w.gw.secret = "wrong"
	default:
		w.step(engine.GapFound{Reason: "epoch"})
		w.epoch, w.next = w.epoch+1, 0
	}
}

// recovers mends the disk; the secret is read at the next start.
func (w *world) recovers() {
	w.trouble, w.j.lie, w.j.unread = 0, false, false
	if w.gw.secret != "right" {
		w.gw.secret = "right"
		w.restart(false)
	}
}

func (w *world) dies() { w.restart(rapid.Bool().Draw(w.rt, "power cut")) }

// heal mends everything and lets the time run until all is decided.
func (w *world) heal() {
	w.recovers()
	if rapid.Bool().Draw(w.rt, "ends with a restart") {
		w.restart(false)
		w.trouble = 0
	}
	for w.away || w.rereads > 0 || w.next < len(w.log) {
		w.relays()
	}
	w.pass(time.Second)
	for range 3 {
		w.makeReady()
		w.pass(200 * time.Second)
	}
	for to := range w.waiting {
		if !w.answered(to) {
			w.rt.Fatalf("a cancel was never answered")
		}
	}
	for _, e := range w.log {
		if e.pays != "" {
			w.oracle.sales[e.pays].booked = true
		}
	}
}

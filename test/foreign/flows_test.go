package foreign_test

import (
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/test/foreign"
)

// said is what the cashier reads where the papers name a code for it.
type said struct {
	busy, nothing, cancelled, expired string
	commands                          map[foreign.Command]string
}

// hears is what the cashiers of each till read. The codes are the papers', the words the agent's.
var hears = map[string]said{
	"PayCube": {busy: "E6 TERMINAL BUSY", nothing: "XX NO SALE ON RECORD",
		cancelled: "NOT PAID: CANCELLED - NOT PAID", expired: "NOT PAID: TIME IS UP - NOT PAID",
		commands: map[foreign.Command]string{foreign.Status: "00 READY",
			foreign.Cancel: "00 CANCELLED",
			foreign.Void:   "XX VOID NOT AVAILABLE - USE THE PORTAL"}},
	"NETS ECR1": netsSays, "NETS ECR2": netsSays,
	"Link POS": {busy: "HS TERMINAL BUSY", nothing: "HS NO SALE ON RECORD",
		cancelled: "NOT PAID: CANCELLED - NOT PAID", expired: "NOT PAID: TIME IS UP - NOT PAID",
		commands: map[foreign.Command]string{foreign.Status: "00 READY",
			foreign.Settle: "00 SETTLED", foreign.Cancel: "00 CANCELLED",
			foreign.Void:   "01 VOID NOT AVAILABLE - USE THE PORTAL",
			foreign.Refund: "01 VOID NOT AVAILABLE - USE THE PORTAL"}},
	"UOB": {busy: "HS TERMINAL BUSY", nothing: "HS NO SALE ON RECORD",
		expired: "NOT PAID: TIME IS UP - NOT PAID"},
}

var netsSays = said{busy: "HS TERMINAL BUSY", nothing: "HS NO SALE ON RECORD",
	expired: "NOT PAID: TIME IS UP - NOT PAID",
	commands: map[foreign.Command]string{foreign.Status: "00 READY",
		foreign.Settle: "00 SETTLED", foreign.Totals: "00 SETTLED",
		foreign.Logon: "00 LOGGED ON"}}

// reads compares a screen of the till's.
func reads(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: the cashier reads %q, want %q", what, got, want)
	}
}

// TestDay plays a day of each till on its dialect as it is shipped: UOB's on a serial cable, the
// others over TCP.
func TestDay(t *testing.T) {
	for _, k := range foreign.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, k, options{serial: k.Name == "UOB"})
			till := r.till(k, foreign.Habits{})
			day := day{r, till, hears[k.Name], t}
			day.commands()
			day.sales()
			if day.said.cancelled != "" {
				day.cancels()
			}
			day.busy()
			day.last(k)
			r.balanced(till)
			if strays := till.Strays(); len(strays) > 0 {
				t.Errorf("it was sent what it never asked for: %v", strays)
			}
		})
	}
}

type day struct {
	*rig
	till *foreign.Till
	said said
	t    *testing.T
}

// commands are all that the till can ask while nothing is sold.
func (d day) commands() {
	reads(d.t, "last, before any sale", d.till.Ask(foreign.Last).Screen, d.said.nothing)
	for c, want := range d.said.commands {
		reads(d.t, string(c), d.till.Ask(c).Screen, want)
	}
}

// sales are one that is paid, one that is paid by card, and one that is declined.
func (d day) sales() {
	for i, tender := range []foreign.Tender{foreign.Any, foreign.QR, foreign.Card} {
		s := sells(d.till, foreign.Order{Tender: tender, Cents: 1023 + int64(i)})
		d.pays(d.shown(s))
		sale := d.end(s)
		reads(d.t, string(tender)+", paid", sale.Screen, "PAID")
		if sale.Amount != "00000000102"+string(rune('3'+i)) {
			d.t.Errorf("the amount that was answered is %q", sale.Amount)
		}
	}
	s := sells(d.till, foreign.Order{Tender: foreign.Card, Cents: 500})
	d.isDeclined(d.shown(s))
	reads(d.t, "declined", d.end(s).Screen, "NOT PAID: DECLINED")
}

// cancels: the cashier cancels while the customer looks at the code; the sale's own answer comes
// first.
func (d day) cancels() {
	s := sells(d.till, foreign.Order{Tender: foreign.Any, Cents: 700})
	d.shown(s)
	answer := d.till.Press(foreign.Cancel)
	reads(d.t, "cancelled", d.end(s).Screen, d.said.cancelled)
	r := happens(d.rig, "the cancellation is answered", answer)
	if r.Err != nil || r.Version != "00" {
		d.t.Errorf("the cancellation is answered with %s", r.Screen)
	}
}

// busy: another till of the house sells just now.
func (d day) busy() {
	var p device.Payment
	if err := d.ws.Call(d.soon(), "payment.start", map[string]any{"reference": "OTHER-1",
		"amount": 100, "currency": "SGD"}, &p); err != nil {
		d.t.Fatal(err)
	}
	d.shown()
	sale := d.till.Sell(foreign.Order{Tender: foreign.Any, Cents: 800})
	reads(d.t, "busy", sale.Screen, d.said.busy)
	if err := d.ws.Call(d.soon(), "payment.cancel", map[string]any{"id": p.ID},
		nil); err != nil {
		d.t.Fatal(err)
	}
	d.eventually("the other till's sale has ended", func() error {
		return d.ws.Call(d.soon(), "payment.acknowledge", map[string]any{"id": p.ID,
			"revision": d.whole(p.ID).Revision}, nil)
	})
}

// last asks what became of the newest sale: it is told with all that was answered then.
func (d day) last(k foreign.Kind) {
	s := sells(d.till, foreign.Order{Tender: foreign.Any, Cents: 1100})
	d.pays(d.shown(s))
	sale := d.end(s)
	reads(d.t, "after the other till", sale.Screen, "PAID")
	r := d.till.Ask(foreign.Last)
	reads(d.t, "last", r.Screen, "00 APPROVED")
	if ref, _ := r.Get("D3"); ref != sale.Ref {
		d.t.Errorf("the last sale's reference is %q, it was %q", ref, sale.Ref)
	}
	if k.Poll == "" {
		return
	}
	if p := d.till.Say(foreign.Frame{Head: sale.Answer.Head[:11] + "0", Function: k.Poll,
		Version: k.Version}); p.Screen != r.Screen {
		d.t.Errorf("a poll after the sale is answered %s", p.Screen)
	}
}

// TestNobodyPays: each till hears the end of the customer's time from its terminal, before its own
// patience ends.
func TestNobodyPays(t *testing.T) {
	t.Parallel()
	var ends []func()
	for _, k := range foreign.Kinds() {
		r := newRig(t, k, options{})
		till := r.till(k, foreign.Habits{MaxPolls: 20})
		s := sells(till, foreign.Order{Tender: foreign.Any, Cents: 1023})
		p := r.shown(s)
		ends = append(ends, func() {
			sale := r.end(s)
			reads(t, k.Name+", nobody paid", sale.Screen, hears[k.Name].expired)
			if sale.Sent != 1 {
				t.Errorf("%s: it was begun %d times", k.Name, sale.Sent)
			}
			if st := r.whole(p.ID).Status; st != payment.StatusExpired {
				t.Errorf("%s: the journal says %s", k.Name, st)
			}
			r.balanced(till)
		})
	}
	for _, ended := range ends { // all at once: their customers' time is the same half a minute
		ended()
	}
}

// quick are the line's timers, a tenth of the usual ones, for both ends.
const quick = `ack = "200ms"
gap = "50ms"
quiet = "200ms"
repeat_window = "1s"
repeat_window_new_ecn = "12s"
`

func quickly(h foreign.Habits) foreign.Habits {
	h.Timers = foreign.Timers{Ack: 200 * time.Millisecond, Answer: 2 * time.Second}
	return h
}

// mishaps are those after which each till still reads the truth.
var mishaps = []foreign.Mishap{
	foreign.LostAck, foreign.Refused, foreign.Damaged, foreign.Hangs, foreign.Twice,
}

// TestOneCustomerPaysOnce: whatever happens on the line in a sale, one code is shown and the
// cashier reads that it is paid.
func TestOneCustomerPaysOnce(t *testing.T) {
	for _, k := range foreign.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, k, options{timers: quick})
			till := r.till(k, quickly(foreign.Habits{}))
			for i, m := range mishaps {
				r.sold(till, foreign.Order{Tender: foreign.Any, Cents: 1000 + int64(i), Mishap: m})
			}
			if got := len(r.payments()); got != len(mishaps) {
				t.Errorf("%d codes for %d customers", got, len(mishaps))
			}
			r.balanced(till)
		})
	}
}

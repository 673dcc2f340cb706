package sim

import (
	"bytes"
	"slices"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

// confirmable checks guarantee 4 when a sale begins: there was a way to hear the answer, and a
// display that shows what it is told.
func (o *oracle) confirmable(a *account) {
	w := o.w
	o.hears("a sale begins")
	shows := w.prof.ownShow && a.till == "till-2"
	if s := w.screen; !shows && !s.connected && w.t-max(s.lostAt, w.asleepUntil) > time.Second {
		w.fail("a sale begins without a display")
	}
}

// hears checks that there is a way to hear of a payment when something happens after which there
// may be one.
func (o *oracle) hears(what string) {
	w, p := o.w, o.w.agent
	o.isNewest(what)
	need := w.prof.canary
	if need == 0 {
		return
	}
	if p.canaryUp < 0 || w.now().Up-p.canaryUp > need {
		w.fail("%s, and the path was not proved within %s", what, need)
	}
	if p.lostRelay >= 0 && w.t-max(p.lostRelay, w.asleepUntil) > time.Second {
		w.fail("%s without a connection to the relay", what)
	}
}

// recovered: staff accept a journal only once the relay has sent everything that it holds.
func (o *oracle) recovered(e entry, r payment.Recovered) {
	o.accepted(e, r)
	if p := o.w.agent; p != nil && e.at == o.w.t {
		if !p.caughtUp && o.w.t-max(p.behindAt, o.w.asleepUntil) > 20*time.Millisecond {
			o.w.fail("the journal is accepted before the relay has sent what it holds")
		}
	}
}

// written checks that an approval goes out on a line only as it was committed, and only on the line
// that asked for the sale.
func (o *oracle) written(t *ecrTill, b []byte) {
	d := t.d
	o.speaksAs(t, b)
	m, err := ecrtill.Decode(b)
	if err != nil || d.Codes[m.Code] != ecrtill.Approved || m.Function != d.QR &&
		m.Function != d.Card && m.Function != d.LastResult {
		return
	}
	switch a := o.offeredAs(t, b); {
	case a == nil:
		o.w.fail("an approval goes out on the line that was not committed as offered")
	case a.till != t.name:
		o.w.fail("the approval of a sale of %s goes out on the line of %s", a.till, t.name)
	}
}

// offered are bytes that tell an outcome, and the dialects of the lines when they were committed.
type offered struct {
	frame   []byte
	crossed bool
}

// speaksAs fails when bytes go out that were made for a till of another dialect.
func (o *oracle) speaksAs(t *ecrTill, b []byte) {
	a := o.offeredAs(t, b)
	if a != nil && !a.offers(b, o.w.prof.crossed) {
		o.w.fail("%s gets the outcome of %s in another till's dialect", t.name, a.id)
	}
}

// offers reports whether an outcome of this payment was committed as these bytes while the lines
// had these dialects.
func (a *account) offers(b []byte, crossed bool) bool {
	return slices.ContainsFunc(a.frames,
		func(f offered) bool { return f.crossed == crossed && bytes.Equal(f.frame, b) })
}

// offeredAs is the payment whose outcome these bytes tell, as it was committed. Tills that do not
// count may get the same bytes for two: then it is the one of this till, and of its dialect.
func (o *oracle) offeredAs(t *ecrTill, b []byte) (found *account) {
	own := false
	for _, e := range o.facts {
		a := o.accounts[e.f.Payment]
		if a == nil {
			continue
		}
		now, before := a.offers(b, o.w.prof.crossed), a.offers(b, !o.w.prof.crossed)
		switch its := a.till == t.name; {
		case its && now:
			return a
		case now || before:
			if found == nil || its && !own {
				found, own = a, its
			}
		}
	}
	return found
}

func fromParked(d payment.Data) bool {
	switch d := d.(type) {
	case payment.Notified:
		return d.FromParked != 0
	case payment.Unmatched:
		return d.FromParked != 0
	default:
		return false
	}
}

package sim

import (
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// customerChooses lets somebody touch a wallet: most do, some think better of it, and some fingers
// are too quick, too late or beside.
func (w *World) customerChooses(v engine.View) {
	touches := func(d time.Duration, wallet string) {
		w.onMachine(d, func() {
			if w.agent != nil && w.screen.connected {
				w.say("customer", "touches %s for %s", wallet, short(v.Payment))
				w.oracle.touched(v.Payment, wallet)
				w.agent.post(engine.WalletChosen{Payment: v.Payment, Wallet: wallet})
			}
		})
	}
	soon := w.between(200*time.Millisecond, 15*time.Second)
	switch n := w.rng.IntN(20); {
	case n < 14:
		touches(soon, pick(w, v.Schemes...))
	case n < 16:
		touches(soon, pick(w, v.Schemes...))
		touches(soon+w.between(0, time.Second), pick(w, v.Schemes...))
	case n < 17:
		touches(soon, "credit_card")
		touches(soon+time.Second, pick(w, v.Schemes...))
	case n < 18:
		touches(v.Left+w.between(-20*time.Millisecond, 20*time.Millisecond), pick(w, v.Schemes...))
	}
}

// customerSees lets somebody scan a code that was painted: the first time only, for there is one
// customer for each sale.
func (w *World) customerSees(payload string) {
	l := w.gw.byPayload[payload]
	if l == nil {
		w.fail("a code is painted that leads nowhere: %s", payload)
	}
	w.oracle.exposed(l)
	if l.bought {
		return
	}
	if w.hit(accountSwitched) {
		w.after(w.between(100*time.Millisecond, 20*time.Second), w.switches)
	}
	if w.hit(reconfigured) {
		w.after(w.between(100*time.Millisecond, 20*time.Second), w.reconfigures)
	}
	l.bought = true
	if w.prof.opens && w.chance(0.8) {
		w.after(w.between(100*time.Millisecond, 10*time.Second), func() { w.gw.opened(l) })
	}
	left := l.expires - w.t
	soon := w.between(300*time.Millisecond, 40*time.Second)
	switch n := w.rng.IntN(100); {
	case n < 42:
		w.after(soon, func() { w.pays(l) })
	case n < 50: // walks away
	case n < 55:
		w.after(soon, func() { w.gw.decline(l, payment.RecordDeclined) })
	case n < 58:
		w.after(soon, func() { w.gw.decline(l, payment.RecordExpired) })
	case n < 66: // a second card
		w.after(soon, func() { w.gw.decline(l, payment.RecordDeclined) })
		w.after(soon+w.between(2*time.Second, 30*time.Second), func() { w.pays(l) })
	case n < 74:
		w.paysAgain(l, soon)
	case n < 81: // at the last moment, give or take
		deadline := l.sale.deadline - w.t
		w.after(deadline+w.between(-40*time.Millisecond, 40*time.Millisecond), func() { w.pays(l) })
	case n < 87: // after the end, where the gateway lets them
		w.after(w.between(max(0, l.sale.deadline-w.t), left), func() { w.pays(l) })
	case n < 89:
		w.after(soon, func() {
			w.gw.collect(l,
				func(r *payment.Record) { r.Amount += pick[int64](w, -1, 1, 100) })
		})
	case n < 90:
		w.after(soon, func() { w.gw.collect(l, func(r *payment.Record) { r.Currency = "USD" }) })
	case n < 92:
		w.after(soon, func() { w.gw.collect(l, func(r *payment.Record) { r.ResponseCode = "91" }) })
	default:
		w.after(soon, func() { w.paysAndReturns(l) })
	}
}

// pays is one payment of the right amount.
func (w *World) pays(l *link) *capture { return w.gw.collect(l, nil) }

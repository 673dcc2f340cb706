package sim

import (
	"fmt"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// code is what the gateway makes when it is asked over the network: the request or its answer may
// be lost, and only who got the answer can show it to anybody.
type code struct {
	asked     time.Duration // true time
	neverLeft bool          // the agent was told so
	// the gateway's own, without which nobody can close it; "" = it was not made
	name  string
	until time.Duration // true time: the end that the gateway stated; 0 = none
}

// mint sends the one request for a code; the answer comes exactly once, unless the process dies
// before.
func (a *agent) mint(ask engine.SendMint) {
	w := a.w
	l := w.oracle.mints(ask)
	l.code = &code{asked: w.t}
	w.say("engine", "asks for a code of %s, %v, valid for %s", short(l.ref), ask.Request.Schemes,
		ask.Request.Timeout)
	if w.hit(suspended) {
		w.after(w.between(0, time.Second), func() {
			w.suspend(pick(w, w.between(time.Second, time.Minute),
				w.between(time.Minute, 10*time.Minute)))
		})
	}
	if w.hit(tillCancels) {
		w.after(pick(w, w.between(0, time.Second), w.between(time.Second, 25*time.Second)),
			func() { w.cancelsEarly(l.sale) })
	}
	w.gw.asksForCode(l, ask.Request, func(after time.Duration, answer func() payment.MintAnswer) {
		w.inside(after, func() {
			ans := answer()
			w.say("gateway", "answers the mint of %s: %s", short(l.ref), mintText(ans))
			l.code.neverLeft = ans.NeverSent
			a.post(engine.MintReturned{Payment: ask.Payment, Answer: ans})
		})
	})
}

func mintText(a payment.MintAnswer) string {
	if a.Failure != "" {
		return fmt.Sprintf("%s, never sent %t", a.Failure, a.NeverSent)
	}
	return fmt.Sprintf("%s, valid for %s", a.Minted.Payload, a.ValidFor)
}

// asksForCode brings the request to the gateway, or not, and lets the agent hear of it after some
// time.
func (g *gateway) asksForCode(l *link, r payment.MintRequest,
	reply func(time.Duration, func() payment.MintAnswer)) {
	w := g.w
	there, back := w.between(10*time.Millisecond, 900*time.Millisecond),
		w.between(10*time.Millisecond, 900*time.Millisecond)
	makes := func() { w.after(there, func() { g.makes(l, r) }) }
	fails := func(after time.Duration, why string, neverSent bool) {
		reply(after, func() payment.MintAnswer {
			return payment.MintAnswer{Failure: why, NeverSent: neverSent}
		})
	}
	switch {
	case w.hit(mintNeverLeaves):
		fails(w.between(time.Millisecond, 10*time.Second), "cannot resolve host", true)
	case w.hit(mintLost):
		fails(10*time.Second, "timeout after 10s", false)
	case w.hit(mintUnanswered):
		makes()
		fails(10*time.Second, "timeout after 10s", false)
	case w.hit(mintRefused): // whether it was done before the error is nobody's knowledge
		if w.chance(0.5) {
			makes()
		}
		fails(there+back, pick(w, "HTTP 500", "HTTP 400"), false)
	case w.hit(mintGarbled):
		makes()
		fails(there+back, "not JSON", false)
	default:
		if w.hit(mintSlow) {
			late := pick(w, w.between(time.Second, 25*time.Second),
				w.between(20*time.Second, 3*time.Minute))
			if w.chance(0.3) { // it is the gateway that takes its time
				there += late
			} else {
				back += late
			}
		}
		makes()
		reply(there+back, func() payment.MintAnswer { return g.answer(l) })
	}
}

// makes is the gateway at work.
func (g *gateway) makes(l *link, r payment.MintRequest) {
	w := g.w
	g.codes++
	valid, states := r.Timeout+w.between(0, time.Minute), w.chance(0.7)
	if w.hit(mintShort) {
		valid, states = w.between(time.Second, r.Timeout), true
	}
	g.exists(l, fmt.Sprintf("000201%06d%s", g.codes, short(l.ref)), w.t+valid)
	l.code.name = fmt.Sprintf("CODE-%d", g.codes)
	if states {
		l.code.until = l.expires
	}
	w.say("gateway", "makes the code %s for %s, valid for %s", l.payload, short(l.ref), valid)
}

// answer is what the gateway says about a code that it made. A validity counts from the moment of
// the request, as the adapters do it.
func (g *gateway) answer(l *link) payment.MintAnswer {
	a := payment.MintAnswer{Minted: payment.Minted{Payload: l.payload, ProviderRef: l.code.name}}
	if l.code.until != 0 {
		a.ValidFor = l.code.until - l.code.asked
	}
	return a
}

// closes lets nobody pay a code any more, where the gateway can do that.
func (g *gateway) closes(ask engine.CloseCode) {
	ref, providerRef := ask.MerchantRef, ask.ProviderRef
	w, l := g.w, g.byRef[ref]
	if l == nil || l.payload == "" {
		w.fail("what never was is to be closed: %s", ref)
	}
	if l.account != ask.Account.Name {
		w.fail("the code of %s is to be closed at %s, and was made at %s", ref, ask.Account.Name,
			l.account)
	}
	if l.code == nil || providerRef != l.code.name || !w.prof.closes || w.hit(closeFails) {
		return
	}
	w.after(w.between(20*time.Millisecond, 2*time.Second), func() {
		if g.payable(l) {
			l.expires = w.t
			w.met(codeClosed)
			w.say("gateway", "closes %s", short(l.ref))
		}
	})
}

// opened tells by webhook that somebody looks at the code.
func (g *gateway) opened(l *link) {
	if g.payable(l) && len(l.caps) == 0 {
		r := g.record(l, payment.RecordSent)
		r.ResponseCode = ""
		g.w.say("gateway", "%s is opened", short(l.ref))
		g.notify(l, r)
	}
}

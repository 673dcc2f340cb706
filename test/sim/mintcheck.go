package sim

import (
	"slices"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// mint is what the journal says about the making of one payment's code.
type mint struct {
	sent    bool
	touched []string // wallets that the customer touched, offered or not
	booked  string   // the payload of minted
	failed  bool     // and nothing was minted before
}

// startWithin is how long a till waits at most for the answer to its start: for the code, and then
// for what became of it.
const startWithin = 20*time.Second + slowest + 15*time.Second

// mints checks a request for a code at the moment at which it leaves.
func (o *oracle) mints(ask engine.SendMint) *link {
	w, a, r := o.w, o.accounts[ask.Payment], ask.Request
	o.hears("a code is asked for")
	switch {
	case a == nil || !a.mint.sent:
		w.fail("a code is asked for, and that was not committed: %s", ask.Payment)
	case a.link.code != nil:
		w.fail("a second code is asked for: %s", a.id)
	case a.link.payload != "":
		w.fail("a code is asked for where a link can be paid: %s", a.id)
	case a.ended:
		w.fail("a code is asked for after the end of %s", a.id)
	case r.MerchantRef != a.ref || r.Money != a.link.money:
		w.fail("the code of another payment is asked for: %+v", r)
	case !w.walletIsRight(a, r.Schemes):
		w.fail("the code of %s is asked for %v; the customer touched %v", a.id, r.Schemes,
			a.mint.touched)
	case w.now().Up+r.Timeout > a.deadline+time.Millisecond:
		w.fail("the code of %s is asked for %s, longer than its deadline", a.id, r.Timeout)
	}
	return a.link
}

// walletIsRight reports whether a code is for the wallet that it must be for: one that the customer
// touched, where somebody did; otherwise the first that the till's wish leaves of the terminal's.
func (w *World) walletIsRight(a *account, schemes []string) bool {
	if w.prof.wallets == 0 {
		return slices.Equal(schemes, a.schemes)
	}
	open := slices.DeleteFunc(slices.Clone(w.wallets()),
		func(x string) bool { return len(a.schemes) > 0 && !slices.Contains(a.schemes, x) })
	switch {
	case len(schemes) != 1:
		return false
	case len(open) == 0:
		return schemes[0] == a.schemes[0]
	case len(a.mint.touched) > 0:
		return slices.Contains(open, schemes[0]) && slices.Contains(a.mint.touched, schemes[0])
	default:
		return schemes[0] == open[0]
	}
}

// touched: somebody touches a wallet on the display.
func (o *oracle) touched(id, wallet string) {
	if a := o.accounts[id]; a != nil && !a.mint.sent {
		a.mint.touched = append(a.mint.touched, wallet)
		if slices.Contains(o.w.wallets(), wallet) {
			o.w.met(walletChosen)
		}
	}
}

// fallsBack checks that a link takes a code's place only where there is no code for certain.
func (o *oracle) fallsBack(l *link, r payment.MintRequest) {
	w := o.w
	switch a := o.account(l); {
	case a == nil || l.money != r.Money:
		w.fail("a link is made in place of a code that nobody asked for: %s", r.MerchantRef)
	case !w.prof.fallback:
		w.fail("a link is made in place of a code, and none is configured: %s", a.id)
	case l.code == nil || !l.code.neverLeft:
		w.fail("a link is made, and there may be a code: %s", a.id)
	case a.ended:
		w.fail("a link is made after the end of %s", a.id)
	}
	l.code = nil
	w.met(linkForCode)
}

// minted checks what is booked: the very code that the gateway gave, and no later end than the
// gateway's.
func (o *oracle) minted(e entry, a *account, d payment.Minted) {
	w, l := o.w, a.link
	switch {
	case l.payload == "" || d.Payload != l.payload:
		w.fail("%s is booked with a code that the gateway did not give: %q, not %q", a.id,
			d.Payload, l.payload)
	case a.mint.booked != "" && a.mint.booked != d.Payload:
		w.fail("a second code of %s is booked", a.id)
	case d.Link != (l.remote && l.code == nil):
		w.fail("%s is booked as a link %t", a.id, d.Link)
	}
	a.mint.booked = d.Payload
	if d.DeadlineUp > 0 && d.DeadlineUp.Duration() < a.deadline && !a.mint.failed {
		a.deadline = d.DeadlineUp.Duration()
		if e.at == w.t && l.sale != nil {
			w.met(sooner)
			l.sale.deadline = min(l.sale.deadline, max(w.t, w.bootAt+a.deadline))
		}
	}
	if e.at != w.t || l.code == nil {
		return
	}
	if until := l.code.until; until != 0 && w.bootAt+a.deadline > until && !a.ended {
		w.fail("%s can be paid at the gateway until %s, and its deadline is %s", a.id, until,
			w.bootAt+a.deadline)
	}
	switch {
	case a.mint.failed:
		w.met(codeAfterFailure)
	case a.endedBy == payment.KindCancelRequested:
		w.met(codeAfterCancel)
	case a.endedBy == payment.KindDeadlinePassed, w.now().Up >= a.deadline:
		w.met(codeAfterDeadline)
	}
}

func (o *oracle) mintFailed(a *account) {
	if a.mint.booked == "" {
		a.mint.failed = true
	}
	a.ended = true
}

// mustBeValid fails when a code is on the screen that the gateway takes no money for any more.
func (l *link) mustBeValid(w *World) {
	if c := l.code; c != nil && c.until != 0 && w.t >= c.until {
		w.fail("the code of %s stays on the screen, and the gateway has let it end", l.ref)
	}
}

// follows checks what a committed step does about codes: one whose sale has ended is closed at the
// gateway, by its name.
func (o *oracle) follows(out engine.Output) {
	for _, f := range out.Facts {
		a := o.accounts[f.Payment]
		if a == nil || a.mint.booked == "" || a.link.code == nil || !o.w.knows(a.link) {
			continue
		}
		switch f.Kind() {
		case payment.KindCancelRequested, payment.KindDeadlinePassed, payment.KindDisplayLost:
		case payment.KindMinted:
			if !a.ended {
				continue
			}
		default:
			continue
		}
		if !slices.ContainsFunc(out.Then, func(e engine.Effect) bool {
			c, ok := e.(engine.CloseCode)
			return ok && c.MerchantRef == a.ref && c.ProviderRef == a.link.code.name
		}) {
			o.w.fail("%s has ended, and its code is not closed", a.id)
		}
	}
}

// startsInTime checks that a till hears what became of its sale, though the gateway may never
// answer. While the journal takes no entry it hears so by other ways.
func (o *oracle) startsInTime(x waiter) {
	w := o.w
	if x.what == "engine.StartAsked" &&
		w.t-max(x.since, w.asleepUntil, w.disk.refusedAt, w.disk.blindUntil) > startWithin {
		w.fail("a start is not answered within %s", startWithin)
	}
}

// diesMinting notes that a process ends which waits for a code.
func (o *oracle) diesMinting() {
	for _, e := range o.facts {
		if a := o.accounts[e.f.Payment]; a != nil && e.f.Kind() == payment.KindMintSent &&
			a.mint.booked == "" && !a.ended {
			o.w.met(diedMinting)
		}
	}
}

// collected notes when money is taken.
func (o *oracle) collected(l *link) {
	if a := o.account(l); a != nil && a.withdrawn && l.code != nil {
		o.w.met(codePaidLate)
	}
}

// mint compares how a remote payment ended with what the gateway was asked.
func (v *verdict) mint(a *account, p payment.Payment) {
	w, l := v.w, a.link
	if !l.remote {
		return
	}
	if len(l.caps) > 0 && !l.exposed {
		w.fail("%s was paid, and nobody has seen its code", a.id)
	}
	if l.payload != "" { // somebody might have paid
		return
	}
	if p.Reason != nil && p.Reason.Code == "not_chosen" {
		w.met(neverChosen)
		if p.Status != payment.StatusCancelled || a.mint.sent {
			w.fail("%s was chosen by nobody, and a code was asked for", a.id)
		}
	}
	notReady := p.Reason != nil && p.Reason.Code == "not_ready" && !a.mint.sent
	if a.endedBy == "" && (p.Status != payment.StatusCancelled || p.Reason == nil ||
		p.Reason.Code != "mint_failed" && !notReady) {
		w.fail("%s was never minted, and ends as %s %+v", a.id, p.Status, p.Reason)
	}
	if p.Acknowledged && p.Status == payment.StatusCancelled && v.listed(p) &&
		p.Resolution == nil && len(p.Claims) == 0 && !v.strange(p) {
		w.fail("%s was never minted, its till knows, and it is on the worklist", a.id)
	}
}

package sim

import (
	"time"

	"kiosk-agent/payment"
)

// settings are what staff may change in the agent's configuration between two of its processes;
// accounts and secrets are apart. A process and what staff have written are the same: who changes
// them restarts it.
type settings struct {
	query  bool          // a transaction query is configured
	every  time.Duration // between two queries
	finish bool          // an attempt's end is the payment's end
	needs  bool          // approve_needs_query
	canary time.Duration // require_canary
	// places for deliveries that do not open: how many, of how many bytes, and for how long
	parked      int
	parkedBytes int64
	parkedFor   time.Duration

	settle, answerWithin, reuse time.Duration
	currency                    payment.Currency
	maxAmount                   int64

	crossed bool // each till on a line speaks the other one's dialect

	remote   bool // the gateway makes the codes
	fallback bool // a link takes a code's place where the mint provably never left
	wallets  int  // how many of the schemes codes are made for; 0 = the gateway knows
}

// lag is how long the gateway's query may be behind: the least that settle may be.
const lag = 5 * time.Second

// slowest is the longest answer_within.
const slowest = 40 * time.Second

func (w *World) drawSettings() settings {
	s := settings{
		query: w.chance(0.67), finish: w.chance(0.2),
		every:  pick(w, 5*time.Second, 1500*time.Millisecond, 3*time.Second),
		canary: pick(w, time.Minute, time.Minute, 3*time.Minute, 0),
		parked: pick(w, 256, 6, 2, 2), parkedBytes: pick[int64](w, 1<<20, 1<<20, 2500),
		parkedFor: pick(w, 72*time.Hour, 20*time.Minute),
		settle:    pick(w, lag, lag, 8*time.Second), answerWithin: pick(w, 25*time.Second, slowest),
		reuse:     pick(w, 10*time.Minute, 10*time.Minute, time.Minute),
		crossed:   w.chance(0.3),
		maxAmount: pick[int64](w, 999_999_900, 999_999_900, 2000), remote: w.chance(0.33),
	}
	s.needs = s.query && w.chance(0.25)
	s.currency = pick(w, payment.SGD, payment.SGD, payment.IDR)
	if s.remote {
		s.fallback, s.wallets = w.chance(0.5), w.rng.IntN(4)
		s.finish = s.finish || w.chance(0.3)
	}
	return s
}

// policy is what a sale of now is made with.
func (s settings) policy() payment.Policy {
	return payment.Policy{
		FinishDeclined: s.finish, Settle: payment.ToMillis(s.settle),
		AnswerWithin: payment.ToMillis(s.answerWithin), Watch: payment.ToMillis(watch),
		Query: s.query, ApproveNeedsQuery: s.needs,
	}
}

// reconfigures lets staff write another configuration and restart the agent, whatever is going on.
func (w *World) reconfigures() {
	if w.healed {
		return
	}
	old := w.prof.settings
	w.prof.settings = w.drawSettings()
	s := &w.prof.settings
	if w.chance(0.5) { // the gateway's part stays
		s.query, s.remote, s.fallback, s.wallets = old.query, old.remote, old.fallback, old.wallets
		s.needs = s.needs && s.query
	}
	w.say("staff", "configure %+v", *s)
	if s.crossed != old.crossed {
		for _, t := range w.ecrs {
			t.isReplaced()
		}
	}
	if w.agent == nil {
		return
	}
	if w.oracle.sells() {
		w.met(reconfiguredInSale)
		w.metIf(s.policy() != old.policy(), policyChanged)
		w.metIf(s.query != old.query, queryChanged)
		w.metIf(s.remote != old.remote, providerChanged)
		w.metIf(s.currency != old.currency, currencyChanged)
		w.metIf(s.maxAmount < old.maxAmount, limitLowered)
	}
	w.dies(false, "restarted by staff with another configuration")
	for _, t := range w.tills { // some till is not sure of its sale
		if s := t.previous(); s != nil && w.chance(0.5) {
			w.after(w.between(2*time.Second, 20*time.Second), func() { t.repeats(s) })
		}
	}
}

func (w *World) metIf(yes bool, s situation) {
	if yes {
		w.met(s)
	}
}

// isNotOld fails when a request is answered with a sale that ended before reuse_window, or in
// another boot.
func (o *oracle) isNotOld(p payment.Payment) {
	now, reuse := o.w.now(), o.w.prof.reuse
	if p.Final && p.Reason != nil && p.Reason.Code == "journal_unavailable" {
		return // what was decided now and is nowhere
	}
	if p.Final && (p.FinalBoot != now.Boot || now.Up-p.FinalUp >= reuse) {
		o.w.fail("a request is answered with %s, which ended at %s+%s: reuse_window is %s", p.ID,
			p.FinalBoot, p.FinalUp, reuse)
	}
}

// asMade checks that an open payment keeps the policy and the money that it was requested with.
func (o *oracle) asMade(a *account, p payment.Payment) {
	if p.Policy != a.policy || p.Money != a.link.money {
		o.w.fail("%s was made for %v with %+v, and is told for %v with %+v", a.id, a.link.money,
			a.policy, p.Money, p.Policy)
	}
}

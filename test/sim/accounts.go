package sim

import (
	"fmt"
	"slices"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// bankAccount is what the gateways have: each sale is made at one. The last one was somebody
// else's, who still knows its secret: no sale was ever made there.
type bankAccount struct {
	payment.Account
	proved map[string]time.Duration // since when, by endpoint
}

// strangers is the account of somebody who had the kiosk before.
const strangers = 3

// accounts are which ones the agent is configured with.
type accounts struct {
	all    []*bankAccount
	here   int   // where the agent sells when it starts next
	before []int // the previous accounts that its configuration names
	client int   // of the client id, which changes with some rotations
}

func newAccounts(w *World) accounts {
	a := accounts{}
	for i, provider := range []string{"axs", "axs", "singapay", "axs"} {
		a.all = append(a.all, &bankAccount{payment.Account{
			Name: fmt.Sprintf("%s:pay.sim/%d", provider, i), Provider: provider,
		}, map[string]time.Duration{}})
	}
	if w.prof.stranger {
		a.before = []int{strangers}
	}
	return a
}

// at is one of the accounts as the agent's configuration has it now.
func (w *World) at(i int) payment.Account {
	a := w.gw.accounts.all[i].Account
	if w.prof.query {
		a.Endpoint = fmt.Sprintf("query %d of client %d", i, w.gw.accounts.client)
	}
	return a
}

// configured are the present account and those before it.
func (w *World) configured() payment.Accounts {
	known := payment.Accounts{w.at(w.gw.accounts.here)}
	for _, i := range w.gw.accounts.before {
		known = append(known, w.at(i))
	}
	return known
}

// named is the account of this name.
func (g *gateway) named(name string) *bankAccount {
	for _, a := range g.accounts.all {
		if a.Name == name {
			return a
		}
	}
	g.w.fail("there is no account %q", name)
	return nil
}

// sealing is the secret of an account, of which rotations change the first part.
func sealing(secret, account string) string { return secret + " of " + account }

// switches lets staff configure another account and restart the agent, whatever is going on. Some
// do not think of the sales that were made at the one before.
func (w *World) switches() {
	if w.healed {
		return
	}
	a := &w.gw.accounts
	old := a.here
	a.here = pick(w, (old+1)%strangers, (old+2)%strangers)
	a.before = slices.DeleteFunc(a.before, func(i int) bool { return i == a.here })
	if !slices.Contains(a.before, old) && w.chance(0.5) {
		a.before = append(a.before, old)
	}
	w.say("staff", "configure account %d in place of %d, previous ones %v", a.here, old, a.before)
	if w.chance(0.4) {
		w.after(w.between(2*time.Second, 4*time.Minute), func() {
			if a.here != old {
				w.met(switchedBack)
				w.switches()
			}
		})
	}
	if w.agent == nil {
		return
	}
	if w.agent.screen.Payload != "" {
		w.met(switchedWithCode)
	}
	w.dies(false, "restarted by staff with another account")
}

// remembers lets staff name the accounts at which sales were made, or not: then nobody asks there.
func (w *World) remembers() {
	if !w.prof.remember {
		return
	}
	a := &w.gw.accounts
	for i := range strangers {
		if i != a.here && !slices.Contains(a.before, i) {
			a.before = append(a.before, i)
		}
	}
}

// knows reports whether the agent's configuration has the account at which a link was made.
func (w *World) knows(l *link) bool {
	return slices.ContainsFunc(w.agent.accounts,
		func(a payment.Account) bool { return a.Name == l.account })
}

// asksForAccounts hears from the agent which accounts are gone.
func (w *World) asksForAccounts() {
	if w.agent == nil {
		return
	}
	w.agent.ask(func(t engine.Ticket) engine.Event { return engine.Inspected{To: t} },
		func(a engine.Answer) { w.gone = a.State.Gone })
}

// goneIsSaid fails when money came for a sale at an account that the agent does not know any more,
// and nobody says that it cannot be asked for.
func (v *verdict) goneIsSaid(a *account, p payment.Payment) {
	w := v.w
	w.met(accountGone)
	if p.Status != payment.StatusApproved && !slices.ContainsFunc(w.gone,
		func(g engine.Gone) bool { return g.Account == a.link.account && g.Payments > 0 }) {
		w.fail("%s was paid at %s, which is not configured any more, and nobody says so: %+v", a.id,
			a.link.account, w.gone)
	}
}

// sealedBy reports whether this process opens what was sealed with a secret.
func (a *agent) sealedBy(secret string) (at []payment.Account) {
	for _, known := range a.accounts {
		for _, s := range a.secrets {
			if sealing(s, known.Name) == secret {
				at = append(at, known)
			}
		}
	}
	return at
}

// believes reports whether the agent may take what a delivery states, by the secrets that it has.
func (a *agent) believes(e payment.Envelope) bool {
	records, at, err := (&agentGateway{w: a.w, agent: a}).OpenAs(e)
	for _, r := range records {
		l := a.w.gw.byRef[r.MerchantRef]
		if l != nil && !slices.ContainsFunc(at, func(x payment.Account) bool {
			return x.Name == l.account || x.Name == a.accounts[0].Name
		}) {
			return false
		}
	}
	return err == nil
}

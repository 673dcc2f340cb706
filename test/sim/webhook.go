package sim

import (
	"encoding/json"
	"time"

	"kiosk-agent/payment"
)

// notify posts a webhook to the relay, as well as the network lets it.
func (g *gateway) notify(l *link, r payment.Record) {
	w := g.w
	if w.hit(webhookLost) {
		w.say("network", "loses the webhook about %s", short(l.ref))
		return
	}
	d := w.between(20*time.Millisecond, 1500*time.Millisecond)
	switch {
	case w.hit(webhookHours):
		d += w.between(10*time.Minute, 4*time.Hour)
	case w.hit(webhookLate):
		d += w.between(2*time.Second, 6*time.Minute)
	}
	g.post(g.seal(l.account, r), d, 0)
	if w.hit(webhookTwice) {
		g.post(g.seal(l.account, r), d+w.between(0, time.Minute), 0)
	}
	if w.hit(webhookForged) {
		g.forge(l)
	}
}

func (g *gateway) seal(account string, r payment.Record) []byte {
	g.w.nonces++
	return mustJSON(g.w, sealed{sealing(g.secret, account), g.w.nonces, []payment.Record{r}})
}

func mustJSON(w *World, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		w.fail("%v", err)
	}
	return b
}

// post tries again a few times while the relay refuses.
func (g *gateway) post(body []byte, d time.Duration, tries int) {
	g.w.relay.hook(hookRequest{shared: g.w.chance(0.7), body: body}, d, func(err error) {
		if err != nil && tries < 5 {
			g.post(body, g.w.between(time.Second, 20*time.Second)<<tries, tries+1)
		}
	})
}

// forge posts what a stranger makes up: a SUCCESS that the gateway never stated. It does not know
// the secret, but for that of an account at which this terminal has sold nothing.
func (g *gateway) forge(l *link) {
	r := g.record(l, payment.RecordSuccess)
	r.TransactionRef = "FORGED"
	secret := pick(g.w, "guessed", sealing(g.secret, g.accounts.all[strangers].Name))
	g.w.nonces++
	g.post(mustJSON(g.w, sealed{secret, g.w.nonces, []payment.Record{r}}),
		g.w.between(0, time.Second), 0)
}

package sim

import (
	"fmt"
	"slices"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// asked answers a transaction query some time later, exactly once.
func (g *gateway) asked(at payment.Account, ref string,
	reply func(payment.QueryAnswer, time.Duration)) {
	w := g.w
	there, back := w.between(10*time.Millisecond, 400*time.Millisecond),
		w.between(10*time.Millisecond, 400*time.Millisecond)
	switch {
	case w.hit(queryTimeout):
		reply(payment.QueryAnswer{Failure: "timeout after 10s"}, 10*time.Second)
	case w.hit(queryLost):
		w.inside(there, func() {
			reply(g.truth(at, ref), w.between(61*time.Second, 5*time.Minute))
		})
	case w.hit(queryError):
		reply(payment.QueryAnswer{HTTPStatus: 500, Failure: "HTTP 500"}, there+back)
	case w.hit(queryNonsense):
		reply(payment.QueryAnswer{HTTPStatus: 200, Failure: "not JSON"}, there+back)
	case w.hit(queryOther):
		reply(g.another(at, ref), there+back)
	case w.hit(queryUnknownWord):
		g.proves(at) // a record that can be read, all the same
		r := payment.Record{MerchantRef: ref, Type: payment.TypePay, Status: "PENDING", Amount: 1,
			Currency: "SGD"}
		reply(payment.QueryAnswer{HTTPStatus: 200, Records: []payment.Record{r}}, there+back)
	default:
		if w.hit(querySlow) {
			back = pick(w, w.between(time.Second, 12*time.Second),
				w.between(time.Second, 30*time.Second), w.between(20*time.Second, 55*time.Second))
			if l := g.byRef[ref]; l != nil && w.hit(tillCancels) {
				w.after(w.between(there, back), func() { w.cancelsEarly(l.sale) })
			}
		}
		w.inside(there, func() { reply(g.repeats(g.truth(at, ref)), back) })
	}
}

// repeats lets an answer state a transaction twice, as a list may that is read page by page.
func (g *gateway) repeats(a payment.QueryAnswer) payment.QueryAnswer {
	if n := len(a.Records); n > 0 && g.w.prof.level > 0 && g.w.chance(0.03) {
		if r := a.Records[n-1]; r.TransactionRef != "" {
			g.w.met(answerRepeats)
			a.Records = append(a.Records, r)
		}
	}
	return a
}

// truth is what the service knows by now at one account. While a network's login page or a wrong
// link id stands in between, and only as long as the right service has never answered, everything
// is a 404.
func (g *gateway) truth(at payment.Account, ref string) payment.QueryAnswer {
	w := g.w
	if !g.hasProved(at) && w.t >= g.liesUntil && w.hit(queryNotFoundLie) {
		g.liesUntil = w.t + w.between(time.Second, 10*time.Minute)
	}
	if !g.hasProved(at) && w.t < g.liesUntil && !w.healed {
		return payment.QueryAnswer{HTTPStatus: 404, NotFound: true}
	}
	a := payment.QueryAnswer{HTTPStatus: 200}
	l := g.byRef[ref]
	if l != nil && l.account != at.Name {
		l = nil
	}
	if l != nil {
		for _, s := range l.records {
			if s.visible <= w.t {
				a.Records = append(a.Records, s.rec)
			}
		}
	}
	if len(a.Records) > 0 {
		g.proves(at)
		return a
	}
	switch {
	case w.prof.unknown == 0:
		return payment.QueryAnswer{HTTPStatus: 404, NotFound: true}
	case w.prof.unknown == 2 && l != nil && l.payload != "":
		g.proves(at)
		a.Records = []payment.Record{{
			MerchantRef: ref, Type: payment.TypePay, Status: payment.RecordSent,
			Amount: l.money.Amount, Currency: string(l.money.Currency),
		}}
	}
	return a
}

// another is a true answer to a question that was not asked.
func (g *gateway) another(at payment.Account, ref string) payment.QueryAnswer {
	for _, l := range g.links {
		if l.ref == ref {
			continue
		}
		if a := g.truth(at, l.ref); len(a.Records) > 0 {
			return a
		}
	}
	r := payment.Record{MerchantRef: "OTHERONE-" + ref[9:], Type: payment.TypePay,
		Status: payment.RecordSuccess, Amount: 1, Currency: "SGD", TransactionRef: "X"}
	g.proves(at)
	return payment.QueryAnswer{HTTPStatus: 200, Records: []payment.Record{r}}
}

func answerText(a payment.QueryAnswer) string {
	if a.Failure != "" {
		return a.Failure
	}
	s := fmt.Sprintf("HTTP %d", a.HTTPStatus)
	for _, r := range a.Records {
		s += fmt.Sprintf(" %s %s %s(%s)", r.Type, r.Status, r.TransactionRef, short(r.MerchantRef))
	}
	return s
}

// answerComes notes what has happened while an answer was on its way.
func (o *oracle) answerComes(q engine.SendQuery, asked time.Duration, ans payment.QueryAnswer) {
	w, a := o.w, o.accounts[q.Payment]
	if a == nil || ans.Failure != "" {
		return
	}
	if a.withdrawn && asked < a.withdrawnAt {
		w.met(answerOverEnd)
	}
	within := a.withdrawnAt + a.policy.AnswerWithin.Duration()
	if a.withdrawn && asked >= a.withdrawnAt && asked < within && w.t > within {
		w.met(answerTooLate)
	}
	if len(ans.Records) == 0 && slices.ContainsFunc(a.link.caps,
		func(c *capture) bool { return c.at > asked }) {
		w.met(answerOvertaken)
	}
}

package sim

import (
	"time"

	"kiosk-agent/payment"
)

// naming is how the gateway's records call a transaction.
type naming int

const (
	namedAlways    naming = iota
	namedByQuery          // webhooks have no reference
	namedByWebhook        // the query's records have none
	namedNowhere
	namedSometimes // each record for itself
	namedAlike     // a second payment may have the reference of the first
)

// names gives a new transaction its reference, which a second payment of one link may share with
// the first.
func (g *gateway) names(l *link, r *payment.Record) {
	if g.w.prof.naming != namedAlike || len(l.caps) == 0 || g.w.chance(0.4) {
		return
	}
	first := l.caps[0]
	for _, c := range l.caps {
		if !c.good || c.txn == first.txn &&
			c.at.Truncate(time.Second) == g.w.t.Truncate(time.Second) {
			return // nobody could tell the two apart
		}
	}
	r.TransactionRef = first.txn
	g.w.met(refShared)
}

// told are a record as the webhook and the query tell it.
func (g *gateway) told(l *link, r payment.Record) (hook, query payment.Record) {
	hook, query = r, r
	if r.ResponseCode == "" || r.ResponseCode == "00" { // one says so, the other does not
		hook.ResponseCode = pick(g.w, r.ResponseCode, "", "00")
	}
	if s := l.sale; s != nil && s.line != nil && s.line.style == constant {
		// such a till tells an approval of before by its reference alone
		return hook, query
	}
	without := func(r *payment.Record, yes bool) {
		if yes {
			r.TransactionRef = ""
		}
	}
	n := g.w.prof.naming
	without(&hook, n == namedByQuery || n == namedNowhere || n == namedSometimes && g.w.chance(0.5))
	without(&query, n == namedByWebhook || n == namedNowhere ||
		n == namedSometimes && g.w.chance(0.5))
	if r.Type == payment.TypePay && r.Status == payment.RecordSuccess {
		switch {
		case hook.TransactionRef == "" && query.TransactionRef == "":
			g.w.met(refNowhere)
		case hook.TransactionRef == "":
			g.w.met(refByQuery)
		case query.TransactionRef == "":
			g.w.met(refByWebhook)
		}
	}
	return hook, query
}

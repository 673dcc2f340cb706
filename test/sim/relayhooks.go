package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// arrival is a request on its way to the relay.
type arrival struct {
	r    *relayServer
	do   func()
	done bool
}

func (a *arrival) arrives() {
	if a.done {
		return
	}
	a.done = true
	a.r.coming = slices.DeleteFunc(a.r.coming, func(b *arrival) bool { return b == a })
	a.do()
}

// hookRequest is a POST to the hook URL.
type hookRequest struct {
	shared   bool   // to the merchant's hook URL, where there is one
	canary   string // the nonce; "" = a hook
	terminal string // whom a canary is for, as the relay has called it
	body     []byte
}

// hook takes a request after d; done hears of the answer.
func (r *relayServer) hook(q hookRequest, d time.Duration, done func(error)) {
	a := &arrival{r: r}
	a.do = func() {
		w := r.w
		if r.isDown() || q.canary == "" && w.hit(hookRefused) {
			done(errors.New("HTTP status 503"))
			return
		}
		done(r.takes(q))
		if w.chance(0.2) {
			r.neighbours(1)
		}
		r.pump()
	}
	r.coming = append(r.coming, a)
	r.w.after(d, a.arrives)
}

// route is where a request goes.
func (r *relayServer) route(q hookRequest) rules.Route {
	if q.shared && r.terminal.Merchant != "" {
		return r.shared
	}
	return r.own
}

// isFull reports whether a source has more than its quota of hooks, but for the canary that has
// just been stored.
func (r *relayServer) isFull(of rules.Source) bool {
	var n uint64
	for _, m := range r.disk.All() {
		if m.Subject == of.Hooks() {
			n++
		}
	}
	if of == r.own.To {
		n--
	}
	return n >= r.disk.Quota
}

// keptHook is a hook that was answered 200.
type keptHook struct {
	id   string
	body []byte
}

// nothingMissed: a hello that is met without a gap. What was answered 200 is in the journal, or is
// handed out now, or later, where the agent left it here. A gap makes the agent ask about the
// payments that it has: about others there is
// nothing to be told.
func (r *relayServer) nothingMissed(p *relay.Position) {
	o, after := r.w.oracle, uint64(0)
	if p != nil {
		after = p.Seq
	}
	comes := map[string]bool{}
	for _, m := range r.hooks() {
		comes[m.ID] = m.Seq > after || o.covered(r.disk.Epoch, m.Seq)
	}
	for _, k := range r.kept {
		if !comes[k.id] && o.names(k.body) && !o.booked(k.body) {
			r.w.fail("no gap, and hook %s will never be heard of: %s", k.id, k.body)
		}
	}
}

// forgets: what the store does not hold any more is not asked for any more.
func (r *relayServer) forgets() {
	held := map[string]bool{}
	for _, m := range r.hooks() {
		held[m.ID] = true
	}
	r.kept = slices.DeleteFunc(r.kept, func(k keptHook) bool { return !held[k.id] })
}

// ages notes hooks that were answered 200 and that the store has held for its retention: one that
// the agent has not heard of by now it hears of by a gap.
func (r *relayServer) ages() {
	held := map[string]bool{}
	for _, m := range r.hooks() {
		held[m.ID] = true
	}
	for _, k := range r.kept {
		if !held[k.id] && r.w.t-r.arrived[k.id] >= r.w.prof.relay.retention {
			r.w.met(agedAtRelay)
		}
	}
}

// takes is the hook URL's answer.
func (r *relayServer) takes(q hookRequest) error {
	w := r.w
	a, refused := rules.Admit(w.trueWall(), rules.Request{Length: int64(len(q.body)),
		Nonce: q.canary, Terminal: q.terminal}, r.route(q), r.member)
	if refused == nil {
		e := rules.Envelope{ID: r.newID(), ReceivedAt: relay.Time{Time: w.trueWall()}}
		if a.Kind == relay.KindHook {
			e.Method, e.Body = "POST", q.body
			if refused := a.Judge(w.trueWall(), true); refused != nil {
				return fmt.Errorf("HTTP status %d", refused.Status)
			}
		}
		err := a.Keep(context.Background(), r.store(), int64(r.disk.Quota), e)
		if err == nil {
			if m, _ := r.disk.At(context.Background(), r.disk.Last()); m == nil || m.ID != e.ID {
				w.fail("a %s is answered 200 and not stored", a.Kind)
			}
			if a.Kind == relay.KindCanary && r.isFull(a.On.To) {
				w.fail("a canary is taken where hooks are not")
			}
			if a.Kind == relay.KindHook {
				r.kept = append(r.kept, keptHook{e.ID, q.body})
				w.say("relay", "stores hook %s/%d", r.disk.Epoch, r.disk.Last())
			}
			return nil
		}
		refused = rules.Refused(err)
	}
	w.say("relay", "refuses a %s: %d %s", a.Kind, refused.Status, refused.Text)
	if refused.Status == 429 {
		w.met(hookTooMany)
	}
	return fmt.Errorf("HTTP status %d", refused.Status)
}

func (r *relayServer) member(merchant, handle string) (rules.Member, bool) {
	id, _ := rules.FromHandle(handle)
	return rules.Member{Source: rules.TerminalSource(id), Canaries: r.canaries},
		merchant == r.terminal.Merchant && (id == terminalID || id == siblingID)
}

// flood posts deliveries that are none of the gateway's.
func (r *relayServer) flood(n int) {
	r.w.say("relay", "is flooded with %d deliveries", n)
	for range n {
		// what is refused is gone: nobody posts it again
		_ = r.takes(hookRequest{shared: r.w.chance(0.5), body: fmt.Appendf(nil, "junk %d", r.ids)})
	}
	r.pump()
}

// rubbish posts what looks like notifications, and is a stranger's: it opens with no secret.
func (r *relayServer) rubbish(n int) {
	r.w.say("relay", "is flooded with %d forged notifications", n)
	for range n {
		r.w.nonces++
		_ = r.takes(hookRequest{shared: r.w.chance(0.5),
			body: mustJSON(r.w, sealed{"guessed", r.w.nonces, nil})})
	}
	r.pump()
}

// neighbours store hooks of others: another terminal's, and where the merchant has one hook URL for
// all, another terminal's payment that this one hears as well.
func (r *relayServer) neighbours(n int) {
	for range n {
		to := rules.TerminalSource("K002")
		body := []byte("of K002")
		if r.terminal.Merchant != "" && r.w.chance(0.2) {
			to = rules.MerchantSource(r.terminal.Merchant)
			body = r.w.gw.seal(r.w.at(r.w.gw.accounts.here).Name, r.neighbourPays())
			r.w.met(neighbourPaid)
		}
		e := rules.Envelope{ID: r.newID(), Kind: relay.KindHook, Method: "POST", Body: body,
			ReceivedAt: relay.Time{Time: r.w.trueWall()}}
		if err := r.disk.Put(context.Background(), to, e); err != nil {
			r.w.say("relay", "refuses a neighbour's hook: %v", err)
		}
	}
}

func (r *relayServer) neighbourPays() payment.Record {
	ref := fmt.Sprintf("K003SIMU-%d", r.ids)
	return payment.Record{MerchantRef: ref, TransactionRef: "TXN-" + ref, Type: payment.TypePay,
		Status: payment.RecordSuccess, ResponseCode: "00", Amount: 1234,
		Currency: string(payment.SGD), Scheme: "PAYNOW",
		PaidAt: r.w.trueWall().Truncate(time.Second)}
}

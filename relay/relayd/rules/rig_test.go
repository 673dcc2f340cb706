package rules_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
	"kiosk-agent/test/relaystore"
)

// rig is a relay of one terminal, K001 of the merchant M1, on a store in memory.
type rig struct {
	t     *testing.T
	store *relaystore.Store
	now   time.Time
	ids   int
	route rules.Route // of the merchant
	own   rules.Route
	of    rules.Terminal
	can   *rate.Limiter

	session *rules.Session
	told    []relay.Message // since the last call of heard
}

const week = 168 * time.Hour

func newRig(t *testing.T) *rig {
	r := &rig{t: t, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	r.store = &relaystore.Store{Epoch: "e1", Quota: 5, Retention: week,
		Now: func() time.Time { return r.now }}
	r.of = rules.Terminal{ID: "K001", Merchant: "M1", CreatedAt: r.now, Epoch: "e1"}
	r.route = rules.Route{To: rules.MerchantSource("M1"), Merchant: "M1",
		Limiter: rate.NewLimiter(20, 100)}
	r.can = rate.NewLimiter(rules.CanaryRate, rules.CanaryBurst)
	r.own = rules.Route{To: rules.TerminalSource("K001"), Limiter: rate.NewLimiter(20, 100),
		Canaries: r.can}
	return r
}

func (r *rig) id() string { r.ids++; return fmt.Sprint("ID", r.ids) }

// post sends a request to a hook URL and returns the answer's status.
func (r *rig) post(to rules.Route, body, nonce string) int {
	a, refused := rules.Admit(r.now, rules.Request{Length: int64(len(body)), Nonce: nonce,
		Terminal: rules.Handle("K001")}, to,
		func(merchant, handle string) (rules.Member, bool) {
			return rules.Member{Source: r.own.To, Canaries: r.can},
				merchant == "M1" && handle == rules.Handle("K001")
		})
	if refused == nil {
		refused = a.Judge(r.now, true)
	}
	if refused == nil {
		err := a.Keep(context.Background(), r.store, int64(r.store.Quota), rules.Envelope{
			ID: r.id(), Body: []byte(body), ReceivedAt: relay.Time{Time: r.now}})
		if err == nil {
			return 200
		}
		refused = rules.Refused(err)
	}
	return refused.Status
}

// hello connects anew and returns what came of it.
func (r *rig) hello(h relay.Hello) (rules.Greeting, error) {
	r.session = rules.NewSession(rules.Limits{Retention: week, InFlight: 3, Ping: 15 * time.Second},
		r.of, rules.Ports{Store: r.store, Heads: r.store, NewID: r.id,
			Send: func(m relay.Message) error { r.told = append(r.told, m); return nil }})
	g, err := r.session.Greet(context.Background(), r.now, h)
	if err == nil {
		_, err = r.session.Begin(context.Background(), r.now)
	}
	return g, err
}

// pump lets the session send, and returns what it said since the last call.
func (r *rig) pump() []string {
	r.t.Helper()
	for more := true; more; {
		var err error
		if more, err = r.session.Pump(context.Background()); err != nil {
			r.t.Fatal(err)
		}
	}
	return r.heard()
}

func (r *rig) heard() (lines []string) {
	for _, m := range r.told {
		switch m := m.(type) {
		case relay.Delivery:
			lines = append(lines, fmt.Sprintf("%s %d %s%s", m.Kind, m.Position.Seq, m.Hook.Body,
				m.Nonce))
		case relay.Gap:
			lines = append(lines, "gap "+m.Reason)
		case relay.CaughtUpMessage:
			lines = append(lines, "caught up")
		}
	}
	r.told = nil
	return lines
}

func at(journal string, seq uint64) relay.Head {
	return relay.Head{JournalID: journal, Seq: seq, Hash: fmt.Sprint(journal, seq)}
}

var errDisk = errors.New("input/output error")

// failing lets the n-th of an operation fail from now on, 0 being the next.
func (r *rig) failing(op string, n int) {
	r.store.Fails = func(asked string) error {
		if asked == op {
			if n--; n < 0 {
				return errDisk
			}
		}
		return nil
	}
}

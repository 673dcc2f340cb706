package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kiosk-agent/payment"
)

// gateway is the payment service with its own book: what was really collected. Nothing that the
// agent says changes it.
type gateway struct {
	w          *World
	links      []*link
	byRef      map[string]*link
	byPayload  map[string]*link
	codes      int      // ever made
	secret     string   // what it seals with now
	secrets    int      // ever made
	configured []string // what the agent's configuration holds, newest first
	rotated    bool     // the agent does not know the secret yet
	liesUntil  time.Duration
	accounts   accounts
	txns       int
	asking     *sale // who the link that is being made is for
}

// link is what a customer can pay for one merchantRef: a checkout link, or a code that the gateway
// makes.
type link struct {
	ref     string
	account string // of the gateway, where it was made
	money   payment.Money
	begun   time.Duration // true time
	payload string        // what the customer scans; "" = there is nothing to pay, or not yet
	remote  bool          // the gateway was to make a code
	code    *code         // nil = a link of the agent's own
	expires time.Duration // nobody can pay after that
	sale    *sale
	exposed bool // a customer could have seen it
	bought  bool // a customer has looked at it
	caps    []*capture
	records []*statement     // what the gateway would report, in order
	bent    []payment.Record // webhooks that said what is not so
}

// capture is money that was really taken.
type capture struct {
	txn    string // what the gateway calls it
	at     time.Duration
	good   bool // the amount, the currency and the code are the sale's
	amount int64
	back   int64 // of it that was given back; more than the amount, where somebody mistyped
	backs  int   // reversals of it that were carried out
}

// kept reports whether the merchant still has all of the money.
func (c *capture) kept() bool { return c.backs == 0 }

// statement is a record, in the words of the webhook and of the query, and when the query begins to
// show it.
type statement struct {
	hook, rec payment.Record
	visible   time.Duration
}

func newGateway(w *World) *gateway {
	g := &gateway{w: w, byRef: map[string]*link{}, byPayload: map[string]*link{},
		accounts: newAccounts(w)}
	g.rotate()
	g.configure()
	return g
}

// rotate changes the secret at the gateway; the agent's configuration follows some time.
func (g *gateway) rotate() {
	g.secrets++
	g.secret, g.rotated = fmt.Sprintf("secret-%d", g.secrets), true
}

// configure writes the new secret, and the one before, into the agent's configuration; its next
// start reads them.
func (g *gateway) configure() {
	g.configured = append([]string{g.secret}, g.configured[:min(1, len(g.configured))]...)
	g.rotated = false
	if g.w.chance(0.5) {
		g.accounts.client++
	}
}

// agentGateway is the engine's port: what payment/axs does on the kiosk.
type agentGateway struct {
	w     *World
	agent *agent
}

// Mint makes a link. Making it is local; the gateway's book only notes what exists.
func (a *agentGateway) Mint(r payment.MintRequest) (payment.Minted, error) {
	w, g := a.w, a.w.gw
	if w.hit(mintFails) {
		return payment.Minted{}, errors.New("no random numbers")
	}
	l := g.byRef[r.MerchantRef]
	switch {
	case w.prof.remote:
		w.oracle.fallsBack(l, r)
	case l != nil:
		w.fail("merchantRef %s is used twice", l.ref)
	default:
		l = g.begins(r.MerchantRef, r.Money)
	}
	g.exists(l, "https://pay.sim/"+l.ref, w.t+r.Timeout+30*time.Second+w.between(0, time.Minute))
	return payment.Minted{Payload: l.payload, ProviderRef: "LINK-" + short(l.ref)}, nil
}

// begins opens the account of one merchantRef; there is nothing to pay yet.
func (g *gateway) begins(ref string, m payment.Money) *link {
	l := &link{ref: ref, account: g.w.agent.accounts[0].Name, money: m, begun: g.w.t,
		remote: g.w.prof.remote, sale: g.asking}
	g.links = append(g.links, l)
	g.byRef[ref] = l
	return l
}

// exists: from now on somebody who sees the payload can pay.
func (g *gateway) exists(l *link, payload string, until time.Duration) {
	if l.payload != "" {
		g.w.fail("there are two ways to pay %s: %s and %s", l.ref, l.payload, payload)
	}
	l.payload, l.expires = payload, until
	g.byPayload[payload] = l
}

// sealed is a notification as it travels: whoever knows the secret reads it.
type sealed struct {
	Secret  string           `json:"secret"`
	N       int              `json:"n"` // no two ciphertexts are the same
	Records []payment.Record `json:"records"`
}

// Open verifies a delivery with the configured secrets.
func (a *agentGateway) Open(e payment.Envelope) ([]payment.Record, error) {
	records, _, err := a.OpenAs(e)
	return records, err
}

// OpenAs says of which accounts they are.
func (a *agentGateway) OpenAs(e payment.Envelope) (records []payment.Record,
	at []payment.Account, err error) {
	var s sealed
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return nil, nil, fmt.Errorf("%w, %w: not a token", payment.ErrUnopened,
			payment.ErrJunk)
	}
	if at = a.agent.sealedBy(s.Secret); len(at) == 0 {
		return nil, nil, fmt.Errorf("%w: no secret opens it", payment.ErrUnopened)
	}
	return s.Records, at, nil
}

// proves: the query answers with a record; from now on the 404 of this endpoint means something.
func (g *gateway) proves(at payment.Account) {
	if proved := g.named(at.Name).proved; !g.hasProved(at) {
		proved[at.Endpoint] = g.w.t
	}
}

func (g *gateway) hasProved(at payment.Account) bool {
	_, ok := g.named(at.Name).proved[at.Endpoint]
	return ok
}

// state reports something about a transaction: to the query a little later, and by webhook.
func (g *gateway) state(l *link, r payment.Record) {
	w := g.w
	hook, rec := g.told(l, r)
	l.records = append(l.records,
		&statement{hook, rec, w.t + w.between(0, lag-100*time.Millisecond)})
	w.say("gateway", "%s %s for %s: %q by webhook, %q by query, %d %s code %q", r.Type, r.Status,
		short(l.ref), hook.TransactionRef, rec.TransactionRef, r.Amount, r.Currency,
		r.ResponseCode)
	if l.rightly(r) && w.hit(webhookBent) {
		g.bends(l, hook)
	}
	g.notify(l, hook)
}

// bends is a webhook whose amount is none that was taken; the true one follows it.
func (g *gateway) bends(l *link, hook payment.Record) {
	hook.Amount += pick[int64](g.w, -1, 1, 100)
	l.bent = append(l.bent, hook)
	g.w.say("gateway", "says by webhook that %s was paid with %d", short(l.ref), hook.Amount)
	g.notify(l, hook)
}

func (g *gateway) record(l *link, status string) payment.Record {
	g.txns++
	code := pick(g.w, "", "00")
	if status != payment.RecordSuccess {
		code = "05"
	}
	return payment.Record{
		MerchantRef: l.ref, TransactionRef: fmt.Sprintf("TXN%06d", g.txns), Type: payment.TypePay,
		Status: status, ResponseCode: code, Amount: l.money.Amount,
		Currency: string(l.money.Currency), Scheme: "PAYNOW",
		PaidAt: g.w.trueWall().Truncate(time.Second),
	}
}

// payable reports whether the gateway would still take money for the link.
func (g *gateway) payable(l *link) bool { return l.payload != "" && g.w.t < l.expires }

// collect takes the money.
func (g *gateway) collect(l *link, change func(*payment.Record)) *capture {
	if !g.payable(l) {
		g.w.say("customer", "is too late: %s has expired", short(l.ref))
		return nil
	}
	r := g.record(l, payment.RecordSuccess)
	g.names(l, &r)
	c := &capture{txn: r.TransactionRef, at: g.w.t, good: true}
	if change != nil {
		change(&r)
		c.good = false
	}
	c.amount = r.Amount
	l.caps = append(l.caps, c)
	switch good, _, _ := l.captured(); {
	case c.good && good == 3:
		g.w.met(paidThreeTimes)
	case c.good && good == 4:
		g.w.met(paidFourTimes)
	}
	if a := g.w.agent; a != nil && a.accounts[0].Name != l.account {
		g.w.met(paidAfterSwitch)
	}
	g.w.oracle.collected(l)
	g.w.cov.Collected++
	g.state(l, r)
	return c
}

// decline reports an attempt that did not pay.
func (g *gateway) decline(l *link, status string) {
	if g.payable(l) {
		g.state(l, g.record(l, status))
	}
}

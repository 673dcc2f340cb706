package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
	"kiosk-agent/test/relaystore"
)

// relayServer is kiosk-relay: the real one's decisions (relay/relayd/rules) on a store in memory,
// with one terminal that is of interest, its merchant, and neighbours whose hooks lie in between.
type relayServer struct {
	w        *World
	disk     *relaystore.Store // what a crash leaves
	epochs   int               // ever made
	terminal rules.Terminal
	second   rules.Terminal // the sibling
	own      rules.Route    // the terminal's hook URL
	shared   rules.Route    // its merchant's, where it has one
	canaries *rate.Limiter  // of the terminal
	ids      int
	arrived  map[string]time.Duration // true times of messages, by their ids; only looked up
	kept     []keptHook               // what was answered 200 and may not be in the journal

	session   *relaySession // of the terminal's newest connection; nil while there is none
	process   int           // grows at each crash
	downUntil time.Duration
	coming    []*arrival // requests on their way
	pumping   bool
	again     bool
	copied    *relayCopy
}

// relayCopy is a backup of the relay's store, with its list of terminals.
type relayCopy struct {
	disk     *relaystore.Store
	terminal rules.Terminal
	second   rules.Terminal
}

const (
	terminalID, merchantName = "K001", "M1"

	inFlight = 8 // hooks and marks without an ack
	pingTime = 15 * time.Second
)

// relayProfile is how this run's relay is configured.
type relayProfile struct {
	two       bool // another kiosk of the merchant's sells, too
	old       bool // of the first v1: it knows no names, and no head message
	merchant  bool // the gateway posts to a merchant's hook URL
	retention time.Duration
	quota     int64
	rate      float64
	burst     int
}

func (p relayProfile) String() string {
	return fmt.Sprintf("first v1 %t, merchant %t, two %t, quota %d, rate %g/%d, held %s", p.old,
		p.merchant, p.two,
		p.quota, p.rate, p.burst, p.retention)
}

func (w *World) drawRelay() relayProfile {
	p := relayProfile{old: w.chance(0.3), merchant: w.chance(0.4),
		retention: pick(w, 168*time.Hour, 24*time.Hour, time.Hour),
		quota:     20_000, rate: 20, burst: 100}
	p.two = p.merchant && w.chance(0.4)
	if w.prof.level == 0 {
		return p // calm: nothing is refused
	}
	p.quota = pick(w, p.quota, p.quota, 25)
	if w.chance(0.2) {
		p.rate, p.burst = 1, 4
	}
	return p
}

func newRelayServer(w *World) *relayServer {
	r := &relayServer{w: w, arrived: map[string]time.Duration{}}
	r.makeStore()
	r.startsAnew()
	return r
}

// makeStore is the relay's first start on an empty disk: the operator adds the terminal.
func (r *relayServer) makeStore() {
	p := r.w.prof.relay
	r.disk = &relaystore.Store{Epoch: r.newEpoch(), Quota: uint64(p.quota), Retention: p.retention,
		Now: r.w.trueWall}
	r.terminal = rules.Terminal{ID: terminalID, CreatedAt: r.w.trueWall(), Epoch: r.disk.Epoch}
	if p.merchant {
		r.terminal.Merchant = merchantName
	}
	r.second = rules.Terminal{ID: siblingID, Merchant: merchantName, CreatedAt: r.w.trueWall(),
		Epoch: r.disk.Epoch}
	r.neighbours(r.w.rng.IntN(4))
}

func (r *relayServer) newEpoch() string {
	r.epochs++
	return fmt.Sprintf("epoch-%d", r.epochs)
}

// startsAnew is a new process of the relay: what it held in memory is gone.
func (r *relayServer) startsAnew() {
	p := r.w.prof.relay
	r.process++
	r.session = nil
	r.canaries = rate.NewLimiter(rules.CanaryRate, rules.CanaryBurst)
	r.own = rules.Route{To: rules.TerminalSource(terminalID),
		Limiter: rate.NewLimiter(rate.Limit(p.rate), p.burst), Canaries: r.canaries}
	r.shared = rules.Route{To: rules.MerchantSource(merchantName), Merchant: merchantName,
		Limiter: rate.NewLimiter(rate.Limit(p.rate), p.burst)}
}

func (r *relayServer) newID() string {
	r.ids++
	id := fmt.Sprintf("MSG%d", r.ids)
	r.arrived[id] = r.w.t
	return id
}

func (r *relayServer) isDown() bool { return r.w.t < r.downUntil }

// errStore is a store that does not answer.
var errStore = errors.New("timeout")

// relayStore is the store as the rules see it, with what can go wrong there.
type relayStore struct {
	*relaystore.Store
	r *relayServer
}

func (s relayStore) fails() error {
	if s.r.w.hit(relayStoreDown) {
		s.r.w.say("relay", "its store does not answer")
		return errStore
	}
	return nil
}

func (s relayStore) Span(ctx context.Context) (rules.Span, error) {
	if err := s.fails(); err != nil {
		return rules.Span{}, err
	}
	return s.Store.Span(ctx)
}

// Next lets requests arrive now and then while the store is asked: between two sources something
// may be stored on either.
func (s relayStore) Next(ctx context.Context, of rules.Source,
	after uint64) (*rules.Stored, error) {
	if err := s.fails(); err != nil {
		return nil, err
	}
	m, err := s.Store.Next(ctx, of, after)
	if m == nil && s.r.w.chance(0.05) {
		for len(s.r.coming) > 0 && s.r.w.chance(0.9) {
			s.r.coming[0].arrives()
			s.r.neighbours(1)
		}
	}
	return m, err
}

// Put may have stored what it answers with an error.
func (s relayStore) Put(ctx context.Context, to rules.Source, e rules.Envelope) error {
	if err := s.fails(); err != nil {
		return err
	}
	err := s.Store.Put(ctx, to, e)
	if err == nil && s.r.w.hit(relayStoreLies) {
		s.r.w.say("relay", "its store has %s %s and does not say so", e.Kind, e.ID)
		return errStore
	}
	return err
}

func (s relayStore) PutHead(ctx context.Context, terminal string, h relay.Head,
	revision uint64) error {
	if err := s.fails(); err != nil {
		return err
	}
	return s.Store.PutHead(ctx, terminal, h, revision)
}

func (r *relayServer) store() relayStore { return relayStore{r.disk, r} }

// hooks are the messages in the store that the terminal gets to hear, but for its canaries.
func (r *relayServer) hooks() []*rules.Stored {
	sources := r.terminal.Sources()
	return slices.DeleteFunc(r.disk.All(), func(m *rules.Stored) bool {
		return m.Kind != relay.KindHook || !slices.ContainsFunc(sources,
			func(s rules.Source) bool { return s.Has(m.Subject) })
	})
}

// at is the message that an ack names, nil when it is none of this store's.
func (r *relayServer) at(p relay.Position) *rules.Stored {
	m, err := r.disk.At(context.Background(), p.Seq)
	if err != nil || m == nil || p.Epoch != r.disk.Epoch || m.ID != p.ID {
		return nil
	}
	return m
}

// known is the head that the relay has stored.
func (r *relayServer) known() *relay.Head {
	h, _, err := r.disk.Head(context.Background(), terminalID)
	if err != nil {
		r.w.fail("the simulated store: %v", err)
	}
	return h
}

// answersHead is the answer to GET /v1/head.
func (r *relayServer) answersHead() (*relay.Head, error) {
	if err := r.store().fails(); err != nil {
		return nil, &relay.DialError{Status: 503}
	}
	return r.known(), nil
}

// hearsAClone: a copy of the kiosk's disk has worked elsewhere with the terminal's token, and the
// relay remembers its journal by now. It is switched off again.
func (r *relayServer) hearsAClone() {
	h, revision, err := r.disk.Head(context.Background(), terminalID)
	if err != nil || h == nil || r.isDown() {
		return
	}
	clone := relay.Head{JournalID: h.JournalID, Seq: h.Seq + 1 + r.w.rng.Uint64N(8),
		Hash: fmt.Sprintf("c1%062x", r.w.rng.Uint64())}
	r.w.say("relay", "hears of fact %d of a clone's journal", clone.Seq)
	if s := r.session; s != nil {
		s.conn.end(&relay.CloseError{Code: relay.CloseReplaced})
	}
	if err := r.disk.PutHead(context.Background(), terminalID, clone, revision); err != nil {
		r.w.fail("the simulated store: %v", err)
	}
	r.w.oracle.cloned()
}

// crashes ends the relay's process: heads told in the last second are forgotten. What it answered
// 200 to is there.
func (r *relayServer) crashes(why string) {
	if s := r.session; s != nil {
		s.over = true
		s.conn.cut(why)
	}
	if b := r.w.sibling; b != nil && b.conn != nil && b.conn.up {
		b.conn.cut(errors.New(why))
	}
	r.startsAnew()
}

func (r *relayServer) restarts() {
	r.w.say("relay", "crashes")
	r.crashes("the relay crashed")
	r.downUntil = r.w.t + r.w.between(100*time.Millisecond, 60*time.Second)
}

// copies takes a backup of the store.
func (r *relayServer) copies() { r.copied = &relayCopy{r.disk.Clone(), r.terminal, r.second} }

// restored puts the backup in place. The operator says so, or forgets to.
func (r *relayServer) restored(saidSo bool) {
	c := r.copied
	r.w.say("relay", "restores its store: up to %d of %d, --restored %t", c.disk.Last(),
		r.disk.Last(), saidSo)
	r.crashes("the relay is restored")
	lost := r.disk.Last() - min(r.disk.Last(), c.disk.Last())
	r.disk, r.terminal, r.second = c.disk.Clone(), c.terminal, c.second
	if saidSo {
		r.disk.Epoch = r.newEpoch()
	} else {
		r.forgets() // what is lost behind the agent's position cannot be seen then
	}
	if r.w.chance(0.5) { // it goes on before the agent is back, over the numbers that are lost
		r.flood(int(lost) + r.w.rng.IntN(10))
	}
	r.downUntil = r.w.t + r.w.between(0, 30*time.Second)
}

// forgetsSoon: while the terminal waits for its recovery the relay loses everything, or another one
// takes its place.
func (r *relayServer) forgetsSoon() {
	if r.w.chance(0.3) && r.w.hit(relayMadeAnew) {
		r.w.after(r.w.between(0, 3*time.Second), func() { r.madeAnew(true) })
	}
}

// madeAnew is a store that is lost: all of it, or the stream of hooks alone.
func (r *relayServer) madeAnew(all bool) {
	r.w.say("relay", "loses its store and makes a new one; terminals and heads as well: %t", all)
	r.crashes("the relay's store was made anew")
	if all {
		r.makeStore()
		return
	}
	r.disk.MakeAnew(r.newEpoch())
	r.neighbours(r.w.rng.IntN(4))
}

// heals raises a quota that is used up, and brings the relay back.
func (r *relayServer) heals() {
	r.downUntil = 0
	r.disk.Quota = 1 << 20
	if s := r.session; s != nil && s.conn.deaf {
		s.conn.cut("the deaf connection is cut")
	}
}

// ours reports whether a merchantRef is of this terminal.
func ours(merchantRef string) bool { return strings.HasPrefix(merchantRef, tag+"-") }

package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
	"kiosk-agent/relay"
)

// sibling is another kiosk of the merchant's: the real engine and the real client of the relay on a
// journal of its own. It hears every webhook that this kiosk hears, sells now and then, is slow, is
// away, and is restored from its backup. It has no query: what it does not hear, it never knows.
type sibling struct {
	w        *World
	path     string
	journal  *offline.Journal // nil while it is down
	m        *engine.Machine
	client   *relay.Machine
	proc     int // grows at each death
	conn     *sibConn
	ticket   engine.Ticket
	waiting  map[engine.Ticket]func(engine.Answer)
	wake     [2]int // numbers of the newest alarms: of the engine, and of the client
	slow     bool
	caughtUp bool
	backup   string
	sales    []*sibSale
	payments int // ever asked for
}

// sibSale is what its till asked for.
type sibSale struct {
	ref, id string
	body    []byte // of the webhook, once it is paid
	content string
	taken   bool // the relay has answered 200
	lost    bool // a restored journal does not have it
}

const siblingID, siblingTag = "K002", "K002SIMU"

func newSibling(w *World) *sibling {
	b := &sibling{w: w, path: filepath.Join(w.disk.dir, siblingID+".db")}
	w.disk.must(os.WriteFile(b.path, templates.db[maxJournals], 0o600))
	w.disk.must(os.WriteFile(b.path+".id", []byte(templates.ids[maxJournals]+"\n"), 0o600))
	return b
}

func (b *sibling) say(format string, args ...any) { b.w.say(siblingID, format, args...) }

func (b *sibling) now() engine.Now {
	return engine.Now{Wall: b.w.trueWall(), Boot: "sibling", Up: b.w.t + time.Hour}
}

// later lets something happen in its present process.
func (b *sibling) later(d time.Duration, do func()) {
	n := b.proc
	b.w.after(d, func() {
		if n == b.proc && b.journal != nil {
			do()
		}
	})
}

func (b *sibling) starts() {
	w := b.w
	j, err := offline.Open(offline.Config{Path: b.path})
	if err != nil {
		w.fail("the sibling's journal cannot be opened: %v", err)
	}
	b.say("starts, slow %t", b.slow)
	b.proc++
	b.journal, b.caughtUp, b.conn = j, false, nil
	b.waiting = map[engine.Ticket]func(engine.Answer){}
	b.m = engine.NewMachine(engine.Config{
		Tag: siblingTag, Currency: payment.SGD, MaxAmount: 999_999_900, Mode: "link",
		Provider: "axs", Account: b.account(), Schemes: schemes(), ParkedCap: 1 << 20,
		ParkedBytes: 1 << 30,
		Policy: payment.Policy{Settle: payment.ToMillis(lag),
			AnswerWithin: payment.ToMillis(slowest), Watch: payment.ToMillis(watch)},
		NotBefore: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}, engine.Ports{Journal: j, Gateway: siblingGateway{b}, Display: b, IDs: w})
	b.client = relay.NewMachine(relay.Timing{
		CanaryEvery: 20 * time.Second, CanaryTimeout: 10 * time.Second,
		WelcomeTimeout: 10 * time.Second, BackoffMin: 500 * time.Millisecond,
		BackoffMax: 30 * time.Second, ReplacedWait: 30 * time.Second,
	}, relay.Ports{Nonce: func() string {
		w.nonces++
		return fmt.Sprintf("canary-%015d", w.nonces)
	}, Jitter: w.rng.Float64}, "sim", true, nil)
	out, err := b.m.Start(b.now())
	if err != nil {
		w.fail("the sibling cannot start: %v", err)
	}
	b.conclude(out)
	b.clientStep(relay.Started{})
}

// dies ends its process; it comes back some time later, now and then with the journal of a backup.
func (b *sibling) dies(away time.Duration) {
	if b.journal == nil {
		return
	}
	b.say("dies")
	if b.conn != nil {
		b.conn.closes()
	}
	b.proc++
	b.w.disk.must(b.journal.Close())
	b.journal = nil
	b.w.after(away, func() {
		if b.backup != "" && b.w.chance(0.4) {
			b.restores()
		}
		b.slow = b.w.chance(0.3)
		b.starts()
	})
}

func (b *sibling) backsUp() {
	b.backup = fmt.Sprintf("%s.backup-%d", b.path, b.w.seq)
	if _, err := offline.Backup(b.path, b.backup, nil); err != nil {
		b.w.fail("the sibling's journal cannot be backed up: %v", err)
	}
}

func (b *sibling) restores() {
	if _, err := offline.Restore(b.backup, b.path, b.w.trueWall(), nil); err != nil {
		b.w.fail("the sibling's backup cannot be restored: %v", err)
	}
	b.say("is restored from its backup")
	b.w.met(siblingRestored)
	for _, s := range b.sales {
		s.lost = true
	}
}

// Fits is its display: none is required.
func (b *sibling) Fits(string) error { return nil }

// siblingGateway is its adapter: the merchant's one account and every secret that it ever had.
type siblingGateway struct{ b *sibling }

func (b *sibling) account() string { return b.w.gw.accounts.all[0].Name }

func (g siblingGateway) Mint(r payment.MintRequest) (payment.Minted, error) {
	return payment.Minted{Payload: "https://pay.sim/" + r.MerchantRef, ProviderRef: "LINK"}, nil
}

func (g siblingGateway) Open(e payment.Envelope) ([]payment.Record, error) {
	var s sealed
	switch {
	case json.Unmarshal(e.Body, &s) != nil:
		return nil, fmt.Errorf("%w, %w: not a token", payment.ErrUnopened, payment.ErrJunk)
	case !strings.HasPrefix(s.Secret, "secret-") ||
		!strings.HasSuffix(s.Secret, sealing("", g.b.account())):
		return nil, fmt.Errorf("%w: no secret opens it", payment.ErrUnopened)
	}
	return s.Records, nil
}

// step is one event of its engine.
func (b *sibling) step(ev engine.Event) { b.conclude(b.m.Step(b.now(), ev)) }

func (b *sibling) conclude(out engine.Output) {
	if out.Durable() {
		if err := b.journal.Append(out.Facts, out.Position); err != nil {
			b.w.fail("the sibling's journal refuses %s: %v", kinds(out.Facts), err)
		}
		b.ownOnly(out.Facts)
	}
	b.m.Committed(out)
	for _, e := range out.Then {
		b.carry(e)
	}
	b.wake[0]++
	n := b.wake[0]
	if at, ok := b.m.NextWake(); ok {
		b.later(at-b.now().Up, func() {
			if n == b.wake[0] {
				b.step(engine.Ticked{})
			}
		})
	}
}

func (b *sibling) carry(e engine.Effect) {
	var ev relay.Event
	switch e := e.(type) {
	case engine.Answer:
		if reply := b.waiting[e.To]; reply != nil {
			delete(b.waiting, e.To)
			reply(e)
		}
	case engine.Anchored:
		b.journal.Anchored()
	case engine.SendCanary:
		ev = relay.CanaryAsked{}
	case engine.CarryHead:
		ev = relay.HeadWanted{}
	case engine.ReadAgain:
		ev = relay.ResumeAsked{}
	case engine.AdoptJournal:
		ev = relay.SupersedeAsked{Head: relayHead(e.Lost)}
	case engine.Changed, engine.Owed, engine.Show, engine.TerminalChanged, engine.Note,
		engine.CloseCode: // its links end by themselves
	case engine.SendMint, engine.SendQuery:
		b.w.fail("a sibling's engine wants something that it does not do: %T", e)
	}
	if ev != nil {
		b.later(0, func() { b.clientStep(ev) })
	}
}

func relayHead(h payment.Head) relay.Head {
	return relay.Head{JournalID: h.JournalID, Seq: uint64(max(0, h.Seq)), Hash: h.Hash}
}

// ask posts an event to its engine, which takes its time.
func (b *sibling) ask(event func(engine.Ticket) engine.Event, reply func(engine.Answer)) {
	b.ticket++
	t := b.ticket
	b.waiting[t] = reply
	d := time.Millisecond
	if b.slow {
		d = b.w.between(0, 3*time.Second)
	}
	b.later(d, func() { b.step(event(t)) })
}

// ownOnly: a webhook of the merchant's route is booked by the kiosk whose payment it is about, and
// by no other.
func (b *sibling) ownOnly(facts []payment.Fact) {
	for _, f := range facts {
		ref := ""
		switch d := f.Data.(type) {
		case payment.Notified:
			ref = d.Record.MerchantRef
		case payment.Unmatched:
			ref = d.Record.MerchantRef
			b.w.met(siblingUnmatched)
		}
		if ref != "" && !strings.HasPrefix(ref, siblingTag+"-") {
			b.w.fail("the sibling books %s, which is another kiosk's: %s", ref, f.Kind())
		}
	}
}

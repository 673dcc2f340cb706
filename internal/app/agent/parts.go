package agent

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/bootclock"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
	"kiosk-agent/relay"
	"kiosk-agent/ui"
)

// notBefore is a date that no right clock of this release shows: it is older than the release.
var notBefore = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func engineConfig(c *config.Config, g gateways.Chosen, known payment.Accounts) engine.Config {
	mode := g.Mode()
	ec := engine.Config{
		Tag: c.TerminalTag(), Currency: payment.Currency(c.Terminal.Currency),
		MaxAmount: c.Terminal.MaxAmount,
		Provider:  c.Payment.Provider, Mode: c.Payment.Mode, Schemes: g.Schemes(),
		Timeout: c.Payment.Timeout.Of(),
		Policy: payment.Policy{
			FinishDeclined: c.Payment.AfterDeclined == "finish" || c.Payment.AfterDeclined == "" &&
				c.Payment.Mode == gateways.ModeQR,
			Settle:       payment.ToMillis(c.Payment.Settle.Of()),
			AnswerWithin: payment.ToMillis(c.Payment.AnswerWithin.Of()),
			Watch:        payment.ToMillis(c.Payment.Watch.Of()),

			ApproveNeedsQuery: c.Payment.ApproveNeedsQuery,
		},
		ReuseWindow: c.Payment.ReuseWindow.Of(), RequireCanary: c.Payment.RequireCanary.Of(),
		RequireScreen: c.Payment.RequireDisplay,
		NotBefore:     notBefore,
		Account:       known[0].Name, QueryEndpoint: known[0].Endpoint, Previous: known[1:],
		CodeClock: g.ClockError(),
		Remote:    mode.Remote, FallbackLink: mode.Fallback && c.Payment.OfflineLink,
		Wallets: g.Wallets(),
	}
	for _, t := range c.Till.WebSocket.Tills {
		if t.Display {
			ec.DisplayTills = append(ec.DisplayTills, t.Name)
		}
	}
	return ec
}

// openGateway builds a gateway that is not spoken to.
func openGateway(c *config.Config, credDir string) (*gateways.Opened, error) {
	g, err := c.Gateway()
	if err != nil {
		return nil, err
	}
	return g.Open(credDir, gateways.Clock{Now: time.Now})
}

// engineClock is the boot clock as the engine, which imports its domain only, reads it.
type engineClock struct{ *bootclock.Clock }

func (c engineClock) Now() engine.Now { return engine.Now(c.Clock.Now()) }

// ulids makes growing ULIDs, also within a millisecond.
type ulids struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
}

func newULIDs() *ulids { return &ulids{entropy: ulid.Monotonic(rand.Reader, 0)} }

func (u *ulids) NewID(at time.Time) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return ulid.MustNew(ulid.Timestamp(at), u.entropy).String()
}

// canvas puts the engine's views on the display.
type canvas struct {
	hub     *ui.Hub
	gateway gateways.Chosen
}

func (c canvas) Show(v engine.View) {
	s := ui.Screen{Kind: v.Kind, Payment: v.Payment, Revision: v.Revision,
		Payload: v.Payload, Deadline: v.Left, Reason: v.Reason, App: v.Wallet != ""}
	switch {
	case v.Kind == payment.ScreenChoose:
		s.Schemes = v.Schemes
	case v.Payload != "":
		schemes := v.Schemes // what the terminal takes, when a payment names nothing narrower
		if len(schemes) == 0 {
			schemes = c.gateway.Schemes()
		}
		s.Schemes = c.gateway.Marks(schemes)
	}
	if v.Payment != "" {
		s.Amount, s.Currency = v.Money.Decimal(), string(v.Money.Currency)
	}
	c.hub.Show(s)
}

// closeCode asks the service to take no payment any more; what comes of it is a line in the log.
func closeCode(ctx context.Context, g gateways.Gateway, providerRef string, log *slog.Logger) {
	if err := g.Close(ctx, providerRef); err != nil {
		log.Info("the code could not be closed at the gateway; it ends by itself", "provider_ref",
			providerRef, "error", err)
	}
}

// displayEvents tells the engine what happens on the display.
type displayEvents struct{ a *Agent }

func (d displayEvents) DisplayShown(kind payment.Screen, id string, revision int64) {
	d.a.core.Post(engine.DisplayShows{Kind: kind, Payment: id, Revision: revision})
}

func (d displayEvents) DisplayChose(id, scheme string) {
	d.a.core.Post(engine.WalletChosen{Payment: id, Wallet: scheme})
}

func (d displayEvents) DisplayRefused(id string, _ int64, reason string) {
	d.a.core.Post(engine.DisplayRefused{Payment: id, Reason: reason})
}

func (d displayEvents) DisplayState(s ui.State) {
	cause := "none is connected"
	if s.Connected {
		cause = "it has not confirmed a screen yet"
	}
	d.a.core.Post(engine.DisplayChanged{Connected: s.Connected, Touch: s.Touch &&
		d.a.cfg.Display.Touch, Cause: cause})
}

// network reaches the relay and the gateway for the engine. The relay's client does not exist yet
// while the engine is built, so it is looked up late.
type network struct{ a *Agent }

func (n network) SendCanary() { n.a.relay.SendCanary() }
func (n network) TellHead()   { n.a.relay.TellHead() }

func (n network) Query(at payment.Account, merchantRef string,
	reply func(payment.QueryAnswer)) {
	g, ok := n.a.gateway.At(at)
	if !ok { // the engine knows the same accounts
		go reply(payment.QueryAnswer{Failure: "there is no account " + at.Name})
		return
	}
	go func() { reply(g.Query(n.a.queries, merchantRef)) }()
}

// Mint asks for a code or link that the gateway makes.
func (n network) Mint(r payment.MintRequest, reply func(payment.MintAnswer)) {
	go func() { reply(n.a.gateway.Make(n.a.queries, r)) }()
}

func (n network) Close(at payment.Account, _, providerRef string) {
	if g, ok := n.a.gateway.At(at); ok {
		go closeCode(n.a.queries, g, providerRef, n.a.log)
	}
}

func (n network) AdoptJournal(lost payment.Head) {
	n.a.relay.Supersede(relay.Head{JournalID: lost.JournalID, Seq: uint64(max(0, lost.Seq)),
		Hash: lost.Hash})
}

func (n network) ReadAgain() { n.a.relay.Resume() }

// deliveries hands the relay's deliveries to the engine.
type deliveries struct{ a *Agent }

func (d deliveries) Deliver(ctx context.Context, m relay.Delivery) error {
	e := payment.Envelope{
		Method: m.Hook.Method, Path: m.Hook.Path, Query: m.Hook.Query, Headers: m.Hook.Headers,
		Body: m.Hook.Body, ReceivedAt: m.ReceivedAt,
	}
	if m.Kind == relay.KindHook && d.a.gateway != nil && d.a.probe.listening() {
		d.a.probe.saw(d.a.gateway.Describe(e))
	}
	return d.a.core.Deliver(ctx, e, payment.Position(m.Position), m.Kind == relay.KindMark)
}

func (d deliveries) Gap(ctx context.Context, reason string) error {
	return d.a.core.Gap(ctx, reason)
}

// relayJournal is what the relay client reads of the journal. Where to go on is the engine's to
// say, which may have to go back.
type relayJournal struct {
	j *offline.Journal
	e core
}

func (r relayJournal) Position(ctx context.Context) (relay.Position, bool, error) {
	p, err := r.e.Resume(ctx)
	return relay.Position(p), p != (payment.Position{}), err
}

func (r relayJournal) Head(context.Context) (relay.Head, error) {
	h, err := r.j.Head()
	return relay.Head{JournalID: h.JournalID, Seq: uint64(max(0, h.Seq)), Hash: h.Hash}, err
}

// anchor is the journal's side of what the relay remembers of it.
type anchor struct{ a *Agent }

// Judge lets the hello be said when the engine has compared the journal, and has committed what
// follows. A relay that tells nothing before its welcome is judged by that.
func (x anchor) Judge(ctx context.Context, known relay.KnownHead) error {
	if known.Unsupported {
		return nil
	}
	return x.a.core.CheckAnchor(ctx, journalHead(known.Head))
}

// Tell leaves the relay's memory as it is while this journal is not the newest one, and while
// nobody could find out.
func (x anchor) Tell(ctx context.Context) (relay.Head, bool, error) {
	snap, err := x.a.core.Inspect(ctx)
	if err != nil || snap.RolledBack != nil || !snap.Judged {
		return relay.Head{}, false, err
	}
	h, err := relayJournal{x.a.journal, x.a.core}.Head(ctx)
	return h, err == nil, err
}

// journalHead is what the relay remembers, the zero Head for nothing. A sequence that no journal
// can have is none that this one has.
func journalHead(h *relay.Head) payment.Head {
	if h == nil {
		return payment.Head{}
	}
	return payment.Head{JournalID: h.JournalID, Seq: int64(min(h.Seq, math.MaxInt64)), Hash: h.Hash}
}

// relayObserved tells the engine what the relay client observed.
func (a *Agent) relayObserved(ev relay.Observation) {
	switch ev := ev.(type) {
	case relay.Connected:
		a.core.Post(engine.RelayChanged{Connected: true,
			Retention: time.Duration(ev.Welcome.RetentionS) * time.Second})
	case relay.Disconnected:
		cause := ""
		if ev.Err != nil {
			cause = ev.Err.Error()
		}
		a.core.Post(engine.RelayChanged{Cause: cause})
	case relay.CanaryReturned:
		a.core.Post(engine.CanaryReturned{SentUp: ev.SentAt})
	case relay.CaughtUp:
		a.core.Post(engine.CaughtUp{})
	case relay.HeadKnown:
		a.core.Post(engine.RelayRemembered{Known: journalHead(ev.Head)})
	case relay.ClockOffset:
		a.clocks.compared(ev.Offset)
		a.core.Post(engine.ClockLearned{Offset: ev.Offset, Uncertainty: ev.Uncertainty})
	case relay.GapSeen: // the handler has booked it
	case relay.CanaryFailed: // which says nothing
	default:
		panic(fmt.Sprintf("agent: no case for the observation %T", ev))
	}
}

package agent

import (
	"errors"
	"fmt"
	"slices"

	"kiosk-agent/device/jsonrpc"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/secret"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/ui"
)

// NewClosed builds an agent that takes no sale and says why: out of service on the screen, not
// ready to the tills, reasons and hints everywhere. What else can be had works: where the journal
// opens, earlier sales are told and acknowledged, and one that was open is withdrawn. It reaches
// neither gateway nor relay: the relay keeps what it holds until an agent asks for it again.
//
// A part that cannot be had (a till whose token is gone, a listener without its certificate, a
// logo) is left out and logged. The error is Hopeless, or says that not even this could be built. A
// configuration without a file (its Path is "") has the screen and the status page and nothing
// else: it does not say where the journal is.
func NewClosed(cfg *config.Config, opts Options, reasons []payment.Reason) (*Agent, error) {
	if len(reasons) == 0 {
		return nil, errors.New("an agent is closed for a reason")
	}
	a, err := blank(cfg, opts)
	if err != nil {
		return nil, err
	}
	a.closed = clipped(reasons)
	return a.build(a.openOldJournal, a.buildClosedDisplay, a.buildClosedCore, a.buildClosedTills,
		a.buildClosedLines, a.listenClosed)
}

// StandIn is a page for the screen while no agent runs at all: it says out of service.
func StandIn() string { return ui.StandIn() }

// Check builds everything that New builds but the journal and the listeners, by the same functions;
// it starts nothing and makes no file. The error joins all that is wrong.
func Check(cfg *config.Config, opts Options) error {
	a, err := blank(cfg, opts)
	if err != nil {
		return err
	}
	a.makesNothing = true
	_, certificate := a.certificate()
	errs := []error{a.buildGateway(), a.buildDisplay(), certificate, a.buildRelay(),
		a.buildTills(), a.buildLines(), a.sharedTokens()}
	return errors.Join(append(errs, a.close())...)
}

// sharedTokens finds a line's token that is another till's too.
func (a *Agent) sharedTokens() error {
	var errs []error
	tills, _ := a.webTills()
	for i, s := range a.cfg.Till.Serial {
		if s.Token == "" {
			continue
		}
		token, err := secret.Resolve(s.Token, a.opts.CredDir)
		if err != nil {
			continue // which was told
		}
		if at := slices.IndexFunc(tills, func(o jsonrpc.Till) bool {
			return o.Token.Matches(token.Reveal())
		}); at >= 0 {
			errs = append(errs, a.secretError(lineToken(i), fmt.Errorf(
				"it is the token of %s too: each till needs one of its own", tills[at].Name)))
		}
		tills = append(tills, jsonrpc.Till{Name: s.Name, Token: token})
	}
	return errors.Join(errs...)
}

// openOldJournal goes on without the journal where it cannot be opened. It is not touched then.
func (a *Agent) openOldJournal() error {
	if a.cfg.Path() == "" {
		return nil
	}
	err := a.openJournal()
	if err == nil || Hopeless(err) {
		return err
	}
	if !slices.ContainsFunc(a.closed,
		func(r payment.Reason) bool { return r.Is(payment.NotReadyJournal) }) {
		a.closed = append(clipped(Reasons(a.cfg, err)), a.closed...)
	}
	return nil
}

// buildClosedDisplay does without a logo, and without a token: somebody must be told.
func (a *Agent) buildClosedDisplay() error {
	err := a.buildDisplay()
	if err == nil {
		return nil
	}
	a.log.Warn("the screen does without what cannot be had", "error", err)
	c := a.displayConfig()
	c.Token = a.displayToken
	for _, c.Open = range []bool{false, true} {
		if a.display, err = ui.NewHub(c, displayEvents{a}, a.log.With("part", "display"),
			a.registry); err == nil {
			return nil
		}
	}
	return err
}

func (a *Agent) buildClosedCore() error {
	if a.journal == nil {
		a.core = &noJournal{reasons: a.closed, canvas: a.canvas(), attached: make(map[string]int)}
		return nil
	}
	c := engineConfig(a.cfg, a.chosen, a.chosen.Accounts()) // which cannot be asked
	c.Closed = a.closed
	a.newEngine(c, noGateway{}, noNetwork{})
	return nil
}

// buildClosedTills serves the tills whose tokens can be had. That nobody can connect ends nothing.
func (a *Agent) buildClosedTills() error {
	tills, errs := a.webTills()
	for _, err := range errs {
		a.log.Warn("a till cannot connect: its token cannot be had", "error", err)
	}
	err := a.serveTills(tills)
	if err != nil {
		a.log.Warn("no till can connect", "error", err)
		err = a.serveTills(nil)
	}
	return err
}

func (a *Agent) buildClosedLines() error {
	return a.buildEachLine(func(till string, err error) error {
		a.log.Warn("a line is not served", "till", till, "error", err)
		return nil
	})
}

// listenClosed does without what cannot be had. A tills' listener that should have a certificate
// does not do without.
func (a *Agent) listenClosed() error {
	if err := a.listenTills(); err != nil {
		a.log.Warn("tills cannot connect", "error", err)
	}
	a.listenWeb()
	if a.cfg.Path() == "" {
		return nil
	}
	if err := a.listenAdmin(); err != nil {
		if Hopeless(err) {
			return err
		}
		a.log.Warn("there are no operator commands", "error", err)
	}
	return nil
}

// noGateway stands where the gateway's configuration or secret cannot be used.
type noGateway struct{}

func (noGateway) Mint(payment.MintRequest) (payment.Minted, error) {
	return payment.Minted{}, errClosed
}

// Open is asked only about what is parked, and leaves it there.
func (noGateway) Open(payment.Envelope) ([]payment.Record, error) { return nil, errClosed }

var errClosed = errors.New("the terminal is out of service")

// noNetwork reaches nobody.
type noNetwork struct{}

func (noNetwork) SendCanary()               {}
func (noNetwork) TellHead()                 {}
func (noNetwork) AdoptJournal(payment.Head) {}
func (noNetwork) ReadAgain()                {}

func (noNetwork) Mint(_ payment.MintRequest, reply func(payment.MintAnswer)) {
	reply(payment.MintAnswer{Failure: errClosed.Error(), NeverSent: true})
}

func (noNetwork) Close(payment.Account, string, string) {}

func (noNetwork) Query(_ payment.Account, _ string, reply func(payment.QueryAnswer)) {
	go reply(payment.QueryAnswer{Failure: errClosed.Error()})
}

// HasJournal reports whether the journal is open.
func (a *Agent) HasJournal() bool { return a.journal != nil }

// OpensJournal reports whether a journal that could not be opened can be now: nil, or why not. It
// must not be asked while this process has it open.
func OpensJournal(cfg *config.Config) error {
	j, err := offline.Open(journalConfig(cfg))
	if err != nil {
		return err
	}
	return j.Close()
}

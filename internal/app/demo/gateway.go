package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/strangers"
	"kiosk-agent/payment"
)

// Gateway is a payment service as it is simulated here, with the customers that it has.
type Gateway struct {
	Row gateways.Row
	// Open makes the simulation.
	Open func(s Site) (Simulation, error)
	// Section is what the agent's configuration says of it: the section and its keys.
	Section func(s Site) string
	Ways    []Way // at least one
	// how its simulation can differ from the service's pages: values of Options.As
	Deviations []Deviation
}

// Deviation is one way in which a simulation can differ from what the service's pages say.
type Deviation struct {
	Name  string
	Says  string // what it does
	Paper string // what the pages say
	Keys  string // of the agent's configuration, that mend it; "" = none is needed, or does
}

// Way is one way to pay by a service: what the customer scans.
type Way struct {
	Name   string // a value of kiosk-demo's --gateway
	Mode   string // payment.mode
	Amount string // of a sale that is played: "10.23"
	// what customers choose from on the display, where somebody is there to choose
	Wallets []string
	Phone   string // what to do in the customer's place
	// how a sale ends whose only attempt has failed: declined, or, where a code has but one
	// attempt, expired
	Failed payment.Status
	Once   bool // nobody can pay the same code again
}

// Gateways are all that there are. A new one is a line here.
func Gateways() []Gateway { return []Gateway{AXS(), SingaPay()} }

// Ways are the names of all the ways.
func Ways() (names []string) {
	for _, g := range Gateways() {
		for _, w := range g.Ways {
			names = append(names, w.Name)
		}
	}
	return names
}

// FindWay is the way of this name, and its gateway.
func FindWay(name string) (g Gateway, w Way, ok bool) {
	for _, g := range Gateways() {
		for _, w := range g.Ways {
			if w.Name == name {
				return g, w, true
			}
		}
	}
	return Gateway{}, Way{}, false
}

// Site is what a simulation and its section are made from.
type Site struct {
	Options
	URL     string // the simulation's own
	HookURL string // what the merchant would write into the service's dashboard
	// the secret that service and agent share, and where it lies
	Secret     secret.Value
	SecretFile string
	Book       string // what the simulation knows survives there; "" = nowhere
	Log        *slog.Logger
}

// CodesURL is where the agent asks for codes: nobody listens there with Options.NoGateway.
func (s Site) CodesURL() string {
	if s.NoGateway {
		return "http://127.0.0.1:1" // tcpmux: nobody has it
	}
	return s.URL
}

// Simulation is a simulated payment service that runs.
type Simulation interface {
	Handler() http.Handler
	Run(ctx context.Context) error
	Customer
	Book
}

// Customer does with a code what people do. What was done is said in words for the timeline.
type Customer interface {
	// Scan opens the link, or reads the code, and gets ready to pay; "" = nothing was done yet.
	Scan(ctx context.Context, p device.Payment) (did string, err error)
	// Pay pays what was scanned, however late.
	Pay(ctx context.Context, p device.Payment) (did string, err error)
	// Fail is an attempt that fails.
	Fail(ctx context.Context, p device.Payment) error
	// Again pays once more what was paid.
	Again(ctx context.Context, p device.Payment) error
}

// Book is what the service knows of payments, and what happens to its word about them.
type Book interface {
	// Collected is what it really got for a payment, in minor units.
	Collected(merchantRef string) int64
	// Happens lets a misfortune happen to the webhooks about a payment.
	Happens(m Misfortune, merchantRef string) error
	// Webhooks are those that it sent.
	Webhooks() []Webhook
}

// Misfortune is what may happen to the webhooks about a payment.
type Misfortune string

// The misfortunes.
const (
	WebhookLost  Misfortune = "lost"
	WebhookTwice Misfortune = "duplicate"
	WrongAmount  Misfortune = "wrong_amount"
)

// Webhook is one that the service wanted to send.
type Webhook struct {
	SentAt time.Time // of the last try; zero = not yet
	State  string
	Answer int // the HTTP status
}

// gateway is the one of the options, the first where they name none.
func (o Options) gateway() Gateway {
	if o.Gateway.Open == nil {
		return Gateways()[0]
	}
	return o.Gateway
}

// Currency is that of the gateway.
func (o Options) Currency() payment.Currency { return o.gateway().Row.Currency }

// listenSandbox takes the simulated gateway's address, which its links and the configuration name.
func (h *House) listenSandbox(o Options) (err error) {
	if h.sandboxLn, err = net.Listen("tcp", or(o.SandboxListen, anyPort)); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	h.SandboxURL = "http://" + h.sandboxLn.Addr().String()
	return nil
}

// openSandbox makes the simulated gateway, and what the agent's configuration says of it.
func (h *House) openSandbox(o Options, hookURL string) (section string, err error) {
	g := o.gateway()
	if o.As != "" && !slices.ContainsFunc(g.Deviations,
		func(d Deviation) bool { return d.Name == o.As }) {
		return "", fmt.Errorf("the simulated %s has no deviation %.40q", g.Row.Title, o.As)
	}
	s := Site{Options: o, URL: h.SandboxURL, HookURL: hookURL,
		SecretFile: filepath.Join(o.Dir, g.Row.Name+".secret"),
		Log:        o.Log.With("program", "sandbox")}
	if s.Secret, err = secret.EnsureFile(s.SecretFile); err != nil {
		return "", err
	}
	if o.Remember {
		s.Book = filepath.Join(o.Dir, "sandbox.book")
	}
	if h.Gateway, err = g.Open(s); err != nil {
		return "", fmt.Errorf("%s: %w", g.Row.Name, err)
	}
	return g.Section(s), nil
}

// table has the gateway's row, also one that the agent does not bring.
func (g Gateway) table() gateways.Table {
	table := gateways.All()
	if _, err := table.Find(g.Row.Name); err != nil {
		table = append(table, g.Row)
	}
	return table
}

// serveSandbox answers until srv is closed.
func (h *House) serveSandbox(srv *strangers.Server) error {
	if err := srv.Serve(h.sandboxLn); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// told are the simulation's own options, as its gateway wants them; the zero ones where there are
// none, and an error where they are another gateway's.
func told[T any](s Site) (o T, err error) {
	if s.Simulation == nil {
		return o, nil
	}
	o, ok := s.Simulation.(T)
	if !ok {
		return o, fmt.Errorf("the options of the simulation are a %T", s.Simulation)
	}
	return o, nil
}

// Money is what a way's sale costs.
func (w Way) Money(c payment.Currency) (payment.Money, error) {
	return payment.ParseMoney(w.Amount, c)
}

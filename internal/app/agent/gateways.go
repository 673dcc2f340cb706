package agent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/payment/axs"
	"kiosk-agent/payment/engine"
	"kiosk-agent/payment/singapay"
)

// The values of payment.provider.
const (
	providerAXS      = "axs"
	providerSingaPay = "singapay"
)

// gateway is what the agent needs of a payment service, whichever it is. docs/ARCHITECTURE.md says
// how to add one.
type gateway interface {
	engine.Gateway
	// Endpoint names what Query asks; "" = there is no query.
	Endpoint() string
	// Query asks what became of a payment.
	Query(ctx context.Context, merchantRef string) payment.QueryAnswer
	// Make asks for a code or link, where the service makes it.
	Make(ctx context.Context, r payment.MintRequest) payment.MintAnswer
	// Close asks the service to take no payment any more; one that cannot does nothing.
	Close(ctx context.Context, providerRef string) error
	// Sample is a code or link as long as those that customers scan, which nobody can pay.
	Sample(r payment.MintRequest) string
	// Try proves that the secret works, as far as that can be done without anything leaving this
	// machine.
	Try(r payment.MintRequest) error
}

// newGateway builds the configured service. now is the wall clock, corrected by the relay's.
func newGateway(c *config.Config, credDir string, now func() time.Time) (gateway, error) {
	if c.Payment.Provider == providerSingaPay {
		return newSingaPay(c, credDir, now)
	}
	key, previous, err := twoSecrets(credDir, "axs.secret", c.AXS.Secret, "axs.previous_secret",
		c.AXS.PreviousSecret)
	if err != nil {
		return nil, err
	}
	return newAXS(c, key, previous)
}

// twoSecrets are a secret and the one before it, which may be none.
func twoSecrets(credDir, name, ref, previousName, previousRef string) (key, previous secret.Value,
	err error) {
	if key, err = secret.Resolve(ref, credDir); err != nil {
		return key, previous, &SecretError{name, err}
	}
	if previousRef == "" {
		return key, previous, nil
	}
	if previous, err = secret.Resolve(previousRef, credDir); err != nil {
		return key, previous, &SecretError{previousName, err}
	}
	return key, previous, nil
}

// secretFault reports whether err says that a gateway cannot work with its secret.
func secretFault(err error) bool {
	if e, ok := errors.AsType[*axs.ConfigError](err); ok {
		return strings.HasSuffix(e.Key, "secret")
	}
	e, ok := errors.AsType[*singapay.ConfigError](err)
	return ok && strings.HasSuffix(e.Key, "secret")
}

// axsGateway makes links on this machine, and asks for codes.
type axsGateway struct{ *axs.Gateway }

func newAXS(c *config.Config, key, previous secret.Value) (gateway, error) {
	g, err := axs.New(axs.Config{
		PaymentLink: c.AXS.PaymentLink, ClientID: c.AXS.ClientID, Secret: key,
		PreviousSecret: previous,
		TerminalID:     c.Terminal.ID, WebhookURL: c.Relay.HookURL, SuccessURL: c.AXS.SuccessURL,
		FailURL:   c.AXS.FailURL,
		CancelURL: c.AXS.CancelURL, AmountAs: c.AXS.AmountAs, SendExpiry: c.AXS.SendExpiry,
		Schemes: c.AXS.Schemes,
		MaxP2C:  c.AXS.MaxP2C, MaxAmount: c.Terminal.MaxAmount, QueryURL: c.AXS.QueryURL,
		QRURL: c.AXS.QRURL,
	})
	return axsGateway{g}, err
}

func (g axsGateway) Make(ctx context.Context, r payment.MintRequest) payment.MintAnswer {
	return g.FetchCode(ctx, r)
}

// links and codes end by themselves
func (axsGateway) Close(context.Context, string) error { return nil }

func (g axsGateway) Sample(r payment.MintRequest) string {
	m, err := g.Mint(r)
	if err != nil {
		return ""
	}
	return m.Payload
}

// Try opens a link of its own: that it is then told apart from a notification says that the secret
// works.
func (g axsGateway) Try(r payment.MintRequest) error {
	m, err := g.Mint(r)
	if err != nil {
		return err
	}
	_, query, _ := strings.Cut(m.Payload, "?")
	_, err = g.Open(payment.Envelope{Query: query})
	if e, ok := errors.AsType[*axs.OpenError](err); ok && e.Reason == axs.ReasonOwnLink {
		return nil
	}
	return errors.Join(errors.New("the link does not open"), err)
}

// singaGateway asks for everything.
type singaGateway struct {
	*singapay.Gateway
	qr bool
}

func newSingaPay(c *config.Config, credDir string, now func() time.Time) (gateway, error) {
	s := c.SingaPay
	key, previous, err := twoSecrets(credDir, "singapay.client_secret", s.ClientSecret,
		"singapay.previous_secret", s.PreviousSecret)
	if err != nil {
		return nil, err
	}
	g, err := singapay.New(singapay.Config{
		BaseURL: s.BaseURL, ClientID: s.ClientID, ClientSecret: key, PreviousSecret: previous,
		APIKey: s.APIKey, AccountID: s.AccountID,
		WebhookPath: c.SingaPayWebhookPath(), Mode: c.Payment.Mode, Methods: s.Methods,
		Description:  s.Description,
		CustomerName: s.CustomerName, CustomerEmail: s.CustomerEmail, SuccessURL: s.SuccessURL,
		ExpiredURL:  s.ExpiredURL,
		ExpiryGrace: s.ExpiryGrace.Of(), CreateTimeout: s.CreateTimeout.Of(),
		QueryTimeout: s.QueryTimeout.Of(),
		ReplayWindow: s.ReplayWindow.Of(), MaxAmount: c.Terminal.MaxAmount, Now: now,
	})
	return singaGateway{g, c.Payment.Mode == modeQR}, err
}

var errMadeElsewhere = errors.New("SingaPay makes its links and codes itself")

func (singaGateway) Mint(payment.MintRequest) (payment.Minted, error) {
	return payment.Minted{}, errMadeElsewhere
}

func (g singaGateway) Make(ctx context.Context, r payment.MintRequest) payment.MintAnswer {
	return g.Gateway.Mint(ctx, r)
}

// Sample has the shape of what SingaPay's documents show: an address that ends in our reference, or
// a QRIS text.
func (g singaGateway) Sample(r payment.MintRequest) string {
	if g.qr {
		return strings.Repeat("0", 220)
	}
	return "https://sandbox-paymentlink.singapay.id/b2b/" + r.MerchantRef
}

// Try cannot prove more than New has: SingaPay's secret signs what SingaPay alone can check.
func (singaGateway) Try(payment.MintRequest) error { return nil }

// schemesOf are the ways to pay that tills may ask for.
func schemesOf(c *config.Config) []string {
	switch {
	case c.Payment.Provider == providerSingaPay:
		return slices.Clone(c.SingaPay.Methods)
	case len(c.AXS.Schemes) > 0:
		return slices.Clone(c.AXS.Schemes)
	case c.Payment.Mode == modeQR:
		return slices.Clone(axsSchemes[1:])
	default:
		return slices.Clone(axsSchemes)
	}
}

// closeCode asks the service to take no payment any more; what comes of it is a line in the log.
func closeCode(ctx context.Context, g gateway, providerRef string, log *slog.Logger) {
	if err := g.Close(ctx, providerRef); err != nil {
		log.Info("the code could not be closed at the gateway; it ends by itself", "provider_ref",
			providerRef, "error", err)
	}
}

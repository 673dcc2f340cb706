package agent

import (
	"errors"
	"net/url"
	"time"

	"kiosk-agent/cmd/internal/config"
	"kiosk-agent/payment"
	"kiosk-agent/payment/axs"
)

// TryGateway makes a link with the configured secret, opens it again and throws it away: it is shown and sent to nobody, so nobody can
// pay it. The error says why the secret cannot be had, or does not work.
func TryGateway(c *config.Config, credDir string) error {
	gateway, err := newGateway(c, credDir)
	if err != nil {
		return err
	}
	minted, err := gateway.Mint(payment.MintRequest{
		MerchantRef: c.TerminalTag() + "-" + newULIDs().NewID(time.Now()),
		Money:       payment.Money{Amount: 1, Currency: payment.Currency(c.Terminal.Currency)}, Timeout: c.Payment.Timeout.Of(),
	})
	if err != nil {
		return err
	}
	u, err := url.Parse(minted.Payload)
	if err != nil {
		return errors.New("the link is no address") // err repeats it
	}
	// A link of our own opens and is then told apart from a notification: that very refusal says that the secret works.
	_, err = gateway.Open(payment.Envelope{Query: u.RawQuery})
	if e, ok := errors.AsType[*axs.OpenError](err); ok && e.Reason == axs.ReasonOwnLink {
		return nil
	}
	return errors.Join(errors.New("the link does not open"), err)
}

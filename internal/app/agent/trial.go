package agent

import (
	"time"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/payment"
)

// TryGateway proves that the gateway's secret works, as far as that can be done without anything
// leaving this machine: with AXS it makes a link, opens it again and throws it away. Nobody can pay
// it. The error says why the secret cannot be had, or does not work.
func TryGateway(c *config.Config, credDir string) error {
	g, err := openGateway(c, credDir)
	if err != nil {
		return err
	}
	return g.Try(payment.MintRequest{
		MerchantRef: c.TerminalTag() + "-" + newULIDs().NewID(time.Now()),
		Money:       payment.Money{Amount: 1, Currency: payment.Currency(c.Terminal.Currency)},
		Timeout:     c.Payment.Timeout.Of(),
	})
}

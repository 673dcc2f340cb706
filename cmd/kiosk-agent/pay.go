package main

import (
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/payer"
	"kiosk-agent/payment"
)

func newPay() *cobra.Command {
	var reference, till string
	cmd := &cobra.Command{
		Use: "pay AMOUNT",
		// an approval that nobody could be told is not known, and not refused
		Annotations: map[string]string{exit.Unsaid: "an outcome"},
		Short:       "Take one payment from the command line: a till without a till",
		Long: `pay asks the running agent for a payment of AMOUNT (such as 10.23), shows its
code here, and waits for the outcome. Ctrl-C cancels.

Exit code: 0 approved, 1 not paid or refused, 3 the outcome is not known.`,
		Args: manual.Operands("AMOUNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			money, err := payment.ParseMoney(args[0], payment.Currency(c.Terminal.Currency))
			if err != nil {
				return fmt.Errorf("AMOUNT: %w (write it like 10.23)", err)
			}
			if most := (payment.Money{Amount: c.Terminal.MaxAmount,
				Currency: money.Currency}); money.Amount < 1 || money.Amount > most.Amount {
				return exit.Failed(fmt.Errorf("AMOUNT: %s is not between 0.01 and %s", money,
					most.Decimal()))
			}
			if reference == "" {
				reference = "cli-" + time.Now().UTC().Format("20060102-150405.000")
			}
			p, err := payer.New(c, till, credDir(), cmd.OutOrStdout())
			if err != nil {
				return exit.Failed(err)
			}
			interrupted, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT,
				syscall.SIGTERM)
			defer stop()
			return p.Run(cmd.Context(), interrupted, stop, reference, money)
		},
	}
	cmd.Flags().StringVar(&reference, "reference", "",
		"the sale's reference (default: made from the time)")
	cmd.Flags().StringVar(&till, "till", "", "the till to be (default: the first configured one)")
	return cmd
}

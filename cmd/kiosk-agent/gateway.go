package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/adminclient"
	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/prober"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

func newGateway() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Try the gateway before the first sale, and confirm what its words mean",
	}
	cmd.AddCommand(newProbe(), newConfirm())
	return cmd
}

func newProbe() *cobra.Command {
	var replay, report string
	var all bool
	cmd := &cobra.Command{
		Use:   "probe [AMOUNT]",
		Short: "Make one payment and tell how what the gateway sends stands to its pages",
		Long: `probe asks the running agent for a payment of AMOUNT (the least that the gateway
takes, if none is given), shows its code here and on the display, and tells line
by line what came back: as the gateway's pages say, otherwise (with the key of
the configuration that mends it), or not known. No till hears of the payment; it
stands in the journal like every other, and the money is real where the gateway
is. Give it back in the gateway's portal.

--replay shows a recorded delivery to the present configuration instead: a file
with an HTTP request or with the JSON of a delivery, or #SEQ, an entry of the
worklist. Nothing is booked, and no agent need run.

Exit code: 0 approved (or it opens), 1 not paid (or it does not open), 3 the
outcome is not known (or it decides nothing).`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if replay != "" {
				return replayDelivery(c, replay, all, cmd.OutOrStdout())
			}
			money, err := probeAmount(c, args)
			if err != nil {
				return err
			}
			g, err := c.Gateway()
			if err != nil {
				return exit.Failed(err)
			}
			p := &prober.Prober{Socket: c.Admin.Socket, Out: cmd.OutOrStdout(), Report: report,
				Version: versionText(), Gateway: c.Payment.Provider, Mode: c.Payment.Mode,
				Query: g.Asked(), Assign: g.Assignment, All: all, LinkKeys: g.Row().LinkKeys}
			interrupted, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT,
				syscall.SIGTERM)
			defer stop()
			return p.Run(cmd.Context(), interrupted, stop, money)
		},
	}
	cmd.Flags().StringVar(&replay, "replay", "", "show this recorded delivery, a `FILE` or #SEQ")
	cmd.Flags().BoolVar(&all, "all", false, "print also what came as the gateway's pages say")
	cmd.Flags().StringVar(&report, "report", "", "write all of it to a `FILE`, for support")
	return cmd
}

// probeAmount is what the probe is to cost: as given, or the least.
func probeAmount(c *config.Config, args []string) (payment.Money, error) {
	currency := payment.Currency(c.Terminal.Currency)
	if len(args) == 0 {
		g, err := c.Gateway()
		if err != nil {
			return payment.Money{}, exit.Failed(err)
		}
		return payment.Money{Amount: max(1, g.Row().Least), Currency: currency}, nil
	}
	money, err := payment.ParseMoney(args[0], currency)
	if err != nil {
		return money, fmt.Errorf("AMOUNT: %w (write it like 10.23)", err)
	}
	return money, nil
}

// replayDelivery shows a recorded delivery to the present configuration.
func replayDelivery(c *config.Config, from string, all bool, out io.Writer) error {
	e, err := recorded(c, from)
	if err != nil {
		return exit.Failed(fmt.Errorf("--replay %s: %w", from, err))
	}
	chosen, err := c.Gateway()
	if err != nil {
		return exit.Failed(err)
	}
	g, err := chosen.Open(credDir(), gateways.Clock{Now: time.Now})
	if err != nil {
		return exit.Failed(err)
	}
	if code := prober.Replay(out, g, chosen.Assignment, all, e); code != exit.Done {
		return &exit.Error{Code: code}
	}
	return nil
}

// recorded is a delivery from a file, or from the journal.
func recorded(c *config.Config, from string) (payment.Envelope, error) {
	number, isEntry := strings.CutPrefix(from, "#")
	if !isEntry {
		f, err := os.Open(from)
		if err != nil {
			return payment.Envelope{}, err
		}
		defer f.Close()
		return prober.ReadDelivery(f, time.Now())
	}
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return payment.Envelope{}, errors.New("write an entry like #31, as the worklist does")
	}
	var f payment.Fact
	var ok bool
	if err := offline.Read(c.Journal.Path, func(j *offline.Reader) (err error) {
		f, ok, err = j.Entry(seq)
		return err
	}); err != nil {
		return payment.Envelope{}, err
	}
	parked, isParked := f.Data.(payment.Parked)
	if !ok || !isParked {
		return payment.Envelope{}, errors.New("there is no delivery that was kept under this " +
			"number: kiosk-agent worklist lists them")
	}
	return parked.Envelope, nil
}

func newConfirm() *cobra.Command {
	var q agent.ConfirmRequest
	cmd := &cobra.Command{
		Use:   "confirm PAYMENT",
		Short: "Confirm that a word of the gateway's notifications means that a sale is paid",
		Long: `confirm takes a payment whose notification had a word that no page defines, and
which the gateway's query has reported as paid in words that are known. From
then on that word makes a sale approved by itself, where the configuration has
it ([axs.words], [singapay.words]). Without that it makes the agent ask.`,
		Args: manual.Operands("PAYMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			q.ID = args[0]
			var done agent.Confirmed
			if err := adminclient.Post(cmd.Context(), c.Admin.Socket, "/v1/confirm", q,
				&done); err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Confirmed by %s: a payment by %s.\n", done.By,
				strings.Join(done.Words, " and "))
			fmt.Fprintf(cmd.OutOrStdout(), "It counts at once where [%s.words] of the "+
				"configuration has it; one more probe shows that.\n", c.Payment.Provider)
			return nil
		},
	}
	cmd.Flags().StringVar(&q.By, "by", "", "who confirms it, if it is not the user who runs this")
	return cmd
}

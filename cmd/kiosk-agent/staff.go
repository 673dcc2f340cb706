package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/adminclient"
	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/reports"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

func newResolve() *cobra.Command {
	var q agent.ResolveRequest
	var finding string
	cmd := &cobra.Command{
		Use:   "resolve ID|#ENTRY [approved|not-paid|noted] --reason TEXT",
		Short: "Write down what staff found out about an entry of the worklist",
		Long: `resolve takes a payment, or an entry that belongs to none (#NUMBER), off the
worklist. It never changes a payment's status: what staff found out is kept
beside it, with the reason and the user's name. ID is
the payment's id, the till's receipt number or reference, or its merchantRef.
Where several findings fit, --finding says which; kiosk-agent worklist shows
those that fit each entry.
Nothing that is on record can be overridden, and any money that comes later
brings the entry back.`,
		Args: manual.Operands("ID", "[approved|not-paid|noted]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			q.ID, q.Finding = args[0], payment.Finding(finding)
			if len(args) > 1 {
				q.Outcome = args[1]
			}
			if number, ok := strings.CutPrefix(args[0], "#"); ok {
				q.ID = ""
				if q.Entry, err = strconv.ParseInt(number, 10, 64); err != nil || q.Entry < 1 {
					return exit.Failed(
						fmt.Errorf("%s is no entry: kiosk-agent worklist shows them as #NUMBER",
							args[0]))
				}
			}
			if q.ID != "" {
				if q.ID, err = found(cmd, q.ID); err != nil {
					return exit.Failed(err)
				}
			}
			if q.Reason == "" {
				return exit.Failed(errors.New("say why: --reason \"seen in the gateway's portal\""))
			}
			var done agent.ResolveRequest
			if err := adminclient.Post(cmd.Context(), c.Admin.Socket, "/v1/resolve", q,
				&done); err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is resolved as %s (%s) by %s.\n", args[0],
				done.Outcome, done.Finding, done.By)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Reason, "reason", "", "what was seen, and where (10-500 characters; required)")
	f.StringVar(&finding, "finding", "", "what was found, where several fit: see worklist")
	f.StringArrayVar(&q.GivenBack, "given-back", nil,
		"a transaction that was given back; once for each")
	f.StringVar(&q.PortalRef, "portal-ref", "",
		"what the gateway's portal, or the till's book, calls the payment")
	f.Int64Var(&q.Seen, "seen", 0,
		"the payment's newest fact when it was looked at: refused if money has come since")
	f.StringVar(&q.By, "by", "", "who found out, if it is not the user who runs this")
	return cmd
}

// found is the id of the payment that staff call so; what is called otherwise the agent knows, or
// refuses.
func found(cmd *cobra.Command, name string) (id string, err error) {
	id = name
	err = withJournal(cmd, func(_ *config.Config, j *offline.Reader) error {
		known, err := reports.Find(j, name)
		id = cmp.Or(known, name)
		return err
	})
	return id, err
}

func newClaim() *cobra.Command {
	var q agent.ClaimRequest
	var amount, at string
	cmd := &cobra.Command{
		Use:   "claim ID",
		Short: "Note that a customer says he has paid",
		Long: `claim writes down what the customer shows on his phone. It puts the payment
on the worklist and asks the gateway again; it changes no status. ID is one of
the names that resolve takes.`,
		Args: manual.Operands("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if q.ID, err = found(cmd, args[0]); err != nil {
				return exit.Failed(err)
			}
			if amount != "" {
				money, err := payment.ParseMoney(amount, payment.Currency(c.Terminal.Currency))
				if err != nil {
					return exit.Failed(fmt.Errorf("--amount: %w", err))
				}
				q.Amount = money.Amount
			}
			if at != "" {
				if q.PaidAt, err = time.Parse(time.RFC3339, at); err != nil {
					return exit.Failed(errors.New(
						"--paid-at: write it like 2026-11-28T14:03:00+08:00"))
				}
			}
			if err := adminclient.Post(cmd.Context(), c.Admin.Socket, "/v1/claim", q,
				&q); err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is on the worklist: noted by %s.\n", args[0], q.By)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&amount, "amount", "", "the amount on the phone, like 12.80")
	f.StringVar(&at, "paid-at", "", "the time on the phone, like 2026-11-28T14:03:00+08:00")
	f.StringVar(&q.Number, "number", "", "the transaction's number on the phone")
	f.StringVar(&q.By, "by", "", "who noted it, if it is not the user who runs this")
	return cmd
}

func newRecover() *cobra.Command {
	var reason, by string
	cmd := &cobra.Command{
		Use:   "recover --reason TEXT",
		Short: "Accept this journal although the relay remembers a newer one",
		Long: `recover ends journal_rollback: the journal was restored from a backup, lost, or
its disk was cloned. It works once the relay has sent everything that it still
holds. What the lost part said, nobody on this machine can know: the command
says what to look up.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if reason == "" {
				return exit.Failed(
					errors.New("say why: --reason \"the disk was replaced, backup of Monday\""))
			}
			var done agent.Recovered
			if err := adminclient.Post(cmd.Context(), c.Admin.Socket, "/v1/recover",
				agent.RecoverRequest{Reason: reason, By: by}, &done); err != nil {
				return exit.Failed(err)
			}
			reports.Recovered(cmd.OutOrStdout(), done)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "what happened to the journal (required)")
	cmd.Flags().StringVar(&by, "by", "", "who decided, if it is not the user who runs this")
	return cmd
}

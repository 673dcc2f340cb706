package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/adminclient"
	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/reports"
)

func newResolve() *cobra.Command {
	var reason, by string
	cmd := &cobra.Command{
		Use:   "resolve ID|#ENTRY approved|not-paid --reason TEXT",
		Short: "Write down what staff found out about an entry of the worklist",
		Long: `resolve takes a payment, or an entry that belongs to none (#NUMBER), off the
worklist. It never changes a payment's status: what staff found out is kept
beside it, with the reason and the user's name. Evidence that says otherwise
brings the entry back.`,
		Args: manual.Operands("ID", "approved|not-paid"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			q := agent.ResolveRequest{ID: args[0], Outcome: args[1], Reason: reason, By: by}
			if number, ok := strings.CutPrefix(args[0], "#"); ok {
				q.ID = ""
				if q.Entry, err = strconv.ParseInt(number, 10, 64); err != nil || q.Entry < 1 {
					return exit.Failed(
						fmt.Errorf("%s is no entry: kiosk-agent worklist shows them as #NUMBER",
							args[0]))
				}
			}
			if reason == "" {
				return exit.Failed(errors.New("say why: --reason \"seen in the gateway's portal\""))
			}
			var done agent.ResolveRequest
			if err := adminclient.Post(cmd.Context(), c.Admin.Socket, "/v1/resolve", q,
				&done); err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is resolved as %s by %s.\n", args[0], done.Outcome,
				done.By)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "what was seen, and where (required)")
	cmd.Flags().StringVar(&by, "by", "", "who found out, if it is not the user who runs this")
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

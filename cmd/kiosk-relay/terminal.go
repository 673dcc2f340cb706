package main

import (
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/relayadmin"
	"kiosk-agent/relay/relayd"
)

func terminalCommand(path *string, stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use: "terminal", Short: "Add, list, enrol, rotate and revoke terminals of a running relay",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("a terminal command is missing: add, code, list, revoke or rotate")
		},
	}
	admin := relayadmin.Client{Out: stdout, CredDir: credDir()}
	cmd.PersistentFlags().BoolVar(&admin.JSON, "json", false, "print JSON")
	cmd.PersistentPreRun = func(*cobra.Command, []string) { admin.Path = *path }

	var req relayd.TerminalRequest
	add := &cobra.Command{
		Use: "add ID", Short: "Add a terminal; prints its token and hook URL, once",
		Args: manual.Operands("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.ID = args[0]
			return exit.Failed(admin.AddTerminal(cmd.Context(), req))
		},
	}
	add.Flags().StringVar(&req.Merchant, "merchant", "",
		"the `NAME` of the merchant whose hooks it reads too; see kiosk-relay merchant")
	var grace time.Duration
	rotate := &cobra.Command{
		Use: "rotate ID", Short: "Give a terminal a new token", Args: manual.Operands("ID"),
		Long: `Give a terminal a new token. The old one works until the kiosk first connects
with the new one, and for --grace at most.

If a token may have been stolen: --grace 0.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if grace < 0 || grace%time.Second != 0 {
				return errors.New("--grace: whole seconds, for example 15m, or 0")
			}
			req.ID, req.GraceS = args[0], int64(grace/time.Second)
			return exit.Failed(admin.RotateTerminal(cmd.Context(), req))
		},
	}
	rotate.Flags().BoolVar(&req.Route, "route", false,
		"a new hook URL too: change it at the gateway at once")
	rotate.Flags().DurationVar(&grace, "grace", 15*time.Minute,
		"how long the old token works if the new one is not used; 0 to 24h")
	code := &cobra.Command{
		Use: "code ID", Short: "Make a one-time code with which a kiosk enrols as this terminal",
		Args: manual.Operands("ID"),
		Long: `Make a one-time code with which a kiosk enrols as this terminal, within 24
hours; an earlier code ends. Enrolling gives the terminal a new token and a new
hook URL. The token before works until the kiosk connects with the new one, 15
minutes at most; the hook URL before works for another 24 hours.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return exit.Failed(admin.Code(cmd.Context(), args[0]))
		},
	}
	revoke := &cobra.Command{
		Use: "revoke ID", Short: "End a terminal's token, connection, hook URL and code",
		Args: manual.Operands("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return exit.Failed(admin.RevokeTerminal(cmd.Context(), args[0]))
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the terminals", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exit.Failed(admin.Terminals(cmd.Context()))
		},
	}
	cmd.AddCommand(add, code, list, revoke, rotate)
	return cmd
}

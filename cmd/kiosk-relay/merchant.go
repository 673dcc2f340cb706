package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/relayadmin"
)

func merchantCommand(path *string, stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use: "merchant", Short: "Add, list and revoke merchants: one hook URL for many terminals",
		Args: cobra.NoArgs,
		Long: `Some gateways have one webhook URL for all of a merchant's terminals. What is
posted to a merchant's hook URL reaches each terminal that was added with
"terminal add ID --merchant NAME"; each passes over what is not its own.`,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("a merchant command is missing: add, list or revoke")
		},
	}
	admin := relayadmin.Client{Out: stdout, CredDir: credDir()}
	cmd.PersistentFlags().BoolVar(&admin.JSON, "json", false, "print JSON")
	cmd.PersistentPreRun = func(*cobra.Command, []string) { admin.Path = *path }
	add := &cobra.Command{
		Use: "add NAME", Short: "Add a merchant, or a revoked one anew; prints its hook URL, once",
		Args: manual.Operands("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return exit.Failed(admin.AddMerchant(cmd.Context(), args[0]))
		},
	}
	revoke := &cobra.Command{
		Use: "revoke NAME", Short: "End a merchant's hook URL; its terminals stay",
		Args: manual.Operands("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return exit.Failed(admin.RevokeMerchant(cmd.Context(), args[0]))
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the merchants", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exit.Failed(admin.Merchants(cmd.Context()))
		},
	}
	cmd.AddCommand(add, list, revoke)
	return cmd
}

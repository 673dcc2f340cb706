package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/relay/relayd"
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
	var asJSON bool
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	add := &cobra.Command{
		Use: "add NAME", Short: "Add a merchant, or a revoked one anew; prints its hook URL, once",
		Args: manual.Operands("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return addMerchant(cmd.Context(), *path, args[0], asJSON, stdout)
		},
	}
	revoke := &cobra.Command{
		Use: "revoke NAME", Short: "End a merchant's hook URL; its terminals stay",
		Args: manual.Operands("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := relayd.MerchantRequest{Name: args[0]}
			if err := call(cmd.Context(), *path, http.MethodPost, "merchants/revoke", req,
				nil); err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintf(stdout, "merchant %s is revoked\n", strconv.Quote(args[0]))
			return nil
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the merchants", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listMerchants(cmd.Context(), *path, asJSON, stdout)
		},
	}
	cmd.AddCommand(add, list, revoke)
	return cmd
}

func addMerchant(ctx context.Context, path, name string, asJSON bool, w io.Writer) error {
	var out relayd.MerchantSecrets
	if err := call(ctx, path, http.MethodPost, "merchants/add", relayd.MerchantRequest{Name: name},
		&out); err != nil {
		return exit.Failed(err)
	}
	if asJSON {
		return printJSON(w, out)
	}
	fmt.Fprintf(w, "merchant: %s\nhook URL: %s\n", out.Name, out.HookURL)
	fmt.Fprintln(w, "It is shown only now, and a secret: whoever has it can post to every\n"+
		"terminal of this merchant. Enter it at the gateway, and as relay.hook_url on each\n"+
		"of the merchant's kiosks.")
	return nil
}

func listMerchants(ctx context.Context, path string, asJSON bool, w io.Writer) error {
	var out []relayd.MerchantInfo
	if err := call(ctx, path, http.MethodGet, "merchants", nil, &out); err != nil {
		return exit.Failed(err)
	}
	if asJSON {
		return printJSON(w, out)
	}
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "NAME\tTERMINALS\tCREATED\tSTATE")
	for _, m := range out {
		state := "active"
		if m.RevokedAt != nil {
			state = "revoked " + m.RevokedAt.Format(time.DateTime)
		}
		fmt.Fprintf(tab, "%s\t%d\t%s\t%s\n", m.Name, m.Terminals, m.CreatedAt.Format(time.DateTime),
			state)
	}
	return tab.Flush()
}

package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/adminclient"
	"kiosk-agent/internal/app/browserpolicy"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/doctor"
	"kiosk-agent/internal/app/exit"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look at everything that a sale needs, and say what to do",
		Args: cobra.NoArgs,
		Long: `doctor looks at the configuration, the secrets, the relay, the gateway's hosts,
the tills' lines, the browsers' policies for tills that are pages, the display,
the disk and the clock, whether the agent runs or not. Each entry says what was
tried, what came back and what to do. Nothing that it does can touch money: it
asks no gateway about a payment, opens no till's line and sends a link to
nobody. It ends with 1 when something is wrong.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			report := examine(cmd.Context(), path)
			if asJSON {
				enc := json.NewEncoder(exit.JSON(cmd.OutOrStdout()))
				enc.SetIndent("", "  ")
				err = enc.Encode(report)
			} else {
				err = report.Print(cmd.OutOrStdout())
			}
			if err == nil && report.Wrong() > 0 {
				return &exit.Error{Code: exit.Failure}
			}
			return exit.Failed(err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object")
	return cmd
}

func examine(ctx context.Context, path string) doctor.Report {
	return doctor.Run(ctx, doctor.Options{
		Browsers: browserpolicy.OfThisSystem(), Ports: portUnits,
		Config: path, CredDir: credDir(), Version: versionText(),
		Ask: adminclient.Get,
		Head: func(ctx context.Context, c *config.Config) error {
			_, err := relayHead(ctx, c)
			return err
		},
	})
}

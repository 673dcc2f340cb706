package main

import (
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/reports"
	"kiosk-agent/offline"
)

func newWorklist() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "worklist",
		Short: "Show what staff must look at: also while the agent runs, or after it has stopped",
		Args:  cobra.NoArgs,
		Long: `worklist shows each payment, and each notification that belongs to none, that
the agent cannot settle by itself, and what to do. kiosk-agent resolve takes an
entry off the list.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withJournal(cmd, func(c *config.Config, j *offline.Reader) error {
				g, err := c.Gateway()
				if err != nil {
					return exit.Failed(err)
				}
				show := reports.Worklist
				if asJSON {
					show = reports.WorklistJSON
				}
				return exit.Failed(show(cmd.OutOrStdout(), j, g.Accounts(), time.Now()))
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON array")
	return cmd
}

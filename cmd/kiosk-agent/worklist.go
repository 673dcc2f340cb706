package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/reports"
	"kiosk-agent/offline"
)

func newWorklist() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "worklist [ID]",
		Args:  manual.Operands("[ID]"),
		Short: "Show what staff must look at: also while the agent runs, or after it has stopped",
		Long: `worklist shows each payment, and each notification that belongs to none, that
the agent cannot settle by itself, and what to do. kiosk-agent resolve takes an
entry off the list. ID shows one entry only: the payment's id, the till's
receipt number or reference, or its merchantRef.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withJournal(cmd, func(c *config.Config, j *offline.Reader) error {
				g, err := c.Gateway()
				if err != nil {
					return exit.Failed(err)
				}
				show := reports.Worklist
				if asJSON {
					show = reports.WorklistJSON
				}
				return exit.Failed(show(cmd.OutOrStdout(), j, g.Accounts(), time.Now(),
					strings.Join(args, "")))
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON array")
	return cmd
}

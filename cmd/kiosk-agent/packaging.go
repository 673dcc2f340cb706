package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/rights"
	"kiosk-agent/offline"
)

// newMan is for the package's build.
func newMan() *cobra.Command {
	var epoch int64
	cmd := &cobra.Command{
		Use: "man", Short: "Print the manual page", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.Root().InitDefaultCompletionCmd()
			_, err := fmt.Fprint(cmd.OutOrStdout(),
				manual.Page(cmd.Root(), time.Unix(epoch, 0), "kiosk-agent "+versionText(),
					manual.Section{Title: "Exit status", Items: [][2]string{
						{"0", "done"}, {"1", "refused or failed"}, {"2", "called wrongly"},
						{"3", "the outcome of a payment is not known"},
					}},
					manual.Section{Title: "Files", Items: [][2]string{
						{"/etc/kiosk-agent/config.toml", "the configuration; " +
							"/usr/share/doc/kiosk-agent/CONFIGURATION.md explains every key"},
						{"/var/lib/kiosk-agent/journal.db",
							"the journal: every payment, for its owner only"},
						{"/run/kiosk-agent/admin.sock",
							"the operator commands' way to the running program"},
						{"/usr/share/doc/kiosk-agent/",
							"the documents, which messages name as docs/…: INSTALL.md, " +
								"OPERATIONS.md (the runbook), CONFIGURATION.md, SECURITY.md, " +
								"GLOSSARY.md; for tills INTEGRATION.md, openrpc.json, ECR.md, " +
								"ECR-TILLS.md, ECR-DIALECTS.md"},
					}}))
			return exit.Failed(err)
		},
	}
	cmd.Flags().Int64Var(&epoch, "date", time.Now().Unix(),
		"the page's date, in seconds since 1970")
	return cmd
}

// newCheckUpgrade is for the package's installation: what it refuses does not take the place of the
// program that runs.
func newCheckUpgrade() *cobra.Command {
	return &cobra.Command{
		Use: "check-upgrade [BACKUP]", Short: "Check that this version can take over: " +
			"configuration, secrets, and a backup of the journal",
		Long: `check-upgrade starts nothing and touches neither the journal nor BACKUP. It
checks the configuration and every file that it names, restores a copy of BACKUP
beside it as this version would, opens that and removes it again.`,
		Args: cobra.MaximumNArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if err := agent.Check(c, checkOptions()); err != nil {
				return exit.Failed(c.Locate(err))
			}
			if len(args) == 1 {
				if err := rights.As(args[0], func() error {
					return offline.Rehearse(args[0])
				}); err != nil {
					return exit.Failed(fmt.Errorf("a copy of the journal: %w", err))
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "kiosk-agent %s can take over\n", versionText())
			return nil
		},
	}
}

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/reports"
	"kiosk-agent/offline"
)

func newBackup() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy the journal to a new file, also while the agent runs",
		Args: manual.Operands("FILE"),
		Long: `backup writes one file that holds the whole journal as it was at one moment, and
verifies it. FILE must not exist. Keep it where only staff can read it: it holds
the customers' links.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			saved, err := offline.Backup(c.Journal.Path, args[0],
				reports.Progress(cmd.ErrOrStderr()))
			if err != nil {
				return exit.Failed(err)
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Saved to %s, and verified:\n", saved.Path)
			reports.Copy(out, saved)
			return nil
		},
	}
}

func newRestore() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the journal; the agent must not run",
		Args:  manual.Operands("FILE"),
		Long: `restore verifies the backup and puts a copy of it where the configuration names
the journal. The journal that is there, damaged or not, is moved aside whole and
never deleted. Stop the agent first; afterwards start it and run kiosk-agent
recover.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			done, err := offline.Restore(args[0], c.Journal.Path, time.Now(),
				reports.Progress(cmd.ErrOrStderr()))
			if errors.Is(err, offline.ErrLocked) {
				return exit.Failed(fmt.Errorf("%w\n"+
					"The agent is running. Stop it first: systemctl stop kiosk-agent", err))
			}
			if err != nil {
				return exit.Failed(err)
			}
			reports.Restored(cmd.OutOrStdout(), done)
			return nil
		},
	}
}

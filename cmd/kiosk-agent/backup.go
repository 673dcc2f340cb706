package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/offline"
)

func newBackup() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy the journal to a new file, also while the agent runs",
		Args: manual.Operands("FILE"),
		Long: "backup writes one file that holds the whole journal as it was at one moment, " +
			"and verifies it. FILE must not exist. Keep it\n" +
			"where only staff can read it: it holds the customers' links.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			saved, err := offline.Backup(c.Journal.Path, args[0], progressLine(cmd.ErrOrStderr()))
			if err != nil {
				return exit.Failed(err)
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Saved to %s, and verified:\n", saved.Path)
			printCopy(out, saved)
			return nil
		},
	}
}

func newRestore() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the journal; the agent must not run",
		Args:  manual.Operands("FILE"),
		Long: "restore verifies the backup and puts a copy of it where the configuration names " +
			"the journal. The journal that is there, damaged or\n" +
			"not, is moved aside whole and never deleted. Stop the agent first; afterwards " +
			"start it and run kiosk-agent recover.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			done, err := offline.Restore(args[0], c.Journal.Path, time.Now(),
				progressLine(cmd.ErrOrStderr()))
			if errors.Is(err, offline.ErrLocked) {
				return exit.Failed(
					fmt.Errorf(
						"%w\nThe agent is running. Stop it first: systemctl stop kiosk-agent", err))
			}
			if err != nil {
				return exit.Failed(err)
			}
			printRestored(cmd.OutOrStdout(), done)
			return nil
		},
	}
}

func printCopy(w io.Writer, c offline.Copy) {
	fmt.Fprintf(w, "  %d facts, %d payments, journal %s\n", c.Facts, c.Payments, c.Head.JournalID)
	fmt.Fprintf(w, "  the newest is fact %d, %.16s…, of %s\n", c.Head.Seq, c.Head.Hash, until(c))
}

// until is the time of the newest fact of a copy.
func until(c offline.Copy) string {
	if c.Until.IsZero() {
		return "no time: it is empty"
	}
	return c.Until.UTC().Format(time.RFC3339)
}

func printRestored(w io.Writer, r offline.Restored) {
	fmt.Fprintf(w, "Restored to %s, and verified:\n", r.Path)
	printCopy(w, r.Copy)
	if r.Aside != "" {
		was := "it cannot be read"
		switch {
		case r.Was.JournalID == r.Head.JournalID:
			was = fmt.Sprintf("it ended with fact %d", r.Was.Seq)
		case r.Was.JournalID != "":
			was = fmt.Sprintf("another journal, %s, of %d facts", r.Was.JournalID, r.Was.Seq)
		}
		fmt.Fprintf(w, "The journal that was there lies in %s (%s).\n", r.Aside, was)
	}
	fmt.Fprintf(w, `
What happened after the backup is not in this journal. What to do:
  1. Start the agent: systemctl start kiosk-agent. It refuses sales (journal_rollback) because
     the relay remembers a newer journal; meanwhile it takes again every notification that the
     relay still holds.
  2. kiosk-agent recover --reason TEXT accepts this journal. It says what cannot be known any more.
  3. kiosk-agent worklist shows payments that were reported and that this journal does not know.
  4. Compare the tills' books with the gateway's portal from %s until now.
`, until(r.Copy))
}

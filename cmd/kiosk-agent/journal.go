package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/reports"
	"kiosk-agent/internal/secret"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/relay"
)

func newJournal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Read the journal: also while the agent runs, or after it has stopped",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("a journal command is missing: list, show, verify or export")
		},
	}
	cmd.AddCommand(newJournalList(), newJournalShow(), newJournalVerify(), newJournalExport())
	return cmd
}

// withJournal opens the configured journal read-only for one command.
func withJournal(cmd *cobra.Command, do func(*config.Config, *offline.Reader) error) error {
	c, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	return exit.Failed(offline.Read(c.Journal.Path, func(j *offline.Reader) error {
		return do(c, j)
	}))
}

func newJournalList() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List payments, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withJournal(cmd, func(_ *config.Config, j *offline.Reader) error {
				return exit.Failed(reports.Payments(cmd.OutOrStdout(), j, limit))
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "how many; 0 = all")
	return cmd
}

func newJournalShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one payment's timeline; ID may be its receipt number or merchantRef, too",
		Args:  manual.Operands("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withJournal(cmd, func(_ *config.Config, j *offline.Reader) error {
				return exit.Failed(reports.Payment(cmd.OutOrStdout(), j, args[0]))
			})
		},
	}
}

func newJournalVerify() *cobra.Command {
	var withRelay bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Check the whole hash chain and everything derived from it",
		Args: cobra.NoArgs,
		Long: `verify finds any altered, reordered or removed fact. Facts removed at the very
end show only against the relay's anchor: --relay.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withJournal(cmd, func(c *config.Config, j *offline.Reader) error {
				out, progress := cmd.OutOrStdout(), reports.Progress(cmd.ErrOrStderr())
				var report offline.Report
				var err error
				if withRelay {
					known, kerr := relayHead(cmd.Context(), c)
					if kerr != nil {
						return exit.Failed(fmt.Errorf("the relay's anchor: %w", kerr))
					}
					if known == nil {
						fmt.Fprintln(out, "The relay has not been told of any journal of this "+
							"terminal: nothing to compare with.")
						report, err = j.Verify(progress)
					} else {
						fmt.Fprintf(out, "The relay knows fact %d of journal %s.\n", known.Seq,
							known.JournalID)
						report, err = j.VerifyAgainst(*known, progress)
					}
				} else {
					report, err = j.Verify(progress)
				}
				if err != nil {
					return exit.Failed(err)
				}
				return exit.Failed(reports.Verified(out, report))
			})
		},
	}
	cmd.Flags().BoolVar(&withRelay, "relay", false,
		"compare with the newest fact that the relay was told of")
	return cmd
}

// relayHead asks the relay for the newest journal head that it was told of; nil when it knows none.
func relayHead(ctx context.Context, c *config.Config) (*payment.Head, error) {
	token, err := secret.Resolve(c.Relay.Token, credDir())
	if err != nil {
		return nil, fmt.Errorf("relay.token: %w", err)
	}
	h, err := relay.AskHead(ctx, c.Relay.URL, token)
	if err != nil || h == nil {
		return nil, err
	}
	return &payment.Head{JournalID: h.JournalID, Seq: int64(h.Seq), Hash: h.Hash}, nil
}

func newJournalExport() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "export", Short: "Write payments (csv) or facts (jsonl) to standard output",
		Args: cobra.NoArgs,
		Long: `export writes every payment as CSV, or every fact as JSON lines. Links, and
deliveries that did not open, are left out: their length and hash stand in their
place. In CSV an apostrophe stands before a text that a spreadsheet would run:
one that begins with = + - @, a tab or a line end.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "csv" && format != "jsonl" {
				return fmt.Errorf("--format must be csv or jsonl, not %.20q", format)
			}
			return withJournal(cmd, func(_ *config.Config, j *offline.Reader) error {
				out := bufio.NewWriter(cmd.OutOrStdout())
				export := reports.CSV
				if format == "jsonl" {
					export = reports.Facts
				}
				if err := export(out, j); err != nil {
					return exit.Failed(err)
				}
				return exit.Failed(out.Flush())
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "csv", "csv or jsonl")
	return cmd
}

package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/timeline"
	"kiosk-agent/internal/secret"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/relay"
)

// pageSize is how many payments list and export read at a time.
const pageSize = 200

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
	j, err := offline.OpenReadOnly(c.Journal.Path)
	if err != nil {
		return exit.Failed(err)
	}
	defer j.Close()
	return do(c, j)
}

// eachPayment goes through all payments, newest first, at most limit of them (0 = all).
func eachPayment(j *offline.Reader, limit int, do func(payment.Payment) error) error {
	q := payment.ListQuery{Limit: pageSize}
	for n := 0; ; {
		page, err := j.ListAll(q)
		if err != nil {
			return err
		}
		for _, p := range page.Payments {
			if err := do(p); err != nil {
				return err
			}
			if n++; n == limit {
				return nil
			}
		}
		if page.Next == 0 {
			return nil
		}
		q.Before = page.Next
	}
}

func newJournalList() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List payments, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withJournal(cmd, func(_ *config.Config, j *offline.Reader) error {
				w := tabwriter.NewWriter(legible{cmd.OutOrStdout()}, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "TIME\tTILL\tREFERENCE\tAMOUNT\tSTATUS\tTOLD\tPAYMENT")
				err := eachPayment(j, limit, func(p payment.Payment) error {
					_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
						p.CreatedAt.Local().Format(time.DateTime), p.Till, p.Reference,
						p.Money, timeline.Outcome(p), timeline.Told(p), p.ID)
					return err
				})
				if err != nil {
					return exit.Failed(err)
				}
				return exit.Failed(w.Flush())
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "how many; 0 = all")
	return cmd
}

func newJournalShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one payment's timeline; ID is the payment's id or its merchantRef",
		Args:  manual.Operands("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withJournal(cmd, func(_ *config.Config, j *offline.Reader) error {
				id := args[0]
				if found, err := j.ByMerchantRef(id); err != nil {
					return exit.Failed(err)
				} else if found != "" {
					id = found
				}
				facts, err := j.Facts(id)
				if err != nil {
					return exit.Failed(err)
				}
				p, ok := payment.Fold(facts)
				if !ok {
					return exit.Failed(
						fmt.Errorf("no payment %.60q in this journal (kiosk-agent journal list "+
							"shows them)", args[0]))
				}
				return exit.Failed(timeline.Print(legible{cmd.OutOrStdout()}, p, facts))
			})
		},
	}
}

func newJournalVerify() *cobra.Command {
	var withRelay bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Check the whole hash chain and everything derived from it",
		Args: cobra.NoArgs,
		Long: "verify finds any altered, reordered or removed fact. Facts removed at the very " +
			"end show only against the relay's anchor: --relay.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withJournal(cmd, func(c *config.Config, j *offline.Reader) error {
				out, progress := cmd.OutOrStdout(), progressLine(cmd.ErrOrStderr())
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
				return printReport(out, report, withRelay)
			})
		},
	}
	cmd.Flags().BoolVar(&withRelay, "relay", false,
		"compare with the newest fact that the relay was told of")
	return cmd
}

func printReport(out io.Writer, r offline.Report, withRelay bool) error {
	fmt.Fprintf(out, "%d facts, %d payments, head %d %.16s…\n", r.Facts, r.Payments, r.Head.Seq,
		r.Head.Hash)
	for _, p := range r.Problems {
		fmt.Fprintf(out, "fact %d: %s\n", p.Seq, p.What)
	}
	if len(r.Problems) > 0 {
		return exit.Failed(
			fmt.Errorf("the journal does not verify: %d problems (keep the file; do not repair it)",
				len(r.Problems)))
	}
	if withRelay {
		fmt.Fprintln(out, "ok: nothing is altered, reordered or removed, and the newest fact "+
			"that the relay knows is here")
	} else {
		fmt.Fprintln(out, "ok: nothing is altered, reordered or removed. Facts removed at the "+
			"very end would not show: run with --relay")
	}
	return nil
}

// progressLine reports long work on a terminal's own line.
func progressLine(w io.Writer) func(done, total int64) {
	var last time.Time
	return func(done, total int64) {
		if now := time.Now(); now.Sub(last) > 200*time.Millisecond && total > 0 {
			last = now
			fmt.Fprintf(w, "\rverifying %d of %d (%d %%)   ", done, total, 100*done/total)
			if done == total {
				fmt.Fprintln(w)
			}
		}
	}
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
		Long: "export writes every payment as CSV, or every fact as JSON lines. Links, and " +
			"deliveries that did not open, are left out: their length\nand hash stand in their " +
			"place.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "csv" && format != "jsonl" {
				return fmt.Errorf("--format must be csv or jsonl, not %.20q", format)
			}
			return withJournal(cmd, func(_ *config.Config, j *offline.Reader) error {
				out := bufio.NewWriter(cmd.OutOrStdout())
				export := exportCSV
				if format == "jsonl" {
					export = exportFacts
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

func exportCSV(out io.Writer, j *offline.Reader) error {
	w := csv.NewWriter(out)
	head := []string{"created_at", "till", "reference", "merchant_ref", "amount", "currency",
		"status", "flags", "provider_ref", "scheme", "paid_at", "acknowledged", "id"}
	if err := w.Write(head); err != nil {
		return err
	}
	err := eachPayment(j, 0, func(p payment.Payment) error {
		flags := make([]string, len(p.Flags))
		for i, f := range p.Flags {
			flags[i] = string(f)
		}
		return w.Write([]string{
			stamp(p.CreatedAt), p.Till, p.Reference, p.MerchantRef, p.Money.Decimal(),
			string(p.Money.Currency), string(p.Status),
			strings.Join(flags, " "), p.ProviderRef, p.Scheme, stamp(p.PaidAt),
			strconv.FormatBool(p.Acknowledged), p.ID,
		})
	})
	if err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// exportFacts writes one fact to a line, with what a stranger could use cut out.
func exportFacts(out io.Writer, j *offline.Reader) error {
	enc := json.NewEncoder(out)
	return j.Each(1, func(f payment.Fact, hash string) error {
		line := struct {
			Seq     int64        `json:"seq"`
			At      string       `json:"at"`
			Kind    payment.Kind `json:"kind"`
			Payment string       `json:"payment,omitempty"`
			Boot    string       `json:"boot"`
			UpMS    int64        `json:"up_ms"`
			Data    payment.Data `json:"data"`
			Hash    string       `json:"hash"`
		}{f.Seq, stamp(f.At), f.Kind(), f.Payment, f.Boot, f.Up.Milliseconds(), exportable(f.Data),
			hash}
		return enc.Encode(line)
	})
}

// exportable is the data without what would let a stranger pay, guess the secret, or read a
// customer's data.
func exportable(d payment.Data) payment.Data {
	switch d := d.(type) {
	case payment.Minted:
		sum := sha256.Sum256([]byte(d.Payload))
		d.Payload = fmt.Sprintf("[%d characters, SHA-256 %s]", len(d.Payload),
			hex.EncodeToString(sum[:]))
		return d
	case payment.Parked:
		d.Envelope = payment.Envelope{Method: d.Envelope.Method, ReceivedAt: d.Envelope.ReceivedAt}
		return d
	default:
		return d
	}
}

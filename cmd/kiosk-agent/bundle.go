package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/bundle"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
)

func newSupportBundle() *cobra.Command {
	var log string
	var lines, facts int
	cmd := &cobra.Command{
		Use:   "support-bundle FILE",
		Short: "Write what a stranger needs in order to help, without secrets, into a .tar.gz",
		Args:  manual.Operands("FILE"),
		Long: `support-bundle writes FILE (mode 0600; it must not exist): the configuration,
the agent's status, what doctor found, the journal's head and newest facts, the
worklist, metrics and facts about the machine. No secret, token, link or frame
is in it, no body of a notification, no till's reference. All of it is text:
look into it before you send it. With --log also the end of a log file:

  journalctl -u kiosk-agent | kiosk-agent support-bundle --log - FILE`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			c, cfgErr := config.Salvage(path)
			members := bundle.Members(cmd.Context(), bundle.Sources{
				Config: c, Fault: cfgErr, Version: versionText(), Facts: int64(facts),
				Doctor: func(ctx context.Context) any { return examine(ctx, path) },
			})
			if log != "" {
				text, err := readLog(cmd.InOrStdin(), log)
				if err != nil {
					return exit.Failed(err)
				}
				members = append(members, bundle.Member{Name: "log.txt",
					Make: func() ([]byte, error) { return bundle.Tail(text, lines), nil }})
			}
			if err := bundle.Write(args[0], time.Now(), members,
				bundle.NewScrubber(c, credDir())); err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Written to %s. It holds no secret; look into it "+
				"all the same before you send it: tar tzf %[1]s\n", args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&log, "log", "", "a log `FILE` whose end is wanted; - = standard input")
	cmd.Flags().IntVar(&lines, "lines", 2000, "how many lines of the log at most")
	cmd.Flags().IntVar(&facts, "facts", 500, "how many facts of the journal at most")
	return cmd
}

// readLog reads the end of a log.
func readLog(stdin io.Reader, name string) ([]byte, error) {
	const most = 64 << 20
	if name == "-" {
		return io.ReadAll(io.LimitReader(stdin, most))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(f, most))
}

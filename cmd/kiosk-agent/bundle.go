package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/adminclient"
	"kiosk-agent/internal/app/bundle"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/offline"
)

func newSupportBundle() *cobra.Command {
	var log string
	var lines, facts int
	cmd := &cobra.Command{
		Use:   "support-bundle FILE",
		Short: "Write what a stranger needs in order to help, without secrets, into a .tar.gz",
		Args:  manual.Operands("FILE"),
		Long: "support-bundle writes FILE (mode 0600; it must not exist): the configuration, " +
			"the agent's status, what doctor found, the journal's head\n" +
			"and newest facts, the worklist, metrics and facts about the machine. No secret, " +
			"token, link or frame is in it, no body of a\n" +
			"notification, no till's reference. With --log also the end of a log file: " +
			"journalctl -u kiosk-agent | kiosk-agent support-bundle\n" +
			"--log - FILE. All of it is text: look into it before you send it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			c, cfgErr := config.Salvage(path)
			b := bundler{ctx: cmd.Context(), path: path, cfg: c, facts: int64(facts)}
			members := b.members(cfgErr)
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

// bundler makes the members of one bundle. cfg is nil where the configuration cannot be used.
type bundler struct {
	ctx   context.Context
	path  string
	cfg   *config.Config
	facts int64
}

func (b *bundler) members(cfgErr error) []bundle.Member {
	members := []bundle.Member{
		{Name: "system.txt", Make: func() ([]byte,
			error) {
			return bundle.System(versionText(), b.cfg)
		}},
		{Name: "doctor.json", Make: func() ([]byte,
			error) {
			return json.MarshalIndent(examine(b.ctx, b.path), "", "  ")
		}},
		{Name: "config.toml", Make: func() ([]byte, error) {
			if b.cfg == nil {
				return nil, cfgErr
			}
			text, err := bundle.Config(b.cfg)
			return text, errors.Join(err, cfgErr)
		}},
	}
	if b.cfg == nil {
		return members
	}
	return append(members,
		bundle.Member{Name: "status.json", Make: b.status},
		bundle.Member{Name: "metrics.txt",
			Make: func() ([]byte, error) {
				return adminclient.Fetch(b.ctx, b.cfg.Admin.Socket,
					"/v1/metrics")
			}},
		b.journal("journal.json", bundle.Journal),
		b.journal("facts.jsonl", func(j *offline.Reader) ([]byte,
			error) {
			return bundle.Facts(j, b.facts)
		}),
		b.journal("worklist.json", bundle.Worklist),
	)
}

func (b *bundler) journal(name string, text func(*offline.Reader) ([]byte, error)) bundle.Member {
	return bundle.Member{Name: name, Make: func() ([]byte, error) {
		j, err := offline.OpenReadOnly(b.cfg.Journal.Path)
		if err != nil {
			return nil, err
		}
		defer j.Close()
		return text(j)
	}}
}

// status is the agent's, with no more of a payment that is under way than its id and status.
func (b *bundler) status() ([]byte, error) {
	text, err := adminclient.Fetch(b.ctx, b.cfg.Admin.Socket, "/v1/status")
	if err != nil {
		return nil, err
	}
	var st map[string]json.RawMessage
	if err := json.Unmarshal(text, &st); err != nil {
		return nil, err
	}
	var active *struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	if err := json.Unmarshal(st["active"], &active); err != nil {
		return nil, err
	}
	if st["active"], err = json.Marshal(active); err != nil {
		return nil, err
	}
	return json.MarshalIndent(st, "", "  ")
}

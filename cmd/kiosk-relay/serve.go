package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/relayconf"
	"kiosk-agent/internal/app/relayhost"
	"kiosk-agent/internal/ports"
)

func serveCommand(path *string, stderr io.Writer) *cobra.Command {
	var restored bool
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the relay", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := relayconf.Load(*path)
			if err != nil {
				fmt.Fprintln(stderr, err)
				return &exit.Error{Code: exit.Failure}
			}
			log := newLogger(cfg.Log, stderr)
			held, err := ports.Passed()
			if err != nil { // what can be bound is bound
				log.Error("the service manager's sockets are of no use", "error", err)
			}
			return exit.Failed(relayhost.Run(cmd.Context(), cfg, relayhost.Options{
				Version: programVersion(), Restored: restored, Log: log, Ports: held,
				CredDir: credDir(),
			}))
		},
	}
	cmd.Flags().BoolVar(&restored, "restored", false,
		"the store was restored from a copy: tell every kiosk that something may be missing "+
			"(use once)")
	return cmd
}

func newLogger(c relayconf.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked with the configuration
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

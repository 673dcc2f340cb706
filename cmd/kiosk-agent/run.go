package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"kiosk-agent/cmd/internal/agent"
	"kiosk-agent/cmd/internal/config"
)

func loadConfig(cmd *cobra.Command) (*config.Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	c, err := config.Load(path)
	return c, failed(err)
}

func credDir() string { return os.Getenv("CREDENTIALS_DIRECTORY") }

func newRun() *cobra.Command {
	var logJSON bool
	cmd := &cobra.Command{
		Use: "run", Short: "Run the agent", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			log := newLog(cmd.ErrOrStderr(), logJSON)
			return failed(runAgent(ctx, c, log))
		},
	}
	cmd.Flags().BoolVar(&logJSON, "log-json", false, "write the log as JSON lines")
	return cmd
}

func newLog(w io.Writer, asJSON bool) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

func runAgent(ctx context.Context, c *config.Config, log *slog.Logger) error {
	a, err := agent.New(c, agent.Options{Version: versionText(), Log: log, CredDir: credDir(), OnStep: crashStep(log)})
	if err != nil {
		return err
	}
	// Ready means: journal open and its tail verified, listeners bound. It waits for no network, relay or display.
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		log.Warn("systemd was not told that we are ready", "error", err)
	}
	err = a.Run(ctx)
	log.Info("stopped")
	return err
}

// crashStep makes the process kill itself, without any clean-up, right after the fact that KIOSK_AGENT_CRASH_AFTER names was
// committed. It exists for the crash tests, which prove that nothing is lost at any such point; unset, it is nil.
func crashStep(log *slog.Logger) func(string) {
	at := os.Getenv("KIOSK_AGENT_CRASH_AFTER")
	if at == "" {
		return nil
	}
	log.Warn("this process will kill itself", "after", at)
	return func(step string) {
		if step == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // nothing runs after it
			select {}
		}
	}
}

func newCheckConfig() *cobra.Command {
	return &cobra.Command{
		Use: "check-config", Short: "Check the configuration file and its secrets; start nothing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if err := agent.CheckSecrets(c, credDir()); err != nil {
				return failed(c.Locate(err))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok (terminal %s, tag %s, %s)\n", c.Path(), c.Terminal.ID, c.TerminalTag(), c.Payment.Provider)
			return nil
		},
	}
}

func newStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Ask the running agent whether it takes sales, and why not", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			var st map[string]any
			if err := askAgent(cmd.Context(), c.Admin.Socket, http.MethodGet, "/v1/status", nil, &st); err != nil {
				return failed(err)
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			if err := enc.Encode(st); err != nil {
				return failed(err)
			}
			if ready, _ := st["ready"].(bool); !ready {
				return &exitError{code: exitFailed}
			}
			return nil
		},
	}
}

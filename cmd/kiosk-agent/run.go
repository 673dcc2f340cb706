package main

import (
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

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
)

func loadConfig(cmd *cobra.Command) (*config.Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	c, err := config.Load(path)
	return c, exit.Failed(err)
}

func credDir() string { return os.Getenv("CREDENTIALS_DIRECTORY") }

func newRun() *cobra.Command {
	var logJSON bool
	var r runner
	cmd := &cobra.Command{
		Use: "run", Short: "Run the agent", Long: runHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if r.path, err = cmd.Flags().GetString("config"); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			hangUp := make(chan os.Signal, 1)
			signal.Notify(hangUp, syscall.SIGHUP)
			defer signal.Stop(hangUp)
			r.log, r.hangUp = newLog(cmd.ErrOrStderr(), logJSON), hangUp
			if err := keepMemoryPrivate(); err != nil {
				r.log.Warn("other processes of this user can look into this one", "error", err)
			}
			r.service = serviceManager(r.log)
			r.opts = agent.Options{Version: versionText(), Log: r.log, CredDir: credDir(),
				OnStep: crashStep(r.log)}
			err = r.run(ctx)
			r.log.Info("stopped")
			return exit.Failed(err)
		},
	}
	cmd.Flags().BoolVar(&logJSON, "log-json", false, "write the log as JSON lines")
	cmd.Flags().StringVar(&r.state, "state", "", "directory of the configuration that passed "+
		"last (default: $STATE_DIRECTORY, or the journal's)")
	cmd.Flags().StringVar(&r.display, "spare-display", config.Default().Display.Listen,
		"the screen's address while no configuration can be used")
	cmd.Flags().StringVar(&r.metrics, "spare-metrics", config.Default().Metrics.Listen,
		"the status page's address while no configuration can be used")
	return cmd
}

const runHelp = `run works until it is stopped (SIGINT, SIGTERM).

Where it cannot start in full – a mistake in the configuration, a secret or a
file that is missing, a journal that cannot be opened – it takes no sale, and
says so: out of service on the screen, not ready to the tills, the reason on the
status page and in /readyz. Where the configuration itself is wrong, the one
that passed last says where screen and tills are; run keeps it as
last-good.toml. It looks again every 15 s, when the file changes and at once on
SIGHUP, and goes on in full by itself. It ends with 1 where nothing could be
served: another agent has the journal or the admin socket, or another program
has the screen's or the tills' address.`

// serviceManager is systemd, where it has started us.
func serviceManager(log *slog.Logger) service {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog is not fed", "error", err)
	}
	return service{watchdog: watchdog, tell: func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("systemd was not told", "error", err)
		}
	}}
}

func newLog(w io.Writer, asJSON bool) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// crashStep makes the process kill itself, without any clean-up, right after the fact that
// KIOSK_AGENT_CRASH_AFTER names was committed. It exists for the crash tests, which prove that
// nothing is lost at any such point; unset, it is nil.
func crashStep(log *slog.Logger) func(string) {
	at := os.Getenv("KIOSK_AGENT_CRASH_AFTER")
	if at == "" {
		return nil
	}
	log.Warn("this process will kill itself", "after", at)
	return func(step string) {
		if step == at {
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Kill() // -9: nothing runs after it
			}
			select {}
		}
	}
}

func newCheckConfig() *cobra.Command {
	return &cobra.Command{
		Use: "check-config", Short: "Check the configuration file and its secrets; start nothing",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			text, err := checkConfig(path)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), text)
			}
			return exit.Failed(err)
		},
	}
}

// checkConfig is what check-config says of a good configuration, or what is wrong with it.
func checkConfig(path string) (string, error) {
	c, err := config.Load(path)
	if err != nil {
		return "", err
	}
	if err := agent.CheckSecrets(c, credDir()); err != nil {
		return "", c.Locate(err)
	}
	return fmt.Sprintf("%s: ok (terminal %s, tag %s, %s)", c.Path(), c.Terminal.ID, c.TerminalTag(),
		c.Payment.Provider), nil
}

func newStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Ask the running agent whether it takes sales, and why not",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			var st map[string]any
			if err := askAgent(cmd.Context(), c.Admin.Socket, http.MethodGet, "/v1/status", nil,
				&st); err != nil {
				return exit.Failed(err)
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			if err := enc.Encode(st); err != nil {
				return exit.Failed(err)
			}
			if ready, _ := st["ready"].(bool); !ready {
				return &exit.Error{Code: exit.Failure}
			}
			return nil
		},
	}
}

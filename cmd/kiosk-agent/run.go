package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/adminclient"
	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/reports"
	"kiosk-agent/internal/app/service"
	"kiosk-agent/internal/ports"
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
	var c service.Config
	cmd := &cobra.Command{
		Use: "run", Short: "Run the agent", Long: runHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if c.Path, err = cmd.Flags().GetString("config"); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			hangUp := make(chan os.Signal, 1)
			signal.Notify(hangUp, syscall.SIGHUP)
			defer signal.Stop(hangUp)
			log := newLog(cmd.ErrOrStderr(), logJSON)
			if err := keepMemoryPrivate(); err != nil {
				log.Warn("other processes of this user can look into this one", "error", err)
			}
			held, err := ports.Passed()
			if err != nil { // sales do not wait for it: what can be bound is bound
				log.Error("the service manager's sockets are of no use", "error", err)
			}
			first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
			c.State = cmp.Or(c.State, first)
			c.Again, c.Manager = hangUp, service.Systemd(log)
			c.Options = agent.Options{Version: versionText(), Log: log, CredDir: credDir(),
				OnStep: crashStep(log), Ports: held}
			err = service.New(c).Run(ctx)
			log.Info("stopped")
			return exit.Failed(err)
		},
	}
	cmd.Flags().BoolVar(&logJSON, "log-json", false, "write the log as JSON lines")
	cmd.Flags().StringVar(&c.State, "state", "", "directory of the configuration that passed "+
		"last (default: $STATE_DIRECTORY, or the journal's)")
	cmd.Flags().StringVar(&c.Display, "spare-display", config.Default().Display.Listen,
		"the screen's address while no configuration can be used")
	cmd.Flags().StringVar(&c.Metrics, "spare-metrics", config.Default().Metrics.Listen,
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
SIGHUP, and goes on in full by itself. It ends with 1 where another agent has
the journal or the admin socket. An address that another program has is taken as
soon as it is free: status and doctor name it.`

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
			c, text, err := checkConfig(path)
			if err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), text)
			if err := portUnits.Note(cmd.OutOrStdout(), path, c.Addresses()); err != nil {
				return exit.Failed(err)
			}
			return exit.Failed(reports.ConfiguredAccounts(cmd.OutOrStdout(), c))
		},
	}
}

// checkConfig is what check-config says of a good configuration, or what is wrong with it: it
// builds the parts as run does.
func checkConfig(path string) (c *config.Config, text string, err error) {
	if c, err = config.Load(path); err != nil {
		return nil, "", err
	}
	if err := agent.Check(c, checkOptions()); err != nil {
		return nil, "", c.Locate(err)
	}
	return c, fmt.Sprintf("%s: ok (terminal %s, tag %s, %s)", c.Path(), c.Terminal.ID,
		c.TerminalTag(), c.Payment.Provider), nil
}

// checkOptions are those of an agent that is built and never runs.
func checkOptions() agent.Options {
	return agent.Options{Version: versionText(), Log: slog.New(slog.DiscardHandler),
		CredDir: credDir()}
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
			err = adminclient.Get(cmd.Context(), c.Admin.Socket, "/v1/status", &st)
			if err != nil {
				return exit.Failed(err)
			}
			enc := json.NewEncoder(exit.JSON(cmd.OutOrStdout()))
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

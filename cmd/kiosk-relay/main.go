// Command kiosk-relay is the relay server's program: it reads flags, the configuration file and
// signals, wires kiosk-agent/relay/relayd, and talks to a running relay's admin API. It decides
// nothing else. It is one process for one caller; what survives a crash is what relayd has stored.
// Exit codes: 0 done, 1 failed, 2 usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/relayconf"
	"kiosk-agent/internal/app/relayhost"
)

// version is set by the linker; otherwise the module's build information is used.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out, errs := exit.NewOutput(stdout), exit.NewOutput(stderr)
	root := rootCommand(out, errs)
	root.SetArgs(args)
	return exit.Run(ctx, root, out, errs)
}

func rootCommand(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "kiosk-relay",
		Short:         "Takes payment gateways' hooks and delivers them to kiosks",
		SilenceErrors: true, SilenceUsage: true, Version: programVersion(),
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return errors.New("a command is missing") },
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	config := root.PersistentFlags().String("config", "/etc/kiosk-relay/config.toml",
		"configuration `FILE`")
	root.AddCommand(
		serveCommand(config, stderr),
		checkCommand(config, stdout, stderr),
		terminalCommand(config, stdout),
		merchantCommand(config, stdout),
		portsCommand(config, stdout, stderr),
		holdPortsCommand(stderr),
		&cobra.Command{
			Use: "version", Short: "Print the version", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				fmt.Fprintln(stdout, "kiosk-relay", programVersion())
				return nil
			},
		},
		manCommand(stdout),
	)
	return root
}

// manCommand is for the package's build.
func manCommand(stdout io.Writer) *cobra.Command {
	var epoch int64
	cmd := &cobra.Command{
		Use: "man", Short: "Print the manual page", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.Root().InitDefaultCompletionCmd()
			_, err := fmt.Fprint(stdout, manual.Page(cmd.Root(), time.Unix(epoch, 0),
				"kiosk-relay "+programVersion(),
				manual.Section{Title: "Exit status",
					Items: [][2]string{{"0", "done"}, {"1", "failed"}, {"2", "called wrongly"}}},
				manual.Section{Title: "Files", Items: [][2]string{
					{"/etc/kiosk-relay/config.toml",
						"the configuration; each key is explained in it"},
					{"/var/lib/kiosk-relay/store",
						"the store: the hooks that are held, and the terminals"},
					{"/usr/share/doc/kiosk-relay/",
						"the documents: INSTALL.md, OPERATIONS.md, SECURITY.md, RELAY-PROTOCOL.md"},
				}}))
			return err
		},
	}
	cmd.Flags().Int64Var(&epoch, "date", time.Now().Unix(),
		"the page's date, in seconds since 1970")
	return cmd
}

func checkCommand(config *string, stdout, stderr io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "check-config", Short: "Check the configuration and what it names, without starting",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, file, err := relayconf.Read(*config)
			if err == nil {
				if err = relayhost.Check(cfg, credDir()); err != nil {
					err = file.Locate(err)
				}
			}
			if err != nil {
				fmt.Fprintln(stderr, err)
				return &exit.Error{Code: exit.Failure}
			}
			if _, err = fmt.Fprintf(stdout, "%s: ok\n", *config); err != nil {
				return exit.Failed(err)
			}
			return exit.Failed(portUnits.Note(stdout, *config, cfg.Addresses()))
		},
	}
}

func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}

func credDir() string { return os.Getenv("CREDENTIALS_DIRECTORY") }

// Kiosk-agent is the payment agent of a kiosk: it takes amounts from tills, shows the payment code,
// waits for the gateway's own word and tells the till what happened. See `kiosk-agent help`.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/gateways"
)

// Version is set by the linker for releases.
var version = ""

// The exit codes of every command.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitUnknown = 3 // the outcome of a payment is not known
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// exitError ends the program with a code; its cause, if any, has not been printed yet.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.cause.Error()
}

func (e *exitError) Unwrap() error { return e.cause }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitFailed, err}
}

// run is the whole program: main for tests.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		if e.cause != nil {
			fmt.Fprintln(stderr, "kiosk-agent:", e.cause)
		}
		return e.code
	}
	fmt.Fprintf(stderr, "kiosk-agent: %v\nRun kiosk-agent help for the commands.\n", err)
	return exitUsage
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kiosk-agent",
		Short: "Payment agent for kiosks and tills",
		Long: "kiosk-agent takes amounts from tills, shows the payment code to the " +
			"customer, waits for the gateway's own word\nand tells the till what happened.",
		SilenceErrors: true, SilenceUsage: true,
	}
	root.PersistentFlags().String("config", "/etc/kiosk-agent/config.toml", "configuration `FILE`")
	root.AddCommand(newRun(), newCheckConfig(), newStatus(), newPay(), newJournal(), newECR(),
		newTill(), newResolve(), newRecover(), newWorklist(), newBackup(), newRestore(),
		newVersion(), newMan(), newCheckUpgrade(), newDoctor(), newSupportBundle(), newSecret(),
		newInit(gateways.All()))
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(cmd.OutOrStdout(), "kiosk-agent", versionText())
			return nil
		},
	}
}

// versionText is the release, or what the Go toolchain knows about the build.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

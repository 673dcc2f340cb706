// Kiosk-agent is the payment agent of a kiosk: it takes amounts from tills, shows the payment code,
// waits for the gateway's own word and tells the till what happened. See `kiosk-agent help`.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/gateways"
)

// Version is set by the linker for releases.
var version = ""

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program: main for tests.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	return exit.Run(context.Background(), root, exit.NewOutput(stdout), exit.NewOutput(stderr))
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kiosk-agent",
		Short: "Payment agent for kiosks and tills",
		Long: `kiosk-agent takes amounts from tills, shows the payment code to the customer,
waits for the gateway's own word and tells the till what happened.`,
		SilenceErrors: true, SilenceUsage: true, Version: versionText(),
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.PersistentFlags().String("config", "/etc/kiosk-agent/config.toml", "configuration `FILE`")
	root.AddCommand(newRun(), newCheckConfig(), newStatus(), newPay(), newJournal(), newECR(),
		newTill(), newGateway(), newResolve(), newClaim(), newRecover(), newWorklist(), newBackup(),
		newRestore(), newVersion(), newMan(), newCheckUpgrade(), newDoctor(), newSupportBundle(),
		newSecret(), newInit(gateways.All()), newPorts(), newHoldPorts())
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

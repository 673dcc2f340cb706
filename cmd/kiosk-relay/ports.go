package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/portunits"
	"kiosk-agent/internal/app/relayconf"
	"kiosk-agent/internal/ports"
)

// portUnits are the systemd units that hold the relay's ports.
var portUnits = portunits.Units{Program: "kiosk-relay"}

// holdPortsCommand is for the package's unit.
func holdPortsCommand(stderr io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "hold-ports", Short: "Keep the relay's ports from others while it is down",
		Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			held, err := ports.Passed()
			if err != nil {
				return exit.Failed(err)
			}
			// Gateways repeat what was not taken, and kiosks connect again.
			return exit.Failed(held.Hold(cmd.Context(), ports.Refusal{
				ContentType: "text/plain; charset=utf-8",
				Body:        "The relay does not run. Try again.\n",
			}, newLogger(relayconf.Default().Log, stderr)))
		},
	}
}

func portsCommand(path *string, stdout, stderr io.Writer) *cobra.Command {
	var apply bool
	cmd := &cobra.Command{
		Use: "ports", Short: "Say which of the configuration's ports systemd holds",
		Long: `ports lists the addresses on which the relay listens, and says which of them
systemd holds. A held port is nobody else's while the relay is stopped, starts
again or is upgraded; who connects then waits for the relay, or is refused after
five seconds.

After a change of an address in the configuration: kiosk-relay ports --apply.
Where something changes, the relay is stopped for a moment and started again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := relayconf.Load(*path)
			if err != nil {
				fmt.Fprintln(stderr, err)
				return &exit.Error{Code: exit.Failure}
			}
			return exit.Failed(portUnits.Command(cmd.Context(), stdout, c.Addresses(), apply))
		},
	}
	cmd.Flags().BoolVar(&apply, "apply", false,
		"write the units' drop-in and bring it into force (as root)")
	return cmd
}

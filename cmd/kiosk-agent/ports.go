package main

import (
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/portunits"
	"kiosk-agent/internal/ports"
)

// portUnits are the systemd units that hold the agent's ports.
var portUnits = portunits.Units{Program: "kiosk-agent"}

// newHoldPorts is for the package's unit.
func newHoldPorts() *cobra.Command {
	return &cobra.Command{
		Use: "hold-ports", Short: "Keep the agent's ports from others while it is down",
		Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			held, err := ports.Passed()
			if err != nil {
				return exit.Failed(err)
			}
			return exit.Failed(held.Hold(ctx, ports.Refusal{
				ContentType: "text/html; charset=utf-8", Body: agent.StandIn(),
			}, newLog(cmd.ErrOrStderr(), false)))
		},
	}
}

func newPorts() *cobra.Command {
	var apply bool
	cmd := &cobra.Command{
		Use: "ports", Short: "Say which of the configuration's ports systemd holds",
		Long: portsHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			return exit.Failed(portUnits.Command(cmd.Context(), cmd.OutOrStdout(), c.Addresses(),
				apply))
		},
	}
	cmd.Flags().BoolVar(&apply, "apply", false,
		"write the units' drop-in and bring it into force (as root)")
	return cmd
}

const portsHelp = `ports lists the addresses on which the agent listens, and says which of them
systemd holds. A held port is nobody else's while the agent is stopped, starts
again or is upgraded; who connects then waits for the agent, or is refused after
five seconds.

After a change of an address in the configuration: kiosk-agent ports --apply.
Where something changes, the agent is stopped for a moment and started again.`

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/app/manual"
	"kiosk-agent/internal/app/prompt"
	"kiosk-agent/internal/app/secretstore"
)

func newSecret() *cobra.Command {
	cmd := &cobra.Command{
		Use: "secret", Short: "Put secrets where the configuration names them", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("a secret command is missing: set")
		},
	}
	cmd.AddCommand(newSecretSet())
	return cmd
}

func newSecretSet() *cobra.Command {
	var rotate bool
	cmd := &cobra.Command{
		Use: "set NAME",
		Short: "Set a secret: " + strings.Join(gateways.All().Names(), ", ") +
			", each with -previous, relay, display or till:NAME",
		Args: manual.Operands("NAME"),
		Long: `set reads the secret from standard input, or asks for it without showing it, and
puts it where the configuration names it: credential:NAME is sealed with
systemd-creds for this machine (NAME.cred beside the configuration), file:PATH
is a file of mode 0600. With --rotate the secret that is there now becomes the
previous one, which opens notifications too. Restart the agent afterwards.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			s := secretstore.New(c, credDir(), cmd.OutOrStdout())
			ref, err := s.Place(args[0])
			if err != nil {
				return exit.Failed(err)
			}
			value, err := prompt.Person{In: cmd.InOrStdin(), Out: cmd.ErrOrStderr()}.Secret(args[0])
			if err != nil {
				return exit.Failed(err)
			}
			if rotate {
				if err := s.KeepOld(cmd.Context(), ref, value); err != nil {
					return exit.Failed(err)
				}
			}
			if err := s.Put(cmd.Context(), ref, value); err != nil {
				return exit.Failed(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "The running agent has the old one until it is "+
				"restarted: systemctl restart kiosk-agent\n"+
				"A payment that is under way goes on after that.")
			return nil
		},
	}
	cmd.Flags().BoolVar(&rotate, "rotate", false, "keep the present secret as NAME-previous")
	return cmd
}

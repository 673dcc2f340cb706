package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"kiosk-agent/device/ecr"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
)

func newECR() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ecr",
		Short: "Understand an ECR line: captures, and the file that describes a dialect",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("ecr needs a command: explain or blueprint")
		},
	}
	cmd.AddCommand(newECRExplain(), &cobra.Command{
		Use: "blueprint", Short: "Print a commented dialect file to start from", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(ecr.Blueprint())
			return exit.Failed(err)
		},
	})
	return cmd
}

func newECRExplain() *cobra.Command {
	var dialect string
	cmd := &cobra.Command{
		Use:   "explain FILE|HEX",
		Short: "Decode a capture of an ECR line and say what is wrong with it",
		Long: `explain takes a capture as a file (raw bytes, or hex text; "till:" and
"terminal:" may mark who sent a line) or as hex digits on the command line.

Exit code 0: at least one frame, and nothing wrong; 1: something is wrong.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := config.LoadDialect(dialect)
			if err != nil {
				return exit.Failed(err)
			}
			capture, err := readCapture(args)
			if err != nil {
				return exit.Failed(err)
			}
			report := ecr.Explain(d, capture)
			fmt.Fprint(cmd.OutOrStdout(), report)
			if !report.OK() {
				return &exit.Error{Code: exit.Failure}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dialect, "dialect", "paycube",
		"paycube, nets, linkpos, uob, or a dialect file")
	return cmd
}

// readCapture is the content of the file that the one argument names, or the arguments themselves
// where they are hex.
func readCapture(args []string) ([]byte, error) {
	if len(args) == 1 {
		data, err := os.ReadFile(args[0])
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENAMETOOLONG) {
			// a long frame is no file name
			return data, err
		}
	}
	text := strings.Join(args, " ")
	if _, err := hex.DecodeString(
		strings.NewReplacer(" ", "", ",", "", "0x", "").Replace(text)); err != nil {
		return nil, fmt.Errorf("%.60q is neither a file nor hex digits", text)
	}
	return []byte(text), nil
}

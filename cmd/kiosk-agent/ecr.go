package main

import (
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
		Long: `explain takes a capture as a file or as hex digits on the command line. A file
holds raw bytes, hex digits with spaces, dashes, colons, 0x or \x or none of
them, or what hexdump -C, xxd or od -t x1 print. Each line may begin with a time
and with who sent it: "till:", ">", "TX:" or "terminal:", "<", "RX:". The report
says which of these the file was taken for.

Exit code 0: at least one frame, and nothing wrong; 1: something is wrong.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := config.LoadDialect(dialect)
			if err != nil {
				return exit.Failed(err)
			}
			capture, file, err := readCapture(args)
			if err != nil {
				return exit.Failed(err)
			}
			report := ecr.Explain(d, capture)
			if !file && report.Form == ecr.RawForm {
				return exit.Failed(fmt.Errorf("%.60q is neither a file nor hex digits", capture))
			}
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

// readCapture is the content of the file that the one argument names, or the arguments themselves.
func readCapture(args []string) (capture []byte, file bool, err error) {
	if len(args) == 1 {
		data, err := os.ReadFile(args[0])
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENAMETOOLONG) {
			// a long frame is no file name
			return data, true, err
		}
	}
	return []byte(strings.Join(args, " ")), false, nil
}

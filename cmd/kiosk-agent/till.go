package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"kiosk-agent/device/serial"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/simtill"
)

func newTill() *cobra.Command {
	var device, tcp, dialect, script string
	var baud int
	cmd := &cobra.Command{
		Use: "till", Short: "Play a till on an ECR line (simulator)", Long: simtill.Help,
		Args: cobra.NoArgs, Annotations: map[string]string{exit.Unsaid: "an outcome"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (device == "") == (tcp == "") {
				return errors.New("till needs one of --serial DEVICE and --tcp HOST:PORT")
			}
			if tcp != "" {
				device = "tcp-connect:" + tcp
			}
			d, err := config.LoadDialect(dialect)
			if err != nil {
				return exit.Failed(err)
			}
			input, err := openScript(cmd.InOrStdin(), script)
			if err != nil {
				return exit.Failed(err)
			}
			defer input.Close()
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			link, err := serial.New(serial.Config{Till: "simulator", Device: device, Baud: baud},
				serial.Options{
					Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(),
						&slog.HandlerOptions{Level: slog.LevelWarn})),
				})
			if err != nil {
				return exit.Failed(err)
			}
			code, err := simtill.New(d, cmd.OutOrStdout()).Run(ctx, link, input)
			if err != nil || code == exit.Done {
				return exit.Failed(err)
			}
			return &exit.Error{Code: code}
		},
	}
	cmd.Flags().StringVar(&device, "serial", "", "serial device of the line")
	cmd.Flags().StringVar(&tcp, "tcp", "", "HOST:PORT of the terminal")
	cmd.Flags().StringVar(&dialect, "dialect", "paycube",
		"paycube, nets, linkpos, uob, or a dialect file")
	cmd.Flags().StringVar(&script, "script", "", "file of commands (default: standard input)")
	cmd.Flags().IntVar(&baud, "baud", 9600, "bits per second")
	return cmd
}

func openScript(stdin io.Reader, name string) (io.ReadCloser, error) {
	if name == "" {
		return io.NopCloser(stdin), nil
	}
	return os.Open(name)
}

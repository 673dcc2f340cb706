package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"kiosk-agent/device/serial"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
)

const tillHelp = `till plays a till on an ECR line, for integrators without one. Commands, one to
a line:

  status            is the terminal ready
  qr AMOUNT         QR sale, such as: qr 10.23
  card AMOUNT       card sale
  void AMOUNT       void
  cancel            cancel the running sale
  last              how did the last sale end
  logon, settlement where the dialect has them
  ecn TEXT|+|=      the next request's number: TEXT; counting again; or the same for ever
  send HEX          these very bytes
  quit

A command waits for its response before the next one is read; with "&" behind
it, it does not: "qr 10.23 &", then "cancel". With --script (or commands in a
pipe) the exit code is that of the last sale, or of the last result that was
asked for: 0 approved, 1 not paid or refused, 3 not known (uncertain, still
running, not answered); 2 if a line after it was not understood.`

func newTill() *cobra.Command {
	var device, tcp, dialect, script string
	var baud int
	cmd := &cobra.Command{
		Use: "till", Short: "Play a till on an ECR line (simulator)", Long: tillHelp,
		Args: cobra.NoArgs,
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
			s := newSimTill(d, cmd.OutOrStdout())
			return s.run(ctx, link, readLines(ctx, input))
		},
	}
	cmd.Flags().StringVar(&device, "serial", "", "serial device of the line")
	cmd.Flags().StringVar(&tcp, "tcp", "", "HOST:PORT of the terminal")
	cmd.Flags().StringVar(&dialect, "dialect", "paycube", "paycube, nets, or a dialect file")
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

// readLines hands out the input's lines; the channel is closed at its end.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		sc := bufio.NewScanner(in)
		for sc.Scan() {
			line := strings.TrimSpace(sc.Text())
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// run plays until the input ends, quit or ctx. A line that breaks is opened again; what was asked
// stays asked.
func (s *simTill) run(ctx context.Context, link *serial.Link, lines <-chan string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err := link.Run(ctx, func(ctx context.Context, c serial.Conn) error {
		fmt.Fprintf(s.out, "Connected to %s, dialect %s. \"help\" lists the commands.\n", c.Name(),
			s.d.Name())
		done, err := s.serve(ctx, c, lines)
		if done {
			stop()
		}
		return err
	})
	s.leave()
	if err != nil {
		return exit.Failed(err)
	}
	if s.exit != exit.Done {
		return &exit.Error{Code: s.exit}
	}
	return nil
}

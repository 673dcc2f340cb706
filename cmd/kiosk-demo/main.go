// Kiosk-demo runs agent, relay and a simulated gateway in one process, for trying it: with --once
// it plays one sale by itself.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/app/exit"
)

// version is set by the linker (-X main.version=…) in releases.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out := exit.NewOutput(os.Stdout)
	err := run(ctx, os.Args[1:], out, os.Stderr)
	if unsaid := out.Err(); unsaid != nil {
		err = errors.Join(err, fmt.Errorf("not everything could be written: %w", unsaid))
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "kiosk-demo:", err)
		os.Exit(1)
	}
}

type options struct {
	once    bool
	version bool
	dir     string
	verbose bool
	till    string
	display string
	metrics string
	sandbox string
	page    string
	amount  string
	chrome  string
	as      string // the deviation that is played; "list" prints them all
	gateway demo.Gateway
	way     demo.Way // what the customer scans
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("kiosk-demo", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&o.once, "once", false, "play one sale, print its timeline and stop; exit 0 "+
		"only if the till heard approved and acknowledged it")
	fs.BoolVar(&o.version, "version", false, "print the version")
	fs.BoolVar(&o.version, "v", false, "print the version")
	fs.StringVar(&o.dir, "dir", "",
		"directory for keys, journal and relay store (default: a new one, removed at the end)")
	fs.BoolVar(&o.verbose, "verbose", false, "print the programs' logs")
	fs.StringVar(&o.till, "till", "127.0.0.1:7654", "address of the till API")
	fs.StringVar(&o.display, "display", "127.0.0.1:7655", "address of the customer display")
	fs.StringVar(&o.metrics, "metrics", "127.0.0.1:7656", "address of metrics and health")
	fs.StringVar(&o.page, "page", "127.0.0.1:7657", "address of the till page")
	fs.StringVar(&o.sandbox, "sandbox", "127.0.0.1:7658", "address of the simulated gateway")
	fs.StringVar(&o.amount, "amount", "",
		"amount of the sale that --once plays (default: one that suits the gateway)")
	fs.StringVar(&o.chrome, "chromium", "", "browser that --once uses as the display (default: "+
		"the one on PATH; \"none\": a small display client)")
	fs.StringVar(&o.as, "as", "", "how the simulated gateway differs from its pages, by `NAME`; "+
		"\"list\" prints the names (default: nowhere)")
	ways := demo.Ways()
	way := fs.String("gateway", ways[0], "what the customer scans: "+strings.Join(ways, ", "))
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	var ok bool
	if o.gateway, o.way, ok = demo.FindWay(*way); !ok {
		return o, fmt.Errorf("there is no gateway %.40q: use one of %s", *way,
			strings.Join(ways, ", "))
	}
	o.amount = cmp.Or(o.amount, o.way.Amount)
	if o.once { // beside a demo that runs already
		o.till, o.display, o.metrics, o.sandbox = "", "", "", ""
	}
	return o, nil
}

// printDeviations is the table of what --as can be.
func printDeviations(out io.Writer, g demo.Gateway) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, d := range g.Deviations {
		fmt.Fprintf(w, "%s\t%s\t%s\n", d.Name, d.Says, cmp.Or(d.Keys, "-"))
	}
	return w.Flush()
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.version {
		_, err := fmt.Fprintln(stdout, "kiosk-demo", cmp.Or(version, "devel"))
		return err
	}
	if o.as == "list" {
		return printDeviations(stdout, o.gateway)
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "kiosk-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	} else if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	} else if err = os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if o.verbose {
		log = slog.New(slog.NewTextHandler(stderr, nil))
	}
	options := demo.Options{
		Dir: o.dir, Log: log, Version: cmp.Or(version, "demo"), TillListen: o.till,
		DisplayListen: o.display, MetricsListen: o.metrics, SandboxListen: o.sandbox,
		MerchantName: "Kopi & Toast", Origins: []string{"http://" + o.page}, Query: true,
		Gateway: o.gateway, Mode: o.way.Mode, As: o.as,
	}
	if !o.once { // the customer chooses on the display
		options.Schemes = o.way.Wallets
	}
	var line *demo.Cable
	if !o.once {
		if line, err = demo.LayCable(); err != nil {
			return fmt.Errorf("a pair of pseudo-terminals for the till on a line: %w", err)
		}
		defer func() { err = errors.Join(err, line.Close()) }()
		options.Extra = line.Config()
	}
	h, err := demo.Open(ctx, options)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w (does another demo run? stop it, or choose other addresses: "+
			"--sandbox, --till, --display, --metrics and --page)", err)
	}
	if err != nil {
		return err
	}
	if o.once {
		return h.PlayOnce(ctx, demo.Sale{Amount: o.amount, Browser: o.chrome}, stdout)
	}
	return h.Serve(ctx, demo.Visit{Page: o.page, Amount: o.amount, Phone: o.way.Phone,
		TillDevice: line.Till}, stdout)
}

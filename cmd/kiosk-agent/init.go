package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kiosk-agent/internal/app/browserpolicy"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/app/prompt"
	"kiosk-agent/internal/app/setup"
)

const initHelp = `init makes a new kiosk: the tokens of its till and its display, its enrolment at
the relay with a one-time code, the gateway's secret, and a configuration that
passes check-config. What neither flags nor the fleet's file say is asked for
where standard input is a terminal.

A fleet's file holds the keys of the configuration that all its kiosks share,
secret_file where the gateway's secret lies in a file beside it, and where
wanted a table [kiosks.ID] for each kiosk, with its code and keys of its own.
Flags win over the file. Which terminal this is, the code says; --id makes sure,
before the code is used. The code is typed, or piped to --code -: never part of
the command, which others can read.
The code is used only after everything has been checked that can be checked
here; until the relay has answered, nothing is written.

A configuration that the package has brought and nobody has edited gives way;
another one only with --force, and is kept as config.toml.bak. Run by root, init
gives the secrets to the owner of --state, whom the service runs as.

--till-origin is for a till that is a web page: the agent allows it, and where
it comes from the internet, a managed policy lets it in for Chromium, Chrome and
Edge on this machine. On a kiosk that is there already, --till-origin without
--code writes that policy alone.`

// addFlags gives each question of init its flag. Gateways that have a flag together are both told
// in its help.
func addFlags(f *pflag.FlagSet, n *setup.Interview) {
	n.Given = make(map[string]*string)
	for _, q := range n.Questions() {
		if known := f.Lookup(q.Flag); known != nil {
			known.Usage += "; " + strings.ReplaceAll(q.Usage, "`", "")
			continue
		}
		n.Given[q.Flag] = f.String(q.Flag, "", q.Usage)
	}
}

func newInit(table gateways.Table) *cobra.Command {
	n := &setup.Interview{Kiosk: setup.Kiosk{Gateways: table}}
	cmd := &cobra.Command{
		Use: "init", Short: "Make a new kiosk: secrets, enrolment at the relay, configuration",
		Long: initHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runInit(cmd, n) },
	}
	f := cmd.Flags()
	f.StringVar(&n.ID, "id", "",
		"the terminal's `ID`, as the relay has it: refuse another terminal's code")
	f.StringVar(&n.Kiosk.Code, "code", "",
		"- reads the enrolment code that kiosk-relay terminal code ID prints from standard input "+
			"(else it is asked for, or the fleet's file has it)")
	addFlags(f, n)
	f.StringVar(&n.Fleet, "fleet", "", "TOML `FILE` with what the kiosks of a fleet share")
	f.StringArrayVar(&n.Kiosk.Origins, "till-origin", nil,
		"the `ORIGIN` of a page that is a till, as https://till.example; may be repeated")
	f.StringVar(&n.SecretFile, "secret-file", "",
		"`FILE` with the gateway's secret; - for standard input")
	f.StringVar(&n.Kiosk.Dir, "dir", "/etc/kiosk-agent",
		"`DIRECTORY` of the configuration and its secrets")
	f.StringVar(&n.Kiosk.State, "state", "/var/lib/kiosk-agent",
		"`DIRECTORY` of the journal and of the display's token")
	f.BoolVar(&n.Kiosk.Replace, "force", false, "replace an edited configuration (kept as "+
		"config.toml.bak), a relay's token and a gateway's secret")
	return cmd
}

func runInit(cmd *cobra.Command, n *setup.Interview) (err error) {
	if cmd.Flags().Changed("config") {
		return errors.New("init writes config.toml below --dir: say that instead of --config")
	}
	k := &n.Kiosk
	k.CredDir = credDir()
	for _, dir := range []*string{&k.Dir, &k.State} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return exit.Failed(err)
		}
	}
	k.Browsers = browserpolicy.OfThisSystem()
	k.Ports = portUnits
	if n.OnlyPages() {
		return exit.Failed(n.AllowPages(cmd.OutOrStdout()))
	}
	if err := k.Free(); err != nil { // before anything is asked
		return exit.Failed(err)
	}
	if err := n.Hold(prompt.Person{In: cmd.InOrStdin(), Out: cmd.ErrOrStderr()}); err != nil {
		return exit.Failed(err)
	}
	made, err := setup.Run(cmd.Context(), *k)
	if err != nil {
		return exit.Failed(err)
	}
	return exit.Failed(n.Report(cmd.OutOrStdout(), made,
		func(path string) (string, error) {
			_, text, err := checkConfig(path)
			return text, err
		}))
}

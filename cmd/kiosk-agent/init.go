package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/app/prompt"
	"kiosk-agent/internal/app/setup"
	"kiosk-agent/internal/secret"
)

const initHelp = `init makes a new kiosk: the tokens of its till and its display, its enrolment at
the relay with a one-time code, the gateway's secret, and a configuration that
passes check-config. What neither flags nor the fleet's file say is asked for
where standard input is a terminal.

A fleet's file holds the keys of the configuration that all its kiosks share,
secret_file where the gateway's secret lies in a file beside it, and where
wanted a table [kiosks.ID] for each kiosk, with its code and keys of its own.
Flags win over the file. Which terminal this is, the code says; --id makes sure.
The code is used only after everything has been checked that can be checked
here; until the relay has answered, nothing is written.

A configuration that the package has brought and nobody has edited gives way;
another one only with --force, and is kept as config.toml.bak. Run by root, init
gives the secrets to the owner of --state, whom the service runs as.`

// newKiosk is init as it was called.
type newKiosk struct {
	kiosk setup.Kiosk
	id    string
	fleet string
	// secretFile has the gateway's secret; - is standard input.
	secretFile string
	gateways   gateways.Table
	flags      map[string]*string // what was given, by the flag's name
}

// flagKey is a key of the configuration that has a flag and a question.
type flagKey struct {
	flag, key, usage, question string
	optional                   bool
}

const providerKey = "payment.provider"

// Every kiosk has these. What its gateway has is asked for between the two.
var (
	relayKey = flagKey{flag: "relay", key: "relay.url", usage: "the relay's `URL`: wss://HOST",
		question: "The relay's address (wss://HOST)"}
	merchantKey = flagKey{flag: "merchant-name", key: "display.merchant_name",
		usage:    "`NAME` shown to the customer",
		question: "Name shown to the customer (empty: none)", optional: true}
)

// keysOf are a gateway's own.
func keysOf(row gateways.Row) []flagKey {
	keys := make([]flagKey, len(row.Questions))
	for i, q := range row.Questions {
		keys[i] = flagKey{q.Flag, row.Name + "." + q.Key, q.Usage, q.Ask, q.Optional}
	}
	return keys
}

// addFlags gives each key its flag. Gateways that have a flag together are both told in its help.
func (n *newKiosk) addFlags(f *pflag.FlagSet) {
	provider := flagKey{flag: "provider", usage: "the `GATEWAY`: one of " +
		strings.Join(n.gateways.Names(), ", ") + " (else the fleet's file's, or the first)"}
	keys := []flagKey{relayKey, provider}
	for _, row := range n.gateways {
		keys = append(keys, keysOf(row)...)
	}
	n.flags = make(map[string]*string)
	for _, k := range append(keys, merchantKey) {
		if known := f.Lookup(k.flag); known != nil {
			known.Usage += "; " + strings.ReplaceAll(k.usage, "`", "")
			continue
		}
		n.flags[k.flag] = f.String(k.flag, "", k.usage)
	}
}

// foreign is a flag that was given and that this gateway does not have; "" = none.
func (n *newKiosk) foreign(row gateways.Row) string {
	own := append(keysOf(row), relayKey, merchantKey, flagKey{flag: "provider"})
	for _, flag := range slices.Sorted(maps.Keys(n.flags)) {
		if *n.flags[flag] != "" && !slices.ContainsFunc(own,
			func(k flagKey) bool { return k.flag == flag }) {
			return flag
		}
	}
	return ""
}

func newInit(table gateways.Table) *cobra.Command {
	n := &newKiosk{gateways: table, kiosk: setup.Kiosk{Gateways: table}}
	cmd := &cobra.Command{
		Use: "init", Short: "Make a new kiosk: secrets, enrolment at the relay, configuration",
		Long: initHelp, Args: cobra.NoArgs, RunE: n.run,
	}
	f := cmd.Flags()
	f.StringVar(&n.id, "id", "",
		"the terminal's `ID`, as the relay has it: refuse another terminal's code")
	f.StringVar(&n.kiosk.Code, "code", "",
		"the enrolment `CODE` that kiosk-relay terminal code ID prints")
	n.addFlags(f)
	f.StringVar(&n.fleet, "fleet", "", "TOML `FILE` with what the kiosks of a fleet share")
	f.StringVar(&n.secretFile, "secret-file", "",
		"`FILE` with the gateway's secret; - for standard input")
	f.StringVar(&n.kiosk.Dir, "dir", "/etc/kiosk-agent",
		"`DIRECTORY` of the configuration and its secrets")
	f.StringVar(&n.kiosk.State, "state", "/var/lib/kiosk-agent",
		"`DIRECTORY` of the journal and of the display's token")
	f.BoolVar(&n.kiosk.Replace, "force", false, "replace an edited configuration (kept as "+
		"config.toml.bak), a relay's token and a gateway's secret")
	return cmd
}

func (n *newKiosk) run(cmd *cobra.Command, _ []string) (err error) {
	if cmd.Flags().Changed("config") {
		return errors.New("init writes config.toml below --dir: say that instead of --config")
	}
	k := &n.kiosk
	k.CredDir = credDir()
	for _, dir := range []*string{&k.Dir, &k.State} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return exit.Failed(err)
		}
	}
	if err := k.Free(); err != nil { // before anything is asked
		return exit.Failed(err)
	}
	if err := n.collect(prompt.Person{In: cmd.InOrStdin(), Out: cmd.ErrOrStderr()}); err != nil {
		return exit.Failed(err)
	}
	made, err := setup.Run(cmd.Context(), *k)
	if err != nil {
		return exit.Failed(err)
	}
	return exit.Failed(n.report(cmd.OutOrStdout(), made))
}

// collect puts together what flags and the fleet's file say, and asks for what is missing.
func (n *newKiosk) collect(a prompt.Person) error {
	var missing []string
	want := func(value *string, flag, question string) {
		if *value == "" {
			if *value = a.Ask(question); *value == "" {
				missing = append(missing, "--"+flag)
			}
		}
	}
	values := setup.Values{}
	if n.fleet != "" {
		fleet, err := setup.ReadFleet(n.fleet)
		if err != nil {
			return err
		}
		if fleet.Lists() {
			want(&n.id, "id", "The terminal's ID, as the relay has it")
		}
		if len(missing) == 0 {
			var code string
			if values, code, err = fleet.Kiosk(n.id); err != nil {
				return err
			}
			n.kiosk.Code = cmp.Or(n.kiosk.Code, code)
		}
		n.secretFile = cmp.Or(n.secretFile, fleet.SecretFile)
	}
	row, err := n.gateway(values)
	if err != nil {
		return err
	}
	for _, k := range slices.Concat([]flagKey{relayKey}, keysOf(row), []flagKey{merchantKey}) {
		value := cmp.Or(*n.flags[k.flag], values.Text(k.key))
		switch {
		case k.optional && value == "" && n.fleet == "":
			// a fleet's file is the answer to what may be left out
			value = a.Ask(k.question)
		case k.optional:
		default:
			want(&value, k.flag, k.question)
		}
		if value != "" {
			values.Set(k.key, value)
		}
	}
	want(&n.kiosk.Code, "code", "The enrolment code (kiosk-relay terminal code ID)")
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s (or, but for --id, in the file of --fleet)",
			strings.Join(missing, ", "))
	}
	if n.id != "" {
		values.Set("terminal.id", n.id)
	}
	n.kiosk.Values = values
	return n.collectSecret(a)
}

// gateway is the row of the gateway that the flags name, or the fleet's file.
func (n *newKiosk) gateway(values setup.Values) (gateways.Row, error) {
	if given := *n.flags["provider"]; given != "" {
		values.Set(providerKey, given)
	}
	row, err := n.gateways.Find(cmp.Or(values.Text(providerKey), n.gateways.Usual()))
	if err != nil {
		return row, fmt.Errorf("%s: %w", providerKey, err)
	}
	if flag := n.foreign(row); flag != "" {
		return row, fmt.Errorf("--%s is nothing that the gateway %s has", flag, row.Name)
	}
	return row, nil
}

// collectSecret reads the gateway's secret from the file that was named, or asks for it where it is
// not there yet.
func (n *newKiosk) collectSecret(a prompt.Person) (err error) {
	k := &n.kiosk
	key, needed, err := k.NeedsSecret()
	if err != nil {
		return err
	}
	var text []byte
	switch {
	case n.secretFile == "-":
		text, err = io.ReadAll(io.LimitReader(a.In, 8<<10))
	case n.secretFile != "":
		text, err = os.ReadFile(n.secretFile)
	case needed:
		if text, _, err = a.AskHidden("The secret " + key +
			" (nothing is shown; empty: later)"); len(text) == 0 &&
			(err == nil || errors.Is(err, io.EOF)) {
			return nil
		}
	default:
		return nil
	}
	if err == nil {
		k.Secret, err = secret.Typed(text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// report says what was made and what is left to do.
func (n *newKiosk) report(w io.Writer, made *setup.Made) error {
	c := made.Config
	suffix := ""
	if n.kiosk.Dir != "/etc/kiosk-agent" {
		suffix = " --config " + n.kiosk.Path()
	}
	fmt.Fprintf(w, "%s is enrolled at %s, and %s is written (tag %s).\n", c.Terminal.ID,
		c.Relay.URL, n.kiosk.Path(), c.TerminalTag())
	if made.Backup != "" {
		fmt.Fprintf(w, "The configuration that was there is kept as %s.\n", made.Backup)
	}
	if len(made.Missing) == 0 {
		text, err := checkConfig(n.kiosk.Path())
		if err != nil {
			return fmt.Errorf("it does not pass check-config: %w", err)
		}
		fmt.Fprintln(w, "check-config:", text)
	}
	fmt.Fprintln(w, "\nNext:")
	step := 0
	say := func(format string, args ...any) {
		step++
		fmt.Fprintf(w, "  %d. "+format+"\n", append([]any{step}, args...)...)
	}
	for _, ref := range made.Missing {
		say("The secret %s, which only you have: kiosk-agent secret set %s%s", ref.Key, ref.Name,
			suffix)
	}
	for _, ref := range c.Secrets() {
		if path, ok := strings.CutPrefix(ref.Ref, "file:"); ok &&
			strings.HasPrefix(ref.Name, "till:") {
			say("The till %s gets the token that is in %s.", strings.TrimPrefix(ref.Name, "till:"),
				path)
		}
	}
	if made.Merchant != "" {
		say("The relay counts this terminal to the merchant %s. Where the gateway posts to the "+
			"merchant's hook URL, relay.hook_url must be that one.", made.Merchant)
	}
	if g, err := c.Gateway(); err == nil && g.Row().After != "" {
		say("%s", g.Row().After)
	}
	say("systemctl restart kiosk-agent")
	say("kiosk-agent doctor%s", suffix)
	return nil
}

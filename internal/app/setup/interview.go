package setup

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/app/prompt"
	"kiosk-agent/internal/invisible"
	"kiosk-agent/internal/secret"
)

// Interview puts together what a new kiosk is told: by flags, by a fleet's file, and by a person.
type Interview struct {
	Kiosk Kiosk  // Hold fills in its Values, Code and Secret
	ID    string // the terminal's, where it is to be made sure
	Fleet string // the fleet's file; "" = none
	// has the gateway's secret; - is the person's input
	SecretFile string
	Given      map[string]*string // what was said already, by the question's flag
}

// Question is about a key of the configuration, and may be answered by a flag.
type Question struct {
	Flag, Key, Usage, Ask string
	Optional              bool
}

const providerKey = "payment.provider"

// Every kiosk has these. What its gateway has is asked for between the two.
var (
	relayKey = Question{Flag: "relay", Key: "relay.url", Usage: "the relay's `URL`: wss://HOST",
		Ask: "The relay's address (wss://HOST)"}
	merchantKey = Question{Flag: "merchant-name", Key: "display.merchant_name",
		Usage: "`NAME` shown to the customer",
		Ask:   "Name shown to the customer (empty: none)", Optional: true}
)

// keysOf are a gateway's own.
func keysOf(row gateways.Row) []Question {
	keys := make([]Question, len(row.Questions))
	for i, q := range row.Questions {
		keys[i] = Question{q.Flag, row.Name + "." + q.Key, q.Usage, q.Ask, q.Optional}
	}
	return keys
}

// table are the payment services that there are.
func (n *Interview) table() gateways.Table {
	if n.Kiosk.Gateways == nil {
		return gateways.All()
	}
	return n.Kiosk.Gateways
}

// Questions are all that there are, whatever the gateway; one of each gateway that asks it.
func (n *Interview) Questions() []Question {
	qs := []Question{relayKey, {Flag: "provider", Usage: "the `GATEWAY`: one of " +
		strings.Join(n.table().Names(), ", ") + " (else the fleet's file's, or the first)"}}
	for _, row := range n.table() {
		qs = append(qs, keysOf(row)...)
	}
	return append(qs, merchantKey)
}

// foreign is a flag that was given and that this gateway does not have; "" = none.
func (n *Interview) foreign(row gateways.Row) string {
	own := append(keysOf(row), relayKey, merchantKey, Question{Flag: "provider"})
	for _, flag := range slices.Sorted(maps.Keys(n.Given)) {
		if *n.Given[flag] != "" && !slices.ContainsFunc(own,
			func(k Question) bool { return k.Flag == flag }) {
			return flag
		}
	}
	return ""
}

// Hold puts together what flags and the fleet's file say, and asks for what is missing.
func (n *Interview) Hold(a prompt.Person) error {
	if err := n.readCode(a); err != nil {
		return err
	}
	var missing []string
	want := func(value *string, flag, question string) {
		if *value == "" {
			if *value = a.Ask(question); *value == "" {
				missing = append(missing, "--"+flag)
			}
		}
	}
	values := Values{}
	if n.Fleet != "" {
		fleet, err := ReadFleet(n.Fleet)
		if err != nil {
			return err
		}
		if fleet.Lists() {
			want(&n.ID, "id", "The terminal's ID, as the relay has it")
		}
		if len(missing) == 0 {
			var code string
			if values, code, err = fleet.Kiosk(n.ID); err != nil {
				return err
			}
			n.Kiosk.Code = cmp.Or(n.Kiosk.Code, code)
		}
		n.SecretFile = cmp.Or(n.SecretFile, fleet.SecretFile)
	}
	row, err := n.gateway(values)
	if err != nil {
		return err
	}
	for _, k := range slices.Concat([]Question{relayKey}, keysOf(row), []Question{merchantKey}) {
		value := cmp.Or(*n.Given[k.Flag], values.Text(k.Key))
		switch {
		case k.Optional && value == "" && n.Fleet == "":
			// a fleet's file is the answer to what may be left out
			value = a.Ask(k.Ask)
		case k.Optional:
		default:
			want(&value, k.Flag, k.Ask)
		}
		if value != "" {
			values.Set(k.Key, value)
		}
	}
	want(&n.Kiosk.Code, "code", "The enrolment code (kiosk-relay terminal code ID)")
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s (or, but for --id, in the file of --fleet)",
			strings.Join(missing, ", "))
	}
	if n.ID != "" {
		values.Set("terminal.id", n.ID)
	}
	n.Kiosk.Values = values
	return n.collectSecret(a)
}

// readCode takes the code from the person's input, where the flag says so. It takes none from the
// flag itself: what stands in a command can be read by everybody on this machine, and stays in the
// shell's history.
func (n *Interview) readCode(a prompt.Person) error {
	switch {
	case n.Kiosk.Code == "":
		return nil
	case n.Kiosk.Code != "-":
		return errors.New("--code takes no code, only -: others see a command's arguments, and " +
			"the shell keeps them. Leave it away and be asked, or pipe the code: … | kiosk-agent " +
			"init --code -")
	case n.SecretFile == "-":
		return errors.New("--code - and --secret-file - cannot both read standard input")
	}
	text, err := io.ReadAll(io.LimitReader(a.In, 1<<10))
	n.Kiosk.Code = string(invisible.Line(text))
	if err == nil && n.Kiosk.Code == "" {
		err = errors.New("--code -: standard input has no code")
	}
	return err
}

// gateway is the row of the gateway that the flags name, or the fleet's file.
func (n *Interview) gateway(values Values) (gateways.Row, error) {
	if given := *n.Given["provider"]; given != "" {
		values.Set(providerKey, given)
	}
	row, err := n.table().Find(cmp.Or(values.Text(providerKey), n.table().Usual()))
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
func (n *Interview) collectSecret(a prompt.Person) (err error) {
	k := &n.Kiosk
	key, needed, err := k.NeedsSecret()
	if err != nil {
		return err
	}
	var text []byte
	switch {
	case n.SecretFile == "-":
		text, err = io.ReadAll(io.LimitReader(a.In, 8<<10))
	case n.SecretFile != "":
		text, err = os.ReadFile(n.SecretFile)
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

// Report says what was made and what is left to do. check says that a configuration is good, or
// what is wrong with it.
func (n *Interview) Report(w io.Writer, made *Made, check func(path string) (string, error)) error {
	c := made.Config
	suffix := n.suffix()
	fmt.Fprintf(w, "%s is enrolled at %s, and %s is written (tag %s).\n", c.Terminal.ID,
		c.Relay.URL, n.Kiosk.Path(), c.TerminalTag())
	if made.Backup != "" {
		fmt.Fprintf(w, "The configuration that was there is kept as %s.\n", made.Backup)
	}
	if len(made.Missing) == 0 {
		text, err := check(n.Kiosk.Path())
		if err != nil {
			return fmt.Errorf("it does not pass check-config: %w", err)
		}
		fmt.Fprintln(w, "check-config:", text)
	}
	fmt.Fprintln(w, "\nNext:")
	step := 0
	say := sayTo(w, &step)
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
	n.sayPages(say, n.Kiosk.Origins, made.Policies)
	if made.Merchant != "" {
		say("The relay counts this terminal to the merchant %s. Where the gateway posts to the "+
			"merchant's hook URL, relay.hook_url must be that one.", made.Merchant)
	}
	if g, err := c.Gateway(); err == nil && g.Row().After != "" {
		say("%s", g.Row().After)
	}
	if g, err := c.Gateway(); err == nil && g.Unasked() != "" {
		say("Mind: %s.", g.Unasked())
	}
	if n.Kiosk.Ports.Of(c.Path()) {
		if differ, err := n.Kiosk.Ports.Differ(c.Addresses()); err == nil && differ != "" {
			say("kiosk-agent ports --apply")
		}
	}
	say("systemctl restart kiosk-agent")
	say("kiosk-agent doctor%s", suffix)
	return nil
}

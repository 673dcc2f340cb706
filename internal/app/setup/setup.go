// Package setup makes a new kiosk: its configuration, the secrets of its own, and its enrolment at
// the relay.
//
// Run checks first whatever can be checked on this machine, then spends the enrolment code, then
// writes. It prints nothing, asks nobody, and changes nothing before the relay has answered. Each
// file is there whole or not at all; the configuration comes last, so that one that is there names
// secrets that are there.
package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/browserpolicy"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/app/portunits"
	"kiosk-agent/internal/conf"
	"kiosk-agent/internal/invisible"
	"kiosk-agent/internal/rights"
	"kiosk-agent/internal/secret"
)

// Kiosk is what a new kiosk is made from. The directories are absolute.
type Kiosk struct {
	// of the configuration, the gateway's secret, the relay's token and the tills'
	Dir string
	// of the journal and of the display's token; root gives the secrets to its owner, whom the
	// service runs as
	State  string
	Values Values       // keys of the configuration; what is missing gets a default
	Code   string       // the relay's, for one enrolment
	Secret secret.Value // the gateway's; zero where somebody puts it there later
	// an existing configuration and secrets give way; the configuration is kept as config.toml.bak
	Replace bool
	CredDir string // $CREDENTIALS_DIRECTORY
	// of pages that are tills: they are allowed by the agent, and those from the internet by the
	// managed policies of Browsers, too
	Origins  []string
	Browsers []browserpolicy.Browser
	Ports    portunits.Units // that hold the ports of the service's configuration
	// the payment services that there are; nil = gateways.All
	Gateways gateways.Table
}

// reader reads the kiosk's configuration.
func (k Kiosk) reader() config.Reader { return config.Reader{Gateways: k.Gateways} }

// gateway is the row of the payment service that the values name.
func (k Kiosk) gateway() (gateways.Row, error) {
	table := k.Gateways
	if table == nil {
		table = gateways.All()
	}
	row, err := table.Find(cmp.Or(k.Values.Text("payment.provider"), table.Usual()))
	if err != nil {
		return row, fmt.Errorf("payment.provider: %w", err)
	}
	return row, nil
}

// Made is a kiosk that was set up.
type Made struct {
	Config  *config.Config
	Missing []config.SecretRef // secrets that only the merchant has, and that are not there yet
	// where the configuration lies that was there before; "" = there was none of anybody's
	Backup   string
	Merchant string   // whose hooks reach this terminal too
	Policies []string // files that make browsers let in the tills' pages
}

// Path is the configuration's file.
func (k Kiosk) Path() string { return filepath.Join(k.Dir, "config.toml") }

// own is how this kiosk's secrets are named.
func (k Kiosk) own(ref config.SecretRef) bool {
	return ref.Name == "display" || strings.HasPrefix(ref.Name, "till:")
}

// Run sets the kiosk up.
func Run(ctx context.Context, k Kiosk) (*Made, error) {
	values, err := k.complete()
	if err != nil {
		return nil, fmt.Errorf("%w\nNothing was written, and the code was not used.", err)
	}
	anybody := values.get("terminal.id") == nil // who this is, the relay says
	values.add("terminal.id", "not-yet-known")
	// given: the gateway posts to the merchant's, not to the terminal's
	merchantHook := values.Text("relay.hook_url")
	if merchantHook == "" {
		values.Set("relay.hook_url", enrolBase(values.Text("relay.url"))+"/hook/not-yet-known")
	}
	c, err := k.check(values)
	if err != nil {
		return nil, fmt.Errorf("%w\nNothing was written, and the code was not used.", err)
	}
	id := c.Terminal.ID
	if anybody {
		id = ""
	}
	given, err := enrol(ctx, enrolBase(c.Relay.URL)+"/v1/enrol", k.Code, id)
	if err != nil {
		return nil, fmt.Errorf("%w\nNothing was written.", err)
	}
	if anybody {
		values.Set("terminal.id", given.ID)
	} else if given.ID != c.Terminal.ID {
		return nil, fmt.Errorf("the code was that of terminal %.40q, and this kiosk is to be "+
			"%q. Nothing was written, but the code is used up, and a kiosk that runs "+
			"as %.40q loses its connection within 15 minutes.\nMake a new code for each of the "+
			"two: kiosk-relay terminal code ID", given.ID, c.Terminal.ID, given.ID)
	}
	if merchantHook == "" {
		values.Set("relay.hook_url", given.HookURL)
	}
	made, err := k.write(values, given)
	if err != nil {
		return nil, fmt.Errorf("%w\nThe code is used up. When that is mended, make another "+
			"(kiosk-relay terminal code %s), and run this again with --force", err, given.ID)
	}
	return made, nil
}

// complete adds what a kiosk needs and nobody has to say.
func (k Kiosk) complete() (Values, error) {
	row, err := k.gateway()
	if err != nil {
		return nil, err
	}
	v := k.Values.clone()
	v.Set("relay.url", socketURL(v.Text("relay.url")))
	v.add("relay.token", k.file(k.Dir, "relay.token"))
	if usual := k.reader().Default().Terminal.Currency; string(row.Currency) != usual {
		v.add("terminal.currency", string(row.Currency))
	}
	v.add(row.SecretKey(), k.file(k.Dir, row.Name+".secret"))
	v.add("display.token", k.file(k.State, "display.token"))
	v.add("journal.path", filepath.Join(k.State, "journal.db"))
	tills, named := v.get("till.websocket.tills").([]any)
	if _, lines := v.get("till.serial").([]any); !named && !lines {
		v.Set("till.websocket.tills", []any{
			map[string]any{"name": "till-1", "token": k.file(k.Dir, "till.token")}})
	}
	for _, till := range tills {
		t, ok := till.(map[string]any)
		name, _ := t["name"].(string)
		if ok && t["token"] == nil && name != "" && filepath.Base(name) == name {
			t["token"] = k.file(k.Dir, name+".token")
		}
	}
	if len(k.Origins) > 0 {
		origins, _ := v.get("till.websocket.allowed_origins").([]any)
		for _, o := range k.Origins {
			if !slices.Contains(origins, any(o)) {
				origins = append(origins, o)
			}
		}
		v.Set("till.websocket.allowed_origins", origins)
	}
	return v, nil
}

// NeedsSecret names the gateway's secret where it is in nobody's hands yet: neither given nor in
// its file. The error says that there is no such gateway.
func (k Kiosk) NeedsSecret() (key string, needed bool, err error) {
	row, err := k.gateway()
	if err != nil {
		return "", false, err
	}
	values, err := k.complete()
	if err != nil {
		return "", false, err
	}
	key = row.SecretKey()
	path, isFile := strings.CutPrefix(values.Text(key), "file:")
	if !isFile || !k.Secret.IsZero() {
		return key, false, nil
	}
	_, err = os.Lstat(path)
	return key, errors.Is(err, fs.ErrNotExist), nil
}

func (k Kiosk) file(dir, name string) string { return "file:" + filepath.Join(dir, name) }

// check finds what is wrong with the kiosk before the code is spent on it.
func (k Kiosk) check(values Values) (*config.Config, error) {
	c, err := k.parse(values)
	if err != nil {
		return nil, err
	}
	if err := k.Free(); err != nil {
		return nil, err
	}
	if relayToken, isFile := strings.CutPrefix(c.Relay.Token, "file:"); isFile && !k.Replace {
		if _, err := os.Lstat(relayToken); err == nil {
			return nil, fmt.Errorf("%s is there already; --force replaces it", relayToken)
		}
	}
	if f, wrong := invisible.Alone([]byte(k.Code)); wrong {
		return nil, fmt.Errorf("the enrolment code %s, in line %d: copy its digits alone, or "+
			"type them", f.What, f.Line)
	}
	if !plausibleCode(k.Code) {
		return nil, errors.New("the enrolment code is not one: it has 32 digits 0-9 and a-f, " +
			"in groups of four (kiosk-relay terminal code ID makes it)")
	}
	for _, dir := range []string{k.Dir, k.State} {
		if err := rights.As(dir, func() error { return writable(dir) }); err != nil {
			return nil, fmt.Errorf("%w (run this as root)", err)
		}
	}
	if err := k.checkPolicies(); err != nil {
		return nil, err
	}
	return c, k.rehearse(*c)
}

// rehearse checks the secrets that are there, and the gateway's keys, with secrets of the moment in
// place of those that are to come.
func (k Kiosk) rehearse(c config.Config) (err error) {
	tmp, err := os.MkdirTemp("", "kiosk-agent-init-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	values, err := decode(c.Text())
	if err != nil {
		return err
	}
	for i, ref := range c.Secrets() {
		path, isFile := strings.CutPrefix(ref.Ref, "file:")
		if ref.Ref == "" || !isFile && k.CredDir != "" {
			continue
		}
		if ref.Name == "relay" || k.own(ref) {
			if !isFile {
				if k.own(ref) {
					return fmt.Errorf("%s: credential: cannot be checked here: write "+
						"file:PATH, and seal it afterwards with kiosk-agent secret set %s", ref.Key,
						ref.Name)
				}
				return fmt.Errorf("%s: must be file:PATH at first; it can be sealed afterwards "+
					"with kiosk-agent secret set relay", ref.Key)
			}
			if !below(path, k.Dir) && !below(path, k.State) {
				return fmt.Errorf("%s: %s lies neither below %s nor below %s", ref.Key, path, k.Dir,
					k.State)
			}
		}
		given := k.given(ref, c.Payment.Provider)
		if given && !isFile {
			return fmt.Errorf("%s: the secret that was given belongs into a file: leave %s "+
				"away, or seal it afterwards with kiosk-agent secret set %s", ref.Key, ref.Key,
				ref.Name)
		}
		if isFile && ref.Name != "relay" {
			there, err := secret.ReadFile(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				return fmt.Errorf("%s: %w", ref.Key, err)
			case !given:
				continue
			case !k.Replace && !there.Matches(k.Secret.Reveal()):
				return fmt.Errorf(
					"%s holds another secret than the one that was given; --force replaces it",
					path)
			}
		}
		value := secret.Generate()
		if given {
			value = k.Secret
		}
		stand := filepath.Join(tmp, fmt.Sprint(i))
		if err := secret.WriteFile(stand, value, tmp); err != nil {
			return err
		}
		values.Set(ref.Key, "file:"+stand)
	}
	stage, err := k.parse(values)
	if err != nil {
		return err
	}
	return agent.Check(stage, agent.Options{Log: slog.New(slog.DiscardHandler),
		CredDir: k.CredDir})
}

// given is whether ref is the gateway's secret, and it was given.
func (k Kiosk) given(ref config.SecretRef, provider string) bool {
	return ref.Name == provider && !k.Secret.IsZero()
}

// write puts the kiosk on the disk.
func (k Kiosk) write(values Values, given answer) (*Made, error) {
	c, err := k.parse(values)
	if err != nil {
		return nil, fmt.Errorf("the relay's answer does not fit: %w", err)
	}
	if err := errors.Join(rights.As(k.State, func() error { return os.MkdirAll(k.State, 0o700) }),
		k.makeDir()); err != nil {
		return nil, err
	}
	made := &Made{Config: c, Merchant: given.Merchant}
	for _, ref := range c.Secrets() {
		path, isFile := strings.CutPrefix(ref.Ref, "file:")
		if ref.Ref == "" {
			continue
		}
		_, err := os.Lstat(path)
		switch there := isFile && err == nil; {
		case ref.Name == "relay":
			err = k.writeSecret(path, given.token)
		case k.given(ref, c.Payment.Provider):
			err = k.writeSecret(path, k.Secret)
		case k.own(ref) && !there:
			err = k.writeSecret(path, secret.Generate())
		case !there:
			made.Missing, err = append(made.Missing, ref), nil
		}
		if err != nil {
			return nil, err
		}
	}
	if made.Policies, err = k.writePolicies(k.Origins); err != nil {
		return nil, err
	}
	made.Backup, err = k.writeConfig(c.Text())
	return made, err
}

func (k Kiosk) writeSecret(path string, v secret.Value) error {
	if err := rights.As(path, func() error {
		return os.MkdirAll(filepath.Dir(path), 0o750)
	}); err != nil {
		return err
	}
	return secret.WriteFile(path, v, k.State)
}

// writable tries whether a file can be put into a directory, or into the one where it would be
// made.
func writable(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		if err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".init-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 64<<10)) // more than all of a kiosk's files together
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

func below(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// parse reads the values as the agent would. Its errors name keys; there is no file yet whose line
// could be named.
func (k Kiosk) parse(values Values) (*config.Config, error) {
	text, err := render(k.reader(), values)
	if err != nil {
		return nil, err
	}
	c, err := k.reader().Parse(k.Path(), text)
	ps, ok := errors.AsType[conf.Problems](err)
	if !ok {
		return c, err
	}
	for i := range ps {
		ps[i].Path, ps[i].Line = "the new "+filepath.Base(k.Path()), 0
		if ps[i].Key == "relay.hook_url" {
			ps[i].Hint = cmp.Or(ps[i].Hint, "see public_url of the relay")
		}
	}
	return nil, ps
}

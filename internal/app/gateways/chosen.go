package gateways

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// Chosen is the row that a configuration names, with what the configuration says to it.
type Chosen struct {
	row      Row
	settings Settings
	past     []Past
	// the Plausible of every row that none of these accounts is of
	plausible []func(payment.Envelope) bool
}

// Choose finds the row of this name. sections are those of all services, by their names, each a
// pointer to a struct of its row's Section; s is filled in with one of them. The error is Find's.
func (t Table) Choose(name string, s Settings, sections map[string]any) (Chosen, error) {
	r, err := t.Find(name)
	if err != nil {
		return Chosen{row: r, settings: s}, err
	}
	of := func(r Row) Settings {
		s := s
		s.Section = sections[r.Name]
		return s
	}
	c := Chosen{row: r, settings: of(r)}
	for _, other := range t {
		past := other.past(of(other))
		c.past = append(c.past, past...)
		if len(past) == 0 && other.Name != r.Name && other.Plausible != nil {
			c.plausible = append(c.plausible, other.Plausible)
		}
	}
	return c, nil
}

// Observing is the same, with somebody who is told what the present account's service answers.
func (c Chosen) Observing(observe func([]payment.Observed)) Chosen {
	c.settings.Observe = observe
	return c
}

// Row is the row.
func (c Chosen) Row() Row { return c.row }

// Mode is how the service works here; the zero Mode where it does not know the configured one.
func (c Chosen) Mode() Mode {
	for _, m := range c.row.Modes {
		if m.Name == c.settings.Mode {
			return m
		}
	}
	return Mode{}
}

// Check finds what is wrong with the section.
func (c Chosen) Check(k Checks) {
	if c.row.Check != nil {
		c.row.Check(c.settings, k)
	}
}

// Asked is whether the service is asked about payments.
func (c Chosen) Asked() bool { return c.row.Asked == nil || c.row.Asked(c.settings) }

// Unasked says what it costs that the service is not asked, and which key mends it; "" = it is.
func (c Chosen) Unasked() string {
	if c.Asked() {
		return ""
	}
	return "no transaction query is configured (" + c.row.Name + "." + c.row.QueryKey + "): a " +
		"sale that ends unpaid is only ever unconfirmed, a lost notification is found by nobody, " +
		"and a till on a line hears unknown where nobody has paid"
}

// named are the ways to pay that the configuration names.
func (c Chosen) named() []string {
	if c.row.Schemes == nil {
		return nil
	}
	return slices.Clone(c.row.Schemes(c.settings))
}

// Schemes are the ways to pay that tills may ask for.
func (c Chosen) Schemes() []string {
	if named := c.named(); len(named) > 0 {
		return named
	}
	return slices.Clone(c.Mode().Schemes)
}

// Wallets are what customers may be asked to choose from, where each code is for one wallet.
func (c Chosen) Wallets() []string {
	wallet := c.Mode().Wallet
	if wallet == "" {
		return nil
	}
	if named := c.named(); len(named) > 0 {
		return named
	}
	return []string{wallet}
}

// Marks are the brands that customers know, for the service's words.
func (c Chosen) Marks(schemes []string) []string {
	var brands []string
	for _, s := range schemes {
		if known, ok := c.row.Brands[s]; ok {
			brands = append(brands, known...)
		} else {
			brands = append(brands, s)
		}
	}
	return brands
}

// Hosts are the addresses that the agent sends requests to.
func (c Chosen) Hosts() []string {
	hosts := c.row.Hosts(c.settings)
	for _, p := range c.past {
		hosts = append(hosts, p.row.Hosts(p.settings)...)
	}
	return hosts
}

// Sample is a code or link as long as those that customers scan, which nobody can pay; "" where
// none can be made.
func (c Chosen) Sample(r payment.MintRequest) string { return c.row.Sample(c.settings, r) }

// ClockError is how far the clock that codes end by may be from the service's own; 0 = they end by
// no clock of ours.
func (c Chosen) ClockError() time.Duration {
	if c.row.ClockError == nil {
		return 0
	}
	return c.row.ClockError(c.settings)
}

// open builds the adapter of the account that this terminal sells at.
func (c Chosen) open(credDir string, clock Clock) (Gateway, error) {
	var keys Keys
	refs := c.row.Secrets(c.settings.Section)
	for i, into := range []*secret.Value{&keys.Secret, &keys.Previous} {
		if i > 0 && refs[i].Ref == "" {
			continue
		}
		var err error
		if *into, err = secret.Resolve(refs[i].Ref, credDir); err != nil {
			return nil, &SecretError{refs[i], err}
		}
	}
	g, err := c.row.New(c.settings, keys, clock)
	if _, tells := g.(Timekeeper); err == nil && c.ClockError() > 0 && !tells {
		return nil, fmt.Errorf("the codes of %s end by its clock, and it tells no time", c.row.Name)
	}
	return g, err
}

// SecretRef is one place of the configuration that names a secret.
type SecretRef struct {
	Name string // for people and for kiosk-agent secret set
	Key  string // dotted
	Ref  string // file:PATH or credential:NAME; "" = not set
}

// Secrets are where its secret is, the one before a rotation, and those of the accounts before, as
// a section says, which is a pointer to a struct of the row's Section.
func (r Row) Secrets(section any) []SecretRef {
	v := reflect.ValueOf(section)
	now, _ := text(v, r.Secret)
	before, _ := text(v, r.PreviousSecret)
	return append([]SecretRef{{r.Name, r.SecretKey(), now},
		{r.Name + "-previous", r.Name + "." + r.PreviousSecret, before}}, r.pastSecrets(section)...)
}

// SecretError says that a secret cannot be had. Its text never holds one.
type SecretError struct {
	Ref SecretRef // its Key and Name
	Err error
}

func (e *SecretError) Error() string {
	text := e.Bare()
	if mend := e.Mend(); mend != "" {
		text += " (" + mend + ")"
	}
	return text
}

// Bare is the text without the command that mends it.
func (e *SecretError) Bare() string { return e.Ref.Key + ": " + e.Err.Error() }

// Mend is the command that mends a secret which is there and is none; "" for every other fault.
func (e *SecretError) Mend() string {
	if _, unclean := errors.AsType[*secret.UncleanError](e.Err); unclean && e.Ref.Name != "" {
		return "kiosk-agent secret set " + e.Ref.Name
	}
	return ""
}

func (e *SecretError) Unwrap() error { return e.Err }

// SecretFault reports whether err, of the adapter, says that it cannot work with its secret.
func (c Chosen) SecretFault(err error) bool {
	e, ok := errors.AsType[Keyed](err)
	return ok && (e.ConfigKey() == c.row.SecretKey() ||
		e.ConfigKey() == c.row.Name+"."+c.row.PreviousSecret ||
		slices.ContainsFunc(c.past, func(p Past) bool { return p.Ref.Key == e.ConfigKey() }))
}

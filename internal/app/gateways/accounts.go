package gateways

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// previousKey is the key of a section that lists the accounts and client ids before the present
// ones: [[axs.previous]]. They are asked for, and verify notifications, whichever service is the
// present one.
const previousKey = "previous"

// Past is one entry of such a list.
type Past struct {
	Key string    // of the entry: axs.previous[0]
	Ref SecretRef // of its secret

	row      Row
	settings Settings
}

// Check finds what is wrong with the entry; the keys are the entry's own.
func (p Past) Check(k Checks) {
	if p.row.Check != nil {
		p.row.Check(p.settings, k)
	}
}

// Account is the name of the account that the entry is about.
func (p Past) Account() string { return p.row.account(p.settings) }

// past are the entries of one service.
func (r Row) past(s Settings) (all []Past) {
	if r.Previous == nil {
		return nil
	}
	refs := r.pastSecrets(s.Section)
	for i, settings := range r.Previous(s) {
		key := fmt.Sprintf("%s.%s[%d]", r.Name, previousKey, i)
		all = append(all, Past{Key: key, Ref: refs[i], row: r, settings: settings})
	}
	return all
}

// pastSecrets are where the secrets of the entries are.
func (r Row) pastSecrets(section any) (refs []SecretRef) {
	list := reflect.Indirect(reflect.ValueOf(section))
	for i := range list.NumField() {
		if list.Type().Field(i).Tag.Get("toml") != previousKey {
			continue
		}
		for n := range list.Field(i).Len() {
			ref, _ := text(list.Field(i).Index(n), r.Secret)
			refs = append(refs, SecretRef{fmt.Sprintf("%s-%s-%d", r.Name, previousKey, n+1),
				fmt.Sprintf("%s.%s[%d].%s", r.Name, previousKey, n, r.Secret), ref})
		}
	}
	return refs
}

// account is the name of the account that settings name, in the words of payment.Account; "" where
// they do not name one.
func (r Row) account(s Settings) string {
	if at := r.Account(s); at != "" {
		return r.Name + ":" + at
	}
	return ""
}

// accountAt is the merchant's identity at the host of an address, which can be written in one way
// only.
func accountAt(address, identity string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || identity == "" {
		return ""
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port != "" && (u.Scheme != "https" || port != "443") {
		host = net.JoinHostPort(host, port)
	}
	return host + "/" + identity
}

// Account is the name of the account that this terminal sells at.
func (c Chosen) Account() string { return c.row.account(c.settings) }

// Past are the accounts and client ids from before, of whichever service.
func (c Chosen) Past() []Past { return c.past }

// Accounts are those that the configuration knows, the present one first. What is asked about them
// is not known before their adapters are: see Opened.
func (c Chosen) Accounts() payment.Accounts {
	all := payment.Accounts{{Name: c.Account(), Provider: c.row.Name}}
	for _, p := range c.past {
		all = append(all, payment.Account{Name: p.Account(), Provider: p.row.Name})
	}
	return all
}

// Opened are the adapters of the account that this terminal sells at, which is the embedded one,
// and of those before it.
type Opened struct {
	Gateway
	accounts payment.Accounts
	adapters []Gateway // of each account
	// whether a delivery could be one of a service's that none of the accounts is of
	plausible []func(payment.Envelope) bool
}

// Open reads the secrets and builds the adapters. Of their services only the present one's is heard
// about the time. The error is a *SecretError, or an adapter's.
func (c Chosen) Open(credDir string, clock Clock) (*Opened, error) {
	present, err := c.open(credDir, clock)
	if err != nil {
		return nil, err
	}
	o := &Opened{Gateway: present, accounts: c.Accounts(), adapters: []Gateway{present},
		plausible: c.plausible}
	for _, p := range c.past {
		g, err := p.open(credDir, Clock{Now: clock.Now})
		if err != nil {
			return nil, err
		}
		o.adapters = append(o.adapters, g)
	}
	for i, g := range o.adapters {
		o.accounts[i].Endpoint = g.Endpoint()
	}
	return o, nil
}

func (p Past) open(credDir string, clock Clock) (Gateway, error) {
	key, err := secret.Resolve(p.Ref.Ref, credDir)
	if err != nil {
		return nil, &SecretError{p.Ref, err}
	}
	g, err := p.row.New(p.settings, Keys{Secret: key}, clock)
	if err != nil {
		return nil, &pastError{p, err}
	}
	return g, nil
}

// pastError is what an adapter says about an entry, in the entry's keys.
type pastError struct {
	past Past
	err  error
}

func (e *pastError) Error() string {
	var lines []string
	for line := range strings.Lines(e.err.Error()) {
		if key, ok := strings.CutPrefix(line, e.past.row.Name+"."); ok {
			line = e.past.Key + "." + key
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

func (e *pastError) Unwrap() error { return e.err }

// ConfigKey is the key of the entry that the adapter's first complaint is about; of the entry where
// it is about none.
func (e *pastError) ConfigKey() string {
	if inner, ok := errors.AsType[Keyed](e.err); ok {
		if key, own := strings.CutPrefix(inner.ConfigKey(), e.past.row.Name+"."); own {
			return e.past.Key + "." + key
		}
	}
	return e.past.Key
}

// Accounts are those that can be asked, the present one first.
func (o *Opened) Accounts() payment.Accounts { return o.accounts }

// At is the adapter of one of Accounts; ok is false where it is none of them.
func (o *Opened) At(a payment.Account) (g Gateway, ok bool) {
	for i, b := range o.accounts {
		if a == b {
			return o.adapters[i], true
		}
	}
	return nil, false
}

// Open verifies a delivery with the secrets of each account in turn. The error is the present
// one's; it is payment.ErrJunk only where no account, and no other service that the configuration
// may yet name, could say anything else.
func (o *Opened) Open(e payment.Envelope) ([]payment.Record, error) {
	records, _, err := o.OpenAs(e)
	return records, err
}

// OpenAs says with whose secrets it opened: engine.Sourced.
func (o *Opened) OpenAs(e payment.Envelope) (records []payment.Record, at []payment.Account,
	err error) {
	for i, g := range o.adapters {
		opened, why := g.Open(e)
		switch {
		case why != nil && (i == 0 || errors.Is(err, payment.ErrJunk) &&
			!errors.Is(why, payment.ErrJunk)):
			err = why
		case why != nil:
		case len(at) == 0:
			records, at = opened, []payment.Account{o.accounts[i]}
		default:
			at = append(at, o.accounts[i])
		}
	}
	if len(at) > 0 {
		return records, at, nil
	}
	if errors.Is(err, payment.ErrJunk) && slices.ContainsFunc(o.plausible,
		func(could func(payment.Envelope) bool) bool { return could(e) }) {
		err = fmt.Errorf("%w: it may be one of another payment service", payment.ErrUnopened)
	}
	return records, at, err
}

// Describe says what a delivery looks like to the present account's service.
func (o *Opened) Describe(e payment.Envelope) []payment.Observed {
	if d, ok := o.Gateway.(Describer); ok {
		return d.Describe(e)
	}
	return nil
}

// TellTime asks the present account's service for the time, where the row's ClockError needs it.
func (o *Opened) TellTime(ctx context.Context) error {
	if k, ok := o.Gateway.(Timekeeper); ok {
		return k.TellTime(ctx)
	}
	return nil
}

// Check says before anything is committed that the present account takes no such payment.
func (o *Opened) Check(r payment.MintRequest) error {
	if c, ok := o.Gateway.(engine.Checker); ok {
		return c.Check(r)
	}
	return nil
}
